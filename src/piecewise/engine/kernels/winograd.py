"""Convolution of 3x3 kernels in tiles of 4x4 output cells: the kernels of its three steps.

The source cells of each tile are transformed, multiplied by the transformed weights, and the sums
are transformed to output cells. `winograd_transforms` describes the method.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import Function
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


def transform_source(f: Function, spec: SourceTiles) -> None:
    """Write the kernel (source, values, lines, row, first, columns). ``row`` is the first source
    row of the tiles; rows outside the map are zero. ``first`` is the first column in the map,
    ``columns`` counts those in the map, and ``source`` points to the first of them in row 0."""
    cell, line = f.lanes * f.bytes, spec.line_bytes(f.lanes * f.bytes)
    maps = spec.source
    f.note(f"6x6 source cells of each tile, transformed for {maps.channels} channels")
    cells = spec.lines_bytes(cell) // cell
    with f.loop("cells", cells, {"line": ("%lines", cell)}, remark="set to zero") as each:
        f.store("zeroinitializer", each["line"])
    inside = f.at("%lines", f.op("mul", "%first", str(cell), "i64"))
    steps = {"values": ("%values", spec.tiles * spec.values.tile)}
    with f.loop("rows", spec.tile_rows, steps, remark="a row of tiles") as tile_row:
        offset = f.op("mul", tile_row.index, str(TILE), "i64")
        row = f.op("add", "%row", offset, "i64")
        rows = [_source_row(f, spec, row, number) for number in range(WINDOW)]
        by_channel: dict[str, tuple[str, int | str]] = {
            f"{n}": (start, step) for n, (start, step, _) in enumerate(rows)
        }
        by_channel["values"] = (tile_row["values"], spec.values.channel)
        with f.loop("channels", maps.channels, by_channel) as c:
            by_cell: dict[str, tuple[str, int | str]] = {
                f"{n}": (c[f"{n}"], step) for n, (_, _, step) in enumerate(rows)
            }
            by_cell["line"] = (inside, cell)
            with f.loop("x", "%columns", by_cell, at_least_once=True, trip_count="%columns") as x:
                with f.note_products("add a factor times a cell, along 6 rows"):
                    loaded = [f.load(x[f"{n}"]) for n in range(WINDOW)]
                    values = transformed_source(f, loaded)
                for n, value in enumerate(values):
                    f.store(value, x["line"], n * line)
            _transform_lines(f, spec, c["values"])


def _source_row(f: Function, spec: SourceTiles, row: str, number: int) -> tuple[str, str, str]:
    """The pointer to one of the six source rows, and its bytes from one channel and from one cell
    to the next. For a row outside the map, that is a cell of zeros and no step."""
    maps = spec.source
    zero = f.at("%lines", WINDOW * spec.line_bytes(f.lanes * f.bytes))
    index = f.op("add", row, str(number), "i64")
    inside = f.op("icmp ult", index, str(maps.shape.height), "i64")
    pointer = f.at("%source", f.op("mul", index, str(maps.row_bytes), "i64"))
    return (
        f.value(f"select i1 {inside}, ptr {pointer}, ptr {zero}"),
        f.value(f"select i1 {inside}, i64 {maps.channel_bytes}, i64 0"),
        f.value(f"select i1 {inside}, i64 {maps.cell_bytes}, i64 0"),
    )


def _transform_lines(f: Function, spec: SourceTiles, values: str) -> None:
    """The second half of the transform, along the six lines."""
    cell = f.lanes * f.bytes
    by_line = {
        "line": ("%lines", spec.line_bytes(cell)),
        "values": (values, WINDOW * spec.values.position),
    }
    with f.loop("lines", WINDOW, by_line) as each:
        by_tile = {
            "line": (each["line"], TILE * cell),
            "values": (each["values"], spec.values.tile),
        }
        with f.loop("tiles", spec.tiles, by_tile) as tile:
            with f.note_products("add a factor times a cell, along 6 columns"):
                loaded = [f.load(tile["line"], n * cell) for n in range(WINDOW)]
                transformed = transformed_source(f, loaded)
            f.note("store 6 values of the tile")
            for n, value in enumerate(transformed):
                f.store(value, tile["values"], n * spec.values.position)


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
    lie one after the other. A last block of fewer outputs has them at its end."""

    @property
    def blocks(self) -> list[tuple[int, int, int, int]]:
        """Equal blocks of outputs: (first output, outputs, repeats, offset of the weights)."""
        if not self.block:
            return [(0, self.outputs, 1, 0)]
        complete, rest = divmod(self.outputs, 16)
        last = complete * self.block + self.weight.tile * (16 - rest)
        parts = [(0, 16, complete, 0), (16 * complete, rest, 1, last)]
        return [part for part in parts if part[1] and part[2]]


