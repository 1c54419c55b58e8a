"""The training loop and the inference loop as LLVM IR: the entry functions `train` and `infer`, and
`compute_shards` and `apply_shards`, the two halves of a step that several processes share.

Every thread runs the entry function. Threads claim work items (groups of examples, or shards of a
batch) from an atomic counter. The result of an item does not depend on the thread that computed
it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..ir.llvm_text import Module
from ..ir.program_context import (
    ARRIVED,
    GENERATION,
    NEXT_ITEM,
    STOPPED,
    STOPPED_AT_BARRIER,
    WEIGHTS,
)
from ..ir.thread_header import INPUTS_OFFSET, LABELS_OFFSET, LOSSES_OFFSET, SAMPLE_WEIGHTS_OFFSET
from .optimizer_step import commit_step, update
from .training_loop_writer import LoopWriter, ProgramLayout

_POLLS = 2_000
"""Polls of a thread at the barrier before it lets other threads run."""
_SERIAL_UPDATE = 64
"""Up to this many blocks of sixteen parameters are updated by one thread, which saves a barrier."""


def write_infer(module: Module, layout: ProgramLayout, pause: str) -> None:
    """``infer(context, thread)``: the logits of positions 0 to count - 1."""
    w = LoopWriter("infer", module, layout, pause)
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
    w = LoopWriter("train", module, layout, pause)
    f = w.f
    out = f.new_label()
    first = w.load_context("first")
    memory = w.thread_memory()
    with f.loop("steps", w.integer("sub", w.load_context("stop"), first)) as step:
        start = w.integer("mul", w.integer("add", first, step.index), w.load_context("batch"))
        examples = _examples(w, start)
        groups = w.integer("lshr", w.integer("add", examples, 15), 4)
        shards = w.minimum(groups, w.load_context("max_shards"))
        _compute_gradients(w, memory, start, examples, groups, shards)
        serial = layout.blocks <= _SERIAL_UPDATE
        with _barrier(w):
            if serial:
                update(w, step.index, shards, "0", str(layout.blocks))
                commit_step(w, examples, shards)
        f.break_if(out, _stopped(w))
        if not serial:
            update(w, step.index, shards, *_block_bounds(w))
            with _barrier(w):
                commit_step(w, examples, shards)
            f.break_if(out, _stopped(w))
    f.line(f"br label %{out}")
    f.begin_block(out)
    w.finish()


def write_split_train(module: Module, layout: ProgramLayout, pause: str) -> None:
    """``compute_shards(context, thread)``: the gradients of the shards ``first_shard`` to
    ``stop_shard`` - 1 of step ``first``. ``apply_shards(context, thread)``: the optimizer step with
    the sum of all shards, which is in the first one."""
    w = LoopWriter("compute_shards", module, layout, pause)
    start = w.integer("mul", w.load_context("first"), w.load_context("batch"))
    examples = _examples(w, start)
    groups = w.integer("lshr", w.integer("add", examples, 15), 4)
    shards = w.minimum(groups, w.load_context("max_shards"))
    own = w.load_context("first_shard"), w.load_context("stop_shard")
    _compute_gradients(w, w.thread_memory(), start, examples, groups, shards, own)
    w.finish()
    w = LoopWriter("apply_shards", module, layout, pause)
    update(w, "0", "1", *_block_bounds(w))
    with _barrier(w):
        start = w.integer("mul", w.load_context("first"), w.load_context("batch"))
        commit_step(w, _examples(w, start), "1")
    w.finish()


def _examples(w: LoopWriter, start: str) -> str:
    """The number of examples of the step that begins at a position."""
    return w.minimum(w.integer("sub", w.load_context("count"), start), w.load_context("batch"))


def _block_bounds(w: LoopWriter) -> tuple[str, str]:
    """The parameter blocks that this thread updates: the first one, and the one to stop before."""
    threads = w.load_context("threads")
    begin, end = (
        w.integer(
            "udiv",
            w.integer("mul", w.integer("add", "%thread", more), w.layout.blocks),
            threads,
        )
        for more in (0, 1)
    )
    return begin, end


def _stopped(w: LoopWriter) -> str:
    """Whether training has stopped; all threads read the same value after a barrier."""
    return w.integer("icmp ne", w.f.load("%context", STOPPED_AT_BARRIER, "i64"), 0)


def _compute_gradients(
    w: LoopWriter,
    memory: str,
    start: str,
    examples: str,
    groups: str,
    shards: str,
    own: tuple[str, str] | None = None,
) -> None:
    """Claim shards; run the forward and backward pass of each of their groups. ``own``: the first
    shard to claim and the one to stop before; all if left out."""
    f, layout = w.f, w.layout
    weights = f.load("%context", WEIGHTS, "ptr")
    running_stats, key = w.load_pointers("running_stats", "key")
    shard_bytes = 4 * layout.shard_floats
    with f.repeat() as done:
        shard = w.integer("add", w.claim(), own[0]) if own else w.claim()
        f.break_if(done, w.integer("icmp sge", shard, own[1] if own else shards))
        slot = f.at(w.load_context("shards", "ptr"), w.integer("mul", shard, shard_bytes))
        _clear(w, slot)
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
            _mark_table(w, memory, shard, count)
            _store_losses(w, memory, position, count)


def _clear(w: LoopWriter, slot: str) -> None:
    """Set a shard to zero. The marked blocks are zero already: the last step has cleared them."""
    begin = 64 * w.layout.marked_blocks
    start, size = w.f.at(slot, begin), 4 * w.layout.shard_floats - begin
    w.f.line(f"call void @llvm.memset.p0.i64(ptr align 64 {start}, i8 0, i64 {size}, i1 false)")


def _mark_table(w: LoopWriter, memory: str, shard: str, count: str) -> None:
    """Mark the blocks of a large embedding table that the group has added to."""
    if w.layout.table and not w.layout.frozen.parameters:
        words = w.f.at(memory, INPUTS_OFFSET)
        marks = w.f.at(w.load_context("marks", "ptr"), shard)
        w.f.call("mark_blocks", f"ptr {words}", f"ptr {marks}", f"i64 {count}")


def _call_loss(w: LoopWriter, memory: str, count: str, examples: str) -> None:
    """The group's losses and the gradient of its logits."""
    f, layout = w.f, w.layout
    offsets = [layout.logits_at, LABELS_OFFSET, LOSSES_OFFSET, layout.logits_gradient_at]
    if layout.weighted:
        offsets.append(SAMPLE_WEIGHTS_OFFSET)
    pointers = [f"ptr {f.at(memory, offset)}" for offset in offsets]
    f.call("loss", *pointers, f"i64 {count}", f"i64 {examples}")


def _store_losses(w: LoopWriter, memory: str, position: str, count: str) -> None:
    """Copy the group's losses to the output; stop if one is not finite."""
    f = w.f
    moving = {
        "loss": (f.at(memory, LOSSES_OFFSET), 4),
        "out": (f.at(w.load_context("losses", "ptr"), w.integer("mul", position, 4)), 4),
    }
    with f.loop("examples", count, moving, at_least_once=True) as lane:
        loss = f.load(lane["loss"], 0, "float")
        f.store(loss, lane["out"], 0, "float")
        w.stop_if(f.op("fcmp uno", f.op("fsub", loss, loss, "float"), "0.0", "float"))


@contextmanager
def _barrier(w: LoopWriter) -> Iterator[None]:
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
