"""Sums of weights times source cells: the way forward of convolution and full, and the way back to
their inputs.

    output[o][y][x] = first[o] + sum over c, ky, kx of weight[o][c][ky][kx] * source[c][..][..]

A tile is some outputs o by some columns x; its sums stay in registers while c, ky and kx go by.
Going back, o and c change their roles and the source is the upstream gradient.
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
    run_lengths,
    split_evenly,
    term_steps,
    term_table,
    tile_runs,
)

_WIDEST = 12
"""Kernel columns that are still written out one by one."""
_MOST_BODIES = 10
"""Different tiles along the columns that are still written out one by one."""


@dataclass(frozen=True)
class Correlation:
    """What is summed. Strides of the weight are in numbers."""

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
    """Whether the output is a gradient that only passes where another stack, of the output's
    form, is above zero."""
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
"""Pointers by what they point at."""
RowTerms = Callable[[str, str, Sums], Sums]
"""From pointers to a source and a weight: the sums with one kernel row's terms added."""


def row_table(
    module: Module, spec: Correlation, weight_bytes: int = 4, cell_bytes: int = GROUP_BYTES
) -> str:
    """The table that tells each output row its terms."""
    row_bytes = spec.source.shape.width * cell_bytes
    return module.table(term_table(spec.rows, weight_bytes * spec.kernel_columns, row_bytes))


