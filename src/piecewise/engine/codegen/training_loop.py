"""The functions that Python calls: `answer` and `learn`, each run by every thread at once.

Threads claim pieces of work, groups or shards, by a counter: whoever is free takes the next. What
a piece gives does not hang on who did it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ...spec.optimizers import BETA1, BETA2, EPSILON
from ..ir.function_writer import EntryWriter
from ..ir.llvm_text import Loop, Module, splat
from ..ir.program_context import (
    ARRIVED,
    FIELD_OFFSETS,
    GENERATION,
    NEXT_ITEM,
    NEXT_WEIGHTS,
    STEPS_DONE,
    STOPPED,
    STOPPED_AT_BARRIER,
    WEIGHTS,
)
from ..ir.thread_header import (
    INPUTS_OFFSET,
    LABELS_OFFSET,
    LOSSES_OFFSET,
    NUMBERS_OFFSET,
    SAMPLE_WEIGHTS_OFFSET,
)

_PAUSES = 2_000
"""How often a thread at the barrier looks before it lets others run."""
_LITTLE = 64
"""Blocks of sixteen parameters that one thread updates alone, without a second barrier."""


@dataclass(frozen=True)
class ProgramLayout:
    """What the functions have to know of the network."""

    parameters: int
    """Floats in the flat buffer."""
    running_stats: int
    pack_input: str
    """The kernel that lays pictures into lanes; none for words."""
    input: int
    """Where it lays them in a thread's memory."""
    output: int
    """Where the logits are."""
    upstream: int
    """Where their gradient goes."""
    classes: int
    optimizer: str
    """"sgd", "nesterov", "adamw", or "none": only the gradient, in the first shard."""
    pace: float
    frames: int | None = None
    """Where tricks keep their frames in a thread's memory; none without tricks."""
    weighted: bool = False
    """Whether pictures have weights."""
    shades: tuple[str, ...] = ()
    """The kernels that change pictures where they have been laid."""

    @property
    def blocks(self) -> int:
        """Blocks of sixteen parameters."""
        return -(-self.parameters // 16)

    @property
    def shard_floats(self) -> int:
        """Parameters and statistics of a shard, in whole cache lines, not a power of two apart."""
        lines = self.blocks + -(-self.running_stats // 16)
        return 16 * (lines + 8 + lines % 2)


class _Writer(EntryWriter):
    """Writes an entry function of training or inference."""

    def __init__(self, name: str, module: Module, layout: ProgramLayout, pause: str) -> None:
        super().__init__(name, module, pause)
        self.layout = layout

    def thread_memory(self) -> str:
        """The memory of the thread that runs."""
        f = self.f
        slot = f.at(self.load_context("thread_memories", "ptr"), self.integer("shl", "%thread", 3))
        return f.load(slot, 0, "ptr")

    def gather(self, memory: str, start: str, count: str, *, ordered: bool) -> None:
        """The group from position ``start`` on: its pictures' numbers, right classes, weights and
        places. A lane without a picture gets the first one's once more."""
        f = self.f
        inputs, stride = self.load_context("inputs", "ptr"), self.load_context("stride")
        moving = {
            "picture": (f.at(memory, NUMBERS_OFFSET), 8),
            "label": (f.at(memory, LABELS_OFFSET), 8),
            "place": (f.at(memory, INPUTS_OFFSET), 8),
        }
        if self.layout.weighted:
            moving["weight"] = (f.at(memory, SAMPLE_WEIGHTS_OFFSET), 4)
        with f.loop("lanes", 16, moving) as lane:
            there = self.integer("icmp slt", lane.index, count)
            moved = f.value(f"select i1 {there}, i64 {lane.index}, i64 0")
            number = self.integer("add", start, moved)
            if ordered:
                number = self.load_element("order", number)
                f.store(self.load_element("labels", number), lane["label"], 0, "i64")
                if self.layout.weighted:
                    weight = self.load_element("sample_weights", number, 4, "float")
                    f.store(weight, lane["weight"], 0, "float")
            f.store(number, lane["picture"], 0, "i64")
            f.store(f.at(inputs, self.integer("mul", number, stride)), lane["place"], 0, "ptr")
        given = [
            f"ptr {f.at(memory, INPUTS_OFFSET)}",
            f"ptr {self.load_context('byte_scaling', 'ptr')}",
        ]
        laid = f"ptr {f.at(memory, self.layout.input)}"
        if self.layout.frames is not None:
            numbers, frames = f.at(memory, NUMBERS_OFFSET), f.at(memory, self.layout.frames)
            given += [
                f"ptr {self.load_context('geometry', 'ptr')}",
                f"ptr {numbers}",
                f"ptr {frames}",
            ]
            f.call("augment_geometry", *given, laid)
        elif self.layout.pack_input:
            f.call(self.layout.pack_input, *given, laid)
        for kernel in self.layout.shades:
            numbers, told = f.at(memory, NUMBERS_OFFSET), self.load_context("intensity", "ptr")
            f.call(kernel, laid, f"ptr {told}", f"ptr {numbers}")


def write_infer(module: Module, layout: ProgramLayout, pause: str) -> None:
    """``answer(context, thread)``: the logits of positions 0 to count - 1."""
    w = _Writer("infer", module, layout, pause)
    f = w.f
    memory, weights = w.thread_memory(), f.load("%context", WEIGHTS, "ptr")
    running_stats, key, answers = w.load_pointers("running_stats", "key", "logits")
    total = w.load_context("count")
    with f.repeat() as done:
        start = w.integer("mul", w.claim(), 16)
        f.break_if(done, w.integer("icmp sge", start, total))
        count = w.minimum(w.integer("sub", total, start), "16")
        w.gather(memory, start, count, ordered=False)
        w.call_network("forward", (memory, weights, running_stats, "null", key), count)
        out = f.at(answers, w.integer("mul", start, 4 * layout.classes))
        f.call("unpack_logits", f"ptr {f.at(memory, layout.output)}", f"ptr {out}", f"i64 {count}")
    w.finish()


def write_train(module: Module, layout: ProgramLayout, pause: str) -> None:
    """``learn(context, thread)``: steps ``first`` to ``stop`` - 1 of an epoch."""
    w = _Writer("train", module, layout, pause)
    f = w.f
    out = f.new_label()
    first = w.load_context("first")
    memory = w.thread_memory()
    with f.loop("steps", w.integer("sub", w.load_context("stop"), first)) as step:
        start = w.integer("mul", w.integer("add", first, step.index), w.load_context("batch"))
        pictures = w.minimum(
            w.integer("sub", w.load_context("count"), start), w.load_context("batch")
        )
        groups = w.integer("lshr", w.integer("add", pictures, 15), 4)
        shards = w.minimum(groups, w.load_context("max_shards"))
        _slopes(w, memory, start, pictures, groups, shards)
        alone = layout.blocks <= _LITTLE
        with _barrier(w):
            if alone:
                _update(w, step.index, shards, "0", str(layout.blocks))
                _settle(w, pictures, shards)
        f.break_if(out, _stopped(w))
        if not alone:
            threads = w.load_context("threads")
            bounds = [
                w.integer(
                    "udiv",
                    w.integer("mul", w.integer("add", "%thread", more), layout.blocks),
                    threads,
                )
                for more in (0, 1)
            ]
            _update(w, step.index, shards, bounds[0], bounds[1])
            with _barrier(w):
                _settle(w, pictures, shards)
            f.break_if(out, _stopped(w))
    f.line(f"br label %{out}")
    f.begin_block(out)
    w.finish()


def _stopped(w: _Writer) -> str:
    return w.integer("icmp ne", w.f.load("%context", STOPPED_AT_BARRIER, "i64"), 0)


def _stop(w: _Writer, condition: str) -> None:
    with w.f.when(condition):
        stopped = w.f.at("%context", STOPPED)  # several threads may say so at once
        w.atomic_store(1, stopped, "monotonic")


def _slopes(w: _Writer, memory: str, start: str, pictures: str, groups: str, shards: str) -> None:
    """Every claimed shard: its groups forward and back."""
    f, layout = w.f, w.layout
    weights = f.load("%context", WEIGHTS, "ptr")
    running_stats, key = w.load_pointers("running_stats", "key")
    with f.repeat() as done:
        shard = w.claim()
        f.break_if(done, w.integer("icmp sge", shard, shards))
        slot = f.at(
            w.load_context("shards", "ptr"), w.integer("mul", shard, 4 * layout.shard_floats)
        )
        f.line(
            f"call void @llvm.memset.p0.i64(ptr align 64 {slot}, i8 0, "
            f"i64 {4 * layout.shard_floats}, i1 false)"
        )
        begin_block = w.integer("udiv", w.integer("mul", groups, shard), shards)
        end = w.integer("udiv", w.integer("mul", groups, w.integer("add", shard, 1)), shards)
        with f.loop("groups", w.integer("sub", end, begin_block), at_least_once=True) as group:
            inside = w.integer("mul", w.integer("add", begin_block, group.index), 16)
            count = w.minimum(w.integer("sub", pictures, inside), "16")
            position = w.integer("add", start, inside)
            w.gather(memory, position, count, ordered=True)
            pointers = (memory, weights, running_stats, slot, key)
            w.call_network("forward", pointers, count)
            losses = f.at(memory, LOSSES_OFFSET)
            logits, upstream = f.at(memory, layout.output), f.at(memory, layout.upstream)
            told = [logits, f.at(memory, LABELS_OFFSET), losses, upstream]
            if layout.weighted:
                told.append(f.at(memory, SAMPLE_WEIGHTS_OFFSET))
            f.call("loss", *(f"ptr {place}" for place in told), f"i64 {count}", f"i64 {pictures}")
            w.call_network("backward", pointers, count)
            moving = {
                "loss": (losses, 4),
                "out": (f.at(w.load_context("losses", "ptr"), w.integer("mul", position, 4)), 4),
            }
            with f.loop("pictures", count, moving, at_least_once=True) as lane:
                loss = f.load(lane["loss"], 0, "float")
                f.store(loss, lane["out"], 0, "float")
                _stop(w, f.op("fcmp uno", f.op("fsub", loss, loss, "float"), "0.0", "float"))


@contextmanager
def _barrier(w: _Writer) -> Iterator[None]:
    """All threads meet; the last to arrive does what is written inside, then all go on."""
    f = w.f
    last, wait, after = f.new_label(), f.new_label(), f.new_label()
    generation = f.at("%context", GENERATION)
    seen = w.atomic_load(generation)
    arrived = f.at("%context", ARRIVED)
    before = w.atomic_increment(arrived, "acq_rel")
    is_last = w.integer("icmp eq", w.integer("add", before, 1), w.load_context("threads"))
    f.line(f"br i1 {is_last}, label %{last}, label %{wait}")
    f.begin_block(last)
    yield
    f.store(f.load("%context", STOPPED, "i64"), "%context", STOPPED_AT_BARRIER, "i64")
    f.store("0", "%context", NEXT_ITEM, "i64")
    f.store("0", arrived, 0, "i64")
    w.atomic_increment(f.at("%context", GENERATION), "release")
    f.line(f"br label %{after}")
    f.begin_block(wait)
    with f.repeat() as opened:
        with f.loop("pauses", _PAUSES):
            now = w.atomic_load(generation)
            f.break_if(opened, w.integer("icmp ne", now, seen))
            w.spin()
        w.yield_thread(w.load_context("yield_function", "ptr"))
    f.line(f"br label %{after}")
    f.begin_block(after)


def _settle(w: _Writer, pictures: str, shards: str) -> None:
    """After a good step: the new weights are the weights, the running averages follow."""
    f, layout = w.f, w.layout
    if layout.optimizer == "none":
        return
    good = w.integer("icmp eq", f.load("%context", STOPPED, "i64"), 0)
    with f.when(good):
        old, new = f.load("%context", WEIGHTS, "ptr"), f.load("%context", NEXT_WEIGHTS, "ptr")
        f.store(new, "%context", WEIGHTS, "ptr")
        f.store(old, "%context", NEXT_WEIGHTS, "ptr")
        f.store(
            w.integer("add", f.load("%context", STEPS_DONE, "i64"), 1),
            "%context",
            STEPS_DONE,
            "i64",
        )
        if layout.running_stats:
            n = f.broadcast(f.value(f"sitofp i64 {pictures} to float"))
            blocks = -(-layout.running_stats // 16)
            slots = f.at(w.load_context("shards", "ptr"), 64 * layout.blocks)
            with f.loop(
                "running_stats",
                blocks,
                {"slot": (slots, 64), "average": (w.load_context("running_stats", "ptr"), 64)},
            ) as block:
                mean = f.op("fdiv", _over_shards(w, block["slot"], shards), n)
                average = f.load(block["average"], align=4)
                moved = f.fma(f.op("fsub", mean, average), splat(16, layout.pace), average)
                f.store(moved, block["average"], align=4)


def _over_shards(w: _Writer, slot: str, shards: str) -> str:
    """A block of sixteen floats added up over the shards, in their order."""
    f, size = w.f, 4 * w.layout.shard_floats
    more = w.integer("sub", shards, 1)
    with f.loop(
        "shards", more, {"slot": (f.at(slot, size), size)}, [(f.vector, f.load(slot))]
    ) as shard:
        shard.carried = [f.op("fadd", shard.carried[0], f.load(shard["slot"]))]
    return shard.carried[0]


def _update(w: _Writer, step: str, shards: str, begin_block: str, end: str) -> None:
    """Blocks ``begin_block`` to ``end`` - 1 of the parameters: one step down the slope."""
    f, layout = w.f, w.layout
    place = w.integer("mul", begin_block, 64)
    pointers = {"slot": w.load_context("shards", "ptr")}
    if layout.optimizer != "none":
        pointers |= {
            "old": f.load("%context", WEIGHTS, "ptr"),
            "new": f.load("%context", NEXT_WEIGHTS, "ptr"),
            "optimizer_state": w.load_context("optimizer_state", "ptr"),
        }
    if layout.optimizer == "adamw":
        pointers["second_moments"] = w.load_context("second_moments", "ptr")
    rates = f.at(w.load_context("rates", "ptr"), w.integer("mul", step, 16))
    numbers = [f.load_splat(rates, place_) for place_ in (0, 4, 8, 12)]
    numbers += [
        f.load_splat("%context", FIELD_OFFSETS["momentum"]),
        f.load_splat("%context", FIELD_OFFSETS["decay"]),
    ]
    moving = {key: (f.at(pointer, place), 64) for key, pointer in pointers.items()}
    zero = [(f.vector, "zeroinitializer")]
    with f.loop("blocks", w.integer("sub", end, begin_block), moving, zero) as block:
        slope = _over_shards(w, block["slot"], shards)
        if layout.optimizer == "none":
            f.store(slope, block["slot"])
            new = slope
        else:
            new = (_adamw if layout.optimizer == "adamw" else _sgd)(w, block, slope, numbers)
            f.store(new, block["new"])
        # zero as long as everything is finite
        block.carried = [f.op("fadd", block.carried[0], f.op("fsub", new, new))]
    odd = f.op("fcmp uno", block.carried[0], "zeroinitializer")
    if layout.optimizer != "none":
        _stop(w, f.value(f"call i1 @llvm.vector.reduce.or.v16i1(<16 x i1> {odd})"))


def _sgd(w: _Writer, block: Loop, slope: str, numbers: list[str]) -> str:
    f = w.f
    rate, _, _, _, momentum, decay = numbers
    old = f.load(block["old"])
    slope = f.fma(decay, old, slope)
    velocity = f.fma(momentum, f.load(block["optimizer_state"]), slope)
    f.store(velocity, block["optimizer_state"])
    step = f.fma(momentum, velocity, slope) if w.layout.optimizer == "nesterov" else velocity
    return f.fma(f.op("fmul", rate, f.constant(-1)), step, old)


def _adamw(w: _Writer, block: Loop, slope: str, numbers: list[str]) -> str:
    """``numbers``: rate, rate x decay, and the two corrections."""
    f = w.f
    rate, shrink, first_whole, second_whole = numbers[:4]
    old = f.load(block["old"])
    old = f.fma(f.op("fmul", shrink, f.constant(-1)), old, old)
    first = f.fma(
        f.constant(BETA1),
        f.load(block["optimizer_state"]),
        f.op("fmul", f.constant(1 - BETA1), slope),
    )
    squared = f.op("fmul", f.op("fmul", f.constant(1 - BETA2), slope), slope)
    second = f.fma(f.constant(BETA2), f.load(block["second_moments"]), squared)
    f.store(first, block["optimizer_state"])
    f.store(second, block["second_moments"])
    deviation = f.value(
        f"call {f.vector} @llvm.sqrt.v16f32({f.vector} {f.op('fdiv', second, second_whole)})"
    )
    step = f.op(
        "fdiv", f.op("fdiv", first, first_whole), f.op("fadd", deviation, f.constant(EPSILON))
    )
    return f.fma(f.op("fmul", rate, f.constant(-1)), step, old)
