"""A whole network: forward pass, backward pass, loss and gradients, in ghost batches of 16."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import fsum
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..core.array_types import Array
from ..core.ghost_batch import StepContext, ghost_batches
from ..core.rng import DROPOUT, derive_key
from ..spec.architecture import Architecture, ArrayEntry, Stage
from ..spec.layer_base import Layer
from ..spec.layers import Convolution, Dropout, Embed, Full, Norm, Pool, Relu
from . import batch_norm, convolution, dropout, embedding, fully_connected, pooling, relu
from .batch_context import BatchContext
from .losses import LOSSES
from .padding import Lengths, stage_lengths, without_padding
from .reductions import Arrays


class LayerFunctions(Protocol):
    """The functions in the file of each kind of layer."""

    CACHES_INPUT: bool
    """Whether ``forward`` caches its input, and nothing else, for ``backward``."""

    def forward(
        self, layer: Any, x: Array, arrays: Arrays, batch: BatchContext, /
    ) -> tuple[Array, Any]: ...

    def backward(
        self, layer: Any, upstream: Array, arrays: Arrays, cached: Any, /
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
"""The file with ``forward`` and ``backward`` of each kind of layer."""
OBSERVED: dict[type[Layer], Callable[[Any], dict[str, Array]]] = {Norm: batch_norm.observed}
"""For each kind with running statistics: reads the batch's statistics from the cached values."""


class Gradients(NamedTuple):
    """The mean loss, its gradients by parameter name, and the batch statistics by name."""

    loss: float
    arrays: dict[str, Array]
    observed: dict[str, Array]


def forward(
    stages: Sequence[Stage], arrays: Arrays, x: Array, context: StepContext | None = None
) -> tuple[list[Array], list[Any]]:
    """A ghost batch through every stage: the activations, and the cached values for `backward`."""
    outputs, cached = [], []
    lengths = stage_lengths(stages, x)
    for stage, before, after in zip(stages, lengths, lengths[1:], strict=False):
        functions = LAYER_FUNCTIONS[type(stage.layer)]
        batch = _batch_context(stage, context, before)
        x, stage_cached = functions.forward(stage.layer, x, stage_arrays(stage, arrays), batch)
        x = without_padding(x, after)
        outputs.append(x)
        cached.append(stage_cached)
    return outputs, cached


def backward(
    stages: Sequence[Stage], arrays: Arrays, upstream: Array, cached: Sequence[Any]
) -> tuple[Array, dict[str, Array]]:
    """From the gradient of the output to the gradient of the input and of every parameter."""
    gradients: dict[str, Array] = {}
    lengths = stage_lengths(stages, cached[0]) if stages else [None]
    upstream = without_padding(upstream, lengths[-1])
    for stage, stage_cached, before in zip(
        reversed(stages), reversed(cached), reversed(lengths[:-1]), strict=True
    ):
        functions = LAYER_FUNCTIONS[type(stage.layer)]
        upstream, of_stage = functions.backward(
            stage.layer, upstream, stage_arrays(stage, arrays), stage_cached
        )
        upstream = without_padding(upstream, before)
        gradients |= {f"{stage.name}.{name}": array for name, array in of_stage.items()}
    return upstream, gradients


def logits(architecture: Architecture, arrays: Arrays, x: Array) -> Array:
    """Inputs (N, C, H, W), or tokens (N, positions) -> logits (N, classes)."""
    dtype = _dtype(arrays, x)
    result = np.empty((len(x), len(architecture.classes)), dtype)
    for batch in ghost_batches(len(x)):
        outputs, _ = forward(architecture.stages, arrays, x[batch])
        result[batch] = outputs[-1].reshape(result[batch].shape)
    return result


def gradients(
    architecture: Architecture,
    arrays: Arrays,
    x: Array,
    labels: Array,
    loss: str = "cross-entropy",
    context: StepContext | None = None,
    sample_weight: Array | None = None,
) -> Gradients:
    """The mean loss of inputs x (N, ...) with labels (N), and its gradients.

    Without a context, the network is at inference; with one, in a training step. ``sample_weight``
    (N) multiplies the loss of each example; the mean is still over the number of examples. The
    gradients of frozen layers are zero.
    """
    dtype = _dtype(arrays, x)
    sums = {row.name: np.zeros(row.shape, dtype) for row in architecture.parameters}
    trained = trained_parameters(architecture, context)
    losses, statistics = [], []
    for batch in _batches(architecture, arrays, x, labels, loss, context, sample_weight):
        upstream = batch.gradient / dtype.type(len(x))
        _, batch_gradients = backward(architecture.stages, arrays, upstream, batch.cached)
        for row in trained:
            sums[row.name] += batch_gradients[row.name]
        losses += batch.losses
        statistics.append(_batch_statistics(architecture.stages, batch.cached, context))
    return Gradients(fsum(losses) / len(losses), sums, _mean_statistics(statistics, len(x)))


