"""Pooling: walk a window across each map and keep one number of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..core.array_types import Array
from ..core.windows import Windows
from ..spec.layer import Shape
from ..spec.layers import Pool
from .convolution import pad
from .reductions import Arrays, Draw

CACHES_INPUT = False


class Kept(NamedTuple):
    """What the way back needs: where the windows stood and, for max, which cell of each won."""

    shape: tuple[int, ...]
    rows: Windows
    columns: Windows
    winner: Array


def forward(layer: Pool, x: Array, arrays: Arrays, draw: Draw | None) -> tuple[Array, Kept]:
    """x (N, C, H, W) -> y (N, C, OH, OW). A window over the edge looks at what is there."""
    rows, columns = layer.windows(Shape(*x.shape[1:]))
    keep = _largest if layer.kind == "max" else _average
    y, winner = keep(x, rows, columns)
    return y, Kept(x.shape, rows, columns, winner)


def backward(
    layer: Pool, upstream: Array, arrays: Arrays, kept: Kept
) -> tuple[Array, dict[str, Array]]:
    """upstream (N, C, OH, OW) -> dx: all of it to the winner, or an equal share to each cell."""
    _, rows, columns, winner = kept
    if layer.kind == "average":
        upstream = upstream / _cells(rows, columns).astype(upstream.dtype)
    dpadded = pad(np.zeros(kept.shape, upstream.dtype), rows, columns)
    for cell, (ky, kx) in enumerate(np.ndindex(rows.window, columns.window)):
        met = dpadded[:, :, rows.offset(ky), columns.offset(kx)]
        if layer.kind == "max":
            met += np.where(winner == cell, upstream, upstream.dtype.type(0))
        else:
            met += upstream
    return dpadded[:, :, : kept.shape[2], : kept.shape[3]], {}


def _largest(x: Array, rows: Windows, columns: Windows) -> tuple[Array, Array]:
    """The largest value of each window and the number of its cell; of equals the first."""
    padded = pad(x, rows, columns, -np.inf)
    y = padded[:, :, rows.offset(0), columns.offset(0)].copy()
    winner = np.zeros(y.shape, np.int32)
    for cell, (ky, kx) in enumerate(np.ndindex(rows.window, columns.window)):
        candidate = padded[:, :, rows.offset(ky), columns.offset(kx)]
        better = (candidate > y) | np.isnan(candidate)  # what is not a number must not hide
        y[better] = candidate[better]
        winner[better] = cell
    return y, winner


def _average(x: Array, rows: Windows, columns: Windows) -> tuple[Array, Array]:
    """The mean of the cells that are there."""
    padded = pad(x, rows, columns)
    y = np.zeros((*x.shape[:2], rows.count, columns.count), x.dtype)
    for ky, kx in np.ndindex(rows.window, columns.window):
        y += padded[:, :, rows.offset(ky), columns.offset(kx)]
    return y / _cells(rows, columns).astype(x.dtype), np.empty(0, np.int32)


def _cells(rows: Windows, columns: Windows) -> Array:
    """How many input cells each window really covers, (OH, OW)."""
    down = [len(rows.cells(index)) for index in range(rows.count)]
    across = [len(columns.cells(index)) for index in range(columns.count)]
    return np.outer(down, across)
