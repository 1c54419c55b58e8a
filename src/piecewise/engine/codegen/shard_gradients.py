"""The gradients of a batch: threads claim shards and run the forward and backward passes of their
groups.

A program for two groups at a time (`ProgramLayout.second_memory`) takes them from two shards, so
that each shard still adds its groups in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..ir.thread_header import INPUTS_OFFSET, LABELS_OFFSET, LOSSES_OFFSET, SAMPLE_WEIGHTS_OFFSET
from .batch_gradients import set_record
from .training_loop_writer import LoopWriter


class StepBatch(NamedTuple):
    """The batch of a step, as LLVM values."""

    start: str
    """Its first position."""
    examples: str
    groups: str
    shards: str


class _Shard(NamedTuple):
    """Some groups of a batch, and where their gradients are added."""

    number: str
    slot: str
    first_group: str
    groups: str


class _Group(NamedTuple):
    """A group in a thread's memory."""

    memory: str
    shard: _Shard
    position: str
    examples: str


def open_batch(w: LoopWriter, step: str) -> StepBatch:
    """The batch of a step, counted within the epoch."""
    start = w.integer("mul", step, w.load_context("batch"))
    left = w.integer("sub", w.load_context("count"), start)
    examples = w.minimum(left, w.load_context("batch"))
    groups = w.integer("lshr", w.integer("add", examples, 15), 4)
    return StepBatch(start, examples, groups, w.minimum(groups, w.load_context("max_shards")))


def compute_gradients(w: LoopWriter, batch: StepBatch, own: tuple[str, str] | None = None) -> None:
    """Claim shards and compute their gradients. ``own``: the first shard to claim and the one to
    stop before; all if left out."""
    f = w.f
    first, stop = own or ("0", batch.shards)
    memory = w.thread_memory()
    together = w.groups_together(w.integer("sub", stop, first))
    prepared = w.open_preparation()
    with f.repeat() as done:
        number = w.integer("add", first, w.integer("mul", w.claim(), together))
        f.break_if(done, w.integer("icmp sge", number, stop))
        w.prepare(memory, prepared)
        shard = _shard(w, batch, number)
        _clear(w, shard.slot)
        if w.layout.second_memory:
            following = w.integer("add", number, 1)
            stop_before = w.minimum(stop, w.integer("add", number, together))
            present = w.integer("icmp slt", following, stop_before)
            _run_two_shards(w, batch, memory, shard, _shard(w, batch, following), present)
        else:
            with f.loop("groups", shard.groups, at_least_once=True) as group:
                _run(w, batch, [_group(w, batch, memory, shard, group.index)])


def _shard(w: LoopWriter, batch: StepBatch, number: str) -> _Shard:
    """A shard of this number: its groups follow from the number alone."""
    begin, end = (
        w.integer("udiv", w.integer("mul", batch.groups, shard), batch.shards)
        for shard in (number, w.integer("add", number, 1))
    )
    offset = w.integer("mul", number, 4 * w.layout.shard_floats)
    slot = w.f.at(w.load_context("shards", "ptr"), offset)
    return _Shard(number, slot, begin, w.integer("sub", end, begin))


def _group(w: LoopWriter, batch: StepBatch, memory: str, shard: _Shard, index: str) -> _Group:
    """The group of this index in a shard."""
    offset = w.integer("shl", w.integer("add", shard.first_group, index), 4)
    examples = w.minimum(w.integer("sub", batch.examples, offset), "16")
    return _Group(memory, shard, w.integer("add", batch.start, offset), examples)


