"""The mistakes of the net that was taught: on samples that it did not learn from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.array_types import Float32, Labels

MOST = 200
"""Mistakes that are listed, the most confident first."""


class HeldOut(NamedTuple):
    """The answers to samples by nets that did not learn from them."""

    attempt: int
    classes: tuple[str, ...]
    ids: list[str]
    labels: Labels
    probabilities: Float32
    """(N, classes)"""

    def to_json(self) -> dict[str, Any]:
        """The confusion matrix, true classes in rows; the mistakes, the most confident first."""
        answers = self.probabilities.argmax(axis=1)
        confusion = np.zeros((len(self.classes), len(self.classes)), np.int64)
        np.add.at(confusion, (self.labels, answers), 1)
        confidence = self.probabilities[np.arange(len(answers)), answers]
        order = np.argsort(-confidence, kind="stable")
        wrong = order[answers[order] != self.labels[order]]
        return {
            "attempt": self.attempt,
            "classes": list(self.classes),
            "n": len(self.ids),
            "confusion": confusion.tolist(),
            "count": len(wrong),
            "mistakes": [
                {
                    "id": self.ids[index],
                    "label": int(self.labels[index]),
                    "predicted": int(answers[index]),
                    "probability": float(confidence[index]),
                    "label_probability": float(self.probabilities[index, self.labels[index]]),
                }
                for index in wrong[:MOST].tolist()
            ],
        }
