"""Image containers: format, completeness and EXIF orientation, checked before decoding.

Data that the pixels do not need (texts, colour profiles, further frames) are the usual way to
attack a decoder; here they are removed or limited.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from ...core.errors import DataError
from ..file_kinds import file_kind

MAX_SCANS = 100
"""Of one JPEG; each scan covers the whole image, and a progressive JPEG has about ten."""
MAX_CHUNKS = 100_000
"""Chunks of one PNG, and segments of one JPEG before its first scan. The largest accepted file in
the usual chunks of 8 KiB has fewer."""


def detect_format(content: bytes) -> str | None:
    """PNG, JPEG, GIF, BMP, WEBP, TIFF, PPM, AVIF or HEIF, by the signature; None for others."""
    kind = file_kind(content)
    return kind.format if kind and kind.modality == "pictures" else None


class Png(NamedTuple):
    """The chunks that decoding needs, the EXIF data, and the transparent grey level or colour (of 8
    bits each, or one grey level of 16 bits)."""

    content: bytes
    exif: bytes
    transparent: int | tuple[int, ...] | None


_NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def strip_png(content: bytes) -> Png:
    """A PNG without texts, profiles and animation; ValueError if a needed chunk is damaged or
    truncated, DataError if there are more than `MAX_CHUNKS`."""
    view, exif, clear = memoryview(content), b"", b""
    kept = [view[:8]]
    for kind, at, after in _chunks(content):
        body = view[at + 8 : after - 4]
        if kind in _NEEDED:
            if zlib.crc32(body, zlib.crc32(kind)).to_bytes(4) != view[after - 4 : after]:
                raise ValueError("wrong checksum")
            kept.append(view[at:after])
            clear = bytes(body) if kind == b"tRNS" else clear
        elif kind == b"eXIf":
            exif = bytes(body)
        elif not kind[0] & 32:  # a critical chunk
            raise ValueError("a chunk that is not known")
    if len(content) < 26:
        raise ValueError("no header")
    return Png(b"".join(kept), exif, _transparent_level(clear, *content[24:26]))


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of each chunk of a PNG; ValueError if one is truncated."""
    at = 8
    for _ in range(MAX_CHUNKS):
        kind, after = content[at + 4 : at + 8], at + 12 + int.from_bytes(content[at : at + 4])
        if after > len(content):
            raise ValueError("cut short")
        yield kind, at, after
        at = after
        if kind == b"IEND" or at == len(content):
            return
    raise _too_many("chunks")


def _too_many(what: str) -> DataError:
    return DataError(
        f"more than {MAX_CHUNKS:,} {what}; open it in another program and save it again"
    )


def _transparent_level(levels: bytes, depth: int, colour: int) -> int | tuple[int, ...] | None:
    """The transparent grey level or colour of a PNG, at the bit depth of the decoded pixels."""
    if not levels or colour not in {0, 2}:
        return None
    if depth not in {1, 2, 4, 8, 16} or len(levels) < (2 if colour == 0 else 6):
        raise ValueError("the transparent level is outside the pixel range")
    found = struct.unpack_from(">H" if colour == 0 else ">3H", levels)
    if colour == 2:
        return tuple(level >> 8 for level in found) if depth == 16 else found
    return int(found[0]) * 255 // ((1 << depth) - 1) if depth < 8 else int(found[0])


_START, _END, _SCAN, _COMMENT, _EXIF = 0xD8, 0xD9, 0xDA, 0xFE, 0xE1
_PASSED_OVER = (_COMMENT, *(0xE0 + number for number in range(1, 16) if number != 14))
"""Application segments and comments, except JFIF's and Adobe's, which describe the colours."""


_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
"""The start of a segment, or the end of a scan: not a stuffed or fill byte, and not a marker
without a segment, which decoders skip, too."""


def strip_jpeg(content: bytes) -> tuple[bytes, bytes]:
    """A JPEG without profiles, thumbnails and comments before its first scan, and its EXIF data;
    ValueError if there is no scan, DataError if there are more than `MAX_CHUNKS` segments.

    Segments are parsed as decoders parse them: stopping at an unknown one would keep everything
    after it.
    """
    view, exif, at = memoryview(content), b"", 2
    kept = [view[:2]]
    for _ in range(MAX_CHUNKS):
        found = _MARKER.search(content, at)
        if found is None or found[0][1] in {_START, _END}:
            raise ValueError("no scan")
        start, kind = found.start(), found[0][1]
        if kind == _SCAN:
            return b"".join([*kept, view[start:]]), exif
        at = start + 2 + max(2, int.from_bytes(content[start + 2 : start + 4]))
        if kind not in _PASSED_OVER:
            kept.append(view[start:at])
        elif kind == _EXIF and not exif and content[start + 4 : start + 10] == b"Exif\0\0":
            exif = content[start + 10 : at]
    raise _too_many("segments")


def count_scans(content: bytes) -> int:
    """The number of scans of a JPEG, up to its end or where it is truncated."""
    at, scans = 2, 0
    while (found := _MARKER.search(content, at)) and found[0][1] != _END:
        scans += found[0][1] == _SCAN
        at = found.end() + max(2, int.from_bytes(content[found.end() : found.end() + 2]))
    return scans


def has_too_many_scans(content: bytes) -> bool:
    """Whether a JPEG has more than `MAX_SCANS` scans."""
    return content.count(b"\xff\xda") > MAX_SCANS and count_scans(content) > MAX_SCANS


_ORIENTATION, _SHORT, _LONG = 274, 3, 4


def orientation(exif: bytes) -> int:
    """The EXIF orientation, 1 (upright) to 8; 1 if it is missing or the EXIF data are broken."""
    tags = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tags[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", tags, 4)
        (count,) = struct.unpack_from(f"{order}H", tags, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", tags, at)
            if tag == _ORIENTATION and kind in {_SHORT, _LONG}:
                (value,) = struct.unpack_from(
                    order + ("H" if kind == _SHORT else "I"), tags, at + 8
                )
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


_EXTENT = re.compile(rb"ispe\0{4}(.{4})(.{4})", re.DOTALL)


def heif_size(content: bytes) -> tuple[int, int]:
    """Columns and rows of the largest image in a HEIC or HEIF, from its header: the primary image
    may be a crop of it, made after decoding."""
    sizes = [(int.from_bytes(one), int.from_bytes(two)) for one, two in _EXTENT.findall(content)]
    return max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))


def webp_sizes(content: bytes) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Columns and rows of an animated WebP and of its first frame; None if it is not animated."""
    frame = content.find(b"ANMF", 30)
    if content[12:16] != b"VP8X" or frame < 0:
        return None
    canvas, first = (
        [int.from_bytes(content[at : at + 3], "little") + 1 for at in (start, start + 3)]
        for start in (24, frame + 14)
    )
    return (canvas[0], canvas[1]), (first[0], first[1])
