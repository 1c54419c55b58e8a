"""Zip archives (`.zip`) of class folders, read in place: nothing is ever unpacked to disk.

An archive is refused as a whole for a damaged directory, unsafe names, links, overlapping entries
or too much data. A single damaged file is skipped and named.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ...core.errors import DataError, shown
from ..file_bytes import open_regular_file, regular_file_opener
from ..modalities import MODALITY_OF_SUFFIX
from .archive_limits import check_total_ratio
from .folder_scan import MAX_DEPTH, InnerPath, is_user_file
from .folders import FolderListing, list_files

MAX_ENTRIES = 1_100_000
"""A million files and their folders; counted before the directory of an archive is parsed."""
MAX_DIRECTORY_BYTES = 128 << 20
"""Bytes of its directory; checked before it is read."""
MAX_FILE_BYTES = 64 << 20
"""Bytes of one file, compressed or uncompressed."""
MAX_TOTAL_BYTES = 32 << 30
"""Uncompressed bytes of all its files together, as its directory says."""
MAX_COMPRESSION_RATIO = 500
"""The highest compression ratio of a file larger than `_SMALL`: a defence against zip bombs."""
_SMALL = 1 << 20

_KNOWN_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # of nearly all archives
_OTHER_METHODS = {9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstandard"}
_ENCRYPTED = 0x2041  # flag bits of the three encryption methods
_DIRECTORY_SIGNATURE, _FILE_SIGNATURE = b"PK\1\2", b"PK\3\4"
_HEADER = struct.Struct("<4s22xHH")  # local file header: signature, lengths of name and extra field


@dataclass(slots=True, eq=False)
class ArchiveEntry(InnerPath):
    """A file or folder in an archive: a `Traversable`."""

    archive: Path
    inner_path: str
    info: zipfile.ZipInfo | None = None
    """None for a folder."""
    children: list[ArchiveEntry] = field(default_factory=list, repr=False)

    def __str__(self) -> str:
        return f"{self.archive}: {self.inner_path}" if self.inner_path else str(self.archive)

    def iterdir(self) -> Iterator[ArchiveEntry]:
        return iter(self.children)

    def is_dir(self) -> bool:
        return self.info is None

    def is_file(self) -> bool:
        return self.info is not None

    def read_bytes(self) -> bytes:
        """The content of the file, its checksum verified; DataError if it cannot be read."""
        if self.info is None:
            raise DataError(f"{self}: a folder, wanted a file")
        try:
            _check_file(self.info)
            return _content(self.archive, self.info)
        except DataError as error:
            raise DataError(f"{self}: {error}") from None
        except OSError as error:
            raise DataError(f"{self}: {error.strerror}") from None
        except (ValueError, struct.error, zlib.error):
            raise DataError(f"{self}: damaged in the archive") from None


def list_zip(root: ArchiveEntry) -> FolderListing:
    """List the files of an archive of class folders, as `list_files` does; DataError if there are
    none."""
    nested = [f"{one}: an archive in the archive; it is not read" for one in _archives(root)]
    listing = list_files(root)
    return listing._replace(skipped=nested + listing.skipped)


def open_zip(path: Path) -> ArchiveEntry:
    """The root folder of an archive; DataError, naming the file, if it is damaged or unsafe."""
    try:
        infos, end = _directory(path)
        _check_entries(infos, end)
        return _tree(path, infos)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _directory(path: Path) -> tuple[list[zipfile.ZipInfo], int]:
    """The entries of an archive, and the offset where its files end."""
    try:
        with warnings.catch_warnings(), limited_file(path) as file:
            warnings.simplefilter("ignore")
            with zipfile.ZipFile(file, metadata_encoding="utf-8") as archive:
                return archive.infolist(), archive.start_dir
    except (DataError, MemoryError):
        raise
    except PermissionError:
        raise DataError("not allowed to read it") from None
    except UnicodeDecodeError:
        raise DataError("a name in it is not UTF-8; pack it again with another program") from None
    except Exception:  # broken archives make the standard library raise many kinds
        raise DataError("not a whole .zip file; was it cut short?") from None


class _LimitedFile(io.FileIO):
    """A file that refuses to read a directory beyond the limits."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise DataError(
                f"its directory is {size:,} bytes, wanted at most {MAX_DIRECTORY_BYTES:,}"
            )
        content = super().read(size) or b""
        if (count := content.count(_DIRECTORY_SIGNATURE)) > MAX_ENTRIES:
            raise DataError(f"{count:,} files and folders in it, wanted at most {MAX_ENTRIES:,}")
        return content


def limited_file(path: Path, kind: str = ".zip file") -> io.FileIO:
    """An archive, opened to read its directory within the limits; DataError beyond them."""
    return _LimitedFile(path, opener=partial(regular_file_opener, kind=kind))


def _check_entries(infos: list[zipfile.ZipInfo], end: int) -> None:
    """Refuse links, overlapping entries, and more bytes than `MAX_TOTAL_BYTES` or than the total
    compression ratio allows."""
    for info in infos:
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            word = "a link" if kind == stat.S_IFLNK else "no plain file"
            raise DataError(f"{_quoted(info)} is {word}, wanted files and folders only")
    _check_total(infos)
    for info in sorted(infos, key=lambda info: info.header_offset, reverse=True):
        name = len(info.orig_filename.encode())
        if info.header_offset + _HEADER.size + name + info.compress_size > end:
            raise DataError(f"{_quoted(info)} overlaps the next entry; the archive is damaged")
        end = info.header_offset


