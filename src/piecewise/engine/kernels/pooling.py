"""Max and average pooling, one row of windows at a time.

Batch normalization before a max pooling can be fused: then each loaded cell is normalized first.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import Function, Module, Pointers, splat, vector_of
from ..ir.window_terms import Terms, TileRun, range_text, term_table, tile_runs
from .batch_norm import CHANNEL_POINTERS, Channel, normalized_text
from .text_lengths import broadcast_index, cells_left, divisor_of, is_left, load_lengths

MOST_WRITTEN = 36
"""The most cells of a window that are unrolled."""


class ArgmaxFormat(NamedTuple):
    """The memory format of the argmax: the number of the largest cell, sixteen per window."""

    element: str
    """"i8" or "i32"."""

    @property
    def vector(self) -> str:
        """The type of one window's argmax."""
        return vector_of(16, self.element)

    @property
    def size(self) -> int:
        """Bytes of one window's argmax."""
        return 16 if self.element == "i8" else 64

    def of_cell(self, f: Function, cell: int | str) -> str:
        """A cell's number in all lanes."""
        if isinstance(cell, int):
            return splat(16, cell, self.element)
        return f.broadcast(cell, self.element)


def argmax_format(window: tuple[int, int]) -> ArgmaxFormat:
    """The smallest format that can number every cell of a window."""
    return ArgmaxFormat("i8" if prod(window) <= 256 else "i32")


@dataclass(frozen=True)
class FusedNorm:
    """A batch normalization before a max pooling of few cells, fused into it. ``training``: by the
    statistics of the group."""

    training: bool
    stores_normals: bool
    """Whether the normalized value of the largest cell is stored for the backward pass."""


@dataclass(frozen=True)
class PoolingRow:
    """A row of windows over ``rows`` source rows, for all channels."""

    source: FeatureMapLayout
    output: FeatureMapLayout
    rows: int
    columns: Terms
    window_columns: int
    kind: str
    """"max" or "average"."""
    relu: bool
    stores_argmax: bool
    argmax: ArgmaxFormat
    padded: bool = False
    """Whether the source is padded after the end of each text, where no cell counts."""
    norm: FusedNorm | None = None


class _State(NamedTuple):
    """What is known of a window after some of its cells."""

    value: str = ""
    """The largest cell, or the sum of the cells."""
    argmax: str = ""
    normal: str = ""
    """The normalized value of the largest cell, if it is stored."""


def pool_row(f: Function, module: Module, spec: PoolingRow) -> None:
    """Write the kernel (source, output, index), with pointers to the first row of each; ``index``
    is the argmax. If the source is padded, ``lengths`` of the texts follows. If it is normalized,
    ``saved``, ``weight`` and ``bias`` of batch norm follow, and ``normals``, stored like the
    output."""
    column_runs = tile_runs(spec.columns, [1] * len(spec.columns))
    bodies = spec.rows * sum(len(run.pattern[0]) for run in column_runs)
    strided = {
        "source": ("%source", spec.source.channel_bytes),
        "out": ("%output", spec.output.channel_bytes),
        "index": ("%index", spec.output.cells * spec.argmax.size),
    }
    if spec.norm:
        assert bodies <= MOST_WRITTEN
        assert not spec.padded
        strided |= CHANNEL_POINTERS | {"normals": ("%normals", spec.output.channel_bytes)}
    f.note(f"{spec.kind} of each window in one row of windows{_up_to_the_end(spec)}")
    lengths = load_lengths(f) if spec.padded else ""
    with f.loop("channels", spec.output.channels, strided) as channel:
        if bodies <= MOST_WRITTEN:
            norm = None
            if spec.norm:
                norm = Channel.load_scaled(f, channel, training=spec.norm.training)
            for run in column_runs:
                _run(f, spec, channel, run, lengths, norm)
        else:
            _by_table(f, module, spec, channel, lengths)


def _up_to_the_end(spec: PoolingRow) -> str:
    return ", up to the end of each text" if spec.padded else ""


def _run(
    f: Function,
    spec: PoolingRow,
    channel: Pointers,
    run: TileRun,
    lengths: str,
    norm: Channel | None,
) -> None:
    """Consecutive windows with the same cells, unrolled."""
    size, best_cell = spec.source.cell_bytes, spec.argmax.size
    strided = {
        "source": (f.at(channel["source"], run.source * size), run.step * size),
        "out": (f.at(channel["out"], run.start * size), size),
        "index": (f.at(channel["index"], run.start * best_cell), best_cell),
    }
    if norm:
        strided["normals"] = (f.at(channel["normals"], run.start * size), size)
    with f.loop("windows", run.repeat, strided) as x:
        cells = [
            (row * spec.window_columns + k, row * spec.source.row_bytes + column * size, column)
            for row in range(spec.rows)
            for k, column in run.pattern[0]
        ]
        left = _left_in_run(f, lengths, run, x.index) if spec.padded else ""
        f.note(f"{'max' if spec.kind == 'max' else 'sum'} over {len(cells)} cells, unrolled")
        state = _State()
        with f.note_products(_cell_text(spec)):
            for cell, offset, column in cells:
                filled = is_left(f, left, column) if spec.padded and spec.kind == "max" else ""
                value, normal = f.load(x["source"], offset), ""
                if norm:
                    normal = norm.normal(f, value)
                    value = norm.scaled(f, normal)
                state = _update(f, spec, state, cell, value, filled, normal)
        divisor = f.constant(len(cells))
        if spec.padded and spec.kind == "average":
            columns, rows = (splat(16, n, "i32") for n in (len(run.pattern[0]), spec.rows))
            divisor = divisor_of(f, left, columns, rows)
        _store(f, spec, x, state, divisor)


