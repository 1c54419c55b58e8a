"""Dropout (Srivastava et al. 2014): in training, a random fraction of the values is set to zero."""

from __future__ import annotations

import numpy as np

from ..core.array_types import Array
from ..core.rng import uniform
from ..spec.layers import Dropout
from .batch_context import BatchContext
from .reductions import Arrays

CACHES_INPUT = False


def forward(layer: Dropout, x: Array, arrays: Arrays, batch: BatchContext) -> tuple[Array, Array]:
    """x (N, C, H, W) -> y like x; cached: the factor of each value, 0 or 1 / (1 - rate)."""
    if batch.keys is None:
        return x, np.ones((), x.dtype)
    drawn = uniform(batch.keys, x[0].size).reshape(x.shape)
    scale = x.dtype.type(1 / (1 - layer.rate))
    factor = np.where(drawn < layer.rate, x.dtype.type(0), scale)
    return x * factor, factor


def backward(
    layer: Dropout, upstream: Array, arrays: Arrays, cached: Array
) -> tuple[Array, dict[str, Array]]:
    """The gradient is multiplied by the factors of the forward pass."""
    return upstream * cached, {}
