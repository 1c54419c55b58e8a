"""A network's parameters: one flat buffer with views by name, and their initialization."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from math import prod

import numpy as np
from numpy.typing import ArrayLike

from ..core.array_types import Array, Float32
from ..core.errors import LimitError, did_you_mean
from ..core.rng import WEIGHTS, derive_key, uniform
from .architecture import ArrayEntry

_BLOCK = 1 << 20  # random numbers drawn at a time, to save memory


class Parameters(Mapping[str, Float32]):
    """The arrays of a flat buffer by name, in the order of the parameter table.

    The arrays are writable views. Assignment, as in ``parameters["conv1.weight"] = array``, copies
    the values into the buffer.
    """

    def __init__(self, flat: Float32, rows: Sequence[ArrayEntry]) -> None:
        self._flat = flat
        self._rows = {row.name: row for row in rows}

    @property
    def flat(self) -> Float32:
        """All values in the order of the table; writable."""
        return self._flat

    def __getitem__(self, name: str) -> Float32:
        row = self._rows.get(name)
        if row is None:
            raise KeyError(f"no array '{name}'{did_you_mean(str(name), self._rows)}")
        return self.flat[row.offset : row.offset + row.size].reshape(row.shape)

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        array, source = self[name], np.asarray(value)
        if source.shape != array.shape:
            raise LimitError(f"{name}: got the shape {source.shape}, wanted {array.shape}")
        if source.dtype.kind not in "fiub" or not all_finite(values := as_float32(source)):
            raise LimitError(f"{name}: got values that are not finite numbers")
        least = self._rows[name].tensor.minimum
        if values.size and values.min() < least:
            raise LimitError(f"{name}: got {values.min()}, wanted at least {least:g}")
        array[...] = values

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    __eq__ = object.__eq__  # comparing arrays gives no single bool
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        lines = [f"  {name}: {array.shape}" for name, array in self.items()]
        return "\n".join([f"{self.flat.size:,} parameters", *lines])


def initial_values(rows: Sequence[ArrayEntry], seed: int) -> Float32:
    """A flat buffer of initial values; the seed of each array is its position in the table."""
    flat = np.empty(sum(row.size for row in rows), np.float32)
    for number, row in enumerate(rows):
        values = flat[row.offset : row.offset + row.size]
        values[:] = row.tensor.init_mean
        for start in range(0, row.size if row.tensor.init_bound else 0, _BLOCK):
            drawn = uniform(derive_key(seed, WEIGHTS, number), min(_BLOCK, row.size - start), start)
            values[start : start + _BLOCK] += row.tensor.init_bound * (2 * drawn - 1)
        values[: row.tensor.zero_rows * prod(row.shape[1:])] = 0
    return flat


def flattened(rows: Sequence[ArrayEntry], arrays: Mapping[str, Float32]) -> Float32:
    """A flat buffer of the arrays by name."""
    flat = np.empty(sum(row.size for row in rows), np.float32)
    for row in rows:
        flat[row.offset : row.offset + row.size] = arrays[row.name].ravel()
    return flat


def arrays_sha256(rows: Sequence[ArrayEntry], arrays: Mapping[str, Float32]) -> str:
    """SHA-256 of arrays by name, one after another, as little-endian float32."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(np.ascontiguousarray(arrays[row.name], "<f4").data)
    return digest.hexdigest()


def as_float32(values: Array) -> Float32:
    """The values in float32; those beyond its range become infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)


def all_finite(values: Float32) -> bool:
    """Whether every value is a finite number."""
    with np.errstate(over="ignore", invalid="ignore"):
        # A sum takes a third of the time, and is finite only if all values are.
        return bool(np.isfinite(values.sum()) or np.isfinite(values).all())
