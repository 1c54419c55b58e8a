"""The bytes of a file of any kind, if it can be opened and they are not too many."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO

from ..core.errors import NO_NAME, DataError, reason


def name_in_errors(file: Path | bytes | IO[bytes], name: str | None, kind: str) -> str:
    """How errors call a file: as who gives it does, or by its path, or by its kind."""
    return name or (str(file) if isinstance(file, Path) else kind)


def read_content(file: Path | bytes | IO[bytes], kind: str, most: int, remedy: str) -> bytes:
    """All bytes of a file; DataError if it cannot be read or has more than ``most``.

    ``kind``: what is wanted, as in "a folder, wanted a picture file"; ``remedy``: what to do about
    too many bytes.
    """
    if isinstance(file, bytes):
        return _limited(file, most, remedy)
    try:
        if isinstance(file, Path):
            with file.open("rb") as opened:
                about = os.fstat(opened.fileno())
                if not stat.S_ISREG(about.st_mode):  # a pipe, whose length nobody knows
                    return _limited(opened.read(most + 1), most, remedy)
                if about.st_size > most:
                    raise _too_long(about.st_size, most, remedy)
                return _limited(opened.read(), most, remedy)
        if file.closed:
            raise DataError("cannot be read, it is closed already")
        return _limited(file.read(most + 1), most, remedy)
    except DataError:
        raise
    except (OSError, ValueError) as error:
        raise open_error(error, kind) from None


def open_error(error: Exception, kind: str) -> DataError:
    """What is wrong with a file that could not be opened or read."""
    match error:
        case FileNotFoundError():
            return DataError("no such file")
        case IsADirectoryError():
            return DataError(f"a folder, wanted a {kind}")
        case PermissionError():
            return DataError("not allowed to read it")
        case OSError():  # a name too long, a disk that fails
            return DataError(f"cannot be read: {reason(error)}")
    return DataError(NO_NAME)  # a zero in it, half a character


def _limited(content: bytes, most: int, remedy: str) -> bytes:
    if len(content) > most:
        raise _too_long(len(content), most, remedy)
    return content


def _too_long(size: int, most: int, remedy: str) -> DataError:
    return DataError(f"{size:,} bytes, wanted at most {most:,}; {remedy}")
