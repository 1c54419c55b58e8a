"""A whole network, forward and backward, by the layers' pairs, in groups of 16 pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import fsum
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..core.array_types import Array
from ..core.ghost_batch import StepContext, ghost_batches
from ..core.rng import DROPOUT, derive_key
from ..spec.architecture import Architecture, Stage
from ..spec.layer import Layer
from ..spec.layers import Convolution, Dropout, Embed, Full, Norm, Pool, Relu
from . import batch_norm, convolution, dropout, embedding, fully_connected, pooling, relu
from .losses import LOSSES
from .reductions import Arrays, Draw


class LayerFunctions(Protocol):
    """What a layer kind's file has; each for its own record and what it keeps."""

    CACHES_INPUT: bool
    """Whether ``forward`` keeps its input, and nothing else, for ``backward``."""

    def forward(
        self, layer: Any, x: Array, arrays: Arrays, draw: Draw | None, /
    ) -> tuple[Array, Any]: ...

    def backward(
        self, layer: Any, upstream: Array, arrays: Arrays, kept: Any, /
    ) -> tuple[Array, dict[str, Array]]: ...


LAYER_FUNCTIONS: dict[type[Layer], LayerFunctions] = {
    Convolution: convolution,
    Relu: relu,
    Pool: pooling,
    Full: fully_connected,
    Dropout: dropout,
    Norm: batch_norm,
    Embed: embedding,
}
"""Where each kind of layer keeps its ``forward`` and ``backward``."""
OBSERVED: dict[type[Layer], Callable[[Any], dict[str, Array]]] = {Norm: batch_norm.observed}
"""Each kind with running averages: reads the group's statistics from what ``forward`` keeps."""


class Gradients(NamedTuple):
    """The mean loss over the pictures, its gradient by parameter name, the statistics seen."""

    loss: float
    arrays: dict[str, Array]
    observed: dict[str, Array]


def forward(
    stages: Sequence[Stage], arrays: Arrays, x: Array, moment: StepContext | None = None
) -> tuple[list[Array], list[Any]]:
    """One group through every stage: the stack each gives, and what each keeps for the way back."""
    outputs, kept = [], []
    for stage in stages:
        pair = LAYER_FUNCTIONS[type(stage.layer)]
        x, keeps = pair.forward(stage.layer, x, stage_arrays(stage, arrays), _draw(stage, moment))
        outputs.append(x)
        kept.append(keeps)
    return outputs, kept


def backward(
    stages: Sequence[Stage], arrays: Arrays, upstream: Array, kept: Sequence[Any]
) -> tuple[Array, dict[str, Array]]:
    """From the gradient of the last stack to that of the input, and of every parameter."""
    gradients: dict[str, Array] = {}
    for stage, keeps in zip(reversed(stages), reversed(kept), strict=True):
        pair = LAYER_FUNCTIONS[type(stage.layer)]
        upstream, found = pair.backward(stage.layer, upstream, stage_arrays(stage, arrays), keeps)
        gradients |= {f"{stage.name}.{name}": array for name, array in found.items()}
    return upstream, gradients


def logits(architecture: Architecture, arrays: Arrays, x: Array) -> Array:
    """Pictures (N, C, H, W), or words (N, positions) -> (N, classes)."""
    dtype = _dtype(arrays, x)
    answers = np.empty((len(x), len(architecture.classes)), dtype)
    for group in ghost_batches(len(x)):
        outputs, _ = forward(architecture.stages, arrays, x[group])
        answers[group] = outputs[-1].reshape(answers[group].shape)
    return answers


