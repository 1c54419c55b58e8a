"""The backward pass of pooling, cell by cell, with that of a fused batch normalization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Function, Loop, Module, Pointers, PointerSteps
from ..ir.loop_notes import relu_mask_text
from ..ir.window_terms import (
    Terms,
    TileRun,
    range_text,
    split_evenly,
    term_steps,
    term_table,
    tile_runs,
)
from .batch_norm import CENTERED_TEXT, ChannelGradient
from .batch_statistics import SAVED_BYTES
from .pooling import MOST_WRITTEN, ArgmaxFormat
from .text_lengths import broadcast_index, cells_left, divisor_of, load_lengths


@dataclass(frozen=True)
class PoolingBackward:
    """The backward pass of a pooling. ``rows`` and ``columns`` are the backward terms."""

    upstream: FeatureMapLayout
    output: FeatureMapLayout
    rows: Terms
    columns: Terms
    window_columns: int
    strides: tuple[int, int]
    kind: str
    """"max" or "average"."""
    masked: bool
    argmax: ArgmaxFormat
    normalized: bool = False
    """Whether a batch normalization is fused into the pooling. Then the gradient is that of its
    input."""
    training: bool = False
    """Whether the batch normalization uses the statistics of the group."""


class _Offset(NamedTuple):
    """An offset of windows in the upstream gradient and of cells in the output."""

    windows: int
    cells: int


def pooling_backward(f: Function, module: Module, spec: PoolingBackward) -> None:
    """Write the kernel (upstream, index, output, mask): each cell adds the gradients of the windows
    whose argmax it is, or, for an average, of all its windows. If the source is normalized,
    ``saved``, ``weight`` and the number of ``examples`` follow. The output then replaces the
    source, which is also the mask."""
    down, across = (
        tile_runs(terms, split_evenly(len(terms), stride, stride))
        for terms, stride in zip((spec.rows, spec.columns), spec.strides, strict=True)
    )
    unrolled_terms = sum(
        max(1, len(row) * len(column))
        for rows in down
        for columns in across
        for row in rows.pattern
        for column in columns.pattern
    )
    strided = {
        "upstream": ("%upstream", spec.upstream.channel_bytes),
        "index": ("%index", spec.upstream.cells * spec.argmax.size),
        "out": ("%output", spec.output.channel_bytes),
        "mask": ("%mask", spec.output.channel_bytes),
    }
    present = ""
    if spec.normalized:
        assert unrolled_terms <= 4 * MOST_WRITTEN
        strided |= {"saved": ("%saved", SAVED_BYTES), "weight": ("%weight", 4)}
        present = f.first_lanes("%examples")
    f.note("gradient of each cell: a sum over the windows that contain it")
    with f.loop("channels", spec.output.channels, strided) as channel:
        if unrolled_terms > 4 * MOST_WRITTEN:
            _by_table(f, module, spec, channel)
            return
        norm = None
        if spec.normalized:
            norm = ChannelGradient.load(f, channel, present, training=spec.training)
        for rows in down:
            _rows(f, spec, channel, rows, across, norm)


def _advance(
    f: Function, spec: PoolingBackward, pointers: Pointers, start: _Offset, step: _Offset
) -> PointerSteps:
    """The four pointers plus ``start``, advancing by ``step`` per iteration."""
    sizes = {
        "upstream": _Offset(GROUP_BYTES, 0),
        "index": _Offset(spec.argmax.size, 0),
        "out": _Offset(0, GROUP_BYTES),
        "mask": _Offset(0, GROUP_BYTES),
    }
    return {
        key: (
            f.at(pointers[key], start.windows * size.windows + start.cells * size.cells),
            step.windows * size.windows + step.cells * size.cells,
        )
        for key, size in sizes.items()
    }


def _rows(
    f: Function,
    spec: PoolingBackward,
    channel: Pointers,
    down: TileRun,
    across: list[TileRun],
    norm: ChannelGradient | None,
) -> None:
    """Tiles of cells with the same windows, unrolled."""
    wide, narrow = spec.output.shape.width, spec.upstream.shape.width
    start = _Offset(down.source * narrow, down.start * wide)
    step = _Offset(down.step * narrow, down.span * wide)
    remark = f"{down.span} rows of cells at once"
    with f.loop("rows", down.repeat, _advance(f, spec, channel, start, step), remark=remark) as y:
        for run in across:
            start, step = _Offset(run.source, run.start), _Offset(run.step, run.span)
            remark, strided = f"{run.span} columns at once", _advance(f, spec, y, start, step)
            with f.loop("columns", run.repeat, strided, remark=remark) as x:
                _tile(f, spec, x, down.pattern, run.pattern, norm)


def _tile(
    f: Function,
    spec: PoolingBackward,
    pointers: Pointers,
    down: Terms,
    across: Terms,
    norm: ChannelGradient | None,
) -> None:
    """The cells of a tile, row by row."""
    wide, narrow = spec.output.shape.width, spec.upstream.shape.width
    terms = sum(len(row) * len(column) for row in down for column in across)
    f.note(f"{terms} times cell += {_TERM[spec.kind]}, unrolled")
    with f.note_products(CENTERED_TEXT):
        for row, row_terms in enumerate(down):
            for column, column_terms in enumerate(across):
                value = ""
                for ky, oy in row_terms:
                    for kx, ox in column_terms:
                        window, cell = oy * narrow + ox, ky * spec.window_columns + kx
                        value = _window_gradient(f, spec, pointers, value, window, cell)
                _store(f, spec, pointers, value or "zeroinitializer", row * wide + column, norm)
    _note_stored(f, spec, len(down) * len(across))


def _window_gradient(
    f: Function,
    spec: PoolingBackward,
    pointers: Pointers,
    value: str,
    window: int | str,
    cell: int | str,
) -> str:
    """``value`` plus the gradient of cell number ``cell`` of a window."""
    gradient = f.load(pointers["upstream"], _times(f, window, GROUP_BYTES))
    if spec.kind == "max":
        vector, offset = spec.argmax.vector, _times(f, window, spec.argmax.size)
        index = f.load(pointers["index"], offset, vector, align=16)
        won = f.op("icmp eq", index, spec.argmax.of_cell(f, cell), vector)
        gradient = f.select(won, gradient, "zeroinitializer")
    return f.op("fadd", value, gradient) if value else gradient


_TERM = {
    "max": "gradient of the window if the cell is its argmax",
    "average": "gradient of the window / its cells",
}
"""The contribution of a window to the gradient of one of its cells, for the listing."""


def _note_stored(f: Function, spec: PoolingBackward, cells: int) -> None:
    scaled = f", each {'centered ' * spec.training}times weight / std" * spec.normalized
    stored = f"{cells} {'gradients' if cells > 1 else 'gradient'}"
    f.note(f"store {stored}{scaled}{relu_mask_text(spec.masked)}")


def _times(f: Function, count: int | str, size: int) -> int | str:
    return count * size if isinstance(count, int) else f.op("mul", count, str(size), "i64")


def _store(
    f: Function,
    spec: PoolingBackward,
    pointers: Pointers,
    value: str,
    cell: int,
    norm: ChannelGradient | None = None,
) -> None:
    """Store a cell's gradient, masked by ReLU if its input went through one."""
    before = pointers["out" if norm else "mask"]
    source = f.load(before, cell * GROUP_BYTES) if norm or spec.masked else ""
    if norm:
        value = norm.of_cell(f, source, value)
    if spec.masked:
        value = f.where_positive(source, value)
    f.store(value, pointers["out"], cell * GROUP_BYTES)


