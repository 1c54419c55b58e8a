"""The folder of an export, which a new export replaces atomically.

New files are collected in a folder inside it, `UNFINISHED`. When all of them are there, the files
of the earlier export are removed, and the new ones are renamed to their places; the passport goes
first and comes last. If a process is killed before, the earlier export is still there. If it is
killed between the renames, the next export finishes them first.

A file belongs to an export if passport.json lists it and its SHA-256 is still the same. All other
files are the user's: they are neither replaced nor removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from ..core.atomic_write import sync_folder, write_atomically
from ..core.errors import DataError, shown
from ..core.locks import lock
from .exporter import Files

PASSPORT, PAGE = "passport.json", "passport.html"
UNFINISHED = ".unfinished-export"
"""The folder in which the files of an export are collected."""
_NEW, _COMPLETE, _EARLIER = "new", "complete", "earlier.json"
"""In this folder: files that are being written; all files, when the export is complete; and the
passport of the export whose files are being removed."""
_MAX_PASSPORT = 64 << 20  # bytes


class ExportFolder:
    """A locked folder that gets a new export; a context manager.

    Raises DataError if the folder cannot be used: it has other files, or another process exports
    into it. Raises OSError if a file cannot be read or written.

    Parameters
    ----------
    path : Path
        A new folder, an empty one, or that of an earlier export. Hidden files may be in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.new = path / UNFINISHED / _NEW
        self.earlier: dict[str, dict[str, str]] = {}
        """The SHA-256 of the files of the earlier export, by format and path."""

    def __enter__(self) -> Self:
        if self.path.exists() and not self.path.is_dir():
            raise DataError(f"{self.path}: a file, wanted the name of a folder")
        if not self.path.parent.is_dir():
            raise DataError(f"{self.path}: there is no folder {self.path.parent}")
        self._made = not self.path.exists()
        self.path.mkdir(exist_ok=True)
        self._lock = _locked(self.path)
        try:
            _finish(self.path)
            self.earlier = _files_of(self.path / PASSPORT)
            self._check_other_files()
        except BaseException:
            self._unlock()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        try:
            with suppress(OSError):
                _finish(self.path)
            if self._made:
                with suppress(OSError):  # it is not empty
                    self.path.rmdir()
        finally:
            self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)

    def file_of_user(self, paths: Iterable[str]) -> Path | None:
        """The first of these paths where the user has a file; None if there is none."""
        own = {path: digest for files in self.earlier.values() for path, digest in files.items()}
        for path in paths:
            for folder in _folders(self.path, path):
                if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
                    return folder
            target = self.path / path
            if os.path.lexists(target) and not _is_unchanged(self.path, path, own.get(path)):
                return target
        return None

    def add(self, files: Files) -> None:
        """Write new files, by their paths in the folder; they do not appear there yet."""
        for path, content in files.items():
            target = self.new / path
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, content)

    def replace(self) -> None:
        """Put the new files, whose passport is complete now, in place of those of the earlier
        export."""
        self.new.rename(self.new.with_name(_COMPLETE))
        sync_folder(self.new.parent)
        _finish(self.path)

    def _check_other_files(self) -> None:
        names = sorted(one.name for one in self.path.iterdir() if not one.name.startswith("."))
        if names and not self.earlier:
            raise DataError(
                f"{self.path}: the folder has files that piecewise did not export, such as "
                f"{shown(names[0])}; choose a new folder"
            )


def _finish(folder: Path) -> None:
    """Finish what a process that was killed left: put the files of a complete export into their
    places, and remove those of an incomplete one. It may be killed and called again."""
    unfinished = folder / UNFINISHED
    complete, earlier = unfinished / _COMPLETE, unfinished / _EARLIER
    if (complete / PASSPORT).is_file():  # the last file that is moved
        if (folder / PASSPORT).is_file():
            (folder / PASSPORT).replace(earlier)
        if earlier.is_file():
            for files in reversed(_files_of(earlier).values()):  # the page first
                _remove(folder, files)
            earlier.unlink()
        paths = [path for files in _files_of(complete / PASSPORT).values() for path in files]
        for path in paths:
            _move(complete / path, folder / path)
        for parent in {(folder / path).parent for path in paths}:
            sync_folder(parent)
        _move(complete / PASSPORT, folder / PASSPORT)
        sync_folder(folder)
    if unfinished.is_dir():
        shutil.rmtree(unfinished)


def _remove(folder: Path, files: dict[str, str]) -> None:
    """Remove the files that have not changed since they were exported, and folders that are empty
    then."""
    for path, digest in files.items():
        if _is_unchanged(folder, path, digest):
            (folder / path).unlink()
        for parent in _folders(folder, path):
            with suppress(OSError):  # it is not empty, or not there
                parent.rmdir()


def _move(source: Path, target: Path) -> None:
    """Move a file to its place, unless a file of the user is there."""
    if source.is_file() and not os.path.lexists(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)


def _files_of(passport: Path) -> dict[str, dict[str, str]]:
    """The SHA-256 of the files in a passport, by format and path; the page is a format of its own,
    "". It is empty if there is no passport of an export."""
    try:
        if passport.stat().st_size > _MAX_PASSPORT:
            return {}
        found = json.loads(passport.read_text("utf-8"))
        listed = {name: dict(one["files"]) for name, one in found["exports"].items()}
        listed[""] = {PAGE: found["page_sha256"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    paths = [path for files in listed.values() for path in files]
    return listed if all(map(_is_inside, paths)) else {}


def _is_inside(path: str) -> bool:
    """Whether a path of a passport is one below the folder, on every system."""
    return not {"", ".", ".."}.intersection(path.split("/")) and not set(path) & set("\\:\0")


def _is_unchanged(folder: Path, path: str, digest: str | None) -> bool:
    """Whether a path is a regular file of this SHA-256, and no link leads to it."""
    target = folder / path
    if not target.is_file() or any(one.is_symlink() for one in (target, *_folders(folder, path))):
        return False
    with target.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == digest


def _folders(folder: Path, path: str) -> list[Path]:
    """The folders below ``folder`` that a path leads through, the last one first."""
    return [folder / one for one in PurePosixPath(path).parents[:-1]]


def _locked(folder: Path) -> int | None:
    """The folder, open and locked; None on Windows, where folders cannot be opened."""
    if os.name == "nt":
        return None
    handle = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # a file system without locks
        if not lock(handle):
            os.close(handle)
            raise DataError(
                f"{folder}: another export into this folder is running; wait until it ends, or "
                "choose another folder"
            )
    return handle
