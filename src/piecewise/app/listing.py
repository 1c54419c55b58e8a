"""The samples in a project's folder: part/class folder/file, as `piecewise train` reads them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from ..core.errors import DataError, shown
from ..data.modalities import MODALITY_OF_SUFFIX
from ..data.sources.folder_scan import is_user_name
from .failures import MissingError

PARTS = ("train", "test")
MAX_SAMPLES = 100_000
"""Samples of a project."""
_NUMBER = re.compile(r"(\d{1,9})")


class ProjectClass(NamedTuple):
    """A class: its folder, its name, its samples for learning and for the test, and a number that
    changes with their names."""

    folder: str
    name: str
    train: int
    test: int
    revision: int


class SamplePage(NamedTuple):
    """Some samples of a class: how many there are, and the ids of those that were asked for."""

    total: int
    ids: list[str]


class Listing:
    """The files of every class in every part, in the order of their names.

    A project has the folders train and test, with a folder per class in each. A folder that has
    class folders but no train is read as training data.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, dict[str, dict[str, None]]] = {part: {} for part in PARTS}
        self._given: dict[str, int] = {}  # the highest number that a folder had, until now
        self.refresh()

    def refresh(self) -> None:
        """Read the folders."""
        root = str(self._root)
        self._is_plain = not (self._root / "train").is_dir() and bool(_folders(root))
        for part in PARTS:
            base = f"{root}/{self.folder_of(part)}".rstrip("/")
            self._files[part] = {
                folder: dict.fromkeys(_samples(f"{base}/{folder}"))
                for folder in _folders(base)
                if not (self._is_plain and folder == "test")
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
        return list(self._names(part, folder))

    def has(self, part: str, folder: str, file: str) -> bool:
        """Whether there is a file."""
        return file in self._names(part, folder)

    def count(self, part: str, folder: str) -> int:
        """The number of files of a class in a part."""
        return len(self._names(part, folder))

    def revision(self, folder: str) -> int:
        """A number that changes with the files of a class."""
        return crc32("\n".join(f"{part}/{file}" for part in PARTS
                               for file in self._names(part, folder)).encode())  # fmt: skip

    @property
    def total(self) -> int:
        """The number of all files."""
        return sum(len(names) for part in PARTS for names in self._files[part].values())

    def ids(self, part: str, folder: str) -> list[str]:
        """The ids of the samples of a class in a part: part/folder/file."""
        return [f"{part}/{folder}/{file}" for file in self._names(part, folder)]

    def sizes(self, part: str, folder: str) -> Iterable[tuple[str, int]]:
        """The id of each sample of a class in a part, and the bytes of its file."""
        base = f"{self._root}/{self.path_of(part, folder)}"
        for file in self.files(part, folder):
            yield f"{part}/{folder}/{file}", os.stat(f"{base}/{file}").st_size  # noqa: PTH116

    def first_id(self) -> str | None:
        """The id of a sample; None if there is none."""
        return next((f"{part}/{folder}/{file}" for part in PARTS
                     for folder, names in self._files[part].items() for file in names),
                    None)  # fmt: skip

    def lookup(self, sample_id: object) -> tuple[str, str, str]:
        """The part, folder and file of an id that is in the listing; DataError for any other."""
        parts = sample_id.split("/") if isinstance(sample_id, str) else []
        if len(parts) == 3 and parts[0] in PARTS and parts[2] in self._names(parts[0], parts[1]):
            return parts[0], parts[1], parts[2]
        raise _missing(sample_id)

    def path(self, sample_id: object) -> Path:
        """The file of a sample; MissingError, too, if it is just being moved or removed."""
        path = self._root / self.path_of(*self.lookup(sample_id))
        if not path.is_file():
            raise _missing(sample_id)
        return path

    def give_numbers(self, folder: str, count: int, others: Iterable[str] = ()) -> int:
        """The first of some numbers that begin no file name of a class, and never will be given
        again; ``others`` are names that the class had once."""
        names = [file for part in PARTS for file in self._names(part, folder)]
        if folder not in self._given:
            names += others
        found = (_NUMBER.match(name) for name in names)
        highest = max((int(match[1]) for match in found if match), default=0)
        first = max(highest, self._given.get(folder, 0)) + 1
        self._given[folder] = first + count - 1
        return first

    def _names(self, part: str, folder: str) -> dict[str, None]:
        self.folder_of(part)
        return self._files[part].get(folder, {})


def _folders(base: str) -> list[str]:
    """The class folders of a folder; none if it is missing."""
    try:
        with os.scandir(base) as entries:
            names = [one.name for one in entries if one.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(filter(is_user_name, names))


def _samples(folder: str) -> list[str]:
    """The samples of a class folder."""
    with os.scandir(folder) as entries:
        return sorted(one.name for one in entries if _is_sample(one.name) and one.is_file())


def _is_sample(name: str) -> bool:
    _, dot, suffix = name.rpartition(".")
    return is_user_name(name) and dot + suffix.lower() in MODALITY_OF_SUFFIX


def _missing(sample_id: object) -> MissingError:
    return MissingError(f"sample: there is none of the name {shown(sample_id)}")