def _by_table(f: Function, module: Module, spec: PoolingBackward, channel: Pointers) -> None:
    """Large windows: each cell's windows come from tables."""
    narrow, row_bytes = spec.upstream.shape.width, spec.output.row_bytes
    rows = module.table(term_table(spec.rows, 1, narrow))
    columns = module.table(term_table(spec.columns, 1, 1))
    down = {"row": (rows, 24)} | {key: (channel[key], row_bytes) for key in ("out", "mask")}
    with f.loop("y", len(spec.rows), down) as y:
        across = {"column": (columns, 24)} | {key: (y[key], GROUP_BYTES) for key in ("out", "mask")}
        with f.loop("x", len(spec.columns), across) as x:
            row = [f.load(y["row"], offset, "i64") for offset in (0, 8, 16)]
            column = [f.load(x["column"], offset, "i64") for offset in (0, 8, 16)]
            high, wide = (
                range_text(len(cell) for cell in axis) for axis in (spec.rows, spec.columns)
            )
            zero = [(f.vector, "zeroinitializer")]
            with f.loop("ky", row[0], {}, zero, trip_count=high) as ky:
                with f.loop(
                    "kx", column[0], {}, [(f.vector, ky.carried[0])], trip_count=wide
                ) as kx:
                    f.note(f"cell += {_TERM[spec.kind]}")
                    window, cell = _window_and_cell(f, spec, (row, ky), (column, kx))
                    value = _window_gradient(f, spec, channel, kx.carried[0], window, cell)
                    kx.carried = [value]
                ky.carried = kx.carried
            _note_stored(f, spec, 1)
            _store(f, spec, x, ky.carried[0], 0)


