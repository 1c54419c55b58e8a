"""Dropout (Srivastava et al. 2014): while training, a share of the values sits out."""

from __future__ import annotations

import numpy as np

from ..core.array_types import Array
from ..core.rng import uniform
from ..spec.layers import Dropout
from .reductions import Arrays, Draw

CACHES_INPUT = False


def forward(layer: Dropout, x: Array, arrays: Arrays, draw: Draw | None) -> tuple[Array, Array]:
    """x (N, C, H, W) -> y of the same; kept = the factor of each value, 0 or 1 / (1 - rate)."""
    if draw is None:
        return x, np.ones((), x.dtype)
    drawn = uniform(draw.pictures, x[0].size).reshape(x.shape)
    stays = x.dtype.type(1 / (1 - layer.rate))
    factor = np.where(drawn < layer.rate, x.dtype.type(0), stays)
    return x * factor, factor


def backward(
    layer: Dropout, upstream: Array, arrays: Arrays, kept: Array
) -> tuple[Array, dict[str, Array]]:
    """The same factors as on the way forward."""
    return upstream * kept, {}
