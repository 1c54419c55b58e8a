"""Single-input inference: the LLVM IR that runs a network on one example at a time.

The passes are those of batch inference, but here the vector lanes hold sixteen features of one
example, with weights packed by `weight_packing`. A layer with enough work is written as pieces,
which helper threads may claim; no sum is ever divided between threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...core.windows import complete_windows
from ...spec.architecture import Architecture
from ...spec.layer_base import Shape
from ..ir.feature_maps import FeatureMapLayout
from ..ir.intrinsics import declare
from ..ir.llvm_text import GROUP_BYTES, Function, Module
from ..ir.memory_plan import MemoryPlan
from ..ir.target import Target
from ..ir.window_terms import forward_terms
from ..kernels.convolution import Correlation
from ..kernels.elementwise import relu
from ..kernels.input_packing import scale_bytes, to_float
from ..kernels.single_image_kernels import (
    BLOCK,
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
from ..passes.pooling import PoolPass
from ..passes.relu import ReluPass
from ..passes.text_lengths import NO_LENGTHS, clear
from .layer_pieces import SplitThresholds
from .single_image_layers import CorrelationLayer, PoolingLayer, input_pointer
from .single_image_tiles import TiledLayer
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
        in_tiles = isinstance(layer_pass, ConvolutionPass) and layer_pass.tiles
        if planar and (in_tiles or not writer.takes_planes):
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


def _write_convolution(
    d: SingleImageWriter, layer_pass: ConvolutionPass, source: str, planar: bool
) -> None:
    maps = blocked_maps(layer_pass.stage.output)
    pool, target = layer_pass.pool, layer_pass.target
    output = f"{layer_pass.name}.rows" if pool else target
    correlation = layer_pass.correlation(maps, relu=layer_pass.relu and not pool)
    relu, lengths, tiles = layer_pass.relu, layer_pass.lengths, layer_pass.tiles
    arguments = (correlation, source, planar, output, maps.size, relu, lengths, pool, target)
    layer = TiledLayer(*arguments, tiles) if tiles else CorrelationLayer(*arguments)
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
    layer = CorrelationLayer(correlation, source, planar, target, maps.size, relu, NO_LENGTHS)
    layer.write(d, layer_pass)


def _clear_output(d: SingleImageWriter, layer_pass: Pass) -> None:
    """Set the padding of the output to zero, if it is padded."""
    maps = blocked_maps(layer_pass.output.shape)
    clear(d, d.buffer(layer_pass.target, maps.size), maps, layer_pass.output_lengths(d))


def _write_pool(d: SingleImageWriter, layer_pass: Pass, source: str, planar: bool) -> None:
    pointer = input_pointer(d, layer_pass, source, planar=planar)
    target, relu = layer_pass.target, layer_pass.relu
    PoolingLayer(layer_pass.stage, pointer, target, relu, layer_pass.lengths).write(d)
    _clear_output(d, layer_pass)


def _write_norm(d: SingleImageWriter, layer_pass: NormPass, source: str, planar: bool) -> None:
    maps, pool, target = blocked_maps(layer_pass.stage.input), layer_pass.pool, layer_pass.target
    relu = layer_pass.relu and not pool
    kernel = d.kernel(
        "normalize",
        (maps, relu),
        "source numbers output",
        lambda f: normalize_single_image(f, maps, relu=relu),
    )
    numbers = d.f.at("%packed", d.take_packed(4 * BLOCK * maps.channels))
    pointer = input_pointer(d, layer_pass, source, planar=planar)
    output = d.buffer(f"{layer_pass.name}.rows" if pool else target, maps.size)
    d.call(kernel, pointer, numbers, output)
    if pool:
        PoolingLayer(pool, output, target, layer_pass.relu, layer_pass.lengths).write(d)
    _clear_output(d, layer_pass)


def _write_relu(d: SingleImageWriter, layer_pass: Pass, source: str, planar: bool) -> None:
    maps = blocked_maps(layer_pass.stage.input)
    kernel = d.kernel("relu", maps, "source output", lambda f: relu(f, maps))
    pointer = input_pointer(d, layer_pass, source, planar=planar)
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
