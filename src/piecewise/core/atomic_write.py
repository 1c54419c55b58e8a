"""Atomic file writes: a file is written completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
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
    # The name is chosen before the file is made, and a file object closes itself, so that an
    # interrupt at any place leaves neither a file nor an open handle behind.
    temporary = path.parent / f"{_prefix(path)}{secrets.token_hex(8)}{_SUFFIX}"
    try:
        with _locked_file(temporary) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if check:
                check(temporary)
            temporary.replace(path)
    except BaseException:  # KeyboardInterrupt, too, leaves nothing behind
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files of killed processes: those that no process has locked."""
    for leftover in path.parent.glob(f"{escape(_prefix(path))}*{_SUFFIX}"):
        with contextlib.suppress(OSError), leftover.open("rb") as file:
            if lock(file.fileno()):
                leftover.unlink()


def _locked_file(temporary: Path) -> IO[bytes]:
    """A new file, open and locked so that no other process removes it."""
    while True:
        file = temporary.open("xb")
        try:
            if lock(file.fileno()) and os.fstat(file.fileno()).st_nlink:
                return file
        except OSError:  # a file system without locks; there, nobody removes leftovers either
            return file
        file.close()  # another process removed it as a leftover before it was locked


def _prefix(path: Path) -> str:
    """The prefix of the names of a file's temporary files."""
    return f".{path.name[:40]}."


def sync_folder(folder: Path) -> None:
    """Sync what was renamed in a folder to disk, where the file system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
