"""Types of NumPy arrays, for annotations."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Bool = npt.NDArray[np.bool_]
Uint8 = npt.NDArray[np.uint8]
Uint32 = npt.NDArray[np.uint32]
Uint64 = npt.NDArray[np.uint64]
Int64 = npt.NDArray[np.int64]
Floating = npt.NDArray[np.floating[Any]]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Strings = npt.NDArray[np.str_]

Labels = Int64
"""Class numbers (N,)."""

Examples = tuple[npt.ArrayLike, npt.ArrayLike]
"""Inputs (N, ...) and their class numbers (N,)."""
