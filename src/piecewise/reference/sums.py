"""Sums in a fixed order, and the types the reference shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..randomness import Key

Array = npt.NDArray[Any]
"""float32 or float64: the reference works in the precision it is given."""
Arrays = Mapping[str, Array]


class Draw(NamedTuple):
    """What a layer needs to draw random numbers while training: a key for each picture."""

    pictures: Key


def total(values: Array, axes: int = 1) -> Array:
    """The sum over the first ``axes`` axes, halves added to halves until one is left.

    8 values: first i and i + 4, then i and i + 2, then i and i + 1. Half of an odd count rounds up
    and the one in the middle waits.
    """
    summed = values.reshape(-1, *values.shape[axes:])
    if len(summed) == 1:
        return np.array(summed[0])  # never a view: the sum is the caller's own
    while len(summed) > 1:
        kept = (len(summed) + 1) // 2
        halved = summed[:kept].copy()
        halved[: len(summed) - kept] += summed[kept:]
        summed = halved
    return np.zeros(values.shape[axes:], values.dtype) if len(summed) == 0 else summed[0]