def _window_and_cell(
    f: Function, spec: PoolingBackward, down: tuple[list[str], Loop], across: tuple[list[str], Loop]
) -> tuple[str, str]:
    """A window and the number of its cell, from table entries and loop indices."""

    def term(first: str, loop: Loop, step: int) -> str:
        return f.op("add", first, f.op("mul", loop.index, str(step), "i64"), "i64")

    (_, row_cell, row_window), ky = down
    (_, column_cell, column_window), kx = across
    row_steps, column_steps = term_steps(spec.rows), term_steps(spec.columns)
    cell_row = term(row_cell, ky, row_steps[0])
    window_row = term(row_window, ky, row_steps[1] * spec.upstream.shape.width)
    cell_column = term(column_cell, kx, column_steps[0])
    window_column = term(column_window, kx, column_steps[1])
    above = f.op("mul", cell_row, str(spec.window_columns), "i64")
    cell = f.cast("trunc", f.op("add", above, cell_column, "i64"), "i64", spec.argmax.element)
    return f.op("add", window_row, window_column, "i64"), cell


def divide_by_window_size(
    f: Function,
    module: Module,
    upstream: FeatureMapLayout,
    rows: tuple[int, ...],
    columns: tuple[int, ...],
    starts: tuple[int, ...] = (),
) -> None:
    """Write the kernel (upstream): divide each window's gradient by its number of cells, in place.
    ``rows`` and ``columns`` give the size of every window. With ``starts``, the first column of
    every window, ``lengths`` of the texts follows, and padding does not count."""
    down, across = module.table(rows), module.table(columns)
    lengths = load_lengths(f) if starts else ""
    channels = {"upstream": ("%upstream", upstream.channel_bytes)}
    f.note("gradient of each window divided by its number of cells")
    with f.loop("channels", upstream.channels, channels) as channel:
        strided = {"row": (down, 8), "upstream": (channel["upstream"], upstream.row_bytes)}
        with f.loop("y", len(rows), strided) as y:
            strided = {"column": (across, 8), "upstream": (y["upstream"], GROUP_BYTES)}
            strided |= {"start": (module.table(starts), 8)} if starts else {}
            with f.loop("x", len(columns), strided) as x:
                f.note("store gradient / (rows * columns of the window)")
                height, width = f.load(y["row"], 0, "i64"), f.load(x["column"], 0, "i64")
                if starts:
                    left = cells_left(f, lengths, f.load(x["start"], 0, "i64"))
                    divisor = divisor_of(f, left, *(broadcast_index(f, n) for n in (width, height)))
                else:
                    cells = f.op("mul", height, width, "i64")
                    divisor = f.broadcast(f.cast("sitofp", cells, "i64", "float"))
                f.store(f.op("fdiv", f.load(x["upstream"]), divisor), x["upstream"])
