"""Fingerprint (SHA-256) of the files of a data set: it changes if any file changes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ...core.errors import DataError
from ...core.progress import OnProgress, Progress
from ...engine.runtime.thread_pool import processors
from ..file_bytes import open_regular_file
from ..sources.discovery import LazyFiles, RawDataset
from ..sources.folder_scan import Traversable
from ..sources.folders import LabeledFile
from ..sources.zip_archives import ArchiveEntry
from .ordered_map import ordered_map

CHECKING = "checking"
"""The stage that `OnProgress` reports."""
_BLOCK = 1 << 20  # bytes read at a time
_BATCH = 64  # files that a thread takes at a time
_ENTRIES = 1_000  # names that are hashed at a time

Stamp = tuple[int, int, int] | None


class Fingerprint(NamedTuple):
    """The SHA-256 of all names and contents; the files; and the inode, size and modification time
    of each, from before it was read."""

    digest: str
    paths: list[Path]
    stamps: list[Stamp]

    def is_unchanged(self) -> bool:
        """Whether the inode, size and modification time of every file are still the same."""
        return [_stamp(path) for path in self.paths] == self.stamps


def fingerprint_of(
    raw: RawDataset, path: Path, on_progress: OnProgress | None = None
) -> Fingerprint:
    """Hash the bytes of every file with its name, label and split. A data set in one file is one
    hash, with the columns that are read. A file that cannot be read contributes the reason."""
    files = [file.path for file in _files(raw) if isinstance(file.path, Path)]
    paths = files or raw.source_files or [path]
    stamps = [_stamp(one) for one in paths]
    total = hashlib.sha256(json.dumps([raw.modality, str(path), raw.description]).encode())
    if not files:
        for one in paths:
            total.update(_hash(one, on_progress))
        return Fingerprint(total.hexdigest(), paths, stamps)
    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    with closing(ordered_map(batches, _hash, processors())) as digests:
        for index, digest in enumerate(digests):
            entry = [raw.names[index], raw.labels[index], str(raw.splits[index])]
            total.update(json.dumps(entry).encode() + digest)
            if on_progress:
                on_progress(Progress(CHECKING, index + 1, len(paths)))
    return Fingerprint(total.hexdigest(), paths, stamps)


def stamp_digest(raw: RawDataset, on_progress: OnProgress | None = None) -> str:
    """The SHA-256 of the names with the size and modification time of each file, the checksum of
    each file in an archive, or the text. No file is read."""
    total = hashlib.sha256(json.dumps([raw.modality, raw.skipped]).encode())
    examples: Iterable[Any] = raw.examples
    if isinstance(raw.examples, LazyFiles):
        examples = map(_size_and_time, raw.examples.paths())
    named = zip(raw.names, examples, strict=True)
    done = 0
    while block := list(islice(named, _ENTRIES)):
        total.update(json.dumps(block).encode())
        done += len(block)
        if on_progress:
            on_progress(Progress(CHECKING, done, len(raw)))
    return total.hexdigest()


def _size_and_time(path: Traversable | str) -> tuple[int, int] | None:
    if isinstance(path, ArchiveEntry):
        return (path.info.file_size, path.info.CRC) if path.info else None
    stamp = _stamp(path) if isinstance(path, Path | str) else None
    return stamp and stamp[1:]


def _files(raw: RawDataset) -> Sequence[LabeledFile]:
    return raw.examples.files if isinstance(raw.examples, LazyFiles) else []


def _hash(path: Path, on_progress: OnProgress | None = None) -> bytes:
    """The SHA-256 of a file, or of the reason why it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open_regular_file(path) as file:
            blocks = -(-path.stat().st_size // _BLOCK)
            for index, block in enumerate(iter(lambda: file.read(_BLOCK), b"")):
                digest.update(block)
                if on_progress:
                    on_progress(Progress(CHECKING, index + 1, max(blocks, index + 1)))
    except DataError:  # a pipe, perhaps
        return hashlib.sha256(b"not read: no regular file").digest()
    except OSError as error:
        return hashlib.sha256(f"not read: {error.errno}".encode()).digest()
    return digest.digest()


def _stamp(path: Path | str) -> Stamp:
    try:
        status = os.stat(path)  # noqa: PTH116 - a path of a text takes longer than this
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
