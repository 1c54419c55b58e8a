"""The way back of pooling, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Function, Loop, Module, Pointers, PointerSteps
from ..ir.loop_notes import passing
from ..ir.window_terms import Terms, TileRun, range_text, runs, split_evenly, steps, table
from .pooling import MOST_WRITTEN, Winners


@dataclass(frozen=True)
class PoolingBackward:
    """The way back of a whole pooling. ``rows`` and ``columns`` are the backward terms."""

    upstream: FeatureMapLayout
    output: FeatureMapLayout
    rows: Terms
    columns: Terms
    window_columns: int
    strides: tuple[int, int]
    kind: str
    """"max" or "average"."""
    masked: bool
    winners: Winners


class _Cells(NamedTuple):
    """So many windows of the upstream, and so many cells of the output."""

    windows: int
    cells: int


def pooling_backward(f: Function, module: Module, what: PoolingBackward) -> None:
    """The function (upstream, index, output, mask): each cell adds what the windows it lay in hand
    back: all to the winner, or (average) their upstream, which is divided already."""
    down, across = (
        runs(terms, split_evenly(len(terms), stride, stride))
        for terms, stride in zip((what.rows, what.columns), what.strides, strict=True)
    )
    written = sum(
        max(1, len(row) * len(column))
        for rows in down
        for columns in across
        for row in rows.pattern
        for column in columns.pattern
    )
    moving = {
        "upstream": ("%upstream", what.upstream.channel_bytes),
        "index": ("%index", what.upstream.cells * what.winners.size),
        "out": ("%output", what.output.channel_bytes),
        "mask": ("%mask", what.output.channel_bytes),
    }
    f.note("each cell takes the slopes of the windows it lay in")
    with f.loop("maps", what.output.channels, moving) as channel:
        if written > 4 * MOST_WRITTEN:
            _by_table(f, module, what, channel)
            return
        for rows in down:
            _rows(f, what, channel, rows, across)


def _moving(
    f: Function, what: PoolingBackward, place: Pointers, start: _Cells, step: _Cells
) -> PointerSteps:
    """The four pointers moved on, and moving from turn to turn."""
    sizes = {
        "upstream": _Cells(GROUP_BYTES, 0),
        "index": _Cells(what.winners.size, 0),
        "out": _Cells(0, GROUP_BYTES),
        "mask": _Cells(0, GROUP_BYTES),
    }
    return {
        key: (
            f.at(place[key], start.windows * size.windows + start.cells * size.cells),
            step.windows * size.windows + step.cells * size.cells,
        )
        for key, size in sizes.items()
    }


def _rows(
    f: Function, what: PoolingBackward, channel: Pointers, down: TileRun, across: list[TileRun]
) -> None:
    """Tiles of cells with the same windows over them, which are written out."""
    wide, narrow = what.output.shape.width, what.upstream.shape.width
    start = _Cells(down.source * narrow, down.start * wide)
    step = _Cells(down.step * narrow, down.span * wide)
    turn = f"{down.span} rows of cells at once"
    with f.loop("rows", down.repeat, _moving(f, what, channel, start, step), what=turn) as y:
        for run in across:
            start, step = _Cells(run.source, run.start), _Cells(run.step, run.span)
            turn, moving = f"{run.span} columns at once", _moving(f, what, y, start, step)
            with f.loop("columns", run.repeat, moving, what=turn) as x:
                _tile(f, what, x, down.pattern, run.pattern)


def _tile(f: Function, what: PoolingBackward, place: Pointers, down: Terms, across: Terms) -> None:
    """The cells of a tile, row by row."""
    wide, narrow = what.output.shape.width, what.upstream.shape.width
    met = sum(len(row) * len(column) for row in down for column in across)
    f.note(f"{met} times cell += {_TAKEN[what.kind]}, written out")
    _note_kept(f, what, len(down) * len(across))
    for row, row_terms in enumerate(down):
        for column, column_terms in enumerate(across):
            value = ""
            for ky, oy in row_terms:
                for kx, ox in column_terms:
                    window, cell = oy * narrow + ox, ky * what.window_columns + kx
                    value = _handed_back(f, what, place, value, window, cell)
            _keep(f, what, place, value or "zeroinitializer", row * wide + column)


def _handed_back(
    f: Function,
    what: PoolingBackward,
    place: Pointers,
    value: str,
    window: int | str,
    cell: int | str,
) -> str:
    """The value and what a window hands back to its cell number ``cell``."""
    found = f.load(place["upstream"], _times(f, window, GROUP_BYTES))
    if what.kind == "max":
        vector, offset = what.winners.vector, _times(f, window, what.winners.size)
        index = f.load(place["index"], offset, vector, align=16)
        won = f.op("icmp eq", index, what.winners.of_cell(f, cell), vector)
        found = f.select(won, found, "zeroinitializer")
    return f.op("fadd", value, found) if value else found


_TAKEN = {
    "max": "slope of a window if the cell won it",
    "average": "share of a window's slope",
}
"""What a cell takes of a window, in words."""


def _note_kept(f: Function, what: PoolingBackward, cells: int) -> None:
    f.note(f"keep {cells} {'slopes' if cells > 1 else 'slope'}{passing(what.masked)}")


def _times(f: Function, count: int | str, size: int) -> int | str:
    return count * size if isinstance(count, int) else f.op("mul", count, str(size), "i64")


def _keep(f: Function, what: PoolingBackward, place: Pointers, value: str, cell: int) -> None:
    """Write a cell's gradient, where the input was above zero if it went through ReLU."""
    if what.masked:
        value = f.where_positive(f.load(place["mask"], cell * GROUP_BYTES), value)
    f.store(value, place["out"], cell * GROUP_BYTES)


