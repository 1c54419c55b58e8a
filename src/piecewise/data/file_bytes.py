"""Open regular files only, and read all bytes of a file up to a size limit.

Every file of a user is opened here. A pipe could block for ever, and a device may have no end.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from functools import partial
from pathlib import Path
from typing import IO

from ..core.errors import NO_NAME, DataError, LimitError, reason, shown

_DO_NOT_BLOCK = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
MISSING_ADDRESS = "addresses are not fetched; save the file first"
_IRREGULAR = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(?=[^/])")  # a Path makes one slash of two


def checked_path(name: str, value: object) -> Path:
    """A path that is given as the argument of this name; LimitError if it is none."""
    if isinstance(value, bytes) or not isinstance(value, str | os.PathLike):
        raise LimitError(f"{name}: got {shown(value)}, wanted the name of a file")
    return Path(value)


def path_name(path: Path) -> str:
    """A path for a message; an address, as in https://example.org/cat.png, with both slashes."""
    return _ADDRESS.sub(r"\1://", str(path), count=1) if is_address(path) else str(path)


def display_name(file: Path | bytes | IO[bytes], name: str | None, kind: str) -> str:
    """The name of a file in error messages: ``name``, its path, or its kind."""
    return name or (path_name(file) if isinstance(file, Path) else kind)


def open_regular_file(path: Path, kind: str = "file") -> IO[bytes]:
    """A file, opened for reading.

    Raises OSError or ValueError as ``Path.open`` does, and DataError, which names the expected
    ``kind``, for a pipe, a device or a socket. None of these is opened.
    """
    opener = partial(regular_file_opener, kind=kind)
    return open(path, "rb", opener=opener)


def open_limited(path: Path, kind: str, most: int, remedy: str) -> IO[bytes]:
    """A file, opened for reading; DataError if that fails or it has more than ``most`` bytes."""
    try:
        file = open_regular_file(path, kind)
    except DataError:
        raise
    except (OSError, ValueError) as error:
        raise open_error(error, kind) from None
    size = os.fstat(file.fileno()).st_size
    if size > most:
        file.close()
        raise _too_large(size, most, remedy)
    return file


def regular_file_opener(path: str, flags: int, kind: str = "file") -> int:
    """The ``opener`` of a built-in file type that opens regular files only."""
    _check_regular(os.stat(path), kind)  # noqa: PTH116 - an opener gets a name
    handle = os.open(path, flags | _DO_NOT_BLOCK, 0o666)
    try:
        _check_regular(os.fstat(handle), kind)  # another file may have this name by now
    except BaseException:
        os.close(handle)
        raise
    return handle


def _check_regular(status: os.stat_result, kind: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        found = _IRREGULAR.get(stat.S_IFMT(status.st_mode), "no regular file")
        raise DataError(f"{found}, wanted a {kind}; save its content as a file first")


def read_content(file: Path | bytes | IO[bytes], kind: str, most: int, remedy: str) -> bytes:
    """All bytes of a file; DataError if it cannot be read or has more than ``most`` bytes.

    ``kind`` is the expected kind, as in "a folder, wanted a picture file"; ``remedy`` says what to
    try if the file is too large.
    """
    if isinstance(file, bytes):
        return _limited(file, most, remedy)
    try:
        if isinstance(file, Path):
            with open_regular_file(file, kind) as opened:
                size = os.fstat(opened.fileno()).st_size
                if size > most:
                    raise _too_large(size, most, remedy)
                return _limited(opened.read(), most, remedy)
        if file.closed:
            raise DataError("cannot be read, it is closed already")
        return _limited(file.read(most + 1), most, remedy)
    except DataError:
        raise
    except (OSError, ValueError) as error:
        raise open_error(error, kind, file if isinstance(file, Path) else None) from None


def first_bytes(file: Path | bytes | IO[bytes], most: int) -> bytes:
    """The first bytes of a file, at most so many; empty if it is not there, or open already."""
    if isinstance(file, Path):
        try:
            with open_regular_file(file) as opened:
                return opened.read(most)
        except (DataError, OSError, ValueError):
            return b""
    return file[:most] if isinstance(file, bytes) else b""


def is_address(path: Path | None) -> bool:
    """Whether a path that does not exist is an address, as in https://example.org/cat.png."""
    return path is not None and _ADDRESS.match(str(path)) is not None


def check_no_address(path: Path) -> None:
    """DataError if a path is an address, unless there is such a file."""
    if is_address(path) and not os.path.lexists(path):
        raise DataError(f"{path_name(path)}: {MISSING_ADDRESS}")


def open_error(error: Exception, kind: str, path: Path | None = None) -> DataError:
    """The DataError for a file that could not be opened or read."""
    match error:
        case FileNotFoundError():
            return DataError(MISSING_ADDRESS if is_address(path) else "no such file")
        case IsADirectoryError():
            return DataError(f"a folder, wanted a {kind}")
        case PermissionError():
            return DataError("not allowed to read it")
        case OSError():  # the name is too long, or the disk fails
            return DataError(f"cannot be read: {reason(error)}")
    return DataError(NO_NAME)  # a zero byte or a lone surrogate in it


def _limited(content: bytes, most: int, remedy: str) -> bytes:
    if len(content) > most:
        raise _too_large(len(content), most, remedy)
    return content


def _too_large(size: int, most: int, remedy: str) -> DataError:
    return DataError(f"{size:,} bytes, wanted at most {most:,}; {remedy}")
