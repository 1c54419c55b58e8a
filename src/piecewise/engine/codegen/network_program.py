"""Batch programs: the LLVM IR of a network's inference or training, as one module.

The module holds the kernels, the forward and backward passes, and the entry functions that Python
calls.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from ...spec.architecture import Architecture
from ...spec.frozen_layers import NOTHING, FrozenPart
from ...spec.layer_base import Layer
from ..ir.intrinsics import declare
from ..ir.llvm_text import Function, Module
from ..ir.memory_plan import MemoryPlan, NetworkWriter, network_function
from ..ir.target import Target
from ..ir.thread_header import HEADER_BYTES
from ..kernels.embedding_marks import large_table, mark_blocks
from ..kernels.geometric_augmentation import augment_geometry, frames_size, geometry_arguments
from ..kernels.input_packing import pack_input, unpack_logits
from ..kernels.intensity_augmentation import augment_intensity, intensity_arguments, mask_bands
from ..kernels.losses import loss
from ..kernels.threefry import draw_order
from ..passes.base import Pass
from ..passes.chain import passes_of
from .full_layer_plan import plan_records, runs_pairs
from .training_loop import write_infer, write_split_train, write_train
from .training_loop_writer import ProgramLayout

MAX_RECORDED_BATCH = 2048
"""The largest batch for which `ProgramSpec.records` is worth its memory."""


@dataclass(frozen=True)
class ProgramSpec:
    """The options of a program. ``kind``: "infer", "feature maps" (inference that keeps the output
    of every layer) or "train"."""

    kind: str
    uint8_input: bool = False
    """Whether images are given as bytes."""
    loss: str = "cross-entropy"
    optimizer: str = "none"
    training: bool = False
    """Whether dropout is active and batch norm uses the statistics of a group."""
    geometric: bool = False
    """Whether geometric augmentation is applied; its strength is set at run time."""
    weighted: bool = False
    """Whether each example's loss is multiplied by a sample weight."""
    intensity: bool = False
    """Whether contrast and brightness are augmented."""
    noise: bool = False
    """Whether noise is added."""
    band_masking: bool = False
    """Whether bands of rows and columns are masked."""
    frozen: FrozenPart = NOTHING
    """The layers that training leaves as they are."""
    scaled: bool = False
    """Whether the optimizer multiplies each gradient by a factor of its own."""
    records: bool = False
    """Whether the weight gradients of large fully connected layers are computed for a whole batch
    at once, which takes memory for each of its groups. Not with ``split``."""
    split: bool = False
    """Whether training has two entry functions: one for the gradients of some shards, one for the
    optimizer step. So several processes can share a step."""

    @property
    def intensity_kernels(self) -> tuple[str, ...]:
        """The kernels that change images after they were packed into lanes."""
        names = ["augment_intensity"] if self.intensity or self.noise else []
        return (*names, *["mask_bands"] * self.band_masking)

    @property
    def augments(self) -> bool:
        """Whether there is any augmentation."""
        return self.geometric or bool(self.intensity_kernels)


@dataclass(frozen=True)
class NetworkIR:
    """The LLVM IR of a program, and what is needed to run it."""

    text: str
    layout: ProgramLayout
    memory: int
    """Bytes of memory per thread."""
    plan: MemoryPlan
    passes: list[Pass]
    kernels: dict[str, Function]
    calls: list[tuple[str, str]]
    """(layer, kernel) of every call, in order."""


