"""Single-input inference: the LLVM IR that runs a network on one example at a time.

The passes are those of batch inference, but here the vector lanes hold sixteen features of one
example, with weights packed by `weight_packing`. A layer with enough work is written as pieces,
which helper threads may claim; no sum is ever divided between threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ...core.windows import complete_windows
from ...spec.architecture import Architecture, Stage
from ...spec.layer_base import Shape
from ..ir.feature_maps import FeatureMapLayout
from ..ir.intrinsics import declare
from ..ir.llvm_text import GROUP_BYTES, Function, Module
from ..ir.memory_plan import MemoryPlan, NetworkWriter
from ..ir.target import Target
from ..ir.window_terms import forward_terms
from ..kernels.convolution import Correlation, row_table
from ..kernels.elementwise import relu
from ..kernels.input_packing import scale_bytes, to_float
from ..kernels.single_image_kernels import (
    BLOCK,
    PlanarImageEmitter,
    SingleImageEmitter,
    embed_single_image,
    normalize_single_image,
    to_channel_blocks,
    unpack_single_image,
)
from ..passes.base import Pass
from ..passes.batch_norm import NormPass
from ..passes.chain import passes_of
from ..passes.convolution import ConvolutionPass
from ..passes.embedding import EmbedPass
from ..passes.fully_connected import FullPass
from ..passes.pooling import PoolPass, PoolWindows
from ..passes.relu import ReluPass
from ..passes.text_lengths import NO_LENGTHS, TextLengths, clear
from .layer_pieces import SplitThresholds, WorkPiece, split_layer
from .single_image_writer import SingleImageWriter, blocked_maps

_MEMORY_START = 64
"""The offset of the first buffer in memory."""


@dataclass(frozen=True)
class SingleImageIR:
    """The LLVM IR of ``infer_single(memory, packed, input, byte_scaling, logits)``, and what is
    needed to run it. With shared layers, three arguments follow: ``common`` and ``own``, blocks
    as in `work_sharing`, and ``threads``."""

    text: str
    memory: int
    """Bytes of memory; they must be zeros at first."""
    plan: MemoryPlan
    shares: bool
    """Whether some layers are split into pieces."""
    threads: int
    """The number of threads that is worthwhile."""


def generate_single_image_ir(
    architecture: Architecture,
    target: Target,
    *,
    uint8_input: bool,
    guard: int = 0,
    thresholds: SplitThresholds | None = None,
) -> SingleImageIR:
    """Write the program of a network. ``guard``: unused bytes around every buffer (for tests)."""
    module = Module()
    plan = MemoryPlan(_MEMORY_START, guard, separate=True)  # padding channels must stay zero
    thresholds = (thresholds or SplitThresholds()).for_network(architecture.multiplications)
    d = SingleImageWriter(module, target, plan, thresholds)
    passes = passes_of(architecture, training=False, backward=False)
    if not architecture.reads_texts:
        _load_input(d, architecture.input, uint8_input=uint8_input)
    source, planar = "input", True
    for index, layer_pass in enumerate(passes):
        d.time = index
        d.layer = layer_pass.name
        writer = WRITERS[type(layer_pass)]
        if planar and not writer.takes_planes:
            _pack_blocks(d, architecture.input)
            source, planar = "input.blocks", False
        writer.write(d, layer_pass, source, planar)
        source, planar = layer_pass.target, False
    last = passes[-1].output
    kernel = d.kernel(
        "unpack_logits", last, "source output", lambda f: unpack_single_image(f, last)
    )
    d.call(kernel, d.buffer(source, blocked_maps(last.shape).size), "%logits")
    memory = plan.assign_offsets()
    d.finish()
    declare(module, target)
    threads = 1 + d.shared_multiplications // thresholds.thread
    return SingleImageIR(module.text(), memory, plan, d.pieces.count > 0, threads)


def _load_input(d: SingleImageWriter, shape: Shape, *, uint8_input: bool) -> None:
    """Convert the input's values to floats, as [channel][row][column]."""
    kind = "i8" if uint8_input else "float"

    def write(f: Function) -> None:
        size = 1 if uint8_input else 4
        scaling = [f.load_splat("%byte_scaling", at) for at in (0, 4, 8)] if uint8_input else []
        vectors, rest = divmod(shape.values, 16)
        moving = {"x": ("%source", 16 * size), "y": ("%output", 64)}
        with f.loop("vectors", vectors, moving) as vector:
            x = f.load(vector["x"], 0, f"<16 x {kind}>", align=size)
            if uint8_input:
                wide = f.value(f"zext <16 x i8> {x} to <16 x i32>")
                x = scale_bytes(f, f.value(f"uitofp <16 x i32> {wide} to {f.vector}"), scaling)
            f.store(x, vector["y"])
        for value in range(16 * vectors, 16 * vectors + rest):
            x = f.broadcast(to_float(f, f.load("%source", size * value, kind), kind))
            x = scale_bytes(f, x, scaling) if uint8_input else x
            first = f.value(f"extractelement {f.vector} {x}, i64 0")
            f.store(first, "%output", 4 * value, "float")

    kernel = d.kernel("load_input", shape, "source byte_scaling output", write)
    d.call(kernel, "%input", "%byte_scaling", d.buffer("input", 4 * shape.values))


