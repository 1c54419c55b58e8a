"""Files that come from outside: checked before they are saved, and their names made plain."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import NamedTuple

from ..core.errors import DataError
from ..data.modalities import MODALITIES, MODALITY_OF_SUFFIX
from ..data.sources.other_files import advice_for

_MOST_NAME = 40


class Upload(NamedTuple):
    """A file to save: the end of its name after its number, its suffix, and its content."""

    end: str
    suffix: str
    content: bytes


def checked_upload(name: str, content: bytes, kind: str | None) -> Upload:
    """A file byte for byte, after it was decoded once; DataError if it cannot be read, or is of
    another kind than ``kind``."""
    stem, dot, suffix = PurePosixPath(name.replace("\\", "/")).name.rpartition(".")
    suffix = f"{dot}{suffix}".lower()
    own = MODALITY_OF_SUFFIX.get(suffix)
    if own is None:
        known = " ".join(one[1:] for one in MODALITY_OF_SUFFIX)
        wanted = advice_for(suffix) or f"wanted one of: {known}"
        raise DataError(f"{name[:200]}: of no known kind; {wanted}")
    if kind is not None and own != kind:
        raise DataError(f"{name[:200]}: one of {own}, but this project has {kind}")
    MODALITIES[own].preprocessor.read(content, name[:200])
    letters = (one if one.isalnum() or one in "-_" else "-" for one in stem)
    plain = "".join(letters)[:_MOST_NAME].strip("-")
    return Upload(f"-{plain}" if plain else "", suffix, content)
