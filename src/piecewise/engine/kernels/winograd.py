"""Convolution of 3x3 kernels in tiles of 4x4 output cells: the kernels of its first two steps.

The source cells of each tile are transformed and multiplied by the transformed weights.
`winograd_output` transforms the sums to output cells. `winograd_transforms` describes the method.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Function
from ..ir.window_terms import runs
from .winograd_transforms import POSITIONS, TILE, WINDOW, transformed_source


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
        """Bytes of the lines that the kernel works on, and of source cells that are zero."""
        zeros = (TILE * self.tiles + WINDOW - TILE) * GROUP_BYTES
        return WINDOW * self.line_bytes(cell_bytes) + zeros

    def arguments(self, row: str, first: int, columns: int, cell_bytes: int) -> list[str]:
        """The integers that the kernel takes, in the order of `SOURCE_ARGUMENTS`."""
        maps, values, line = self.source, self.values, self.line_bytes(cell_bytes)
        sizes = (maps.channels, maps.channel_bytes, maps.shape.height, maps.row_bytes)
        cells = self.lines_bytes(cell_bytes) // cell_bytes
        counts = (self.tile_rows, self.tiles, line, cells)
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
    zeros = f.at("%lines", f.op("mul", "%line", str(WINDOW), "i64"))
    steps: dict[str, tuple[str, int | str]] = {"values": ("%values", "%value_row")}
    with f.loop("rows", "%tile_rows", steps, remark="a row of tiles") as tile_row:
        offset = f.op("mul", tile_row.index, str(TILE), "i64")
        row = f.op("add", "%row", offset, "i64")
        steps = {
            "source": ("%source", "%channel_bytes"),
            "values": (tile_row["values"], "%value_channel"),
        }
        with f.loop("channels", "%channels", steps, at_least_once=True) as c:
            _transform_rows(f, _source_rows(f, c["source"], row, zeros), inside)
            _transform_lines(f, c["values"])


def _source_rows(f: Function, source: str, row: str, zeros: str) -> list[str]:
    """The pointers to the six source rows from ``row`` on; ``zeros`` for those outside the map."""
    pointer, rows = f.at(source, f.op("mul", row, "%row_bytes", "i64")), []
    for number in range(WINDOW):
        index = f.op("add", row, str(number), "i64") if number else row
        pointer = f.at(pointer, "%row_bytes") if number else pointer
        inside = f.op("icmp ult", index, "%height", "i64")
        rows.append(f.value(f"select i1 {inside}, ptr {pointer}, ptr {zeros}"))
    return rows


def _transform_rows(f: Function, rows: Sequence[str], line: str) -> None:
    """The first half of the transform, down the columns, into lines from ``line`` on."""
    steps = {"line": (line, f.lanes * f.bytes)}
    with f.loop("x", "%columns", steps, [("i64", "0")], at_least_once=True) as x:
        with f.note_products("add a factor times a cell, along 6 rows"):
            values = transformed_source(f, [f.load(row, x.carried[0]) for row in rows])
        pointer = x["line"]
        for number, value in enumerate(values):
            pointer = f.at(pointer, "%line") if number else pointer
            f.store(value, pointer)
        x.carried = [f.op("add", x.carried[0], str(GROUP_BYTES), "i64")]


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
