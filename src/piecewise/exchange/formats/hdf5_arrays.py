"""Arrays of HDF5 files: numbers in one piece, in their header, or in chunks.

Chunks may be compressed with gzip, after their bytes were shuffled. What they unpack to is checked
before it is allocated.
"""

from __future__ import annotations

import zlib
from itertools import product
from math import prod

import numpy as np

from ...core.array_types import Array, Float32
from .hdf5_blocks import Block, FileBytes, Hdf5Error, Message
from .hdf5_writer import DATASPACE, DATATYPE, LAYOUT, UNDEFINED

MAX_ARRAY_BYTES = 800 << 20
MAX_COMPRESSION_RATIO = 1_032
"""What gzip can reach at most; an array in chunks has at most as many times the file's bytes."""
_FILTERS = 0xB
_COMPACT, _CONTIGUOUS, _CHUNKED = 0, 1, 2
_DEFLATE, _SHUFFLE = 1, 2
_FLOATS = {2: (15, 10, 5, 0, 10), 4: (31, 23, 8, 0, 23), 8: (63, 52, 11, 0, 52)}
"""By size: where the sign, the exponent and its bits, and the mantissa and its bits are."""


class Hdf5Array:
    """An array of floating-point numbers of a file, which is not read yet."""

    def __init__(self, file: FileBytes, messages: list[Message]) -> None:
        self._file = file
        self._messages = {message.kind: message for message in reversed(messages)}
        shape = read_dataspace(self._message(DATASPACE))
        if shape is None:
            raise Hdf5Error("an array without numbers")
        self.shape: tuple[int, ...] = shape

    def read(self) -> Float32:
        """The numbers as float32: a view of the file if it has them so, in one piece."""
        dtype = _dtype(self._message(DATATYPE))
        size = prod(self.shape) * dtype.itemsize
        if size > MAX_ARRAY_BYTES:
            raise Hdf5Error(f"an array of {size:,} bytes, wanted at most {MAX_ARRAY_BYTES:,}")
        layout = self._message(LAYOUT)
        version, kind = layout.integer(1), layout.integer(1)
        if version not in {3, 4} or kind > _CHUNKED or (kind == _CHUNKED and version == 4):
            raise Hdf5Error("an array whose layout is not supported; save it without chunks")
        if not size:
            array: Array = np.zeros(self.shape, dtype)
        elif kind == _CHUNKED:
            array = self._chunks(layout, dtype, size)
        else:
            array = self._piece(layout, kind, size, dtype)
        return np.asarray(array, np.float32)

    def _message(self, kind: int) -> Block:
        if kind not in self._messages:
            raise Hdf5Error("an array without its shape, its type or its place")
        content = self._messages[kind].checked()
        content.at = 0
        return content

    def _piece(self, layout: Block, kind: int, size: int, dtype: np.dtype[np.floating]) -> Array:
        if kind == _COMPACT:
            data = layout.take(layout.integer(2))
        else:
            address, stored = layout.integer(8), layout.integer(8)
            if address == UNDEFINED:
                raise Hdf5Error("an array whose numbers were never written")
            data = self._file.block(address, stored).take(stored)
        if len(data) != size:
            raise Hdf5Error(f"an array of {len(data):,} bytes, wanted {size:,}")
        return np.frombuffer(data, dtype).reshape(self.shape)

    def _chunks(self, layout: Block, dtype: np.dtype[np.floating], size: int) -> Array:
        if size > MAX_COMPRESSION_RATIO * len(self._file.data):
            raise Hdf5Error("an array of more bytes than the file can hold")
        rank, root = layout.integer(1) - 1, layout.integer(8)
        sides = tuple(layout.integer(4) for _ in range(rank))
        if rank != len(self.shape) or 0 in sides or layout.integer(4) != dtype.itemsize:
            raise Hdf5Error("an array whose chunks do not fit its shape")
        filters = self._filters()
        length = prod(sides) * dtype.itemsize
        if length > 2 * size + (1 << 20):
            raise Hdf5Error("an array whose chunks are larger than the array")
        starts = [range(0, whole, side) for whole, side in zip(self.shape, sides, strict=True)]
        missing = prod(map(len, starts))
        self._file.spend(missing)
        array, wanted = np.zeros(self.shape, dtype), set(product(*starts))
        for start, data in [] if root == UNDEFINED else self._stored(root, rank, None):
            if start not in wanted:
                raise Hdf5Error("a chunk that is not a part of its array")
            wanted.remove(start)
            chunk = np.frombuffer(_unpacked(data, filters, length, dtype.itemsize), dtype)
            parts = [min(side, whole - at)
                     for side, whole, at in zip(sides, self.shape, start, strict=True)]  # fmt: skip
            place = tuple(slice(at, at + part) for at, part in zip(start, parts, strict=True))
            array[place] = chunk.reshape(sides)[tuple(map(slice, parts))]
        if wanted:
            raise Hdf5Error("an array without some of its chunks")
        return array

    def _stored(
        self, address: int, rank: int, level: int | None
    ) -> list[tuple[tuple[int, ...], memoryview]]:
        """The chunks of a node of the B-tree: where each starts, and its bytes in the file."""
        node, own, count = self._file.tree_node(address, b"\1", "an array", level)
        found = []
        for _ in range(count):
            size, skipped = node.integer(4), node.integer(4)
            start = tuple(node.integer(8) for _ in range(rank))
            node.take(8)
            child = node.integer(8)
            if own:
                found += self._stored(child, rank, own - 1)
            elif skipped:
                raise Hdf5Error("a chunk that was not compressed as the others")
            else:
                found.append((start, self._file.block(child, size).take(size)))
        return found

    def _filters(self) -> list[int]:
        """The filters of the chunks, in the order in which they were applied."""
        if _FILTERS not in self._messages:
            return []
        content, found = self._message(_FILTERS), []
        version, count = content.integer(1), content.integer(1)
        content.take(6 if version == 1 else 0)
        for _ in range(count):
            number = content.integer(2)
            name = content.integer(2) if version == 1 or number >= 256 else 0
            content.take(2)
            values = content.integer(2)
            content.take(name + 4 * (values + (values & 1 if version == 1 else 0)))
            found.append(number)
        if set(found) - {_DEFLATE, _SHUFFLE} or len(found) > len(set(found)):
            raise Hdf5Error("an array with another compression than gzip")
        return found


