"""What a learner answered in the lessons: JSON lines in the folder of the project.

A line is on disk before its answer is shown. A half line, which is left if the program ends while
it writes, is cut off at the next start.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from threading import Lock
from typing import Any

from ..core.atomic_write import write_atomically
from ..core.errors import DataError, reason

LOG = "learn.jsonl"
"""The name of the file, in the app's own folder of a project."""
MOST = 20_000
"""Answers that are kept."""
MAX_BYTES = 16 << 20
"""Of a file that is read; a larger one is begun anew."""
Record = dict[str, Any]


class LearnLog:
    """The answers of a learner, the oldest first."""

    def __init__(self, file: Path) -> None:
        self._file, self._lock = file, Lock()
        self._records, is_clean = _read(file)
        if not is_clean or len(self._records) > MOST:
            self._records = self._records[-MOST:]
            self._rewrite()

    def of(self, **values: Any) -> list[Record]:
        """The answers that have these values."""
        with self._lock:
            return [one for one in self._records if values.items() <= one.items()]

    def last(self, **values: Any) -> Record | None:
        """The last answer that has these values."""
        found = self.of(**values)
        return found[-1] if found else None

    def add(self, **values: Any) -> None:
        """Keep an answer; DataError if it cannot be saved."""
        line = json.dumps(values, ensure_ascii=False).encode() + b"\n"
        with self._lock:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._append(line)
            except OSError as error:
                raise DataError(f"{self._file.name}: not saved: {reason(error)}") from None
            self._records.append(values)

    def _append(self, line: bytes) -> None:
        with self._file.open("ab") as file:
            size = file.tell()
            try:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.truncate(self._file, size)
                raise

    def _rewrite(self) -> None:
        """Write the file anew, with whole lines only."""
        lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in self._records]
        try:
            write_atomically(self._file, "".join(lines).encode())
        except OSError as error:
            raise DataError(f"{self._file.name}: not saved: {reason(error)}") from None


def _read(file: Path) -> tuple[list[Record], bool]:
    """The whole lines of a file, and whether there is nothing else in it."""
    try:
        if file.stat().st_size > MAX_BYTES:
            return [], False
        *lines, rest = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return [], True
    except OSError as error:
        raise DataError(f"{file.name}: cannot be read: {reason(error)}") from None
    records = []
    for line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            records.append(value)
    return records, not rest and len(records) == len(lines)
