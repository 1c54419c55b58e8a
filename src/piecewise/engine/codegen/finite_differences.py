"""The program that nudges: each parameter up and down a bit, in float64, and how the losses differ.

`from0` runs the whole network on a group, `fromN` what begins with pass N: a nudge changes nothing
before its own pass. `look` gives losses and statistics as they are; `nudgeN` nudges the parameters
of pass N. Threads claim a few parameters at a time, each nudges them in weights of its own; what a
parameter gets is added group by group, whoever does it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from ...spec.architecture import Architecture
from ..ir.function_writer import EntryWriter
from ..ir.intrinsics import declare_wide
from ..ir.llvm_text import FLOAT64_GROUP_BYTES, Function, Module
from ..ir.memory_plan import MemoryPlan, NetworkWriter, network_function
from ..ir.target import Target
from ..ir.thread_header import HEADER_BYTES, LABELS_OFFSET, LOSSES_OFFSET
from ..kernels.float64_kernels import loss as write_loss
from ..passes.base import Pass
from ..passes.chain import passes_of


@dataclass(frozen=True)
class FiniteDifferenceIR:
    """The text and what there is to know to run it."""

    text: str
    memory: int
    """Bytes a thread needs."""
    plan: MemoryPlan
    block: int
    """Bytes of a group as it is given: its header and its input."""
    learning: list[tuple[int, int]]
    """The passes with parameters: number, and how many they are."""


def generate_finite_difference_ir(
    architecture: Architecture, machine: Target, loss: str, *, training: bool, guard: int = 0
) -> FiniteDifferenceIR:
    """Write the program. ``training``: dropout draws and norm takes the statistics of a group;
    ``guard``: bytes left free around every place (for tests)."""
    module, plan = (
        Module(),
        MemoryPlan(HEADER_BYTES, guard, separate=True),
    )  # what is before a pass stays as it is
    inputs = 0 if architecture.reads_texts else FLOAT64_GROUP_BYTES * architecture.input.values
    running_stats = sum(row.size for row in architecture.running_stats)
    for name, size in (
        ("input", inputs),
        ("weights", 8 * architecture.parameter_count),
        ("statistics", 8 * running_stats),
    ):
        plan.use(name, size, 0)
    passes = passes_of(
        architecture, training=training, backward=False, cell_bytes=FLOAT64_GROUP_BYTES
    )
    drivers = _drivers(passes, module, machine.wide, plan)
    memory = plan.assign_offsets()
    for driver in drivers:
        driver.finish()
    pointers = [f"ptr noalias %{name}" for name in ("logits", "labels", "losses")]
    function = module.add(Function("loss", pointers, real="double"))
    write_loss(function, loss, len(architecture.classes))
    places = _Places(plan, inputs, passes[-1].target)
    _write_look(module, places, running_stats)
    learning = []
    for number, made in enumerate(passes):
        rows = made.stage.parameters
        if rows:
            learning.append((number, sum(row.size for row in rows)))
            _write_nudge(module, places, number, rows[0].offset)
    declare_wide(module, machine.wide)
    return FiniteDifferenceIR(module.text(), memory, plan, HEADER_BYTES + inputs, learning)


def _drivers(
    passes: Sequence[Pass], module: Module, machine: Target, plan: MemoryPlan
) -> list[NetworkWriter]:
    """The functions that run the passes from one on, for the first and for all that learn."""
    kernels: dict[Hashable, str] = {}
    found = []
    for first, start in enumerate(passes):
        if first and not start.stage.parameters:
            continue
        driver = NetworkWriter(
            network_function(f"from{first}", "double"), module, machine, plan, kernels
        )
        for number, made in enumerate(passes[first:], first):
            driver.time, driver.layer = number, made.name
            made.forward(driver)
        found.append(driver)
    return found


@dataclass(frozen=True)
class _Places:
    """Where things lie in a thread's memory."""

    plan: MemoryPlan
    inputs: int
    """Bytes of a group's input."""
    last: str
    """The name of the logits' place."""

    def at(self, name: str) -> int:
        return self.plan.buffers[name].offset


