"""The files of a project: its lock, and files that are written completely or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

from ..core.atomic_write import write_atomically
from ..core.errors import DataError
from ..core.locks import lock
from ..data.modalities import preprocessor_from_json
from ..data.preprocessing import Preprocessor

OWN = ".piecewise"
"""The folder of what is the app's own."""
_MAX_JSON = 64 << 20


def open_locked(folder: Path) -> IO[bytes]:
    """The locked file of an opened project; DataError."""
    try:
        (folder / OWN / "removed").mkdir(parents=True, exist_ok=True)
        file = (folder / OWN / "lock").open("ab")
    except OSError as error:
        raise DataError(f"{folder}: cannot be a project: {error.strerror}") from None
    try:
        free = lock(file.fileno())
    except OSError:  # a file system without locks
        free = True
    if not free:
        file.close()
        raise DataError(f"{folder}: open in another piecewise app; close that first")
    return file


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; an empty one if it is missing or damaged."""
    try:
        if path.stat().st_size > _MAX_JSON:
            return {}
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def last_number(folder: Path) -> int:
    """The highest number that the names in a folder begin with."""
    heads = (one.name.partition("-")[0] for one in folder.iterdir())
    return max((int(head) for head in heads if head.isascii() and head.isdigit()), default=0)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write an object as JSON, as `write_file` does."""
    write_file(path, json.dumps(value, ensure_ascii=False, indent=1).encode())


def write_file(path: Path, content: bytes) -> None:
    """Write a file atomically; DataError if that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise DataError(f"{path.name}: not saved: {error.strerror}") from None


def pinned_preprocessor(value: Any) -> Preprocessor:
    """The preprocessor of what `Project.pin` writes; damaged values raise PiecewiseError, KeyError,
    TypeError or ValueError."""
    return preprocessor_from_json(value["values"], tuple(value["shape"]))
