"""Some of many examples, without a second copy of a large array in memory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.array_types import Array

IN_MEMORY = 256 << 20
"""Bytes that are copied into memory all the same."""
_BLOCK = 4 << 20  # bytes copied at a time


def rows(array: Array, chosen: npt.NDArray[np.bool_]) -> Array:
    """The rows of an array (N, ...) that are chosen (N,).

    Rows that lie together are a view. Others are copied: of an array that lies in a file, where
    they are large, into a file beside it that has no name and goes with the array; if that cannot
    be, into memory.
    """
    places = np.flatnonzero(chosen)
    if not len(places):
        return array[:0]
    first, last = int(places[0]), int(places[-1])
    if last - first + 1 == len(places):
        return array[first : last + 1]
    size = len(places) * array[:1].nbytes
    if isinstance(array, np.memmap) and array.filename and size > IN_MEMORY:
        try:
            return _in_a_file(array, places)
        except OSError:  # no room on the disk; there may be some in memory
            pass
    return np.asarray(array[places])


def _in_a_file(array: np.memmap[Any, Any], places: npt.NDArray[np.int64]) -> Array:
    step = max(1, _BLOCK // array[:1].nbytes)
    with tempfile.TemporaryFile(dir=Path(str(array.filename)).parent) as file:
        for start in range(0, len(places), step):
            file.write(np.ascontiguousarray(array[places[start : start + step]]).data)
        file.flush()
        shape = (len(places), *array.shape[1:])
        mapped: np.memmap[Any, Any] = np.memmap(file, array.dtype, "r", shape=shape)
    mapped.filename = array.filename  # where some of these can be put in turn
    return mapped
