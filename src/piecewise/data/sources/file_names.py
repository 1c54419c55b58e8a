"""Finds the files that a table names, among those in its folder and the folders in it.

A name is never joined to a path: it is looked up among the entries of folders, so that it cannot
lead out of them.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from ...core.errors import DataError
from .folder_scan import FolderScanner, Traversable, is_link, modality_of
from .split_names import split_of, split_of_table

_DRIVE = re.compile(r"[A-Za-z]:")
_DEPTH = 2  # folders below each other in which a mere name is looked for


class UnsafeNameError(Exception):
    """A name that would lead out of the folder of the table."""


class FileNames:
    """The files in the folder of a table by the names that it may use for them.

    A name is a path in the folder. A file name alone, with or without its suffix, may also lie in
    one of the folders: first in that which is called as the table, `train` for `train.csv`, and
    else in the only one that has such a file.
    """

    def __init__(self, folder: Traversable, table_stem: str, scanner: FolderScanner) -> None:
        self.folder, self.stem, self.scanner = folder, table_stem, scanner
        self._entries = dict[Traversable, dict[str, Traversable]]()
        self._indexes: list[dict[str, Traversable | None]] | None = None

    def find(self, name: str) -> Traversable | None:
        """The file that a record names; None if there is none, or more than one."""
        name = name.strip().replace("\\", "/")
        segments = [one for one in name.split("/") if one not in {"", "."}]
        if name.startswith("/") or _DRIVE.match(name) or ".." in segments:
            raise UnsafeNameError
        if not segments:
            return None
        file = self._at(segments)
        if file is None and len(segments) == 1:
            file = self._anywhere(segments[0])
        if file is not None and self._leads_out(file):
            raise UnsafeNameError
        return file

    def _at(self, segments: list[str]) -> Traversable | None:
        """The file with this path in the folder."""
        folder = self.folder
        for segment in segments[:-1]:
            entry = self._in(folder).get(segment)
            if entry is None or not entry.is_dir():
                return None
            folder = entry
        return self._file(folder, segments[-1])

    def _anywhere(self, name: str) -> Traversable | None:
        if self._indexes is None:
            own = [one for one in self._folders(self.folder) if self._is_called_as_table(one)]
            below = [one for top in own for one in self._below(top, 1)]
            others = [one for one in self._below(self.folder, 0) if one not in set(below)]
            self._indexes = [self._index(below), self._index(others)]
        for index in self._indexes:
            if name in index:
                return index[name]
        return None

    def _is_called_as_table(self, folder: Traversable) -> bool:
        split = split_of_table(self.stem)
        same_split = split is not None and split_of(folder.name) == split
        return same_split or folder.name.lower() == self.stem.lower()

    def _folders(self, folder: Traversable) -> list[Traversable]:
        with contextlib.suppress(DataError):  # not allowed to read it
            return [one for one in self.scanner.contents(folder).folders if not is_link(one)]
        return []

    def _below(self, folder: Traversable, depth: int) -> list[Traversable]:
        """A folder and the folders in it, to the depth in which names are looked for."""
        found = [folder]
        for one in self._folders(folder) if depth < _DEPTH else ():
            found += self._below(one, depth + 1)
        return found

    def _index(self, folders: list[Traversable]) -> dict[str, Traversable | None]:
        """The files by their names and by their names without suffix; None for several."""
        index = dict[str, Traversable | None]()
        for folder in folders:
            for name, entry in self._in(folder).items():
                if modality_of(entry):
                    index[name] = None if name in index else entry
        return index

    def _file(self, folder: Traversable, name: str) -> Traversable | None:
        """The file of a known modality in a folder, by its name with or without its suffix."""
        entry = self._in(folder).get(name)
        return entry if entry is not None and modality_of(entry) else None

    def _in(self, folder: Traversable) -> dict[str, Traversable]:
        """The entries of a folder by name; files also by their names without suffix."""
        if folder not in self._entries:
            entries = dict[str, Traversable]()
            with contextlib.suppress(DataError):
                contents = self.scanner.contents(folder)
                for file in reversed(contents.files):  # the first of equals
                    entries[file.name.rpartition(".")[0]] = file
                entries |= {entry.name: entry for entry in contents.folders + contents.files}
            self._entries[folder] = entries
        return self._entries[folder]

    def _leads_out(self, file: Traversable) -> bool:
        """Whether links lead to a file outside the folder."""
        if not isinstance(file, Path) or not isinstance(self.folder, Path):
            return False
        parents = file.relative_to(self.folder).parents
        if not (file.is_symlink() or any((self.folder / one).is_symlink() for one in parents)):
            return False
        return not file.resolve().is_relative_to(self.folder.resolve())
