"""What there is to say about a data set: one thing each, with what follows from it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..dataset import Dataset

SHOWN = 5
"""Pairs, or names, of a finding that are shown."""
SPLIT_RANKS = {"train": 0, "validation": 1, "test": 2}
"""The parts, in the order in which a net meets them."""


@dataclass(frozen=True)
class Finding:
    """One thing about a data set. ``kind``: a word for it that stays; ``serious``: whether scores
    or answers will be wrong; ``count``: of how many examples, pairs, classes or groups;
    ``sentence`` and ``advice``: in words; ``examples``: some of them by name, pairs as pairs;
    ``mark``: what stands between the two of a pair where a page shows pairs, "=" for equal ones and
    "~" for nearly equal ones; empty where the sentence names them."""

    kind: str
    serious: bool
    count: int
    message: str
    advice: str = ""
    examples: tuple[tuple[str, ...], ...] = ()
    symbol: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the fields, without the mark."""
        told = {name: value for name, value in vars(self).items() if name != "symbol"}
        return {**told, "examples": [list(names) for names in self.examples]}


class ExampleNames:
    """Names of examples without what all of them begin with: where the data set lies."""

    def __init__(self, data: Dataset) -> None:
        self.names, self.classes, self.labels = data.names, data.classes, data.labels
        lowest, highest = min(data.names, default=""), max(data.names, default="")
        same = [one == other for one, other in zip(lowest, highest, strict=False)] + [False]
        common = lowest[: same.index(False)]  # as of all between them
        self.start = common[: max(common.rfind("/"), common.rfind(os.sep), common.rfind(": ") + 1)]

    def __call__(self, index: int) -> str:
        if not len(self.names):
            return f"example {index}"
        return self.names[index].removeprefix(self.start).lstrip("/" + os.sep + " ")

    def pairs(
        self, pairs: Iterable[Sequence[int]], *, labelled: bool = False
    ) -> tuple[tuple[str, ...], ...]:
        """The first few pairs by name; ``labelled``: with their classes."""
        some = [tuple(pair) for _, pair in zip(range(SHOWN), pairs, strict=False)]
        return tuple(tuple(self._told(int(one), labelled) for one in pair) for pair in some)

    def _told(self, index: int, labelled: bool) -> str:
        return f"{self(index)} ({self.classes[self.labels[index]]})" if labelled else self(index)
