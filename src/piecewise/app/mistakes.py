"""The mistakes of the net that was taught: on samples that it did not learn from."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np

from ..core.array_types import Float32, Labels
from ..insight.evaluation.error_table import PROBABILITIES, ErrorTable

MOST = 200
"""Mistakes that are listed, the most confident first."""
MOST_OF_CELL = 60
"""Samples that are listed of a cell of the confusion matrix, the most confident first."""


COVERAGE = 0.99
"""The fraction of held-out samples that a net should answer; the others it does not know."""
LEAST_COVERED = 30
"""With fewer held-out samples, there is no threshold."""


class HeldOut(NamedTuple):
    """The answers to samples by nets that did not learn from them."""

    attempt: int
    classes: tuple[str, ...]
    ids: list[str]
    labels: Labels
    probabilities: Float32
    """(N, classes)"""

    def saved(self) -> bytes:
        """These answers as a file."""
        values = {"classes": self.classes, "ids": self.ids, "labels": self.labels.tolist(),
                  "probabilities": self.probabilities.tolist()}  # fmt: skip
        return json.dumps(values, ensure_ascii=False).encode()

    @classmethod
    def from_saved(cls, attempt: int, values: dict[str, Any]) -> HeldOut | None:
        """The answers of a file; None if it is damaged."""
        try:
            classes, ids = tuple(map(str, values["classes"])), list(map(str, values["ids"]))
            labels = np.array(values["labels"], np.int64)
            probabilities = np.array(values["probabilities"], np.float32)
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        shapes = labels.shape, probabilities.shape
        fits = shapes == ((len(ids),), (len(ids), len(classes))) and len(ids) > 0
        if not fits or not np.isfinite(probabilities).all():
            return None
        if labels.min() < 0 or labels.max() >= len(classes):
            return None
        return cls(attempt, classes, ids, labels, probabilities)

    def doubt(self, coverage: float = COVERAGE) -> dict[str, float] | None:
        """The probability below which an answer counts as "don't know": the fraction ``coverage``
        of the samples reach it, and of these the fraction ``right`` are right. None if there are
        too few samples."""
        if len(self.ids) < LEAST_COVERED:
            return None
        confidence = self.probabilities.max(axis=1)
        answered = max(1, round(coverage * len(confidence)))
        threshold = float(np.sort(confidence)[::-1][answered - 1])
        is_right = self.probabilities.argmax(axis=1) == self.labels
        covered = confidence >= threshold
        return {"coverage": float(covered.mean()), "threshold": threshold,
                "right": float(is_right[covered].mean())}  # fmt: skip

    def doubtful_first(self, *, wrong: bool) -> dict[str, int]:
        """The rank of each sample by its id. The least certain answer comes first; with ``wrong``
        all mistakes come before, the most certain first."""
        answers = self.probabilities.argmax(axis=1)
        confidence = self.probabilities.max(axis=1).astype(np.float64)
        is_wrong = answers != self.labels
        keys = np.where(is_wrong, -1 - confidence, confidence) if wrong else confidence
        order = np.argsort(keys, kind="stable").tolist()
        return {self.ids[row]: rank for rank, row in enumerate(order)}

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
            "cells": self._cells(answers, order),
            "errors": self._errors(),
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

    def _errors(self) -> dict[str, Any]:
        """The deck's error table, the largest errors first."""
        table = ErrorTable(self.classes, PROBABILITIES, self.labels,
                           self.probabilities.astype(np.float64))  # fmt: skip
        totals = table.totals
        return {
            "outputs": table.outputs,
            "total": table.total,
            "n": len(table),
            "rows": [
                {"name": self.ids[row], "label": self.classes[self.labels[row]],
                 "actual": float(self.probabilities[row, self.labels[row]]), "error": totals[row]}
                for row in table.sorted_by("error").order[:MOST]
            ],
        }  # fmt: skip

    def _cells(self, answers: Labels, order: Labels) -> list[dict[str, Any]]:
        """The cells of the confusion matrix that are not empty, with their first samples."""
        cells: dict[tuple[int, int], list[str]] = {}
        for index in order.tolist():
            cell = int(self.labels[index]), int(answers[index])
            cells.setdefault(cell, []).append(self.ids[index])
        return [
            {"label": label, "predicted": predicted, "count": len(ids), "ids": ids[:MOST_OF_CELL]}
            for (label, predicted), ids in sorted(cells.items())
        ]
