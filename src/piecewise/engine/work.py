"""The functions that Python calls: `answer` and `learn`, each run by every thread at once.

Threads claim pieces of work, groups or shards, by a counter: whoever is free takes the next. What
a piece gives does not hang on who did it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..optimizers import BETA1, BETA2, EPSILON
from .context import ARRIVED, AT, CLAIM, DONE, GENERATION, LEAVING, SPARE, STOPPED, WEIGHTS
from .header import LABELS_AT, LOSSES_AT, PICTURE_WEIGHTS_AT, PICTURES_AT, WORDS_AT
from .ir import Function, Loop, Module, splat

_PAUSES = 2_000
"""How often a thread at the barrier looks before it lets others run."""
_LITTLE = 64
"""Blocks of sixteen parameters that one thread updates alone, without a second barrier."""


@dataclass(frozen=True)
class Job:
    """What the functions have to know of the network."""

    parameters: int
    """Floats in the flat buffer."""
    averages: int
    lay: str
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
        lines = self.blocks + -(-self.averages // 16)
        return 16 * (lines + 8 + lines % 2)


class _Writer:
    """A function that reads the context."""

    def __init__(self, name: str, module: Module, job: Job, pause: str) -> None:
        self.f = Function(name, ["ptr %context", "i64 %thread"], public=True)
        self.module, self.job, self.pause = module, job, pause

    def told(self, name: str, kind: str = "i64") -> str:
        return self.f.load("%context", AT[name], kind)

    def memory(self) -> str:
        """The memory of the thread that runs."""
        f = self.f
        place = f.at(self.told("memories", "ptr"), f.two("shl", "%thread", "3", "i64"))
        return f.load(place, 0, "ptr")

    def claimed(self) -> str:
        """The number of the next piece of work."""
        return self.f.value(f"atomicrmw add ptr {self.f.at('%context', CLAIM)}, i64 1 monotonic")

    def smaller(self, a: str, b: str) -> str:
        less = self.f.two("icmp slt", a, b, "i64")
        return self.f.value(f"select i1 {less}, i64 {a}, i64 {b}")

    def scaled(self, number: str, factor: int) -> str:
        return self.f.two("mul", number, str(factor), "i64")

    def looked_up(self, name: str, number: str, size: int = 8, kind: str = "i64") -> str:
        """An element of an array that the context points to."""
        place = self.f.at(self.told(name, "ptr"), self.scaled(number, size))
        return self.f.load(place, 0, kind)

    def gather(self, memory: str, start: str, count: str, *, ordered: bool) -> None:
        """The group from position ``start`` on: its pictures' numbers, right classes, weights and
        places. A lane without a picture gets the first one's once more."""
        f = self.f
        inputs, stride = self.told("inputs", "ptr"), self.told("stride")
        moving = {
            "picture": (f.at(memory, PICTURES_AT), 8),
            "label": (f.at(memory, LABELS_AT), 8),
            "place": (f.at(memory, WORDS_AT), 8),
        }
        if self.job.weighted:
            moving["weight"] = (f.at(memory, PICTURE_WEIGHTS_AT), 4)
        with f.loop("lanes", 16, moving) as lane:
            there = f.two("icmp slt", lane.index, count, "i64")
            moved = f.value(f"select i1 {there}, i64 {lane.index}, i64 0")
            number = f.two("add", start, moved, "i64")
            if ordered:
                number = self.looked_up("order", number)
                f.store(self.looked_up("labels", number), lane["label"], 0, "i64")
                if self.job.weighted:
                    weight = self.looked_up("picture_weights", number, 4, "float")
                    f.store(weight, lane["weight"], 0, "float")
            f.store(number, lane["picture"], 0, "i64")
            f.store(f.at(inputs, f.two("mul", number, stride, "i64")), lane["place"], 0, "ptr")
        given = [f"ptr {f.at(memory, WORDS_AT)}", f"ptr {self.told('fraction', 'ptr')}"]
        laid = f"ptr {f.at(memory, self.job.input)}"
        if self.job.frames is not None:
            numbers, frames = f.at(memory, PICTURES_AT), f.at(memory, self.job.frames)
            given += [f"ptr {self.told('tricks', 'ptr')}", f"ptr {numbers}", f"ptr {frames}"]
            f.call("trick", *given, laid)
        elif self.job.lay:
            f.call(self.job.lay, *given, laid)
        for kernel in self.job.shades:
            numbers, told = f.at(memory, PICTURES_AT), self.told("shades", "ptr")
            f.call(kernel, laid, f"ptr {told}", f"ptr {numbers}")

    def finish(self) -> None:
        self.module.add(self.f)


