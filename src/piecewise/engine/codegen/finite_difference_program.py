"""Finite differences as LLVM IR: the float64 program behind `Network.numerical_gradients`.

Each parameter is nudged up and down by a small step, and the difference of the losses is summed.
`forward_fromN` runs the forward pass from pass N on; a nudge changes nothing before its own pass,
so `forward_from0` runs once per group. `evaluate` computes losses and batch statistics without a
nudge; `differencesN` nudges the parameters of pass N. Threads claim a few parameters at a time and
nudge them in their own copy of the weights. The differences of a parameter are added group by
group, whichever thread computes them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from ...spec.architecture import Architecture
from ..ir.function_writer import EntryWriter
from ..ir.intrinsics import declare_float64
from ..ir.llvm_text import FLOAT64_GROUP_BYTES, Function, Module
from ..ir.memory_plan import MemoryPlan, NetworkWriter, network_function
from ..ir.target import Target
from ..ir.thread_header import HEADER_BYTES, LABELS_OFFSET, LOSSES_OFFSET
from ..kernels.float64_kernels import loss as write_loss
from ..passes.base import Pass
from ..passes.chain import passes_of


@dataclass(frozen=True)
class FiniteDifferenceIR:
    """The LLVM IR of the program, and what is needed to run it."""

    text: str
    memory: int
    """Bytes of memory per thread."""
    plan: MemoryPlan
    group_bytes: int
    """Bytes of a group's header and input."""
    parameter_counts: list[tuple[int, int]]
    """(number, parameter count) of each pass that has parameters to train."""


def generate_finite_difference_ir(
    architecture: Architecture,
    target: Target,
    loss: str,
    *,
    training: bool,
    frozen: int = 0,
    guard: int = 0,
) -> FiniteDifferenceIR:
    """Write the program. ``training``: dropout is active and batch norm uses the statistics of a
    group. ``frozen``: the number of frozen layers, which are not nudged. ``guard``: unused bytes
    around every buffer (for tests)."""
    module = Module()
    plan = MemoryPlan(
        HEADER_BYTES, guard, separate=True
    )  # the maps before the nudged pass must persist
    input_bytes = 0 if architecture.reads_texts else FLOAT64_GROUP_BYTES * architecture.input.values
    running_stat_count = sum(row.size for row in architecture.running_stats)
    for name, size in (
        ("input", input_bytes),
        ("weights", 8 * architecture.parameter_count),
        ("statistics", 8 * running_stat_count),
    ):
        plan.use(name, size, 0)
    passes = passes_of(
        architecture, training=training, backward=False, cell_bytes=FLOAT64_GROUP_BYTES,
        frozen=frozen,
    )  # fmt: skip
    drivers = _write_forward_functions(passes, module, target.float64, plan)
    memory = plan.assign_offsets()
    for driver in drivers:
        driver.finish()
    pointers = [f"ptr noalias %{name}" for name in ("logits", "labels", "losses")]
    function = module.add(Function("loss", pointers, real="double"))
    write_loss(function, loss, len(architecture.classes))
    offsets = _Offsets(plan, input_bytes, passes[-1].target)
    _write_evaluate(module, offsets, running_stat_count)
    parameter_counts = []
    for number, layer_pass in enumerate(passes):
        rows = layer_pass.stage.parameters
        if layer_pass.trained:
            parameter_counts.append((number, sum(row.size for row in rows)))
            _write_differences(module, offsets, number, rows[0].offset)
    declare_float64(module, target.float64)
    return FiniteDifferenceIR(
        module.text(), memory, plan, HEADER_BYTES + input_bytes, parameter_counts
    )


def _write_forward_functions(
    passes: Sequence[Pass], module: Module, target: Target, plan: MemoryPlan
) -> list[NetworkWriter]:
    """The forward pass from the first pass on, and from each pass with parameters to train on."""
    kernels: dict[Hashable, str] = {}
    drivers = []
    for first, start in enumerate(passes):
        if first and not start.trained:
            continue
        function = network_function(f"forward_from{first}", "double")
        driver = NetworkWriter(function, module, target, plan, kernels)
        for number, layer_pass in enumerate(passes[first:], first):
            driver.time, driver.layer = number, layer_pass.name
            layer_pass.forward(driver)
        drivers.append(driver)
    return drivers


@dataclass(frozen=True)
class _Offsets:
    """The offsets of a thread's buffers."""

    plan: MemoryPlan
    input_bytes: int
    """Bytes of a group's input."""
    logits: str
    """The name of the buffer of the logits."""

    def of(self, name: str) -> int:
        return self.plan.buffers[name].offset


