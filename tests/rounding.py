"""Float32 arithmetic with the engine's roundings."""

from __future__ import annotations

from typing import Any

import numpy as np

from piecewise.core.array_types import Array

F = np.float32


def fma(a: Any, b: Any, c: Any) -> Array:
    """a * b + c of float32, rounded once.

    The product is exact in float64. The sum is rounded to odd there, so that only the rounding to
    float32 has an effect.
    """
    product = np.asarray(a, np.float64) * np.asarray(b, np.float64)
    c = np.asarray(c, np.float64)
    total = np.asarray(product + c)
    addend = total - product
    error = (product - (total - addend)) + (c - addend)
    bits = total.view(np.int64)
    direction = np.where((error > 0) == (total > 0), 1, -1)
    odd = np.where((error != 0) & (bits & 1 == 0), bits + direction, bits)
    return odd.view(np.float64).astype(F)
