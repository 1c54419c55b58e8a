"""How a layer of one picture is cut into pieces that threads may claim; by its shapes alone."""

from __future__ import annotations

from typing import NamedTuple

from ..ir.window_terms import split_evenly
from ..kernels.convolution import Correlation
from ..kernels.single_image import BLOCK

_MOST = 32
"""Pieces of a layer."""
_FEW_ROWS = 4
"""Fewer pieces than these are cut into blocks of features as well."""


class SplitThresholds(NamedTuple):
    """What is worth sharing, in multiplications."""

    layer: int = 400_000
    """The least of a layer: less would cost more to share than is won."""
    piece: int = 200_000
    """The least of a piece: threads wait for the last one."""
    thread: int = 4_000_000
    """Of all shared layers together, for each thread beside the first."""

    def of(self, work: int) -> SplitThresholds:
        """The same for a network of so much work: one that is small stays whole."""
        return self if work >= self.thread else self._replace(layer=1 << 62)


class WorkPiece(NamedTuple):
    """Some rows, of windows where a pooling follows, of some blocks of features."""

    first_row: int
    rows: int
    first_block: int
    blocks: int


def products(what: Correlation) -> int:
    """The multiplications of a correlation of blocks."""
    cells = sum(map(len, what.rows)) * sum(map(len, what.columns))
    return BLOCK * what.output.channels * what.source.channels * cells


def pieces(what: Correlation, rows: int, cutting: SplitThresholds) -> list[WorkPiece]:
    """The pieces of a layer of so many rows, or none where it is not worth it: rows if there are
    enough, or else blocks of features too."""
    work = products(what)
    wanted = min(_MOST, work // max(1, cutting.piece))
    if work < cutting.layer or wanted < 2:
        return []
    by_row = _spans(rows, wanted, 1)
    together = 8 if len(what.columns) == 1 else 2  # blocks whose sums keep the processor busy
    by_block = _spans(what.output.channels, _FEW_ROWS // len(by_row), together)
    found = [WorkPiece(*row, *block) for row in by_row for block in by_block]
    return found if len(found) > 1 else []


def _spans(count: int, wanted: int, unit: int) -> list[tuple[int, int]]:
    """(first, how many) of about so many equal spans."""
    spans = split_evenly(count, max(unit, -(-count // max(1, wanted))), unit)
    return [(sum(spans[:index]), span) for index, span in enumerate(spans)]
