"""What there is to say about a data set: one thing each, with what follows from it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dataset import DataSet
from .repeats import Indices

SHOWN = 5
"""Pairs, or names, of a finding that are shown."""
RANKS = {"train": 0, "validation": 1, "test": 2}
"""The parts, in the order in which a net meets them."""


@dataclass(frozen=True)
class Finding:
    """One thing about a data set. ``kind``: a word for it that stays; ``serious``: whether scores
    or answers will be wrong; ``count``: of how many examples, pairs, classes or groups;
    ``sentence`` and ``advice``: in words; ``examples``: some of them by name, pairs as pairs."""

    kind: str
    serious: bool
    count: int
    sentence: str
    advice: str = ""
    examples: tuple[tuple[str, ...], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the fields."""
        return {**vars(self), "examples": [list(names) for names in self.examples]}


class Namer:
    """Names of examples without what all of them begin with: where the data set lies."""

    def __init__(self, data: DataSet) -> None:
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


@dataclass(frozen=True)
class Repeated:
    """Repeats as pairs of examples, the earlier one first: ``all`` of them, those with two classes,
    and those in two parts (the one that a net meets first, first)."""

    all: Indices
    clashing: Indices
    across: Indices

    def to_json(self) -> dict[str, int]:
        """How many examples repeat another, how many pairs have two classes, and how many examples
        repeat one of an earlier part."""
        return {
            "repeats": len(np.unique(self.all[:, 1])),
            "clashes": len(self.clashing),
            "across": len(np.unique(self.across[:, 1])),
        }


def repeated_in_groups(groups: Sequence[Indices], data: DataSet) -> Repeated:
    """Groups of equal examples as pairs: each with the first of its group, the first of another
    class, the first of an earlier part."""
    every, clashing, across = [], [], []
    for group in groups:
        first = int(group[0])
        labels, parts = data.labels[group], ranks(data)[group]
        every += [(first, int(other)) for other in group[1:]]
        others = np.unique(labels, return_index=True)[1]
        clashing += [(first, int(group[at])) for at in np.sort(others) if labels[at] != labels[0]]
        earliest = int(group[parts.argmin()])
        across += [(earliest, int(other)) for other in group[parts > parts.min()]]
    return Repeated(_pairs(every), _pairs(clashing), _pairs(across))


def repeated_in_pairs(pairs: Indices, data: DataSet) -> Repeated:
    """Pairs of nearly equal examples (n, 2)."""
    labels, parts = data.labels[pairs], ranks(data)[pairs]
    across = pairs[parts[:, 0] != parts[:, 1]]
    backwards = ranks(data)[across[:, 0]] > ranks(data)[across[:, 1]]
    across[backwards] = across[backwards][:, ::-1]
    return Repeated(pairs, pairs[labels[:, 0] != labels[:, 1]], across)


def ranks(data: DataSet) -> Indices:
    """The place of each example's part among `RANKS` (N,)."""
    return np.select([data.parts == name for name in RANKS], list(RANKS.values()), 0)


def _pairs(found: list[tuple[int, int]]) -> Indices:
    return np.array(found, np.int64).reshape(-1, 2)
