"""MP3 files: their frames, found and counted before libsndfile decodes them."""

from __future__ import annotations

import struct
from typing import NamedTuple

from ...core.errors import DataError
from .container_errors import check_end, one_more

_MAX_TAGS, _MAX_ZEROS = 8, 1 << 20  # ID3 tags and zero bytes before the first frame
_AFTER_TAG = 1 << 16  # unknown bytes after a tag and before the first frame, at most
_CUT_FRAME = 1 << 12  # the same without a tag, as in a recorded stream: the end of a frame
_RUN = 4  # frames after unknown bytes that make a file an MP3
_KILOBITS = {  # bit rates of MPEG layer III by version, indexed by the header field
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_TAILS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI", b"\0")
"""The starts of what may follow the last frame of an MP3: tags, or padding."""


class _Frame(NamedTuple):
    """An MPEG layer III frame: its header of four bytes, and its size."""

    header: bytes
    size: int

    @property
    def info_offset(self) -> int:
        """The offset of the Xing or Info tag in the first frame of a file."""
        mono = self.header[3] >> 6 == 3
        if self.header[1] >> 3 & 3 == 3:
            return 21 if mono else 36
        return 13 if mono else 21


def _frame(content: bytes, at: int) -> _Frame | None:
    """The frame at an offset, if there is one."""
    header = content[at : at + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version, bit_rate, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or bit_rate in (0, 15) or rate == 3:
        return None
    first = version == 3
    kilobits = _KILOBITS[1 if first else 2][bit_rate]
    size = (144_000 if first else 72_000) * kilobits // _MPEG_RATES[version][rate]
    return _Frame(header, size + (header[2] >> 1 & 1))


def mp3_frames(content: bytes, start: int = 0) -> bytes:
    """The frames of an MP3 without tags, with a first frame that states their number: without it,
    libsndfile would guess the length from the first frame.

    ``start`` is the offset after the tags. More unknown bytes may come before the first frame if
    there are any. ValueError if there is no frame.
    """
    begin = at = _first_frame(content, start, _AFTER_TAG if start else _CUT_FRAME)
    first, count = _frame(content, at), 0
    if first is None:
        raise ValueError("no frame")
    while (frame := _frame(content, at)) and _alike(frame, first):
        check_end(at + frame.size, content)
        at, count = at + frame.size, one_more(count)
    if at < len(content) and not content.startswith(_TAILS, at):
        if len(content) - at < 4 and content[at] == 0xFF:
            raise DataError("truncated: the last frame is incomplete; copy the complete file")
        raise DataError(f"damaged at byte {at:,}: no frame of the same kind begins there")
    stated = _stated_count(content, begin, first)
    if stated is None:
        return _info_frame(first, count) + content[begin:at]
    if stated > count:
        raise DataError(f"truncated: {count:,} frames, wanted {stated:,}; copy the complete file")
    if stated < count - 1:  # several concatenated files
        return _info_frame(first, count - 1) + content[begin + first.size : at]
    return content[begin:at]


def after_tags(content: bytes) -> int:
    """The offset after ID3v2 tags and padding; DataError if a tag is truncated."""
    at = 0
    for _ in range(_MAX_TAGS):
        if not content.startswith(b"ID3", at) or len(content) < at + 10:
            break
        size = 0
        for byte in content[at + 6 : at + 10]:
            size = size << 7 | byte & 127
        at += 10 + size + (10 if content[at + 5] & 16 else 0)
        check_end(at, content)
    zeros = content[at : at + _MAX_ZEROS]
    return at + len(zeros) - len(zeros.lstrip(b"\0"))


def _first_frame(content: bytes, start: int, limit: int) -> int:
    """The offset of the first frame, at ``start`` or after at most ``limit`` unknown bytes.

    Bytes that only look like a frame are not followed by others of its kind.
    """
    at = start
    if _is_run(content, at, 2):
        return at
    while (at := content.find(b"\xff", at + 1, start + limit)) >= 0:
        if _is_run(content, at, _RUN):
            return at
    return start


def _is_run(content: bytes, at: int, count: int) -> bool:
    """Whether so many frames of the same kind follow one another there."""
    first = _frame(content, at)
    for _ in range(count):
        frame = _frame(content, at)
        if frame is None or first is None or not _alike(frame, first):
            return False
        at += frame.size
    return True


def _alike(frame: _Frame, first: _Frame) -> bool:
    """Whether frames have the same version, sample rate and number of channels."""
    (_, a, b, c), (_, d, e, f) = frame.header, first.header
    return (a >> 1, b & 12, c >> 6 == 3) == (d >> 1, e & 12, f >> 6 == 3)


def _stated_count(content: bytes, at: int, first: _Frame) -> int | None:
    """The number of frames after the first, from its Xing or Info tag; None without a tag."""
    offset = at + first.info_offset
    flags, count = struct.unpack_from(">II", content[offset + 4 : offset + 12].ljust(8, b"\0"))
    if content[offset : offset + 4] in (b"Xing", b"Info") and flags & 1:
        return int(count)
    return None


def _info_frame(first: _Frame, count: int) -> bytes:
    """A silent frame with an Info tag that states how many frames follow."""
    _, version, rate, channels = first.header
    header = bytes([0xFF, version | 1, 0x90 | rate & 12, channels])
    frame = _frame(header, 0)
    if frame is None:
        raise ValueError("no frame")
    content = header.ljust(first.info_offset, b"\0") + b"Info" + struct.pack(">II", 1, count)
    return content.ljust(frame.size, b"\0")
