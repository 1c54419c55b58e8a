"""What the files of a data set hold, as one number that any change changes."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from ...core.progress import OnProgress, Progress
from ...engine.runtime.thread_pool import processors
from ..sources.discovery import Files, Gathered
from ..sources.folders import Listed
from .ordered_map import in_order

CHECKING = "checking"
"""The stage that is reported."""
_BLOCK = 1 << 20  # bytes that are read at a time
_AT_ONCE = 64  # files that a thread takes at a time

Stamp = tuple[int, int, int] | None


class Contents(NamedTuple):
    """The SHA-256 of all names and contents together; the files, and of each what a change of it
    most likely changes: its place on the disk, its size and its time, before it was read."""

    digest: str
    paths: list[Path]
    stamps: list[Stamp]

    def are_still(self) -> bool:
        """Whether no file seems to have changed since."""
        return [_stamp(path) for path in self.paths] == self.stamps


def contents_of(gathered: Gathered, place: Path, on_progress: OnProgress | None = None) -> Contents:
    """The bytes of every file hashed, with the names, labels and parts they have. A file that holds
    the whole set is one. What cannot be read counts by the reason."""
    loose = [file.place for file in _files(gathered) if isinstance(file.place, Path)]
    paths = loose or [place]
    stamps = [_stamp(path) for path in paths]
    whole = hashlib.sha256(json.dumps([gathered.reads, str(place)]).encode())
    if not loose:
        whole.update(_hashed(place, on_progress))
        return Contents(whole.hexdigest(), paths, stamps)
    runs = [paths[at : at + _AT_ONCE] for at in range(0, len(paths), _AT_ONCE)]
    with closing(in_order(runs, _hashed, processors())) as hashed:
        for number, digest in enumerate(hashed):
            named = [gathered.names[number], gathered.labels[number], str(gathered.parts[number])]
            whole.update(json.dumps(named).encode() + digest)
            if on_progress:
                on_progress(Progress(CHECKING, number + 1, len(paths)))
    return Contents(whole.hexdigest(), paths, stamps)


def _files(gathered: Gathered) -> list[Listed]:
    return gathered.raw.files if isinstance(gathered.raw, Files) else []


def _hashed(path: Path, on_progress: OnProgress | None = None) -> bytes:
    """The SHA-256 of a file, or of the reason why there is none."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            blocks = -(-path.stat().st_size // _BLOCK)
            for number, block in enumerate(iter(lambda: file.read(_BLOCK), b"")):
                found.update(block)
                if on_progress:
                    on_progress(Progress(CHECKING, number + 1, max(blocks, number + 1)))
    except OSError as error:
        return hashlib.sha256(f"not read: {error.errno}".encode()).digest()
    return found.digest()


def _stamp(path: Path) -> Stamp:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_ino, about.st_size, about.st_mtime_ns
