"""A network as a chain of passes."""

from __future__ import annotations

from dataclasses import replace

from ...spec.architecture import Architecture, Stage
from ...spec.layer_base import Layer
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
from .text_lengths import lengths_of

PASSES: dict[type[Layer], type[Pass]] = {
    new_pass.kind: new_pass
    for new_pass in (
        ConvolutionPass,
        FullPass,
        PoolPass,
        NormPass,
        DropoutPass,
        ReluPass,
        EmbedPass,
    )
}
"""The pass class of each kind of layer."""


def passes_of(
    architecture: Architecture,
    *,
    training: bool,
    backward: bool,
    keep_activations: bool = False,
    frozen: int = 0,
    cell_bytes: int = GROUP_BYTES,
) -> list[Pass]:
    """The passes of a network. ``training``: dropout and batch norm run in training mode.
    ``backward``: a backward pass follows. ``keep_activations``: every layer's output can be read
    afterwards, so nothing is fused, and convolutions add their products one by one, as `Walk.why`
    does. ``frozen``: the number of frozen layers. ``cell_bytes``:
    bytes of a cell's sixteen values."""
    passes: list[Pass] = []
    source, lengths = "input", lengths_of(architecture)
    for stage in architecture.stages:
        layer, last = stage.layer, passes[-1] if passes else None
        if layer.identity_at_inference and not training:
            if last:
                last.fused_stages.append(stage)
            continue
        kind = PASSES[type(layer)]
        if not keep_activations and last and kind.fuse(last, stage):
            continue
        is_frozen = stage.number <= frozen
        by_batch = training and not (is_frozen and stage.running_stats)
        new_pass = kind(stage, source, backward, by_batch, frozen=is_frozen)
        new_pass.fused_stages.append(stage)
        new_pass.cell_bytes, new_pass.lengths = cell_bytes, lengths
        new_pass.direct = keep_activations or cell_bytes != GROUP_BYTES
        new_pass.needs_input_gradient = any(p.trained for p in passes)
        new_pass.follow(last)
        source = new_pass.target
        passes.append(new_pass)
    return passes or [_identity_pass(architecture.stages[-1], cell_bytes)]


def _identity_pass(stage: Stage, cell_bytes: int) -> Pass:
    """The pass of a network without an effect at inference: pooling with 1x1 windows."""
    new_pass = PoolPass(replace(stage, layer=Pool((1, 1))), "input", needs_backward=False)
    new_pass.cell_bytes = cell_bytes
    new_pass.fused_stages.append(stage)
    return new_pass
