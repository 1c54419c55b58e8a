"""Audio containers: format, codec and completeness, checked before libsndfile decodes them.

libsndfile reads truncated files without an error, guesses the length of an MP3, and supports dozens
of rarely tested formats. So the container is parsed here first, and anything unknown is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from ...core.errors import DataError, shown

# Integers, floats, A-law and mu-law. Other codecs are rare, and older versions of libsndfile have
# security bugs in them.
_WAV_CODINGS = (1, 3, 6, 7)
_WAV_EXTENDED = 0xFFFE  # the codec is in the extension of the chunk
_AIFF_CODINGS = (b"NONE", b"sowt", b"twos", b"in24", b"in32", b"fl32", b"FL32", b"fl64", b"FL64")
_AIFF_LAWS = (b"ulaw", b"ULAW", b"alaw", b"ALAW")
_OGG_CODINGS = (b"\x01vorbis", b"OpusHead")
_UNKNOWN = 0xFFFFFFFF  # the length that streaming encoders write

_MAX_CHUNKS = 1_000  # before the samples of a WAV or AIFF file, which seldom has more than ten
_MAX_PIECES = 300_000  # Ogg pages or MP3 frames: ten minutes of the shortest
_MAX_TAGS, _MAX_ZEROS = 8, 1 << 20  # ID3 tags and zero bytes before the first frame of an MP3

_KILOBITS = {  # bit rates of MPEG layer III by version, indexed by the header field
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_TAILS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI", b"\0")
"""The starts of what may follow the last frame of an MP3: tags, or padding."""


def check_container(content: bytes) -> bytes:
    """The bytes that libsndfile may decode; DataError if the file is truncated or its codec is not
    supported, ValueError if its format is unknown."""
    mark, kind = content[:4], content[8:12]
    if mark == b"RIFF" and kind == b"WAVE":
        _check_wav(content)
    elif mark == b"FORM" and kind in (b"AIFF", b"AIFC"):
        _check_aiff(content)
    elif mark == b"OggS":
        _check_ogg(content)
    elif mark == b"fLaC":
        _check_flac(content)
    else:
        return _mp3_frames(content)
    return content


def _check_wav(content: bytes) -> None:
    coding = 0
    for name, start, size in _chunks(content, "<4sI"):
        if name == b"fmt " and size >= 16:
            (coding,) = struct.unpack_from("<H", content, start)
            if coding == _WAV_EXTENDED and size >= 40:
                (coding,) = struct.unpack_from("<H", content, start + 24)
            _check_coding(coding, _WAV_CODINGS)
        if name == b"data" and coding:
            if size != _UNKNOWN:
                _check_end(start + size, content)
            return
        _check_end(start + size, content)
    raise _cut(content, "its samples")


def _check_aiff(content: bytes) -> None:
    missing = {b"COMM", b"SSND"}
    for name, start, size in _chunks(content, ">4sI"):
        _check_end(start + size, content)
        if name == b"COMM" and content[8:12] == b"AIFC":
            _check_coding(content[start + 18 : start + 22], _AIFF_CODINGS + _AIFF_LAWS)
        missing.discard(name)
        if not missing:
            return
    raise _cut(content, "its samples")


def _chunks(content: bytes, form: str) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and size of each chunk of a WAV or AIFF file; the last may be truncated."""
    at = 12
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(content):
            return
        name, size = struct.unpack_from(form, content, at)
        yield name, at + 8, size
        at += 8 + size + size % 2


def _check_flac(content: bytes) -> None:
    """Refuse a FLAC without a sample count, which truncation is detected by; libsndfile fails at
    the end of such a file."""
    count = int.from_bytes(content[21:26]) & (1 << 36) - 1
    if len(content) >= 26 and not count:
        raise DataError("its header has no sample count; save the file again")


def _check_ogg(content: bytes) -> None:
    at, first, pages = 0, b"", 0
    while content.startswith(b"OggS", at):
        pages = _one_more(pages)
        count = content[at + 26] if at + 27 <= len(content) else 0
        start = at + 27 + count
        end = start + sum(content[at + 27 : start])
        _check_end(max(end, at + 27), content)
        first = first or content[start:end]
        at = end
    if b"OggS".startswith(content[at:]) and at < len(content):
        raise DataError("truncated: the last page is incomplete; copy the complete file")
    if not first.startswith(_OGG_CODINGS):
        raise DataError("neither Vorbis nor Opus in Ogg; save it as WAV or FLAC")
    if content[at : at + 3] not in (b"", b"TAG"):
        raise DataError(f"damaged at byte {at:,}")


def _check_coding(coding: object, known: tuple[object, ...]) -> None:
    if coding not in known:
        raise DataError(f"the codec {shown(coding)} is not supported; save it as plain WAV")


def _one_more(count: int) -> int:
    if count == _MAX_PIECES:
        raise DataError(f"more than {_MAX_PIECES:,} pieces; cut it into shorter files first")
    return count + 1


def _check_end(end: int, content: bytes) -> None:
    if end > len(content):
        raise _cut(content, f"{end:,} bytes")


def _cut(content: bytes, wanted: str) -> DataError:
    return DataError(f"truncated: {len(content):,} bytes, wanted {wanted}; copy the complete file")


# MP3.


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


def _mp3_frames(content: bytes) -> bytes:
    """The frames of an MP3 without tags, with a first frame that states their number: without it,
    libsndfile would guess the length from the first frame."""
    begin = at = _after_tags(content)
    first, count = _frame(content, at), 0
    if first is None:
        raise ValueError("no frame")
    while (frame := _frame(content, at)) and _alike(frame, first):
        _check_end(at + frame.size, content)
        at, count = at + frame.size, _one_more(count)
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


def _after_tags(content: bytes) -> int:
    """The offset of the first MP3 frame, after ID3v2 tags and padding."""
    at = 0
    for _ in range(_MAX_TAGS):
        if not content.startswith(b"ID3", at) or len(content) < at + 10:
            break
        size = 0
        for byte in content[at + 6 : at + 10]:
            size = size << 7 | byte & 127
        at += 10 + size + (10 if content[at + 5] & 16 else 0)
    padding = content[at : at + _MAX_ZEROS]
    return at + len(padding) - len(padding.lstrip(b"\0"))


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