def read_dataspace(content: Block) -> tuple[int, ...] | None:
    """The shape that a message says; None for no numbers at all."""
    version, rank, flags = content.integer(1), content.integer(1), content.integer(1)
    if version not in {1, 2} or rank > 32:
        raise Hdf5Error("a shape of an unknown version")
    if version == 1:
        content.take(5)
    elif content.integer(1) == 2:
        return None
    del flags  # whether the largest sizes follow
    return tuple(content.integer(8) for _ in range(rank))


def _dtype(content: Block) -> np.dtype[np.floating]:
    """The dtype of a message; Hdf5Error unless it is of IEEE floating-point numbers."""
    kind, bits, sign = content.integer(1) & 15, content.integer(1), content.integer(1)
    content.take(1)
    size = content.integer(4)
    offset, precision = content.integer(2), content.integer(2)
    fields = [content.integer(1) for _ in range(4)]
    is_float = kind == 1 and not offset and precision == 8 * size and not bits & 0x40
    if is_float and _FLOATS.get(size) == (sign, *fields):
        return np.dtype(f"{'>' if bits & 1 else '<'}f{size}")
    raise Hdf5Error("an array of other numbers than float16, float32 or float64")


def _unpacked(data: memoryview, filters: list[int], length: int, itemsize: int) -> bytes:
    """The bytes of a chunk."""
    content = bytes(data)
    for number in reversed(filters):
        if number == _DEFLATE:
            unpacker = zlib.decompressobj()
            try:
                content = unpacker.decompress(content, length + 1)
            except zlib.error:
                raise Hdf5Error("a chunk whose compressed bytes are damaged") from None
        elif len(content) % itemsize == 0:
            shuffled = np.frombuffer(content, np.uint8).reshape(itemsize, -1)
            content = shuffled.T.tobytes()
    if len(content) != length:
        raise Hdf5Error(f"a chunk of {len(content):,} bytes, wanted {length:,}")
    return content
