"""Select rows of a large array without a second copy of it in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core.array_types import Array, Bool, Int64

IN_MEMORY = 256 << 20
"""A selection of at most this many bytes is copied into memory."""
_BLOCK = 4 << 20  # bytes copied at a time


class RowsOf(Sequence[Any]):
    """The items of a sequence at some indices; nothing is copied or read before it is used."""

    def __init__(self, items: Sequence[Any], indices: Int64) -> None:
        self.items: Sequence[Any] = items.items if isinstance(items, RowsOf) else items
        self.indices: Int64 = items.indices[indices] if isinstance(items, RowsOf) else indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        return self.items[int(self.indices[index])]


def select_rows(array: Array, mask: Bool) -> Array:
    """The rows of an array (N, ...) where ``mask`` (N,) is true.

    Contiguous rows are a view; others are copied. A large selection from a memory-mapped file is
    copied to an unnamed temporary file beside it, which is deleted with the array, or into memory
    if that fails.
    """
    indices = np.flatnonzero(mask)
    if not len(indices):
        return array[:0]
    first, last = int(indices[0]), int(indices[-1])
    if last - first + 1 == len(indices):
        return array[first : last + 1]
    size = len(indices) * array[:1].nbytes
    if isinstance(array, np.memmap) and array.filename and size > IN_MEMORY:
        try:
            return _copy_to_file(array, indices)
        except OSError:  # the disk is full; memory may suffice
            pass
    return np.asarray(array[indices])


def _copy_to_file(array: np.memmap[Any, Any], indices: Int64) -> Array:
    step = max(1, _BLOCK // array[:1].nbytes)
    with tempfile.TemporaryFile(dir=Path(str(array.filename)).parent) as file:
        for start in range(0, len(indices), step):
            file.write(np.ascontiguousarray(array[indices[start : start + step]]).data)
        file.flush()
        shape = (len(indices), *array.shape[1:])
        mapped: np.memmap[Any, Any] = np.memmap(file, array.dtype, "r", shape=shape)
    mapped.filename = array.filename  # the folder for further selections from this one
    return mapped
