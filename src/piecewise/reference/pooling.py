"""Pooling: the maximum or the average of every window of a map."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..core.array_types import Array
from ..core.windows import Windows
from ..spec.layer_base import Shape
from ..spec.layers import Pool
from .convolution import pad
from .reductions import Arrays, TrainingMode

CACHES_INPUT = False


class PoolingCache(NamedTuple):
    """What the backward pass needs: the windows and, for max, the cell of each maximum."""

    shape: tuple[int, ...]
    rows: Windows
    columns: Windows
    argmax: Array


def forward(
    layer: Pool, x: Array, arrays: Arrays, training: TrainingMode | None
) -> tuple[Array, PoolingCache]:
    """x (N, C, H, W) -> y (N, C, OH, OW). A window past the edge uses the cells that exist."""
    rows, columns = layer.windows(Shape(*x.shape[1:]))
    pool = _max if layer.kind == "max" else _average
    y, argmax = pool(x, rows, columns)
    return y, PoolingCache(x.shape, rows, columns, argmax)


def backward(
    layer: Pool, upstream: Array, arrays: Arrays, cached: PoolingCache
) -> tuple[Array, dict[str, Array]]:
    """upstream (N, C, OH, OW) -> dx: to the maximum, or an equal fraction to each cell."""
    _, rows, columns, argmax = cached
    if layer.kind == "average":
        upstream = upstream / _cells(rows, columns).astype(upstream.dtype)
    dpadded = pad(np.zeros(cached.shape, upstream.dtype), rows, columns)
    for cell, (ky, kx) in enumerate(np.ndindex(rows.window, columns.window)):
        cells = dpadded[:, :, rows.offset(ky), columns.offset(kx)]
        if layer.kind == "max":
            cells += np.where(argmax == cell, upstream, upstream.dtype.type(0))
        else:
            cells += upstream
    return dpadded[:, :, : cached.shape[2], : cached.shape[3]], {}


def _max(x: Array, rows: Windows, columns: Windows) -> tuple[Array, Array]:
    """The maximum of each window and the number of its cell; of equal cells, the first."""
    padded = pad(x, rows, columns, -np.inf)
    y = padded[:, :, rows.offset(0), columns.offset(0)].copy()
    argmax = np.zeros(y.shape, np.int32)
    for cell, (ky, kx) in enumerate(np.ndindex(rows.window, columns.window)):
        candidate = padded[:, :, rows.offset(ky), columns.offset(kx)]
        better = (candidate > y) | np.isnan(candidate)  # NaN propagates
        y[better] = candidate[better]
        argmax[better] = cell
    return y, argmax


def _average(x: Array, rows: Windows, columns: Windows) -> tuple[Array, Array]:
    """The mean of the cells of each window, without padding."""
    padded = pad(x, rows, columns)
    y = np.zeros((*x.shape[:2], rows.count, columns.count), x.dtype)
    for ky, kx in np.ndindex(rows.window, columns.window):
        y += padded[:, :, rows.offset(ky), columns.offset(kx)]
    return y / _cells(rows, columns).astype(x.dtype), np.empty(0, np.int32)


def _cells(rows: Windows, columns: Windows) -> Array:
    """The number of input cells that each window covers, (OH, OW)."""
    down = [len(rows.cells(index)) for index in range(rows.count)]
    across = [len(columns.cells(index)) for index in range(columns.count)]
    return np.outer(down, across)
