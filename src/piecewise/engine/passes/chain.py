"""A network as a chain of passes."""

from __future__ import annotations

from dataclasses import replace

from ...spec.architecture import Architecture, Stage
from ...spec.layer import Layer
from ...spec.layers import Pool
from ..ir.llvm_text import GROUP_BYTES
from .base import Pass
from .batch_norm import NormPass
from .convolution import ConvolutionPass
from .dropout import DropoutPass
from .embedding import EmbedPass
from .fully_connected import FullPass
from .pooling import PoolPass
from .relu import ReluPass

PASSES: dict[type[Layer], type[Pass]] = {
    made.kind: made
    for made in (ConvolutionPass, FullPass, PoolPass, NormPass, DropoutPass, ReluPass, EmbedPass)
}
"""How each kind of layer runs."""


def passes_of(
    architecture: Architecture,
    *,
    training: bool,
    backward: bool,
    keep_activations: bool = False,
    cell_bytes: int = GROUP_BYTES,
) -> list[Pass]:
    """The passes of a network. ``training``: dropout draws and norm takes a group's statistics.
    ``backward``: a way back follows. ``every_stack``: each layer's output stays to be read.
    ``cell_bytes``: of the sixteen numbers of a cell."""
    found: list[Pass] = []
    source = "input"
    for stage in architecture.stages:
        layer, last = stage.layer, found[-1] if found else None
        if layer.identity_at_inference and not training:
            if last:
                last.fused_stages.append(stage)
            continue
        kind = PASSES[type(layer)]
        if not keep_activations and last and kind.fuse(last, stage):
            continue
        made = kind(stage, source, backward, training)
        made.fused_stages.append(stage)
        made.cell_bytes = cell_bytes
        made.needs_input_gradient = any(p.stage.parameters for p in found)
        made.masked = bool(last and last.relu)
        source = made.target
        found.append(made)
    return found or [_nothing(architecture.stages[-1], cell_bytes)]


def _nothing(stage: Stage, cell_bytes: int) -> Pass:
    """The pass of a network that changes nothing: windows of one cell."""
    made = PoolPass(replace(stage, layer=Pool((1, 1))), "input", needs_backward=False)
    made.cell_bytes = cell_bytes
    made.fused_stages.append(stage)
    return made