def _by_table(f: Function, module: Module, what: PoolingBackward, channel: Pointers) -> None:
    """Large windows: which windows a cell lay in is looked up."""
    narrow, row_bytes = what.upstream.shape.width, what.output.row_bytes
    rows = module.table(table(what.rows, 1, narrow))
    columns = module.table(table(what.columns, 1, 1))
    down = {"row": (rows, 24)} | {key: (channel[key], row_bytes) for key in ("out", "mask")}
    with f.loop("y", len(what.rows), down) as y:
        across = {"column": (columns, 24)} | {key: (y[key], GROUP_BYTES) for key in ("out", "mask")}
        with f.loop("x", len(what.columns), across) as x:
            row = [f.load(y["row"], place, "i64") for place in (0, 8, 16)]
            column = [f.load(x["column"], place, "i64") for place in (0, 8, 16)]
            high, wide = (
                range_text(len(cell) for cell in axis) for axis in (what.rows, what.columns)
            )
            zero = [(f.vector, "zeroinitializer")]
            with f.loop("ky", row[0], {}, zero, turns=high) as ky:
                with f.loop("kx", column[0], {}, [(f.vector, ky.carried[0])], turns=wide) as kx:
                    f.note(f"cell += {_TAKEN[what.kind]}")
                    window, cell = _looked_up(f, what, (row, ky), (column, kx))
                    value = _handed_back(f, what, channel, kx.carried[0], window, cell)
                    kx.carried = [value]
                ky.carried = kx.carried
            _note_kept(f, what, 1)
            _keep(f, what, x, ky.carried[0], 0)


def _looked_up(
    f: Function, what: PoolingBackward, down: tuple[list[str], Loop], across: tuple[list[str], Loop]
) -> tuple[str, str]:
    """A window and the number of its cell, from the lines of both tables and the turns of both
    loops."""

    def term(first: str, loop: Loop, step: int) -> str:
        return f.op("add", first, f.op("mul", loop.index, str(step), "i64"), "i64")

    (_, row_cell, row_window), ky = down
    (_, column_cell, column_window), kx = across
    row_steps, column_steps = steps(what.rows), steps(what.columns)
    cell_row = term(row_cell, ky, row_steps[0])
    window_row = term(row_window, ky, row_steps[1] * what.upstream.shape.width)
    cell_column = term(column_cell, kx, column_steps[0])
    window_column = term(column_window, kx, column_steps[1])
    above = f.op("mul", cell_row, str(what.window_columns), "i64")
    cell = f.cast("trunc", f.op("add", above, cell_column, "i64"), "i64", what.winners.element)
    return f.op("add", window_row, window_column, "i64"), cell


def share(
    f: Function,
    module: Module,
    upstream: FeatureMapLayout,
    rows: tuple[int, ...],
    columns: tuple[int, ...],
) -> None:
    """The function (upstream): each window's upstream divided by the cells it covers, in place.
    ``rows``, ``columns``: how many of each every window covers."""
    down, across = module.table(rows), module.table(columns)
    channels = {"upstream": ("%upstream", upstream.channel_bytes)}
    f.note("the slope of each window divided by its cells")
    with f.loop("maps", upstream.channels, channels) as channel:
        moving = {"row": (down, 8), "upstream": (channel["upstream"], upstream.row_bytes)}
        with f.loop("y", len(rows), moving) as y:
            moving = {"column": (across, 8), "upstream": (y["upstream"], GROUP_BYTES)}
            with f.loop("x", len(columns), moving) as x:
                f.note("slope / (rows * columns under the window)")
                height, width = f.load(y["row"], 0, "i64"), f.load(x["column"], 0, "i64")
                cells = f.op("mul", height, width, "i64")
                divisor = f.broadcast(f.cast("sitofp", cells, "i64", "float"))
                f.store(f.op("fdiv", f.load(x["upstream"]), divisor), x["upstream"])
