"""The page of a data set's answers: mistakes first, the confusion matrix with its pictures, the
deck's error table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.dataset import Dataset
from ..data.text.preprocessor import TextPreprocessor
from ..display.images import data_address, png
from ..insight.evaluation.error_table import table_of
from ..insight.evaluation.mistakes import Mistakes, mistakes
from ..insight.explanation import net_facts
from ..network import Network
from ..training.metrics import Scores
from .assemble import MOST_BYTES, page
from .media import pixels_of

MOST_SHOWN = 1_500
"""Examples whose pictures and names are in the page, the wrong ones first."""
MOST_LISTED = 500
"""Lines of the error table, those with the largest error first."""
MOST_CELLS = 1_000
"""Of the confusion matrix, the wrong ones first, those with most examples before others."""
MOST_PIXELS = 4_000_000
"""Of all pictures together."""
OF_A_CELL = 60
MAX_CLASS_NAME = 100
"""Characters of a name, or of a text, that are shown."""
_START = "evaluate.js"

Indices = npt.NDArray[np.int64]


def evaluate_page(
    net: Network,
    data: Dataset,
    chosen: Indices,
    logits: npt.NDArray[np.float32],
    scores: Scores,
    *,
    name: str,
) -> str:
    """The HTML of a page, one file of at most two million bytes, about the examples of ``data``
    that are ``chosen`` (N numbers), the net's answers about them (N, classes) and their scores;
    with the examples of the training part that are nearest to each mistake, if there are any."""
    learned = data.splits == "train"
    learned[chosen] = False
    answers = _Answers(net, data, chosen, np.flatnonzero(learned), logits)
    rest = {
        "schema": 1,
        "name": _short(name),
        "kind": net.preprocessor.kind,
        "scores": {
            key: value for key, value in scores.to_json().items()
            if key in ("n", "accuracy", "accuracy_interval", "macro_f1")
        },
        "history": net.history,
        "table": answers.table(),
        "facts": net_facts(net),
        **answers.examples(),
    }  # fmt: skip
    title = f"answers - {_short(name)}"
    room = MOST_BYTES - len(page(title, _START, rest).encode())
    return page(title, _START, {**rest, **answers.looks(room)})


@dataclass(frozen=True)
class _Answers:
    """The examples that are ``chosen``, and those ``learned`` from, by their numbers in the data
    set, and the answers about the former."""

    net: Network
    data: Dataset
    chosen: Indices
    learned: Indices
    logits: npt.NDArray[np.float32]

    @cached_property
    def found(self) -> Mistakes:
        data, learned = self.data, self.learned
        names, train_names = (
            [data.names[index] for index in some.tolist()] for some in (self.chosen, learned)
        )
        train = (data.inputs[learned], data.labels[learned]) if len(learned) else None
        pictures, labels = data.inputs[self.chosen], data.labels[self.chosen]
        return mistakes(self.net, pictures, labels, names, train, train_names)

    @cached_property
    def cells(self) -> list[dict[str, Any]]:
        """Of the matrix, each with the data set's numbers of its first examples."""
        ordered = sorted(
            self.found.cells.items(), key=lambda cell: (cell[0][0] == cell[0][1], -len(cell[1]))
        )
        return [
            {
                "right": right,
                "answer": answer,
                "count": len(indices),
                "examples": [int(self.chosen[index]) for index in indices[:OF_A_CELL]],
            }
            for (right, answer), indices in ordered[:MOST_CELLS]
        ]

    @cached_property
    def shown(self) -> list[int]:
        """The examples that are shown, each once: first those that mistakes need."""
        wanted: dict[int, None] = {}
        for one in self.found.mistakes:
            wanted[int(self.chosen[one.index])] = None
            wanted |= {int(self.learned[near.index]): None for near in one.near}
        for cell in self.cells:
            wanted |= dict.fromkeys(cell["examples"])
        return list(wanted)[:MOST_SHOWN]

    def table(self) -> dict[str, Any]:
        """The deck's error table, its largest errors first."""
        table = table_of(self.net, self.logits, self.data.labels[self.chosen])
        totals, order = table.totals, table.sorted_by("error").order[:MOST_LISTED]
        return {
            "kind": table.answers,
            "total": table.total,
            "n": len(table),
            "rows": [
                {
                    "name": _short(self.data.names[int(self.chosen[index])]),
                    "right": _short(self.net.classes[int(table.labels[index])]),
                    "answer": float(f"{table.actual[index, table.labels[index]]:.6g}"),
                    "error": totals[index],
                }
                for index in order
            ],
        }

    def examples(self) -> dict[str, Any]:
        """Cells and mistakes by the numbers of their examples, and what these are called."""
        plain = []
        for one in self.found.mistakes:
            told = one.to_json()
            told |= {key: _short(told[key]) for key in ("name", "right", "answer")}
            told["example"] = int(self.chosen[one.index])
            told["near"] = [
                {
                    "label": _short(near.label),
                    "distance": near.distance,
                    "example": int(self.learned[near.index]),
                }
                for near in one.near
            ]
            plain.append(told)
        met = sorted({side for cell in self.cells for side in (cell["right"], cell["answer"])})
        return {
            "mistakes": plain,
            "compared": self.found.compared,
            "cells": self.cells,
            "classes": {index: _short(self.net.classes[index]) for index in met},
            "names": {index: _short(self.data.names[index]) for index in self.shown},
        }

    def looks(self, room: int) -> dict[str, Any]:
        """Texts as words; pictures side by side in one, from left to right, row by row; as many
        as so many bytes of a page have room for."""
        if isinstance(self.net.preprocessor, TextPreprocessor):
            return {"texts": self._texts(room)}
        _, height, width = self.net.preprocessor.shape
        kept = self.shown[: MOST_PIXELS // (height * width)]
        while kept:
            sheet, across = _sheet(self.data, kept, height, width)
            address = data_address(png(sheet))
            places = {index: [at // across, at % across] for at, index in enumerate(kept)}
            if len(address) + 30 * len(places) + 200 <= room:
                down = -(-len(kept) // across)
                size = {"size": [height, width], "across": across, "down": down}
                return {"sheet": {"picture": address, **size, "places": places}}
            kept = kept[: len(kept) // 2]
        return {}

    def _texts(self, room: int) -> dict[int, str]:
        preprocessor = self.net.preprocessor
        assert isinstance(preprocessor, TextPreprocessor)
        between, texts = " " if preprocessor.units == "words" else "", {}
        for index in self.shown:
            words = preprocessor.decode(self.data.inputs[index])
            text = _short(between.join(filter(None, words)), 2 * MAX_CLASS_NAME)
            room -= 6 * len(text.encode()) + 20
            if room < 0:
                break
            texts[index] = text
        return texts


def _short(text: str, most: int = MAX_CLASS_NAME) -> str:
    """A text as it is shown; of a long one the beginning."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _sheet(
    data: Dataset, shown: list[int], height: int, width: int
) -> tuple[npt.NDArray[np.uint8], int]:
    """Pictures side by side, about as many across as make a square; and how many those are."""
    across = max(1, round((len(shown) * height / width) ** 0.5))
    colour = data.inputs.shape[1] == 3
    down = -(-len(shown) // across)
    sheet = np.zeros((down * height, across * width, *((3,) if colour else ())), np.uint8)
    for place, index in enumerate(shown):
        top, left = place // across * height, place % across * width
        sheet[top : top + height, left : left + width] = pixels_of(data.inputs[index])
    return sheet, across
