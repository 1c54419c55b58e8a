"""Evaluation metrics: confusion matrix, accuracy, precision, recall and F1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.array_types import Float32, Float64, Int64, Labels


@dataclass(frozen=True)
class Scores:
    """The confusion matrix of a network, and the metrics computed from it.

    Parameters
    ----------
    classes : tuple of str
        The names of the classes.
    confusion : array of int64 (classes, classes)
        The number of examples by true label (row) and predicted class (column).
    repeats : int
        How many predictions were counted for each example, in repeated cross-validation.

    Examples
    --------
    >>> import numpy as np, piecewise as pw
    >>> pw.Scores(("a", "b"), np.array([[3, 1], [0, 4]])).accuracy
    0.875
    """

    classes: tuple[str, ...]
    confusion: Int64
    repeats: int = 1

    @property
    def n(self) -> int:
        """The number of examples."""
        return int(self.confusion.sum()) // self.repeats

    @property
    def accuracy(self) -> float:
        """The fraction of examples whose predicted class is the true label."""
        return float(self.confusion.trace() / self.confusion.sum())

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the accuracy (Wilson 1927)."""
        return wilson_interval(self.accuracy, self.n)

    @property
    def baseline(self) -> float:
        """The accuracy of always predicting the most frequent class."""
        return float(self.confusion.sum(axis=1).max() / self.confusion.sum())

    @property
    def precision(self) -> Float64:
        """By class: the fraction of its predictions that are correct; 0 without predictions."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(axis=0))

    @property
    def recall(self) -> Float64:
        """By class: the fraction of its examples that are predicted as it; 0 without any."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(axis=1))

    @property
    def f1(self) -> Float64:
        """By class: the harmonic mean of precision and recall."""
        examples, predictions = self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        return _ratio(2 * self.confusion.diagonal(), examples + predictions)

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the classes that have examples or predictions."""
        present = (self.confusion.sum(axis=0) + self.confusion.sum(axis=1)) > 0
        return float(self.f1[present].mean())

    def to_json(self) -> dict[str, Any]:
        """The metrics as JSON values.

        Returns
        -------
        dict
            n, classes, accuracy, accuracy_interval, baseline_accuracy, macro_f1, confusion and
            per_class.
        """
        counts = self.confusion.sum(axis=1)
        columns = zip(self.classes, counts, self.precision, self.recall, self.f1, strict=True)
        return {
            "n": self.n,
            "classes": list(self.classes),
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.interval),
            "baseline_accuracy": self.baseline,
            "macro_f1": self.macro_f1,
            "confusion": self.confusion.tolist(),
            "per_class": {
                name: {
                    "n": int(count),
                    "precision": float(precision),
                    "recall": float(recall),
                    "f1": float(f1),
                }
                for name, count, precision, recall, f1 in columns
            },
        }


def scores_from_logits(
    classes: tuple[str, ...],
    logits: Float32,
    labels: Labels,
    repeats: int = 1,
) -> Scores:
    """The scores of logits (N, classes) for labels (N,); each example occurs ``repeats`` times."""
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (labels, logits.argmax(axis=1)), 1)
    return Scores(classes, confusion, repeats)


def score_record(
    accuracy: float, interval: tuple[float, float], n: int, baseline: float
) -> dict[str, Any]:
    """The score of ``n`` examples as a model file keeps it, as JSON values."""
    return {
        "accuracy": accuracy,
        "accuracy_interval": list(interval),
        "n": n,
        "baseline_accuracy": baseline,
    }


_NORMAL_QUANTILE = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


def wilson_interval(fraction: float, n: float) -> tuple[float, float]:
    """The 95 % confidence interval of a fraction of ``n`` trials."""
    square = _NORMAL_QUANTILE * _NORMAL_QUANTILE / n
    middle = (fraction + square / 2) / (1 + square)
    margin = (fraction * (1 - fraction) * square + square * square / 4) ** 0.5 / (1 + square)
    return max(0.0, middle - margin), min(1.0, middle + margin)


def _ratio(count: Int64, total: Int64) -> Float64:
    return np.where(total > 0, count / np.maximum(total, 1), 0.0)
