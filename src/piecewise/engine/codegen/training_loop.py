"""The training loop and the inference loop as LLVM IR: the entry functions `train` and `infer`.

Every thread runs the entry function. Threads claim work items (groups of examples, or shards of a
batch) from an atomic counter. The result of an item does not depend on the thread that computed
it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ...spec.frozen_layers import NOTHING, FrozenPart
from ..ir.function_writer import EntryWriter
from ..ir.llvm_text import Module, splat
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
from ..kernels.optimizers import update_rule

_POLLS = 2_000
"""Polls of a thread at the barrier before it lets other threads run."""
_SERIAL_UPDATE = 64
"""Up to this many blocks of sixteen parameters are updated by one thread, which saves a barrier."""


@dataclass(frozen=True)
class ProgramLayout:
    """The sizes and memory offsets that the entry functions need."""

    parameter_count: int
    running_stat_count: int
    pack_kernel: str
    """The kernel that packs images into lanes; empty for texts."""
    input_at: int
    """The offset of the packed input in a thread's memory."""
    logits_at: int
    logits_gradient_at: int
    classes: int
    optimizer: str
    """"sgd", "nesterov", "adamw", or "none": only the gradient, in the first shard."""
    stats_momentum: float
    """The momentum of batch norm's running averages."""
    frames_at: int | None = None
    """The offset of geometric augmentation's work buffer; None without it."""
    weighted: bool = False
    """Whether examples have sample weights."""
    intensity_kernels: tuple[str, ...] = ()
    """The kernels that change images after they were packed into lanes."""
    frozen: FrozenPart = NOTHING
    """The parameters and running statistics that no step changes, the first of each."""

    @property
    def blocks(self) -> int:
        """Blocks of sixteen parameters."""
        return -(-self.parameter_count // 16)

    @property
    def shard_floats(self) -> int:
        """Floats from one shard to the next: gradients and statistics in complete cache lines, not
        a power of two apart."""
        lines = self.blocks + -(-self.running_stat_count // 16)
        return 16 * (lines + 8 + lines % 2)


class _LoopWriter(EntryWriter):
    """Writes an entry function."""

    def __init__(self, name: str, module: Module, layout: ProgramLayout, pause: str) -> None:
        super().__init__(name, module, pause)
        self.layout = layout

    def thread_memory(self) -> str:
        """The memory of the thread that runs."""
        f = self.f
        slot = f.at(self.load_context("thread_memories", "ptr"), self.integer("shl", "%thread", 3))
        return f.load(slot, 0, "ptr")

    def gather(self, memory: str, start: str, count: str, *, ordered: bool) -> None:
        """Fill the group's header from position ``start`` on: the examples' indices, labels,
        sample weights and addresses. Unused lanes repeat the first example. Then pack and augment
        the input."""
        f = self.f
        inputs, stride = self.load_context("inputs", "ptr"), self.load_context("stride")
        moving = {
            "index": (f.at(memory, NUMBERS_OFFSET), 8),
            "label": (f.at(memory, LABELS_OFFSET), 8),
            "address": (f.at(memory, INPUTS_OFFSET), 8),
        }
        if self.layout.weighted:
            moving["weight"] = (f.at(memory, SAMPLE_WEIGHTS_OFFSET), 4)
        with f.loop("lanes", 16, moving) as lane:
            used = self.integer("icmp slt", lane.index, count)
            offset = f.value(f"select i1 {used}, i64 {lane.index}, i64 0")
            index = self.integer("add", start, offset)
            if ordered:
                index = self.load_element("order", index)
                f.store(self.load_element("labels", index), lane["label"], 0, "i64")
                if self.layout.weighted:
                    weight = self.load_element("sample_weights", index, 4, "float")
                    f.store(weight, lane["weight"], 0, "float")
            f.store(index, lane["index"], 0, "i64")
            f.store(f.at(inputs, self.integer("mul", index, stride)), lane["address"], 0, "ptr")
        self._pack(memory)

    def _pack(self, memory: str) -> None:
        """Pack the group's images into lanes, and augment them."""
        f, layout = self.f, self.layout
        indices = f"ptr {f.at(memory, NUMBERS_OFFSET)}"
        packed = f"ptr {f.at(memory, layout.input_at)}"
        scaling = self.load_context("byte_scaling", "ptr")
        arguments = [f"ptr {f.at(memory, INPUTS_OFFSET)}", f"ptr {scaling}"]
        if layout.frames_at is not None:
            frames = f"ptr {f.at(memory, layout.frames_at)}"
            geometry = f"ptr {self.load_context('geometry', 'ptr')}"
            f.call("augment_geometry", *arguments, geometry, indices, frames, packed)
        elif layout.pack_kernel:
            f.call(layout.pack_kernel, *arguments, packed)
        for kernel in layout.intensity_kernels:
            f.call(kernel, packed, f"ptr {self.load_context('intensity', 'ptr')}", indices)

    def frozen_lanes(self, frozen: int, block: str, first: str = "0") -> str:
        """The lanes of block ``first + block``, sixteen values, that are among the first ``frozen``
        values; empty if nothing is frozen."""
        if not frozen:
            return ""
        start = self.integer("shl", self.integer("add", first, block), 4)
        return self.f.first_lanes(self.integer("sub", str(frozen), start))

    def keep_frozen(self, lanes: str, old: str, new: str) -> str:
        """The old values in the frozen lanes, the new ones in the others."""
        return self.f.select(lanes, old, new) if lanes else new


def write_infer(module: Module, layout: ProgramLayout, pause: str) -> None:
    """``infer(context, thread)``: the logits of positions 0 to count - 1."""
    w = _LoopWriter("infer", module, layout, pause)
    f = w.f
    memory, weights = w.thread_memory(), f.load("%context", WEIGHTS, "ptr")
    running_stats, key, logits = w.load_pointers("running_stats", "key", "logits")
    total = w.load_context("count")
    with f.repeat() as done:
        start = w.integer("mul", w.claim(), 16)
        f.break_if(done, w.integer("icmp sge", start, total))
        count = w.minimum(w.integer("sub", total, start), "16")
        w.gather(memory, start, count, ordered=False)
        w.call_network("forward", (memory, weights, running_stats, "null", key), count)
        output = f.at(logits, w.integer("mul", start, 4 * layout.classes))
        packed = f.at(memory, layout.logits_at)
        f.call("unpack_logits", f"ptr {packed}", f"ptr {output}", f"i64 {count}")
    w.finish()


def write_train(module: Module, layout: ProgramLayout, pause: str) -> None:
    """``train(context, thread)``: steps ``first`` to ``stop`` - 1 of an epoch."""
    w = _LoopWriter("train", module, layout, pause)
    f = w.f
    out = f.new_label()
    first = w.load_context("first")
    memory = w.thread_memory()
    with f.loop("steps", w.integer("sub", w.load_context("stop"), first)) as step:
        start = w.integer("mul", w.integer("add", first, step.index), w.load_context("batch"))
        examples = w.minimum(
            w.integer("sub", w.load_context("count"), start), w.load_context("batch")
        )
        groups = w.integer("lshr", w.integer("add", examples, 15), 4)
        shards = w.minimum(groups, w.load_context("max_shards"))
        _compute_gradients(w, memory, start, examples, groups, shards)
        serial = layout.blocks <= _SERIAL_UPDATE
        with _barrier(w):
            if serial:
                _update(w, step.index, shards, "0", str(layout.blocks))
                _commit_step(w, examples, shards)
        f.break_if(out, _stopped(w))
        if not serial:
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
                _commit_step(w, examples, shards)
            f.break_if(out, _stopped(w))
    f.line(f"br label %{out}")
    f.begin_block(out)
    w.finish()


def _stopped(w: _LoopWriter) -> str:
    """Whether training has stopped; all threads read the same value after a barrier."""
    return w.integer("icmp ne", w.f.load("%context", STOPPED_AT_BARRIER, "i64"), 0)


def _stop(w: _LoopWriter, condition: str) -> None:
    """Stop training at the next barrier if the condition holds."""
    with w.f.when(condition):
        stopped = w.f.at("%context", STOPPED)  # several threads may write it at once
        w.atomic_store(1, stopped, "monotonic")


def _compute_gradients(
    w: _LoopWriter, memory: str, start: str, examples: str, groups: str, shards: str
) -> None:
    """Claim shards; run the forward and backward pass of each of their groups."""
    f, layout = w.f, w.layout
    weights = f.load("%context", WEIGHTS, "ptr")
    running_stats, key = w.load_pointers("running_stats", "key")
    shard_bytes = 4 * layout.shard_floats
    with f.repeat() as done:
        shard = w.claim()
        f.break_if(done, w.integer("icmp sge", shard, shards))
        slot = f.at(w.load_context("shards", "ptr"), w.integer("mul", shard, shard_bytes))
        f.line(
            f"call void @llvm.memset.p0.i64(ptr align 64 {slot}, i8 0, i64 {shard_bytes}, i1 false)"
        )
        begin = w.integer("udiv", w.integer("mul", groups, shard), shards)
        end = w.integer("udiv", w.integer("mul", groups, w.integer("add", shard, 1)), shards)
        with f.loop("groups", w.integer("sub", end, begin), at_least_once=True) as group:
            offset = w.integer("mul", w.integer("add", begin, group.index), 16)
            count = w.minimum(w.integer("sub", examples, offset), "16")
            position = w.integer("add", start, offset)
            w.gather(memory, position, count, ordered=True)
            pointers = (memory, weights, running_stats, slot, key)
            w.call_network("forward", pointers, count)
            _call_loss(w, memory, count, examples)
            w.call_network("backward", pointers, count)
            _store_losses(w, memory, position, count)


def _call_loss(w: _LoopWriter, memory: str, count: str, examples: str) -> None:
    """The group's losses and the gradient of its logits."""
    f, layout = w.f, w.layout
    offsets = [layout.logits_at, LABELS_OFFSET, LOSSES_OFFSET, layout.logits_gradient_at]
    if layout.weighted:
        offsets.append(SAMPLE_WEIGHTS_OFFSET)
    pointers = [f"ptr {f.at(memory, offset)}" for offset in offsets]
    f.call("loss", *pointers, f"i64 {count}", f"i64 {examples}")


def _store_losses(w: _LoopWriter, memory: str, position: str, count: str) -> None:
    """Copy the group's losses to the output; stop if one is not finite."""
    f = w.f
    moving = {
        "loss": (f.at(memory, LOSSES_OFFSET), 4),
        "out": (f.at(w.load_context("losses", "ptr"), w.integer("mul", position, 4)), 4),
    }
    with f.loop("examples", count, moving, at_least_once=True) as lane:
        loss = f.load(lane["loss"], 0, "float")
        f.store(loss, lane["out"], 0, "float")
        _stop(w, f.op("fcmp uno", f.op("fsub", loss, loss, "float"), "0.0", "float"))


@contextmanager
def _barrier(w: _LoopWriter) -> Iterator[None]:
    """A barrier of all threads. The last thread to arrive runs the code inside the block, then all
    threads continue."""
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
        with f.loop("polls", _POLLS):
            now = w.atomic_load(generation)
            f.break_if(opened, w.integer("icmp ne", now, seen))
            w.spin()
        w.yield_thread(w.load_context("yield_function", "ptr"))
    f.line(f"br label %{after}")
    f.begin_block(after)


def _commit_step(w: _LoopWriter, examples: str, shards: str) -> None:
    """After a step with finite numbers: swap the weight buffers, count the step, and update the
    running averages."""
    f, layout = w.f, w.layout
    if layout.optimizer == "none":
        return
    finite = w.integer("icmp eq", f.load("%context", STOPPED, "i64"), 0)
    with f.when(finite):
        old, new = f.load("%context", WEIGHTS, "ptr"), f.load("%context", NEXT_WEIGHTS, "ptr")
        f.store(new, "%context", WEIGHTS, "ptr")
        f.store(old, "%context", NEXT_WEIGHTS, "ptr")
        done = w.integer("add", f.load("%context", STEPS_DONE, "i64"), 1)
        f.store(done, "%context", STEPS_DONE, "i64")
        if layout.running_stat_count:
            _update_running_stats(w, examples, shards)


def _update_running_stats(w: _LoopWriter, examples: str, shards: str) -> None:
    """Move the running averages towards the batch's statistics."""
    f, layout = w.f, w.layout
    n = f.broadcast(f.value(f"sitofp i64 {examples} to float"))
    blocks = -(-layout.running_stat_count // 16)
    slots = f.at(w.load_context("shards", "ptr"), 64 * layout.blocks)
    moving = {"slot": (slots, 64), "average": (w.load_context("running_stats", "ptr"), 64)}
    with f.loop("running_stats", blocks, moving) as block:
        mean = f.op("fdiv", _sum_shards(w, block["slot"], shards), n)
        average = f.load(block["average"], align=4)
        momentum = splat(16, layout.stats_momentum)
        new = f.fma(f.op("fsub", mean, average), momentum, average)
        lanes = w.frozen_lanes(layout.frozen.running_stats, block.index)
        f.store(w.keep_frozen(lanes, average, new), block["average"], align=4)


def _sum_shards(w: _LoopWriter, slot: str, shards: str) -> str:
    """A block of sixteen floats, summed over the shards in order."""
    f, size = w.f, 4 * w.layout.shard_floats
    more = w.integer("sub", shards, 1)
    with f.loop(
        "shards", more, {"slot": (f.at(slot, size), size)}, [(f.vector, f.load(slot))]
    ) as shard:
        shard.carried = [f.op("fadd", shard.carried[0], f.load(shard["slot"]))]
    return shard.carried[0]


def _update(w: _LoopWriter, step: str, shards: str, begin: str, end: str) -> None:
    """One optimizer step for the parameter blocks ``begin`` to ``end`` - 1."""
    f, optimizer = w.f, w.layout.optimizer
    start = w.integer("mul", begin, 64)
    pointers = {"slot": w.load_context("shards", "ptr")}
    if optimizer != "none":
        pointers |= {
            "old": f.load("%context", WEIGHTS, "ptr"),
            "new": f.load("%context", NEXT_WEIGHTS, "ptr"),
            "state": w.load_context("optimizer_state", "ptr"),
        }
    if optimizer == "adamw":
        pointers["second"] = w.load_context("second_moments", "ptr")
    rates = f.at(w.load_context("rates", "ptr"), w.integer("mul", step, 16))
    scalars = [f.load_splat(rates, offset) for offset in (0, 4, 8, 12)]
    scalars += [
        f.load_splat("%context", FIELD_OFFSETS["momentum"]),
        f.load_splat("%context", FIELD_OFFSETS["decay"]),
    ]
    moving = {key: (f.at(pointer, start), 64) for key, pointer in pointers.items()}
    zero = [(f.vector, "zeroinitializer")]
    with f.loop("blocks", w.integer("sub", end, begin), moving, zero) as block:
        gradient = _sum_shards(w, block["slot"], shards)
        if optimizer == "none":
            f.store(gradient, block["slot"])
            new = gradient
        else:
            old = f.load(block["old"])
            lanes = w.frozen_lanes(w.layout.frozen.parameters, block.index, begin)
            decay = w.keep_frozen(lanes, "zeroinitializer", scalars[-1])
            values = [*scalars[:-1], decay]
            new = update_rule(f, optimizer, block, old, gradient, values)
            new = w.keep_frozen(lanes, old, new)
            f.store(new, block["new"])
        # stays zero as long as all numbers are finite
        block.carried = [f.op("fadd", block.carried[0], f.op("fsub", new, new))]
    not_finite = f.op("fcmp uno", block.carried[0], "zeroinitializer")
    if optimizer != "none":
        _stop(w, f.value(f"call i1 @llvm.vector.reduce.or.v16i1(<16 x i1> {not_finite})"))
