"""Weight gradients of 3x3 convolutions in tiles of 4x4 output cells: the kernel calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from ..ir.llvm_text import GROUP_BYTES
from ..ir.memory_plan import NetworkWriter
from ..kernels.winograd import SourceTiles
from ..kernels.winograd_transforms import TILE
from ..kernels.winograd_weight_gradient import (
    CELLS_BYTES,
    GRADIENT_ARGUMENTS,
    PRODUCT_ARGUMENTS,
    UPSTREAM_ARGUMENTS,
    GradientLayout,
    GradientProducts,
    add_weight_gradients,
    clear_sums,
    gradient_lines_bytes,
    multiply_gradients,
    transform_upstream,
    upstream_numbers,
)
from .winograd import Segment, TiledConvolution, bands, first_row, segments, source_kernel

GRADIENT_TILES = 4
"""Tiles that are computed at once: their values stay in the L2 cache. The order of the sums depends
on it."""


class GradientPointers(NamedTuple):
    """The pointers of a weight gradient."""

    source: str
    upstream: str
    sums: str


def write_weight_gradient(
    writer: NetworkWriter, spec: TiledConvolution, source: str, upstream: str, gradient: str
) -> None:
    """Write the calls that add the weight gradient of the convolution ``spec`` to ``gradient``."""
    tiles = spec.tile_rows * spec.most_tiles
    layout = GradientLayout(spec.source.channels, spec.output.channels, tiles)
    sums = writer.buffer(f"{spec.name}.sums", layout.sums.size)
    kernel = writer.kernel("clear_sums", (), "sums count:count", clear_sums)
    writer.call(kernel, sums, f"i64 {layout.sums.size // GROUP_BYTES}")
    pointers = GradientPointers(source, upstream, sums)
    for band, row, rows in _each_band(writer, spec, pointers):
        for moved, segment in _each_segment(writer, spec, band):
            _transform(writer, spec, layout, moved, (row, rows, segment))
            _multiply(writer, spec, layout, sums, -(-rows // TILE) * segment.tiles)
    kernel = writer.kernel(
        "add_weight_gradients",
        (),
        GRADIENT_ARGUMENTS,
        lambda f: add_weight_gradients(f, writer.module),
    )
    lines = writer.buffer(f"{spec.name}.weight_lines", gradient_lines_bytes(layout.channels))
    numbers = (layout.features, layout.channels, layout.sums.position, layout.sums.block)
    writer.call(kernel, sums, lines, gradient, *[f"i64 {number}" for number in numbers])


def _each_band(
    writer: NetworkWriter, spec: TiledConvolution, pointers: GradientPointers
) -> Iterator[tuple[GradientPointers, str, int]]:
    """Open the loops over the rows of tiles. Yields the pointers, the first source row and the
    number of output rows."""
    maps = spec.output
    for first, rows, repeat in bands(maps.shape.height, spec.band):
        start = writer.f.at(pointers.upstream, first * maps.row_bytes)
        steps = {"upstream": (start, spec.band * maps.row_bytes)}
        with writer.f.loop("bands", repeat, steps, remark=f"{rows} rows") as band:
            row = first_row(writer, spec, first, band.index)
            yield pointers._replace(upstream=band["upstream"]), row, rows


def _each_segment(
    writer: NetworkWriter, spec: TiledConvolution, pointers: GradientPointers
) -> Iterator[tuple[GradientPointers, Segment]]:
    """Open the loops over the segments of a row of tiles."""
    for start, repeat, segment in segments(spec):
        left = TILE * start - spec.before[1] + segment.first
        step = TILE * segment.tiles * GROUP_BYTES
        steps = {
            "source": (writer.f.at(pointers.source, left * GROUP_BYTES), step),
            "upstream": (writer.f.at(pointers.upstream, TILE * start * GROUP_BYTES), step),
        }
        remark = f"{segment.tiles} tiles at once"
        with writer.f.loop("columns", repeat, steps, remark=remark) as columns:
            moved = {name: columns[name] for name in steps}
            yield pointers._replace(**moved), segment


def _values(writer: NetworkWriter, spec: TiledConvolution, layout: GradientLayout) -> list[str]:
    """The pointers to the transformed source and to the transformed gradients of some tiles."""
    sizes = {"values": layout.source.size, "gradients": layout.upstream.size}
    return [writer.buffer(f"{spec.name}.{name}", size) for name, size in sizes.items()]


def _transform(
    writer: NetworkWriter,
    spec: TiledConvolution,
    layout: GradientLayout,
    pointers: GradientPointers,
    part: tuple[str, int, Segment],
) -> None:
    """Transform the source and the gradients of a segment."""
    (row, rows, segment), lanes = part, writer.machine.lanes
    values, gradients = _values(writer, spec, layout)
    tiles = SourceTiles(spec.source, -(-rows // TILE), segment.tiles, layout.source)
    widest = replace(tiles, tiles=spec.most_tiles)
    lines = writer.buffer(f"{spec.name}.lines", widest.lines_bytes(GROUP_BYTES))
    numbers = tiles.arguments(row, segment.first, segment.columns, 4 * lanes)
    writer.call_per_vector(source_kernel(writer), [pointers.source, values], [lines, *numbers])
    kernel = writer.kernel(
        "transform_upstream",
        (),
        UPSTREAM_ARGUMENTS,
        lambda f: transform_upstream(f, writer.module),
        lanes,
    )
    cells = writer.buffer(f"{spec.name}.cells", CELLS_BYTES)
    numbers = upstream_numbers(spec.output, rows, segment.width, layout)
    writer.call(kernel, pointers.upstream, gradients, cells, *numbers)


def _multiply(
    writer: NetworkWriter, spec: TiledConvolution, layout: GradientLayout, sums: str, tiles: int
) -> None:
    """Add the products of some tiles to the sums."""
    lanes = writer.machine.lanes
    most = 8 if writer.machine.registers >= 32 else 4
    products = GradientProducts(
        most,
        layout.channels % most,
        lanes == 16 and layout.blocks % 2 == 1,
        layout.source.channel,
        layout.upstream.block,
    )
    kernel = writer.kernel(
        "multiply_gradients",
        products,
        PRODUCT_ARGUMENTS,
        lambda f: multiply_gradients(f, products),
        lanes,
    )
    numbers = layout.product_numbers(tiles, most)
    writer.call(kernel, *_values(writer, spec, layout), sums, *numbers)
