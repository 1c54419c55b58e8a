"""A data set: pictures prepared, labelled and divided into parts."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..architecture import class_names
from ..errors import DataError, LimitError, shown
from ..limits import Sides
from .folders import Folder, Progress, Unpacked, read_folder
from .preparation import Pictures, Preparation, decide
from .tables import read_npz
from .zips import read_zip

Labels = npt.NDArray[np.int64]
Gathered = Unpacked | Pictures
"""Pictures (rows, columns, channels): one array of them, or one by one where their sizes differ."""

MOST_BYTES = 8 << 30
"""Of all prepared pictures together."""
_SAMPLE = 500  # pictures, at least, that a decision looks at where there are more


@dataclass
class DataSet:
    """Pictures (N, C, H, W) as bytes, labels (N,) into ``classes``, and the part of each: "train",
    "validation" or "test"."""

    pictures: Pictures
    labels: Labels
    classes: tuple[str, ...]
    parts: npt.NDArray[np.str_]
    preparation: Preparation
    skipped: list[str] = field(default_factory=list)
    """A sentence for each file that could not be read."""

    def __post_init__(self) -> None:
        self.labels, self.parts = np.asarray(self.labels), np.asarray(self.parts)
        counts = len(self.pictures), len(self.labels), len(self.parts)
        if len(set(counts)) > 1:
            told = "{} pictures, {} labels and {} parts".format(*counts)
            raise DataError(f"data set: got {told}, wanted as many of each")

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, name: str) -> tuple[Pictures, Labels]:
        """The pictures and labels of one part; empty if there is no such part."""
        chosen = self.parts == name
        if chosen.all():
            return self.pictures, self.labels
        return self.pictures[chosen], self.labels[chosen]


def read_data(
    path: str | os.PathLike[str],
    preparation: Preparation | None = None,
    *,
    classes: Sequence[str] | None = None,
    size: tuple[int, int] | None = None,
    most: int = 32,
    progress: Progress | None = None,
) -> DataSet:
    """Read a folder with a folder per class, a `.zip` of one, or an `.npz`.

    Without a ``preparation`` it is decided from the pictures not for testing: of ``size`` (rows,
    columns) if given, else of their median size, its longer side at most ``most``. With
    ``classes`` (a net's), the labels are numbered by them. Raises DataError.
    """
    place = Path(path)
    if size is not None:
        size = Sides(1, 1_024).check(size)  # type: ignore[assignment]
    raw: Gathered
    if _is_folder(place):
        raw, names, parts, skipped = _from_folder(read_folder(place, progress))
    elif place.suffix.lower() == ".zip":
        raw, names, parts, skipped = _from_folder(read_zip(place, progress))
    elif place.suffix.lower() == ".npz":
        raw, names, parts, skipped = _from_npz(place)
    else:
        raise DataError(
            f"{place}: wanted a folder with one folder per class, a .zip of one, or an .npz file"
        )
    if not len(raw):
        raise DataError(f"{place}: there is not one picture in it")
    order = _checked(classes if classes is not None else _class_order(names, parts), place)
    labels = _numbered(names, order, place)
    preparation = preparation or decide(_basis(raw, parts), size, most)
    pictures = _prepared(raw, preparation, place)
    return DataSet(pictures, labels, order, parts, preparation, skipped)


def _is_folder(place: Path) -> bool:
    """Whether it is a folder rather than a file; DataError if it is neither."""
    try:
        return stat.S_ISDIR(place.stat().st_mode)
    except FileNotFoundError:
        raise DataError(f"{place}: no such file or folder") from None
    except OSError as error:  # a name too long, a folder closed
        raise DataError(f"{place}: {error.strerror}") from None
    except ValueError:  # a zero in it
        raise DataError(f"{place}: no file can have this name") from None


def _basis(raw: Gathered, parts: npt.NDArray[np.str_]) -> Iterator[Pictures]:
    """The pictures that a preparation is decided from: evenly many of those not for testing."""
    chosen = np.flatnonzero(parts != "test")
    if not len(chosen):
        chosen = np.arange(len(raw))
    return (raw[index] for index in chosen[:: max(1, len(chosen) // _SAMPLE)].tolist())


def _checked(order: Sequence[str], place: Path) -> tuple[str, ...]:
    """Class names that a network can have; told now, not when the net is made."""
    try:
        return class_names(order)
    except LimitError as error:
        raise DataError(f"{place}: {error}") from None


@dataclass
class _Names:
    """Labels by name, and the class names in the file's own order where it gives one."""

    labels: list[str]
    order: list[str] | None
    numbers: bool = False
    """Whether the labels are numbers that the file gives no names for."""


def _from_folder(
    folder: Folder,
) -> tuple[Gathered, _Names, npt.NDArray[np.str_], list[str]]:
    parts = np.array([entry.part for entry in folder.listed])
    return folder.pictures, _Names([e.label for e in folder.listed], None), parts, folder.skipped


def _from_npz(
    place: Path,
) -> tuple[Gathered, _Names, npt.NDArray[np.str_], list[str]]:
    table = read_npz(place)
    labels = table.labels
    if labels.dtype.kind == "U" or table.classes is None:
        names = [str(label) for label in labels.tolist()]
        numeric = labels.dtype.kind != "U"
        order = [str(label) for label in np.unique(labels).tolist()] if numeric else table.classes
        return table.pictures, _Names(names, order, numeric), table.parts, []
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < len(table.classes):
        raise DataError(
            f"{place}: labels from {labels.min()} to {labels.max()}, wanted 0 to "
            f"{len(table.classes) - 1}, one for each of its {len(table.classes)} class names"
        )
    names = [table.classes[label] for label in labels.tolist()]
    return table.pictures, _Names(names, table.classes), table.parts, []


def _class_order(names: _Names, parts: npt.NDArray[np.str_]) -> Sequence[str]:
    """The file's own order, or that of the names; a class that is only tested is none."""
    if names.order is not None:
        return names.order
    learned = {label for label, part in zip(names.labels, parts, strict=True) if part != "test"}
    return sorted(learned or set(names.labels))


def _numbered(names: _Names, order: tuple[str, ...], place: Path) -> Labels:
    """The labels as places in the order of the classes; numbers without names are places already,
    unless the classes are named by just these numbers."""
    labels = names.labels
    number = {name: index for index, name in enumerate(order)}
    if names.numbers and not number.keys() >= set(labels):
        number = {str(index): index for index in range(len(order))}
    strange = next((label for label in labels if label not in number), None)
    if strange is not None:
        raise DataError(
            f"{place}: holds the class {shown(strange)}, wanted {shown(list(order), most=200)}"
        )
    return np.array([number[label] for label in labels], np.int64)


def _prepared(raw: Gathered, preparation: Preparation, place: Path) -> Pictures:
    channels, height, width = preparation.shape
    needed = len(raw) * channels * height * width
    if needed > MOST_BYTES:
        raise DataError(
            f"{place}: {len(raw):,} pictures of {channels}x{height}x{width} are {needed:,} bytes, "
            f"wanted at most {MOST_BYTES:,}; take a smaller size"
        )
    if isinstance(raw, np.ndarray) and raw.shape[1:] == (height, width, channels):
        return preparation.align(np.ascontiguousarray(raw.transpose(0, 3, 1, 2)))
    pictures = np.empty((len(raw), channels, height, width), np.uint8)
    for index, picture in enumerate(raw):
        pictures[index] = preparation.fit(picture)
    return pictures
