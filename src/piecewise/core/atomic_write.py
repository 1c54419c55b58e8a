"""Writing a file whole or not at all."""

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

_ENDING = ".part"


def write_atomically(
    path: Path, content: bytes, check: Callable[[Path], None] | None = None
) -> None:
    """Put ``content`` at ``path``, as `atomic_writer` does."""
    with atomic_writer(path, check) as file:
        file.write(content)


@contextlib.contextmanager
def atomic_writer(path: Path, check: Callable[[Path], None] | None = None) -> Iterator[IO[bytes]]:
    """A file that is at ``path`` once all is written: a temporary file beside it, brought to the
    disk, then renamed.

    A file that was there stays as it was until the rename, which is one step. ``check`` is called
    with the temporary file before it, and prevents it by raising. Raises OSError, or what the check
    or the writing raises, and leaves nothing behind then; what a kill left behind, the next writing
    of the same file removes.
    """
    path = path.resolve()  # a link stays a link
    if path.exists() and not path.is_file():  # a folder, or a device that a rename would replace
        raise OSError(errno.EINVAL, "there is something that is not a file")
    remove_leftovers(path)
    handle, temporary = _temporary(path)
    try:
        with os.fdopen(handle, "wb") as file:
            temporary.chmod(_usual_mode())
            yield file
            file.flush()
            os.fsync(handle)
            if check:
                check(temporary)
            temporary.replace(path)
    except BaseException:  # Ctrl-C too leaves nothing behind
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def remove_leftovers(path: Path) -> None:
    """Remove temporary files that a killed process left beside a file: those that nobody holds."""
    for leftover in path.parent.glob(f"{escape(_prefix(path))}*{_ENDING}"):
        with contextlib.suppress(OSError), leftover.open("rb") as file:
            if lock(file.fileno()):
                leftover.unlink()


def _temporary(path: Path) -> tuple[int, Path]:
    """A new file beside another, its handle and its name. While its handle is open it is locked,
    and so nobody's leftover."""
    while True:
        handle, name = tempfile.mkstemp(_ENDING, _prefix(path), path.parent)
        try:
            if lock(handle) and os.fstat(handle).st_nlink:
                return handle, Path(name)
        except OSError:  # the file system knows no locks; then nobody removes leftovers either
            return handle, Path(name)
        os.close(handle)  # someone took it for a leftover before it was locked


def _prefix(path: Path) -> str:
    """How the names of its temporary files begin."""
    return f".{path.name[:40]}."


def _usual_mode() -> int:
    """The permissions a new file would have got; a temporary file is private."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    """Make the rename itself last; some file systems cannot, and then it lasts soon enough."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
