"""Convolution: line a kernel up with a patch, multiply, add up; for every patch."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..core.array_types import Array
from ..core.windows import Windows
from ..spec.layer import Shape
from ..spec.layers import Convolution
from .reductions import Arrays, Draw, sum_over_cells, tree_sum

CACHES_INPUT = True
_PRODUCTS = 1 << 16
"""How many are made at a time: few enough to stay near the processor until they are added."""


def forward(layer: Convolution, x: Array, arrays: Arrays, draw: Draw | None) -> tuple[Array, Array]:
    """x (N, C, H, W), weight (O, C, KH, KW), bias (O) -> y (N, O, OH, OW).

    Each y starts as the bias; then come the products, channel by channel, kernel row by kernel row,
    cell by cell. The deck's ``mean`` divides by their number at the end.
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
    layer: Convolution, upstream: Array, arrays: Arrays, kept: Array
) -> tuple[Array, dict[str, Array]]:
    """upstream (N, O, OH, OW), kept = x (N, C, H, W) -> dx like x, dweight, dbias.

    An input cell met a weight of each feature for each patch it lay in: added feature by feature,
    kernel row by kernel row, cell by cell. A weight met a cell of every patch: see `_dweight`.
    """
    weight, x = arrays["weight"], kept
    rows, columns = layer.windows(Shape(*x.shape[1:]))
    padded = pad(x, rows, columns)
    if layer.mean:
        upstream = upstream / prod(weight.shape[1:])

    dpadded = np.zeros_like(padded)
    for f, ky, kx in np.ndindex(len(weight), *weight.shape[2:]):
        met = dpadded[:, :, rows.offset(ky), columns.offset(kx)]
        met += weight[f, :, ky, kx, None, None] * upstream[:, f, None]
    dx = dpadded[:, :, rows.before :, columns.before :][:, :, : x.shape[2], : x.shape[3]]

    found = {"weight": _dweight(upstream, _patches(padded, rows, columns)).reshape(weight.shape)}
    return dx, found | ({"bias": sum_over_cells(upstream)} if layer.bias else {})


def _dweight(upstream: Array, patches: Array) -> Array:
    """upstream (N, O, OH, OW), patches (OH, OW, N, C, KH, KW) -> (O, C * KH * KW).

    Each picture's own patches one after the other, row by row and column by column; then the
    pictures, by `tree_sum`.
    """
    high, wide, count, *cells = patches.shape
    slope = np.ascontiguousarray(upstream.transpose(2, 3, 0, 1))[..., None]  # (OH, OW, N, O, 1)
    pictures = np.zeros((count, upstream.shape[1], prod(cells)), upstream.dtype)
    at_once = max(1, _PRODUCTS // pictures.size)
    for row in range(high):
        patch = patches[row].reshape(wide, count, 1, -1)
        for start in range(0, wide, at_once):
            some = slice(start, start + at_once)
            for products in slope[row, some] * patch[some]:
                pictures += products
    return tree_sum(pictures)


def _patches(padded: Array, rows: Windows, columns: Windows) -> Array:
    """Padded (N, C, H, W) -> what lies under the kernel, a view (OH, OW, N, C, KH, KW)."""
    every = sliding_window_view(padded, (rows.window, columns.window), (2, 3))
    return every[:, :, rows.offset(0), columns.offset(0)].transpose(2, 3, 0, 1, 4, 5)


def pad(x: Array, rows: Windows, columns: Windows, value: float = 0.0) -> Array:
    """x (N, C, H, W) with ``value`` around it, so that every window is whole."""
    if not (rows.before or rows.after or columns.before or columns.after):
        return x
    around = ((0, 0), (0, 0), (rows.before, rows.after), (columns.before, columns.after))
    return np.pad(x, around, constant_values=value)
