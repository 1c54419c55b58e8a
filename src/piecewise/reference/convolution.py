"""Convolution: the sum of the products of a kernel and a patch, for every patch."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..core.array_types import Array
from ..core.windows import Windows
from ..spec.layer_base import Shape
from ..spec.layers import Convolution
from .batch_context import BatchContext
from .reductions import Arrays, sum_over_cells, tree_sum

CACHES_INPUT = True
_PRODUCTS = 1 << 16
"""Products computed at a time: few enough to stay in the processor's cache until they are added."""


def forward(
    layer: Convolution, x: Array, arrays: Arrays, batch: BatchContext
) -> tuple[Array, Array]:
    """x (N, C, H, W), weight (O, C, KH, KW), bias (O) -> y (N, O, OH, OW).

    Each y starts as the bias; the products are added channel by channel, kernel row by kernel row,
    cell by cell. With ``mean``, the sum is divided by the number of products.
    """
    weight = arrays["weight"]
    rows, columns = layer.windows(Shape(*x.shape[1:]))
    padded = pad(x, rows, columns)
    y = np.zeros((len(x), len(weight), rows.count, columns.count), x.dtype)
    if layer.bias:
        y += arrays["bias"][:, None, None]
    for c, ky, kx in np.ndindex(weight.shape[1:]):
        patch = padded[:, c, rows.offset(ky), columns.offset(kx)]  # (N, OH, OW)
        y += weight[:, c, ky, kx, None, None] * patch[:, None]
    if layer.mean:
        y /= prod(weight.shape[1:])
    return y, x


def backward(
    layer: Convolution, upstream: Array, arrays: Arrays, cached: Array
) -> tuple[Array, dict[str, Array]]:
    """upstream (N, O, OH, OW), cached: x (N, C, H, W) -> dx like x, dweight, dbias.

    The gradient of an input cell is a sum over the features and the patches that contain it, added
    feature by feature, kernel row by kernel row, cell by cell. The gradient of a weight is a sum
    over all patches: see `_weight_gradient`.
    """
    weight, x = arrays["weight"], cached
    rows, columns = layer.windows(Shape(*x.shape[1:]))
    padded = pad(x, rows, columns)
    if layer.mean:
        upstream = upstream / prod(weight.shape[1:])

    dpadded = np.zeros_like(padded)
    for f, ky, kx in np.ndindex(len(weight), *weight.shape[2:]):
        window = dpadded[:, :, rows.offset(ky), columns.offset(kx)]
        window += weight[f, :, ky, kx, None, None] * upstream[:, f, None]
    dx = dpadded[:, :, rows.before :, columns.before :][:, :, : x.shape[2], : x.shape[3]]

    gradients = {
        "weight": _weight_gradient(upstream, _patches(padded, rows, columns)).reshape(weight.shape)
    }
    return dx, gradients | ({"bias": sum_over_cells(upstream)} if layer.bias else {})


def _weight_gradient(upstream: Array, patches: Array) -> Array:
    """upstream (N, O, OH, OW), patches (OH, OW, N, C, KH, KW) -> (O, C * KH * KW).

    The patches of each example are added in row-major order, then the examples by `tree_sum`.
    """
    high, wide, count, *cells = patches.shape
    gradient = np.ascontiguousarray(upstream.transpose(2, 3, 0, 1))[..., None]  # (OH, OW, N, O, 1)
    examples = np.zeros((count, upstream.shape[1], prod(cells)), upstream.dtype)
    at_once = max(1, _PRODUCTS // examples.size)
    for row in range(high):
        patch = patches[row].reshape(wide, count, 1, -1)
        for start in range(0, wide, at_once):
            block = slice(start, start + at_once)
            for products in gradient[row, block] * patch[block]:
                examples += products
    return tree_sum(examples)


def _patches(padded: Array, rows: Windows, columns: Windows) -> Array:
    """Padded (N, C, H, W) -> the patches, a view (OH, OW, N, C, KH, KW)."""
    patches = sliding_window_view(padded, (rows.window, columns.window), (2, 3))
    return patches[:, :, rows.offset(0), columns.offset(0)].transpose(2, 3, 0, 1, 4, 5)


def pad(x: Array, rows: Windows, columns: Windows, value: float = 0.0) -> Array:
    """x (N, C, H, W) padded with ``value``, so that every window is complete."""
    if not (rows.before or rows.after or columns.before or columns.after):
        return x
    around = ((0, 0), (0, 0), (rows.before, rows.after), (columns.before, columns.after))
    return np.pad(x, around, constant_values=value)
