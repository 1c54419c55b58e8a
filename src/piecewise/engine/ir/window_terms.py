"""Which kernel cell meets which source cell, along one axis, and how cells are cut into tiles.

A convolution and its input's gradient are the same sum over other terms: an output cell adds, in
the order of the kernel's cells, a weight times a source cell. Going forward the sources are the
input; going back they are the upstream gradient, and the output cell is an input cell.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ...core.windows import Windows

Term = tuple[int, int]
"""A kernel cell and the source cell it meets."""
Terms = tuple[tuple[Term, ...], ...]
"""For each output cell its terms, in the order they are added."""


def forward_terms(windows: Windows) -> Terms:
    """For each window: its kernel cells and the input cells under them; padding left out."""
    return tuple(
        tuple(
            (cell - index * windows.stride + windows.before, cell) for cell in windows.cells(index)
        )
        for index in range(windows.count)
    )


def backward_terms(windows: Windows) -> Terms:
    """For each input cell: the kernel cells that lay on it, and in which window."""
    met: list[list[Term]] = [[] for _ in range(windows.size)]
    for index in range(windows.count):
        for cell in windows.cells(index):
            met[cell].append((cell - index * windows.stride + windows.before, index))
    return tuple(tuple(sorted(terms)) for terms in met)


def split_evenly(count: int, most: int, unit: int = 1) -> list[int]:
    """``count`` cut into as few parts of at most ``most`` as it takes, as equal as they come (in
    whole units), larger ones first."""
    units = -(-count // unit)
    most_units = max(1, most // unit)
    number = -(-units // most_units)
    spans = [(units // number + (index < units % number)) * unit for index in range(number)]
    spans[-1] -= units * unit - count
    return spans


def run_lengths(spans: list[int]) -> list[tuple[int, int]]:
    """Spans as (span, how many in a row)."""
    found: list[tuple[int, int]] = []
    for span in spans:
        if found and found[-1][0] == span:
            found[-1] = (span, found[-1][1] + 1)
        else:
            found.append((span, 1))
    return found


class TileRun(NamedTuple):
    """Tiles in a row that do the same, each some cells further on."""

    start: int
    """The first output cell."""
    repeat: int
    span: int
    """Output cells of a tile."""
    source: int
    """What the pattern's source cells are counted from, in the first tile."""
    step: int
    """How far the sources move from one tile to the next."""
    pattern: Terms


def tile_runs(terms: Terms, spans: list[int]) -> list[TileRun]:
    """Tiles of these spans, equal neighbours taken together."""
    found: list[TileRun] = []
    start = 0
    for span in spans:
        tile = terms[start : start + span]
        source = min((source for cell in tile for _, source in cell), default=0)
        pattern = tuple(tuple((k, s - source) for k, s in cell) for cell in tile)
        last = found[-1] if found else None
        step = source - last.source - last.step * (last.repeat - 1) if last else 0
        if last and last.pattern == pattern and (last.repeat == 1 or last.step == step):
            found[-1] = last._replace(repeat=last.repeat + 1, step=step)
        else:
            found.append(TileRun(start, 1, span, source, 0, pattern))
        start += span
    return found


def term_table(terms: Terms, weight_step: int, source_step: int) -> list[int]:
    """Three numbers an output cell: how many terms, and where the first finds its weight and its
    source, in bytes."""
    numbers: list[int] = []
    for cell in terms:
        k, source = cell[0] if cell else (0, 0)
        numbers += [len(cell), k * weight_step, source * source_step]
    return numbers


def source_formula(terms: Terms, cell: str, k: str) -> str:
    """The source cell that kernel cell ``k`` meets at output cell ``cell``, as a formula."""
    met = [(index, kernel, source) for index, row in enumerate(terms) for kernel, source in row]
    plus, minus = (f" + {k}", f" - {k}") if any(kernel for _, kernel, _ in met) else ("", "")
    for stride in range(1, len(terms) + 2):
        starts = {source - kernel - stride * index for index, kernel, source in met}
        if len(starts) == 1:
            return _sum(f"{stride} * {cell}" if stride > 1 else cell, plus, starts.pop())
        starts = {stride * source + kernel - index for index, kernel, source in met}
        if len(starts) == 1:
            found = _sum(cell, minus, starts.pop())
            return f"({found}) / {stride}" if stride > 1 else found
    return "."


def _sum(first: str, second: str, number: int) -> str:
    """The three added, written."""
    return first + second + (f" {'-' if number < 0 else '+'} {abs(number)}" if number else "")


def index_formulas(rows: Terms, columns: Terms) -> tuple[str, str]:
    """A kernel cell and the source cell it meets as [row][column], written."""
    single = len(rows) == len(columns) == 1 and all(k == 0 for k, _ in (*rows[0], *columns[0]))
    source = f"[{source_formula(rows, 'y', 'ky')}][{source_formula(columns, 'x', 'kx')}]"
    return ("", "") if single else ("[ky][kx]", source)


def range_text(counts: Iterable[int]) -> str:
    """Numbers of turns in words: "5", or "2 to 5"."""
    found = set(counts)
    return f"{min(found)}" if len(found) == 1 else f"{min(found)} to {max(found)}"


def term_steps(terms: Terms) -> Term:
    """How far kernel cell and source cell move from one term of a cell to the next."""
    for cell in terms:
        if len(cell) > 1:
            return cell[1][0] - cell[0][0], cell[1][1] - cell[0][1]
    return 1, 1
