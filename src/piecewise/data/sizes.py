"""How large examples are before they are prepared."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Sizes = npt.NDArray[np.float32]

UNITS = {"pictures": "pixels", "sounds": "seconds", "texts": "words"}
"""What the numbers of `size_of` count, by what is read."""


def size_of(given: Any) -> tuple[float, float]:
    """Rows and columns of a picture (rows, columns, channels); 1 and the seconds of a sound, or the
    words of a text."""
    if isinstance(given, str):
        return 1, len(given.split())
    if isinstance(given, np.ndarray):
        return given.shape[0], given.shape[1]
    return 1, len(given.samples) / given.rate


def unknown_sizes(count: int) -> Sizes:
    """Room for the sizes of so many examples, no numbers yet."""
    return np.full((count, 2), np.nan, np.float32)
