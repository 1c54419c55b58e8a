"""Folders of pictures: one folder per class, optionally under train, validation and test.

The rules are the same wherever the folders lie: on disk, or in an archive (`zips.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from ..errors import DataError
from .pictures import SUFFIXES, read_picture
from .preparation import Pictures

PARTS = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
"""Folder names that are parts of a data set, and the part each is."""

_NOT_OURS = (".", "__MACOSX", "Thumbs.db", "desktop.ini")  # what systems leave in folders

KEPT = 1 << 30
"""Bytes of unpacked pictures that are kept in memory."""

Progress = Callable[[int, int], None]
"""Called with how many are done and how many there are."""


class Place(Protocol):
    """A file or folder, as far as it is asked anything here: a path on disk, or one in an archive.
    As text it is what a person calls it."""

    @property
    def name(self) -> str: ...
    @property
    def suffix(self) -> str: ...
    def iterdir(self) -> Iterator[Place]: ...
    def is_dir(self) -> bool: ...
    def is_file(self) -> bool: ...
    def read_bytes(self) -> bytes: ...


class Listed(NamedTuple):
    """A picture file and where it belongs."""

    path: Place
    label: str
    part: str


class Unpacked:
    """The pictures of files: the first of them kept in memory, as many as `KEPT` holds; the others
    are read again whenever they are asked for, so a folder of photos need not fit in memory."""

    def __init__(self) -> None:
        self._pictures: list[Place | Pictures] = []
        self._room = KEPT

    def add(self, path: Place) -> None:
        """Read one picture more; DataError, and nothing is added, if it cannot be read."""
        picture = _read(path)
        self._room -= picture.nbytes
        self._pictures.append(picture if self._room >= 0 else path)

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Pictures:
        found = self._pictures[index]
        return found if isinstance(found, np.ndarray) else _read(found)

    def __iter__(self) -> Iterator[Pictures]:
        return (self[index] for index in range(len(self)))


def _read(path: Place) -> Pictures:
    if isinstance(path, Path):
        return read_picture(path)
    return read_picture(path.read_bytes(), str(path))


class Folder(NamedTuple):
    """The pictures that could be read, and a sentence for each that could not."""

    listed: list[Listed]
    pictures: Unpacked
    skipped: list[str]


def read_folder(path: Place, progress: Progress | None = None) -> Folder:
    """Read every picture of a folder of class folders; DataError if there is none."""
    listed = list_pictures(path)
    found, pictures, skipped = [], Unpacked(), _left_out(path)
    for number, entry in enumerate(listed, 1):
        try:
            pictures.add(entry.path)
            found.append(entry)
        except DataError as error:
            skipped.append(str(error))
        if progress:
            progress(number, len(listed))
    if not found:
        raise DataError(f"{path}: not one of its {len(listed)} pictures can be read; {skipped[-1]}")
    return Folder(found, pictures, skipped)


def list_pictures(path: Place) -> list[Listed]:
    """The picture files under a folder, in the order of their names."""
    parts = _parts(path)
    if parts:
        listed = [entry for part in parts for entry in _classes(part, PARTS[part.name.lower()])]
    else:
        listed = _classes(path, "train")
    if not listed:
        kinds = " ".join(suffix[1:] for suffix in SUFFIXES)
        raise DataError(
            f"{path}: no picture in it; wanted one folder per class with pictures inside ({kinds})"
        )
    return listed


def _parts(path: Place) -> list[Place]:
    """The folders that are parts: named so, and holding folders, as those of a class do not."""
    return [
        folder for folder in _folders(path) if folder.name.lower() in PARTS and _folders(folder)
    ]


def _left_out(path: Place) -> list[str]:
    """A sentence for each folder whose pictures, or some of them, are not read, saying why."""
    parts = _parts(path)
    sentences = [
        f"{folder}: its pictures are in no folder of a class, beside {parts[0].name}"
        for folder in _folders(path)
        if parts and folder not in parts and _files(folder)
    ]
    for folder in (label for home in parts or [path] for label in _folders(home)):
        inside = len(_folders(folder))
        others = len(_entries(folder)) - inside - len(_files(folder))
        if inside:
            sentences.append(f"{folder}: {inside:,} folders in it; a class is one folder")
        if others:
            sentences.append(f"{folder}: {others:,} files of other kinds")
    return sentences


def _classes(path: Place, part: str) -> list[Listed]:
    return [Listed(file, folder.name, part) for folder in _folders(path) for file in _files(folder)]


def _files(folder: Place) -> list[Place]:
    """The picture files in a folder."""
    return [file for file in _entries(folder) if file.suffix.lower() in SUFFIXES and file.is_file()]


def _folders(path: Place) -> list[Place]:
    return [entry for entry in _entries(path) if entry.is_dir()]


def _entries(path: Place) -> list[Place]:
    """What lies in a folder in the order of the names, without what is hidden or a system's."""
    try:
        entries = sorted(path.iterdir(), key=lambda entry: entry.name)  # on every system alike
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    return [entry for entry in entries if is_ours(entry)]


def is_ours(entry: Place) -> bool:
    """Whether it is neither hidden nor a system's."""
    return not entry.name.startswith(_NOT_OURS)


def holds_classes(path: Place, folder: Place) -> bool:
    """Whether a folder, the only one in ``path``, is no class and no part but holds them."""
    return bool(_folders(folder)) and not _parts(path) and not _files(folder)
