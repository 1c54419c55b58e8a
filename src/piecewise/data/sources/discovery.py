"""What lies in a data set, found and named but not prepared: the same for all that can be read."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.errors import NO_NAME, DataError
from ..modalities import MODALITIES
from . import csv_tables
from .folders import FolderListing, LabeledFile, Traversable, list_files
from .npz import read_npz
from .zip_archives import ArchiveEntry, list_zip

WANTED = (
    "a folder with one folder per class, a .zip of one, an .npz of pictures, or a .csv, .tsv or "
    ".jsonl of texts"
)


class LazyFiles(Sequence[Any]):
    """What is in files, each read when it is asked for; DataError where one cannot be read."""

    def __init__(self, files: list[LabeledFile], reads: str) -> None:
        self.files, self._read = files, MODALITIES[reads].preprocessor.read

    def __len__(self) -> int:
        return len(self.files)

    def size(self, index: int) -> int:
        """The bytes of a file, unpacked; 0 where it cannot be looked at."""
        place = self.files[index].path
        if isinstance(place, ArchiveEntry):
            return place.info.file_size if place.info else 0
        try:
            return place.stat().st_size if isinstance(place, Path) else 0
        except OSError:
            return 0

    def __getitem__(self, index: Any) -> Any:
        path: Traversable = self.files[index].path
        if isinstance(path, Path):
            return self._read(path)
        return self._read(path.read_bytes(), str(path))


@dataclass
class RawDataset:
    """Examples as they lie: pictures (N, rows, columns, channels), texts, or what is in files, with
    a class name, a part ("train", "validation", "test") and a name for people each."""

    modality: str
    """A word of `MODALITIES`."""
    examples: Sequence[Any] | npt.NDArray[np.uint8]
    labels: list[str]
    splits: npt.NDArray[np.str_]
    names: Sequence[str]
    class_order: list[str] | None = None
    """The class names in the order of the file, where it gives one."""
    numeric_labels: bool = False
    """Whether the labels are numbers that the file gives no names for."""
    fields: Mapping[str, Sequence[Any] | npt.NDArray[Any]] = field(default_factory=dict)
    """What else the file says of each, by name."""
    skipped: list[str] = field(default_factory=list)
    """A sentence for whatever is left out."""

    def __len__(self) -> int:
        return len(self.labels)


def discover(place: Path) -> RawDataset:
    """What a data set holds; DataError if it is none."""
    suffix = place.suffix.lower()
    if _is_folder(place):
        found = _from_listing(list_files(place))
    elif suffix == ".zip":
        found = _from_listing(list_zip(place))
    elif suffix == ".npz":
        found = _from_npz(place)
    elif suffix in csv_tables.SUFFIXES:
        found = _from_columns(place)
    else:
        raise DataError(f"{place}: wanted {WANTED}")
    if not len(found):
        raise DataError(f"{place}: there is not one example in it")
    return found


def _is_folder(place: Path) -> bool:
    """Whether it is a folder rather than a file; DataError if it is neither."""
    try:
        return stat.S_ISDIR(place.stat().st_mode)
    except FileNotFoundError:
        raise DataError(f"{place}: no such file or folder") from None
    except OSError as error:  # a name too long, a folder closed
        raise DataError(f"{place}: {error.strerror}") from None
    except ValueError:  # a zero in it
        raise DataError(f"{place}: {NO_NAME}") from None


def _from_listing(listing: FolderListing) -> RawDataset:
    files = listing.files
    return RawDataset(
        listing.modality,
        LazyFiles(files, listing.modality),
        [entry.label for entry in files],
        np.array([entry.split for entry in files]),
        [str(entry.path) for entry in files],
        skipped=listing.skipped,
    )


def _from_npz(place: Path) -> RawDataset:
    table = read_npz(place)
    given, numbers = table.labels, False
    if given.dtype.kind == "U" or table.classes is None:
        numbers = given.dtype.kind != "U"
        labels = [str(label) for label in given.tolist()]
        order = [str(label) for label in np.unique(given).tolist()] if numbers else table.classes
    else:
        if len(given) and not 0 <= int(given.min()) <= int(given.max()) < len(table.classes):
            raise DataError(
                f"{place}: labels from {given.min()} to {given.max()}, wanted 0 to "
                f"{len(table.classes) - 1}, one for each of its {len(table.classes)} class names"
            )
        labels, order = [table.classes[label] for label in given.tolist()], table.classes
    names = _Numbered(str(place), len(labels))
    return RawDataset(
        "pictures", table.images, labels, table.splits, names, order, numbers, table.fields
    )


def _from_columns(place: Path) -> RawDataset:
    table = csv_tables.read_text_table(place)
    names = [f"{place}: line {line}" for line in table.lines]
    return RawDataset(
        "texts", table.texts, table.labels, table.splits, names,
        fields=table.other_columns, skipped=table.skipped,
    )  # fmt: skip


class _Numbered(Sequence[str]):
    """Names for examples that have none: the file's, and their number in it."""

    def __init__(self, file: str, count: int) -> None:
        self.file, self.numbers = file, range(count)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: Any) -> Any:
        return f"{self.file}: picture {self.numbers[index]}"
