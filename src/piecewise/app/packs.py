"""Packs: many files in the body of one request, as the page sends what is dropped on it.

A pack is the length of a JSON list as 4 bytes, little-endian; the list, with the path and the size
of every file; and the contents of the files, one after another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from ..core.errors import DataError, shown
from ..data.sources.folder_scan import MAX_DEPTH, InnerPath, Traversable, is_user_file
from ..data.sources.zip_archives import MAX_FILE_BYTES

MAX_FILES = 110_000
_MAX_LIST = 64 << 20


@dataclass(slots=True, eq=False)
class PackedFile(InnerPath):
    """A file or folder in a pack: a `Traversable`."""

    inner_path: str
    pack: Path
    span: tuple[int, int] | None = None
    """Where the content of a file begins and ends; None for a folder."""
    children: dict[str, PackedFile] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return self.inner_path

    def iterdir(self) -> Iterator[PackedFile]:
        return iter(self.children.values())

    def is_dir(self) -> bool:
        return self.span is None

    def is_file(self) -> bool:
        return self.span is not None

    def read_bytes(self) -> bytes:
        """The content of a file; DataError if it is too large."""
        begin, end = self.span or (0, 0)
        if end - begin > MAX_FILE_BYTES:
            raise DataError(f"{self}: {end - begin:,} bytes, wanted at most {MAX_FILE_BYTES:,}")
        with self.pack.open("rb") as file:
            file.seek(begin)
            return file.read(end - begin)


def open_pack(pack: Path) -> PackedFile:
    """The root folder of a pack; DataError if it is damaged."""
    with pack.open("rb") as file:
        length = int.from_bytes(file.read(4), "little")
        content = file.read(length) if length <= _MAX_LIST else b""
    paths, sizes = _checked(content, length)
    ends = [4 + length]
    for size in sizes:
        ends.append(ends[-1] + size)
    if ends[-1] != pack.stat().st_size:
        raise DataError(f"pack: {pack.stat().st_size:,} bytes, wanted {ends[-1]:,}")
    root = PackedFile("", pack)
    for path, span in zip(paths, pairwise(ends), strict=True):
        _add(root, path, span)
    return root


def files_in(folder: Traversable) -> Iterator[Traversable]:
    """The files that a person made in a folder and those in it, in the order of their paths."""
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        if is_user_file(one):
            yield from files_in(one) if one.is_dir() else [one]


def _checked(content: bytes, length: int) -> tuple[list[str], list[int]]:
    """The paths and sizes of a list; DataError."""
    wrong = DataError("pack: wanted a list of paths and sizes")
    try:
        value = json.loads(content) if len(content) == length else None
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(value, list) or len(value) > MAX_FILES:
        raise wrong
    for one in value:
        is_pair = isinstance(one, list) and len(one) == 2
        if not is_pair or not isinstance(one[0], str) or type(one[1]) is not int or one[1] < 0:
            raise wrong
    return [path for path, _ in value], [size for _, size in value]


def _add(root: PackedFile, path: str, span: tuple[int, int]) -> None:
    """Add a file to the tree; DataError if its path is not a plain one, or is there already."""
    segments = path.removeprefix("/").split("/")
    unsafe = any(one in ("", ".", "..") or re.search(r"[\\\0]", one) for one in segments)
    if unsafe or len(segments) > MAX_DEPTH:
        raise DataError(f"pack: got the path {shown(path, 80)}, wanted names and / between them")
    folder = root
    for at, segment in enumerate(segments[:-1], 1):
        inner = PackedFile("/".join(segments[:at]), root.pack)
        folder = folder.children.setdefault(segment, inner)
        if folder.is_file():
            raise DataError(f"pack: {shown(folder.inner_path, 80)} is a file and a folder")
    if segments[-1] in folder.children:
        raise DataError(f"pack: {shown(path, 80)} is in it twice")
    folder.children[segments[-1]] = PackedFile("/".join(segments), root.pack, span)
