"""The terms of a convolution along one axis, and their division into tiles.

A convolution and its input gradient are the same kind of sum. Each output cell adds weight times
source cell, in the order of the kernel cells. In the forward pass the source is the input. In the
backward pass it is the upstream gradient, and the output cells are input cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...core.windows import Windows

Term = tuple[int, int]
"""A kernel cell and the source cell that it multiplies."""
Terms = tuple[tuple[Term, ...], ...]
"""For each output cell its terms, in the order of addition."""


def forward_terms(windows: Windows) -> Terms:
    """For each window: its kernel cells and their input cells, without padding."""
    return tuple(
        tuple(
            (cell - index * windows.stride + windows.before, cell) for cell in windows.cells(index)
        )
        for index in range(windows.count)
    )


def backward_terms(windows: Windows) -> Terms:
    """For each input cell: the kernel cells that covered it, and their windows."""
    terms_of: list[list[Term]] = [[] for _ in range(windows.size)]
    for index in range(windows.count):
        for cell in windows.cells(index):
            terms_of[cell].append((cell - index * windows.stride + windows.before, index))
    return tuple(tuple(sorted(terms)) for terms in terms_of)


def split_evenly(count: int, most: int, unit: int = 1) -> list[int]:
    """Split ``count`` into the fewest parts of at most ``most``, as equal as possible, larger parts
    first. All but the last are multiples of ``unit``."""
    if not count:
        return []
    units = -(-count // unit)
    most_units = max(1, most // unit)
    number = -(-units // most_units)
    spans = [(units // number + (index < units % number)) * unit for index in range(number)]
    spans[-1] -= units * unit - count
    return spans


def tile_height(count: int, most: int) -> int:
    """The height of tiles that divide ``count``: a divisor near ``most`` if there is one, because a
    remainder needs a second tile size."""
    for height in range(most, max(1, 3 * most // 4), -1):
        if count % height == 0:
            return height
    return max(split_evenly(count, most))


def run_lengths(spans: list[int]) -> list[tuple[int, int]]:
    """Run-length encoding of spans: (span, repeats)."""
    groups: list[tuple[int, int]] = []
    for span in spans:
        if groups and groups[-1][0] == span:
            groups[-1] = (span, groups[-1][1] + 1)
        else:
            groups.append((span, 1))
    return groups


def runs(count: int, most: int, unit: int = 1) -> Iterator[tuple[int, int, int]]:
    """The parts of `split_evenly`, those of equal size together: (first, span, repeats)."""
    first = 0
    for span, repeat in run_lengths(split_evenly(count, most, unit)):
        yield first, span, repeat
        first += span * repeat


class TileRun(NamedTuple):
    """Consecutive tiles with the same pattern of terms."""

    start: int
    """The first output cell."""
    repeat: int
    span: int
    """Output cells per tile."""
    source: int
    """The source cell from which the first tile's pattern counts."""
    step: int
    """Source cells from one tile to the next."""
    pattern: Terms


def tile_runs(terms: Terms, spans: list[int]) -> list[TileRun]:
    """Tiles of these spans, with equal neighbors merged."""
    merged: list[TileRun] = []
    start = 0
    for span in spans:
        tile = terms[start : start + span]
        source = min((source for cell in tile for _, source in cell), default=0)
        pattern = tuple(tuple((k, s - source) for k, s in cell) for cell in tile)
        last = merged[-1] if merged else None
        step = source - last.source - last.step * (last.repeat - 1) if last else 0
        if last and last.pattern == pattern and (last.repeat == 1 or last.step == step):
            merged[-1] = last._replace(repeat=last.repeat + 1, step=step)
        else:
            merged.append(TileRun(start, 1, span, source, 0, pattern))
        start += span
    return merged


def term_table(terms: Terms, weight_step: int, source_step: int) -> list[int]:
    """Three integers per output cell: the number of terms, and the byte offsets of the first term's
    weight and source."""
    numbers: list[int] = []
    for cell in terms:
        k, source = cell[0] if cell else (0, 0)
        numbers += [len(cell), k * weight_step, source * source_step]
    return numbers


def source_formula(terms: Terms, cell: str, k: str) -> str:
    """The source cell of kernel cell ``k`` at output cell ``cell``, as a formula for the
    listing."""
    triples = [(index, kernel, source) for index, row in enumerate(terms) for kernel, source in row]
    plus, minus = (f" + {k}", f" - {k}") if any(kernel for _, kernel, _ in triples) else ("", "")
    for stride in range(1, len(terms) + 2):
        starts = {source - kernel - stride * index for index, kernel, source in triples}
        if len(starts) == 1:
            return _sum(f"{stride} * {cell}" if stride > 1 else cell, plus, starts.pop())
        starts = {stride * source + kernel - index for index, kernel, source in triples}
        if len(starts) == 1:
            window = _sum(cell, minus, starts.pop())
            return f"({window}) / {stride}" if stride > 1 else window
    return "."


def _sum(first: str, second: str, number: int) -> str:
    """The formula of a sum."""
    return first + second + (f" {'-' if number < 0 else '+'} {abs(number)}" if number else "")


def index_formulas(rows: Terms, columns: Terms) -> tuple[str, str]:
    """The indices [row][column] of a kernel cell and of its source cell, as formulas."""
    single = len(rows) == len(columns) == 1 and all(k == 0 for k, _ in (*rows[0], *columns[0]))
    source = f"[{source_formula(rows, 'y', 'ky')}][{source_formula(columns, 'x', 'kx')}]"
    return ("", "") if single else ("[ky][kx]", source)


def range_text(counts: Iterable[int]) -> str:
    """A range of counts as text: "5", or "2 to 5"."""
    values = set(counts)
    return f"{min(values)}" if len(values) == 1 else f"{min(values)} to {max(values)}"


def term_steps(terms: Terms) -> Term:
    """The steps of kernel cell and source cell from one term to the next."""
    for cell in terms:
        if len(cell) > 1:
            return cell[1][0] - cell[0][0], cell[1][1] - cell[0][1]
    return 1, 1