def _cell_text(spec: PoolingRow) -> str:
    """How a cell is normalized, as the loop listing shows it."""
    text = normalized_text(training=bool(spec.norm and spec.norm.training))
    return f"normalized = {text}, cell = normalized * weight + bias"


def _left_in_run(f: Function, lengths: str, run: TileRun, index: str) -> str:
    """The cells of each text from the first cell of window ``index`` of a run on."""
    moved = f.op("mul", index, str(run.step), "i64")
    return cells_left(f, lengths, f.op("add", moved, str(run.source), "i64"))


def _by_table(
    f: Function, module: Module, spec: PoolingRow, channel: Pointers, lengths: str
) -> None:
    """Large windows: loops over rows and columns."""
    columns = module.table(term_table(spec.columns, 1, spec.source.cell_bytes))
    strided = {
        "column": (columns, 24),
        "out": (channel["out"], spec.output.cell_bytes),
        "index": (channel["index"], spec.argmax.size),
    }
    kinds = (f.vector, spec.argmax.vector)
    with f.loop("windows", len(spec.columns), strided) as x:
        count, offset = (f.load(x["column"], at, "i64") for at in (0, 16))
        first = f.at(channel["source"], offset)
        left = ""
        if spec.padded:
            start_column = f.op("udiv", offset, str(spec.source.cell_bytes), "i64")
            left = cells_left(f, lengths, start_column)
        start = f.load(first) if spec.kind == "max" else "zeroinitializer"
        state = list(zip(kinds, (start, "zeroinitializer"), strict=True))
        with f.loop("ky", spec.rows, {"source": (first, spec.source.row_bytes)}, state) as ky:
            strided = {"source": (ky["source"], spec.source.cell_bytes)}
            state = list(zip(kinds, ky.carried, strict=True))
            widths = range_text(len(cell) for cell in spec.columns)
            with f.loop("kx", count, strided, state, at_least_once=True, trip_count=widths) as kx:
                f.note("max = max(max, cell)" if spec.kind == "max" else "sum += cell")
                row = f.op("mul", ky.index, str(spec.window_columns), "i64")
                cell = f.op("add", row, kx.index, "i64")
                value, best_cell = kx.carried
                filled = is_left(f, left, kx.index) if spec.padded and spec.kind == "max" else ""
                more = f.load(kx["source"])
                so_far = _State(value, best_cell)
                kx.carried = list(_update(f, spec, so_far, cell, more, filled)[:2])
            ky.carried = kx.carried
        value, best_cell = ky.carried
        divisor = _divisor_by_table(f, spec, count, left) if spec.kind == "average" else ""
        _store(f, spec, x, _State(value, best_cell), divisor)


def _divisor_by_table(f: Function, spec: PoolingRow, count: str, left: str) -> str:
    """The cells of a window of ``count`` columns, in all lanes."""
    if spec.padded:
        return divisor_of(f, left, broadcast_index(f, count), splat(16, spec.rows, "i32"))
    cells = f.op("mul", count, str(spec.rows), "i64")
    return f.broadcast(f.cast("sitofp", cells, "i64", f.real))


def _update(
    f: Function,
    spec: PoolingRow,
    state: _State,
    cell: int | str,
    value: str,
    filled: str,
    normal: str = "",
) -> _State:
    """The state after one more cell, number ``cell``, in the lanes ``filled``, or in all if that is
    empty. NaN counts as the largest value."""
    best, best_cell, best_normal = state
    if spec.kind == "average":
        return _State(f.op("fadd", best, value) if best else value, best_cell)
    if not best:
        return _State(value, "zeroinitializer", normal)
    more = f.op("fcmp ogt", value, best)
    none = f.op("fcmp uno", value, "zeroinitializer")
    better = f.op("or", more, none, "<16 x i1>")
    better = f.op("and", better, filled, "<16 x i1>") if filled else better
    if spec.stores_argmax:
        element = spec.argmax.element
        short = cell if isinstance(cell, int) else f.cast("trunc", cell, "i64", element)
        best_cell = f.select(better, spec.argmax.of_cell(f, short), best_cell, spec.argmax.vector)
    if spec.norm and spec.norm.stores_normals:
        best_normal = f.select(better, normal, best_normal)
    return _State(f.select(better, value, best), best_cell, best_normal)


def _store(f: Function, spec: PoolingRow, pointers: Pointers, state: _State, cells: str) -> None:
    """Store a window's result. ``cells`` is its number of cells in all lanes, for an average."""
    value, best_cell, normal = state
    stores_normals = bool(spec.norm and spec.norm.stores_normals)
    f.note(
        f"store {'sum / number of cells' if spec.kind == 'average' else 'max'}"
        + (", after relu" if spec.relu else "")
        + (", its normalized value" if stores_normals else "")
        + (", and the argmax" if spec.stores_argmax else "")
    )
    if spec.kind == "average":
        value = f.op("fdiv", value, cells)
    f.store(f.relu(value) if spec.relu else value, pointers["out"])
    if spec.stores_argmax:
        f.store(best_cell, pointers["index"], 0, spec.argmax.vector, align=16)
    if stores_normals:
        f.store(normal, pointers["normals"])
