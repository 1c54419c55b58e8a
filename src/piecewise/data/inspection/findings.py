"""Findings of a data inspection, each with its advice, and the names of examples in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.plain_values import PlainRecord
from ..dataset import Dataset

SHOWN = 5
"""The number of pairs or names that a finding lists."""
SPLIT_RANKS = {"train": 0, "validation": 1, "test": 2}
"""The splits in the order of their use."""


@dataclass(frozen=True)
class Finding(PlainRecord):
    """One finding about a data set.

    ``kind`` is a stable identifier; ``serious`` says whether scores or predictions will be wrong;
    ``count`` is the number of examples, pairs, classes or groups; ``message`` and ``advice`` are
    text; ``examples`` lists some of them by name, duplicates as pairs. ``symbol`` stands between
    the names of a pair: "=" for equal, "~" for nearly equal; it is empty if the message has the
    names.
    """

    kind: str
    serious: bool
    count: int
    message: str
    advice: str = ""
    examples: tuple[tuple[str, ...], ...] = ()
    symbol: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values by field name, without the symbol."""
        values = super().to_json()
        del values["symbol"]
        return values


class ExampleNames:
    """Names of examples without their common prefix, the path of the data set."""

    def __init__(self, data: Dataset) -> None:
        self.names, self.classes, self.labels = data.names, data.classes, data.labels
        lowest, highest = min(data.names, default=""), max(data.names, default="")
        same = [one == other for one, other in zip(lowest, highest, strict=False)] + [False]
        common = lowest[: same.index(False)]  # the names in between share it, too
        self.start = common[: max(common.rfind("/"), common.rfind(os.sep), common.rfind(": ") + 1)]

    def __call__(self, index: int) -> str:
        if not len(self.names):
            return f"example {index}"
        return self.names[index].removeprefix(self.start).lstrip("/" + os.sep + " ")

    def pairs(
        self, pairs: Iterable[Sequence[int]], *, labelled: bool = False
    ) -> tuple[tuple[str, ...], ...]:
        """The first few pairs by name; with their class names if ``labelled``."""
        some = [tuple(pair) for _, pair in zip(range(SHOWN), pairs, strict=False)]
        return tuple(tuple(self._name(int(one), labelled) for one in pair) for pair in some)

    def _name(self, index: int, labelled: bool) -> str:
        return f"{self(index)} ({self.classes[self.labels[index]]})" if labelled else self(index)
