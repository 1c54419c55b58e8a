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
)
from .batch_gradients import compute_batch_gradients
from .optimizer_step import commit_step, update
from .shard_gradients import compute_gradients, open_batch
from .training_loop_writer import LoopWriter, ProgramLayout

_POLLS = 2_000
"""Polls of a thread at the barrier before it lets other threads run."""
_SERIAL_UPDATE = 64
"""Up to this many blocks of sixteen parameters are updated by one thread, which saves a barrier."""


def write_infer(module: Module, layout: ProgramLayout, pause: str) -> None:
    """``infer(context, thread)``: the logits of positions 0 to count - 1."""
    w = LoopWriter("infer", module, layout, pause)
    f = w.f
    memory, total = w.thread_memory(), w.load_context("count")
    groups = w.integer("lshr", w.integer("add", total, 15), 4)
    together = w.groups_together(groups)
    prepared = w.open_preparation()
    with f.repeat() as done:
        start = w.integer("shl", w.integer("mul", w.claim(), together), 4)
        f.break_if(done, w.integer("icmp sge", start, total))
        w.prepare(memory, prepared)
        if layout.second_memory:
            _infer_pair(w, memory, start, total, together)
        else:
            _infer_groups(w, [(memory, start)], total)
    w.finish()


def _infer_pair(w: LoopWriter, memory: str, start: str, total: str, together: str) -> None:
    """The logits of the group at position ``start`` and, if ``together`` is 2 and there is one, of
    the next group at the same time."""
    f, following = w.f, w.integer("add", start, 16)
    stop = w.minimum(total, w.integer("add", start, w.integer("shl", together, 4)))
    both = w.integer("icmp slt", following, stop)
    with f.when(both):
        second = f.at(memory, w.layout.second_memory)
        _infer_groups(w, [(memory, start), (second, following)], total)
    with f.when(f.op("xor", both, "true", "i1")):
        _infer_groups(w, [(memory, start)], total)


def _infer_groups(w: LoopWriter, groups: list[tuple[str, str]], total: str) -> None:
    """The logits of groups, given as (memory, first position)."""
    f, layout = w.f, w.layout
    counts = [w.minimum(w.integer("sub", total, start), "16") for _, start in groups]
    for (memory, start), count in zip(groups, counts, strict=True):
        w.gather(memory, start, count, ordered=False)
    places = [(memory, "null", n) for (memory, _), n in zip(groups, counts, strict=True)]
    w.call_network("forward", w.network_arguments(), places)
    for (memory, start), count in zip(groups, counts, strict=True):
        row = w.integer("mul", start, 4 * layout.classes)
        output = f.at(w.load_context("logits", "ptr"), row)
        packed = f.at(memory, layout.logits_at)
        f.call("unpack_logits", f"ptr {packed}", f"ptr {output}", f"i64 {count}")


def write_train(module: Module, layout: ProgramLayout, pause: str) -> None:
    """``train(context, thread)``: steps ``first`` to ``stop`` - 1 of an epoch."""
    w = LoopWriter("train", module, layout, pause)
    f = w.f
    out = f.new_label()
    first = w.load_context("first")
    with f.loop("steps", w.integer("sub", w.load_context("stop"), first)) as step:
        batch = open_batch(w, w.integer("add", first, step.index))
        compute_gradients(w, batch)
        serial = layout.blocks <= _SERIAL_UPDATE and not layout.records
        with _barrier(w):
            if serial:
                update(w, step.index, batch.shards, "0", str(layout.blocks))
                commit_step(w, batch.examples, batch.shards)
        f.break_if(out, _stopped(w))
        if layout.records:
            compute_batch_gradients(w, batch.examples, batch.groups, batch.shards)
            with _barrier(w):
                pass
        if not serial:
            update(w, step.index, batch.shards, *_block_bounds(w))
            with _barrier(w):
                commit_step(w, batch.examples, batch.shards)
            f.break_if(out, _stopped(w))
    f.line(f"br label %{out}")
    f.begin_block(out)
    w.finish()


def write_split_train(module: Module, layout: ProgramLayout, pause: str) -> None:
    """``compute_shards(context, thread)``: the gradients of the shards ``first_shard`` to
    ``stop_shard`` - 1 of step ``first``. ``apply_shards(context, thread)``: the optimizer step with
    the sum of all shards, which is in the first one."""
    w = LoopWriter("compute_shards", module, layout, pause)
    own = w.load_context("first_shard"), w.load_context("stop_shard")
    compute_gradients(w, open_batch(w, w.load_context("first")), own)
    w.finish()
    w = LoopWriter("apply_shards", module, layout, pause)
    update(w, "0", "1", *_block_bounds(w))
    with _barrier(w):
        commit_step(w, open_batch(w, w.load_context("first")).examples, "1")
    w.finish()


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