def _pack_blocks(d: SingleImageWriter, shape: Shape) -> None:
    """Reorder the input from planes to blocks of sixteen channels."""
    maps = FeatureMapLayout(shape)
    kernel = d.kernel("pack_blocks", maps, "source output", lambda f: to_channel_blocks(f, maps))
    source = d.buffer("input", 4 * shape.values)
    d.call(kernel, source, d.buffer("input.blocks", blocked_maps(shape).size))


def _input_of(d: NetworkWriter, layer_pass: Pass, source: str, *, planar: bool) -> str:
    """The pointer to the pass's input."""
    shape = layer_pass.stage.input
    return d.buffer(source, 4 * shape.values if planar else blocked_maps(shape).size)


@dataclass
class _CorrelationLayer:
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

    def write(self, d: SingleImageWriter, layer_pass: Pass) -> None:
        """Write the layer, split into pieces if that is worthwhile."""
        blocks = self.correlation.output.channels
        rows = self.pool.output.height if self.pool else len(self.correlation.rows)
        weight = d.take_packed(BLOCK * blocks * self.correlation.output_stride)
        packed = weight, d.take_packed(BLOCK * blocks) if self.correlation.bias else weight
        first = d.pieces.count
        for piece in split_layer(self.correlation, rows, d.thresholds):
            with d.pieces.next():
                self._write_piece(d.pieces, layer_pass, piece, packed)
        if d.pieces.count > first:
            d.share(first, self.correlation)
        else:
            self._write_piece(d, layer_pass, WorkPiece(0, rows, 0, blocks), packed)

    def _write_piece(
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
        source = self._output_pointer(d)
        layer = _PoolingLayer(self.pool, source, self.pooled, self.relu, self.lengths)
        layer.write(d, piece)

    def _output_pointer(self, d: NetworkWriter) -> str:
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
        output = d.f.at(self._output_pointer(d), block * maps.channel_bytes + row * maps.row_bytes)
        weights = d.f.at("%packed", weight + GROUP_BYTES * block * own.output_stride)
        biases = d.f.at("%packed", bias + GROUP_BYTES * block)
        table = row_table(d.module, full, emitter.weight_bytes, emitter.cell_bytes)
        source = _input_of(d, layer_pass, self.source, planar=self.planar)
        others = [source, d.f.at(table, 24 * row), f"i64 {piece.rows}"]
        d.call_per_vector(kernel, [output, weights, biases], others)


def _write_convolution(
    d: SingleImageWriter, layer_pass: ConvolutionPass, source: str, planar: bool
) -> None:
    maps = blocked_maps(layer_pass.stage.output)
    pool, target = layer_pass.pool, layer_pass.target
    output = f"{layer_pass.name}.rows" if pool else target
    correlation = layer_pass.correlation(maps, relu=layer_pass.relu and not pool)
    relu = layer_pass.relu
    layer = _CorrelationLayer(
        correlation, source, planar, output, maps.size, relu, layer_pass.lengths, pool, target
    )
    layer.write(d, layer_pass)
    _clear_output(d, layer_pass)


def _write_full(d: SingleImageWriter, layer_pass: Pass, source: str, planar: bool) -> None:
    """A fully connected layer: a correlation whose kernel is as large as the map."""
    shape = layer_pass.stage.input
    cells = shape.height * shape.width
    maps = blocked_maps(layer_pass.stage.output)
    correlation = Correlation(
        layer_pass.input,
        maps,
        forward_terms(complete_windows(shape.height, shape.height, 1)),
        forward_terms(complete_windows(shape.width, shape.width, 1)),
        shape.channels * cells,
        cells,
        shape.width,
        bias=True,
        relu=layer_pass.relu,
    )
    target, relu = layer_pass.target, layer_pass.relu
    layer = _CorrelationLayer(correlation, source, planar, target, maps.size, relu, NO_LENGTHS)
    layer.write(d, layer_pass)


@dataclass
class _PoolingLayer:
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


def _clear_output(d: SingleImageWriter, layer_pass: Pass) -> None:
    """Set the padding of the output to zero, if it is padded."""
    maps = blocked_maps(layer_pass.output.shape)
    clear(d, d.buffer(layer_pass.target, maps.size), maps, layer_pass.output_lengths(d))


def _write_pool(d: SingleImageWriter, layer_pass: Pass, source: str, planar: bool) -> None:
    pointer = _input_of(d, layer_pass, source, planar=planar)
    target, relu = layer_pass.target, layer_pass.relu
    _PoolingLayer(layer_pass.stage, pointer, target, relu, layer_pass.lengths).write(d)
    _clear_output(d, layer_pass)


def _write_norm(d: SingleImageWriter, layer_pass: Pass, source: str, planar: bool) -> None:
    maps, relu = blocked_maps(layer_pass.stage.input), layer_pass.relu
    kernel = d.kernel(
        "normalize",
        (maps, relu),
        "source numbers output",
        lambda f: normalize_single_image(f, maps, relu=relu),
    )
    numbers = d.f.at("%packed", d.take_packed(4 * BLOCK * maps.channels))
    pointer = _input_of(d, layer_pass, source, planar=planar)
    d.call(kernel, pointer, numbers, d.buffer(layer_pass.target, maps.size))
    _clear_output(d, layer_pass)


def _write_relu(d: SingleImageWriter, layer_pass: Pass, source: str, planar: bool) -> None:
    maps = blocked_maps(layer_pass.stage.input)
    kernel = d.kernel("relu", maps, "source output", lambda f: relu(f, maps))
    pointer = _input_of(d, layer_pass, source, planar=planar)
    d.call(kernel, pointer, d.buffer(layer_pass.target, maps.size))


def _write_embed(d: SingleImageWriter, layer_pass: Pass, source: str, planar: bool) -> None:
    maps, relu = blocked_maps(layer_pass.stage.output), layer_pass.relu
    layer_pass.lengths.compute(d, "%input", single=True)
    kernel = d.kernel(
        "embed",
        (maps, relu),
        "words weight output",
        lambda f: embed_single_image(f, maps, relu=relu),
    )
    floats = layer_pass.stage.input.height * BLOCK * maps.channels
    weight = d.f.at("%packed", d.take_packed(floats))
    d.call(kernel, "%input", weight, d.buffer(layer_pass.target, maps.size))


class PassWriter(NamedTuple):
    """Writes the calls of a pass. ``takes_planes``: the pass can also read the input as it is
    stored, channel by channel, instead of in blocks of sixteen channels."""

    write: Callable[[SingleImageWriter, Any, str, bool], None]
    takes_planes: bool


WRITERS: dict[type[Pass], PassWriter] = {
    ConvolutionPass: PassWriter(_write_convolution, takes_planes=True),
    FullPass: PassWriter(_write_full, takes_planes=True),
    PoolPass: PassWriter(_write_pool, takes_planes=False),
    NormPass: PassWriter(_write_norm, takes_planes=False),
    ReluPass: PassWriter(_write_relu, takes_planes=False),
    EmbedPass: PassWriter(_write_embed, takes_planes=True),
}
"""For each kind of pass that runs at inference, the function that writes its calls."""
assert GROUP_BYTES == 4 * BLOCK