def multiply_tiles(f: Function, spec: TileProducts) -> None:
    """Write the kernel (weight, sums, values)."""
    f.note(f"{POSITIONS} positions of {spec.tiles} tiles, each a sum of products over channels")
    layouts = {"weight": spec.weight, "values": spec.values, "sums": spec.sums}
    by_position = {name: (f"%{name}", layout.position) for name, layout in layouts.items()}
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
    for start, count, times, offset in spec.blocks:
        by_block = {
            "weight": (f.at(weight, offset), spec.block),
            "sums": (f.at(sums, start * spec.sums.channel), count * spec.sums.channel),
        }
        with f.loop("blocks", times, by_block) as block:
            for first, outputs, repeat in runs(count, spec.most_outputs):
                steps = {
                    name: (f.at(block[name], first * size), outputs * size)
                    for name, size in (("weight", spec.weight.tile), ("sums", spec.sums.channel))
                }
                remark = f"{outputs} at once"
                with f.loop("features", repeat, steps, remark=remark) as output:
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
    with (
        f.loop("c", spec.channels, steps, zeros) as c,
        f.note_products("sum += weight[position][c][f] * value[position][c][tile]"),
    ):
        weights = [load_weight(c["weight"], o * spec.weight.tile) for o in range(outputs)]
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

    @property
    def tiles(self) -> int:
        """Tiles per row."""
        return -(-self.columns // TILE)


def transform_sums(f: Function, spec: OutputTiles) -> None:
    """Write the kernel (sums, bias, output, mask)."""
    f.note(f"4x4 output cells of each tile, for {spec.output.channels} channels")
    maps, sums = spec.output, spec.sums
    by_channel = {"sums": ("%sums", sums.channel), "out": ("%output", maps.channel_bytes)}
    if spec.masked:
        by_channel["mask"] = ("%mask", maps.channel_bytes)
    if spec.bias:
        by_channel["bias"] = ("%bias", 4 if spec.bias == "each" else 64)
    moving = [name for name in by_channel if name != "bias"]
    with f.loop("channels", maps.channels, by_channel) as c:
        bias = ""
        if spec.bias:
            bias = f.load_splat(c["bias"]) if spec.bias == "each" else f.load(c["bias"])
        for first, height, repeat in _tile_runs(spec.rows):
            sizes = dict.fromkeys(moving, TILE * maps.row_bytes)
            sizes["sums"] = spec.tiles * sums.tile
            starts = {n: (f.at(c[n], first * size), size) for n, size in sizes.items()}
            with f.loop("rows", repeat, starts, remark=f"{height} at once") as row:
                for at, width, times in _tile_runs(spec.columns):
                    sizes = dict.fromkeys(moving, TILE * maps.cell_bytes)
                    sizes["sums"] = sums.tile
                    cells = {n: (f.at(row[n], at * size), size) for n, size in sizes.items()}
                    with f.loop("x", times, cells, remark=f"{width} columns at once") as x:
                        _store_tile(f, spec, {n: x[n] for n in moving}, bias, (height, width))


def _store_tile(
    f: Function, spec: OutputTiles, pointers: dict[str, str], bias: str, shape: tuple[int, int]
) -> None:
    """The output cells of one tile."""
    height, width = shape
    with f.note_products("add a factor times a sum, along the rows and columns of 36 sums"):
        columns = [
            transformed_sums(
                f,
                [
                    f.load(pointers["sums"], (WINDOW * row + column) * spec.sums.position)
                    for row in range(WINDOW)
                ],
            )
            for column in range(WINDOW)
        ]
        rows = [transformed_sums(f, [c[row] for c in columns])[:width] for row in range(height)]
    added = ", plus bias" * bool(bias)
    relu = ", after relu" * spec.relu
    f.note(f"store the {height * width} cells{added}{relu}{relu_mask_text(spec.masked)}")
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            offset = y * spec.output.row_bytes + x * spec.output.cell_bytes
            result = f.op("fadd", value, bias) if bias else value
            if spec.relu:
                result = f.relu(result)
            if spec.masked:
                result = f.where_positive(f.load(pointers["mask"], offset), result)
            f.store(result, pointers["out"], offset)
