"""For the tests of the classifier: pictures, a table, and what is taught from them."""

from __future__ import annotations

from typing import Any

import numpy as np

import piecewise as pw
from piecewise import ConvNetClassifier

LESSONS, UNSEEN = pw.make_xo(160, size=9, seed=0), pw.make_xo(100, size=9, seed=1)
PICTURES, LABELS = LESSONS.inputs[:, 0], np.array(["X", "O"])[LESSONS.labels]
ANSWERS = np.array(["X", "O"])[UNSEEN.labels]
SMALL: dict[str, Any] = {
    "layers": "conv 4 3, relu, pool 2, full",
    "epochs": 3,
    "learning_rate": 0.1,
    "augmentation": "none",
    "random_state": 0,
}
TABLE = np.random.default_rng(0).normal(5, 3, (60, 4))
KINDS = (TABLE[:, 0] + TABLE[:, 1] > 10).astype(int)


def rng() -> np.random.Generator:
    """The same numbers in every test, whichever run."""
    return np.random.default_rng(1)


def bits(classifier: ConvNetClassifier) -> str:
    return classifier.network_.parameters_sha256


def taught(X: Any = PICTURES, y: Any = LABELS, weights: Any = None, **said: Any) -> str:
    return bits(ConvNetClassifier(**{**SMALL, **said}).fit(X, y, weights))
