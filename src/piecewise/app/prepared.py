"""Prepared samples of a project: each file is decoded and preprocessed once."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from ..core.array_types import Array, Labels
from ..core.errors import DataError
from ..data.dataset import Dataset
from ..data.modalities import MODALITIES
from ..data.preprocessing import Preprocessor
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
        self._lock = Lock()

    def preprocessor(self) -> Preprocessor:
        """The pinned preprocessor, or one that is fitted to the training samples and pinned."""
        pinned = self._project.preprocessor
        if pinned is not None:
            return pinned
        ids, labels = self._project.labelled("train")
        modality = MODALITIES[self._project.kind]
        examples = [modality.preprocessor.read(self._project.path(one)) for one in ids]
        options: dict[str, Any] = {"labels": labels} if modality.fits_to_labels else {}
        fitted = modality.fit_preprocessor(examples, **options)
        self._project.pin(fitted)
        return fitted

    def split(self, part: str, classes: Sequence[str]) -> PreparedSplit:
        """The samples of a part; ``classes`` are the folders in the order of the labels."""
        with self._lock:
            return self._split(part)

    def dataset(self) -> Dataset:
        """The samples of both parts; their names are their ids."""
        classes = self._project.classes()
        folders = [one.folder for one in classes]
        splits = [self.split(part, folders) for part in PARTS]
        return Dataset(
            np.concatenate([one.inputs for one in splits]),
            np.concatenate([one.labels for one in splits]),
            tuple(one.name for one in classes),
            np.repeat(PARTS, [len(one.ids) for one in splits]),
            self.preprocessor(),
            names=[sample for one in splits for sample in one.ids],
        )

    def _split(self, part: str) -> PreparedSplit:
        preprocessor = self.preprocessor()
        if preprocessor != self._preprocessor:
            self._preprocessor, self._inputs = preprocessor, {}
        ids, numbers = self._project.labelled(part)
        inputs, labels, kept, problems = [], [], [], []
        for one, number in zip(ids, numbers, strict=True):
            try:
                inputs.append(self._input(preprocessor, one))
            except (DataError, OSError) as error:
                problems.append(str(error))
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
