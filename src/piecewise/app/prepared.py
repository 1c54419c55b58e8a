"""Prepared samples of a project: each file is decoded and preprocessed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from ..core.array_types import Array, Labels
from ..core.errors import DataError
from ..data.dataset import Dataset
from ..data.modalities import MODALITIES
from ..data.preprocessing import Preprocessor
from .failures import ConflictError
from .listing import PARTS
from .project import Project

MAX_REMEMBERED = 1 << 28
"""Bytes of prepared inputs that are kept in memory."""


class PreparedSplit(NamedTuple):
    """The prepared samples of a part: inputs (N, ...), labels (N,) and ids; and a message for each
    file that cannot be read."""

    inputs: Array
    labels: Labels
    ids: list[str]
    problems: list[str]


class PreparedSamples:
    """The samples of a project as inputs of a network; they are remembered until the preprocessor
    changes."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._preprocessor: Preprocessor | None = None
        self._inputs: dict[tuple[str, int], Array] = {}
        self._fitted: tuple[str, Preprocessor] | None = None
        self._lock = Lock()

    def preprocessor(self) -> Preprocessor:
        """The pinned preprocessor, or one that is fitted to the training samples and pinned."""
        pinned = self._project.preprocessor
        if pinned is not None:
            return pinned
        fitted = self.fitted()
        self._project.pin(fitted)
        return fitted

    def for_teaching(self) -> Preprocessor:
        """The preprocessor of the next net. The vocabulary of texts follows the samples, unless the
        pinned one is that of an imported net."""
        project = self._project
        if project.kind != "texts" or project.has_imported_preprocessor:
            return self.preprocessor()
        digest = project.data_sha256()
        if self._fitted is None or self._fitted[0] != digest:
            self._fitted = digest, self.fitted()
        return self._fitted[1]

    def fitted(self) -> Preprocessor:
        """A preprocessor that is fitted to the samples that `read_data` would choose."""
        ids, numbers = self._project.labelled("train")
        modality = MODALITIES[self._project.kind]
        for step in (max(1, len(ids) // modality.sample_size), 1):
            labels: list[int] = []
            examples = self._readable(ids[::step], numbers[::step], labels)
            if (first := next(examples, None)) is not None:
                options: dict[str, Any] = {"labels": labels} if modality.fits_to_labels else {}
                return modality.fit_preprocessor(chain([first], examples), **options)
        raise DataError(f"none of the {len(ids):,} {self._project.kind} can be read")

    def split(
        self, part: str, classes: Sequence[str], most: int | None = None,
        check: Callable[[], None] = lambda: None, preprocessor: Preprocessor | None = None,
    ) -> PreparedSplit:  # fmt: skip
        """The samples of a part; ``classes`` are the folders in the order of the labels. At most
        ``most`` are read, as many of each class as possible; ``check`` may raise before each.
        ``preprocessor``: another one than the pinned one."""
        with self._lock:
            return self._split(part, most, check, preprocessor or self.preprocessor())

    def dataset(
        self, classes: Sequence[str] | None = None, preprocessor: Preprocessor | None = None
    ) -> Dataset:
        """The samples of both parts; their names are their ids. ``classes``: those of a net, in
        whose order they are numbered; ConflictError if the project has others. ``preprocessor``:
        another one than the pinned one."""
        own = self._project.classes()
        names, folders = [one.name for one in own], [one.folder for one in own]
        preprocessor = preprocessor or self.preprocessor()
        splits = [self.split(part, folders, preprocessor=preprocessor) for part in PARTS]
        labels = np.concatenate([one.labels for one in splits])
        return Dataset(
            np.concatenate([one.inputs for one in splits]),
            labels if classes is None else renumbered(labels, names, classes),
            tuple(names if classes is None else classes),
            np.repeat(PARTS, [len(one.ids) for one in splits]),
            preprocessor,
            names=[sample for one in splits for sample in one.ids],
        )

    def _readable(
        self, ids: Sequence[str], numbers: Sequence[int], labels: list[int]
    ) -> Iterator[Any]:
        """The decoded samples that can be read; the label of each is added to ``labels``."""
        read = MODALITIES[self._project.kind].preprocessor.read
        for one, number in zip(ids, numbers, strict=True):
            try:
                example = read(self._project.path(one))
            except DataError:
                continue
            labels.append(number)
            yield example

    def _split(
        self, part: str, most: int | None, check: Callable[[], None], preprocessor: Preprocessor
    ) -> PreparedSplit:
        if preprocessor != self._preprocessor:
            self._preprocessor, self._inputs = preprocessor, {}
        ids, numbers = self._project.labelled(part)
        if most is not None:
            rows = _evenly(np.array(numbers, np.int64), most).tolist()
            ids, numbers = [ids[row] for row in rows], [numbers[row] for row in rows]
        inputs, labels, kept, problems = [], [], [], []
        for one, number in zip(ids, numbers, strict=True):
            check()
            try:
                inputs.append(self._input(preprocessor, one))
            except (DataError, OSError) as error:
                problems.append(str(error).removeprefix(f"{self._project.root}/"))
                continue
            labels.append(number)
            kept.append(one)
        shape = (0, *preprocessor.example_shape)
        array = np.stack(inputs) if inputs else np.empty(shape, preprocessor.dtype)
        return PreparedSplit(array, np.array(labels, np.int64), kept, problems)

    def _input(self, preprocessor: Preprocessor, sample_id: str) -> Array:
        path = self._project.path(sample_id)
        key = sample_id, path.stat().st_mtime_ns
        found = self._inputs.get(key)
        if found is None:
            found = preprocessor.transform(preprocessor.read(path))
            if len(self._inputs) * found.nbytes < MAX_REMEMBERED:
                self._inputs[key] = found
        return found


def _evenly(labels: Labels, most: int) -> Array:
    """The rows of at most so many samples, as many of each class as possible, evenly spaced."""
    if len(labels) <= most:
        return np.arange(len(labels))
    each = max(1, most // len(np.unique(labels)))
    rows = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        rows.append(own[np.linspace(0, len(own) - 1, min(each, len(own))).astype(int)])
    return np.sort(np.concatenate(rows))


def renumbered(labels: Labels, names: Sequence[str], classes: Sequence[str]) -> Labels:
    """Labels of the classes of a project as numbers of the classes of a net; ConflictError if the
    net has others."""
    if set(names) != set(classes):
        raise ConflictError("the classes have changed since this net was taught")
    return np.array([list(classes).index(name) for name in names])[labels]
