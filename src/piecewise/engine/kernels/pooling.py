"""Pooling: one row of windows at a time. The way back is in `unpooling`."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import Function, Module, Pointers, splat, vector_of
from ..ir.window_terms import Terms, TileRun, range_text, runs, table

MOST_WRITTEN = 36
"""Cells of a window that are still written out one by one."""


class Winners(NamedTuple):
    """How the numbers of the cells that won lie in memory: sixteen a window, one a picture."""

    element: str
    """"i8" or "i32"."""

    @property
    def vector(self) -> str:
        """The type of one window's winners."""
        return vector_of(16, self.element)

    @property
    def size(self) -> int:
        """Bytes of one window's winners."""
        return 16 if self.element == "i8" else 64

    def of_cell(self, f: Function, cell: int | str) -> str:
        """A cell's number, or a value of the element's type, in all lanes."""
        if isinstance(cell, int):
            return splat(16, cell, self.element)
        return f.broadcast(cell, self.element)


def winners_of(window: tuple[int, int]) -> Winners:
    """The smallest numbers that can name every cell of a window."""
    return Winners("i8" if prod(window) <= 256 else "i32")


@dataclass(frozen=True)
class PoolingRow:
    """A row of windows over ``rows`` rows of a source; all channels."""

    source: FeatureMapLayout
    output: FeatureMapLayout
    rows: int
    columns: Terms
    window_columns: int
    kind: str
    """"max" or "average"."""
    relu: bool
    keeps_winner: bool
    winners: Winners


_State = tuple[str, str]
"""What a window has come to: the largest so far, or the sum, and which cell it was."""


def pool_row(f: Function, module: Module, what: PoolingRow) -> None:
    """The function (source, output, index): source at its first row under the windows, output and
    index (the winners) at theirs."""
    column_runs = runs(what.columns, [1] * len(what.columns))
    bodies = what.rows * sum(len(run.pattern[0]) for run in column_runs)
    moving = {
        "source": ("%source", what.source.channel_bytes),
        "out": ("%output", what.output.channel_bytes),
        "index": ("%index", what.output.cells * what.winners.size),
    }
    f.note(
        f"the {'largest' if what.kind == 'max' else 'average'} of every window of a row of windows"
    )
    with f.loop("maps", what.output.channels, moving) as channel:
        if bodies <= MOST_WRITTEN:
            for run in column_runs:
                _run(f, what, channel, run)
        else:
            _by_table(f, module, what, channel)


def _run(f: Function, what: PoolingRow, channel: Pointers, run: TileRun) -> None:
    """Windows with the same cells, which are written out."""
    size, winner = what.source.cell_bytes, what.winners.size
    moving = {
        "source": (f.at(channel["source"], run.source * size), run.step * size),
        "out": (f.at(channel["out"], run.start * size), size),
        "index": (f.at(channel["index"], run.start * winner), winner),
    }
    with f.loop("windows", run.repeat, moving) as x:
        cells = [
            (row * what.window_columns + k, row * what.source.row_bytes + place * size)
            for row in range(what.rows)
            for k, place in run.pattern[0]
        ]
        f.note(f"{len(cells)} cells looked at, written out")
        state = ("", "")
        for cell, offset in cells:
            state = _met(f, what, state, cell, f.load(x["source"], offset))
        _keep(f, what, x, state, f.constant(len(cells)))


def _by_table(f: Function, module: Module, what: PoolingRow, channel: Pointers) -> None:
    """Large windows: rows and columns in loops."""
    columns = module.table(table(what.columns, 1, what.source.cell_bytes))
    moving = {
        "column": (columns, 24),
        "out": (channel["out"], what.output.cell_bytes),
        "index": (channel["index"], what.winners.size),
    }
    kinds = (f.vector, what.winners.vector)
    with f.loop("windows", len(what.columns), moving) as x:
        count = f.load(x["column"], 0, "i64")
        first = f.at(channel["source"], f.load(x["column"], 16, "i64"))
        start = f.load(first) if what.kind == "max" else "zeroinitializer"
        state = list(zip(kinds, (start, "zeroinitializer"), strict=True))
        with f.loop("ky", what.rows, {"source": (first, what.source.row_bytes)}, state) as ky:
            moving = {"source": (ky["source"], what.source.cell_bytes)}
            state = list(zip(kinds, ky.carried, strict=True))
            widths = range_text(len(cell) for cell in what.columns)
            with f.loop("kx", count, moving, state, at_least_once=True, turns=widths) as kx:
                f.note("one cell looked at")
                row = f.op("mul", ky.index, str(what.window_columns), "i64")
                cell = f.op("add", row, kx.index, "i64")
                value, winner = kx.carried
                kx.carried = list(_met(f, what, (value, winner), cell, f.load(kx["source"])))
            ky.carried = kx.carried
        cells = f.op("mul", count, str(what.rows), "i64")
        value, winner = ky.carried
        divisor = ""
        if what.kind == "average":
            divisor = f.broadcast(f.cast("sitofp", cells, "i64", f.real))
        _keep(f, what, x, (value, winner), divisor)


def _met(f: Function, what: PoolingRow, state: _State, cell: int | str, value: str) -> _State:
    """The state after one more cell, number ``cell``. What is no number must not hide."""
    best, winner = state
    if what.kind == "average":
        return (f.op("fadd", best, value) if best else value), winner
    if not best:
        return value, "zeroinitializer"
    more = f.op("fcmp ogt", value, best)
    none = f.op("fcmp uno", value, "zeroinitializer")
    better = f.op("or", more, none, "<16 x i1>")
    if what.keeps_winner:
        element = what.winners.element
        short = cell if isinstance(cell, int) else f.cast("trunc", cell, "i64", element)
        winner = f.select(better, what.winners.of_cell(f, short), winner, what.winners.vector)
    return f.select(better, value, best), winner


def _keep(f: Function, what: PoolingRow, place: Pointers, state: _State, cells: str) -> None:
    """Write a window's number. ``cells``: how many it looked at, in all lanes, for an average."""
    value, winner = state
    f.note(
        "keep it"
        + (" divided by the cells looked at" if what.kind == "average" else "")
        + (", at least 0 (relu)" if what.relu else "")
        + (", and which cell won" if what.keeps_winner else "")
    )
    if what.kind == "average":
        value = f.op("fdiv", value, cells)
    f.store(f.relu(value) if what.relu else value, place["out"])
    if what.keeps_winner:
        f.store(winner, place["index"], 0, what.winners.vector, align=16)