def gradients(
    architecture: Architecture,
    arrays: Arrays,
    x: Array,
    right: Array,
    loss: str = "cross-entropy",
    moment: StepContext | None = None,
    weights: Array | None = None,
) -> Gradients:
    """The mean loss of pictures x with right classes (N), and its gradient.

    Without a moment: of the network as it answers. With one: of a training step. ``weights`` (N):
    each picture's loss is multiplied by its own; the mean is still over the number of pictures.
    """
    dtype = _dtype(arrays, x)
    sums = {row.name: np.zeros(row.shape, dtype) for row in architecture.parameters}
    losses, seen = [], []
    for answered in _answered(architecture, arrays, x, right, loss, moment, weights):
        upstream = answered.slope / dtype.type(len(x))
        _, found = backward(architecture.stages, arrays, upstream, answered.kept)
        for name, array in found.items():
            sums[name] += array
        losses += answered.losses
        seen.append(_observed(architecture.stages, answered.kept))
    return Gradients(fsum(losses) / len(losses), sums, _means(seen, len(x)))


def mean_loss(
    architecture: Architecture,
    arrays: Arrays,
    x: Array,
    right: Array,
    loss: str,
    moment: StepContext | None = None,
    weights: Array | None = None,
) -> tuple[float, dict[str, Array]]:
    """The loss and the statistics that `gradients` would give, without the way back."""
    losses, seen = [], []
    for answered in _answered(architecture, arrays, x, right, loss, moment, weights):
        losses += answered.losses
        seen.append(_observed(architecture.stages, answered.kept))
    return fsum(losses) / len(losses), _means(seen, len(x))


class _Answered(NamedTuple):
    """A group on its way: its losses, their gradient like the last stack, what the stages kept."""

    losses: list[float]
    slope: Array
    kept: list[Any]


def _answered(
    architecture: Architecture,
    arrays: Arrays,
    x: Array,
    right: Array,
    loss: str,
    moment: StepContext | None,
    weights: Array | None,
) -> Iterator[_Answered]:
    """The groups of pictures x, each through every stage and the loss, times their weights."""
    for group in ghost_batches(len(x)):
        part = moment and moment.part(group)
        outputs, kept = forward(architecture.stages, arrays, x[group], part)
        last = outputs[-1]
        losses, slope = LOSSES[loss](last.reshape(len(last), -1), right[group])
        if weights is not None:
            weight = np.asarray(weights[group], losses.dtype)
            losses, slope = losses * weight, slope * weight[:, None]
        yield _Answered(losses.tolist(), slope.reshape(last.shape), kept)


def stage_arrays(stage: Stage, arrays: Arrays) -> dict[str, Array]:
    """A stage's arrays by their short names."""
    rows = stage.parameters + stage.running_stats
    return {row.tensor.name: arrays[row.name] for row in rows}


def _draw(stage: Stage, moment: StepContext | None) -> Draw | None:
    if moment is None:
        return None
    if not stage.layer.draws:
        return _NO_DRAW
    path = (DROPOUT, moment.epoch, moment.pictures, stage.number)
    return Draw(derive_key(moment.seed, *path))


_NO_DRAW = Draw(
    derive_key(0)
)  # says "training" to layers that draw nothing; folding keys takes time


def _dtype(arrays: Arrays, x: Array) -> np.dtype[Any]:
    """The precision of a run: that of the parameters, or of the input if there are none."""
    return next(iter(arrays.values()), x).dtype


def _observed(stages: Sequence[Stage], kept: Sequence[Any]) -> dict[str, Array]:
    return {
        f"{stage.name}.{name}": array
        for stage, keeps in zip(stages, kept, strict=True)
        if stage.running_stats
        for name, array in OBSERVED[type(stage.layer)](keeps).items()
    }


def _means(seen: Sequence[Mapping[str, Array]], count: int) -> dict[str, Array]:
    """The mean of the groups' statistics, each counted by its pictures, added group by group."""
    sizes = [group.stop - group.start for group in ghost_batches(count)]
    means = {name: np.zeros_like(array) for name, array in seen[0].items()} if seen else {}
    for name, mean in means.items():
        for one, size in zip(seen, sizes, strict=True):
            mean += one[name] * mean.dtype.type(size)
        mean /= mean.dtype.type(count)
    return means
