"""The entries of folders, on disk and in zip archives, by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from ...core.errors import DataError
from ..modalities import MODALITY_OF_SUFFIX

MAX_DEPTH = 16
"""Folders below each other; entries that lie deeper are not read."""

_SYSTEM_FILES = (
    ".", "__macosx", "thumbs.db", "ehthumbs", "desktop.ini", "icon\r", "$recycle.bin",
    "system volume information", "@eadir", "lost+found",
)  # fmt: skip
"""Beginnings of the names of hidden files and of files that operating systems make, lowercase."""


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


class InnerPath:
    """The name and the suffix of a file or folder in an archive, as `pathlib.Path` has them."""

    __slots__ = ()
    inner_path: str
    """Its path in the archive, with / between names."""

    @property
    def name(self) -> str:
        return self.inner_path.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        return suffix_of(self.name)


def suffix_of(name: str) -> str:
    """The suffix of a file name with its dot, as `pathlib.Path` finds it; empty if it has none."""
    stem, dot, kind = name.rpartition(".")
    return dot + kind if stem and kind else ""


def is_user_file(entry: Traversable) -> bool:
    """Whether an entry is neither hidden nor made by the operating system."""
    return is_user_name(entry.name)


def is_user_name(name: str) -> bool:
    """Whether a name is neither that of a hidden file nor of one that operating systems make."""
    return not name.lower().startswith(_SYSTEM_FILES)


def is_link(entry: Traversable) -> bool:
    """Whether an entry is a symbolic link; archives hold none."""
    return isinstance(entry, Path) and entry.is_symlink()


def modality_of(file: Traversable) -> str:
    """The modality of a file by its suffix; empty if it has none."""
    return MODALITY_OF_SUFFIX.get(file.suffix.lower(), "")


class FolderContents(NamedTuple):
    """The entries of a folder, sorted by name: folders, files of a known modality, other files, and
    links to nothing."""

    folders: list[Traversable]
    files: list[Traversable]
    others: list[Traversable]
    broken_links: list[Traversable]


class FolderScanner:
    """Reads each folder once."""

    def __init__(self) -> None:
        self._contents = dict[Traversable, FolderContents]()
        self._counts = dict[tuple[Traversable, bool], Counter[str]]()

    def contents(self, path: Traversable) -> FolderContents:
        """The entries of a folder; DataError if it cannot be read."""
        if path not in self._contents:
            self._contents[path] = _scan(path)
        return self._contents[path]

    def counts(self, path: Traversable, depth: int = 0, *, linked: bool = False) -> Counter[str]:
        """The number of files of each modality in a folder and in all folders in it. Links to
        folders are followed, but not those in a linked folder, which may lead round in a circle."""
        key = path, linked
        if key not in self._counts:
            contents = self.contents(path)
            total = Counter(modality_of(file) for file in contents.files)
            for folder in contents.folders if depth < MAX_DEPTH else ():
                if not (linked and is_link(folder)):
                    total += self.counts(folder, depth + 1, linked=linked or is_link(folder))
            self._counts[key] = total
        return self._counts[key]


def _scan(path: Traversable) -> FolderContents:
    contents = FolderContents([], [], [], [])
    try:
        for entry in sorted(path.iterdir(), key=lambda entry: entry.name):  # on every system
            if is_user_file(entry):
                _list_of(entry, contents).append(entry)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    return contents


def _list_of(entry: Traversable, contents: FolderContents) -> list[Traversable]:
    if entry.is_file():
        return contents.files if modality_of(entry) else contents.others
    if entry.is_dir():
        return contents.folders
    return contents.broken_links if is_link(entry) else contents.others
