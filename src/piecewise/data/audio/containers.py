"""What sound files say of themselves, read here before libsndfile sees them.

It would read what is left of a file that was cut short, guess how long an MP3 is, and try dozens
of kinds that nobody has tested for years. So the kinds there are, how their sound is coded and
that all of it is there is looked up first; what is not understood goes no further.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from ...core.errors import DataError, shown

# Whole numbers, floating point, and the two laws of telephones. The others are rare, and older
# libsndfiles could be harmed through them.
_WAV_CODINGS = (1, 3, 6, 7)
_WAV_EXTENDED = 0xFFFE  # the coding stands further on
_AIFF_CODINGS = (b"NONE", b"sowt", b"twos", b"in24", b"in32", b"fl32", b"FL32", b"fl64", b"FL64")
_AIFF_LAWS = (b"ulaw", b"ULAW", b"alaw", b"ALAW")
_OGG_CODINGS = (b"\x01vorbis", b"OpusHead")
_UNKNOWN = 0xFFFFFFFF  # a length, from what wrote a WAV without knowing how long it would become

_MOST_CHUNKS = 1_000  # of a WAV or AIFF file before its samples; there are seldom more than ten
_MOST_PIECES = 300_000  # pages of Ogg or frames of MP3: the shortest there are, for ten minutes
_MOST_TITLES, _MOST_ZEROS = 8, 1 << 20  # before the first frame of an MP3

_KILOBITS = {  # by version of MPEG: of a frame of layer III, by the number in its header
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_TAILS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI", b"\0")
"""How what may follow the last frame of an MP3 begins: titles, in all their ways, and nothing."""


def check_container(content: bytes) -> bytes:
    """What libsndfile is to read of a sound file; DataError if it was cut short or is coded in a
    way not read here, ValueError if it is of no kind known here."""
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
        return _frames_alone(content)
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
    """Name, start and size of each chunk of a WAV or AIFF file; the last may promise more than
    there is."""
    at = 12
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(content):
            return
        name, size = struct.unpack_from(form, content, at)
        yield name, at + 8, size
        at += 8 + size + size % 2


def _check_flac(content: bytes) -> None:
    """FLAC says how many samples there are, which is compared with what comes out; where it does
    not, libsndfile loses its way at the end."""
    count = int.from_bytes(content[21:26]) & (1 << 36) - 1
    if len(content) >= 26 and not count:
        raise DataError("does not say how many samples it has, if any; save it once more")


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
        raise _cut(content, "a whole page at its end")
    if not first.startswith(_OGG_CODINGS):
        raise DataError("neither Vorbis nor Opus in Ogg; save it as WAV or FLAC")
    if content[at : at + 3] not in (b"", b"TAG"):
        raise DataError(f"damaged at byte {at:,}")


def _check_coding(coding: object, known: tuple[object, ...]) -> None:
    if coding not in known:
        raise DataError(f"coded as {shown(coding)}, which is not read here; save it as plain WAV")


def _one_more(count: int) -> int:
    if count == _MOST_PIECES:
        raise DataError(f"more than {_MOST_PIECES:,} pieces; cut it into shorter files first")
    return count + 1


def _check_end(end: int, content: bytes) -> None:
    if end > len(content):
        raise _cut(content, f"{end:,} bytes")


def _cut(content: bytes, wanted: str) -> DataError:
    return DataError(f"cut short: {len(content):,} bytes, wanted {wanted}; get the whole file")


# MP3.


class _Frame(NamedTuple):
    """A frame of MPEG's layer III, by its header of four bytes."""

    header: bytes
    size: int

    @property
    def side(self) -> int:
        """Where what belongs to a whole file stands in its first frame."""
        few = self.header[3] >> 6 == 3  # one channel
        if self.header[1] >> 3 & 3 == 3:
            return 21 if few else 36
        return 13 if few else 21


def _frame(content: bytes, at: int) -> _Frame | None:
    """The frame that begins at a byte, if one does."""
    header = content[at : at + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version, place, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or place in (0, 15) or rate == 3:
        return None
    first = version == 3
    kilobits = _KILOBITS[1 if first else 2][place]
    size = (144_000 if first else 72_000) * kilobits // _MPEG_RATES[version][rate]
    return _Frame(header, size + (header[2] >> 1 & 1))


def _frames_alone(content: bytes) -> bytes:
    """The frames of an MP3 without the titles around them, the first one saying how many there are:
    without it, the length would be guessed from the first frame's size."""
    begin = at = _after_title(content)
    first, count = _frame(content, at), 0
    if first is None:
        raise ValueError("no frame")
    while (frame := _frame(content, at)) and _alike(frame, first):
        _check_end(at + frame.size, content)
        at, count = at + frame.size, _one_more(count)
    if at < len(content) and not content.startswith(_TAILS, at):
        if len(content) - at < 4 and content[at] == 0xFF:
            raise _cut(content, "a whole frame at its end")
        raise DataError(f"damaged at byte {at:,}: no frame of the same kind begins there")
    told = _told_count(content, begin, first)
    if told is None:
        return _counted(first, count) + content[begin:at]
    if told > count:
        raise DataError(f"cut short: {count:,} frames, wanted {told:,}; get the whole file")
    if told < count - 1:  # several files, one behind the other
        return _counted(first, count - 1) + content[begin + first.size : at]
    return content[begin:at]


def _after_title(content: bytes) -> int:
    """Where an MP3 begins, behind its title (ID3, version 2) and what fills it up."""
    at = 0
    for _ in range(_MOST_TITLES):
        if not content.startswith(b"ID3", at) or len(content) < at + 10:
            break
        size = 0
        for byte in content[at + 6 : at + 10]:
            size = size << 7 | byte & 127
        at += 10 + size + (10 if content[at + 5] & 16 else 0)
    filling = content[at : at + _MOST_ZEROS]
    return at + len(filling) - len(filling.lstrip(b"\0"))


def _alike(frame: _Frame, first: _Frame) -> bool:
    """Whether frames are of one sound: same version and rate, as many channels."""
    (_, a, b, c), (_, d, e, f) = frame.header, first.header
    return (a >> 1, b & 12, c >> 6 == 3) == (d >> 1, e & 12, f >> 6 == 3)


def _told_count(content: bytes, at: int, first: _Frame) -> int | None:
    """How many frames come after the first, as the first says; None if it does not."""
    place = at + first.side
    flags, count = struct.unpack_from(">II", content[place + 4 : place + 12].ljust(8, b"\0"))
    if content[place : place + 4] in (b"Xing", b"Info") and flags & 1:
        return int(count)
    return None


def _counted(first: _Frame, count: int) -> bytes:
    """A frame without sound that says how many come after it."""
    _, version, rate, channels = first.header
    header = bytes([0xFF, version | 1, 0x90 | rate & 12, channels])
    frame = _frame(header, 0)
    if frame is None:
        raise ValueError("no frame")
    made = header.ljust(first.side, b"\0") + b"Info" + struct.pack(">II", 1, count)
    return made.ljust(frame.size, b"\0")