class _Writer(EntryWriter):
    """Writes an entry function that works on the groups of the context, one at a time."""

    def __init__(self, name: str, module: Module, places: _Places) -> None:
        super().__init__(name, module, real="double")
        self.places = places
        slot = self.integer("shl", "%thread", 3)
        self.memory = self.f.load(
            self.f.at(self.load_context("thread_memories", "ptr"), slot), 0, "ptr"
        )
        self.weights, self.statistics, self.logits = (
            self.f.at(self.memory, places.at(name))
            for name in ("weights", "statistics", places.last)
        )

    def take(self, group: str) -> str:
        """Take a group; how many pictures it has."""
        f, inputs = self.f, self.places.inputs
        block = f.at(
            self.load_context("groups", "ptr"), self.integer("mul", group, HEADER_BYTES + inputs)
        )
        self._copy(block, self.memory, LOSSES_OFFSET)
        if inputs:
            input_ = f.at(self.memory, self.places.at("input"))
            self._copy(f.at(block, HEADER_BYTES), input_, inputs)
        left = self.integer("sub", self.load_context("count"), self.integer("shl", group, 4))
        return self.minimum(left, "16")

    def _copy(self, source: str, output: str, size: int) -> None:
        places = f"ptr align 64 {output}, ptr align 64 {source}"
        self.f.line(f"call void @llvm.memcpy.p0.p0.i64({places}, i64 {size}, i1 false)")

    def run(self, first: int, pictures: str) -> None:
        """The passes from one on, for the group in memory."""
        running_stats, key = self.load_pointers("running_stats", "key")
        pointers = (self.memory, self.weights, running_stats, self.statistics, key)
        self.call_network(f"from{first}", pointers, pictures)

    def losses(self) -> str:
        """The losses of the logits in memory."""
        f = self.f
        losses = f.at(self.memory, LOSSES_OFFSET)
        pointers = (self.logits, f.at(self.memory, LABELS_OFFSET), losses)
        f.call("loss", *(f"ptr {p}" for p in pointers))
        return f.load(losses)


def _write_look(module: Module, places: _Places, running_stats: int) -> None:
    """``look(context, thread)``: each picture's loss, and the statistics of each group."""
    w = _Writer("look", module, places)
    f = w.f
    with f.repeat() as done:
        group = w.claim()
        start = w.integer("shl", group, 4)
        f.break_if(done, w.integer("icmp sge", start, w.load_context("count")))
        w.run(0, w.take(group))
        f.store(
            w.losses(),
            f.at(w.load_context("losses", "ptr"), w.integer("mul", group, FLOAT64_GROUP_BYTES)),
        )
        moving = {
            "from": (w.statistics, 8),
            "to": (
                f.at(
                    w.load_context("observed_stats", "ptr"),
                    w.integer("mul", group, 8 * running_stats),
                ),
                8,
            ),
        }
        with f.loop("running_stats", running_stats, moving) as average:
            f.store(f.load(average["from"], 0, "double"), average["to"], 0, "double")
    w.finish()


def _write_nudge(module: Module, places: _Places, number: int, offset: int) -> None:
    """``nudgeN(context, thread)``: pass ``number``, whose parameters begin at ``offset``, from
    parameter ``first`` to ``stop``: what their nudges differ by, added up over the pictures."""
    w = _Writer(f"nudge{number}", module, places)
    f = w.f
    groups = w.integer("lshr", w.integer("add", w.load_context("count"), 15), 4)
    with f.repeat() as done:
        taken = w.integer("mul", w.claim(), w.load_context("chunk"))
        first, stop = w.integer("add", w.load_context("first"), taken), w.load_context("stop")
        f.break_if(done, w.integer("icmp sge", first, stop))
        count = w.minimum(w.integer("sub", stop, first), w.load_context("chunk"))
        place = w.integer("mul", w.integer("add", first, offset), 8)
        moving = {
            "weight": (f.at(w.weights, place), 8),
            "slope": (f.at(w.load_context("gradients", "ptr"), place), 8),
        }
        with f.loop("groups", groups) as group:
            pictures = w.take(group.index)
            w.run(0, pictures)
            with f.loop("parameters", count, moving) as parameter:
                found = _difference(w, number, parameter["weight"], pictures)
                old = f.load(parameter["slope"], 0, "double")
                f.store(f.op("fadd", old, found, "double"), parameter["slope"], 0, "double")
    w.finish()


def _difference(w: _Writer, number: int, weight: str, pictures: str) -> str:
    """How much larger a group's losses are with a parameter nudged up than with it down."""
    f, losses = w.f, []
    value, amount = f.load(weight, 0, "double"), w.load_context("step_size", "double")
    for nudge in ("fadd", "fsub"):
        f.store(f.op(nudge, value, amount, "double"), weight, 0, "double")
        w.run(number, pictures)
        losses.append(w.losses())
    f.store(value, weight, 0, "double")
    up, down = losses
    return f.sum_lanes(f.select(f.first_lanes(pictures), f.op("fsub", up, down), "zeroinitializer"))