def write_answer(module: Module, job: Job, pause: str) -> None:
    """``answer(context, thread)``: the logits of positions 0 to count - 1."""
    w = _Writer("answer", module, job, pause)
    f = w.f
    memory, weights = w.memory(), f.load("%context", WEIGHTS, "ptr")
    averages, key, answers = (
        w.told("averages", "ptr"),
        w.told("key", "ptr"),
        w.told("answers", "ptr"),
    )
    total = w.told("count")
    with f.repeat() as done:
        start = w.scaled(w.claimed(), 16)
        f.leave(done, f.two("icmp sge", start, total, "i64"))
        count = w.smaller(f.two("sub", total, start, "i64"), "16")
        w.gather(memory, start, count, ordered=False)
        f.call(
            "forward",
            f"ptr {memory}",
            f"ptr {weights}",
            f"ptr {averages}",
            "ptr null",
            f"ptr {key}",
            f"i64 {count}",
        )
        out = f.at(answers, w.scaled(start, 4 * job.classes))
        f.call("hand_out", f"ptr {f.at(memory, job.output)}", f"ptr {out}", f"i64 {count}")
    w.finish()


def write_learn(module: Module, job: Job, pause: str) -> None:
    """``learn(context, thread)``: steps ``first`` to ``stop`` - 1 of an epoch."""
    w = _Writer("learn", module, job, pause)
    f = w.f
    out = f.label()
    first = w.told("first")
    memory = w.memory()
    with f.loop("steps", f.two("sub", w.told("stop"), first, "i64")) as step:
        start = f.two("mul", f.two("add", first, step.index, "i64"), w.told("batch"), "i64")
        pictures = w.smaller(f.two("sub", w.told("count"), start, "i64"), w.told("batch"))
        groups = f.two("lshr", f.two("add", pictures, "15", "i64"), "4", "i64")
        shards = w.smaller(groups, w.told("most_shards"))
        _slopes(w, memory, start, pictures, groups, shards)
        alone = job.blocks <= _LITTLE
        with _barrier(w):
            if alone:
                _update(w, step.index, shards, "0", str(job.blocks))
                _settle(w, pictures, shards)
        f.leave(out, _stopped(w))
        if not alone:
            threads = w.told("threads")
            bounds = [
                f.two(
                    "udiv",
                    w.scaled(f.two("add", "%thread", str(more), "i64"), job.blocks),
                    threads,
                    "i64",
                )
                for more in (0, 1)
            ]
            _update(w, step.index, shards, bounds[0], bounds[1])
            with _barrier(w):
                _settle(w, pictures, shards)
            f.leave(out, _stopped(w))
    f.line(f"br label %{out}")
    f.begin(out)
    w.finish()


def _stopped(w: _Writer) -> str:
    return w.f.two("icmp ne", w.f.load("%context", LEAVING, "i64"), "0", "i64")


def _stop(w: _Writer, condition: str) -> None:
    with w.f.when(condition):
        stopped = w.f.at("%context", STOPPED)  # several threads may say so at once
        w.f.line(f"store atomic i64 1, ptr {stopped} monotonic, align 8")


