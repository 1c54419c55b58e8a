"""Reading .safetensors files (named tensors and JSON metadata) from untrusted sources.

The sizes of the file and of its header, and the name, dtype and shape of every tensor, are checked
before a tensor is read. So a reader needs at most the memory of the expected tensors plus 32 times
that of the header, 1 GiB at most.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open

from ..core.array_types import Float32, Uint8
from ..core.errors import shown
from ..data.file_bytes import first_bytes, open_regular_file
from ..data.file_kinds import KIND_BYTES, file_kind
from .pickles import check_no_pickle

MAX_HEADER_BYTES = 32 << 20  # bytes; a history of 100,000 epochs takes a third of it

Shape = tuple[int, ...]
_Record = TypeVar("_Record", bound=BaseModel)


class SafetensorsFile:
    """An open .safetensors file."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.metadata: dict[str, str] = file.metadata() or {}

    def read(
        self, shapes: Mapping[str, Shape], owner: str, optional: str = ""
    ) -> dict[str, Float32]:
        """The tensors of these names and shapes.

        Raises ValueError, which names the ``owner``, unless the file has exactly these tensors, as
        finite float32 numbers, and perhaps the ``optional`` one, which is not read.
        """
        names = set(self._file.keys()) - {optional}
        if names != set(shapes):
            name = sorted(names ^ set(shapes))[0]
            problem = "missing" if name in shapes else "one too many"
            raise ValueError(f"the tensor {shown(name)} is {problem} for {owner}")
        for name, shape in shapes.items():
            tensor = self._file.get_slice(name)
            got = tensor.get_dtype(), tuple(tensor.get_shape())
            if got != ("F32", shape):
                described = f"{got[0]} {shown(got[1], 100)}"
                raise ValueError(f"the tensor {name}: got {described}, wanted F32 {shape}")
        arrays = {name: self._file.get_tensor(name) for name in shapes}
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise ValueError(f"the tensor {name} holds values that are not finite numbers")
        return arrays

    def read_bytes(self, name: str, columns: int, max_rows: int) -> Uint8:
        """An optional tensor of bytes with at most ``max_rows`` rows; without it, no rows.

        Raises ValueError if it has another type or shape.
        """
        if name not in self._file.keys():  # noqa: SIM118 - it is no mapping
            return np.empty((0, columns), np.uint8)
        tensor = self._file.get_slice(name)
        dtype, shape = tensor.get_dtype(), tuple(tensor.get_shape())
        if dtype != "U8" or len(shape) != 2 or shape[1] != columns or shape[0] > max_rows:
            wanted = f"U8 of at most {max_rows:,} rows of {columns}"
            raise ValueError(f"the tensor {name}: got {dtype} {shape}, wanted {wanted}")
        return np.asarray(self._file.get_tensor(name))


class TensorEntry(NamedTuple):
    """A tensor of a .safetensors file."""

    dtype: str
    """Its type as the file names it: "F32"."""
    shape: Shape
    start: int
    """Its first byte in the file."""


def tensor_table(path: Path, kind: str, max_bytes: int) -> dict[str, TensorEntry]:
    """The tensors of a file that `open_safetensors` accepts, by their names."""
    with open_safetensors(path, kind, max_bytes), open_regular_file(path) as file:
        length = int.from_bytes(file.read(8), "little")
        header = parse_json(file.read(length).decode())
    return {
        name: TensorEntry(one["dtype"], tuple(one["shape"]), 8 + length + one["data_offsets"][0])
        for name, one in header.items()
        if name != "__metadata__"
    }


@contextmanager
def open_safetensors(path: Path, kind: str, max_bytes: int) -> Iterator[SafetensorsFile]:
    """Open a file of at most ``max_bytes`` bytes; error messages say that a ``kind`` was wanted.

    Raises OSError if it cannot be opened, ValueError if it is not a .safetensors file.
    """
    _check_sizes(path, kind, max_bytes)
    try:
        with safe_open(path, framework="numpy") as file:
            yield SafetensorsFile(file)
    except SafetensorError as error:
        message = str(error)[:200]  # it may quote the complete header
        raise ValueError(f"not a complete safetensors file: {message}") from None
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise ValueError("not a complete safetensors file: its reader failed") from None


def begins_as_safetensors(path: Path) -> bool:
    """Whether the first bytes of a file are those of a .safetensors file."""
    start = first_bytes(path, 9)
    return int.from_bytes(start[:8], "little") <= MAX_HEADER_BYTES and start[8:] == b"{"


def _check_sizes(path: Path, kind: str, max_bytes: int) -> None:
    """Refuse a file by its size and its first 8 bytes, before anything else is read."""
    size = path.stat().st_size
    if not path.is_file():  # opening a named pipe would block
        raise ValueError(f"{'a folder' if path.is_dir() else 'not a regular file'}, wanted {kind}")
    if size > max_bytes:
        raise ValueError(f"{size:,} bytes, wanted at most {max_bytes:,}")
    with open_regular_file(path) as file:
        start = file.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > size - 8:
        check_no_pickle(path)
        other = file_kind(first_bytes(path, KIND_BYTES))
        if other is not None:
            raise ValueError(f"it is {other.name}, wanted {kind}")
        raise ValueError(
            "not a complete safetensors file; it may be truncated or of another format"
        )
    if length > MAX_HEADER_BYTES:
        raise ValueError(f"a header of {length:,} bytes, wanted at most {MAX_HEADER_BYTES:,}")


def parse_json(text: str) -> Any:
    """The value of a JSON text with finite numbers and different keys; ValueError if it is not
    valid."""
    try:
        return json.loads(
            text, parse_constant=_finite, parse_float=_finite, object_pairs_hook=_different_keys
        )
    except _DuplicateKeyError as error:
        raise ValueError(f"its header has the key {error} twice") from None
    except (ValueError, RecursionError):
        raise ValueError("its header is not JSON") from None


class _DuplicateKeyError(Exception):
    """A JSON object has a key twice."""


def _different_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs, unless a key occurs twice: readers differ in which one they
    take."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _DuplicateKeyError(shown(next(key for key in keys if keys.count(key) > 1)))
    return found


def validate(schema: type[_Record], value: Any) -> _Record:
    """The value as a record of the schema; ValueError names the first field that does not fit."""
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(key) for key in first["loc"]) or "header"
        raise ValueError(f"its {field}: {first['msg']}, got {shown(first['input'])}") from None


def _finite(text: str) -> float:
    """A finite number; JSON has neither NaN nor Infinity, and 1e999 would become one."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
