"""Convolutions of 3x3 kernels in tiles of 4x4 output cells: which ones, and their kernel calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from ...spec.architecture import Stage
from ...spec.layers import Convolution
from ..ir.feature_maps import FeatureMapLayout
from ..ir.memory_plan import NetworkWriter
from ..ir.target import Target
from ..ir.window_terms import runs, split_evenly
from ..kernels.winograd import (
    PRODUCT_ARGUMENTS,
    SOURCE_ARGUMENTS,
    SourceTiles,
    TileLayout,
    TileProducts,
    multiply_tiles,
    tiles_of,
    transform_source,
)
from ..kernels.winograd_output import OUTPUT_ARGUMENTS, OutputPart, OutputTiles, transform_sums
from ..kernels.winograd_transforms import (
    POSITIONS,
    TILE,
    WEIGHT_ARGUMENTS,
    WINDOW,
    transform_weights_kernel,
    weight_lines_bytes,
    weight_numbers,
)

_LEAST_CHANNELS = 16
"""Channels and features from which on tiles are faster."""
_LEAST_GAIN = 2.25
"""How many times fewer products tiles must need, to pay for the transforms."""
_FEW_TILES, _CACHED_BYTES = 9, 5 << 18
"""With fewer tiles, the transformed weights must fit in the L2 cache, because they are read more
often than they are used."""
_TILES = 6
"""Tiles that are computed at once: their values stay in the L2 cache."""
_OUTPUTS = 32
"""Outputs that are computed at once: their sums stay in the L2 cache."""


def uses_tiles(stage: Stage, *, backward: bool = False) -> bool:
    """Whether a convolution, or its input gradient, is computed in tiles. This follows from its
    shapes alone."""
    layer = stage.layer
    assert isinstance(layer, Convolution)
    if layer.kernel != (3, 3) or layer.stride != (1, 1) or layer.mean:
        return False
    if min(stage.input.channels, stage.output.channels) < _LEAST_CHANNELS:
        return False
    rows, columns = layer.windows(stage.input)
    products = 1
    for windows in (rows, columns):
        products *= sum(len(windows.cells(index)) for index in range(windows.count))
    _, height, width = stage.input if backward else stage.output
    tiles = -(-height // TILE) * -(-width // TILE)
    weight_bytes = 4 * POSITIONS * stage.input.channels * stage.output.channels
    if tiles < _FEW_TILES and weight_bytes > _CACHED_BYTES:
        return False
    return products >= _LEAST_GAIN * POSITIONS * tiles


class TilePointers(NamedTuple):
    """The pointers of a convolution in tiles."""

    source: str
    weight: str
    """The transformed weights."""
    bias: str
    output: str
    mask: str


@dataclass(frozen=True)
class TiledConvolution:
    """A convolution, or an input gradient: each output row y adds up the source rows from
    y - ``before`` on, each column likewise."""

    name: str
    """The start of its buffers' names."""
    source: FeatureMapLayout
    output: FeatureMapLayout
    before: tuple[int, int]
    bias: bool = False
    relu: bool = False
    masked: bool = False
    backward: bool = False
    """Whether it computes an input gradient: the source is the upstream gradient."""
    tiles: int = _TILES
    """The most tiles that are computed at once."""

    @property
    def tile_columns(self) -> int:
        return -(-self.output.shape.width // TILE)

    @property
    def tile_rows(self) -> int:
        """Rows of tiles that are computed at once."""
        every = -(-self.output.shape.height // TILE)
        return max(1, min(every, self.tiles // self.tile_columns))

    @property
    def most_tiles(self) -> int:
        """Tiles of a row that are computed at once."""
        return max(split_evenly(self.tile_columns, self.tiles))

    @property
    def most_outputs(self) -> int:
        """Outputs that are computed at once."""
        return max(split_evenly(self.output.channels, _OUTPUTS, 16))

    @property
    def band(self) -> int:
        """Output rows that are computed at once."""
        return TILE * self.tile_rows

    @property
    def weight_size(self) -> int:
        """Bytes of the transformed weights."""
        return POSITIONS * self.weights.position

    @property
    def weights(self) -> TileLayout:
        """The layout of the transformed weights: [36][block of sixteen features][channel][16], or
        [36][channel][feature] for an input gradient, where channels are the outputs."""
        channels, outputs = self.source.channels, self.output.channels
        if self.backward:
            return TileLayout(4 * channels * outputs, 4, 4 * channels)
        return TileLayout(self.block * -(-outputs // 16), 64, 4)

    @property
    def block(self) -> int:
        """Bytes of the transformed weights of a block of sixteen outputs; 0 without blocks."""
        return 0 if self.backward else 64 * self.source.channels


class Segment(NamedTuple):
    """Some tiles of a row."""

    tiles: int
    first: int
    """The columns of padding before their source."""
    columns: int
    """The source columns in the map."""
    width: int
    """Their output columns."""


def segments(spec: TiledConvolution) -> Iterator[tuple[int, int, Segment]]:
    """The segments of a row of tiles, equal neighbors merged: (first tile, repeats, segment)."""
    merged: list[tuple[int, int, Segment]] = []
    start = 0
    for tiles in split_evenly(spec.tile_columns, spec.tiles):
        left = TILE * start - spec.before[1]
        first = max(0, -left)
        columns = min(TILE * tiles + WINDOW - TILE, spec.source.shape.width - left) - first
        width = min(TILE * tiles, spec.output.shape.width - TILE * start)
        segment = Segment(tiles, first, columns, width)
        if merged and merged[-1][2] == segment:
            merged[-1] = (merged[-1][0], merged[-1][1] + 1, segment)
        else:
            merged.append((start, 1, segment))
        start += tiles
    return iter(merged)


def transformed_weights(writer: NetworkWriter, spec: TiledConvolution) -> str:
    """The pointer to the transformed weights."""
    return writer.lasting_buffer(f"{spec.name}.transformed", spec.weight_size)


def write_transform(writer: NetworkWriter, spec: TiledConvolution, weight: str) -> None:
    """Write the call that transforms the weights."""
    features, channels = spec.output.channels, spec.source.channels
    if spec.backward:
        features, channels = channels, features
    kernel = writer.kernel(
        "transform_weights",
        (),
        WEIGHT_ARGUMENTS,
        lambda f: transform_weights_kernel(f, writer.module),
    )
    lines = writer.buffer(f"{spec.name}.weight_lines", weight_lines_bytes(channels))
    output = transformed_weights(writer, spec)
    numbers = weight_numbers(features, channels, turned=spec.backward)
    writer.call(kernel, weight, lines, output, *numbers)


def convolve(writer: NetworkWriter, spec: TiledConvolution, pointers: TilePointers) -> None:
    """Write the calls that compute all output rows."""
    height, row_bytes = spec.output.shape.height, spec.output.row_bytes
    for first, rows, repeat in bands(height, spec.band):
        steps = {
            name: (writer.f.at(pointer, first * row_bytes), spec.band * row_bytes)
            for name, pointer in (("output", pointers.output), ("mask", pointers.mask))
        }
        with writer.f.loop("bands", repeat, steps, remark=f"{rows} rows") as band:
            moved = pointers._replace(output=band["output"], mask=band["mask"])
            row = first_row(writer, spec, first, band.index)
            convolve_band(writer, spec, moved, row, rows)


def bands(rows: int, band: int) -> Iterator[tuple[int, int, int]]:
    """Complete bands, then the remaining rows: (first row, rows, repeats)."""
    complete, rest = divmod(rows, band)
    if complete:
        yield 0, band, complete
    if rest:
        yield complete * band, rest, 1


def first_row(writer: NetworkWriter, spec: TiledConvolution, first: int, band: str) -> str:
    """The first source row of a band, counted from output row ``first``."""
    row = writer.integer("mul", band, spec.band)
    return writer.integer("add", row, first - spec.before[0])


def convolve_band(
    writer: NetworkWriter, spec: TiledConvolution, pointers: TilePointers, row: str, rows: int
) -> None:
    """Write the calls that compute ``rows`` output rows. ``row`` is their first source row; output
    and mask point to the first output row."""
    for start, repeat, segment in segments(spec):
        left = TILE * start - spec.before[1] + segment.first
        sizes = {
            "source": (pointers.source, left, spec.source.cell_bytes),
            "output": (pointers.output, TILE * start, spec.output.cell_bytes),
            "mask": (pointers.mask, TILE * start, spec.output.cell_bytes),
        }
        steps = {
            name: (writer.f.at(pointer, at * size), TILE * segment.tiles * size)
            for name, (pointer, at, size) in sizes.items()
        }
        remark = f"{segment.tiles} tiles at once"
        with writer.f.loop("columns", repeat, steps, remark=remark) as columns:
            moved = {name: columns[name] for name in steps}
            _compute_segment(writer, spec, pointers._replace(**moved), row, rows, segment)


def _compute_segment(
    writer: NetworkWriter,
    spec: TiledConvolution,
    pointers: TilePointers,
    row: str,
    rows: int,
    segment: Segment,
) -> None:
    """The tiles of a segment, for one vector of examples after the other."""
    tile_rows, channels = -(-rows // TILE), spec.source.channels
    layout = tiles_of(channels, tile_rows * segment.tiles, 4 * writer.machine.lanes)
    source = SourceTiles(spec.source, tile_rows, segment.tiles, layout)
    widest = replace(source, tiles=spec.most_tiles)
    lines = writer.buffer(f"{spec.name}.lines", widest.lines_bytes(64))
    most = spec.tile_rows * spec.most_tiles
    values = writer.buffer(f"{spec.name}.values", tiles_of(channels, most, 64).size)
    cell_bytes = 4 * writer.machine.lanes
    numbers = source.arguments(row, segment.first, segment.columns, cell_bytes)
    for moved in _vectors(writer, pointers):
        writer.call(source_kernel(writer), moved.source, values, lines, *numbers)
        _compute_outputs(writer, spec, moved, values, layout, (rows, segment.width))


def _vectors(writer: NetworkWriter, pointers: TilePointers) -> Iterator[TilePointers]:
    """Open a loop over the vectors of a group. Yields the pointers of a vector."""
    lanes = writer.machine.lanes
    if lanes == 16:
        yield pointers
        return
    steps = {name: (getattr(pointers, name), 4 * lanes) for name in ("source", "output", "mask")}
    remark = f"{lanes} examples at once"
    with writer.f.loop("vectors", 16 // lanes, steps, remark=remark) as vector:
        yield pointers._replace(**{name: vector[name] for name in steps})


def _compute_outputs(
    writer: NetworkWriter,
    spec: TiledConvolution,
    pointers: TilePointers,
    values: str,
    layout: TileLayout,
    cells: tuple[int, int],
) -> None:
    """The output cells of tiles whose source is transformed, some outputs at a time."""
    machine, rows, columns = writer.machine, *cells
    tiles = layout.channel // layout.tile
    most = tiles_of(spec.most_outputs, spec.tile_rows * spec.most_tiles, 64)
    totals = writer.buffer(f"{spec.name}.totals", most.size)
    weight = spec.weights
    for first, outputs, repeat in runs(spec.output.channels, spec.most_outputs, 16):
        sums = tiles_of(outputs, tiles, 4 * machine.lanes)
        register_tile = _register_tile(machine, tiles)
        products = TileProducts(
            spec.source.channels,
            outputs,
            tiles,
            weight,
            layout,
            sums,
            *register_tile,
            block=spec.block,
        )
        maps = FeatureMapLayout(spec.output.shape._replace(channels=outputs))
        output = OutputTiles(maps, rows, columns, sums, "each" * spec.bias, spec.relu, spec.masked)
        sizes = {
            "weight": spec.block // 16 or weight.tile,
            "bias": 4,
            "output": maps.channel_bytes,
            "mask": maps.channel_bytes,
        }
        steps = {
            name: (writer.f.at(getattr(pointers, name), first * size), outputs * size)
            for name, size in sizes.items()
        }
        remark = f"{outputs} at once" + ", then relu" * spec.relu
        with writer.f.loop("features", repeat, steps, remark=remark) as block:
            kernel = product_kernel(writer, products)
            writer.call(kernel, block["weight"], totals, values, *products.arguments)
            for part, start, offset, numbers in output.parts():
                places = [writer.f.at(block[name], offset) for name in ("output", "mask")]
                kernel, at = output_kernel(writer, part), writer.f.at(totals, start)
                writer.call(kernel, at, block["bias"], *places, *numbers)


def source_kernel(writer: NetworkWriter) -> str:
    """The kernel that transforms the source."""
    lanes = writer.machine.lanes
    return writer.kernel("transform_source", (), SOURCE_ARGUMENTS, transform_source, lanes)


def product_kernel(writer: NetworkWriter, spec: TileProducts) -> str:
    """The kernel that multiplies weights and transformed source."""
    return writer.kernel(
        "multiply_tiles",
        spec.shared,
        PRODUCT_ARGUMENTS,
        lambda f: multiply_tiles(f, spec.shared),
        writer.machine.lanes,
    )


def output_kernel(writer: NetworkWriter, part: OutputPart) -> str:
    """The kernel that computes output cells from the sums."""
    return writer.kernel(
        "transform_sums",
        part,
        OUTPUT_ARGUMENTS,
        lambda f: transform_sums(f, part),
        writer.machine.lanes,
    )


def _register_tile(machine: Target, tiles: int) -> tuple[int, int]:
    """The outputs, a part of sixteen, and the tiles whose sums stay in registers."""
    most, widest = (24, 6) if machine.registers >= 32 else (10, 5)
    width = max(split_evenly(tiles, widest))
    return next(outputs for outputs in (8, 4, 2) if outputs * width <= most), width
