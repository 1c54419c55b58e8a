"""Kinds of files by their first bytes, whatever their names say."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import IO, NamedTuple

from .file_bytes import first_bytes


class FileKind(NamedTuple):
    """A kind of file: its name with an article, its format, and the modality that is read from it,
    if one is."""

    name: str
    format: str = ""
    modality: str = ""


def _picture(form: str, name: str = "") -> FileKind:
    return FileKind(f"{'an' if form in ('AVIF', 'HEIF') else 'a'} {name or form} picture", form,
                    "pictures")  # fmt: skip


def _sound(form: str) -> FileKind:
    article = "an" if form in {"AIFF", "Ogg", "MP3"} else "a"
    return FileKind(f"{article} {form} sound", form, "sounds")


TEXT = FileKind("a text", "text", "texts")
_WEB_PAGE = FileKind("a web page", modality="texts")
_VIDEO = FileKind("a video, or a sound in a video container")
_MP3, _BMP, _PPM, _TIFF = _sound("MP3"), _picture("BMP"), _picture("PPM"), _picture("TIFF")
_JPEG_2000, _JPEG_XL = FileKind("a JPEG 2000 picture"), FileKind("a JPEG XL picture")

_SIGNATURES: dict[bytes, FileKind] = {
    b"\x89PNG\r\n\x1a\n": _picture("PNG"),
    b"\xff\xd8\xff": _picture("JPEG"),
    b"GIF87a": _picture("GIF"),
    b"GIF89a": _picture("GIF"),
    b"II*\0": _TIFF,
    b"MM\0*": _TIFF,
    b"II+\0": _TIFF,  # BigTIFF
    b"MM\0+": _TIFF,
    b"\xff\x0a": _JPEG_XL,
    b"\0\0\0\x0cJXL ": _JPEG_XL,
    b"\0\0\0\x0cjP  ": _JPEG_2000,
    b"\xff\x4f\xff\x51": _JPEG_2000,
    b"\0\0\1\0": FileKind("a Windows icon"),
    b"8BPS": FileKind("a Photoshop file"),
    b"fLaC": _sound("FLAC"),
    b"OggS": _sound("Ogg"),
    b"ID3": _MP3,
    **{bytes([0xFF, second]): _MP3 for second in (0xFB, 0xFA, 0xF3, 0xF2, 0xE3, 0xE2)},
    b"MThd": FileKind("a MIDI file"),
    b"#!AMR": FileKind("an AMR sound"),
    b"\x1a\x45\xdf\xa3": _VIDEO,
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": _VIDEO,
    b"%PDF": FileKind("a PDF"),
    b"%!PS": FileKind("a PostScript file"),
    b"{\\rtf": FileKind("an RTF document"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": FileKind("an Office document"),
    b"PK\3\4": FileKind("a .zip archive or an Office document", "ZIP"),
    b"\x1f\x8b": FileKind("a gzip archive"),
    b"7z\xbc\xaf\x27\x1c": FileKind("a 7z archive"),
    b"Rar!\x1a\x07": FileKind("a RAR archive"),
    b"BZh": FileKind("a bzip2 archive"),
    b"\xfd7zXZ\0": FileKind("an xz archive"),
    b"\x93NUMPY": FileKind("a NumPy array"),
    b"\x89HDF\r\n\x1a\n": FileKind("an HDF5 file"),
    b"PAR1": FileKind("a Parquet table"),
    b"SQLite format 3\0": FileKind("an SQLite database"),
}
"""The kinds that are known by how they begin."""
_MARKED = {
    (b"RIFF", b"WEBP"): _picture("WEBP", "WebP"),
    (b"RIFF", b"WAVE"): _sound("WAV"),
    (b"RIFF", b"AVI "): _VIDEO,
    (b"FORM", b"AIFF"): _sound("AIFF"),
    (b"FORM", b"AIFC"): _sound("AIFF"),
}
"""The kinds that are known by bytes 0 to 3 and 8 to 11."""
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
_MARKUP = {
    b"<!doctype": _WEB_PAGE,
    b"<html": _WEB_PAGE,
    b"<svg": FileKind("an SVG drawing", modality="texts"),
    b"<?xml": FileKind("an XML or SVG file", modality="texts"),
}
"""Kinds that are texts as well, in lower case; space and a byte order mark may come first."""
_WANTED = {
    "pictures": ("picture", "save it as a PNG or a JPEG"),
    "sounds": ("sound", "save it as a WAV or a FLAC"),
    "texts": ("text", "save it as a text in UTF-8"),
}
"""By modality: what a file is called, and what to do with a file of another kind."""
_PICKLE, _PYTORCH = FileKind("a Python pickle"), FileKind("a pickle of PyTorch")
PICKLES = (_PICKLE, _PYTORCH)
_PYTORCH_START = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""How files of older versions of PyTorch begin."""
_PPM_START = re.compile(rb"P[1-6]")
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROL = re.compile("[\0-\x08\x0e-\x1a\x1c-\x1f]")
KIND_BYTES = 4_096
"""The first bytes of a file that `file_kind` looks at."""