def generate_network_ir(
    architecture: Architecture, target: Target, spec: ProgramSpec, guard: int = 0
) -> NetworkIR:
    """Write a program. ``guard``: unused bytes around every buffer (for tests)."""
    module, backward, every_map = Module(), spec.kind == "train", spec.kind == "feature maps"
    plan = MemoryPlan(HEADER_BYTES, guard, separate=every_map)
    passes = passes_of(
        architecture, training=spec.training, backward=backward, keep_activations=every_map,
        frozen=spec.frozen.stages,
    )  # fmt: skip
    parameter_count = architecture.parameter_count
    running_stat_count = sum(row.size for row in architecture.running_stats)
    stats_at = 16 * -(-parameter_count // 16)
    assert not (spec.augments and architecture.reads_texts), "texts have no augmentation"
    if not architecture.reads_texts:
        plan.use("input", 64 * architecture.input.values, 0)
    if spec.geometric:
        plan.use("frames", frames_size(architecture.input), 0)
    records = plan_records(passes, wanted=spec.records)
    last = passes[-1]
    together = 2 if runs_pairs(architecture) else 1
    drivers = _write_functions(passes, module, target, plan, stats_at, together, backward=backward)
    plan.use(last.target, last.output.size, len(passes))
    memory = plan.assign_offsets()
    calls: list[tuple[str, str]] = []
    for driver in drivers:
        driver.finish()
        calls += driver.calls
    layout = ProgramLayout(
        parameter_count,
        running_stat_count,
        "" if architecture.reads_texts else "pack_input",
        0 if architecture.reads_texts else plan.buffers["input"].offset,
        plan.buffers[last.target].offset,
        plan.buffers[f"d.{last.target}"].offset if backward else 0,
        len(architecture.classes),
        spec.optimizer,
        Layer.momentum,
        plan.buffers["frames"].offset if spec.geometric else None,
        spec.weighted,
        spec.intensity_kernels,
        spec.frozen,
        large_table(architecture) if spec.optimizer != "none" else None,
        spec.scaled,
        tuple(records),
        memory if together > 1 else 0,
        any(layer_pass.prepares for layer_pass in passes),
    )
    _write_input(module, architecture, spec)
    _write_entry(module, architecture, target, spec, layout, masked=last.relu)
    declare(module, target)
    return NetworkIR(
        module.text(), layout, memory * together, plan, passes, dict(module.functions), calls
    )


def _write_functions(
    passes: list[Pass],
    module: Module,
    target: Target,
    plan: MemoryPlan,
    statistics_offset: int,
    together: int,
    *,
    backward: bool,
) -> list[NetworkWriter]:
    """Write the functions that run all passes, on one group or on up to ``together``."""
    kernels: dict[Hashable, str] = {}
    writers = {"forward": _write_forward}
    if backward:
        writers["backward"] = _write_backward
    drivers: list[NetworkWriter] = []
    for groups in range(1, 1 + together):
        for name, write in writers.items():
            function = network_function(name + "_pair" * (groups - 1), groups=groups)
            arguments = (function, module, target, plan, kernels, statistics_offset, groups)
            drivers.append(NetworkWriter(*arguments))
            write(passes, drivers[-1])
    if any(layer_pass.prepares for layer_pass in passes):
        drivers.append(NetworkWriter(network_function("prepare"), module, target, plan, kernels))
        _write_prepare(passes, drivers[-1])
    return drivers


def _write_forward(passes: list[Pass], driver: NetworkWriter) -> None:
    for number, layer_pass in enumerate(passes):
        driver.time = number
        driver.layer = layer_pass.name
        _for_groups(driver, layer_pass, layer_pass.forward)


def _write_prepare(passes: list[Pass], driver: NetworkWriter) -> None:
    for number, layer_pass in enumerate(passes):
        driver.time, driver.layer = number, layer_pass.name
        layer_pass.prepare(driver)


def _write_backward(passes: list[Pass], driver: NetworkWriter) -> None:
    driver.time = len(passes)
    for _ in driver.each_group():
        passes[-1].output_gradient(driver)
    for number, layer_pass in enumerate(reversed(passes)):
        driver.time = len(passes) + 1 + number
        driver.layer = layer_pass.name
        if layer_pass.trained or layer_pass.needs_input_gradient:
            _for_groups(driver, layer_pass, layer_pass.backward)


def _for_groups(
    driver: NetworkWriter, layer_pass: Pass, write: Callable[[NetworkWriter], None]
) -> None:
    """Write a pass for all groups of the driver."""
    if layer_pass.takes_all_groups:
        write(driver)
    else:
        for _ in driver.each_group():
            write(driver)


def _write_input(module: Module, architecture: Architecture, spec: ProgramSpec) -> None:
    """The kernels that pack images into lanes and augment them."""
    kind = "i8" if spec.uint8_input else "float"
    values = architecture.input.values
    if spec.geometric:
        augment_geometry(
            module.add(Function("augment_geometry", geometry_arguments())), architecture.input, kind
        )
    elif not architecture.reads_texts:
        names = ("examples", "byte_scaling", "output")
        function = module.add(Function("pack_input", [f"ptr noalias %{name}" for name in names]))
        pack_input(function, module, values, kind)
    for name in spec.intensity_kernels:
        function = module.add(Function(name, intensity_arguments()))
        if name == "mask_bands":
            mask_bands(function, architecture.input)
        else:
            augment_intensity(
                function, values, changes_levels=spec.intensity, adds_noise=spec.noise
            )


def _write_entry(
    module: Module,
    architecture: Architecture,
    target: Target,
    spec: ProgramSpec,
    layout: ProgramLayout,
    *,
    masked: bool,
) -> None:
    """The functions that Python calls, and the kernels that write losses or logits."""
    classes = len(architecture.classes)
    if spec.kind == "train":
        names = ["logits", "labels", "losses", "upstream", *["weights"] * spec.weighted]
        pointers = [f"ptr noalias %{name}" for name in names]
        function = module.add(Function("loss", [*pointers, "i64 %examples", "i64 %batch"]))
        loss(function, spec.loss, classes, masked=masked, weighted=spec.weighted)
        if layout.table:
            names = ["ptr %words", "ptr %marks", "i64 %count"]
            mark_blocks(module.add(Function("mark_blocks", names)), layout.table)
        (write_split_train if spec.split else write_train)(module, layout, target.pause)
        pointers = ["ptr noalias %key", "ptr noalias %drawn"]
        draw_order(module.add(Function("draw_order", [*pointers, "i64 %count"], public=True)))
    else:
        pointers = ["ptr noalias %logits", "ptr noalias %output"]
        unpack_logits(module.add(Function("unpack_logits", [*pointers, "i64 %count"])), classes)
        write_infer(module, layout, target.pause)
