"""Layer pieces: split one layer of a single input into pieces of work, by its shapes alone."""

from __future__ import annotations

from typing import NamedTuple

from ..ir.window_terms import split_evenly
from ..kernels.convolution import Correlation
from ..kernels.single_image_kernels import BLOCK

_MAX_PIECES = 32
"""Pieces of one layer, at most."""
_MIN_ROW_PIECES = 4
"""A layer with fewer pieces than this is also split by blocks of features."""


class SplitThresholds(NamedTuple):
    """The work, in multiplications, that makes sharing worthwhile."""

    layer: int = 400_000
    """At least this much for a layer: sharing a smaller one costs more than it saves."""
    piece: int = 200_000
    """At least this much for a piece: all threads wait for the last piece."""
    thread: int = 4_000_000
    """In all shared layers together, for each thread after the first."""

    def for_network(self, work: int) -> SplitThresholds:
        """The thresholds for a network of this much work: a small network is never split."""
        return self if work >= self.thread else self._replace(layer=1 << 62)


class WorkPiece(NamedTuple):
    """Some rows of some blocks of features; rows of pooling windows where a pooling is fused."""

    first_row: int
    rows: int
    first_block: int
    blocks: int


def multiplication_count(correlation: Correlation) -> int:
    """The multiplications of a correlation of blocks."""
    cells = sum(map(len, correlation.rows)) * sum(map(len, correlation.columns))
    return BLOCK * correlation.output.channels * correlation.source.channels * cells


def split_layer(
    correlation: Correlation, rows: int, thresholds: SplitThresholds
) -> list[WorkPiece]:
    """Split a layer of ``rows`` rows: by rows, and also by blocks of features where the rows are
    few. The list is empty if sharing is not worthwhile."""
    work = multiplication_count(correlation)
    wanted = min(_MAX_PIECES, work // max(1, thresholds.piece))
    if work < thresholds.layer or wanted < 2:
        return []
    row_spans = _spans(rows, wanted, 1)
    # this many blocks at once keep the processor's multipliers busy
    unit = 8 if len(correlation.columns) == 1 else 2
    block_spans = _spans(correlation.output.channels, _MIN_ROW_PIECES // len(row_spans), unit)
    pieces = [WorkPiece(*row, *block) for row in row_spans for block in block_spans]
    return pieces if len(pieces) > 1 else []


def _spans(count: int, wanted: int, unit: int) -> list[tuple[int, int]]:
    """Split a range into about ``wanted`` equal spans: (first, length) of each."""
    spans = split_evenly(count, max(unit, -(-count // max(1, wanted))), unit)
    return [(sum(spans[:index]), span) for index, span in enumerate(spans)]