class _GroupWriter(EntryWriter):
    """Writes an entry function that works on the groups of the context, one at a time."""

    def __init__(self, name: str, module: Module, offsets: _Offsets) -> None:
        super().__init__(name, module, real="double")
        self.offsets = offsets
        slot = self.integer("shl", "%thread", 3)
        self.memory = self.f.load(
            self.f.at(self.load_context("thread_memories", "ptr"), slot), 0, "ptr"
        )
        self.weights, self.statistics, self.logits = (
            self.f.at(self.memory, offsets.of(buffer))
            for buffer in ("weights", "statistics", offsets.logits)
        )

    def load_group(self, group: str) -> str:
        """Copy a group's header and input into memory. Returns its number of examples."""
        f, input_bytes = self.f, self.offsets.input_bytes
        size = self.integer("mul", group, HEADER_BYTES + input_bytes)
        source = f.at(self.load_context("groups", "ptr"), size)
        self._copy(source, self.memory, LOSSES_OFFSET)
        if input_bytes:
            packed = f.at(self.memory, self.offsets.of("input"))
            self._copy(f.at(source, HEADER_BYTES), packed, input_bytes)
        left = self.integer("sub", self.load_context("count"), self.integer("shl", group, 4))
        return self.minimum(left, "16")

    def _copy(self, source: str, output: str, size: int) -> None:
        pointers = f"ptr align 64 {output}, ptr align 64 {source}"
        self.f.line(f"call void @llvm.memcpy.p0.p0.i64({pointers}, i64 {size}, i1 false)")

    def run_forward(self, first: int, examples: str) -> None:
        """The forward pass from pass ``first`` on, for the group in memory."""
        running_stats, key = self.load_pointers("running_stats", "key")
        group = (self.memory, self.statistics, examples)
        self.call_network(f"forward_from{first}", (self.weights, running_stats, key), [group])

    def compute_losses(self) -> str:
        """The losses of the logits in memory."""
        f = self.f
        losses = f.at(self.memory, LOSSES_OFFSET)
        pointers = (self.logits, f.at(self.memory, LABELS_OFFSET), losses)
        f.call("loss", *(f"ptr {p}" for p in pointers))
        return f.load(losses)


def _write_evaluate(module: Module, offsets: _Offsets, running_stat_count: int) -> None:
    """``evaluate(context, thread)``: the loss of each example, the statistics of each group."""
    w = _GroupWriter("evaluate", module, offsets)
    f = w.f
    with f.repeat() as done:
        group = w.claim()
        start = w.integer("shl", group, 4)
        f.break_if(done, w.integer("icmp sge", start, w.load_context("count")))
        w.run_forward(0, w.load_group(group))
        losses = w.compute_losses()
        f.store(
            losses,
            f.at(w.load_context("losses", "ptr"), w.integer("mul", group, FLOAT64_GROUP_BYTES)),
        )
        row = w.integer("mul", group, 8 * running_stat_count)
        moving = {
            "from": (w.statistics, 8),
            "to": (f.at(w.load_context("observed_stats", "ptr"), row), 8),
        }
        with f.loop("running_stats", running_stat_count, moving) as stat:
            f.store(f.load(stat["from"], 0, "double"), stat["to"], 0, "double")
    w.finish()


def _write_differences(module: Module, offsets: _Offsets, number: int, offset: int) -> None:
    """``differencesN(context, thread)``: for the parameters ``first`` to ``stop - 1`` of pass N,
    the loss nudged up less the loss nudged down, summed over the examples. ``offset``: of the
    pass's first parameter among all."""
    w = _GroupWriter(f"differences{number}", module, offsets)
    f = w.f
    groups = w.integer("lshr", w.integer("add", w.load_context("count"), 15), 4)
    with f.repeat() as done:
        claimed = w.integer("mul", w.claim(), w.load_context("chunk"))
        first, stop = w.integer("add", w.load_context("first"), claimed), w.load_context("stop")
        f.break_if(done, w.integer("icmp sge", first, stop))
        count = w.minimum(w.integer("sub", stop, first), w.load_context("chunk"))
        start = w.integer("mul", w.integer("add", first, offset), 8)
        moving = {
            "weight": (f.at(w.weights, start), 8),
            "gradient": (f.at(w.load_context("gradients", "ptr"), start), 8),
        }
        with f.loop("groups", groups) as group:
            examples = w.load_group(group.index)
            w.run_forward(0, examples)
            with f.loop("parameters", count, moving) as parameter:
                difference = _loss_difference(w, number, parameter["weight"], examples)
                total = f.load(parameter["gradient"], 0, "double")
                total = f.op("fadd", total, difference, "double")
                f.store(total, parameter["gradient"], 0, "double")
    w.finish()


def _loss_difference(w: _GroupWriter, number: int, weight: str, examples: str) -> str:
    """A group's loss with one parameter nudged up, less its loss with it nudged down."""
    f, losses = w.f, []
    value, step = f.load(weight, 0, "double"), w.load_context("step_size", "double")
    for operation in ("fadd", "fsub"):
        f.store(f.op(operation, value, step, "double"), weight, 0, "double")
        w.run_forward(number, examples)
        losses.append(w.compute_losses())
    f.store(value, weight, 0, "double")
    up, down = losses
    return f.sum_lanes(f.select(f.first_lanes(examples), f.op("fsub", up, down), "zeroinitializer"))
