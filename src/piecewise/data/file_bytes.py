"""Read all bytes of a file up to a size limit, with error messages that say what to try."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO

from ..core.errors import NO_NAME, DataError, reason


def display_name(file: Path | bytes | IO[bytes], name: str | None, kind: str) -> str:
    """The name of a file in error messages: ``name``, its path, or its kind."""
    return name or (str(file) if isinstance(file, Path) else kind)


def read_content(file: Path | bytes | IO[bytes], kind: str, most: int, remedy: str) -> bytes:
    """All bytes of a file; DataError if it cannot be read or has more than ``most`` bytes.

    ``kind`` is the expected kind, as in "a folder, wanted a picture file"; ``remedy`` says what to
    try if the file is too large.
    """
    if isinstance(file, bytes):
        return _limited(file, most, remedy)
    try:
        if isinstance(file, Path):
            with file.open("rb") as opened:
                status = os.fstat(opened.fileno())
                if not stat.S_ISREG(status.st_mode):  # a pipe, of unknown length
                    return _limited(opened.read(most + 1), most, remedy)
                if status.st_size > most:
                    raise _too_large(status.st_size, most, remedy)
                return _limited(opened.read(), most, remedy)
        if file.closed:
            raise DataError("cannot be read, it is closed already")
        return _limited(file.read(most + 1), most, remedy)
    except DataError:
        raise
    except (OSError, ValueError) as error:
        raise open_error(error, kind) from None


def open_error(error: Exception, kind: str) -> DataError:
    """The DataError for a file that could not be opened or read."""
    match error:
        case FileNotFoundError():
            return DataError("no such file")
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
