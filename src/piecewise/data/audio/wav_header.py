"""WAV files: their codec and length, checked and completed before libsndfile decodes them.

A program that writes a WAV to a pipe cannot go back and write its length into the header, so it
writes 0 or a very large number there. The sound then extends to the end of the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from ...core.errors import DataError
from .container_errors import check_end, codec_error, truncated
from .mp3_frames import mp3_frames

_PCM, _MS_ADPCM, _FLOAT, _A_LAW, _MU_LAW, _IMA_ADPCM, _GSM, _MP3 = 1, 2, 3, 6, 7, 17, 49, 85
_PLAIN = (_PCM, _FLOAT, _A_LAW, _MU_LAW)
_BLOCK_HEADERS = {_MS_ADPCM: (7, 2), _IMA_ADPCM: (4, 1)}
"""The bytes of a channel at the beginning of each block, and the samples that they hold."""
_EXTENDED = 0xFFFE  # the codec is in the extension of the chunk
_NAMES = {
    0x10: "OKI ADPCM",
    0x14: "G.723 ADPCM",
    0x16: "Dialogic ADPCM",
    0x20: "Yamaha ADPCM",
    0x22: "TrueSpeech",
    0x38: "NMS ADPCM",
    0x39: "NMS ADPCM",
    0x40: "G.721 ADPCM",
    0x42: "G.723.1",
    0x45: "G.726 ADPCM",
    0x50: "MPEG layer I or II",
    0x61: "G.723 ADPCM",
    0x64: "G.726 ADPCM",
    0x65: "G.722 ADPCM",
    0x92: "AC-3",
    0xFF: "AAC",
    0x160: "Windows Media Audio",
    0x161: "Windows Media Audio",
    0x162: "Windows Media Audio",
    0x163: "Windows Media Audio",
    0x2000: "AC-3",
    0x2001: "DTS",
    0x566F: "Vorbis",
    0x674F: "Vorbis",
    0x6750: "Vorbis",
    0x6751: "Vorbis",
    0xF1AC: "FLAC",
}
"""The codecs that are not supported, by their number."""

_MAX_CHUNKS = 1_000  # before the samples of a WAV or AIFF file, which seldom has more than ten
_MAX_BLOCK = 1 << 13  # bytes in a block of compressed samples
_STREAMED = ((0x7FFF0000, 0x80001000), (0xFFFF0000, 0xFFFFFFFF))
"""The lengths that stand for an unknown one: those just below and above 2**31, and just below
2**32. No file of such a length is ever read, as it would be too large."""


class _WavFormat(NamedTuple):
    """What a `fmt ` chunk says about the samples."""

    coding: int
    channels: int
    block: int
    bits: int
    per_block: int
    """The samples in a block; 0 if the chunk does not say."""


def checked_wav(content: bytes) -> bytes:
    """A WAV file that libsndfile may decode, or the MP3 inside one; DataError if it is truncated
    or its codec is not supported."""
    form = None
    for name, start, size in chunks(content, "<4sI"):
        if name == b"data" and form:
            return _with_samples(content, form, start, size)
        check_end(start + size, content)
        if name == b"fmt " and size >= 16:
            form = _format(content, start, size)
            _check_coding(form)
    raise truncated(content, "its samples")


def chunks(content: bytes, form: str) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and size of each chunk of a WAV or AIFF file; the last may be truncated."""
    at = 12
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(content):
            return
        name, size = struct.unpack_from(form, content, at)
        yield name, at + 8, size
        at += 8 + size + size % 2


def _format(content: bytes, start: int, size: int) -> _WavFormat:
    coding, channels, _, _, block, bits = struct.unpack_from("<HHIIHH", content, start)
    per_block = struct.unpack_from("<H", content, start + 18)[0] if size >= 20 else 0
    if coding == _EXTENDED and size >= 40:
        (coding,) = struct.unpack_from("<H", content, start + 24)
        per_block = 0
    return _WavFormat(coding, channels, block, bits, per_block)


def _check_coding(form: _WavFormat) -> None:
    """Refuse other codecs, and blocks that libsndfile would have to correct."""
    coding, channels, block, bits, per_block = form
    if coding in (*_PLAIN, _MP3):
        return
    if coding not in _BLOCK_HEADERS and coding != _GSM:
        raise codec_error(_NAMES.get(coding) or f"number {coding}")
    if coding == _GSM:
        is_valid = (channels, block, per_block) == (1, 65, 320)
    else:
        size, samples = _BLOCK_HEADERS[coding]
        room = block - size * channels
        is_valid = 1 <= channels <= 2 and 0 < room <= _MAX_BLOCK and bits == 4
        is_valid = is_valid and per_block == samples + 2 * room // channels
    if not is_valid:
        raise DataError("its header contradicts itself; save it as plain WAV")


def _with_samples(content: bytes, form: _WavFormat, start: int, size: int) -> bytes:
    """The file whose `data` chunk starts there, with a right length if it is streamed; or the MP3
    in that chunk."""
    left = len(content) - start
    is_streamed = any(low <= size <= high for low, high in _STREAMED)
    if size == 0:  # the length of the whole file tells whether the header was completed
        is_streamed = struct.unpack_from("<I", content, 4)[0] + 8 != len(content)
    if is_streamed:
        size = left
    check_end(start + size, content)
    if form.coding == _MP3:
        return mp3_frames(content[: start + size], start)
    in_blocks = form.coding not in _PLAIN
    if not is_streamed and not in_blocks:
        return content
    size -= size % max(1, form.block)  # an incomplete block is no sound
    return b"".join((
        content[:4], struct.pack("<I", start + size - 8), content[8 : start - 4],
        struct.pack("<I", size), content[start : start + size],
    ))  # fmt: skip
