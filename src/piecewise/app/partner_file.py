"""The archive of the partner of a learner, in a folder of the app's own."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..core.atomic_write import write_atomically
from ..core.errors import DataError, reason

MAX_BYTES = 64 << 20
"""Of the archive of a seat."""


class PartnerFile:
    """One archive, or none; its name is that of the seat."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def path(self) -> Path | None:
        """The archive."""
        return next(iter(sorted(self._folder.glob("*.zip"))), None)

    def keep(self, content: Path, seat: str) -> None:
        """Keep an archive in place of the one before; DataError if it cannot be saved. ``seat`` is
        one word, as `seat_names` gives it."""
        size = content.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{seat}: got {size:,} bytes, wanted at most {MAX_BYTES:,}")
        before, kept = self.path, self._folder / f"{seat}.zip"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(kept, content.read_bytes())
            if before and not before.samefile(kept):  # on some disks, "Anna" and "anna" are one
                before.unlink()
        except OSError as error:
            raise DataError(f"{seat}: not saved: {reason(error)}") from None

    def remove(self) -> None:
        """Remove the archive."""
        shutil.rmtree(self._folder, ignore_errors=True)
