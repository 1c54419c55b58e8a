"""Sums in a fixed order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..core.array_types import Array

Arrays = Mapping[str, Array]
"""Arrays by name, all float32 or all float64: the reference computes in their precision."""


def tree_sum(values: Array) -> Array:
    """The sum over the first axis, as a tree.

    In each round, the values after the largest power of two below the count are added to the first
    values. For 16 values: i and i + 8, then i and i + 4, i + 2, i + 1. Any other count gives the
    result of values padded with zeros to the next power of two.
    """
    summed = values.copy()  # a copy, so that the caller may change the result
    while len(summed) > 1:
        half = 1 << (len(summed) - 1).bit_length() - 1
        summed[: len(summed) - half] += summed[half:]
        summed = summed[:half]
    return summed[0] if len(summed) else np.zeros(values.shape[1:], values.dtype)


def sum_over_cells(x: Array) -> Array:
    """(N, C, H, W) -> (C): the cells of each example in row-major order, then the examples by
    `tree_sum`."""
    cells = x.reshape(x.shape[0] * x.shape[1], -1).T
    maps = cells[0].copy()
    for cell in cells[1:]:
        maps += cell
    return tree_sum(maps.reshape(x.shape[:2]))
