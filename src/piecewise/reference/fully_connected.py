"""The fully connected layer: each output is a weighted sum of all inputs plus a bias."""

from __future__ import annotations

import numpy as np

from ..core.array_types import Array
from ..spec.layers import Full
from .batch_context import BatchContext
from .reductions import Arrays

CACHES_INPUT = True


def forward(layer: Full, x: Array, arrays: Arrays, batch: BatchContext) -> tuple[Array, Array]:
    """x (N, C, H, W), weight (neurons, inputs), bias (neurons) -> y (N, neurons, 1, 1).

    The inputs are in the order channel, row, column. Each y starts as the bias, and the votes are
    added input by input.
    """
    weight, values = arrays["weight"], x.reshape(len(x), -1)
    y = np.repeat(arrays["bias"][None], len(x), axis=0)
    for i in range(values.shape[1]):
        y += weight[:, i] * values[:, i, None]
    return y[:, :, None, None], x


def backward(
    layer: Full, upstream: Array, arrays: Arrays, cached: Array
) -> tuple[Array, dict[str, Array]]:
    """upstream (N, neurons, 1, 1), cached: x -> dx like x, dweight, dbias."""
    weight, values = arrays["weight"], cached.reshape(len(cached), -1)
    upstream = upstream.reshape(len(upstream), -1)
    dvalues = np.zeros_like(values)
    for f in range(len(weight)):
        dvalues += weight[f] * upstream[:, f, None]
    dweight = np.zeros_like(weight)
    dbias = np.zeros_like(arrays["bias"])
    for n in range(len(values)):
        dweight += upstream[n, :, None] * values[n]
        dbias += upstream[n]
    return dvalues.reshape(cached.shape), {"weight": dweight, "bias": dbias}


def votes(values: Array, weight: Array) -> Array:
    """The votes of all values: values (inputs), weight (neurons, inputs) -> (neurons, inputs).

    A neuron's votes and its bias add up to its output.
    """
    return weight * values