def _slopes(w: _Writer, memory: str, start: str, pictures: str, groups: str, shards: str) -> None:
    """Every claimed shard: its groups forward and back."""
    f, job = w.f, w.job
    weights, averages, key = (
        f.load("%context", WEIGHTS, "ptr"),
        w.told("averages", "ptr"),
        w.told("key", "ptr"),
    )
    with f.repeat() as done:
        shard = w.claimed()
        f.leave(done, f.two("icmp sge", shard, shards, "i64"))
        slot = f.at(w.told("shards", "ptr"), w.scaled(shard, 4 * job.shard_floats))
        f.line(
            f"call void @llvm.memset.p0.i64(ptr align 64 {slot}, i8 0, "
            f"i64 {4 * job.shard_floats}, i1 false)"
        )
        begin = f.two("udiv", f.two("mul", groups, shard, "i64"), shards, "i64")
        end = f.two(
            "udiv", f.two("mul", groups, f.two("add", shard, "1", "i64"), "i64"), shards, "i64"
        )
        with f.loop("groups", f.two("sub", end, begin, "i64"), at_least_once=True) as group:
            inside = w.scaled(f.two("add", begin, group.index, "i64"), 16)
            count = w.smaller(f.two("sub", pictures, inside, "i64"), "16")
            position = f.two("add", start, inside, "i64")
            w.gather(memory, position, count, ordered=True)
            given = [
                f"ptr {memory}",
                f"ptr {weights}",
                f"ptr {averages}",
                f"ptr {slot}",
                f"ptr {key}",
                f"i64 {count}",
            ]
            f.call("forward", *given)
            losses = f.at(memory, LOSSES_AT)
            logits, upstream = f.at(memory, job.output), f.at(memory, job.upstream)
            told = [logits, f.at(memory, LABELS_AT), losses, upstream]
            if job.weighted:
                told.append(f.at(memory, PICTURE_WEIGHTS_AT))
            f.call("loss", *(f"ptr {place}" for place in told), f"i64 {count}", f"i64 {pictures}")
            f.call("backward", *given)
            moving = {
                "loss": (losses, 4),
                "out": (f.at(w.told("losses", "ptr"), w.scaled(position, 4)), 4),
            }
            with f.loop("pictures", count, moving, at_least_once=True) as lane:
                loss = f.load(lane["loss"], 0, "float")
                f.store(loss, lane["out"], 0, "float")
                _stop(w, f.two("fcmp uno", f.two("fsub", loss, loss, "float"), "0.0", "float"))


@contextmanager
def _barrier(w: _Writer) -> Iterator[None]:
    """All threads meet; the last to arrive does what is written inside, then all go on."""
    f = w.f
    last, wait, after = f.label(), f.label(), f.label()
    generation = f.at("%context", GENERATION)
    seen = f.value(f"load atomic i64, ptr {generation} acquire, align 8")
    arrived = f.at("%context", ARRIVED)
    before = f.value(f"atomicrmw add ptr {arrived}, i64 1 acq_rel")
    is_last = f.two("icmp eq", f.two("add", before, "1", "i64"), w.told("threads"), "i64")
    f.line(f"br i1 {is_last}, label %{last}, label %{wait}")
    f.begin(last)
    yield
    f.store(f.load("%context", STOPPED, "i64"), "%context", LEAVING, "i64")
    f.store("0", "%context", CLAIM, "i64")
    f.store("0", arrived, 0, "i64")
    f.value(f"atomicrmw add ptr {f.at('%context', GENERATION)}, i64 1 release")
    f.line(f"br label %{after}")
    f.begin(wait)
    with f.repeat() as opened:
        with f.loop("pauses", _PAUSES):
            now = f.value(f"load atomic i64, ptr {generation} acquire, align 8")
            f.leave(opened, f.two("icmp ne", now, seen, "i64"))
            f.line(f'call void asm sideeffect "{w.pause}", ""()')
        f.value(f"call i32 {w.told('yields', 'ptr')}()")
    f.line(f"br label %{after}")
    f.begin(after)


