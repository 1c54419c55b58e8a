"""Embedding: each word is looked up in a table of learned numbers."""

from __future__ import annotations

import numpy as np

from ..core.array_types import Array
from ..spec.layers import Embed
from .reductions import Arrays, Draw

CACHES_INPUT = True


def forward(layer: Embed, x: Array, arrays: Arrays, draw: Draw | None) -> tuple[Array, Array]:
    """x (N, positions) whole numbers, weight (words, C) -> y (N, C, 1, positions)."""
    return arrays["weight"][x].transpose(0, 2, 1)[:, :, None], x


def backward(
    layer: Embed, upstream: Array, arrays: Arrays, kept: Array
) -> tuple[Array, dict[str, Array]]:
    """upstream (N, C, 1, positions) -> dweight; words have no gradient, so dx is zero."""
    dweight = np.zeros_like(arrays["weight"])
    for n, position in np.ndindex(kept.shape):
        dweight[kept[n, position]] += upstream[n, :, 0, position]
    return np.zeros(kept.shape, upstream.dtype), {"weight": dweight}
