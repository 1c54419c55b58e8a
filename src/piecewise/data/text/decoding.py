"""Text decoding: UTF-8 and UTF-16 files to NFC-normalized strings."""

from __future__ import annotations

import codecs
import re
import unicodedata
from pathlib import Path
from typing import IO

from ...core.errors import DataError
from ..file_bytes import display_name, read_content
from ..file_kinds import wrong_kind

SUFFIXES = (".txt",)
MAX_CHARACTERS = 1_000_000
"""Characters of one text; a file is not read beyond their bytes."""

_MAX_BYTES = 4 * MAX_CHARACTERS + 4  # of UTF-8 or UTF-16, and a byte order mark
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_REMEDY, _SHORTER = "save it as UTF-8", "cut it into several texts"

NEW_CODE_POINTS = (
    "\u0cf3\u0ece\u2ffc-\u2fff\u31ef\U00010efd-\U00010eff\U0001123f-\U00011241"
    "\U00011b00-\U00011b09\U00011f00-\U00011f59\U0001342f\U00013439-\U00013455\U0001b132\U0001b155"
    "\U0001d2c0-\U0001d2d3\U0001df25-\U0001df2a\U0001e030-\U0001e06d\U0001e08f"
    "\U0001e4d0-\U0001e4f9\U0002b739\U0002ebf0-\U0002ee5d\U00031350-\U000323af"
)
"""Letters, marks, digits and invisible characters that are new in Unicode 15.0 or later, as a range
of `re`. The oldest supported Python does not know them, so every Python treats them as symbols."""

_LATER = re.compile(f"([{NEW_CODE_POINTS}])")
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_text(file: Path | bytes | IO[bytes], name: str | None = None) -> str:
    """Read a text file in UTF-8, or in UTF-16 with a byte order mark, normalized to NFC.

    Raises DataError, which names the file, if it cannot be read or holds no text.

    ``name``: what bytes, or a file that is open already, are called.
    """
    path = display_name(file, name, "text")
    try:
        text = _decoded(read_content(file, "file", _MAX_BYTES, _SHORTER))
        if len(text) > MAX_CHARACTERS:
            raise DataError(
                f"{len(text):,} characters, wanted at most {MAX_CHARACTERS:,}; {_SHORTER}"
            )
        if "\0" in text:
            raise DataError(
                f"holds a zero byte after {text.index(chr(0)):,} characters, which no text "
                "contains; is it a file of another kind?"
            )
        if not text.strip():
            raise DataError("no text in it")
    except DataError as error:
        raise DataError(f"{path}: {wrong_kind(file, 'texts') or error}") from None
    return normalize_nfc(text)


def normalize_nfc(text: str) -> str:
    """The text in Unicode's form C, in which letters and accents are composed."""
    if text.isascii():
        return text
    if _LATER.search(text):  # a newer Python could reorder the marks around them
        return "".join(unicodedata.normalize("NFC", piece) for piece in _LATER.split(text))
    return unicodedata.normalize("NFC", text)


def has_lone_surrogate(text: str) -> bool:
    """Whether it has a lone surrogate, half of a character, which UTF-8 cannot encode."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def utf8_error(content: bytes, offset: int) -> DataError:
    """The error for an invalid UTF-8 byte, ``offset`` bytes from the start."""
    return DataError(
        f"after {offset:,} bytes comes 0x{content[offset]:02x}, which is not UTF-8; {_REMEDY}"
    )


def _decoded(content: bytes) -> str:
    if content.startswith(_UTF_16):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError as error:
            raise DataError(
                f"starts with a UTF-16 byte order mark, but is not valid UTF-16 at byte "
                f"{error.start:,}; "
                f"{_REMEDY}"
            ) from None
    try:
        return content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise utf8_error(content, error.start) from None
