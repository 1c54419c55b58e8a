"""How good a network is on pictures it has not learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..network import Network


@dataclass(frozen=True)
class Scores:
    """Counts of right class (row) against the net's answer (column), and what follows from them."""

    classes: tuple[str, ...]
    confusion: npt.NDArray[np.int64]

    @property
    def n(self) -> int:
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """The share that is right."""
        return float(self.confusion.trace() / self.n)

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
        """Plain values: n, classes, accuracy, macro_f1, confusion, per_class."""
        counts = self.confusion.sum(axis=1)
        columns = zip(self.classes, counts, self.precision, self.recall, self.f1, strict=True)
        return {
            "n": self.n,
            "classes": list(self.classes),
            "accuracy": self.accuracy,
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
    given, right = net.examples(pictures, labels)
    answers = net.logits(given).argmax(axis=1)
    confusion = np.zeros((len(net.classes), len(net.classes)), np.int64)
    np.add.at(confusion, (right, answers), 1)
    return Scores(net.classes, confusion)


def _ratio(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), 0.0)
