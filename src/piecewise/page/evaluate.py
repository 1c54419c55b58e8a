"""The HTML report about the predictions for a data set: mistakes, confusion matrix, error table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..core.array_types import Float32, Int64, Uint8
from ..data.dataset import Dataset
from ..data.text.preprocessor import TextPreprocessor
from ..display.images import data_address, png
from ..insight.evaluation.error_table import table_of
from ..insight.evaluation.mistakes import Mistake, Mistakes, mistakes
from ..insight.net_facts import net_facts, scores_of, trials_of
from ..network import Network
from ..training.metrics import Scores
from .assemble import MAX_BYTES, page
from .media import pixels_of

MAX_EXAMPLES = 1_500
"""Examples whose images and names are in the page, the mistakes first."""
MAX_TABLE_ROWS = 500
"""Rows of the error table, the largest errors first."""
MAX_CELLS = 1_000
"""Cells of the confusion matrix, those with mistakes first, then those with the most examples."""
MAX_PIXELS = 4_000_000
"""Pixels of all images together."""
MAX_CELL_EXAMPLES = 60
MAX_NAME = 100
"""Characters of a name; texts are cut at twice this length."""
_START = "evaluate.js"


def evaluate_page(
    net: Network,
    data: Dataset,
    chosen: Int64,
    logits: Float32,
    scores: Scores,
    *,
    name: str,
    notes: Sequence[str] = (),
) -> str:
    """Write the report about the predictions for some examples of a data set.

    Parameters
    ----------
    net : Network
        The network that made the predictions.
    data : Dataset
        The data set. The nearest examples of its training split are shown with each mistake.
    chosen : array of int64 (N,)
        The indices of the examples in ``data``.
    logits : array of float32 (N, classes)
        The logits of these examples.
    scores : Scores
        The scores of these predictions, or of those of them that count.
    name : str
        The name of the data set.
    notes : sequence of str
        What the scores count, and what they leave out.

    Returns
    -------
    str
        An HTML page of at most two million bytes that needs no other file and no network.
    """
    in_training = data.splits == "train"
    in_training[chosen] = False
    predictions = _Predictions(net, data, chosen, np.flatnonzero(in_training), logits)
    values = {
        "schema": 1,
        "name": _shortened(name),
        "kind": net.preprocessor.kind,
        "scores": {
            key: value for key, value in scores.to_json().items()
            if key in ("n", "accuracy", "accuracy_interval", "macro_f1")
        },
        "notes": list(notes),
        "training_scores": [list(one) for one in scores_of(net)],
        "trials": trials_of(net),
        "wrong": int((logits.argmax(axis=1) != data.labels[chosen]).sum()),
        "history": net.history,
        "error_table": predictions.error_table(),
        "facts": net_facts(net),
        **predictions.to_json(),
    }  # fmt: skip
    title = f"predictions - {_shortened(name)}"
    bytes_left = MAX_BYTES - len(page(title, _START, values).encode())
    return page(title, _START, {**values, **predictions.example_data(bytes_left)})


@dataclass(frozen=True)
class _Predictions:
    """The examples ``chosen`` with their logits, and the training examples to compare mistakes
    with, both as indices in the data set."""

    net: Network
    data: Dataset
    chosen: Int64
    train_indices: Int64
    logits: Float32

    @cached_property
    def mistakes(self) -> Mistakes:
        data, train_indices = self.data, self.train_indices
        names, train_names = (
            [data.names[index] for index in indices.tolist()]
            for indices in (self.chosen, train_indices)
        )
        has_train = len(train_indices) > 0
        train = (data.inputs[train_indices], data.labels[train_indices]) if has_train else None
        inputs, labels = data.inputs[self.chosen], data.labels[self.chosen]
        return mistakes(self.net, inputs, labels, names, train, train_names)

    @cached_property
    def cells(self) -> list[dict[str, Any]]:
        """The cells of the confusion matrix with the indices of their first examples."""
        ordered = sorted(
            self.mistakes.cells.items(),
            key=lambda cell: (cell[0][0] == cell[0][1], -len(cell[1])),
        )
        return [
            {
                "label": label,
                "predicted": predicted,
                "count": len(indices),
                "examples": [int(self.chosen[index]) for index in indices[:MAX_CELL_EXAMPLES]],
            }
            for (label, predicted), indices in ordered[:MAX_CELLS]
        ]

    @cached_property
    def shown(self) -> list[int]:
        """The indices of the examples in the page, those of mistakes first."""
        indices: dict[int, None] = {}  # an ordered set
        for mistake in self.mistakes.mistakes:
            indices[int(self.chosen[mistake.index])] = None
            indices |= {
                int(self.train_indices[neighbor.index]): None for neighbor in mistake.neighbors
            }
        for cell in self.cells:
            indices |= dict.fromkeys(cell["examples"])
        return list(indices)[:MAX_EXAMPLES]

    def error_table(self) -> dict[str, Any]:
        """The deck's error table, the largest errors first."""
        table = table_of(self.net, self.logits, self.data.labels[self.chosen])
        totals, order = table.totals, table.sorted_by("error").order[:MAX_TABLE_ROWS]
        return {
            "outputs": table.outputs,
            "total": table.total,
            "n": len(table),
            "rows": [
                {
                    "name": _shortened(self.data.names[int(self.chosen[index])]),
                    "label": _shortened(self.net.classes[int(table.labels[index])]),
                    "actual": float(f"{table.actual[index, table.labels[index]]:.6g}"),
                    "error": totals[index],
                }
                for index in order
            ],
        }

    def to_json(self) -> dict[str, Any]:
        """The mistakes, the cells and the names of classes and examples as plain values."""
        classes = sorted(
            {label for cell in self.cells for label in (cell["label"], cell["predicted"])}
        )
        return {
            "mistakes": [self._mistake(mistake) for mistake in self.mistakes.mistakes],
            "compared_examples": self.mistakes.compared,
            "cells": self.cells,
            "classes": {index: _shortened(self.net.classes[index]) for index in classes},
            "names": {index: _shortened(self.data.names[index]) for index in self.shown},
        }

    def _mistake(self, mistake: Mistake) -> dict[str, Any]:
        return {
            "name": _shortened(mistake.name),
            "label": _shortened(mistake.label),
            "predicted": _shortened(mistake.predicted),
            "probability": mistake.probability,
            "label_probability": mistake.label_probability,
            "example": int(self.chosen[mistake.index]),
            "neighbors": [
                {
                    "label": _shortened(neighbor.label),
                    "distance": neighbor.distance,
                    "example": int(self.train_indices[neighbor.index]),
                }
                for neighbor in mistake.neighbors
            ],
        }

    def example_data(self, bytes_left: int) -> dict[str, Any]:
        """The examples as texts, or as one image that holds many small ones, row by row; as many
        as fit into ``bytes_left``."""
        if isinstance(self.net.preprocessor, TextPreprocessor):
            return {"texts": self._texts(bytes_left)}
        _, height, width = self.net.preprocessor.shape
        indices = self.shown[: MAX_PIXELS // (height * width)]
        while indices:
            sheet, columns = _image_sheet(self.data, indices, height, width)
            url = data_address(png(sheet))
            cells = {index: divmod(number, columns) for number, index in enumerate(indices)}
            if len(url) + 30 * len(cells) + 200 <= bytes_left:
                return {"sheet": {"image": url, "size": [height, width], "cells": cells}}
            indices = indices[: len(indices) // 2]
        return {}

    def _texts(self, bytes_left: int) -> dict[int, str]:
        preprocessor = self.net.preprocessor
        assert isinstance(preprocessor, TextPreprocessor)
        separator = {"words": " ", "letters": ""}.get(preprocessor.units, ", ")
        texts: dict[int, str] = {}
        for index in self.shown:
            if self.data.texts is None:
                words = preprocessor.decode(self.data.inputs[index])
                whole = separator.join(filter(None, words))
            else:
                whole = self.data.texts[index]
            text = _shortened(whole, 2 * MAX_NAME)
            bytes_left -= 6 * len(text.encode()) + 20
            if bytes_left < 0:
                break
            texts[index] = text
        return texts


def _shortened(text: str, length: int = MAX_NAME) -> str:
    """The beginning of a text."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _image_sheet(data: Dataset, indices: list[int], height: int, width: int) -> tuple[Uint8, int]:
    """Many images in one image that is roughly square, and its number of columns."""
    columns = max(1, round((len(indices) * height / width) ** 0.5))
    rows = -(-len(indices) // columns)
    is_color = data.inputs.shape[1] == 3
    sheet = np.zeros((rows * height, columns * width, *((3,) if is_color else ())), np.uint8)
    for number, index in enumerate(indices):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + height, left : left + width] = pixels_of(data.inputs[index])
    return sheet, columns
