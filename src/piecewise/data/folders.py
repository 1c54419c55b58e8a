"""Folders of pictures: one folder per class, optionally under train, validation and test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

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

Progress = Callable[[int, int], None]
"""Called with how many are done and how many there are."""


class Listed(NamedTuple):
    """A picture file and where it belongs."""

    path: Path
    label: str
    part: str


class Folder(NamedTuple):
    """The pictures that could be read, and a sentence for each that could not."""

    listed: list[Listed]
    pictures: list[Pictures]
    skipped: list[str]


def read_folder(path: Path, progress: Progress | None = None) -> Folder:
    """Read every picture of a folder of class folders; DataError if there is none."""
    listed = list_pictures(path)
    found, pictures, skipped = [], [], []
    for number, entry in enumerate(listed, 1):
        try:
            pictures.append(read_picture(entry.path))
            found.append(entry)
        except DataError as error:
            skipped.append(str(error))
        if progress:
            progress(number, len(listed))
    if not found:
        raise DataError(f"{path}: not one of its {len(listed)} pictures can be read; {skipped[0]}")
    return Folder(found, pictures, skipped)


def list_pictures(path: Path) -> list[Listed]:
    """The picture files under a folder, in the order of their names."""
    parts = [folder for folder in _folders(path) if folder.name.lower() in PARTS]
    if parts and all(_folders(part) for part in parts):
        listed = [entry for part in parts for entry in _classes(part, PARTS[part.name.lower()])]
    else:
        listed = _classes(path, "train")
    if not listed:
        kinds = " ".join(suffix[1:] for suffix in SUFFIXES)
        raise DataError(
            f"{path}: no picture in it; wanted one folder per class with pictures inside ({kinds})"
        )
    return listed


def _classes(path: Path, part: str) -> list[Listed]:
    return [
        Listed(file, folder.name, part)
        for folder in _folders(path)
        for file in _entries(folder)
        if file.suffix.lower() in SUFFIXES and file.is_file()
    ]


def _folders(path: Path) -> list[Path]:
    return [entry for entry in _entries(path) if entry.is_dir()]


def _entries(path: Path) -> list[Path]:
    """What lies in a folder, hidden things and macOS's left out, in the order of the names."""
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    return [entry for entry in entries if not entry.name.startswith((".", "__MACOSX"))]