def _check_total(infos: list[zipfile.ZipInfo]) -> None:
    """Check the bytes of all files that may be read; others are skipped one by one."""
    files = [
        info for info in infos if info.orig_filename.lower().endswith(tuple(MODALITY_OF_SUFFIX))
    ]
    total = sum(info.file_size for info in files)
    if total > MAX_TOTAL_BYTES:
        raise DataError(
            f"its files are {total:,} bytes unpacked, wanted at most {MAX_TOTAL_BYTES:,}"
        )
    readable = [info for info in files if not _why_too_large(info)]
    check_total_ratio(
        sum(info.file_size for info in readable), sum(info.compress_size for info in readable)
    )


def _tree(path: Path, infos: list[zipfile.ZipInfo]) -> ArchiveEntry:
    """The tree of files and folders, down to `MAX_DEPTH`."""
    root = ArchiveEntry(path, "")
    folders, listed, files = {"": root}, set[str](), set[str]()

    def folder(segments: list[str]) -> ArchiveEntry:
        inner = "/".join(segments)
        if inner not in folders:
            folders[inner] = ArchiveEntry(path, inner)
            folder(segments[:-1]).children.append(folders[inner])
        return folders[inner]

    for info in infos:
        segments = _segments(info)
        inner = "/".join(segments)
        if inner in listed:
            raise DataError(f"{_quoted(info)} is in it twice")
        listed.add(inner)
        if info.orig_filename.endswith("/"):
            folder(segments[:MAX_DEPTH])
            continue
        files.add(inner)
        parent = folder(segments[:-1][:MAX_DEPTH])
        if len(segments) <= MAX_DEPTH:
            parent.children.append(ArchiveEntry(path, inner, info))
    both = next((inner for inner in folders if inner in files), None)
    if both is not None:
        raise DataError(f"{shown(both, 80)} is in it twice, as a file and as a folder")
    return root


def _segments(info: zipfile.ZipInfo) -> list[str]:
    """The segments of an entry's path; DataError if it could lead out of the archive."""
    name = info.orig_filename
    segments = [one for one in name.split("/") if one not in {"", "."}]
    unsafe = name.startswith("/") or re.match("[A-Za-z]:", name) or "\\" in name or "\0" in name
    if unsafe or ".." in segments or not segments:
        raise DataError(
            f"the name {_quoted(info)} in it, wanted one that stays inside: no .., no drive, no /"
            r" before it, no \ and no zero in it"
        )
    return segments


def _quoted(info: zipfile.ZipInfo) -> str:
    return shown(info.orig_filename, 80)


def _archives(folder: ArchiveEntry) -> Iterator[ArchiveEntry]:
    """The archives nested in an archive."""
    for entry in sorted(folder.children, key=lambda entry: entry.name):
        if is_user_file(entry) and entry.is_dir():
            yield from _archives(entry)
        elif is_user_file(entry) and entry.suffix.lower() == ".zip":
            yield entry


def _check_file(info: zipfile.ZipInfo) -> None:
    """Refuse a file that cannot be decompressed safely, by its directory entry."""
    if info.flag_bits & _ENCRYPTED:
        raise DataError("encrypted, wanted an archive without a password")
    if info.compress_type not in _KNOWN_METHODS:
        kind = _OTHER_METHODS.get(info.compress_type, f"method {info.compress_type}")
        raise DataError(f"compressed with {kind}; only deflate and stored entries are supported")
    if why := _why_too_large(info):
        raise DataError(why)


def _why_too_large(info: zipfile.ZipInfo) -> str:
    """Why a file is not unpacked; empty if it may be."""
    size, packed = info.file_size, info.compress_size
    if max(size, packed) > MAX_FILE_BYTES:
        return f"{max(size, packed):,} bytes, wanted at most {MAX_FILE_BYTES:,}"
    if size > max(_SMALL, MAX_COMPRESSION_RATIO * packed):
        return (
            f"{size:,} bytes packed into {packed:,}, wanted at most {MAX_COMPRESSION_RATIO} "
            "times as many"
        )
    return ""


def _content(archive: Path, info: zipfile.ZipInfo) -> bytes:
    """The bytes of a file in an archive; never decompresses more than its stated size."""
    with open_regular_file(archive) as file:
        file.seek(info.header_offset)
        signature, name, extras = _HEADER.unpack(file.read(_HEADER.size))
        if signature != _FILE_SIGNATURE or file.read(name) != info.orig_filename.encode():
            raise DataError("damaged in the archive")
        file.seek(extras, io.SEEK_CUR)
        content = file.read(info.compress_size)
    if info.compress_type == zipfile.ZIP_DEFLATED:
        content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, info.file_size + 1)
    if len(content) != info.file_size or zlib.crc32(content) != info.CRC:
        raise DataError("damaged in the archive: its checksum or size does not match")
    return content
