"""A data set: examples prepared, labelled and divided into parts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.array_types import Labels
from ..core.constraints import Size2D
from ..core.errors import DataError, LimitError, shown
from ..core.progress import OnProgress
from ..spec.architecture import class_names
from .images.preprocessor import RESIZES
from .loading.loader import Reading, Sizes
from .loading.prepared_cache import Stored, stored
from .loading.subset import rows
from .modalities import MODALITIES
from .preprocessing import Preprocessor
from .sources.discovery import Gathered, gather
from .sources.folders import PARTS
from .sources.groups import Suggested, groups_of, suggested

Names = npt.NDArray[np.str_]


@dataclass
class Dataset:
    """Examples as a net takes them: pictures (N, C, H, W) as bytes, sounds as pictures (N, 1,
    bands, steps), texts as word numbers (N, positions); labels (N,) into ``classes``, and the part
    of each: "train", "validation" or "test"."""

    inputs: npt.NDArray[Any]
    labels: Labels
    classes: tuple[str, ...]
    splits: Names
    preprocessor: Preprocessor
    skipped: list[str] = field(default_factory=list)
    """A sentence for whatever could not be read."""
    groups: Names | None = None
    """Who drew, said or wrote each (N,): what is of one group stays on one side of a split."""
    names: Sequence[str] = ()
    """What a person calls each."""
    suggested: Sequence[Suggested] = ()
    """Groups that names, or fields, suggest."""
    sizes: Sizes | None = None
    """How large each was before it was prepared (N, 2), no number where that is not known; see
    `Preprocessor.size`."""
    not_kept: str | None = None
    """A sentence, if prepared inputs should have been kept and could not be."""

    def __post_init__(self) -> None:
        self.labels, self.splits = np.asarray(self.labels), np.asarray(self.splits)
        self._check_kinds()
        counts = len(self.inputs), len(self.labels), len(self.splits)
        if len(set(counts)) > 1:
            told = "{} pictures, {} labels and {} parts".format(*counts)
            raise DataError(f"data set: got {told}, wanted as many of each")
        if self.groups is not None and len(self.groups) != len(self):
            told = f"{len(self.groups)} groups for {len(self)} pictures"
            raise DataError(f"data set: got {told}, wanted one each")

    def _check_kinds(self) -> None:
        """Whether labels are class numbers and parts are known ones; DataError."""
        if not isinstance(self.preprocessor, Preprocessor):
            raise DataError(f"data set: got {shown(self.preprocessor)}, wanted a Preparation")
        labels, last = self.labels, len(self.classes) - 1
        if labels.ndim != 1 or self.splits.ndim != 1:
            raise DataError("data set: labels and parts want one value for each example")
        if labels.dtype.kind not in "iu" or (
            len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) <= last
        ):
            raise DataError(
                f"data set: labels want whole numbers from 0 to {last}, of a class each"
            )
        strange = sorted(set(self.splits.tolist()) - set(PARTS.values()))
        if strange:
            raise DataError(
                f"data set: got the part {shown(strange[0])}, wanted train, validation or test"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, name: str) -> tuple[npt.NDArray[Any], Labels]:
        """The pictures and labels of one part; empty if there is no such part."""
        chosen = self.splits == name
        return rows(self.inputs, chosen), self.labels[chosen]


def read_data(
    path: str | os.PathLike[str],
    preprocessor: Preprocessor | None = None,
    *,
    classes: Sequence[str] | None = None,
    size: tuple[int, int] | None = None,
    most: int | None = None,
    resize: str = "pad",
    groups: str | None = None,
    on_progress: OnProgress | None = None,
    every_class: bool = False,
    cache: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Read a folder with a folder per class, a `.zip` of one, an `.npz`, or a table of texts.

    Without a ``preprocessor`` one is fitted to the examples outside the test split: for pictures,
    ``size`` (rows, columns) if given, else their median size, its longer side at most
    ``most``; ``resize`` as in `ImagePreprocessor`. With ``classes`` (a net's), the labels are
    numbered by them. ``groups``: see `groups_of`. ``on_progress``: called for each
    example that is read. ``every_class``: a class with test examples only is a class, not an error.
    ``cache``: a folder for the prepared inputs; when the same files are read again with the same
    options, they are memory-mapped from there and nothing is decoded. Raises
    DataError, or LimitError where an option is outside its limits.
    """
    if not os.fspath(path):
        raise DataError("data: got no name, wanted that of a folder or a file")
    place = Path(path)
    if size is not None:
        size = Size2D(1, 1_024).check(size)  # type: ignore[assignment]
    gathered = gather(place)
    grouped = None if groups is None else np.array(groups_of(gathered, groups, place))
    if preprocessor is not None and preprocessor.reads != gathered.reads:
        raise DataError(f"{place}: got {gathered.reads}, wanted {preprocessor.reads} for this net")
    reading = Reading(gathered, place, on_progress)
    wishes = {"size": size, "most": most, "resize": RESIZES.check(resize)}
    if gathered.reads != "pictures":
        if size is not None or resize != "pad":
            raise DataError(f"{place}: got a size, or a way to resize, for {gathered.reads}")
        wishes = {}
    found = _prepared(reading, preprocessor, wishes, cache)
    inputs, kept, skipped = found.prepared
    labels, parts = [gathered.labels[index] for index in kept.tolist()], gathered.parts[kept]
    learned = np.full(len(parts), "train") if every_class else parts
    order = _class_order(gathered, labels, learned, place) if classes is None else classes
    return Dataset(
        inputs,
        _numbered(gathered, labels, _checked(order, place), place),
        _checked(order, place),
        parts,
        found.preprocessor,
        gathered.skipped + [sentence for _, sentence in skipped],
        None if grouped is None else grouped[kept],
        [gathered.names[index] for index in kept.tolist()],
        [one._replace(groups=one.groups[kept]) for one in suggested(gathered, place)],
        reading.sizes[kept],
        found.told,
    )


