"""Folders of files: one folder per class, optionally under train, validation and test.

The rules are the same wherever the folders lie: on disk, or in an archive (`zips.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple, Protocol
from unicodedata import normalize

from ...core.errors import DataError
from ..modalities import MODALITIES, MODALITY_OF_SUFFIX

SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""Folder names that are parts of a data set, and the part each is."""

_NOT_OURS = (".", "__MACOSX", "Thumbs.db", "desktop.ini")  # what systems leave in folders


class Traversable(Protocol):
    """A file or folder, as far as it is asked anything here: a path on disk, or one in an archive.
    As text it is what a person calls it."""

    @property
    def name(self) -> str: ...
    @property
    def suffix(self) -> str: ...
    def iterdir(self) -> Iterator[Traversable]: ...
    def is_dir(self) -> bool: ...
    def is_file(self) -> bool: ...
    def read_bytes(self) -> bytes: ...
    def __hash__(self) -> int: ...


class LabeledFile(NamedTuple):
    """A file and where it belongs."""

    path: Traversable
    label: str
    split: str


class FolderListing(NamedTuple):
    """The files of a folder of class folders: their kind (a word of `MODALITIES`), the files in the
    order of their names, and a sentence for whatever is left out."""

    modality: str
    files: list[LabeledFile]
    skipped: list[str]


def list_files(path: Traversable) -> FolderListing:
    """The files under a folder of class folders that a net can learn from; DataError if there are
    none. Of several kinds, those that are most."""
    look = cache(_look)  # a folder of many files takes time to look into
    root = look(path)
    parts = [part for part in root.folders if part.name.lower() in SPLITS and look(part).folders]
    homes = [(part, SPLITS[part.name.lower()]) for part in parts] or [(path, "train")]
    labels = [(label, part) for home, part in homes for label in look(home).folders]
    counts = Counter(_reads(file) for label, _ in labels for file in look(label).files)
    reads = max(MODALITIES, key=lambda word: counts[word])  # of as many, the first
    if not counts[reads]:
        raise DataError(_nothing(path, root))
    listed = [
        LabeledFile(file, normalize("NFC", label.name), part)
        for label, part in labels
        for file in look(label).files
        if _reads(file) == reads
    ]
    skipped = _beside(path, root, parts)
    for part in parts:
        skipped += _beside(part, look(part), [])
    for label, _ in labels:
        skipped += _left_out(look(label), reads)
    return FolderListing(reads, listed, skipped)


def is_user_file(entry: Traversable) -> bool:
    """Whether it is neither hidden nor a system's."""
    return not entry.name.startswith(_NOT_OURS)


def is_wrapper_folder(path: Traversable, folder: Traversable) -> bool:
    """Whether a folder, the only one in ``path``, is no class and no part but holds them."""
    inside = _look(folder)
    is_part = folder.name.lower() in SPLITS and bool(inside.folders)
    return bool(inside.folders) and not is_part and not inside.files


class _Folder(NamedTuple):
    """What lies in a folder, in the order of the names."""

    place: Traversable
    folders: list[Traversable]
    files: list[Traversable]
    """Those that something can be learned from."""
    others: int


def _look(path: Traversable) -> _Folder:
    try:
        entries = sorted(path.iterdir(), key=lambda entry: entry.name)  # on every system alike
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    entries = [entry for entry in entries if is_user_file(entry)]
    files = [entry for entry in entries if _reads(entry) and entry.is_file()]
    folders = [entry for entry in entries if entry.is_dir()]
    return _Folder(path, folders, files, len(entries) - len(files) - len(folders))


def _reads(file: Traversable) -> str:
    """The kind of a file by its name; empty for what nothing is learned from."""
    return MODALITY_OF_SUFFIX.get(file.suffix.lower(), "")


def _nothing(path: Traversable, root: _Folder) -> str:
    """Why there is nothing to learn from."""
    wanted = "wanted one folder per class, with files inside"
    deeper = next((one for label in root.folders for one in _look(label).folders), None)
    if deeper is not None and _look(deeper).files and not root.files:
        inside = f"{root.folders[0].name}/{deeper.name}"
        return f"{path}: its files lie a folder too deep, as in {inside}; {wanted}"
    if root.files:
        return f"{path}: {_files(len(root.files))} in no folder of a class, {wanted}"
    kinds = (
        f"{word}: {' '.join(suffix[1:] for suffix in medium.suffixes)}"
        for word, medium in MODALITIES.items()
    )
    return f"{path}: no file in it to learn from; {wanted} ({'; '.join(kinds)})"


def _beside(path: Traversable, root: _Folder, parts: list[Traversable]) -> list[str]:
    """A sentence for whatever lies beside the classes, or beside the parts, and is not read."""
    told = []
    for folder in root.folders if parts else ():
        if folder.name.lower() not in SPLITS:
            told.append(f"{folder}: not read; it is no part, as {parts[0].name} beside it is")
        elif folder not in parts:
            told.append(f"{folder}: not read; there is no folder of a class in it")
    if root.files:
        told.append(f"{path}: {_files(len(root.files))} in no folder of a class")
    return told


def _left_out(folder: _Folder, reads: str) -> list[str]:
    """A sentence for whatever in the folder of a class is not read."""
    known, told = sum(_reads(file) == reads for file in folder.files), []
    others = len(folder.files) - known + folder.others
    if folder.folders:
        told.append(
            f"{folder.place}: {len(folder.folders):,} more folders in it; a class is one folder"
        )
    if others:
        told.append(f"{folder.place}: {_files(others)} of other kinds than {reads}")
    if not known:
        told.append(f"{folder.place}: none of the {reads} in it, so it is no class")
    return told


def _files(count: int) -> str:
    return f"{count:,} file{'s' if count > 1 else ''}"
