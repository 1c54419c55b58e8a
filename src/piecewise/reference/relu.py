"""ReLU: change everything negative to zero."""

from __future__ import annotations

import numpy as np

from ..core.array_types import Array
from ..spec.layers import Relu
from .reductions import Arrays, Draw

CACHES_INPUT = True


def forward(layer: Relu, x: Array, arrays: Arrays, draw: Draw | None) -> tuple[Array, Array]:
    """x of any shape -> y of the same."""
    return np.where(x < 0, x.dtype.type(0), x), x


def backward(
    layer: Relu, upstream: Array, arrays: Arrays, kept: Array
) -> tuple[Array, dict[str, Array]]:
    """The gradient passes where x was positive; at zero it stops."""
    return np.where(kept > 0, upstream, upstream.dtype.type(0)), {}