def _run_two_shards(
    w: LoopWriter, batch: StepBatch, memory: str, a: _Shard, b: _Shard, present: str
) -> None:
    """Run the groups of two shards, one of each at a time. ``present``: whether there is a second
    shard."""
    f = w.f
    with f.when(present):
        _clear(w, b.slot)
    b = b._replace(groups=f.value(f"select i1 {present}, i64 {b.groups}, i64 0"))
    second = f.at(memory, w.layout.second_memory)
    most = w.integer("sub", "0", w.minimum(*(w.integer("sub", "0", s.groups) for s in (a, b))))
    with f.loop("groups", most, at_least_once=True) as group:
        in_a, in_b = (w.integer("icmp slt", group.index, shard.groups) for shard in (a, b))
        both = f.op("and", in_a, in_b, "i1")
        with f.when(both):
            groups = ((memory, a), (second, b))
            _run(w, batch, [_group(w, batch, *where, group.index) for where in groups])
        with f.when(f.op("xor", both, "true", "i1")):
            kinds = ("i64", "ptr", "i64", "i64")
            chosen = (
                f.value(f"select i1 {in_a}, {kind} {of_a}, {kind} {of_b}")
                for kind, of_a, of_b in zip(kinds, a, b, strict=True)
            )
            _run(w, batch, [_group(w, batch, memory, _Shard(*chosen), group.index)])


def _run(w: LoopWriter, batch: StepBatch, groups: Sequence[_Group]) -> None:
    """The forward pass, the loss and the backward pass of one group, or of two at once."""
    for group in groups:
        w.gather(group.memory, group.position, group.examples, ordered=True)
        number = w.integer("lshr", w.integer("sub", group.position, batch.start), 4)
        set_record(w, group.memory, number)
    places = [(group.memory, group.shard.slot, group.examples) for group in groups]
    w.call_network("forward", w.network_arguments(), places)
    for group in groups:
        _call_loss(w, group, batch)
    w.call_network("backward", w.network_arguments(), places)
    for group in groups:
        _mark_table(w, group)
        _store_losses(w, group)


def _clear(w: LoopWriter, slot: str) -> None:
    """Set a shard to zero. The marked blocks are zero already: the last step has cleared them. The
    recorded weights keep what they have."""
    f, layout = w.f, w.layout
    for begin, stop, recorded in layout.block_ranges:
        first = max(begin, layout.marked_blocks)
        end = 16 * stop if stop < layout.blocks else layout.shard_floats
        if not recorded and 16 * first < end:
            start, size = f.at(slot, 64 * first), 4 * end - 64 * first
            f.line(
                f"call void @llvm.memset.p0.i64(ptr align 64 {start}, i8 0, i64 {size}, i1 false)"
            )
    for weight in (weight for record in layout.records for weight in record.shared_weights):
        # the first shard gets its gradient, to which the others add -0: that changes no number
        f.store("-0.0", slot, 4 * weight, "float")


def _call_loss(w: LoopWriter, group: _Group, batch: StepBatch) -> None:
    """The group's losses and the gradient of its logits."""
    f, layout = w.f, w.layout
    offsets = [layout.logits_at, LABELS_OFFSET, LOSSES_OFFSET, layout.logits_gradient_at]
    if layout.weighted:
        offsets.append(SAMPLE_WEIGHTS_OFFSET)
    pointers = [f"ptr {f.at(group.memory, offset)}" for offset in offsets]
    f.call("loss", *pointers, f"i64 {group.examples}", f"i64 {batch.examples}")


def _mark_table(w: LoopWriter, group: _Group) -> None:
    """Mark the blocks of a large embedding table that the group has added to."""
    if w.layout.table and not w.layout.frozen.parameters:
        words = w.f.at(group.memory, INPUTS_OFFSET)
        marks = w.f.at(w.load_context("marks", "ptr"), group.shard.number)
        w.f.call("mark_blocks", f"ptr {words}", f"ptr {marks}", f"i64 {group.examples}")


def _store_losses(w: LoopWriter, group: _Group) -> None:
    """Copy the group's losses to the output; stop if one is not finite."""
    f = w.f
    output = f.at(w.load_context("losses", "ptr"), w.integer("mul", group.position, 4))
    moving = {"loss": (f.at(group.memory, LOSSES_OFFSET), 4), "out": (output, 4)}
    with f.loop("examples", group.examples, moving, at_least_once=True) as lane:
        loss = f.load(lane["loss"], 0, "float")
        f.store(loss, lane["out"], 0, "float")
        w.stop_if(f.op("fcmp uno", f.op("fsub", loss, loss, "float"), "0.0", "float"))
