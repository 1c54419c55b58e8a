"""A network for one picture at a time: what runs, and how its numbers lie.

The passes are those of a group without a way back; here each is written for sixteen features in the
lanes. Weights are packed in that form when the network is compiled.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..architecture import Architecture, Stage
from ..layers import Norm, Shape
from ..windows import whole
from .declarations import declare
from .driver import Driver, Plan
from .ir import GROUP_BYTES, Function, Module
from .kernels.alone import (
    BLOCK,
    AloneEmitter,
    FirstAloneEmitter,
    hand_out_alone,
    in_blocks,
    look_up_alone,
    normalize_alone,
)
from .kernels.correlation import Correlation, row_table
from .kernels.elementwise import rectify
from .kernels.lanes import number, scaled
from .machine import Machine
from .passes.base import Pass
from .passes.chain import passes_of
from .passes.convolution import ConvolutionPass
from .passes.full import FullPass
from .passes.normalization import NormPass
from .passes.others import EmbedPass, ReluPass
from .passes.pooling import PoolPass, PoolWindows
from .runtime import Array, Float32
from .stack import Stack
from .terms import forward_terms

_HEAD = 64
"""Where places begin in memory."""


@dataclass(frozen=True)
class Alone:
    """The text of the program ``alone(memory, packed, input, fraction, answers)``."""

    text: str
    memory: int
    """Bytes; zeros at first."""
    plan: Plan


def blocks(count: int) -> int:
    """Blocks of sixteen."""
    return -(-count // BLOCK)


def in_blocks_of(shape: Shape) -> Stack:
    """How a stack lies, as [block of channels][row][column][16]."""
    return Stack(Shape(blocks(shape.channels), shape.height, shape.width))


def packed(architecture: Architecture, arrays: Mapping[str, Array]) -> Float32:
    """All weights in the form that the program reads, pass by pass."""
    parts = [np.zeros(0, np.float32)]
    for made in passes_of(architecture, training=False, backward=False):
        own = {row.tensor.name: arrays[row.name] for row in made.stage.parameters}
        own |= {row.tensor.name: arrays[row.name] for row in made.stage.averages}
        parts += [part.ravel() for part in _pack(made, own)]
    return np.concatenate(parts).astype(np.float32)


def _pack(made: Pass, own: Mapping[str, Array]) -> list[Array]:
    if isinstance(made, NormPass):
        deviation = np.sqrt(own["variance"] + np.float32(Norm.epsilon))
        numbers = [own["mean"], np.float32(1) / deviation, own["weight"], own["bias"]]
        return [np.stack([_in_lanes(array) for array in numbers], axis=1)]
    if isinstance(made, EmbedPass):
        return [_in_lanes(own["weight"].T).transpose(2, 0, 1)]
    weight = own.get("weight")
    if weight is None:
        return []
    weight = weight.reshape(len(weight), made.input.channels, -1)
    bias = own.get("bias", np.zeros(0, np.float32))
    return [np.moveaxis(_in_lanes(weight), 1, -1), _in_lanes(bias)]


def _in_lanes(array: Array) -> Array:
    """(N, ...) -> (blocks, 16, ...), filled up with zeros."""
    filled = np.zeros((blocks(len(array)) * BLOCK, *array.shape[1:]), np.float32)
    filled[: len(array)] = array
    return filled.reshape(-1, BLOCK, *array.shape[1:])


class _Driver(Driver):
    """Writes the program; ``packed_at`` goes along the weights."""

    def __init__(self, module: Module, machine: Machine, plan: Plan) -> None:
        kernels: dict[Hashable, str] = {}
        super().__init__("alone", module, machine, plan, kernels, 0)
        names = ("memory", "packed", "input", "fraction", "answers")
        self.f = Function("alone", [f"ptr %{name}" for name in names], public=True)
        self.packed_at = 0

    def packed(self, floats: int) -> str:
        """The pointer to the next so many of the packed numbers."""
        pointer = self.f.at("%packed", 4 * self.packed_at)
        self.packed_at += floats
        return pointer


def assemble_alone(
    architecture: Architecture, machine: Machine, *, bytes_in: bool, guard: int = 0
) -> Alone:
    """Write the program of a network."""
    module, plan = Module(), Plan(_HEAD, guard, apart=True)  # zeros between channels stay zeros
    d = _Driver(module, machine, plan)
    passes = passes_of(architecture, training=False, backward=False)
    if not architecture.reads_texts:
        _take(d, architecture.input, bytes_in=bytes_in)
    source, planar = "input", True
    for index, made in enumerate(passes):
        d.time = index
        d.working_on = made.name
        if planar and not isinstance(made, ConvolutionPass | FullPass | EmbedPass):
            _lay_in_blocks(d, architecture.input)
            source, planar = "input.blocks", False
        _WRITERS[type(made)](d, made, source, planar)
        source, planar = made.target, False
    last = passes[-1].output
    kernel = d.kernel("hand_out", last, "source answers", lambda f: hand_out_alone(f, last))
    d.call(kernel, d.place(source, in_blocks_of(last.shape).size), "%answers")
    memory = plan.lay_out()
    d.finish()
    declare(module, machine)
    return Alone(module.text(), memory, plan)


def _take(d: _Driver, shape: Shape, *, bytes_in: bool) -> None:
    """The picture's values as floats, [channel][row][column]."""
    kind = "i8" if bytes_in else "float"

    def write(f: Function) -> None:
        size = 1 if bytes_in else 4
        numbers = [f.spread("%fraction", place) for place in (0, 4, 8)] if bytes_in else []
        lanes, rest = divmod(shape.values, 16)
        moving = {"x": ("%given", 16 * size), "y": ("%output", 64)}
        with f.loop("vectors", lanes, moving) as vector:
            x = f.load(vector["x"], 0, f"<16 x {kind}>", align=size)
            if bytes_in:
                wide = f.value(f"zext <16 x i8> {x} to <16 x i32>")
                x = scaled(f, f.value(f"uitofp <16 x i32> {wide} to {f.vector}"), numbers)
            f.store(x, vector["y"])
        for value in range(16 * lanes, 16 * lanes + rest):
            x = f.broadcast(number(f, f.load("%given", size * value, kind), kind))
            x = scaled(f, x, numbers) if bytes_in else x
            first = f.value(f"extractelement {f.vector} {x}, i64 0")
            f.store(first, "%output", 4 * value, "float")

    kernel = d.kernel("take", shape, "given fraction output", write)
    d.call(kernel, "%input", "%fraction", d.place("input", 4 * shape.values))


