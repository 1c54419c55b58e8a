"""Audio containers: format, codec and completeness, checked before libsndfile decodes them.

libsndfile reads truncated files without an error, guesses the length of an MP3, and supports dozens
of rarely tested formats. So the container is parsed here first, and anything unknown is refused.
"""

from __future__ import annotations

from ...core.errors import DataError, shown
from .container_errors import check_end, codec_error, one_more, truncated
from .mp3_frames import after_tags, mp3_frames
from .wav_header import checked_wav, chunks

_OTHERS = (b"RIFF", b"FORM", b"OggS", b"fLaC")
_AIFF_CODINGS = (b"NONE", b"sowt", b"twos", b"in24", b"in32", b"fl32", b"FL32", b"fl64", b"FL64")
_AIFF_LAWS = (b"ulaw", b"ULAW", b"alaw", b"ALAW")
_AIFF_NAMES = {b"ima4": "IMA ADPCM", b"GSM ": "GSM", b"agsm": "GSM", b"MAC3": "MACE 3:1",
               b"MAC6": "MACE 6:1", b"QDM2": "QDesign 2", b".mp3": "MP3"}  # fmt: skip
_OGG_CODINGS = (b"\x01vorbis", b"OpusHead")


def check_container(content: bytes) -> bytes:
    """The bytes that libsndfile may decode; DataError if the file is truncated or its codec is not
    supported, ValueError if its format is unknown."""
    start = after_tags(content)
    if content[start : start + 4] in _OTHERS:  # some programs put an MP3's tag before them, too
        content, start = content[start:], 0
    mark, kind = content[:4], content[8:12]
    if mark == b"RIFF" and kind == b"WAVE":
        return checked_wav(content)
    if mark == b"FORM" and kind in (b"AIFF", b"AIFC"):
        _check_aiff(content)
    elif mark == b"OggS":
        _check_ogg(content)
    elif mark == b"fLaC":
        _check_flac(content)
    else:
        return mp3_frames(content, start)
    return content


def _check_aiff(content: bytes) -> None:
    missing = {b"COMM", b"SSND"}
    for name, start, size in chunks(content, ">4sI"):
        check_end(start + size, content)
        if name == b"COMM" and content[8:12] == b"AIFC":
            coding = content[start + 18 : start + 22]
            if coding not in _AIFF_CODINGS + _AIFF_LAWS:
                raise codec_error(_AIFF_NAMES.get(coding, shown(coding)))
        missing.discard(name)
        if not missing:
            return
    raise truncated(content, "its samples")


def _check_flac(content: bytes) -> None:
    """Refuse a FLAC without a sample count, which truncation is detected by; libsndfile fails at
    the end of such a file."""
    count = int.from_bytes(content[21:26]) & (1 << 36) - 1
    if len(content) >= 26 and not count:
        raise DataError("its header has no sample count; save the file again")


def _check_ogg(content: bytes) -> None:
    at, first, pages = 0, b"", 0
    while content.startswith(b"OggS", at):
        pages = one_more(pages)
        count = content[at + 26] if at + 27 <= len(content) else 0
        start = at + 27 + count
        end = start + sum(content[at + 27 : start])
        check_end(max(end, at + 27), content)
        first = first or content[start:end]
        at = end
    if b"OggS".startswith(content[at:]) and at < len(content):
        raise DataError("truncated: the last page is incomplete; copy the complete file")
    if not first.startswith(_OGG_CODINGS):
        raise DataError("neither Vorbis nor Opus in Ogg; save it as WAV or FLAC")
    if content[at : at + 3] not in (b"", b"TAG"):
        raise DataError(f"damaged at byte {at:,}")
