"""Simple models of scikit-learn, one for each kind of data, that a ConvNet has to beat.

They get the same training examples as the net (with its validation split) and are scored on the
same examples. Nothing about them is chosen by their scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from piecewise.data.dataset import Dataset
from piecewise.training.splits import assign_folds

from .machine import cpu_seconds

NAMES = {
    "pictures": "SVC on pixels",
    "sounds": "SVC on band statistics",
    "texts": "SVC on words and characters",
}
_COMPONENTS = 100
Values = Any


@dataclass(frozen=True)
class SimpleScore:
    """The accuracy of a simple model, and the CPU seconds of its training and predictions."""

    model: str
    accuracy: float
    seconds: float


def simple_score(data: Dataset, folds: int) -> SimpleScore | None:
    """The simple model for a data set: trained on all examples outside the test split and scored on
    it, or scored in ``folds`` (those of seed 0) of the training split. None without
    scikit-learn."""
    try:
        import sklearn  # noqa: F401, PLC0415 - an optional package
    except ImportError:
        return None
    began = cpu_seconds()
    kind = data.preprocessor.modality
    inputs, labels, splits = _examples(data, kind)
    if folds:
        training = splits == "train"
        inputs, labels = _rows(inputs, training), labels[training]
        fold = assign_folds(labels, 0, 0, folds)
        parts = [fold == number for number in range(folds)]
    else:
        parts = [splits == "test"]
    right = [_right(kind, inputs, labels, part) for part in parts if part.any()]
    accuracy = float(np.concatenate(right).mean())
    return SimpleScore(NAMES[kind], accuracy, cpu_seconds() - began)


def _right(kind: str, inputs: Values, labels: Values, held_out: Values) -> Values:
    """Which of the held-out examples a model that is trained on the others gets right."""
    model = _model(kind, inputs)
    model.fit(_rows(inputs, ~held_out), labels[~held_out])
    return np.asarray(model.predict(_rows(inputs, held_out)) == labels[held_out])


def _examples(data: Dataset, kind: str) -> tuple[Values, Values, Values]:
    """What the model reads of each example, its label and its split."""
    if kind == "texts":
        return list(data.texts or ()), data.labels, data.splits
    if kind == "sounds":
        return _recordings(data)
    pixels = np.asarray(data.inputs).reshape(len(data), -1).astype(np.float32) / 255
    return pixels, data.labels, data.splits


def _recordings(data: Dataset) -> tuple[Values, Values, Values]:
    """The mean and the deviation of each band over the steps of a recording that are not silent.
    The parts of a long recording count as one."""
    number = np.arange(len(data)) if data.recordings is None else data.recordings
    _, first, counts = np.unique(number, return_index=True, return_counts=True)
    features = []
    for start, count in zip(first.tolist(), counts.tolist(), strict=True):
        steps = np.concatenate(np.asarray(data.inputs[start : start + count])[:, 0], axis=1)
        heard = steps[:, steps.any(axis=0)] if steps.any() else steps
        features.append(np.concatenate([heard.mean(axis=1), heard.std(axis=1)]))
    return np.array(features), data.labels[first], data.splits[first]


def _model(kind: str, inputs: Values) -> Any:
    """An untrained model."""
    # The modules are optional, and take a second to import.
    from sklearn.decomposition import PCA  # noqa: PLC0415
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline, make_union  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415
    from sklearn.svm import SVC, LinearSVC  # noqa: PLC0415

    if kind == "texts":
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
        return make_pipeline(make_union(words, characters), LinearSVC(random_state=0))
    if kind == "sounds":
        return make_pipeline(StandardScaler(), SVC(C=10))
    components = min(_COMPONENTS, inputs.shape[1], len(inputs) // 2)
    return make_pipeline(PCA(components, random_state=0), SVC(C=10))


def _rows(inputs: Values, mask: Values) -> Values:
    """The examples where the mask is True, of an array or a list."""
    if isinstance(inputs, Sequence):
        return [inputs[row] for row in np.flatnonzero(mask).tolist()]
    return inputs[mask]
