"""Pooling: the maximum or the average of every window of a map, without the padding of texts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..core.array_types import Array
from ..core.windows import Windows
from ..spec.layer_base import Shape
from ..spec.layers import Pool
from .batch_context import BatchContext
from .convolution import pad
from .padding import Lengths, before_padding, without_padding
from .reductions import Arrays

CACHES_INPUT = False


class PoolingCache(NamedTuple):
    """What the backward pass needs: the windows and, for max, the cell of each maximum."""

    shape: tuple[int, ...]
    rows: Windows
    columns: Windows
    argmax: Array
    cells: Array
    """The number of cells of each window, (OH, OW) or, of texts, (N, 1, OH, OW)."""


def forward(
    layer: Pool, x: Array, arrays: Arrays, batch: BatchContext
) -> tuple[Array, PoolingCache]:
    """x (N, C, H, W) -> y (N, C, OH, OW). A window past the edge, or past the end of a text, uses
    the cells that exist."""
    rows, columns = layer.windows(Shape(*x.shape[1:]))
    cells = _cells(rows, columns, batch.lengths)
    if layer.kind == "max":
        y, argmax = _max(x, rows, columns, batch.lengths)
    else:
        x = without_padding(x, batch.lengths)
        y, argmax = _sum(x, rows, columns), np.empty(0, np.int32)
        y /= cells.astype(x.dtype)
    return y, PoolingCache(x.shape, rows, columns, argmax, cells)


def backward(
    layer: Pool, upstream: Array, arrays: Arrays, cached: PoolingCache
) -> tuple[Array, dict[str, Array]]:
    """upstream (N, C, OH, OW) -> dx: to the maximum, or an equal fraction to each cell."""
    _, rows, columns, argmax, cells = cached
    if layer.kind == "average":
        upstream = upstream / cells.astype(upstream.dtype)
    dpadded = pad(np.zeros(cached.shape, upstream.dtype), rows, columns)
    for cell, (ky, kx) in enumerate(np.ndindex(rows.window, columns.window)):
        gradients = dpadded[:, :, rows.offset(ky), columns.offset(kx)]
        if layer.kind == "max":
            gradients += np.where(argmax == cell, upstream, upstream.dtype.type(0))
        else:
            gradients += upstream
    return dpadded[:, :, : cached.shape[2], : cached.shape[3]], {}


def _max(x: Array, rows: Windows, columns: Windows, lengths: Lengths) -> tuple[Array, Array]:
    """The maximum of each window and the number of its cell; of equal cells, the first."""
    if lengths is not None:
        x = np.where(before_padding(x, lengths), x, x.dtype.type(-np.inf))
    padded = pad(x, rows, columns, -np.inf)
    y = padded[:, :, rows.offset(0), columns.offset(0)].copy()
    argmax = np.zeros(y.shape, np.int32)
    for cell, (ky, kx) in enumerate(np.ndindex(rows.window, columns.window)):
        candidate = padded[:, :, rows.offset(ky), columns.offset(kx)]
        better = (candidate > y) | np.isnan(candidate)  # NaN propagates
        y[better] = candidate[better]
        argmax[better] = cell
    return y, argmax


def _sum(x: Array, rows: Windows, columns: Windows) -> Array:
    """The sum of the cells of each window, without padding."""
    padded = pad(x, rows, columns)
    y = np.zeros((*x.shape[:2], rows.count, columns.count), x.dtype)
    for ky, kx in np.ndindex(rows.window, columns.window):
        y += padded[:, :, rows.offset(ky), columns.offset(kx)]
    return y


def _cells(rows: Windows, columns: Windows, lengths: Lengths) -> Array:
    """The number of input cells that each window covers, (OH, OW) or, of texts, (N, 1, OH, OW); at
    least 1, also after the end of a text."""
    down = np.array([len(rows.cells(index)) for index in range(rows.count)])
    cells = [columns.cells(index) for index in range(columns.count)]
    starts, stops = (
        np.array(ends) for ends in zip(*((c.start, c.stop) for c in cells), strict=True)
    )
    if lengths is not None:
        stops = np.minimum(stops, lengths[:, None, None, None])
    across = np.maximum(stops - starts, 1)
    return np.asarray(down[:, None] * across)
