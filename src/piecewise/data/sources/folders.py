"""Folders of class folders: one folder per class, optionally under train, validation and test.

The rules are the same for folders on disk and in a zip archive (`zip_archives.py`).
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
"""The split of each folder name, or value of a split column, that names one."""

_SYSTEM_FILES = (".", "__MACOSX", "Thumbs.db", "desktop.ini")  # beginnings of their names


class Traversable(Protocol):
    """A file or folder on disk (`pathlib.Path`) or in an archive, as in `importlib.resources.abc`.
    ``str`` gives the path for messages."""

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
    """A file with its class name and its split."""

    path: Traversable
    label: str
    split: str


class FolderListing(NamedTuple):
    """The files of a folder of class folders: their modality (a key of `MODALITIES`), the files
    sorted by name, and a message for each group of files that is left out."""

    modality: str
    files: list[LabeledFile]
    skipped: list[str]


def list_files(path: Traversable) -> FolderListing:
    """List the files under a folder of class folders; DataError if there are none. Of several
    modalities, the one with the most files is listed."""
    scan = cache(_scan)  # scanning a folder of many files is slow
    root = scan(path)
    split_folders = [one for one in root.folders if _is_split(one) and scan(one).folders]
    parents = [(one, SPLITS[one.name.lower()]) for one in split_folders] or [(path, "train")]
    classes = [(folder, split) for parent, split in parents for folder in scan(parent).folders]
    counts = Counter(_modality(file) for folder, _ in classes for file in scan(folder).files)
    modality = max(MODALITIES, key=lambda name: counts[name])  # the first of equals
    if not counts[modality]:
        raise DataError(_why_empty(path, root))
    files = [
        LabeledFile(file, normalize("NFC", folder.name), split)
        for folder, split in classes
        for file in scan(folder).files
        if _modality(file) == modality
    ]
    skipped = _skipped_beside_classes(path, root, split_folders)
    for one in split_folders:
        skipped += _skipped_beside_classes(one, scan(one), [])
    for folder, _ in classes:
        skipped += _skipped_in_class(scan(folder), modality)
    return FolderListing(modality, files, skipped)


def is_user_file(entry: Traversable) -> bool:
    """Whether an entry is neither hidden nor made by the operating system."""
    return not entry.name.startswith(_SYSTEM_FILES)


def is_wrapper_folder(folder: Traversable) -> bool:
    """Whether the only folder of an archive is neither a class nor a split, but contains them."""
    contents = _scan(folder)
    return bool(contents.folders) and not _is_split(folder) and not contents.files


def _is_split(folder: Traversable) -> bool:
    return folder.name.lower() in SPLITS


class _FolderContents(NamedTuple):
    """The entries of a folder, sorted by name: folders, files of a known modality, and how many
    others."""

    path: Traversable
    folders: list[Traversable]
    files: list[Traversable]
    other_count: int


def _scan(path: Traversable) -> _FolderContents:
    try:
        entries = sorted(path.iterdir(), key=lambda entry: entry.name)  # the same on every system
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    entries = [entry for entry in entries if is_user_file(entry)]
    files = [entry for entry in entries if _modality(entry) and entry.is_file()]
    folders = [entry for entry in entries if entry.is_dir()]
    return _FolderContents(path, folders, files, len(entries) - len(files) - len(folders))


def _modality(file: Traversable) -> str:
    """The modality of a file by its suffix; empty if it has none."""
    return MODALITY_OF_SUFFIX.get(file.suffix.lower(), "")


def _why_empty(path: Traversable, root: _FolderContents) -> str:
    """The message for a folder without examples."""
    wanted = "wanted one folder per class, with files inside"
    deeper = next((one for folder in root.folders for one in _scan(folder).folders), None)
    if deeper is not None and _scan(deeper).files and not root.files:
        example = f"{root.folders[0].name}/{deeper.name}"
        return f"{path}: its files lie a folder too deep, as in {example}; {wanted}"
    if root.files:
        return f"{path}: {_files(len(root.files))} in no folder of a class, {wanted}"
    kinds = (
        f"{name}: {' '.join(suffix[1:] for suffix in modality.suffixes)}"
        for name, modality in MODALITIES.items()
    )
    return f"{path}: no file in it to learn from; {wanted} ({'; '.join(kinds)})"


def _skipped_beside_classes(
    path: Traversable, contents: _FolderContents, split_folders: list[Traversable]
) -> list[str]:
    """A message for each entry beside the class folders, or the split folders, that is not read."""
    messages = []
    for folder in contents.folders if split_folders else ():
        if not _is_split(folder):
            messages.append(
                f"{folder}: not read; it is no split, as {split_folders[0].name} beside it is"
            )
        elif folder not in split_folders:
            messages.append(f"{folder}: not read; there is no folder of a class in it")
    if contents.files:
        messages.append(f"{path}: {_files(len(contents.files))} in no folder of a class")
    return messages


def _skipped_in_class(folder: _FolderContents, modality: str) -> list[str]:
    """A message for each kind of entry in a class folder that is not read."""
    known, messages = sum(_modality(file) == modality for file in folder.files), []
    others = len(folder.files) - known + folder.other_count
    if folder.folders:
        messages.append(
            f"{folder.path}: {len(folder.folders):,} more folders in it; a class is one folder"
        )
    if others:
        messages.append(f"{folder.path}: {_files(others)} of other kinds than {modality}")
    if not known:
        messages.append(f"{folder.path}: none of the {modality} in it, so it is not a class")
    return messages


def _files(count: int) -> str:
    return f"{count:,} file{'s' if count > 1 else ''}"