def _lay_in_blocks(d: _Driver, shape: Shape) -> None:
    stack = Stack(shape)
    kernel = d.kernel("in_blocks", stack, "source output", lambda f: in_blocks(f, stack))
    source = d.place("input", 4 * shape.values)
    d.call(kernel, source, d.place("input.blocks", in_blocks_of(shape).size))


def _given(d: _Driver, made: Pass, source: str, *, planar: bool) -> str:
    shape = made.stage.input
    return d.place(source, 4 * shape.values if planar else in_blocks_of(shape).size)


def _correlate(d: _Driver, what: Correlation, given: str, out: str, *, planar: bool) -> None:
    """A correlation with the next packed weights, part by part of a vector of sixteen."""
    emitter = FirstAloneEmitter if planar else AloneEmitter
    kernel = d.kernel(
        "correlate",
        (what, planar),
        "output weight bias source rows count:count",
        lambda f: emitter(f, d.module, d.machine, what).emit(),
        d.machine.lanes,
    )
    floats = BLOCK * what.output.channels
    weight = d.packed(floats * what.output_stride)
    bias = d.packed(floats) if what.bias else weight
    rows = row_table(d.module, what, emitter.weight_bytes, emitter.cell_bytes)
    d.call_parts(kernel, [out, weight, bias], [given, rows, f"i64 {len(what.rows)}"])


def _convolution(d: _Driver, made: Pass, source: str, planar: bool) -> None:
    assert isinstance(made, ConvolutionPass)
    stack = in_blocks_of(made.stage.output)
    out = d.place(f"{made.name}.rows" if made.pool else made.target, stack.size)
    what = made.correlation(stack, relu=made.relu and not made.pool)
    _correlate(d, what, _given(d, made, source, planar=planar), out, planar=planar)
    if made.pool:
        _windows(d, made.pool, out, made.target, relu=made.relu)


def _full(d: _Driver, made: Pass, source: str, planar: bool) -> None:
    """A kernel as large as the map, at one place."""
    shape = made.stage.input
    cells = shape.height * shape.width
    out = in_blocks_of(made.stage.output)
    what = Correlation(
        made.input,
        out,
        forward_terms(whole(shape.height, shape.height, 1)),
        forward_terms(whole(shape.width, shape.width, 1)),
        shape.channels * cells,
        cells,
        shape.width,
        bias=True,
        relu=made.relu,
    )
    given = _given(d, made, source, planar=planar)
    _correlate(d, what, given, d.place(made.target, out.size), planar=planar)


def _windows(d: _Driver, stage: Stage, given: str, target: str, *, relu: bool) -> None:
    before, after = in_blocks_of(stage.input), in_blocks_of(stage.output)
    pool = PoolWindows(replace(stage, input=before.shape, output=after.shape))
    out = d.place(target, after.size)
    step = pool.rows.stride * before.row_bytes
    for row, _, kernel in pool.forward(d, before, (given, out, out), step, relu=relu):
        d.call(kernel, row["given"], row["out"], row["winners"])


def _pool(d: _Driver, made: Pass, source: str, planar: bool) -> None:
    given = _given(d, made, source, planar=planar)
    _windows(d, made.stage, given, made.target, relu=made.relu)


def _norm(d: _Driver, made: Pass, source: str, planar: bool) -> None:
    stack, relu = in_blocks_of(made.stage.input), made.relu
    kernel = d.kernel(
        "normalize",
        (stack, relu),
        "source numbers output",
        lambda f: normalize_alone(f, stack, relu=relu),
    )
    numbers = d.packed(4 * BLOCK * stack.channels)
    given = _given(d, made, source, planar=planar)
    d.call(kernel, given, numbers, d.place(made.target, stack.size))


def _rectify(d: _Driver, made: Pass, source: str, planar: bool) -> None:
    stack = in_blocks_of(made.stage.input)
    kernel = d.kernel("rectify", stack, "source output", lambda f: rectify(f, stack))
    d.call(kernel, _given(d, made, source, planar=planar), d.place(made.target, stack.size))


def _embed(d: _Driver, made: Pass, source: str, planar: bool) -> None:
    stack, relu = in_blocks_of(made.stage.output), made.relu
    kernel = d.kernel(
        "look_up",
        (stack, relu),
        "words weight output",
        lambda f: look_up_alone(f, stack, relu=relu),
    )
    weight = d.packed(made.stage.input.height * BLOCK * stack.channels)
    d.call(kernel, "%input", weight, d.place(made.target, stack.size))


_WRITERS: dict[type[Pass], Any] = {
    ConvolutionPass: _convolution,
    FullPass: _full,
    PoolPass: _pool,
    NormPass: _norm,
    ReluPass: _rectify,
    EmbedPass: _embed,
}
assert GROUP_BYTES == 4 * BLOCK
