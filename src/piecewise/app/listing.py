"""The samples in a project's folder: part/class folder/file, as `piecewise train` reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ..core.errors import DataError, shown
from ..data.modalities import MODALITY_OF_SUFFIX
from ..data.sources.folder_scan import is_user_file
from .failures import MissingError

PARTS = ("train", "test")
MAX_SAMPLES = 100_000
"""Samples of a project."""
_NUMBER = re.compile(r"(\d{1,9})")


class Listing:
    """The files of every class in every part, in the order of their names.

    A project has the folders train and test, with a folder per class in each. A folder that has
    class folders but no train is read as training data.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, dict[str, list[str]]] = {part: {} for part in PARTS}
        self.refresh()

    def refresh(self) -> None:
        """Read the folders."""
        self._is_plain = not (self._root / "train").is_dir() and any(_folders(self._root))
        for part in PARTS:
            base = self._root / self.folder_of(part)
            self._files[part] = {
                folder.name: sorted(file.name for file in folder.iterdir() if _is_sample(file))
                for folder in _folders(base)
                if not (self._is_plain and folder.name == "test")
            }

    def folder_of(self, part: str) -> str:
        """The folder of a part, relative to the project; empty for the project itself."""
        if part not in PARTS:
            raise DataError(f"part: got {shown(part)}, wanted train or test")
        return "" if part == "train" and self._is_plain else part

    def path_of(self, part: str, folder: str, file: str = "") -> str:
        """The path of a class or a file, relative to the project."""
        return "/".join(one for one in (self.folder_of(part), folder, file) if one)

    @property
    def folders(self) -> list[str]:
        """The folders of classes, in the order of their names."""
        return sorted({folder for part in PARTS for folder in self._files[part]})

    def files(self, part: str, folder: str) -> list[str]:
        """The names of the files of a class in a part."""
        self.folder_of(part)
        return self._files[part].get(folder, [])

    def ids(self, part: str, folder: str) -> list[str]:
        """The ids of the samples of a class in a part: part/folder/file."""
        return [f"{part}/{folder}/{file}" for file in self.files(part, folder)]

    def all_ids(self) -> list[str]:
        """The ids of all samples."""
        return [one for part in PARTS for folder in self.folders for one in self.ids(part, folder)]

    def lookup(self, sample_id: object) -> tuple[str, str, str]:
        """The part, folder and file of an id that is in the listing; DataError for any other."""
        parts = sample_id.split("/") if isinstance(sample_id, str) else []
        if len(parts) == 3 and parts[0] in PARTS and parts[2] in self.files(parts[0], parts[1]):
            return parts[0], parts[1], parts[2]
        raise MissingError(f"sample: there is none of the name {shown(sample_id)}")

    def path(self, sample_id: object) -> Path:
        """The file of a sample."""
        return self._root / self.path_of(*self.lookup(sample_id))

    def next_number(self, folder: str, others: Iterable[str] = ()) -> int:
        """One more than the highest number that a file name of this class begins with."""
        names = [file for part in PARTS for file in self.files(part, folder)]
        found = (_NUMBER.match(name) for name in [*names, *others])
        return 1 + max((int(match[1]) for match in found if match), default=0)


def _folders(base: Path) -> list[Path]:
    """The class folders of a folder; none if it is missing."""
    if not base.is_dir():
        return []
    return [one for one in sorted(base.iterdir())
            if one.is_dir() and not one.is_symlink() and is_user_file(one)]  # fmt: skip


def _is_sample(file: Path) -> bool:
    return is_user_file(file) and file.suffix.lower() in MODALITY_OF_SUFFIX and file.is_file()