class Emitter:
    """Writes one correlation as a function (source, output, mask, weight, bias, rows, count): of
    ``count`` output rows, whose lines of the table of rows begin at ``rows``.

    Here a vector holds a source value of many examples, and meets one weight at a time.
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
        """Outputs and columns of a tile."""
        return tile(self.spec, self.machine.sums)

    def weight(self, pointer: str, offset: int) -> str:
        return self.f.load_splat(pointer, offset)

    @property
    def keeps_values(self) -> bool:
        """Whether a source value stays in its register for the kernel columns after."""
        return self.machine.registers >= 32

    def value(self, pointer: str, cell: int) -> str:
        return self.f.load(pointer, cell * self.cell_bytes)

    def over_channels(self, place: PointerMap, sums: Sums, terms: RowTerms) -> Sums:
        """The sums with the terms of every channel of the source."""
        f, spec = self.f, self.spec
        starts = {
            "source": (place["source"], spec.source.cells * self.cell_bytes),
            "weight": (place["weight"], self.weight_bytes * spec.sum_stride),
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
        """The rows, each with all outputs and columns."""
        f, spec = self.f, self.spec
        strided = {"row": ("%rows", 24), "out": ("%output", spec.output.row_bytes)}
        if spec.masked:
            strided["mask"] = ("%mask", spec.output.row_bytes)
        f.note(f"{spec.output.channels} {spec.axis_names[0]}, each cell a sum of products")
        with f.loop("y", "%count", strided, at_least_once=True) as y:
            place = {key: y[key] for key in strided if key != "row"} | {
                "terms": f.load(y["row"], 0, "i64"),
                "weight": f.at("%weight", f.load(y["row"], 8, "i64")),
                "source": f.at("%source", f.load(y["row"], 16, "i64")),
                "bias": "%bias",
            }
            for row, count, run in self._tiles(place):
                if run is None:
                    self._columns_by_table(row, count)
                else:
                    self._tile(row, count, run)

    def _tiles(self, place: PointerMap) -> Iterator[tuple[PointerMap, int, TileRun | None]]:
        """Every tile of a row, written as loops: its pointers, how many outputs, which columns
        (none: to be looked up)."""
        if self.by_table:
            for outputs, count in self._output_tiles(place):
                yield outputs, count, None
        else:
            for outputs, count in self._output_tiles(place):
                for both, run in self._column_tiles(outputs):
                    yield both, count, run

    def _output_tiles(self, place: PointerMap) -> Iterator[tuple[PointerMap, int]]:
        f, spec = self.f, self.spec
        first = 0
        for count, repeat in run_lengths(split_evenly(spec.output.channels, self.outputs)):
            weights = {"weight": self.weight_bytes * spec.output_stride, "bias": self.weight_bytes}
            sizes = weights if spec.bias else {"weight": weights["weight"]}
            sizes |= dict.fromkeys(self._written, spec.output.channel_bytes)
            starts = {
                key: (f.at(place[key], first * size), count * size) for key, size in sizes.items()
            }
            with f.loop(spec.axis_names[0], repeat, starts, remark=f"{count} at once") as tiles:
                yield place | {key: tiles[key] for key in starts}, count
            first += count * repeat

    def _column_tiles(self, place: PointerMap) -> Iterator[tuple[PointerMap, TileRun]]:
        f = self.f
        for run in self.column_runs:
            cells = {"source": (run.source * self.cell_bytes, run.step * self.cell_bytes)}
            output_step = (
                run.start * self.spec.output.cell_bytes,
                run.span * self.spec.output.cell_bytes,
            )
            cells |= dict.fromkeys(self._written, output_step)
            starts = {key: (f.at(place[key], first), step) for key, (first, step) in cells.items()}
            with f.loop("x", run.repeat, starts, remark=f"{run.span} columns at once") as columns:
                yield place | {key: columns[key] for key in starts}, run

    @property
    def _written(self) -> list[str]:
        """What moves along with the output."""
        return ["out", "mask"] if self.spec.masked else ["out"]

    def _tile(self, place: PointerMap, count: int, run: TileRun) -> None:
        self._fetch(place, count, run.span)

        def terms(source: str, weight: str, sums: Sums) -> Sums:
            return self.row_terms(source, weight, sums, count, run.pattern)

        self._store(place, self._sums(place, count, run.span, terms), run.span)

    def _fetch(self, place: PointerMap, count: int, span: int) -> None:
        """Ask for what the tile will be masked by before the long sums."""
        if not self.spec.masked:
            return
        for o, column in product(range(count), range(span)):
            offset = o * self.spec.output.channel_bytes + column * self.spec.output.cell_bytes
            pointer = self.f.at(place["mask"], offset)
            self.f.line(f"call void @llvm.prefetch.p0(ptr {pointer}, i32 0, i32 3, i32 1)")

    def _columns_by_table(self, place: PointerMap, count: int) -> None:
        """One column at a time, its terms looked up."""
        f, spec = self.f, self.spec
        columns = self.module.table(term_table(spec.columns, self.weight_bytes, self.cell_bytes))
        starts = {"column": (columns, 24), "out": (place["out"], spec.output.cell_bytes)}
        if spec.masked:
            starts["mask"] = (place["mask"], spec.output.cell_bytes)
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

            inner = place | {key: x[key] for key in starts if key != "column"}
            self._store(inner, self._sums(inner, count, 1, row), 1)

    def _sums(self, place: PointerMap, count: int, span: int, row_terms: RowTerms) -> Sums:
        """The sums of a tile: what they start from, and all their terms."""
        spec = self.spec
        sums = ["zeroinitializer"] * (count * span)
        if spec.bias:
            firsts = [self.weight(place["bias"], self.weight_bytes * o) for o in range(count)]
            sums = [first for first in firsts for _ in range(span)]
        first = "bias" if spec.bias else "0"
        self.f.note(f"{count * span} sums in registers: {count} x {span}, each starts at {first}")
        lengths = {len(row) for row in spec.rows}
        if lengths == {1}:
            return self.over_channels(place, sums, row_terms)

        def kernel_rows(source: str, weight: str, sums: Sums) -> Sums:
            dk, dsource = self.row_step
            starts = {
                "source": (source, dsource * self.source_row_bytes),
                "weight": (weight, self.weight_bytes * dk * spec.kernel_columns),
            }
            carried = [(self.f.vector, s) for s in sums]
            given = ("ky", place["terms"], starts, carried)
            turns = range_text(lengths)
            with self.f.loop(*given, at_least_once=min(lengths) > 0, trip_count=turns) as ky:
                ky.carried = row_terms(ky["source"], ky["weight"], ky.carried)
            return ky.carried

        return self.over_channels(place, sums, kernel_rows)

    def row_terms(self, source: str, weight: str, sums: Sums, count: int, pattern: Terms) -> Sums:
        """One kernel row's terms for the tile: kernel columns in order, each for all its cells."""
        f, span, sums = self.f, len(pattern), list(sums)
        by_cell: dict[int, list[tuple[int, int]]] = {}
        for column, cell in enumerate(pattern):
            for k, place in cell:
                by_cell.setdefault(k, []).append((column, place))
        loaded: dict[int, str] = {}
        unrolled = f", kx {range_text(by_cell)} unrolled" if len(by_cell) > 1 else ""
        with f.note_products(f"sum += {self.spec.product}{unrolled}"):
            for k in sorted(by_cell):
                offsets = [o * self.spec.output_stride + k for o in range(count)]
                weights = [self.weight(weight, self.weight_bytes * offset) for offset in offsets]
                for column, place in by_cell[k]:
                    if place not in loaded or not self.keeps_values:
                        loaded[place] = self.value(source, place)
                    for o, w in enumerate(weights):
                        index = o * span + column
                        sums[index] = f.fma(w, loaded[place], sums[index])
        return sums

    def _store(self, place: PointerMap, sums: Sums, span: int) -> None:
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
                    f"fcmp ogt {f.vector} {f.load(place['mask'], offset)}, zeroinitializer"
                )
                value = f.select(above, value, "zeroinitializer")
            f.store(value, place["out"], offset)


class Float64Emitter(Emitter):
    """The same in float64."""

    weight_bytes = SIZES["double"]
    cell_bytes = FLOAT64_GROUP_BYTES


def tile(spec: Correlation, sums: int) -> tuple[int, int]:
    """Outputs and columns of a tile: near four by four, wider where there are few outputs and
    taller where there are few columns. Every value loaded is then used about four times."""
    outputs, columns = spec.output.channels, len(spec.columns)
    # A value that meets one weight of an output has to meet more outputs. Sixteen registers hold
    # eight sums beside the weights; with twelve something spills, and halves the speed.
    single = {len(cell) for cell in spec.columns} == {1} == {len(row) for row in spec.rows}
    many = sums > 16
    most = (sums if single else min(sums, 20)) if many else 8
    tallest = most // 4 if many else 4
    height = max(split_evenly(outputs, tallest)) if single else _height(outputs, tallest)
    width = max(split_evenly(columns, min(8, 4 if many and height >= 3 else most // height)))
    return _height(outputs, min(16, most // width)), width


def _height(outputs: int, most: int) -> int:
    """Outputs of a tile: near ``most``, and a divisor where there is one, because every other
    height is another piece of code."""
    for height in range(most, max(1, 3 * most // 4), -1):
        if outputs % height == 0:
            return height
    return max(split_evenly(outputs, most))
