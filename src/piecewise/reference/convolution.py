"""Convolution: line a kernel up with a patch, multiply, add up; for every patch."""

from __future__ import annotations

from math import prod

import numpy as np

from ..layers import Convolution, Shape
from ..windows import Windows
from .sums import Array, Arrays, Draw, total


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
    """upstream (N, O, OH, OW), kept = x (N, C, H, W) -> dx like x, dweight, dbias."""
    weight, x = arrays["weight"], kept
    rows, columns = layer.windows(Shape(*x.shape[1:]))
    padded = pad(x, rows, columns)
    if layer.mean:
        upstream = upstream / prod(weight.shape[1:])

    # A weight met every patch's cell once: the pictures' shares are added over all patches.
    dweight = np.empty_like(weight)
    for c, ky, kx in np.ndindex(weight.shape[1:]):
        patch = padded[:, c, rows.offset(ky), columns.offset(kx)]
        shares = total(upstream * patch[:, None])  # (O, OH, OW)
        dweight[:, c, ky, kx] = total(shares.reshape(len(weight), -1).T)

    # An input cell met a weight of each feature for each patch it lay in.
    dpadded = np.zeros_like(padded)
    for f, ky, kx in np.ndindex(len(weight), *weight.shape[2:]):
        met = dpadded[:, :, rows.offset(ky), columns.offset(kx)]
        met += weight[f, :, ky, kx, None, None] * upstream[:, f, None]
    dx = dpadded[:, :, rows.before :, columns.before :][:, :, : x.shape[2], : x.shape[3]]

    if not layer.bias:
        return dx, {"weight": dweight}
    dbias = total(total(upstream).reshape(len(weight), -1).T)
    return dx, {"weight": dweight, "bias": dbias}


def pad(x: Array, rows: Windows, columns: Windows, value: float = 0.0) -> Array:
    """x (N, C, H, W) with ``value`` around it, so that every window is whole."""
    if not (rows.before or rows.after or columns.before or columns.after):
        return x
    around = ((0, 0), (0, 0), (rows.before, rows.after), (columns.before, columns.after))
    return np.pad(x, around, constant_values=value)
