"""AVIF containers: the sizes of the coded pictures, before anything is decoded.

The size in the header of an AVIF is not that of the picture inside, which a decoder decodes
completely and only then resizes. So the sizes are read from the AV1 data themselves. A box that
breaks the format raises a ValueError.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

MAX_BOXES = 10_000
"""Of one file, and items and parts of items."""

_AV1_ITEM = b"av01"
_SEQUENCE_HEADER = 1


class _Box(NamedTuple):
    kind: bytes
    header: int
    """The position of the box in the file."""
    start: int
    """The position of its content."""
    end: int


def first_frame(content: bytes) -> bytes:
    """An AVIF without its animation: the still picture that every AVIF begins with."""
    made = bytearray(content)
    for at in (8, *range(16, min(int.from_bytes(content[:4]), 4_096) - 3, 4)):
        if content[at : at + 4] == b"avis":
            made[at : at + 4] = b"avif"
    for box in _boxes(content, 0, len(content)):
        if box.kind == b"moov":
            made[box.header + 4 : box.header + 8] = b"free"
    return bytes(made)


def coded_sizes(content: bytes) -> list[tuple[int, int]]:
    """Columns and rows of every AV1 picture in the file: its tiles, its transparency and others."""
    sizes = []
    for box in _boxes(content, 0, len(content)):
        if box.kind == b"meta":
            sizes += [size for item in _av1_items(content, box) for size in _sizes_of(item)]
    return sizes


def _boxes(content: bytes, start: int, end: int) -> Iterator[_Box]:
    for _ in range(MAX_BOXES):
        if start >= end:
            return
        header, size = start + 8, int.from_bytes(content[start : start + 4])
        if size == 1:
            header, size = start + 16, int.from_bytes(content[start + 8 : start + 16])
        size = size or end - start
        if size < header - start or start + size > end:
            raise ValueError("a box is longer than what holds it")
        yield _Box(content[start + 4 : start + 8], start, header, start + size)
        start += size
    raise ValueError("too many boxes")


def _av1_items(content: bytes, meta: _Box) -> Iterator[bytes]:
    """The data of the AV1 items of a meta box."""
    inside = list(_boxes(content, meta.start + 4, meta.end))
    types, idat = dict[int, set[bytes]](), b""
    for box in inside:
        if box.kind == b"iinf":
            skipped = 6 if content[box.start] == 0 else 8
            for entry in _boxes(content, box.start + skipped, box.end):
                number, kind = _item_type(content[entry.start : entry.end])
                types.setdefault(number, set()).add(kind)
        elif box.kind == b"idat":
            idat = content[box.start : box.end]
    for box in inside:
        if box.kind == b"iloc":
            for number, source, parts in _locations(content[box.start : box.end]):
                if _AV1_ITEM in types.get(number, ()):
                    yield _joined(content if source == 0 else idat, parts, len(content))


def _item_type(entry: bytes) -> tuple[int, bytes]:
    """The number and the type of an item, from an entry of versions 2 or 3."""
    width = 2 if entry[:1] == b"\2" else 4
    return int.from_bytes(entry[4 : 4 + width]), entry[6 + width : 10 + width]


def _joined(source: bytes, parts: list[tuple[int, int]], most: int) -> bytes:
    """The parts of an item; a length of 0 means all that follows."""
    lengths = [length or len(source) - start for start, length in parts]
    if sum(lengths) > most:
        raise ValueError("an item is larger than the file")
    pairs = zip(parts, lengths, strict=True)
    return b"".join(source[start : start + length] for (start, _), length in pairs)


class _Numbers:
    """Reads numbers of some bytes, one after another."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def next(self, width: int) -> int:
        self.at += width
        if self.at > len(self.content):
            raise ValueError("cut short")
        return int.from_bytes(self.content[self.at - width : self.at])


def _locations(iloc: bytes) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    """The number, the source (0: the file, 1: idat) and the parts (start, length) of each item."""
    numbers = _Numbers(iloc)
    version, _, sizes = numbers.next(1), numbers.next(3), numbers.next(2)
    offset_width, length_width, base_width, index_width = (
        (sizes >> shift) & 15 for shift in (12, 8, 4, 0)
    )
    wide = 4 if version == 2 else 2
    left = MAX_BOXES
    for _ in range(numbers.next(wide)):
        number = numbers.next(wide)
        source = numbers.next(2) & 15 if version else 0
        numbers.next(2)
        base, count = numbers.next(base_width), numbers.next(2)
        left -= 1 + count
        if left < 0:
            raise ValueError("too many items")
        parts = []
        for _ in range(count):
            numbers.next(index_width if version else 0)
            start = base + numbers.next(offset_width)
            parts.append((start, numbers.next(length_width)))
        yield number, source, parts


def _sizes_of(item: bytes) -> Iterator[tuple[int, int]]:
    """The sizes in the sequence headers of AV1 data; ValueError if there is none."""
    at, found = 0, False
    for _ in range(MAX_BOXES):
        if at >= len(item):
            break
        first = item[at]
        at += 2 if first & 4 else 1
        size = len(item) - at
        if first & 2:
            size, at = _leb128(item, at)
        if (first >> 3) & 15 == _SEQUENCE_HEADER:
            found = True
            yield _sequence_size(item[at : at + size])
        at += size
    if not found or at < len(item):
        raise ValueError("no size in the AV1 data")


def _leb128(item: bytes, at: int) -> tuple[int, int]:
    """A number of up to eight bytes of seven bits, and the position after it."""
    value = 0
    for place in range(8):
        (byte,) = struct.unpack_from("B", item, at + place) if at + place < len(item) else (0,)
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise ValueError("a number without an end")


def _sequence_size(header: bytes) -> tuple[int, int]:
    """The largest columns and rows of a sequence header; ValueError for one of a film."""
    bits = f"{int.from_bytes(header[:40]):0{8 * min(40, len(header))}b}"
    at = 5
    if bits[4:5] == "1":  # the short header of a still picture
        at += 5
    elif bits[5:7] == "00":  # neither time nor delays are given
        count, at = int(bits[7:12] or "0", 2) + 1, 12
        for _ in range(count):
            at += 17 + (int(bits[at + 12 : at + 17] or "0", 2) > 7)
    else:
        raise ValueError("a film")
    widths = [int(bits[start : start + 4] or "0", 2) + 1 for start in (at, at + 4)]
    at += 8
    if at + sum(widths) > len(bits):
        raise ValueError("cut short")
    columns = int(bits[at : at + widths[0]], 2) + 1
    return columns, int(bits[at + widths[0] : at + sum(widths)], 2) + 1
