"""Protocol buffers: the wire format of ONNX and Caffe files, written and read without a schema.

A message is a series of fields: a number, a wire type and a value (Google, "Protocol Buffers:
Encoding"). The reader yields views into the file, so it copies nothing, and it checks every length
against the bytes that are there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ...core.array_types import Array, Float32, Int64

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types; the types 3 and 4, groups, are refused."""
MAX_FIELDS = 1_000_000
"""Fields of one message."""
_LONGEST_VARINT = 10  # bytes


class ProtobufError(ValueError):
    """Bytes that are not a message."""


class Field(NamedTuple):
    """A field of a message: its number, its wire type, and a number or a view of its bytes."""

    number: int
    wire: int
    value: int | memoryview

    @property
    def bytes(self) -> memoryview:
        """The bytes of a field of strings, messages or packed numbers."""
        if not isinstance(self.value, memoryview) or self.wire != BYTES:
            raise ProtobufError(f"field {self.number} has no bytes")
        return self.value

    @property
    def text(self) -> str:
        """The text of a string field."""
        try:
            return str(self.bytes, "utf-8")
        except UnicodeDecodeError:
            raise ProtobufError(f"field {self.number} is not a text in UTF-8") from None

    @property
    def integer(self) -> int:
        """The signed 64-bit value of a varint field."""
        if not isinstance(self.value, int):
            raise ProtobufError(f"field {self.number} is not a whole number")
        return self.value - (1 << 64) if self.value >> 63 else self.value

    @property
    def float(self) -> float:
        """The value of a float field."""
        if not isinstance(self.value, memoryview) or self.wire != FIXED32:
            raise ProtobufError(f"field {self.number} is not a float")
        return float(struct.unpack("<f", self.value)[0])

    def integers(self) -> Int64:
        """The values of a repeated integer field, packed or not, each as int64."""
        if isinstance(self.value, int):
            return np.array([self.integer], np.int64)
        return _packed_integers(self.bytes)

    def floats(self) -> Float32:
        """The values of a repeated float field, packed or not."""
        if not isinstance(self.value, memoryview) or len(self.value) % 4:
            raise ProtobufError(f"field {self.number} has no floats")
        return np.frombuffer(self.value, "<f4")


def fields(message: memoryview | bytes) -> Iterator[Field]:
    """The fields of a message, in order; `ProtobufError` if it is malformed."""
    view, at = memoryview(message), 0
    for _ in range(MAX_FIELDS):
        if at == len(view):
            return
        key, at = _varint(view, at)
        number, wire = key >> 3, key & 7
        if not 1 <= number < 1 << 29:
            raise ProtobufError(f"a field has the number {number}")
        value: int | memoryview
        if wire == VARINT:
            value, at = _varint(view, at)
        else:
            if wire == BYTES:
                length, at = _varint(view, at)
            elif wire in (FIXED32, FIXED64):
                length = 4 if wire == FIXED32 else 8
            else:
                raise ProtobufError(f"field {number} has the wire type {wire}")
            if length > len(view) - at:
                raise ProtobufError(f"field {number} is longer than its message")
            value, at = view[at : at + length], at + length
        yield Field(number, wire, value)
    if at != len(view):
        raise ProtobufError(f"a message has more than {MAX_FIELDS:,} fields")


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    """The unsigned varint at an offset, and the offset after it."""
    value = 0
    for index in range(_LONGEST_VARINT):
        if at + index >= len(view):
            raise ProtobufError("a number is truncated")
        byte = view[at + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value & (1 << 64) - 1, at + index + 1
    raise ProtobufError(f"a number has more than {_LONGEST_VARINT} bytes")


def _packed_integers(view: memoryview) -> Int64:
    """Packed varints as int64: each ends with a byte below 128."""
    data = np.frombuffer(view, np.uint8)
    ends = np.flatnonzero(data < 0x80)
    if len(data) and (not len(ends) or ends[-1] != len(data) - 1):
        raise ProtobufError("a packed number is truncated")
    starts = np.concatenate(([0], ends[:-1] + 1)).astype(np.int64)[: len(ends)]
    lengths = ends + 1 - starts
    if len(lengths) and int(lengths.max()) > _LONGEST_VARINT:
        raise ProtobufError(f"a number has more than {_LONGEST_VARINT} bytes")
    values = np.zeros(len(ends), np.uint64)
    for index in range(int(lengths.max()) if len(lengths) else 0):
        has = lengths > index
        bits = (data[starts[has] + index] & 0x7F).astype(np.uint64)
        values[has] |= bits << np.uint64(7 * index) if index < 9 else (bits & 1) << np.uint64(63)
    return values.view(np.int64)


# Writing.


def varint(number: int, value: int) -> bytes:
    """A field of a whole number; negative ones as 64-bit two's complement."""
    return _key(number, VARINT) + _encoded(value & (1 << 64) - 1)


def text(number: int, value: str | bytes) -> bytes:
    """A field of a string, or of bytes."""
    return message(number, (value.encode() if isinstance(value, str) else value,))


def message(number: int, parts: Iterable[bytes]) -> bytes:
    """A field of an embedded message, from the fields in it."""
    content = b"".join(parts)
    return _key(number, BYTES) + _encoded(len(content)) + content


def real(number: int, value: float) -> bytes:
    """A field of a float."""
    return _key(number, FIXED32) + struct.pack("<f", value)


def packed_integers(number: int, values: Iterable[int]) -> bytes:
    """A packed field of whole numbers."""
    return message(number, [_encoded(int(value) & (1 << 64) - 1) for value in values])


def packed_floats(number: int, values: Array) -> bytes:
    """A packed field of floats, from an array of any shape in row-major order."""
    return message(number, [np.ascontiguousarray(values, "<f4").tobytes()])


def _key(number: int, wire: int) -> bytes:
    return _encoded(number << 3 | wire)


def _encoded(value: int) -> bytes:
    """A varint."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
