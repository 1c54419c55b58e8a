"""Torch7's binary format (.t7), read without Torch: tables, tensors and modules, but no code.

An object is a type, a number, and its content; a number that occurs again refers to the object that
has it (torch7, File.lua). Tensors are views of the file. Functions, and classes with formats of
their own, are refused.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core.array_types import Array
from ...core.errors import shown

NIL, NUMBER, STRING, TABLE, TORCH, BOOLEAN = 0, 1, 2, 3, 4, 5
"""Types of objects; 6 to 8 are functions."""
VERSION = "V 1"
MAX_DEPTH = 64
"""Objects inside each other."""
MAX_OBJECTS = 200_000
_LONGEST_STRING = 1 << 16  # bytes
_MAX_DIMENSIONS = 8
STORAGE_TYPES = {
    "Float": "<f4", "Double": "<f8", "Cuda": "<f4", "Long": "<i8", "Int": "<i4", "Short": "<i2",
    "Char": "i1", "Byte": "u1",
}  # fmt: skip
"""Kinds of numbers, and how they are stored where a long number has 8 bytes."""
_NUMBERS = re.compile(r"torch\.([A-Z][a-z]+)(Tensor|Storage)", re.ASCII)
_MODULES = re.compile(r"(nn|cunn|cudnn)\.(\w{1,80})", re.ASCII)

Table = dict[Any, Any]


class T7Error(ValueError):
    """Bytes that are no Torch7 file, or one with what is not read."""


@dataclass(frozen=True)
class TorchModule:
    """A module: its class without the package in front, and its fields."""

    kind: str
    fields: Table = field(repr=False)


def parse(content: memoryview) -> Any:
    """The object of a file: a number, text, bool, None, dict, `TorchModule` or array.

    Raises T7Error. Long numbers have 8 bytes, or 4 in files of 32-bit machines.
    """
    try:
        return _Reader(content, 8).whole()
    except T7Error as error:
        try:
            return _Reader(content, 4).whole()
        except T7Error:
            raise error from None


class _Reader:
    """Reads one object after another."""

    def __init__(self, content: memoryview, long_bytes: int) -> None:
        self._content = content
        self._long = "q" if long_bytes == 8 else "i"
        self._at = 0
        self._depth = 0
        self._count = 0
        self._known: dict[int, Any] = {}

    def whole(self) -> Any:
        """The only object of the file."""
        made = self.value()
        if self._at != len(self._content):
            raise T7Error(f"{len(self._content) - self._at:,} bytes follow its end")
        return made

    def value(self) -> Any:
        """The next object."""
        self._count += 1
        if self._count > MAX_OBJECTS:
            raise T7Error(f"more than {MAX_OBJECTS:,} objects")
        kind = self._integer()
        if kind == NIL:
            return None
        if kind == NUMBER:
            return self._unpacked("d")
        if kind == STRING:
            return self._string()
        if kind == BOOLEAN:
            return self._integer() != 0
        if kind in (TABLE, TORCH):
            return self._object(kind)
        if kind in (6, 7, 8):
            raise T7Error("it holds a Lua function, and functions are code, which is not read")
        raise T7Error(f"an object of the type {kind}; is it a binary Torch7 file?")

    def _object(self, kind: int) -> Any:
        number = self._integer()
        if number in self._known:
            return self._known[number]
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise T7Error(f"more than {MAX_DEPTH} objects inside each other")
        if kind == TABLE:
            made: Table = {}
            self._known[number] = made
            self._fill(made)
        else:
            self._known[number] = None  # an object inside itself
            self._known[number] = self._torch_object(number)
        self._depth -= 1
        return self._known[number]

    def _fill(self, table: Table) -> None:
        count = self._integer()
        if not 0 <= count <= (len(self._content) - self._at) // 8:  # a type for key and value
            raise T7Error(f"a table of {count:,} entries")
        for _ in range(count):
            key = self.value()
            value = self.value()
            if isinstance(key, float) and key.is_integer():
                key = int(key)
            if isinstance(key, int | float | str):
                table[key] = value

    def _torch_object(self, number: int) -> Any:
        name = self._string()
        if re.fullmatch(r"V [0-9]+", name):
            if name != VERSION:
                raise T7Error(f"an object of version {shown(name)}, wanted {VERSION!r}")
            name = self._string()
        if match := _NUMBERS.fullmatch(name):
            if match[1] not in STORAGE_TYPES:
                raise T7Error(f"numbers of the kind {shown(name)}")
            return self._tensor() if match[2] == "Tensor" else self._storage(match[1])
        if match := _MODULES.fullmatch(name):
            module = TorchModule(match[2], {})
            self._known[number] = module
            if self._integer() != TABLE:
                raise T7Error(f"{name} without a table of its fields")
            self._fields(module.fields)
            return module
        raise T7Error(f"an object of the class {shown(name)}, which is not read")

    def _fields(self, table: Table) -> None:
        number = self._integer()
        if number in self._known:
            raise T7Error("a module shares the table of its fields")
        self._known[number] = table
        self._fill(table)

    def _tensor(self) -> Array:
        dimensions = self._integer()
        if not 0 <= dimensions <= _MAX_DIMENSIONS:
            raise T7Error(f"a tensor of {dimensions} dimensions")
        shape = [self._long_integer() for _ in range(dimensions)]
        strides = [self._long_integer() for _ in range(dimensions)]
        first = self._long_integer() - 1
        storage = self.value()
        if storage is None and not dimensions:
            return np.empty(0, np.float32)
        if not isinstance(storage, np.ndarray) or storage.ndim != 1:
            raise T7Error("a tensor without a storage")
        if not dimensions:
            return storage[:0]
        return _strided(storage, shape, strides, first)

    def _storage(self, kind: str) -> Array:
        dtype = np.dtype(STORAGE_TYPES[kind])
        if kind == "Long" and self._long == "i":
            dtype = np.dtype("<i4")
        count = self._long_integer()
        if not 0 <= count <= (len(self._content) - self._at) // dtype.itemsize:
            raise T7Error(f"a storage of {count:,} numbers is longer than the file")
        return np.frombuffer(self._taken(count * dtype.itemsize), dtype)

    def _string(self) -> str:
        length = self._integer()
        if not 0 <= length <= min(_LONGEST_STRING, len(self._content) - self._at):
            raise T7Error(f"a text of {length:,} bytes")
        return str(self._taken(length), "utf-8", "replace")

    def _integer(self) -> int:
        return int(self._unpacked("i"))

    def _long_integer(self) -> int:
        return int(self._unpacked(self._long))

    def _unpacked(self, code: str) -> Any:
        return struct.unpack(f"<{code}", self._taken(struct.calcsize(f"<{code}")))[0]

    def _taken(self, length: int) -> memoryview:
        """The next bytes."""
        if length > len(self._content) - self._at:
            raise T7Error("it is truncated")
        self._at += length
        return self._content[self._at - length : self._at]


def _strided(storage: Array, shape: list[int], strides: list[int], first: int) -> Array:
    """A view of a storage, after a check that every number is in it and none counts twice."""
    size, last = 1, first
    for side, stride in zip(shape, strides, strict=True):
        size *= side
        last += (side - 1) * stride
        if side < 1 or stride < 0 or size > storage.size:
            raise T7Error(f"a tensor of {tuple(shape)} with a storage of {storage.size:,} numbers")
    if not 0 <= first <= last < storage.size:
        raise T7Error(f"a tensor of {tuple(shape)} reaches past its storage")
    steps = [stride * storage.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(storage[first:], shape, steps, writeable=False)
