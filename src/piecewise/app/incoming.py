"""Files that are on their way into a project."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from ..core.atomic_write import sync_folder
from ..core.errors import DataError

THREADS = 8
"""Files that are written at a time: a disk syncs several about as fast as one."""


class Incoming:
    """Files that are written and synced to disk in a folder of their own, where no reader sees
    them. They enter the project all at once, or are deleted when the block ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: dict[str, list[str]] = {}
        """The names of the files by the path of their folder, relative to the project."""
        self.new_classes: dict[str, str] = {}
        """The names of new classes by their folders."""

    def __enter__(self) -> Incoming:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def count(self) -> int:
        """The number of files."""
        return sum(map(len, self.files.values()))

    def write(self, parent: str, files: Sequence[tuple[str, bytes]]) -> None:
        """Write files, names and contents, of a folder; DataError."""
        folder = self._folder / parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if len(files) == 1:
                _write(folder, files[0])
            elif files:
                with ThreadPoolExecutor(THREADS) as pool:
                    list(pool.map(_write, [folder] * len(files), files))
        except OSError as error:
            raise DataError(f"{files[0][0] if files else parent}: not saved: {error.strerror}"
                            ) from None  # fmt: skip
        self.files.setdefault(parent, []).extend(name for name, _ in files)

    def move_to(self, folder: Path) -> None:
        """Move all files to a folder, which is new; DataError."""
        for parent in self.files:
            sync_folder(self._folder / parent)
        try:
            self._folder.rename(folder)
        except OSError as error:
            raise DataError(f"not saved: {error.strerror}") from None


def _write(folder: Path, file: tuple[str, bytes]) -> None:
    name, content = file
    with (folder / name).open("xb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
