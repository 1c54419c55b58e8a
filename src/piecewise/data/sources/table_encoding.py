"""The encoding of a table: UTF-8, UTF-16 with a byte order mark, Western European, or a named one.

Whatever the encoding, a table is handed on as UTF-8, in blocks.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from encodings.aliases import aliases
from typing import IO, Any, NamedTuple

from ...core.errors import DataError, shown

_BLOCK = 1 << 18
_MARKS = (
    (codecs.BOM_UTF8, "utf_8"),
    (codecs.BOM_UTF32_LE, "utf_32"),
    (codecs.BOM_UTF32_BE, "utf_32"),
    (codecs.BOM_UTF16_LE, "utf_16"),
    (codecs.BOM_UTF16_BE, "utf_16"),
)
_WESTERN = "cp1252"
_WESTERN_TABLE = "".join(
    bytes([code]).decode(_WESTERN, "ignore") or chr(code) for code in range(256)
)
"""The characters of the 256 bytes. Five bytes that have none stay control characters."""
_MAX_FOREIGN = 0.25
"""Of ASCII letters and other bytes together, the fraction of other bytes up to which a file that is
not UTF-8 is taken for Western European. In texts of such languages it is below 0.15, in Cyrillic,
Greek or East Asian ones above 0.5."""
_ESCAPED = re.compile("[\udc80-\udcff]")
_LETTERS = re.compile("[A-Za-z]")

ENCODINGS = frozenset((
    *("ascii", "utf_8", "utf_8_sig", "utf_16", "utf_16_le", "utf_16_be", "utf_32"),
    *("latin_1", *(f"iso8859_{part}" for part in range(2, 17) if part != 12)),
    *(f"cp125{last}" for last in range(9)),
    *("cp437", "cp850", "cp852", "cp866", "cp874", "cp932", "cp949", "cp950"),
    *("koi8_r", "koi8_u", "mac_roman", "mac_cyrillic", "tis_620"),
    *("gb2312", "gbk", "gb18030", "big5", "big5hkscs", "shift_jis", "euc_jp", "euc_kr"),
))  # fmt: skip
"""The encodings that can be named, as Python calls them."""


class Utf8Source(NamedTuple):
    """A table as UTF-8, the name of its encoding, and a warning if the encoding is a guess."""

    file: IO[bytes]
    encoding: str
    warning: str = ""


def as_utf8(file: IO[bytes], encoding: str | None = None) -> Utf8Source:
    """A file at its beginning as UTF-8 text; DataError if its encoding is unknown.

    ``encoding`` names it. Without a name, a byte order mark decides, and a file without one is
    UTF-8. If it is not, but holds few bytes outside ASCII, it is read as cp1252.
    """
    if encoding is not None:
        return _transcoded(file, check_encoding(encoding))
    start = file.read(4)
    file.seek(0)
    marked = next((codec for mark, codec in _MARKS if start.startswith(mark)), None)
    if marked is not None:
        return _transcoded(file, marked)
    wrong = _first_wrong_line(file)
    file.seek(0)
    if wrong is None:
        return Utf8Source(file, "UTF-8")
    kind = _guess(file)
    file.seek(0)
    if kind == "UTF-8":
        return Utf8Source(file, kind)  # damaged; its reader names the line
    if not kind:
        raise DataError(
            f"line {wrong:,} is not UTF-8; name its encoding with `encoding`, such as gbk, "
            "shift_jis or cp1251, or save it as UTF-8"
        )
    warning = (
        f"line {wrong:,} is not UTF-8, so it is read as Western European (cp1252); if letters are "
        "wrong, name its encoding with `encoding`"
    )
    return _transcoded(file, _WESTERN)._replace(warning=warning)


def check_encoding(name: str) -> str:
    """The codec of an encoding; DataError, naming some, if there is none."""
    plain = re.sub("[- ]", "_", name.strip().lower()) if isinstance(name, str) else ""
    codec = plain if plain in ENCODINGS else aliases.get(plain, "")
    if codec not in ENCODINGS:
        raise DataError(
            f"encoding: got {shown(name)}, wanted one such as utf-8, utf-16, cp1252, latin-1, "
            "cp1251, gbk, big5, shift_jis or euc-kr"
        )
    return codec


def _first_wrong_line(file: IO[bytes]) -> int | None:
    """The first line that is not UTF-8; None if all are."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    before = 0
    for block in iter(lambda: file.read(_BLOCK), b""):
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            # The error's position counts from bytes kept of the last block.
            kept = len(error.object) - len(block)
            end = max(0, error.start - kept)
            return before + 1 + _line_count(block[:end])
        before += _line_count(block)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return before + 1
    return None


def _line_count(block: bytes) -> int:
    return block.count(b"\n") or block.count(b"\r")


def _guess(file: IO[bytes]) -> str:
    """What a file that is not valid UTF-8 is: "UTF-8" with damage, "cp1252", or "" for neither."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    wrong = letters = others = 0
    for block in iter(lambda: file.read(_BLOCK), b""):
        text = decoder.decode(block)
        if text.isascii():
            letters += len(_LETTERS.findall(text))
            continue
        escaped = len(_ESCAPED.findall(text))
        wrong += escaped
        letters += len(_LETTERS.findall(text))
        others += len(text) - escaped - len(text.encode("ascii", "ignore"))
    if others > wrong:
        return "UTF-8"
    return _WESTERN if wrong <= _MAX_FOREIGN * (wrong + letters) else ""


def _transcoded(file: IO[bytes], codec: str) -> Utf8Source:
    name = codec.replace("_", "-").upper() if codec.startswith("utf") else codec
    if codec in {"utf_8", "utf_8_sig"}:
        return Utf8Source(file, "UTF-8")
    decoder = codecs.getincrementaldecoder(codec)()
    decode = _decode_western if codec == _WESTERN else decoder.decode
    return Utf8Source(io.BufferedReader(_Transcoder(_blocks(file, decode, name)), _BLOCK), name)


def _decode_western(block: bytes, final: bool) -> str:
    return codecs.charmap_decode(block, "strict", _WESTERN_TABLE)[0]


def _blocks(file: IO[bytes], decode: Callable[[bytes, bool], str], name: str) -> Iterator[bytes]:
    """The content as blocks of UTF-8; DataError where it is not of its encoding."""
    offset = 0
    while True:
        block = file.read(_BLOCK)
        try:
            yield decode(block, not block).encode()
        except UnicodeError as error:
            where = offset
            if isinstance(error, UnicodeDecodeError):  # of this block and bytes kept of the last
                where = max(0, offset + error.start - len(error.object) + len(block))
            raise DataError(
                f"after {where:,} bytes it is not {name}; name its encoding with `encoding`, or "
                "save it as UTF-8"
            ) from None
        if not block:
            return
        offset += len(block)


class _Transcoder(io.RawIOBase):
    """Blocks of bytes as a raw file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._pending = blocks, bytearray()

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._pending:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._pending += block
        count = min(len(target), len(self._pending))
        target[:count] = self._pending[:count]
        del self._pending[:count]
        return count
