"""A network for one picture at a time: what runs, and how its numbers lie.

The passes are those of a group without a way back; here each is written for sixteen features in the
lanes, weights as `packing` lays them. A layer with work enough is written as pieces, which helpers
may claim; a sum is always one thread's.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ...core.windows import complete_windows
from ...spec.architecture import Architecture, Stage
from ...spec.layer import Shape
from ..ir.feature_maps import FeatureMapLayout
from ..ir.intrinsics import declare
from ..ir.llvm_text import GROUP_BYTES, Function, Module
from ..ir.memory_plan import MemoryPlan, NetworkWriter
from ..ir.target import Target
from ..ir.window_terms import forward_terms
from ..kernels.convolution import Correlation, row_table
from ..kernels.elementwise import relu
from ..kernels.input_packing import scale_bytes, to_float
from ..kernels.single_image import (
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
from .layer_pieces import SplitThresholds, WorkPiece, pieces, products
from .weight_packing import blocks
from .work_sharing import given_back, prelude, shared, told, write_share

_HEAD = 64
"""Where places begin in memory."""


@dataclass(frozen=True)
class SingleImageIR:
    """The text of the program ``alone(memory, packed, input, byte_scaling, logits)``; with shared
    layers also ``(..., common, own, threads)``, blocks as in `share`."""

    text: str
    memory: int
    """Bytes; zeros at first."""
    plan: MemoryPlan
    shares: bool
    """Whether there are layers in pieces."""
    threads: int
    """How many threads are worth it."""


def in_blocks_of(shape: Shape) -> FeatureMapLayout:
    """How a stack lies, as [block of channels][row][column][16]."""
    return FeatureMapLayout(Shape(blocks(shape.channels), shape.height, shape.width))


class _Pieces(NetworkWriter):
    """Writes ``piece(memory, packed, number)``: one of the pieces of all shared layers."""

    def __init__(self, of: _SingleImageWriter, kernels: dict[Hashable, str]) -> None:
        function = Function("piece", ["ptr %memory", "ptr %packed", "i64 %number"])
        super().__init__(function, of.module, of.machine, of.plan, kernels)
        self.count = 0
        self._labels: list[str] = []
        self._end = self.f.new_label()

    @contextmanager
    def next(self) -> Iterator[None]:
        """What is written inside is the next piece."""
        self.count += 1
        self._labels.append(self.f.new_label())
        self.f.begin_block(self._labels[-1])
        yield
        self.f.line(f"br label %{self._end}")

    def finish(self) -> None:
        super().finish()
        cases = " ".join(f"i64 {n}, label %{label}" for n, label in enumerate(self._labels))
        self.f.prelude.append(f"  switch i64 %number, label %{self._end} [ {cases} ]")
        self.f.begin_block(self._end)


class _SingleImageWriter(NetworkWriter):
    """Writes the program; ``packed_at`` goes along the weights."""

    def __init__(
        self, module: Module, machine: Target, plan: MemoryPlan, cutting: SplitThresholds
    ) -> None:
        kernels: dict[Hashable, str] = {}
        names = ("memory", "packed", "input", "byte_scaling", "logits")
        function = Function("infer_single", [f"ptr %{name}" for name in names], public=True)
        super().__init__(function, module, machine, plan, kernels)
        self.cutting, self.pieces = cutting, _Pieces(self, kernels)
        self.shared_products = 0
        self._packed_at = 0

    def packed(self, floats: int) -> int:
        """Where the next so many of the packed numbers begin, in bytes."""
        self._packed_at += floats
        return 4 * (self._packed_at - floats)

    def share(self, first: int, what: Correlation) -> None:
        """The pieces written since ``first`` are a layer."""
        if not self.shared_products:
            told(self)
        self.shared_products += products(what)
        shared(self, first, self.pieces.count - first)

    def finish(self) -> None:
        if self.pieces.count:
            given_back(self)
            self.f.arguments = [*self.f.arguments, "ptr %common", "ptr %own", "i64 %threads"]
            self.pieces.finish()
            write_share(self.module, self.machine.pause)
        super().finish()
        if self.pieces.count:
            self.f.prelude += prelude()


def generate_single_image_ir(
    architecture: Architecture,
    machine: Target,
    *,
    uint8_input: bool,
    guard: int = 0,
    cutting: SplitThresholds | None = None,
) -> SingleImageIR:
    """Write the program of a network."""
    module, plan = (
        Module(),
        MemoryPlan(_HEAD, guard, separate=True),
    )  # zeros between channels stay zeros
    cutting = (cutting or SplitThresholds()).of(architecture.multiplications)
    d = _SingleImageWriter(module, machine, plan, cutting)
    passes = passes_of(architecture, training=False, backward=False)
    if not architecture.reads_texts:
        _take(d, architecture.input, uint8_input=uint8_input)
    source, planar = "input", True
    for index, made in enumerate(passes):
        d.time = index
        d.layer = made.name
        writer = WRITERS[type(made)]
        if planar and not writer.takes_planes:
            _lay_in_blocks(d, architecture.input)
            source, planar = "input.blocks", False
        writer.write(d, made, source, planar)
        source, planar = made.target, False
    last = passes[-1].output
    kernel = d.kernel(
        "unpack_logits", last, "source output", lambda f: unpack_single_image(f, last)
    )
    d.call(kernel, d.buffer(source, in_blocks_of(last.shape).size), "%logits")
    memory = plan.assign_offsets()
    d.finish()
    declare(module, machine)
    threads = 1 + d.shared_products // cutting.thread
    return SingleImageIR(module.text(), memory, plan, d.pieces.count > 0, threads)


def _take(d: _SingleImageWriter, shape: Shape, *, uint8_input: bool) -> None:
    """The picture's values as floats, [channel][row][column]."""
    kind = "i8" if uint8_input else "float"

    def write(f: Function) -> None:
        size = 1 if uint8_input else 4
        numbers = (
            [f.load_splat("%byte_scaling", place) for place in (0, 4, 8)] if uint8_input else []
        )
        lanes, rest = divmod(shape.values, 16)
        moving = {"x": ("%given", 16 * size), "y": ("%output", 64)}
        with f.loop("vectors", lanes, moving) as vector:
            x = f.load(vector["x"], 0, f"<16 x {kind}>", align=size)
            if uint8_input:
                wide = f.value(f"zext <16 x i8> {x} to <16 x i32>")
                x = scale_bytes(f, f.value(f"uitofp <16 x i32> {wide} to {f.vector}"), numbers)
            f.store(x, vector["y"])
        for value in range(16 * lanes, 16 * lanes + rest):
            x = f.broadcast(to_float(f, f.load("%given", size * value, kind), kind))
            x = scale_bytes(f, x, numbers) if uint8_input else x
            first = f.value(f"extractelement {f.vector} {x}, i64 0")
            f.store(first, "%output", 4 * value, "float")

    kernel = d.kernel("load_input", shape, "given byte_scaling output", write)
    d.call(kernel, "%input", "%byte_scaling", d.buffer("input", 4 * shape.values))


