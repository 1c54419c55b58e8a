"""Convolutions in tiles, implemented a second time, with the engine's order of operations.

The numbers are those of the points 0, 3/4, -3/4, 3/2, -3/2 and infinity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from piecewise.core.array_types import Array

from .rounding import F, fma

Along = Callable[[Sequence[Array]], list[Array]]
"""A transform along one axis: some arrays -> others."""


def kernel_values(g: Sequence[Array]) -> list[Array]:
    near = F(-128 / 243) * g[0] + F(-8 / 27) * g[2]
    far = F(32 / 243) * g[0] + F(8 / 27) * g[2]
    near_odd, far_odd = F(-32 / 81) * g[1], F(16 / 81) * g[1]
    return [
        F(64 / 81) * g[0], near + near_odd, near - near_odd, far + far_odd, far - far_odd, g[2],
    ]  # fmt: skip


def source_values(d: Sequence[Array]) -> list[Array]:
    near, near_odd = fma(d[2], F(-9 / 4), d[4]), fma(d[1], F(-9 / 4), d[3])
    far, far_odd = fma(d[2], F(-9 / 16), d[4]), fma(d[1], F(-9 / 16), d[3])
    return [
        fma(d[0], F(81 / 64), fma(d[2], F(-45 / 16), d[4])),
        fma(near_odd, F(3 / 4), near),
        fma(near_odd, F(-3 / 4), near),
        fma(far_odd, F(3 / 2), far),
        fma(far_odd, F(-3 / 2), far),
        fma(d[1], F(81 / 64), fma(d[3], F(-45 / 16), d[5])),
    ]


def output_values(m: Sequence[Array]) -> list[Array]:
    near, near_odd, far, far_odd = m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]
    return [
        m[0] + near + far,
        fma(far_odd, F(3 / 2), F(3 / 4) * near_odd),
        fma(far, F(9 / 4), F(9 / 16) * near),
        fma(far_odd, F(27 / 8), fma(near_odd, F(27 / 64), m[5])),
    ]


def upstream_values(y: Sequence[Array]) -> list[Array]:
    near, near_odd = fma(y[2], F(9 / 16), y[0]), fma(y[3], F(9 / 16), y[1])
    far, far_odd = fma(y[2], F(9 / 4), y[0]), fma(y[3], F(9 / 4), y[1])
    return [
        y[0],
        fma(near_odd, F(3 / 4), near),
        fma(near_odd, F(-3 / 4), near),
        fma(far_odd, F(3 / 2), far),
        fma(far_odd, F(-3 / 2), far),
        y[3],
    ]


def weight_values(u: Sequence[Array]) -> list[Array]:
    near, near_odd, far, far_odd = u[1] + u[2], u[1] - u[2], u[3] + u[4], u[3] - u[4]
    return [
        fma(far, F(32 / 243), fma(near, F(-128 / 243), F(64 / 81) * u[0])),
        fma(far_odd, F(16 / 81), F(-32 / 81) * near_odd),
        fma(far, F(8 / 27), fma(near, F(-8 / 27), u[5])),
    ]


def both_axes(transform: Along, cells: Array) -> Array:
    """(rows, columns, ...): the transform along the columns' cells, then along the rows'."""
    rows = transform(list(cells))
    return np.array([transform(list(row)) for row in rows])


def padded_source(x: Array, before: Sequence[int], tiles: Sequence[int]) -> Array:
    """x (C, H, W, 16) -> the source of all tiles, with zeros around the map."""
    padded = np.zeros((len(x), *(4 * count + 2 for count in tiles), x.shape[-1]), F)
    cells = [
        (row, column)
        for row in range(padded.shape[1])
        for column in range(padded.shape[2])
        if 0 <= row - before[0] < x.shape[1] and 0 <= column - before[1] < x.shape[2]
    ]
    for row, column in cells:
        padded[:, row, column] = x[:, row - before[0], column - before[1]]
    return padded


def convolve(weight: Array, x: Array, before: Sequence[int], sides: Sequence[int]) -> Array:
    """weight (F, C, 3, 3), x (C, H, W, 16) -> (F, *sides, 16). ``before``: rows and columns of
    padding."""
    high, wide = (-(-side // 4) for side in sides)
    padded = padded_source(x, before, (high, wide))
    kernels = both_axes(kernel_values, np.moveaxis(weight, (2, 3), (0, 1)))  # (6, 6, F, C)
    y = np.zeros((len(weight), 4 * high, 4 * wide, x.shape[-1]), F)
    for row, column in np.ndindex(high, wide):
        patch = padded[:, 4 * row : 4 * row + 6, 4 * column : 4 * column + 6]
        values = both_axes(source_values, np.moveaxis(patch, 0, 2))  # (6, 6, C, 16)
        sums = np.zeros((6, 6, len(weight), x.shape[-1]), F)
        for c in range(len(x)):
            sums = fma(kernels[..., c, None], values[:, :, None, c], sums)
        tile = both_axes(output_values, sums)
        y[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = np.moveaxis(tile, 2, 0)
    return y[:, : sides[0], : sides[1]]


def weight_gradient(x: Array, upstream: Array, before: Sequence[int]) -> Array:
    """x (C, H, W, 16), upstream (F, I, J, 16) -> (F, C, 3, 3). The products of up to four tiles
    are added up before they are added to those of the tiles before."""
    most = 4
    high, wide = (-(-side // 4) for side in upstream.shape[1:3])
    source = padded_source(x, before, (high, wide))
    gradients = np.zeros((len(upstream), 4 * high, 4 * wide, x.shape[-1]), F)
    gradients[:, : upstream.shape[1], : upstream.shape[2]] = upstream
    totals = np.zeros((6, 6, len(upstream), len(x)), F)
    band = max(1, most // wide)
    for first in range(0, high, band):
        rows = range(first, min(high, first + band))
        for columns in np.array_split(np.arange(wide), -(-wide // most)):
            sums = np.zeros_like(totals)
            for row, column in product(rows, columns):
                patch = source[:, 4 * row : 4 * row + 6, 4 * column : 4 * column + 6]
                values = both_axes(source_values, np.moveaxis(patch, 0, 2))  # (6, 6, C, 16)
                cells = gradients[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
                factors = both_axes(upstream_values, np.moveaxis(cells, 0, 2))  # (6, 6, F, 16)
                for n in range(x.shape[-1]):
                    sums = fma(factors[..., :, None, n], values[..., None, :, n], sums)
            totals = totals + sums
    return np.moveaxis(both_axes(weight_values, totals), (0, 1), (2, 3))
