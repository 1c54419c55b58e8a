"""Prediction files that the same command continues after an interruption.

While predictions are written to ``answers.csv``, they are in ``answers.csv.partial``, and the
header ``answers.csv.partial.json`` says which net, inputs and options they are of, and how many
bytes are valid. At the end, the partial file becomes the prediction file. Both names differ from
those of the temporary files that `atomic_write` removes.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from ..core.atomic_write import remove_leftovers, sync_folder, write_atomically
from ..core.errors import DataError, reason
from ..core.locks import lock
from ..core.version import __version__
from .interrupts import ignore_interrupts

SYNC_SECONDS = 5.0
"""After this time, the next finished batch is synced to disk."""
MAX_NAME_BYTES = 200
"""Of the name of a file that can be continued, so that the suffixes fit."""

Convert = Callable[[IO[bytes], Path], None]
"""Makes the prediction file at a path of the bytes in a file."""


@dataclass
class RunState:
    """How far a run is after a batch, and what it will print at the end."""

    source: int = -1
    """The number of the source that is read: a folder, an archive, a table or named files."""
    position: int = 0
    """The inputs of this source that are finished."""
    count: int = 0
    """The predictions so far."""
    size: int = 0
    """The bytes of the partial file that are valid."""
    messages: dict[str, Any] = field(default_factory=dict)
    """The messages so far."""


class PartialFile:
    """The partial file of a prediction file, open and locked."""

    def __init__(self, path: Path, identity: str) -> None:
        self.path, self.identity = path, identity
        self.partial = path.with_name(f"{path.name}.partial")
        self.header = path.with_name(f"{path.name}.partial.json")
        self.state, self._saved_count, self._synced = RunState(), 0, time.monotonic()
        self.is_other = False
        """Whether there was a partial file that cannot be continued."""
        if path.exists() and not path.is_file():
            raise DataError(f"{path}: the path exists and is not a regular file")
        is_new = not self.partial.exists()
        if is_new:  # a partial file always has a header
            self._write_header()
        self.file = self.partial.open("x+b" if is_new else "r+b")
        try:
            self._lock()
            self._restore()
        except BaseException:
            self.file.close()
            raise

    def _lock(self) -> None:
        try:
            is_mine = lock(self.file.fileno())
        except OSError:  # a file system without locks
            return
        if not is_mine or not os.fstat(self.file.fileno()).st_nlink or not self.partial.exists():
            raise DataError(f"{self.path}: another process is writing predictions to it")

    def _restore(self) -> None:
        """Continue after the last batch of the header, or start from the beginning."""
        try:
            saved = json.loads(self.header.read_bytes())
            state, identity = RunState(**saved["state"]), saved["identity"]
            if saved["digest"] != _digest(identity, saved["state"]):
                raise ValueError
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            raise DataError(
                f"{self.partial}: the file exists, but has no valid {self.header.name}; remove it, "
                "or use another name for --output"
            ) from None
        is_complete = state.size <= os.fstat(self.file.fileno()).st_size
        if identity == self.identity and is_complete:
            self.state, self._saved_count = state, state.count
        else:
            self.is_other = state.count > 0
            self._write_header()
        self.file.truncate(self.state.size)
        self.file.seek(self.state.size)

    def write(self, content: bytes) -> None:
        self.file.write(content)

    def finish_batch(self, state: RunState) -> None:
        """Note that all bytes written so far are valid; sync them if it is time."""
        state.size = self.file.tell()
        self.state = state
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self.save()

    def save(self) -> None:
        """Sync the predictions to disk, then write the header that makes them valid."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self._write_header()
        self._synced = time.monotonic()

    def _write_header(self) -> None:
        state = asdict(self.state)
        header = {
            "identity": self.identity,
            "state": state,
            "digest": _digest(self.identity, state),
        }
        write_atomically(self.header, json.dumps(header).encode())
        self._saved_count = self.state.count

    def keep(self) -> None:
        """Keep what is finished for the next run, or remove the files if that is nothing."""
        if self.state.count:
            try:
                self.save()
            except OSError:  # a full disk: what was saved before stays valid
                if self._saved_count:
                    return
            else:
                return
        self.remove()

    def publish(self, convert: Convert | None) -> None:
        """Make the prediction file: rename the partial file, or convert it."""
        self.save()
        if convert:
            convert(self.file, self.path)
        else:
            if sys.platform == "win32":  # an open file cannot be renamed there
                self.file.close()
            self.partial.replace(self.path)
            sync_folder(self.path.parent)
        self.state = RunState()
        self.remove()

    def remove(self) -> None:
        """Remove the partial file and its header."""
        self.partial.unlink(missing_ok=True)
        self.header.unlink(missing_ok=True)
        remove_leftovers(self.path)


@contextmanager
def partial_file(path: Path, identity: str, convert: Convert | None) -> Iterator[PartialFile]:
    """A prediction file that appears complete when the block ends; DataError.

    If the block raises, what is finished is kept for the next run with the same ``identity``.
    """
    try:
        partial = PartialFile(path.resolve(), identity)
        try:
            yield partial
            partial.publish(convert)
        except BaseException:
            with ignore_interrupts(), suppress(OSError):
                partial.keep()
            raise
        finally:
            with suppress(OSError):  # a full disk: what is valid is saved
                partial.file.close()
    except OSError as error:
        raise DataError(f"{path}: not written: {reason(error)}") from None


def _digest(identity: str, state: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps([identity, state]).encode()).hexdigest()


def run_identity(*parts: object) -> str:
    """The SHA-256 of the version of piecewise and of all that determines the predictions."""
    return hashlib.sha256(
        repr((__version__, *parts)).encode("utf-8", "backslashreplace")
    ).hexdigest()
