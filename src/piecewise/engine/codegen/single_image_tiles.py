"""Convolutions in tiles for a single input, with sixteen channels or features per vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES
from ..ir.memory_plan import NetworkWriter
from ..ir.target import Target
from ..ir.window_terms import split_evenly, tile_height
from ..kernels.single_image_kernels import BLOCK
from ..kernels.winograd import SourceTiles, TileLayout, TileProducts, tiles_of
from ..kernels.winograd_output import OutputTiles
from ..kernels.winograd_transforms import POSITIONS, TILE
from ..passes.base import Pass
from ..passes.pooling import PoolWindows
from ..passes.winograd import (
    TiledConvolution,
    bands,
    output_kernel,
    product_kernel,
    source_kernel,
)
from .layer_pieces import WorkPiece
from .single_image_layers import CorrelationLayer, input_pointer
from .single_image_writer import blocked_maps

_TILES = 32
"""Tiles that are computed at once: their values stay in the L2 cache."""


@dataclass
class TiledLayer(CorrelationLayer):
    """A convolution in tiles. A piece is some rows of tiles."""

    tiles: TiledConvolution | None = None

    @property
    def _spec(self) -> TiledConvolution:
        assert self.tiles
        return self.tiles

    @property
    def _height(self) -> int:
        """The rows that are computed."""
        if self.pool is None:
            return len(self.correlation.rows)
        windows = PoolWindows(self.pool).rows
        return windows.cells(windows.count - 1).stop

    @property
    def units(self) -> int:
        return -(-self._height // TILE)

    @property
    def weight_count(self) -> int:
        blocks = self.correlation.output.channels
        return POSITIONS * self._spec.source.channels * BLOCK * blocks

    def write_piece(
        self, d: NetworkWriter, layer_pass: Pass, piece: WorkPiece, packed: tuple[int, int]
    ) -> None:
        start, block, maps = TILE * piece.first_row, piece.first_block, self.correlation.output
        height = min(self._height - start, TILE * piece.rows)
        weight, bias = (d.f.at("%packed", offset) for offset in packed)
        weight_bytes = self._spec.source.channels * GROUP_BYTES
        pointers = _Pointers(
            input_pointer(d, layer_pass, self.source, planar=False),
            d.f.at(weight, block * weight_bytes),
            d.f.at(bias, block * GROUP_BYTES),
            d.f.at(self.output_pointer(d), block * maps.channel_bytes + start * maps.row_bytes),
        )
        # pieces that run at the same time need memory of their own
        writer = _PieceWriter(d, self._spec, f"piece{start}.{block}", piece.blocks)
        band = TILE * max(1, _TILES // self._spec.tile_columns)
        for first, rows, repeat in bands(height, band):
            for row in range(first, first + repeat * band, band):
                output = d.f.at(pointers.output, row * maps.row_bytes)
                writer.write_band(pointers._replace(output=output), start + row, rows)
        if self.pool:
            window = PoolWindows(self.pool).rows.window
            windows = piece._replace(first_row=start // window, rows=-(-height // window))
            self.write_pool(d, windows)


class _Pointers(NamedTuple):
    """The pointers of a piece; source and output are in blocks of channels."""

    source: str
    weight: str
    """The packed weights: [36][block of features][channel][16]."""
    bias: str
    output: str


@dataclass
class _PieceWriter:
    """Writes the calls of one piece, some blocks of features."""

    d: NetworkWriter
    spec: TiledConvolution
    name: str
    blocks: int

    def write_band(self, pointers: _Pointers, row: int, rows: int) -> None:
        """The kernel calls for the output rows from ``row`` on."""
        d, spec, width = self.d, self.spec, self.spec.tile_columns
        tile_rows = -(-rows // TILE)
        source, output = (blocked_maps(m.shape) for m in (spec.source, spec.output))
        tiles, channels = tile_rows * width, spec.source.channels
        values = tiles_of(source.channels, tiles, GROUP_BYTES)
        values = values._replace(channel=GROUP_BYTES, tile=source.channels * GROUP_BYTES)
        sums = tiles_of(self.blocks, tiles, GROUP_BYTES)
        block_bytes = channels * GROUP_BYTES
        weights = TileLayout(block_bytes * output.channels, GROUP_BYTES, block_bytes)
        products = TileProducts(
            channels,
            self.blocks,
            tiles,
            weights,
            values._replace(channel=4),  # one channel of a block after the other
            sums,
            *_register_tile(d.machine, self.blocks, tiles),
            vectors=True,
        )
        maps = FeatureMapLayout(output.shape._replace(channels=self.blocks))
        bias = "vector" * spec.bias
        outputs = OutputTiles(maps, rows, output.shape.width, sums, bias, spec.relu)
        sources = SourceTiles(source, tile_rows, width, values)
        name = f"{spec.name}.{self.name}.rows{rows}"
        lines = d.buffer(f"{name}.lines", sources.lines_bytes(GROUP_BYTES))
        stored = d.buffer(f"{name}.values", values.size)
        totals = d.buffer(f"{name}.totals", sums.size)
        first = spec.before[1]
        columns = min(TILE * width + 2 - first, source.shape.width)
        cell_bytes = 4 * d.machine.lanes
        numbers = sources.arguments(f"{row - spec.before[0]}", first, columns, cell_bytes)
        d.call_per_vector(source_kernel(d), [pointers.source, stored], [lines, *numbers])
        kernel = product_kernel(d, products)
        others = [stored, *products.arguments]
        d.call_per_vector(kernel, [pointers.weight, totals], others)
        for part, start, offset, numbers in outputs.parts():
            output_at = d.f.at(pointers.output, offset)
            vectors = [d.f.at(totals, start), pointers.bias, output_at, output_at]
            d.call_per_vector(output_kernel(d, part), vectors, numbers)


def _register_tile(machine: Target, blocks: int, tiles: int) -> tuple[int, int]:
    """The blocks of features and the tiles whose sums stay in registers."""
    width = max(split_evenly(tiles, machine.sums // min(2, blocks)))
    return tile_height(blocks, max(1, machine.sums // width)), width