def _lay_in_blocks(d: _SingleImageWriter, shape: Shape) -> None:
    stack = FeatureMapLayout(shape)
    kernel = d.kernel("pack_blocks", stack, "source output", lambda f: to_channel_blocks(f, stack))
    source = d.buffer("input", 4 * shape.values)
    d.call(kernel, source, d.buffer("input.blocks", in_blocks_of(shape).size))


def _given(d: NetworkWriter, made: Pass, source: str, *, planar: bool) -> str:
    shape = made.stage.input
    return d.buffer(source, 4 * shape.values if planar else in_blocks_of(shape).size)


@dataclass
class _Layer:
    """Sums of products, and a pooling behind them if one follows: all of it, or a piece."""

    what: Correlation
    given: str
    planar: bool
    out: str
    """Where the sums are kept,"""
    sums: int
    """in so many bytes."""
    relu: bool
    pool: Stage | None = None
    target: str = ""
    """Where the pooling goes."""

    def write(self, d: _SingleImageWriter, made: Pass) -> None:
        """The layer, in pieces where they are worth it."""
        outputs = self.what.output.channels
        rows = self.pool.output.height if self.pool else len(self.what.rows)
        weight = d.packed(BLOCK * outputs * self.what.output_stride)
        packed = weight, d.packed(BLOCK * outputs) if self.what.bias else weight
        first = d.pieces.count
        for piece in pieces(self.what, rows, d.cutting):
            with d.pieces.next():
                self._piece(d.pieces, made, piece, packed)
        if d.pieces.count > first:
            d.share(first, self.what)
        else:
            self._piece(d, made, WorkPiece(0, rows, 0, outputs), packed)

    def _piece(
        self, d: NetworkWriter, made: Pass, piece: WorkPiece, packed: tuple[int, int]
    ) -> None:
        if self.pool is None:
            self._correlate(d, made, piece, packed)
            return
        windows = PoolWindows(self.pool).rows
        start = windows.cells(piece.first_row).start
        stop = windows.cells(piece.first_row + piece.rows - 1).stop
        under = piece._replace(first_row=start, rows=stop - start)
        self._correlate(d, made, under, packed)
        _windows(d, self.pool, self._out(d), self.target, relu=self.relu, piece=piece)

    def _out(self, d: NetworkWriter) -> str:
        return d.buffer(self.out, self.sums)

    def _correlate(
        self, d: NetworkWriter, made: Pass, piece: WorkPiece, packed: tuple[int, int]
    ) -> None:
        """The sums of a piece, part by part of a vector of sixteen."""
        complete_windows, stack = self.what, self.what.output
        what = replace(
            complete_windows, output=FeatureMapLayout(stack.shape._replace(channels=piece.blocks))
        )
        emitter = PlanarImageEmitter if self.planar else SingleImageEmitter
        kernel = d.kernel(
            "correlate",
            (what, self.planar),
            "output weight bias source rows count:count",
            lambda f: emitter(f, d.module, d.machine, what).emit(),
            d.machine.lanes,
        )
        block, row = piece.first_block, piece.first_row
        weight, bias = packed
        out = d.f.at(self._out(d), block * stack.channel_bytes + row * stack.row_bytes)
        weights = d.f.at("%packed", weight + GROUP_BYTES * block * what.output_stride)
        biases = d.f.at("%packed", bias + GROUP_BYTES * block)
        rows = row_table(d.module, complete_windows, emitter.weight_bytes, emitter.cell_bytes)
        given = _given(d, made, self.given, planar=self.planar)
        others = [given, d.f.at(rows, 24 * row), f"i64 {piece.rows}"]
        d.call_per_vector(kernel, [out, weights, biases], others)


