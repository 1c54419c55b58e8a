"""Correlation: the forward pass of convolution and fully connected layers, and the gradients of
their inputs.

output[o][y][x] = bias[o] + sum over c, ky, kx of weight[o][c][ky][kx] * source[c][..][..]

A tile is a block of outputs o by a block of columns x. Its sums stay in registers over the loops of
c, ky and kx. For an input gradient, o and c swap roles and the source is the upstream gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import FLOAT64_GROUP_BYTES, GROUP_BYTES, SIZES, Function, Module
from ..ir.loop_notes import relu_mask_text
from ..ir.target import Target
from ..ir.window_terms import (
    Terms,
    TileRun,
    index_formulas,
    range_text,
    runs,
    split_evenly,
    term_steps,
    term_table,
    tile_height,
    tile_runs,
)

_WIDEST = 12
"""The widest kernel row that is unrolled."""
_MOST_BODIES = 10
"""The most different tiles along the columns that are unrolled."""


@dataclass(frozen=True)
class Correlation:
    """The terms of a correlation. Strides of the weight count numbers."""

    source: FeatureMapLayout
    output: FeatureMapLayout
    rows: Terms
    columns: Terms
    output_stride: int
    sum_stride: int
    kernel_columns: int
    bias: bool
    divide: int = 1
    relu: bool = False
    masked: bool = False
    """Whether the output is a gradient that is zero where a mask, with the output's layout, is not
    above zero."""
    backward: bool = False
    """Whether it computes an input gradient: the source is the upstream gradient."""

    @property
    def product(self) -> str:
        """The product that is added to a sum, as the loop listing shows it."""
        kernel, cell = index_formulas(self.rows, self.columns)
        value = f"gradient[f]{cell}" if self.backward else f"x[c]{cell}"
        return f"weight[f][c]{kernel} * {value}"

    @property
    def axis_names(self) -> tuple[str, str]:
        """Names of the loops over output channels and source channels in the listing."""
        return ("channels", "f") if self.backward else ("features", "c")


Sums = list[str]
PointerMap = dict[str, str]
"""Pointers by name."""
RowTerms = Callable[[str, str, Sums], Sums]
"""Takes pointers to a source and a weight, and sums; returns the sums plus the terms of one kernel
row."""


def row_table(
    module: Module, spec: Correlation, weight_bytes: int = 4, cell_bytes: int = GROUP_BYTES
) -> str:
    """The table with the terms of each output row."""
    row_bytes = spec.source.shape.width * cell_bytes
    return module.table(term_table(spec.rows, weight_bytes * spec.kernel_columns, row_bytes))


class Emitter:
    """Writes one correlation as a kernel (source, output, mask, weight, bias, rows, count) for
    ``count`` output rows. ``rows`` points to their entries in the row table.

    A vector holds a source value of several examples and is multiplied by one weight at a time.
    """

    weight_bytes = 4
    cell_bytes = GROUP_BYTES
    """Bytes from one source cell to the next."""

    def __init__(
        self, function: Function, module: Module, machine: Target, spec: Correlation
    ) -> None:
        self.f, self.module, self.machine, self.spec = function, module, machine, spec
        self.row_step = term_steps(spec.rows)
        self.column_step = term_steps(spec.columns)
        self.outputs, self.width = self.tile()
        stride = max(1, self.column_step[0])
        self.column_runs = tile_runs(
            spec.columns, split_evenly(len(spec.columns), self.width, stride)
        )
        widest = max((len(cell) for cell in spec.columns), default=0)
        self.by_table = widest > _WIDEST or len(self.column_runs) > _MOST_BODIES
        if self.by_table:
            self.outputs, self.width = min(spec.output.channels, machine.sums // 2), 1

    # What a weight and a source value are.

    def tile(self) -> tuple[int, int]:
        """Outputs and columns per tile."""
        return tile(self.spec, self.machine.sums)

    def weight(self, pointer: str, offset: int) -> str:
        return self.f.load_splat(pointer, offset)

    @property
    def keeps_values(self) -> bool:
        """Whether a loaded source value stays in its register for later kernel columns."""
        return self.machine.registers >= 32

    def value(self, pointer: str, cell: int) -> str:
        return self.f.load(pointer, cell * self.cell_bytes)

    def over_channels(self, pointers: PointerMap, sums: Sums, terms: RowTerms) -> Sums:
        """The sums with the terms of all source channels."""
        f, spec = self.f, self.spec
        starts = {
            "source": (pointers["source"], spec.source.cells * self.cell_bytes),
            "weight": (pointers["weight"], self.weight_bytes * spec.sum_stride),
        }
        carried = [(f.vector, s) for s in sums]
        with f.loop(spec.axis_names[1], spec.source.channels, starts, carried) as c:
            c.carried = terms(c["source"], c["weight"], c.carried)
        return c.carried

    @property
    def source_row_bytes(self) -> int:
        return self.spec.source.shape.width * self.cell_bytes

    # The loops.

    def emit(self) -> None:
        """Write the loop over rows, each with all outputs and columns."""
        f, spec = self.f, self.spec
        strided = {"row": ("%rows", 24), "out": ("%output", spec.output.row_bytes)}
        if spec.masked:
            strided["mask"] = ("%mask", spec.output.row_bytes)
        f.note(f"{spec.output.channels} {spec.axis_names[0]}, each cell a sum of products")
        with f.loop("y", "%count", strided, at_least_once=True) as y:
            pointers = {key: y[key] for key in strided if key != "row"} | {
                "terms": f.load(y["row"], 0, "i64"),
                "weight": f.at("%weight", f.load(y["row"], 8, "i64")),
                "source": f.at("%source", f.load(y["row"], 16, "i64")),
                "bias": "%bias",
            }
            for row, count, run in self._tiles(pointers):
                if run is None:
                    self._columns_by_table(row, count)
                else:
                    self._tile(row, count, run)

    def _tiles(self, pointers: PointerMap) -> Iterator[tuple[PointerMap, int, TileRun | None]]:
        """Open the loops over the tiles of a row. Yields the pointers, the outputs per tile, and
        the columns, or None if they come from a table."""
        if self.by_table:
            for outputs, count in self._output_tiles(pointers):
                yield outputs, count, None
        else:
            for outputs, count in self._output_tiles(pointers):
                for both, run in self._column_tiles(outputs):
                    yield both, count, run

    def _output_tiles(self, pointers: PointerMap) -> Iterator[tuple[PointerMap, int]]:
        f, spec = self.f, self.spec
        for first, count, repeat in runs(spec.output.channels, self.outputs):
            weights = {"weight": self.weight_bytes * spec.output_stride, "bias": self.weight_bytes}
            sizes = weights if spec.bias else {"weight": weights["weight"]}
            sizes |= dict.fromkeys(self._output_pointers, spec.output.channel_bytes)
            starts = {
                key: (f.at(pointers[key], first * size), count * size)
                for key, size in sizes.items()
            }
            with f.loop(spec.axis_names[0], repeat, starts, remark=f"{count} at once") as tiles:
                yield pointers | {key: tiles[key] for key in starts}, count

    def _column_tiles(self, pointers: PointerMap) -> Iterator[tuple[PointerMap, TileRun]]:
        f = self.f
        for run in self.column_runs:
            cells = {"source": (run.source * self.cell_bytes, run.step * self.cell_bytes)}
            output_step = (
                run.start * self.spec.output.cell_bytes,
                run.span * self.spec.output.cell_bytes,
            )
            cells |= dict.fromkeys(self._output_pointers, output_step)
            starts = {
                key: (f.at(pointers[key], first), step) for key, (first, step) in cells.items()
            }
            with f.loop("x", run.repeat, starts, remark=f"{run.span} columns at once") as columns:
                yield pointers | {key: columns[key] for key in starts}, run

    @property
    def _output_pointers(self) -> list[str]:
        """The pointers that advance with the output."""
        return ["out", "mask"] if self.spec.masked else ["out"]

    def _tile(self, pointers: PointerMap, count: int, run: TileRun) -> None:
        self._prefetch_mask(pointers, count, run.span)

        def terms(source: str, weight: str, sums: Sums) -> Sums:
            return self.row_terms(source, weight, sums, count, run.pattern)

        self._store(pointers, self._sums(pointers, count, run.span, terms), run.span)

    def _prefetch_mask(self, pointers: PointerMap, count: int, span: int) -> None:
        """Prefetch the tile's mask before the long sums."""
        if not self.spec.masked:
            return
        for o, column in product(range(count), range(span)):
            offset = o * self.spec.output.channel_bytes + column * self.spec.output.cell_bytes
            pointer = self.f.at(pointers["mask"], offset)
            self.f.line(f"call void @llvm.prefetch.p0(ptr {pointer}, i32 0, i32 3, i32 1)")

    def _columns_by_table(self, pointers: PointerMap, count: int) -> None:
        """One column at a time, with its terms from a table."""
        f, spec = self.f, self.spec
        columns = self.module.table(term_table(spec.columns, self.weight_bytes, self.cell_bytes))
        starts = {"column": (columns, 24), "out": (pointers["out"], spec.output.cell_bytes)}
        if spec.masked:
            starts["mask"] = (pointers["mask"], spec.output.cell_bytes)
        dk, dsource = self.column_step
        widths = range_text(len(cell) for cell in spec.columns)
        with f.loop("x", len(spec.columns), starts, at_least_once=True) as x:
            terms = f.load(x["column"], 0, "i64")
            first_weight, first_source = (
                f.load(x["column"], 8, "i64"),
                f.load(x["column"], 16, "i64"),
            )

            def row(source: str, weight: str, sums: Sums) -> Sums:
                start = {
                    "source": (f.at(source, first_source), dsource * self.cell_bytes),
                    "weight": (f.at(weight, first_weight), self.weight_bytes * dk),
                }
                carried = [(f.vector, s) for s in sums]
                with f.loop("kx", terms, start, carried, trip_count=widths) as kx:
                    kx.carried = self.row_terms(
                        kx["source"], kx["weight"], kx.carried, count, (((0, 0),),)
                    )
                return kx.carried

            inner = pointers | {key: x[key] for key in starts if key != "column"}
            self._store(inner, self._sums(inner, count, 1, row), 1)

    def _sums(self, pointers: PointerMap, count: int, span: int, row_terms: RowTerms) -> Sums:
        """The sums of a tile: bias or zero, plus all terms."""
        spec = self.spec
        sums = ["zeroinitializer"] * (count * span)
        if spec.bias:
            firsts = [self.weight(pointers["bias"], self.weight_bytes * o) for o in range(count)]
            sums = [first for first in firsts for _ in range(span)]
        first = "bias" if spec.bias else "0"
        self.f.note(f"{count * span} sums in registers: {count} x {span}, each starts at {first}")
        lengths = {len(row) for row in spec.rows}
        if lengths == {1}:
            return self.over_channels(pointers, sums, row_terms)

        def kernel_rows(source: str, weight: str, sums: Sums) -> Sums:
            dk, dsource = self.row_step
            starts = {
                "source": (source, dsource * self.source_row_bytes),
                "weight": (weight, self.weight_bytes * dk * spec.kernel_columns),
            }
            carried = [(self.f.vector, s) for s in sums]
            arguments = ("ky", pointers["terms"], starts, carried)
            turns = range_text(lengths)
            with self.f.loop(*arguments, at_least_once=min(lengths) > 0, trip_count=turns) as ky:
                ky.carried = row_terms(ky["source"], ky["weight"], ky.carried)
            return ky.carried

        return self.over_channels(pointers, sums, kernel_rows)

    def row_terms(self, source: str, weight: str, sums: Sums, count: int, pattern: Terms) -> Sums:
        """Add one kernel row's terms to the tile's sums, in the order of the kernel columns."""
        f, span, sums = self.f, len(pattern), list(sums)
        by_cell: dict[int, list[tuple[int, int]]] = {}
        for column, cell in enumerate(pattern):
            for k, source_cell in cell:
                by_cell.setdefault(k, []).append((column, source_cell))
        loaded: dict[int, str] = {}
        unrolled = f", kx {range_text(by_cell)} unrolled" if len(by_cell) > 1 else ""
        with f.note_products(f"sum += {self.spec.product}{unrolled}"):
            for k in sorted(by_cell):
                offsets = [o * self.spec.output_stride + k for o in range(count)]
                weights = [self.weight(weight, self.weight_bytes * offset) for offset in offsets]
                for column, source_cell in by_cell[k]:
                    if source_cell not in loaded or not self.keeps_values:
                        loaded[source_cell] = self.value(source, source_cell)
                    for o, w in enumerate(weights):
                        index = o * span + column
                        sums[index] = f.fma(w, loaded[source_cell], sums[index])
        return sums

    def _store(self, pointers: PointerMap, sums: Sums, span: int) -> None:
        f, spec = self.f, self.spec
        divided = f", divided by {spec.divide}" if spec.divide != 1 else ""
        relu = ", after relu" if spec.relu else ""
        f.note(f"store the {len(sums)} sums{divided}{relu}{relu_mask_text(spec.masked)}")
        for index, total in enumerate(sums):
            o, column = divmod(index, span)
            offset = o * spec.output.channel_bytes + column * spec.output.cell_bytes
            value = total
            if spec.divide != 1:
                value = f.op("fdiv", value, f.constant(spec.divide))
            if spec.relu:
                value = f.relu(value)
            if spec.masked:
                above = f.value(
                    f"fcmp ogt {f.vector} {f.load(pointers['mask'], offset)}, zeroinitializer"
                )
                value = f.select(above, value, "zeroinitializer")
            f.store(value, pointers["out"], offset)


class Float64Emitter(Emitter):
    """The same in float64."""

    weight_bytes = SIZES["double"]
    cell_bytes = FLOAT64_GROUP_BYTES


def tile(spec: Correlation, sums: int) -> tuple[int, int]:
    """Outputs and columns per tile: about four by four, wider for few outputs and taller for few
    columns. Each loaded value is then used about four times."""
    outputs, columns = spec.output.channels, len(spec.columns)
    # With one weight per output, a loaded value must be reused for more outputs. Sixteen registers
    # hold eight sums beside the weights; with twelve, some spill, and the speed is halved.
    single = {len(cell) for cell in spec.columns} == {1} == {len(row) for row in spec.rows}
    many = sums > 16
    most = (sums if single else min(sums, 20)) if many else 8
    tallest = most // 4 if many else 4
    height = max(split_evenly(outputs, tallest)) if single else tile_height(outputs, tallest)
    width = max(split_evenly(columns, min(8, 4 if many and height >= 3 else most // height)))
    return tile_height(outputs, min(16, most // width)), width