def file_kind(content: bytes) -> FileKind | None:
    """The kind of a file by its first bytes; None if it is unknown or empty."""
    if pickle := _pickle(content):
        return pickle
    for start, kind in _SIGNATURES.items():
        if content.startswith(start):
            return kind
    if marked := _MARKED.get((content[:4], content[8:12])):
        return marked
    if content[4:8] == b"ftyp":
        return _of_brands(content)
    if _PPM_START.match(content):
        return _PPM
    if content.startswith(b"BM") and b"\0" in content[:18]:  # "BM" alone may begin a text
        return _BMP
    if not _is_text(content):
        return None
    first = content[:64].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    return next((kind for start, kind in _MARKUP.items() if first.startswith(start)), TEXT)


def wrong_kind(file: Path | bytes | IO[bytes], modality: str) -> str | None:
    """Why a file cannot be read as this modality, if it is of another kind; None if its kind is
    that of the modality or unknown."""
    kind = file_kind(first_bytes(file, KIND_BYTES))
    if kind is None or kind.modality == modality or (modality == "texts" and kind is _PPM):
        return None  # a text may begin with P1
    noun, remedy = _WANTED[modality]
    can_be_converted = not kind.modality or kind in _MARKUP.values()
    return f"cannot be read as a {noun}: it is {kind.name}{f'; {remedy}' * can_be_converted}"


def _pickle(content: bytes) -> FileKind | None:
    """The kind of a pickle; None if it is none. PyTorch puts pickles into a .zip archive, and
    aligns its entries by a field FB."""
    if content.startswith(b"PK\3\4"):
        name_end = 30 + int.from_bytes(content[26:28], "little")
        return _PYTORCH if content[name_end : name_end + 2] == b"FB" else None
    if content.startswith(_PYTORCH_START):
        return _PYTORCH
    has_protocol = content[:1] == b"\x80" and 2 <= int.from_bytes(content[1:2]) <= 5
    return _PICKLE if has_protocol and content[2:3] not in (b"", b"\0") else None


def _of_brands(content: bytes) -> FileKind:
    """The kind of a file in the ISO base media format, by its brands."""
    size = min(int.from_bytes(content[:4]), KIND_BYTES)
    major, *others = content[8:12], *(content[at : at + 4] for at in range(16, size - 3, 4))
    if major in {b"avif", b"avis"} or (major == b"mif1" and b"avif" in others):
        return _picture("AVIF")
    return _picture("HEIF") if major in _HEIF else _VIDEO


def _is_text(content: bytes) -> bool:
    """Whether the beginning of a file is a text in UTF-8 or UTF-16."""
    if content.startswith(_MARKS):
        return True
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(
            content[:KIND_BYTES], final=len(content) < KIND_BYTES
        )
    except UnicodeDecodeError:
        return False
    return bool(text.strip()) and not _CONTROL.search(text)