def _convolution(d: _SingleImageWriter, made: ConvolutionPass, source: str, planar: bool) -> None:
    stack = in_blocks_of(made.stage.output)
    out = f"{made.name}.rows" if made.pool else made.target
    what = made.correlation(stack, relu=made.relu and not made.pool)
    layer = _Layer(what, source, planar, out, stack.size, made.relu, made.pool, made.target)
    layer.write(d, made)


def _full(d: _SingleImageWriter, made: Pass, source: str, planar: bool) -> None:
    """A kernel as large as the map, at one place."""
    shape = made.stage.input
    cells = shape.height * shape.width
    out = in_blocks_of(made.stage.output)
    what = Correlation(
        made.input,
        out,
        forward_terms(complete_windows(shape.height, shape.height, 1)),
        forward_terms(complete_windows(shape.width, shape.width, 1)),
        shape.channels * cells,
        cells,
        shape.width,
        bias=True,
        relu=made.relu,
    )
    _Layer(what, source, planar, made.target, out.size, made.relu).write(d, made)


def _windows(
    d: NetworkWriter,
    stage: Stage,
    given: str,
    target: str,
    *,
    relu: bool,
    piece: WorkPiece | None = None,
) -> None:
    """A pooling, or a piece of one."""
    before, after = in_blocks_of(stage.input), in_blocks_of(stage.output)
    out = d.buffer(target, after.size)
    rows = None
    if piece:
        out = d.f.at(out, piece.first_block * after.channel_bytes)
        given = d.f.at(given, piece.first_block * before.channel_bytes)
        before, after = (
            FeatureMapLayout(s.shape._replace(channels=piece.blocks)) for s in (before, after)
        )
        rows = range(piece.first_row, piece.first_row + piece.rows)
    pool = PoolWindows(replace(stage, input=before.shape, output=after.shape))
    step = pool.rows.stride * before.row_bytes
    places = (given, out, out)
    for row, _, kernel in pool.forward(d, before, places, step, relu=relu, rows=rows):
        d.call(kernel, row["given"], row["out"], row["winners"])


def _pool(d: _SingleImageWriter, made: Pass, source: str, planar: bool) -> None:
    given = _given(d, made, source, planar=planar)
    _windows(d, made.stage, given, made.target, relu=made.relu)


def _norm(d: _SingleImageWriter, made: Pass, source: str, planar: bool) -> None:
    stack, relu = in_blocks_of(made.stage.input), made.relu
    kernel = d.kernel(
        "normalize",
        (stack, relu),
        "source numbers output",
        lambda f: normalize_single_image(f, stack, relu=relu),
    )
    numbers = d.f.at("%packed", d.packed(4 * BLOCK * stack.channels))
    given = _given(d, made, source, planar=planar)
    d.call(kernel, given, numbers, d.buffer(made.target, stack.size))


def _relu(d: _SingleImageWriter, made: Pass, source: str, planar: bool) -> None:
    stack = in_blocks_of(made.stage.input)
    kernel = d.kernel("relu", stack, "source output", lambda f: relu(f, stack))
    d.call(kernel, _given(d, made, source, planar=planar), d.buffer(made.target, stack.size))


def _embed(d: _SingleImageWriter, made: Pass, source: str, planar: bool) -> None:
    stack, relu = in_blocks_of(made.stage.output), made.relu
    kernel = d.kernel(
        "embed",
        (stack, relu),
        "words weight output",
        lambda f: embed_single_image(f, stack, relu=relu),
    )
    weight = d.f.at("%packed", d.packed(made.stage.input.height * BLOCK * stack.channels))
    d.call(kernel, "%input", weight, d.buffer(made.target, stack.size))


class _Writer(NamedTuple):
    """Writes the calls of a pass; ``takes_planes``: also on the input as it is stored, channel by
    channel, not in blocks of sixteen channels."""

    write: Callable[[_SingleImageWriter, Any, str, bool], None]
    takes_planes: bool


WRITERS: dict[type[Pass], _Writer] = {
    ConvolutionPass: _Writer(_convolution, takes_planes=True),
    FullPass: _Writer(_full, takes_planes=True),
    PoolPass: _Writer(_pool, takes_planes=False),
    NormPass: _Writer(_norm, takes_planes=False),
    ReluPass: _Writer(_relu, takes_planes=False),
    EmbedPass: _Writer(_embed, takes_planes=True),
}
"""How each pass runs for one picture at a time; a pass that only training has is not here."""
assert GROUP_BYTES == 4 * BLOCK
