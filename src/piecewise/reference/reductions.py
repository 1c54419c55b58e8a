"""Sums in a fixed order, and the types the reference shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..core.array_types import Array
from ..core.rng import Key

"""float32 or float64: the reference works in the precision it is given."""
Arrays = Mapping[str, Array]


class Draw(NamedTuple):
    """What a layer needs to draw random numbers while training: a key for each picture."""

    pictures: Key


def tree_sum(values: Array) -> Array:
    """The sum over the first axis, as a tree: what lies beyond the largest power of two below the
    count is added to the front, until one is left.

    16 values: first i and i + 8, then i and i + 4, i + 2, i + 1. Any other count gives what it
    would with zeros after it up to the next power of two.
    """
    summed = values.copy()  # never a view: the sum is the caller's own
    while len(summed) > 1:
        kept = 1 << (len(summed) - 1).bit_length() - 1
        summed[: len(summed) - kept] += summed[kept:]
        summed = summed[:kept]
    return summed[0] if len(summed) else np.zeros(values.shape[1:], values.dtype)


def sum_over_cells(x: Array) -> Array:
    """(N, C, H, W) -> (C): each picture's own cells one after the other, row by row and column by
    column; then the pictures, by `tree_sum`."""
    cells = x.reshape(x.shape[0] * x.shape[1], -1).T
    maps = cells[0].copy()
    for cell in cells[1:]:
        maps += cell
    return tree_sum(maps.reshape(x.shape[:2]))
