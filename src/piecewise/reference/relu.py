"""ReLU: negative values become zero."""

from __future__ import annotations

import numpy as np

from ..core.array_types import Array
from ..spec.layers import Relu
from .batch_context import BatchContext
from .reductions import Arrays

CACHES_INPUT = True


def forward(layer: Relu, x: Array, arrays: Arrays, batch: BatchContext) -> tuple[Array, Array]:
    """x of any shape -> y like x."""
    return np.where(x < 0, x.dtype.type(0), x), x


def backward(
    layer: Relu, upstream: Array, arrays: Arrays, cached: Array
) -> tuple[Array, dict[str, Array]]:
    """The gradient passes where x was positive; at zero it is zero."""
    return np.where(cached > 0, upstream, upstream.dtype.type(0)), {}