def trained_parameters(architecture: Architecture, context: StepContext | None) -> list[ArrayEntry]:
    """The rows of the parameter table that belong to layers that are not frozen."""
    stages = [stage for stage in architecture.stages if not _is_frozen(stage, context)]
    return [row for stage in stages for row in stage.parameters]


def mean_loss(
    architecture: Architecture,
    arrays: Arrays,
    x: Array,
    labels: Array,
    loss: str,
    context: StepContext | None = None,
    sample_weight: Array | None = None,
) -> tuple[float, dict[str, Array]]:
    """The loss and the batch statistics of `gradients`, without the backward pass."""
    losses, statistics = [], []
    for batch in _batches(architecture, arrays, x, labels, loss, context, sample_weight):
        losses += batch.losses
        statistics.append(_batch_statistics(architecture.stages, batch.cached, context))
    return fsum(losses) / len(losses), _mean_statistics(statistics, len(x))


class _BatchResult(NamedTuple):
    """The losses of a ghost batch, their gradient with respect to the output, and the cache."""

    losses: list[float]
    gradient: Array
    cached: list[Any]


def _batches(
    architecture: Architecture,
    arrays: Arrays,
    x: Array,
    labels: Array,
    loss: str,
    context: StepContext | None,
    sample_weight: Array | None,
) -> Iterator[_BatchResult]:
    """Every ghost batch of x, through all stages and the loss, times the sample weights."""
    for batch in ghost_batches(len(x)):
        batch_context = context and context.subset(batch)
        outputs, cached = forward(architecture.stages, arrays, x[batch], batch_context)
        last = outputs[-1]
        losses, gradient = LOSSES[loss](last.reshape(len(last), -1), labels[batch])
        if sample_weight is not None:
            batch_weight = np.asarray(sample_weight[batch], losses.dtype)
            losses, gradient = losses * batch_weight, gradient * batch_weight[:, None]
        yield _BatchResult(losses.tolist(), gradient.reshape(last.shape), cached)


def stage_arrays(stage: Stage, arrays: Arrays) -> dict[str, Array]:
    """The arrays of a stage by their short names."""
    rows = stage.parameters + stage.running_stats
    return {row.tensor.name: arrays[row.name] for row in rows}


def _batch_context(stage: Stage, context: StepContext | None, lengths: Lengths) -> BatchContext:
    """The context of a stage's layer. A layer that draws random numbers draws them in every
    training step, also if it is frozen."""
    if context is None or not stage.layer.draws:
        return BatchContext(context is not None and not _is_frozen(stage, context), None, lengths)
    path = (DROPOUT, context.epoch, context.indices, stage.number)
    return BatchContext(True, derive_key(context.seed, *path), lengths)


def _is_frozen(stage: Stage, context: StepContext | None) -> bool:
    return context is not None and stage.number <= context.frozen


def _dtype(arrays: Arrays, x: Array) -> np.dtype[Any]:
    """The precision: that of the parameters, or of the input if there are none."""
    return next(iter(arrays.values()), x).dtype


def _batch_statistics(
    stages: Sequence[Stage], cached: Sequence[Any], context: StepContext | None
) -> dict[str, Array]:
    """The statistics of all layers that are not frozen."""
    return {
        f"{stage.name}.{name}": array
        for stage, stage_cached in zip(stages, cached, strict=True)
        if stage.running_stats and not _is_frozen(stage, context)
        for name, array in OBSERVED[type(stage.layer)](stage_cached).items()
    }


def _mean_statistics(batches: Sequence[Mapping[str, Array]], count: int) -> dict[str, Array]:
    """The mean of the batches' statistics, weighted by their sizes, added batch by batch."""
    sizes = [batch.stop - batch.start for batch in ghost_batches(count)]
    means = {name: np.zeros_like(array) for name, array in batches[0].items()} if batches else {}
    for name, mean in means.items():
        for statistics, size in zip(batches, sizes, strict=True):
            mean += statistics[name] * mean.dtype.type(size)
        mean /= mean.dtype.type(count)
    return means
