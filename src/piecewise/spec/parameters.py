"""A network's arrays: one flat buffer, seen by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.array_types import Float32
from ..core.errors import LimitError, did_you_mean
from ..core.rng import WEIGHTS, derive_key, uniform
from .architecture import ArrayEntry

_DRAWN = 1 << 20  # first weights drawn at a time, so that drawing takes little memory


class Parameters(Mapping[str, Float32]):
    """The arrays of a flat buffer by name, in table order: views that can be written into, and
    assigned (``parameters["conv1.weight"] = array`` copies the numbers in)."""

    def __init__(self, flat: Float32, rows: Sequence[ArrayEntry]) -> None:
        self._flat = flat
        self._rows = {row.name: row for row in rows}

    @property
    def flat(self) -> Float32:
        """All numbers in table order, one after the other: to be written into."""
        return self._flat

    def __getitem__(self, name: str) -> Float32:
        row = self._rows.get(name)
        if row is None:
            raise KeyError(f"no array '{name}'{did_you_mean(str(name), self._rows)}")
        return self.flat[row.offset : row.offset + row.size].reshape(row.shape)

    def __setitem__(self, name: str, value: npt.ArrayLike) -> None:
        array, given = self[name], np.asarray(value)
        if given.shape != array.shape:
            raise LimitError(f"{name}: got the shape {given.shape}, wanted {array.shape}")
        if given.dtype.kind not in "fiub" or not all_finite(values := as_float32(given)):
            raise LimitError(f"{name}: got values that are not finite numbers")
        least = self._rows[name].tensor.minimum
        if values.size and values.min() < least:
            raise LimitError(f"{name}: got {values.min()}, wanted at least {least:g}")
        array[...] = values

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    __eq__ = object.__eq__  # arrays have no single answer to whether they are equal
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        lines = [f"  {name}: {array.shape}" for name, array in self.items()]
        return "\n".join([f"{self.flat.size:,} parameters", *lines])


def initial_values(rows: Sequence[ArrayEntry], seed: int) -> Float32:
    """A flat buffer of first values: each array drawn for itself, by its place in the table."""
    flat = np.empty(sum(row.size for row in rows), np.float32)
    for number, row in enumerate(rows):
        part = flat[row.offset : row.offset + row.size]
        part[:] = row.tensor.init_mean
        for start in range(0, row.size if row.tensor.init_bound else 0, _DRAWN):
            drawn = uniform(derive_key(seed, WEIGHTS, number), min(_DRAWN, row.size - start), start)
            part[start : start + _DRAWN] += row.tensor.init_bound * (2 * drawn - 1)
    return flat


def flattened(rows: Sequence[ArrayEntry], arrays: Mapping[str, Float32]) -> Float32:
    """A flat buffer of arrays given by name."""
    flat = np.empty(sum(row.size for row in rows), np.float32)
    for row in rows:
        flat[row.offset : row.offset + row.size] = arrays[row.name].ravel()
    return flat


def as_float32(values: npt.NDArray[Any]) -> Float32:
    """The values in float32; those beyond its range become infinite, which nothing accepts."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)


def all_finite(values: Float32) -> bool:
    """Whether every value is a finite number."""
    with np.errstate(over="ignore", invalid="ignore"):
        # One that is not makes the sum none, too, and a sum takes a third of the time.
        return bool(np.isfinite(values.sum()) or np.isfinite(values).all())
