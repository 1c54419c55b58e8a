"""Atomic file writes: a file is written completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from glob import escape
from pathlib import Path
from typing import IO

from .locks import lock

_SUFFIX = ".part"


def write_atomically(
    path: Path, content: bytes, check: Callable[[Path], None] | None = None
) -> None:
    """Write ``content`` to ``path``, as `atomic_writer` does."""
    with atomic_writer(path, check) as file:
        file.write(content)


@contextlib.contextmanager
def atomic_writer(path: Path, check: Callable[[Path], None] | None = None) -> Iterator[IO[bytes]]:
    """A file object whose content appears at ``path`` when the block ends.

    The content goes to a temporary file in the same folder, which is synced to disk and renamed. An
    existing file keeps its content until the rename, which is atomic. ``check`` is called with the
    temporary file before the rename and prevents it by raising. Raises OSError, or whatever the
    check or the block raises, and then removes the temporary file. A temporary file of a killed
    process is removed by the next write to the same path.
    """
    path = path.resolve()  # keep a symbolic link
    if path.exists() and not path.is_file():  # a folder, or a device that a rename would replace
        raise OSError(errno.EINVAL, "the path exists and is not a regular file")
    remove_leftovers(path)
    handle, temporary = _temporary_file(path)
    try:
        with os.fdopen(handle, "wb") as file:
            temporary.chmod(_default_mode())
            yield file
            file.flush()
            os.fsync(handle)
            if check:
                check(temporary)
            temporary.replace(path)
    except BaseException:  # KeyboardInterrupt, too, leaves nothing behind
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files of killed processes: those that no process has locked."""
    for leftover in path.parent.glob(f"{escape(_prefix(path))}*{_SUFFIX}"):
        with contextlib.suppress(OSError), leftover.open("rb") as file:
            if lock(file.fileno()):
                leftover.unlink()


def _temporary_file(path: Path) -> tuple[int, Path]:
    """A new file in the same folder, open and locked so that no other process removes it."""
    while True:
        handle, name = tempfile.mkstemp(_SUFFIX, _prefix(path), path.parent)
        try:
            if lock(handle) and os.fstat(handle).st_nlink:
                return handle, Path(name)
        except OSError:  # a file system without locks; there, nobody removes leftovers either
            return handle, Path(name)
        os.close(handle)  # another process removed it as a leftover before it was locked


def _prefix(path: Path) -> str:
    """The prefix of the names of a file's temporary files."""
    return f".{path.name[:40]}."


def _default_mode() -> int:
    """The permissions of a new file; `tempfile` makes private ones."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    """Sync the rename to disk, where the file system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