def as_dataset(
    data: Dataset | str | os.PathLike[str], on_progress: OnProgress | None = None
) -> Dataset:
    """A data set as it is, or read from its path with the defaults of `read_data`; DataError."""
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str | os.PathLike):
        return read_data(data, on_progress=on_progress)
    raise DataError(f"data: got {shown(data)}, wanted a data set from read_data, or its path")


def _prepared(
    reading: Reading,
    preprocessor: Preprocessor | None,
    wishes: dict[str, Any],
    cache: str | os.PathLike[str] | None,
) -> Stored:
    """The examples prepared, now or by an earlier reading."""
    decide = partial(MODALITIES[reading.gathered.reads].fit, **wishes)

    def decided() -> Preprocessor:
        return preprocessor or reading.decided(decide)

    if cache is None:
        return Stored(chosen := decided(), reading.prepared(chosen))
    given = preprocessor and preprocessor.to_json()
    return stored(Path(cache), reading, decided, {"preprocessor": given, **wishes})


def _checked(order: Sequence[str], place: Path) -> tuple[str, ...]:
    """Class names that a network can have; told now, not when the net is made."""
    try:
        return class_names(order)
    except LimitError as error:
        raise DataError(f"{place}: {error}") from None


def _class_order(gathered: Gathered, labels: list[str], parts: Names, place: Path) -> Sequence[str]:
    """The file's own order, or that of the names; DataError for a class that is only tested."""
    if gathered.order is not None:
        return gathered.order
    learned = {label for label, part in zip(labels, parts, strict=True) if part != "test"}
    if learned and (others := sorted(set(labels) - learned)):
        raise DataError(
            f"{place}: the class {shown(others[0])} is in its part for testing alone, wanted "
            "examples to learn it from, too"
        )
    return sorted(learned or set(labels))


def _numbered(gathered: Gathered, labels: list[str], order: tuple[str, ...], place: Path) -> Labels:
    """The labels as places in the order of the classes; numbers without names are places already,
    unless the classes are named by just these numbers."""
    number = {name: index for index, name in enumerate(order)}
    if gathered.numbers and not number.keys() >= set(labels):
        number = {str(index): index for index in range(len(order))}
    strange = next((label for label in labels if label not in number), None)
    if strange is not None:
        raise DataError(
            f"{place}: holds the class {shown(strange)}, wanted {shown(list(order), most=200)}"
        )
    return np.array([number[label] for label in labels], np.int64)
