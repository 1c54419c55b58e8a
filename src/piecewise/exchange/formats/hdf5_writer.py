"""Writing HDF5 files: groups, float32 arrays, and attributes of texts, as Keras writes them.

A file has the oldest form of every structure (a superblock of version 0, object headers of version
1, groups as B-trees of names), which all versions of the HDF5 library read. It contains no times
and no unused bytes of memory, so the same content gives the same bytes (The HDF Group, "HDF5 File
Format Specification Version 3.0").
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from ...core.array_types import Array

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = (1 << 64) - 1
"""The address of what does not exist."""
DATASPACE, DATATYPE, FILL_VALUE, LAYOUT, ATTRIBUTE, SYMBOL_TABLE = 0x1, 0x3, 0x5, 0x8, 0xC, 0x11
"""Types of the messages in an object header."""

_LEAF, _INTERNAL = 4, 16  # a node of a group holds twice as many names, or nodes
_SUPERBLOCK_BYTES = 96
_SMALLEST_HEAP = 4_096
_FLOAT32 = struct.pack("<B3BI HHBBBBI", 0x11, 0x20, 31, 0, 4, 0, 32, 23, 8, 0, 23, 127)
_FLOAT64 = struct.pack("<B3BI HHBBBBI", 0x11, 0x20, 63, 0, 8, 0, 64, 52, 11, 0, 52, 1_023)
_TEXT = struct.pack("<B3BI", 0x19, 1, 1, 0, 16) + struct.pack("<B3BIHH", 0x10, 0, 0, 0, 1, 0, 8)
"""The type of texts of any length in UTF-8: a reference to the global heap, then their bytes."""

_T = TypeVar("_T")

AttributeValue = str | Sequence[str]
"""A text, or a list of texts."""


@dataclass
class Hdf5Tree:
    """The content of a group: attributes, and its arrays and groups by name."""

    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    members: dict[str, Array | Hdf5Tree] = field(default_factory=dict)

    def put(self, path: str, array: Array) -> None:
        """Add an array at a path such as ``layers/conv2d/vars/0``, with the groups on the way."""
        first, _, rest = path.partition("/")
        if not rest:
            self.members[first] = array
            return
        group = self.members.setdefault(first, Hdf5Tree())
        assert isinstance(group, Hdf5Tree)
        group.put(rest, array)


def hdf5_bytes(root: Hdf5Tree) -> bytes:
    """The bytes of a file with this content."""
    return _Output(root).content


class _Output:
    """A file that grows; every structure is at an address that is a multiple of 8."""

    def __init__(self, root: Hdf5Tree) -> None:
        self._chunks: list[bytes | memoryview] = [b""]
        self._size = _SUPERBLOCK_BYTES
        self._texts: list[bytes] = []
        self._heap = self._reserve_heap(root)
        header, tree, heap = self._group(root)
        entry = struct.pack("<QQII QQ", 0, header, 1, 0, tree, heap)
        numbers = struct.pack("<HHI QQQQ", _LEAF, _INTERNAL, 0, 0, UNDEFINED, self._size, UNDEFINED)
        self._chunks[0] = SIGNATURE + bytes((0, 0, 0, 0, 0, 8, 8, 0)) + numbers + entry
        self.content = b"".join(self._chunks)

    def _add(self, *parts: bytes | memoryview) -> int:
        """The address of a structure that is added to the file."""
        address = self._size
        length = sum(map(len, parts))
        self._chunks += [*parts, bytes(-length % 8)]
        self._size += length + -length % 8
        return address

    def _group(self, group: Hdf5Tree) -> tuple[int, int, int]:
        """The addresses of a group's object header, of its B-tree and of its heap of names."""
        entries = []
        names, offsets = bytearray(8), {}  # an empty name first: the lowest key of the tree
        for name in sorted(group.members, key=str.encode):
            offsets[name] = len(names)
            encoded = name.encode() + b"\0"
            names += encoded + bytes(-len(encoded) % 8)
            member = group.members[name]
            if isinstance(member, Hdf5Tree):
                header, tree, heap = self._group(member)
                scratch = struct.pack("<II QQ", 1, 0, tree, heap)
            else:
                header, scratch = self._dataset(member), bytes(24)
            entries.append((offsets[name], struct.pack("<QQ", offsets[name], header) + scratch))
        data = self._add(bytes(names))
        heap = self._add(b"HEAP" + bytes(4) + struct.pack("<QQQ", len(names), 1, data))
        tree = self._tree(entries)
        messages = [_message(SYMBOL_TABLE, struct.pack("<QQ", tree, heap))]
        messages += [self._attribute(*item) for item in sorted(group.attributes.items())]
        return self._header(messages), tree, heap

    def _tree(self, entries: list[tuple[int, bytes]]) -> int:
        """The address of the B-tree of a group's symbols, each with the offset of its name."""
        nodes = list[tuple[int, int]]()
        for leaf in _parts(entries, 2 * _LEAF):
            symbols = b"".join(symbol for _, symbol in leaf).ljust(2 * _LEAF * 40, b"\0")
            address = self._add(b"SNOD\1\0" + struct.pack("<H", len(leaf)) + symbols)
            nodes.append((leaf[-1][0], address))
        level = 0
        while True:
            above, lowest = [], 0
            for part in _parts(nodes, 2 * _INTERNAL) or [[]]:
                numbers = [lowest]
                for lowest, address in part:
                    numbers += [address, lowest]
                numbers += [0] * (4 * _INTERNAL + 1 - len(numbers))
                start = struct.pack("<4sBBH QQ", b"TREE", 0, level, len(part), UNDEFINED, UNDEFINED)
                above.append((lowest, self._add(start, struct.pack(f"<{len(numbers)}Q", *numbers))))
            if len(above) == 1:
                return above[0][1]
            nodes, level = above, level + 1

    def _dataset(self, array: Array) -> int:
        """The address of the object header of an array."""
        array = np.ascontiguousarray(array, "<f4")
        address = self._add(array.reshape(-1).view(np.uint8).data) if array.size else UNDEFINED
        return self._header(
            [
                _message(DATASPACE, _dataspace(array.shape)),
                _message(DATATYPE, _FLOAT32),
                _message(FILL_VALUE, struct.pack("<BBBBI", 2, 2, 2, 1, 0)),
                _message(LAYOUT, struct.pack("<BBQQ", 3, 1, address, array.nbytes)),
            ]
        )

    def _header(self, messages: list[bytes]) -> int:
        content = b"".join(messages)
        return self._add(struct.pack("<BBHII4x", 1, 0, len(messages), 1, len(content)), content)

    def _attribute(self, name: str, value: AttributeValue) -> bytes:
        """The message of an attribute: a text in the global heap, or texts of a fixed length."""
        if isinstance(value, str):
            number = self._texts.index(value.encode()) + 1
            data = struct.pack("<IQI", len(value.encode()), self._heap, number)
            return _attribute_message(name, _TEXT, _dataspace(()), data)
        texts = [text.encode() for text in value]
        if not texts:  # as NumPy makes an array of no texts
            return _attribute_message(name, _FLOAT64, _dataspace((0,)), b"")
        size = max(map(len, texts))
        kind = struct.pack("<B3BI", 0x13, 0x11, 0, 0, size)
        data = b"".join(text.ljust(size, b"\0") for text in texts)
        return _attribute_message(name, kind, _dataspace((len(texts),)), data)

    def _reserve_heap(self, root: Hdf5Tree) -> int:
        """Write the global heap: all texts that are attributes by themselves."""
        self._texts = list(dict.fromkeys(_single_texts(root)))
        objects = b""
        for number, text in enumerate(self._texts, 1):
            objects += struct.pack("<HHIQ", number, 1, 0, len(text)) + text + bytes(-len(text) % 8)
        if not objects:
            return UNDEFINED
        free = max(16, _SMALLEST_HEAP - 16 - len(objects))
        objects += struct.pack("<HHIQ", 0, 0, 0, free).ljust(free, b"\0")
        return self._add(b"GCOL\1\0\0\0" + struct.pack("<Q", 16 + len(objects)), objects)


def _single_texts(group: Hdf5Tree) -> list[bytes]:
    texts = [text.encode() for text in group.attributes.values() if isinstance(text, str)]
    for member in group.members.values():
        if isinstance(member, Hdf5Tree):
            texts += _single_texts(member)
    return texts


def _parts(items: list[_T], size: int) -> list[list[_T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _dataspace(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f"<BBB5x{len(shape)}Q", 1, len(shape), 0, *shape)


def _message(kind: int, content: bytes) -> bytes:
    padded = content + bytes(-len(content) % 8)
    return struct.pack("<HHB3x", kind, len(padded), 0) + padded


def _attribute_message(name: str, kind: bytes, space: bytes, data: bytes) -> bytes:
    encoded = name.encode() + b"\0"
    start = struct.pack("<BBHHH", 1, 0, len(encoded), len(kind), len(space))
    parts = (part + bytes(-len(part) % 8) for part in (encoded, kind, space))
    return _message(ATTRIBUTE, start + b"".join(parts) + data)
