"""The optimizer step as LLVM IR: sum the shards, update the parameters and running statistics."""

from __future__ import annotations

from collections.abc import Callable

from ..ir.llvm_text import Loop, splat
from ..ir.program_context import FIELD_OFFSETS, NEXT_WEIGHTS, STEPS_DONE, STOPPED, WEIGHTS
from ..kernels.embedding_marks import MAX_SHARDS
from ..kernels.optimizers import update_rule
from .training_loop_writer import LoopWriter


def commit_step(w: LoopWriter, examples: str, shards: str) -> None:
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


def _update_running_stats(w: LoopWriter, examples: str, shards: str) -> None:
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


def _sum_shards(w: LoopWriter, slot: str, shards: str) -> str:
    """A block of sixteen floats, summed over the shards in order."""
    f, size = w.f, 4 * w.layout.shard_floats
    more = w.integer("sub", shards, 1)
    with f.loop(
        "shards", more, {"slot": (f.at(slot, size), size)}, [(f.vector, f.load(slot))]
    ) as shard:
        shard.carried = [f.op("fadd", shard.carried[0], f.load(shard["slot"]))]
    return shard.carried[0]


def _sum_marked_shards(w: LoopWriter, slot: str, marks: str) -> str:
    """A block of a large embedding table, summed over the shards that have added to it, in order.
    Clears their blocks and the marks.

    The bits are those of the sum over all shards. The other shards' numbers are +0, and no shard's
    are -0, because each shard starts from +0.
    """
    f, kind = w.f, f"<{MAX_SHARDS} x i8>"
    bits = f.op("icmp ne", f.load(marks, 0, kind), "zeroinitializer", kind)
    number = f.cast("bitcast", bits, f"<{MAX_SHARDS} x i1>", f"i{MAX_SHARDS}")
    left = f.cast("zext", number, f"i{MAX_SHARDS}", "i64")
    w.module.declarations |= {
        "declare i64 @llvm.ctpop.i64(i64)",
        "declare i64 @llvm.cttz.i64(i64, i1)",
    }
    count = f.value(f"call i64 @llvm.ctpop.i64(i64 {left})")
    carried = [("i64", left), (f.vector, "zeroinitializer")]
    with f.loop("shards", count, carried=carried) as loop:
        left, total = loop.carried
        shard = f.value(f"call i64 @llvm.cttz.i64(i64 {left}, i1 true)")
        block = f.at(slot, w.integer("mul", shard, 4 * w.layout.shard_floats))
        gradient = f.load(block)
        f.store("zeroinitializer", block)
        f.store("zeroinitializer", marks, 0, kind)
        others = w.integer("and", left, w.integer("sub", left, 1))
        loop.carried = [others, f.op("fadd", total, gradient)]
    return loop.carried[1]


def update(w: LoopWriter, step: str, shards: str, begin: str, end: str) -> None:
    """One optimizer step for the parameter blocks ``begin`` to ``end`` - 1."""

    def sum_marked(block: Loop) -> str:
        return _sum_marked_shards(w, block["slot"], block["marks"])

    marked = str(w.layout.marked_blocks)
    if w.layout.table:
        _update_blocks(w, step, begin, w.minimum(end, marked), sum_marked)
        begin = w.integer("sub", w.integer("add", begin, marked), w.minimum(begin, marked))
    ranges = w.layout.block_ranges
    if len(ranges) == 1:
        _update_blocks(w, step, begin, end, lambda block: _sum_shards(w, block["slot"], shards))
        return
    f = w.f
    table = w.module.table([int(number) for each in ranges for number in each])
    with f.loop("ranges", len(ranges), {"range": (table, 24)}) as loop:
        first, stop, recorded = (f.load(loop["range"], offset, "i64") for offset in (0, 8, 16))
        first, stop = _maximum(w, begin, first), w.minimum(end, stop)
        recorded = w.integer("icmp ne", recorded, 0)
        summed = f.value(f"select i1 {recorded}, i64 1, i64 {shards}")
        _update_blocks(w, step, first, stop, lambda block: _sum_shards(w, block["slot"], summed))


def _maximum(w: LoopWriter, a: str, b: str) -> str:
    """The larger of two signed i64 values."""
    more = w.integer("icmp sgt", a, b)
    return w.f.value(f"select i1 {more}, i64 {a}, i64 {b}")


def _update_blocks(
    w: LoopWriter, step: str, begin: str, end: str, sum_shards: Callable[[Loop], str]
) -> None:
    """One optimizer step for some blocks, whose gradients ``sum_shards`` writes."""
    f, optimizer = w.f, w.layout.optimizer
    start = w.integer("mul", begin, 64)
    pointers = {"slot": w.load_context("shards", "ptr")}
    if optimizer != "none":
        pointers |= {
            "old": f.load("%context", WEIGHTS, "ptr"),
            "new": f.load("%context", NEXT_WEIGHTS, "ptr"),
            "state": w.load_context("optimizer_state", "ptr"),
        }
    if w.layout.scaled:
        pointers["scale"] = w.load_context("gradient_scales", "ptr")
    if optimizer == "adamw":
        pointers["second"] = w.load_context("second_moments", "ptr")
    rates = f.at(w.load_context("rates", "ptr"), w.integer("mul", step, 16))
    scalars = [f.load_splat(rates, offset) for offset in (0, 4, 8, 12)]
    scalars += [
        f.load_splat("%context", FIELD_OFFSETS["momentum"]),
        f.load_splat("%context", FIELD_OFFSETS["decay"]),
    ]
    moving = {key: (f.at(pointer, start), 64) for key, pointer in pointers.items()}
    if w.layout.table:
        marks = f.at(w.load_context("marks", "ptr"), w.integer("mul", begin, MAX_SHARDS))
        moving["marks"] = (marks, MAX_SHARDS)
    zero = [(f.vector, "zeroinitializer")]
    with f.loop("blocks", w.integer("sub", end, begin), moving, zero) as block:
        gradient = sum_shards(block)
        if w.layout.scaled:
            gradient = f.op("fmul", f.load(block["scale"]), gradient)
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
        w.stop_if(f.value(f"call i1 @llvm.vector.reduce.or.v16i1(<16 x i1> {not_finite})"))
