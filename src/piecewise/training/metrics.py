"""How good a network is on pictures it has not learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..inputs import check_examples
from ..network import Network


@dataclass(frozen=True)
class Scores:
    """Counts of right class (row) against the net's answer (column), and what follows from them."""

    classes: tuple[str, ...]
    confusion: npt.NDArray[np.int64]
    repeats: int = 1
    """How many answers were counted for each picture, by networks of different folds."""

    @property
    def n(self) -> int:
        """Pictures."""
        return int(self.confusion.sum()) // self.repeats

    @property
    def accuracy(self) -> float:
        """The share that is right."""
        return float(self.confusion.trace() / self.confusion.sum())

    @property
    def interval(self) -> tuple[float, float]:
        """Where the share of right answers lies for all pictures of this kind, 95 times of 100
        (Wilson 1927): what is known from ``n`` of them."""
        return wilson_interval(self.accuracy, self.n)

    @property
    def baseline(self) -> float:
        """The accuracy of always naming the most frequent class."""
        return float(self.confusion.sum(axis=1).max() / self.confusion.sum())

    @property
    def precision(self) -> npt.NDArray[np.float64]:
        """By class: of the answers that name it, the share that is right; 0 if there are none."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(axis=0))

    @property
    def recall(self) -> npt.NDArray[np.float64]:
        """By class: of its pictures, the share that is found; 0 if there are none."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(axis=1))

    @property
    def f1(self) -> npt.NDArray[np.float64]:
        """By class: the harmonic mean of precision and recall."""
        pictures, answers = self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        return _ratio(2 * self.confusion.diagonal(), pictures + answers)

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the classes that have pictures or answers."""
        met = (self.confusion.sum(axis=0) + self.confusion.sum(axis=1)) > 0
        return float(self.f1[met].mean())

    def to_json(self) -> dict[str, Any]:
        """Plain values: n, classes, accuracy, accuracy_interval, baseline_accuracy, macro_f1,
        confusion, per_class."""
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


def evaluate(net: Network, pictures: npt.ArrayLike, labels: npt.ArrayLike) -> Scores:
    """The scores of ``net`` on pictures (N, C, H, W) with class numbers (N,)."""
    given, right = check_examples(net, pictures, labels)
    return scores_from_logits(net.classes, net.logits(given), right)


def scores_from_logits(
    classes: tuple[str, ...],
    logits: npt.NDArray[np.float32],
    right: npt.NDArray[np.int64],
    repeats: int = 1,
) -> Scores:
    """The scores of answers (N, classes) to pictures of these right classes (N,); the pictures in
    all, ``repeats`` times."""
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (right, logits.argmax(axis=1)), 1)
    return Scores(classes, confusion, repeats)


_NORMAL = 1.959963984540054
"""Deviations to each side that hold 95 of 100."""


def wilson_interval(share: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a share found in ``n`` trials."""
    square = _NORMAL * _NORMAL / n
    middle = (share + square / 2) / (1 + square)
    reach = (share * (1 - share) * square + square * square / 4) ** 0.5 / (1 + square)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _ratio(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), 0.0)
