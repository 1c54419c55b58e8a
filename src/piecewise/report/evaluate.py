"""The page of a data set's answers: mistakes first, the confusion matrix with its pictures, the
deck's error table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.dataset import DataSet
from ..data.texts.preparation import TextPreparation
from ..insight.error_table import error_table
from ..insight.mistakes import Mistakes, mistakes
from ..learning.scores import Scores
from ..network import Network
from ..planes import data_address, png
from .assemble import MOST_BYTES, page
from .explain import facts, pixels_of

MOST_SHOWN = 2_000
"""Examples whose pictures are in the page, the wrong ones first."""
MOST_LISTED = 1_000
"""Lines of the error table, those with the largest error first."""
_OF_A_CELL = 60
_LONGEST = 200  # characters of a text
_ROOM = 400_000


def evaluate_page(
    net: Network, data: DataSet, chosen: npt.NDArray[np.int64], scores: Scores, *, name: str
) -> str:
    """The HTML of a page about the examples of ``data`` that are ``chosen`` (their numbers), with
    the examples learned from that are nearest to each mistake, if there are any."""
    learned = data.parts == "train"
    learned[chosen] = False
    names = [data.names[index] for index in chosen.tolist()]
    numbers = np.flatnonzero(learned)
    found = mistakes(
        net,
        data.pictures[chosen],
        data.labels[chosen],
        names,
        (data.pictures[numbers], data.labels[numbers]) if len(numbers) else None,
        [data.names[index] for index in numbers.tolist()],
    )
    return page(f"answers - {name}", "evaluate.js", {
        "schema": 1,
        "name": name,
        "kind": net.preparation.kind,
        "classes": list(net.classes),
        "scores": scores.to_json(),
        "history": net.history,
        "table": _table(net, data, chosen, names),
        "facts": facts(net),
        **_examples(net, data, chosen, numbers, found),
    })  # fmt: skip


def _table(
    net: Network, data: DataSet, chosen: npt.NDArray[np.int64], names: Sequence[str]
) -> dict[str, Any]:
    """The deck's error table, its largest errors first, as many lines as a page takes."""
    table = error_table(net, data.pictures[chosen], data.labels[chosen], names)
    totals = table.totals
    order = sorted(range(len(names)), key=lambda index: -totals[index])[:MOST_LISTED]
    return {
        "kind": table.answers,
        "total": table.total,
        "n": len(names),
        "rows": [
            {
                "name": names[index],
                "right": int(table.labels[index]),
                "answers": [float(f"{one:.6g}") for one in table.actual[index].tolist()],
                "error": totals[index],
            }
            for index in order
        ],
    }


def _examples(
    net: Network,
    data: DataSet,
    chosen: npt.NDArray[np.int64],
    learned: npt.NDArray[np.int64],
    found: Mistakes,
) -> dict[str, Any]:
    """Cells and mistakes by the numbers of their examples, and what these look like, each once, as
    far as there is room: first what mistakes need."""
    wanted: dict[int, None] = {}
    for one in found.mistakes:
        wanted |= {int(chosen[one.index]): None} | {int(learned[n.index]): None for n in one.near}
    ordered = sorted(found.cells.items(), key=lambda cell: cell[0][0] == cell[0][1])
    cells = []
    for (right, answer), indices in ordered:
        some = [int(chosen[index]) for index in indices[:_OF_A_CELL]]
        wanted |= dict.fromkeys(some)
        cells.append({"right": right, "answer": answer, "count": len(indices), "examples": some})
    shown = list(wanted)[:MOST_SHOWN]
    plain = []
    for one in found.mistakes:
        told = one.to_json()
        told["example"] = int(chosen[one.index])
        told["near"] = [{**n, "example": int(learned[n["index"]])} for n in told["near"]]
        plain.append(told)
    return {
        "mistakes": plain,
        "compared": found.compared,
        "cells": cells,
        "names": {index: data.names[index] for index in shown},
        **_looks(net, data, shown),
    }


def _looks(net: Network, data: DataSet, shown: list[int]) -> dict[str, Any]:
    """Texts as words; pictures side by side in one, from left to right, row by row."""
    if isinstance(net.preparation, TextPreparation):
        words = net.preparation.written
        between = " " if net.preparation.units == "words" else ""
        texts = {
            index: between.join(filter(None, words(data.pictures[index])))[:_LONGEST]
            for index in shown
        }
        return {"texts": texts}
    _, height, width = net.preparation.shape
    kept = shown
    while True:
        sheet, across = _sheet(data, kept, height, width)
        address = data_address(png(sheet))
        if len(address) <= MOST_BYTES - _ROOM or len(kept) <= 1:
            break
        kept = kept[: len(kept) // 2]
    places = {index: [place // across, place % across] for place, index in enumerate(kept)}
    return {"sheet": {"picture": address, "size": [height, width], "across": across,
                      "down": -(-len(kept) // across), "places": places}}  # fmt: skip


def _sheet(
    data: DataSet, shown: list[int], height: int, width: int
) -> tuple[npt.NDArray[np.uint8], int]:
    across = max(1, round((len(shown) * height / width) ** 0.5))
    colour = data.pictures.shape[1] == 3
    down = -(-max(1, len(shown)) // across)
    sheet = np.zeros((down * height, across * width, *((3,) if colour else ())), np.uint8)
    for place, index in enumerate(shown):
        top, left = place // across * height, place % across * width
        sheet[top : top + height, left : left + width] = pixels_of(data.pictures[index])
    return sheet, across
