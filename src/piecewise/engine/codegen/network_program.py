"""A network as one module of LLVM text: kernels, the ways forward and back, and the functions that
Python calls."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from ...spec.architecture import Architecture
from ...spec.layer import Layer
from ..ir.intrinsics import declare
from ..ir.llvm_text import Function, Module
from ..ir.memory_plan import MemoryPlan, NetworkWriter, network_function
from ..ir.target import Target
from ..ir.thread_header import HEADER_BYTES
from ..kernels.geometric_augmentation import augment_geometry, frames_size, geometry_arguments
from ..kernels.input_packing import pack_input, unpack_logits
from ..kernels.intensity_augmentation import augment_intensity, intensity_arguments, mask_bands
from ..kernels.losses import loss
from ..kernels.threefry import draw_order
from ..passes.base import Pass
from ..passes.chain import passes_of
from .training_loop import ProgramLayout, write_infer, write_train


@dataclass(frozen=True)
class ProgramSpec:
    """What a program is for: "answer", "walk" (answers, every stack kept) or "learn"."""

    name: str
    uint8_input: bool = False
    """Whether pictures come as bytes."""
    loss: str = "cross-entropy"
    optimizer: str = "none"
    training: bool = False
    """Whether dropout draws and norm takes the statistics of a group."""
    geometric: bool = False
    """Whether pixels are moved on their way into a step; how far is told at run time."""
    weighted: bool = False
    """Whether each picture's loss is multiplied by a weight of its own while learning."""
    intensity: bool = False
    """Whether contrast and light are changed."""
    noise: bool = False
    """Whether noise is added."""
    band_masking: bool = False
    """Whether bands become ground."""

    @property
    def intensity_kernels(self) -> tuple[str, ...]:
        """The functions that change pictures when they have been laid."""
        return ("augment_intensity",) * (self.intensity or self.noise) + (
            "mask_bands",
        ) * self.band_masking

    @property
    def augments(self) -> bool:
        """Whether pictures are changed in any way."""
        return self.geometric or bool(self.intensity_kernels)


@dataclass(frozen=True)
class NetworkIR:
    """The text and what there is to know to run it."""

    text: str
    layout: ProgramLayout
    memory: int
    """Bytes a thread needs."""
    plan: MemoryPlan
    passes: list[Pass]
    kernels: dict[str, Function]
    calls: list[tuple[str, str]]
    """(layer, kernel), in order."""


def generate_network_ir(
    architecture: Architecture, machine: Target, purpose: ProgramSpec, guard: int = 0
) -> NetworkIR:
    """Write a program. ``guard``: bytes left free around every place (for tests)."""
    module, backward = Module(), purpose.name == "train"
    plan = MemoryPlan(HEADER_BYTES, guard, separate=purpose.name == "feature maps")
    kernels: dict[Hashable, str] = {}
    passes = passes_of(
        architecture,
        training=purpose.training,
        backward=backward,
        keep_activations=purpose.name == "feature maps",
    )
    parameters, running_stats = (
        architecture.parameter_count,
        sum(row.size for row in architecture.running_stats),
    )
    statistics_offset = 16 * -(-parameters // 16)
    forward = NetworkWriter(
        network_function("forward"), module, machine, plan, kernels, statistics_offset
    )
    calls: list[tuple[str, str]] = []
    input_size = 64 * architecture.input.values
    if not architecture.reads_texts:
        plan.use("input", input_size, 0)
    assert not (purpose.augments and architecture.reads_texts), "words know no tricks"
    if purpose.geometric:
        plan.use("frames", frames_size(architecture.input), 0)
    for number, made in enumerate(passes):
        forward.time = number
        forward.layer = made.name
        made.forward(forward)
    last = passes[-1]
    plan.use(last.target, last.output.size, len(passes))
    drivers = [forward]
    if backward:
        drivers.append(_backward(passes, module, machine, plan, kernels, statistics_offset))
    memory = plan.assign_offsets()
    for driver in drivers:
        driver.finish()
        calls += driver.calls
    layout = ProgramLayout(
        parameters,
        running_stats,
        "" if architecture.reads_texts else "pack_input",
        0 if architecture.reads_texts else plan.buffers["input"].offset,
        plan.buffers[last.target].offset,
        plan.buffers[f"d.{last.target}"].offset if backward else 0,
        len(architecture.classes),
        purpose.optimizer,
        Layer.momentum,
        plan.buffers["frames"].offset if purpose.geometric else None,
        purpose.weighted,
        purpose.intensity_kernels,
    )
    _write_ends(module, architecture, machine, purpose, layout, masked=last.relu)
    declare(module, machine)
    return NetworkIR(module.text(), layout, memory, plan, passes, dict(module.functions), calls)


def _backward(
    passes: list[Pass],
    module: Module,
    machine: Target,
    plan: MemoryPlan,
    kernels: dict[Hashable, str],
    statistics_offset: int,
) -> NetworkWriter:
    backward = NetworkWriter(
        network_function("backward"), module, machine, plan, kernels, statistics_offset
    )
    backward.time = len(passes)
    passes[-1].output_gradient(backward)
    for number, made in enumerate(reversed(passes)):
        backward.time = len(passes) + 1 + number
        backward.layer = made.name
        if made.stage.parameters or made.needs_input_gradient:
            made.backward(backward)
    return backward


def _write_ends(
    module: Module,
    architecture: Architecture,
    machine: Target,
    purpose: ProgramSpec,
    layout: ProgramLayout,
    *,
    masked: bool,
) -> None:
    """Pictures in, losses and answers out, and the functions that Python calls."""
    classes = len(architecture.classes)
    kind = "i8" if purpose.uint8_input else "float"
    if purpose.geometric:
        augment_geometry(
            module.add(Function("augment_geometry", geometry_arguments())), architecture.input, kind
        )
    elif not architecture.reads_texts:
        function = module.add(
            Function(
                "pack_input",
                ["ptr noalias %examples", "ptr noalias %byte_scaling", "ptr noalias %output"],
            )
        )
        pack_input(function, architecture.input.values, kind)
    for name in purpose.intensity_kernels:
        function = module.add(Function(name, intensity_arguments()))
        if name == "mask_bands":
            mask_bands(function, architecture.input)
        else:
            values = architecture.input.values
            augment_intensity(
                function, values, changes_levels=purpose.intensity, adds_noise=purpose.noise
            )
    if purpose.name == "train":
        names = ["logits", "labels", "losses", "upstream", *["weights"] * purpose.weighted]
        pointers = [f"ptr noalias %{name}" for name in names]
        function = module.add(Function("loss", [*pointers, "i64 %examples", "i64 %batch"]))
        loss(function, purpose.loss, classes, masked=masked, weighted=purpose.weighted)
        write_train(module, layout, machine.pause)
        pointers = ["ptr noalias %key", "ptr noalias %drawn"]
        draw_order(module.add(Function("draw_order", [*pointers, "i64 %count"], public=True)))
    else:
        function = module.add(
            Function("unpack_logits", ["ptr noalias %logits", "ptr noalias %output", "i64 %count"])
        )
        unpack_logits(function, classes)
        write_infer(module, layout, machine.pause)
