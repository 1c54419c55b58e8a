"""Tensors by name and a JSON text in one .safetensors file, read with nothing believed.

Before a tensor is read its file's length, its header's length, and its name, type and shape are
checked; so no file makes its reader take more memory than its tensors wanted and 32 times its
header, a gigabyte at most.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open

from ..core.array_types import Float32
from ..core.errors import shown

LARGEST_HEADER = 32 << 20  # bytes; a history of 100,000 epochs takes a third of it

Shape = tuple[int, ...]
_Values = TypeVar("_Values", bound=BaseModel)


class Tensors:
    """An open file."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.metadata: dict[str, str] = file.metadata() or {}

    def read(self, wanted: Mapping[str, Shape], whose: str) -> dict[str, Float32]:
        """The tensors of these names and shapes; ValueError unless they are all there are, with
        finite numbers. ``whose`` they are, an error says."""
        names = set(self._file.keys())
        if names != set(wanted):
            odd = sorted(names ^ set(wanted))[0]
            state = "missing" if odd in wanted else "one too many"
            raise ValueError(f"the tensor {shown(odd)} is {state} for {whose}")
        for name, shape in wanted.items():
            found = self._file.get_slice(name)
            got = found.get_dtype(), tuple(found.get_shape())
            if got != ("F32", shape):
                raise ValueError(f"the tensor {name}: got {got[0]} {got[1]}, wanted F32 {shape}")
        arrays = {name: self._file.get_tensor(name) for name in wanted}
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise ValueError(f"the tensor {name} holds values that are not finite numbers")
        return arrays


@contextmanager
def opened(place: Path, kind: str, largest: int) -> Iterator[Tensors]:
    """The tensors in a file of this kind of at most ``largest`` bytes. OSError where there is none,
    ValueError if it is something else."""
    _check_sizes(place, kind, largest)
    try:
        with safe_open(place, framework="numpy") as file:
            yield Tensors(file)
    except SafetensorError as error:
        words = str(error)[:200]  # it may quote all of the header
        raise ValueError(f"not a whole safetensors file: {words}") from None
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise ValueError("not a whole safetensors file: its reader gave up") from None


def _check_sizes(place: Path, kind: str, largest: int) -> None:
    """Refuse what it cannot be by its first bytes, before anything is read whole."""
    size = place.stat().st_size
    if not place.is_file():  # to open a pipe would wait for someone to write into it
        raise ValueError(f"{'a folder' if place.is_dir() else 'no file'}, wanted {kind}")
    if size > largest:
        raise ValueError(f"{size:,} bytes, wanted at most {largest:,}")
    with place.open("rb") as file:
        start = file.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > size - 8:
        raise ValueError("not a whole safetensors file; was it cut short, or is it another kind?")
    if length > LARGEST_HEADER:
        raise ValueError(f"a header of {length:,} bytes, wanted at most {LARGEST_HEADER:,}")


def plain_values(text: str) -> Any:
    """What a JSON text says; ValueError if it is none."""
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        raise ValueError("its header is not JSON") from None


def checked(form: type[_Values], plain: Any) -> _Values:
    """Plain values in the form they should have; ValueError names the first that has another."""
    try:
        return form.model_validate(plain)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the header"
        raise ValueError(f"its {where}: {first['msg']}, got {shown(first['input'])}") from None


def _finite(word: str) -> float:
    """A number of the header; JSON has neither NaN nor Infinity, and 1e999 would be one."""
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(word)
    return number