def _settle(w: _Writer, pictures: str, shards: str) -> None:
    """After a good step: the new weights are the weights, the running averages follow."""
    f, job = w.f, w.job
    if job.optimizer == "none":
        return
    good = f.two("icmp eq", f.load("%context", STOPPED, "i64"), "0", "i64")
    with f.when(good):
        old, new = f.load("%context", WEIGHTS, "ptr"), f.load("%context", SPARE, "ptr")
        f.store(new, "%context", WEIGHTS, "ptr")
        f.store(old, "%context", SPARE, "ptr")
        f.store(f.two("add", f.load("%context", DONE, "i64"), "1", "i64"), "%context", DONE, "i64")
        if job.averages:
            n = f.broadcast(f.value(f"sitofp i64 {pictures} to float"))
            blocks = -(-job.averages // 16)
            slots = f.at(w.told("shards", "ptr"), 64 * job.blocks)
            with f.loop(
                "averages",
                blocks,
                {"slot": (slots, 64), "average": (w.told("averages", "ptr"), 64)},
            ) as block:
                mean = f.two("fdiv", _over_shards(w, block["slot"], shards), n)
                average = f.load(block["average"], align=4)
                moved = f.fma(f.two("fsub", mean, average), splat(16, job.pace), average)
                f.store(moved, block["average"], align=4)


def _over_shards(w: _Writer, slot: str, shards: str) -> str:
    """A block of sixteen floats added up over the shards, in their order."""
    f, size = w.f, 4 * w.job.shard_floats
    more = f.two("sub", shards, "1", "i64")
    with f.loop(
        "shards", more, {"slot": (f.at(slot, size), size)}, [(f.vector, f.load(slot))]
    ) as shard:
        shard.carried = [f.two("fadd", shard.carried[0], f.load(shard["slot"]))]
    return shard.carried[0]


def _update(w: _Writer, step: str, shards: str, begin: str, end: str) -> None:
    """Blocks ``begin`` to ``end`` - 1 of the parameters: one step down the slope."""
    f, job = w.f, w.job
    place = w.scaled(begin, 64)
    pointers = {"slot": w.told("shards", "ptr")}
    if job.optimizer != "none":
        pointers |= {
            "old": f.load("%context", WEIGHTS, "ptr"),
            "new": f.load("%context", SPARE, "ptr"),
            "state": w.told("state", "ptr"),
        }
    if job.optimizer == "adamw":
        pointers["second"] = w.told("second", "ptr")
    rates = f.at(w.told("rates", "ptr"), w.scaled(step, 16))
    numbers = [f.spread(rates, place_) for place_ in (0, 4, 8, 12)]
    numbers += [f.spread("%context", AT["momentum"]), f.spread("%context", AT["decay"])]
    moving = {key: (f.at(pointer, place), 64) for key, pointer in pointers.items()}
    zero = [(f.vector, "zeroinitializer")]
    with f.loop("blocks", f.two("sub", end, begin, "i64"), moving, zero) as block:
        slope = _over_shards(w, block["slot"], shards)
        if job.optimizer == "none":
            f.store(slope, block["slot"])
            new = slope
        else:
            new = (_adamw if job.optimizer == "adamw" else _sgd)(w, block, slope, numbers)
            f.store(new, block["new"])
        # zero as long as everything is finite
        block.carried = [f.two("fadd", block.carried[0], f.two("fsub", new, new))]
    odd = f.two("fcmp uno", block.carried[0], "zeroinitializer")
    if job.optimizer != "none":
        _stop(w, f.value(f"call i1 @llvm.vector.reduce.or.v16i1(<16 x i1> {odd})"))


def _sgd(w: _Writer, block: Loop, slope: str, numbers: list[str]) -> str:
    f = w.f
    rate, _, _, _, momentum, decay = numbers
    old = f.load(block["old"])
    slope = f.fma(decay, old, slope)
    velocity = f.fma(momentum, f.load(block["state"]), slope)
    f.store(velocity, block["state"])
    step = f.fma(momentum, velocity, slope) if w.job.optimizer == "nesterov" else velocity
    return f.fma(f.two("fmul", rate, f.constant(-1)), step, old)


def _adamw(w: _Writer, block: Loop, slope: str, numbers: list[str]) -> str:
    """``numbers``: rate, rate x decay, and the two corrections."""
    f = w.f
    rate, shrink, first_whole, second_whole = numbers[:4]
    old = f.load(block["old"])
    old = f.fma(f.two("fmul", shrink, f.constant(-1)), old, old)
    first = f.fma(
        f.constant(BETA1), f.load(block["state"]), f.two("fmul", f.constant(1 - BETA1), slope)
    )
    squared = f.two("fmul", f.two("fmul", f.constant(1 - BETA2), slope), slope)
    second = f.fma(f.constant(BETA2), f.load(block["second"]), squared)
    f.store(first, block["state"])
    f.store(second, block["second"])
    deviation = f.value(
        f"call {f.vector} @llvm.sqrt.v16f32({f.vector} {f.two('fdiv', second, second_whole)})"
    )
    step = f.two(
        "fdiv", f.two("fdiv", first, first_whole), f.two("fadd", deviation, f.constant(EPSILON))
    )
    return f.fma(f.two("fmul", rate, f.constant(-1)), step, old)
