"""The layers of a single input that are written in pieces: correlations, with the poolings that are
fused into them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...spec.architecture import Stage
from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES
from ..ir.memory_plan import NetworkWriter
from ..kernels.convolution import Correlation, row_table
from ..kernels.single_image_kernels import BLOCK, PlanarImageEmitter, SingleImageEmitter
from ..passes.base import Pass
from ..passes.pooling import PoolWindows
from ..passes.text_lengths import TextLengths
from .layer_pieces import WorkPiece, split_layer
from .single_image_writer import SingleImageWriter, blocked_maps


def input_pointer(d: NetworkWriter, layer_pass: Pass, source: str, *, planar: bool) -> str:
    """The pointer to the pass's input."""
    shape = layer_pass.stage.input
    return d.buffer(source, 4 * shape.values if planar else blocked_maps(shape).size)


@dataclass
class CorrelationLayer:
    """A convolution or fully connected layer, with the pooling that is fused into it, if any."""

    correlation: Correlation
    source: str
    planar: bool
    output: str
    """The buffer of the correlation's output."""
    output_bytes: int
    relu: bool
    lengths: TextLengths
    pool: Stage | None = None
    pooled: str = ""
    """The buffer of the pooling's output."""

    @property
    def units(self) -> int:
        """The rows that pieces consist of."""
        return self.pool.output.height if self.pool else len(self.correlation.rows)

    @property
    def weight_count(self) -> int:
        """The number of packed weights."""
        return BLOCK * self.correlation.output.channels * self.correlation.output_stride

    def write(self, d: SingleImageWriter, layer_pass: Pass) -> None:
        """Write the layer, split into pieces if that is worthwhile."""
        blocks, rows = self.correlation.output.channels, self.units
        weight = d.take_packed(self.weight_count)
        packed = weight, d.take_packed(BLOCK * blocks) if self.correlation.bias else weight
        first = d.pieces.count
        for piece in split_layer(self.correlation, rows, d.thresholds):
            with d.pieces.next():
                self.write_piece(d.pieces, layer_pass, piece, packed)
        if d.pieces.count > first:
            d.share(first, self.correlation)
        else:
            self.write_piece(d, layer_pass, WorkPiece(0, rows, 0, blocks), packed)

    def write_piece(
        self, d: NetworkWriter, layer_pass: Pass, piece: WorkPiece, packed: tuple[int, int]
    ) -> None:
        if self.pool is None:
            self._correlate(d, layer_pass, piece, packed)
            return
        windows = PoolWindows(self.pool).rows
        start = windows.cells(piece.first_row).start
        stop = windows.cells(piece.first_row + piece.rows - 1).stop
        window_rows = piece._replace(first_row=start, rows=stop - start)
        self._correlate(d, layer_pass, window_rows, packed)
        self.write_pool(d, piece)

    def write_pool(self, d: NetworkWriter, piece: WorkPiece) -> None:
        assert self.pool
        source = self.output_pointer(d)
        layer = PoolingLayer(self.pool, source, self.pooled, self.relu, self.lengths)
        layer.write(d, piece)

    def output_pointer(self, d: NetworkWriter) -> str:
        return d.buffer(self.output, self.output_bytes)

    def _correlate(
        self, d: NetworkWriter, layer_pass: Pass, piece: WorkPiece, packed: tuple[int, int]
    ) -> None:
        """The correlation of one piece, one vector of lanes after the other."""
        full, maps = self.correlation, self.correlation.output
        own = replace(full, output=FeatureMapLayout(maps.shape._replace(channels=piece.blocks)))
        emitter = PlanarImageEmitter if self.planar else SingleImageEmitter
        kernel = d.kernel(
            "correlate",
            (own, self.planar),
            "output weight bias source rows count:count",
            lambda f: emitter(f, d.module, d.machine, own).emit(),
            d.machine.lanes,
        )
        block, row = piece.first_block, piece.first_row
        weight, bias = packed
        output = d.f.at(self.output_pointer(d), block * maps.channel_bytes + row * maps.row_bytes)
        weights = d.f.at("%packed", weight + GROUP_BYTES * block * own.output_stride)
        biases = d.f.at("%packed", bias + GROUP_BYTES * block)
        table = row_table(d.module, full, emitter.weight_bytes, emitter.cell_bytes)
        source = input_pointer(d, layer_pass, self.source, planar=self.planar)
        others = [source, d.f.at(table, 24 * row), f"i64 {piece.rows}"]
        d.call_per_vector(kernel, [output, weights, biases], others)


@dataclass
class PoolingLayer:
    """A pooling layer, by itself or fused into a convolution."""

    stage: Stage
    source: str
    """The pointer to its input."""
    target: str
    """The name of its output buffer."""
    relu: bool
    lengths: TextLengths

    def write(self, d: NetworkWriter, piece: WorkPiece | None = None) -> None:
        """Write the layer, or one piece of it."""
        source = self.source
        before, after = blocked_maps(self.stage.input), blocked_maps(self.stage.output)
        output = d.buffer(self.target, after.size)
        rows = None
        if piece:
            output = d.f.at(output, piece.first_block * after.channel_bytes)
            source = d.f.at(source, piece.first_block * before.channel_bytes)
            before, after = (
                FeatureMapLayout(s.shape._replace(channels=piece.blocks)) for s in (before, after)
            )
            rows = range(piece.first_row, piece.first_row + piece.rows)
        lengths = self.lengths.after(d, self.stage.number - 1)
        stage = replace(self.stage, input=before.shape, output=after.shape)
        pool = PoolWindows(stage, padded=bool(lengths))
        step = pool.rows.stride * before.row_bytes
        pointers = (source, output, output)
        for row, _, kernel in pool.forward(d, before, pointers, step, relu=self.relu, rows=rows):
            d.call(kernel, row["source"], row["out"], row["argmax"], *[lengths] * pool.padded)
