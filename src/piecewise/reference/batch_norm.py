"""Batch normalization (Ioffe, Szegedy 2015): each map is normalized to mean 0 and deviation 1, then
scaled and shifted by two learned numbers.

In training, mean and variance are those of the ghost batch (Hoffer, Hubara, Soudry 2017); at
inference, they are running statistics. Both use the biased variance, the mean of the squared
differences. The padding of texts is not counted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..core.array_types import Array
from ..spec.layers import Norm
from .batch_context import BatchContext
from .padding import without_padding
from .reductions import Arrays, sum_over_cells

CACHES_INPUT = False


class BatchNormCache(NamedTuple):
    """What the backward pass needs: normalized values, 1 / deviation and the batch's statistics."""

    normalized: Array  # like x
    scale: Array  # (C, 1, 1)
    mean: Array  # (C,)
    variance: Array  # (C,)
    training: bool
    values: int  # the values of a map in the batch


def forward(
    layer: Norm, x: Array, arrays: Arrays, batch: BatchContext
) -> tuple[Array, BatchNormCache]:
    """x (N, C, H, W), weight (C), bias (C), mean (C), variance (C) -> y like x."""
    lengths = batch.lengths
    values = x.size // x.shape[1] if lengths is None else x.shape[2] * int(lengths.sum())
    if batch.training:
        mean = _per_value(sum_over_cells(without_padding(x, lengths)), values)
        centered = without_padding(x - mean[:, None, None], lengths)
        variance = _per_value(sum_over_cells(centered * centered), values)
    else:
        mean, variance = arrays["mean"], arrays["variance"]
    scale = (1 / np.sqrt(variance + x.dtype.type(layer.epsilon)))[:, None, None]
    normalized = (x - mean[:, None, None]) * scale
    y = normalized * arrays["weight"][:, None, None] + arrays["bias"][:, None, None]
    return y, BatchNormCache(normalized, scale, mean, variance, batch.training, values)


def backward(
    layer: Norm, upstream: Array, arrays: Arrays, cached: BatchNormCache
) -> tuple[Array, dict[str, Array]]:
    """upstream like x -> dx like x, dweight (C), dbias (C), both by `sum_over_cells`.

    In training, every x also changes the mean and the deviation of its map. A common shift or
    scaling of a map does not change y, so that part of the gradient is subtracted.
    """
    normalized, scale = cached.normalized, cached.scale
    gradients = {"weight": sum_over_cells(upstream * normalized), "bias": sum_over_cells(upstream)}
    if cached.training:
        shift, stretch = (_per_value(gradients[name], cached.values) for name in ("bias", "weight"))
        upstream = upstream - shift[:, None, None] - normalized * stretch[:, None, None]
    return upstream * (arrays["weight"][:, None, None] * scale), gradients


def observed(cached: BatchNormCache) -> dict[str, Array]:
    """The batch's statistics, for the running statistics."""
    return {"mean": cached.mean, "variance": cached.variance}


def _per_value(summed: Array, values: int) -> Array:
    """A sum for each map (C), divided by the number of values of a map."""
    return np.asarray(summed / summed.dtype.type(values))
