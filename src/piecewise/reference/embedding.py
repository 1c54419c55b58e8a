"""Embedding: each token selects a row of a learned table; padding becomes zeros."""

from __future__ import annotations

import numpy as np

from ..core.array_types import Array
from ..spec.layer_base import PADDING
from ..spec.layers import Embed
from .batch_context import BatchContext
from .reductions import Arrays

CACHES_INPUT = True


def forward(layer: Embed, x: Array, arrays: Arrays, batch: BatchContext) -> tuple[Array, Array]:
    """x (N, positions) token numbers, weight (tokens, C) -> y (N, C, 1, positions)."""
    weight = arrays["weight"]
    vectors = np.where((x == PADDING)[..., None], weight.dtype.type(0), weight[x])
    return vectors.transpose(0, 2, 1)[:, :, None], x


def backward(
    layer: Embed, upstream: Array, arrays: Arrays, cached: Array
) -> tuple[Array, dict[str, Array]]:
    """upstream (N, C, 1, positions) -> dweight; tokens have no gradient, so dx is zero, and neither
    has the row of padding."""
    dweight = np.zeros_like(arrays["weight"])
    for n, position in np.argwhere(cached != PADDING):
        dweight[cached[n, position]] += upstream[n, :, 0, position]
    return np.zeros(cached.shape, upstream.dtype), {"weight": dweight}
