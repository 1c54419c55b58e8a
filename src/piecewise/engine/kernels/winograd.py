"""Convolution of 3x3 kernels in tiles of 4x4 output cells: the kernels of its three steps.

The source cells of each tile are transformed, multiplied by the transformed weights, and the sums
are transformed to output cells. `winograd_transforms` describes the method.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Function, float64_constant
from ..ir.loop_notes import relu_mask_text
from ..ir.window_terms import run_lengths, split_evenly
from .winograd_transforms import POSITIONS, TILE, WINDOW, transformed_source, transformed_sums


class TileLayout(NamedTuple):
    """Where the transformed values of tiles lie: bytes from one position, channel or tile to the
    next."""

    position: int
    channel: int
    tile: int

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return POSITIONS * self.position


def tiles_of(channels: int, tiles: int, cell_bytes: int) -> TileLayout:
    """The layout [position][channel][tile]. An unused cell after each position keeps the positions
    from competing for the same lines of the cache."""
    return TileLayout((channels * tiles + 1) * cell_bytes, tiles * cell_bytes, cell_bytes)


def runs(count: int, most: int, unit: int = 1) -> Iterator[tuple[int, int, int]]:
    """Divide a range into equal spans, multiples of ``unit`` but for the last: (first, span,
    repeats)."""
    first = 0
    for span, repeat in run_lengths(split_evenly(count, most, unit)):
        yield first, span, repeat
        first += span * repeat


def _tile_runs(cells: int) -> Iterator[tuple[int, int, int]]:
    """Complete tiles, then the remaining cells: (first tile, cells, repeats)."""
    complete, rest = divmod(cells, TILE)
    if complete:
        yield 0, TILE, complete
    if rest:
        yield complete, rest, 1


@dataclass(frozen=True)
class SourceTiles:
    """Rows of tiles whose source is transformed. A vector of the source is one channel, or sixteen
    channels of a single image."""

    source: FeatureMapLayout
    tile_rows: int
    tiles: int
    """Tiles per row."""
    values: TileLayout

    def line_bytes(self, cell_bytes: int) -> int:
        """Bytes of one line of cells, with the padding."""
        return (TILE * self.tiles + WINDOW - TILE) * cell_bytes

    def lines_bytes(self, cell_bytes: int) -> int:
        """Bytes of the lines that the kernel works on, and of a cell that is zero."""
        return WINDOW * self.line_bytes(cell_bytes) + cell_bytes

    def arguments(self, row: str, first: int, columns: int, cell_bytes: int) -> list[str]:
        """The integers that the kernel takes, in the order of `SOURCE_ARGUMENTS`."""
        maps, values, line = self.source, self.values, self.line_bytes(cell_bytes)
        sizes = (maps.channels, maps.channel_bytes, maps.shape.height, maps.row_bytes)
        counts = (self.tile_rows, self.tiles, line, line * WINDOW // cell_bytes + 1)
        steps = (values.position, values.channel, values.tile, self.tiles * values.tile)
        numbers = (row, first, columns, *sizes, *counts, *steps)
        return [f"i64 {number}" for number in numbers]


SOURCE_ARGUMENTS = (
    "source values lines count:row count:first count:columns "
    "count:channels count:channel_bytes count:height count:row_bytes "
    "count:tile_rows count:tiles count:line count:cells "
    "count:position count:value_channel count:value_tile count:value_row"
)


def transform_source(f: Function) -> None:
    """Write the kernel that transforms the source. All sizes are arguments, so layers share it.

    ``row`` is the first source row of the tiles; rows outside the map are zero. ``first`` is the
    first column in the map, ``columns`` counts those in the map, and ``source`` points to the
    first of them in row 0.
    """
    cell = f.lanes * f.bytes
    f.note("6x6 source cells of each tile, transformed for %channels channels")
    with f.loop("cells", "%cells", {"line": ("%lines", cell)}, remark="set to zero") as each:
        f.store("zeroinitializer", each["line"])
    inside = f.at("%lines", f.op("mul", "%first", str(cell), "i64"))
    lines = [f.op("mul", "%line", str(number), "i64") for number in range(WINDOW + 1)]
    steps = {"values": ("%values", "%value_row")}
    with f.loop("rows", "%tile_rows", steps, remark="a row of tiles") as tile_row:
        offset = f.op("mul", tile_row.index, str(TILE), "i64")
        row = f.op("add", "%row", offset, "i64")
        rows = [_source_row(f, row, number, lines[-1]) for number in range(WINDOW)]
        by_channel = {f"{n}": (start, step) for n, (start, step, _) in enumerate(rows)}
        by_channel["values"] = (tile_row["values"], "%value_channel")
        with f.loop("channels", "%channels", by_channel, at_least_once=True) as c:
            by_cell: dict[str, tuple[str, int | str]] = {
                f"{n}": (c[f"{n}"], step) for n, (_, _, step) in enumerate(rows)
            }
            by_cell["line"] = (inside, cell)
            with f.loop("x", "%columns", by_cell, at_least_once=True) as x:
                with f.note_products("add a factor times a cell, along 6 rows"):
                    loaded = [f.load(x[f"{n}"]) for n in range(WINDOW)]
                    values = transformed_source(f, loaded)
                for line, value in zip(lines, values, strict=False):
                    f.store(value, x["line"], line)
            _transform_lines(f, c["values"])


def _source_row(f: Function, row: str, number: int, zero: str) -> tuple[str, str, str]:
    """The pointer to one of the six source rows, and its bytes from one channel and from one cell
    to the next. For a row outside the map, that is a cell of zeros and no step."""
    index = f.op("add", row, str(number), "i64")
    inside = f.op("icmp ult", index, "%height", "i64")
    pointer = f.at("%source", f.op("mul", index, "%row_bytes", "i64"))
    return (
        f.value(f"select i1 {inside}, ptr {pointer}, ptr {f.at('%lines', zero)}"),
        f.value(f"select i1 {inside}, i64 %channel_bytes, i64 0"),
        f.value(f"select i1 {inside}, i64 {GROUP_BYTES}, i64 0"),
    )


def _transform_lines(f: Function, values: str) -> None:
    """The second half of the transform, along the six lines."""
    cell = f.lanes * f.bytes
    positions = [f.op("mul", "%position", str(number), "i64") for number in range(WINDOW + 1)]
    by_line = {"line": ("%lines", "%line"), "values": (values, positions[-1])}
    with f.loop("lines", WINDOW, by_line) as each:
        by_tile: dict[str, tuple[str, int | str]] = {
            "line": (each["line"], TILE * cell),
            "values": (each["values"], "%value_tile"),
        }
        with f.loop("tiles", "%tiles", by_tile, at_least_once=True) as tile:
            with f.note_products("add a factor times a cell, along 6 columns"):
                loaded = [f.load(tile["line"], n * cell) for n in range(WINDOW)]
                transformed = transformed_source(f, loaded)
            f.note("store 6 values of the tile")
            for position, value in zip(positions, transformed, strict=False):
                f.store(value, tile["values"], position)


@dataclass(frozen=True)
class TileProducts:
    """Sums of products over the channels, for each position, output and tile. If the weights are
    ``vectors``, each is multiplied by a single value, otherwise a single weight by a vector."""

    channels: int
    outputs: int
    tiles: int
    weight: TileLayout
    """Of the weights; its "tile" is an output."""
    values: TileLayout
    sums: TileLayout
    most_outputs: int
    most_tiles: int
    """The outputs and the tiles whose sums stay in registers."""
    vectors: bool = False
    block: int = 0
    """Bytes from the weights of sixteen outputs to those of the next sixteen, or 0 if all outputs
    lie one after the other. If the last block has fewer outputs, they are in its last lanes."""

    @property
    def shared(self) -> TileProducts:
        """The same without the sizes that the kernel takes as arguments."""
        weight = TileLayout(0, self.weight.channel, 0)
        values, sums = (layout._replace(position=0) for layout in (self.values, self.sums))
        return replace(
            self, channels=0, weight=weight, values=values, sums=sums, block=min(1, self.block)
        )

    @property
    def arguments(self) -> list[str]:
        """The integers that the kernel takes, in the order of `PRODUCT_ARGUMENTS`."""
        positions = (layout.position for layout in (self.weight, self.values, self.sums))
        numbers = (self.channels, *positions, self.weight.tile, self.block)
        return [f"i64 {number}" for number in numbers]

    def blocks(self, f: Function) -> Iterator[tuple[int, int, int, str]]:
        """Equal blocks of outputs: (first output, outputs, repeats, offset of the weights)."""
        complete, rest = divmod(self.outputs, 16)
        if not self.block:
            yield 0, self.outputs, 1, "0"
            return
        if complete:
            yield 0, 16, complete, "0"
        if rest:
            before = f.op("mul", "%block", str(complete), "i64")
            unused = f.op("mul", "%weight_tile", str(16 - rest), "i64")
            yield 16 * complete, rest, 1, f.op("add", before, unused, "i64")


PRODUCT_ARGUMENTS = (
    "weight sums values count:channels count:weight_position count:values_position "
    "count:sums_position count:weight_tile count:block"
)


def multiply_tiles(f: Function, spec: TileProducts) -> None:
    """Write the kernel that adds up the products. The sizes that differ between layers are
    arguments."""
    f.note(f"{POSITIONS} positions of {spec.tiles} tiles, each a sum of products over channels")
    by_position = {n: (f"%{n}", f"%{n}_position") for n in ("weight", "values", "sums")}
    with f.loop("positions", POSITIONS, by_position) as position:
        for first, tiles, repeat in runs(spec.tiles, spec.most_tiles):
            by_tile = {
                name: (f.at(position[name], first * size), tiles * size)
                for name, size in (("values", spec.values.tile), ("sums", spec.sums.tile))
            }
            with f.loop("tiles", repeat, by_tile, remark=f"{tiles} at once") as tile:
                _outputs(f, spec, (position["weight"], tile["values"], tile["sums"]), tiles)


def _outputs(f: Function, spec: TileProducts, pointers: tuple[str, str, str], tiles: int) -> None:
    """The sums of some tiles at one position, for all outputs."""
    weight, values, sums = pointers
    size = spec.sums.channel
    for start, count, times, offset in spec.blocks(f):
        by_block: dict[str, tuple[str, int | str]] = {
            "weight": (f.at(weight, offset), "%block"),
            "sums": (f.at(sums, start * size), count * size),
        }
        with f.loop("blocks", times, by_block) as block:
            for first, outputs, repeat in runs(count, spec.most_outputs):
                at, step = (
                    f.op("mul", "%weight_tile", str(number), "i64") for number in (first, outputs)
                )
                steps: dict[str, tuple[str, int | str]] = {
                    "weight": (f.at(block["weight"], at), step),
                    "sums": (f.at(block["sums"], first * size), outputs * size),
                }
                with f.loop("features", repeat, steps, remark=f"{outputs} at once") as output:
                    own = (output["weight"], values, output["sums"])
                    _store_sums(f, spec, own, (outputs, tiles))


def _store_sums(
    f: Function, spec: TileProducts, pointers: tuple[str, str, str], shape: tuple[int, int]
) -> None:
    """The sums of ``shape`` (outputs, tiles), kept in registers."""
    outputs, tiles = shape
    f.note(f"{outputs * tiles} sums in registers: {outputs} x {tiles}, each starts at 0")
    totals = _sums_over_channels(f, spec, pointers[:2], shape)
    f.note(f"store the {len(totals)} sums")
    for index, total in enumerate(totals):
        o, tile = divmod(index, tiles)
        f.store(total, pointers[2], o * spec.sums.channel + tile * spec.sums.tile)


def _sums_over_channels(
    f: Function, spec: TileProducts, pointers: tuple[str, str], shape: tuple[int, int]
) -> list[str]:
    """The sums of ``shape`` (outputs, tiles), channel by channel."""
    outputs, tiles = shape
    weight, values = pointers
    load_weight, load_value = (f.load, f.load_splat) if spec.vectors else (f.load_splat, f.load)
    steps = {"weight": (weight, spec.weight.channel), "values": (values, spec.values.channel)}
    zeros = [(f.vector, "zeroinitializer")] * (outputs * tiles)
    offsets = [f.op("mul", "%weight_tile", str(o), "i64") for o in range(outputs)]
    with (
        f.loop("c", "%channels", steps, zeros, at_least_once=True) as c,
        f.note_products("sum += weight[position][c][f] * value[position][c][tile]"),
    ):
        weights = [load_weight(c["weight"], offset) for offset in offsets]
        totals = list(c.carried)
        for tile in range(tiles):
            value = load_value(c["values"], tile * spec.values.tile)
            for o, factor in enumerate(weights):
                totals[o * tiles + tile] = f.fma(factor, value, totals[o * tiles + tile])
        c.carried = totals
    return c.carried


@dataclass(frozen=True)
class OutputTiles:
    """Output cells computed from the sums of tiles."""

    output: FeatureMapLayout
    rows: int
    columns: int
    """The rows and columns that are computed; the last tiles may be partial."""
    sums: TileLayout
    bias: str
    """ "": none; "each": one number for each vector; "vector": one for each lane."""
    relu: bool = False
    masked: bool = False
    """Whether the output is a gradient that is zero where a mask, with the output's layout, is not
    above zero."""

    def parts(self) -> Iterator[tuple[OutputPart, int, int, list[str]]]:
        """The complete tiles, and the partial ones at the borders: what a kernel computes, the
        offsets of its sums and its output, and the integers that it takes."""
        maps, sums = self.output, self.sums
        tiles = -(-self.columns // TILE)
        for first_row, height, rows in _tile_runs(self.rows):
            for first, width, columns in _tile_runs(self.columns):
                part = OutputPart(height, width, sums.tile, self.bias, self.masked)
                numbers = (
                    maps.channels, maps.channel_bytes, maps.row_bytes, rows, columns,
                    sums.position, sums.channel, tiles * sums.tile, int(self.relu),
                )  # fmt: skip
                offset = TILE * (first_row * maps.row_bytes + first * maps.cell_bytes)
                start = (first_row * tiles + first) * sums.tile
                yield part, start, offset, [f"i64 {number}" for number in numbers]


class OutputPart(NamedTuple):
    """Tiles of the same height and width, computed by one kernel."""

    height: int
    width: int
    sums_tile: int
    """Bytes from the sums of a tile to those of the next."""
    bias: str
    masked: bool


OUTPUT_ARGUMENTS = (
    "sums bias output mask count:channels count:channel_bytes count:row_bytes "
    "count:rows count:columns count:position count:sums_channel count:sums_row count:relu"
)


def transform_sums(f: Function, spec: OutputPart) -> None:
    """Write the kernel that computes output cells from the sums of tiles. ``rows`` and ``columns``
    count tiles; ``relu`` is 1 if ReLU is applied."""
    f.note("4x4 output cells of each tile, for %channels channels")
    moving = {"out": "%output", "mask": "%mask"} if spec.masked else {"out": "%output"}
    by_channel: dict[str, tuple[str, int | str]] = {
        name: (pointer, "%channel_bytes") for name, pointer in moving.items()
    }
    by_channel["sums"] = ("%sums", "%sums_channel")
    if spec.bias:
        by_channel["bias"] = ("%bias", 4 if spec.bias == "each" else GROUP_BYTES)
    positions = [f.op("mul", "%position", str(WINDOW * row), "i64") for row in range(WINDOW)]
    band = f.op("mul", "%row_bytes", str(TILE), "i64")
    relu = f.op("icmp ne", "%relu", "0", "i64")
    infinity = float64_constant(-inf)
    least = f.broadcast(f.value(f"select i1 {relu}, float 0.0, float {infinity}"))
    with f.loop("channels", "%channels", by_channel, at_least_once=True) as c:
        bias = ""
        if spec.bias:
            bias = f.load_splat(c["bias"]) if spec.bias == "each" else f.load(c["bias"])
        by_row = {name: (c[name], band) for name in moving} | {"sums": (c["sums"], "%sums_row")}
        remark = f"{spec.height} at once"
        with f.loop("rows", "%rows", by_row, at_least_once=True, remark=remark) as row:
            by_tile = {name: (row[name], TILE * GROUP_BYTES) for name in moving}
            by_tile["sums"] = (row["sums"], spec.sums_tile)
            remark = f"{spec.width} columns at once"
            with f.loop("x", "%columns", by_tile, at_least_once=True, remark=remark) as x:
                pointers = {name: x[name] for name in by_tile}
                _store_tile(f, spec, pointers, positions, bias, least)


def _store_tile(
    f: Function, spec: OutputPart, pointers: Mapping[str, str], positions: list[str], added: str,
    least: str,
) -> None:  # fmt: skip
    """The output cells of one tile, with a bias ``added`` and not below ``least``."""
    sums, columns = pointers["sums"], []
    with f.note_products("add a factor times a sum, along the rows and columns of 36 sums"):
        for column in range(WINDOW):
            if column:
                sums = f.at(sums, "%position")
            columns.append(transformed_sums(f, [f.load(sums, at) for at in positions]))
        rows = [transformed_sums(f, [c[row] for c in columns]) for row in range(spec.height)]
    count, bias = spec.height * spec.width, ", plus bias" * bool(added)
    f.note(f"store the {count} cells{bias}{relu_mask_text(spec.masked)}")
    offset = "0"
    for y, row in enumerate(rows):
        if y:
            offset = f.op("add", offset, "%row_bytes", "i64")
        for x, value in enumerate(row[: spec.width]):
            result = f.op("fadd", value, added) if added else value
            result = f.select(f.op("fcmp olt", result, least), least, result)
            if spec.masked:
                mask = f.load(f.at(pointers["mask"], offset), x * GROUP_BYTES)
                result = f.where_positive(mask, result)
            f.store(result, f.at(pointers["out"], offset), x * GROUP_BYTES)
