"""A report on a data set before anything is learned from it: what there is, what is wrong with it,
and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dataset import Dataset
from ..loading.subset import rows
from ..text.preprocessor import UNKNOWN, TextPreprocessor
from .class_counts import class_findings, counted, group_findings
from .duplicates import Indices, Repeated, equal_groups, repeated_in_groups, repeated_in_pairs
from .findings import SHOWN, Finding, Namer
from .near_duplicate_images import near_pairs
from .near_duplicate_texts import near_texts

FIRST_SKIPPED = 8
FAR = 0.01
"""The share of a part that may nearly repeat another by chance, as simple drawings do."""


@dataclass(frozen=True)
class DataReport:
    """What a data set is like. ``counts``: examples by class, and by part; ``sizes``: of the
    smallest, median and largest example (rows, columns) before it was prepared, in ``unit``, of
    those ``measured``; ``exact`` and ``near``: examples that repeat others; ``baseline``: what
    always naming the ``largest`` class would reach; ``findings``: the serious ones first."""

    reads: str
    told: str
    counts: dict[str, dict[str, int]]
    unit: str
    measured: int
    sizes: dict[str, tuple[float, float]]
    skipped: tuple[str, ...]
    exact: Repeated
    near: Repeated
    largest: str
    baseline: float
    findings: tuple[Finding, ...]

    @property
    def parts(self) -> dict[str, int]:
        """The parts there are, and how many examples each has."""
        names = next(iter(self.counts.values()), {})
        return {name: sum(of[name] for of in self.counts.values()) for name in names}

    def to_json(self) -> dict[str, Any]:
        """Plain values: reads, input, examples, parts, classes, sizes, skipped, repeats,
        largest_class, baseline_accuracy, findings."""
        return {
            "reads": self.reads,
            "input": self.told,
            "examples": sum(self.parts.values()),
            "parts": self.parts,
            "classes": self.counts,
            "sizes": {
                "unit": self.unit,
                "measured": self.measured,
                **{name: list(size) for name, size in self.sizes.items()},
            },
            "skipped": {"count": len(self.skipped), "first": list(self.skipped[:FIRST_SKIPPED])},
            "repeats": {"exact": self.exact.to_json(), "near": self.near.to_json()},
            "largest_class": self.largest,
            "baseline_accuracy": self.baseline,
            "findings": [finding.to_json() for finding in self.findings],
        }


def inspect_data(data: Dataset) -> DataReport:
    """All there is to say about a data set; some seconds where there are tens of thousands."""
    groups = equal_groups(data.inputs)
    exact = repeated_in_groups(groups, data)
    near = repeated_in_pairs(_near(data, groups), data)
    namer, measured = Namer(data), _measured(data)
    found = [
        *_across(exact, near, data, namer),
        *_clashing(exact, near, data, namer),
        *class_findings(data),
        *group_findings(data),
        *_empty(data, namer),
        *_repeats(exact, near, namer),
    ]
    counts, largest, baseline = counted(data)
    return DataReport(
        data.preprocessor.reads,
        data.preprocessor.description,
        counts,
        data.preprocessor.unit,
        measured,
        _sizes(data) if measured else {},
        tuple(data.skipped),
        exact,
        near,
        largest,
        baseline,
        tuple(sorted(found, key=lambda finding: not finding.serious)),
    )


def warnings(data: Dataset) -> list[str]:
    """Sentences on what is quickly found and should be known before training: examples that are
    both learned from and tested on, classes with too few examples, groups that may be on both
    sides of a split. About 0.2 s for 70,000 pictures of 28x28."""
    exact = repeated_in_groups(equal_groups(data.inputs), data)
    none = repeated_in_pairs(np.zeros((0, 2), np.int64), data)
    groups = group_findings(data)
    found = [
        *_across(exact, none, data, Namer(data)),
        *(one for one in class_findings(data) if one.kind in ("one", "few", "untaught")),
        *([one for one in groups if one.serious] or [one for one in groups if one.advice]),
    ]
    return [f"{one.sentence}; {one.advice}" if one.advice else one.sentence for one in found]


def _near(data: Dataset, groups: list[Indices]) -> Indices:
    """Pairs that are nearly the same, of groups of equal ones the first only."""
    first = np.ones(len(data), np.bool_)
    for group in groups:
        first[group[1:]] = False
    chosen, examples = np.flatnonzero(first), rows(data.inputs, first)
    if isinstance(data.preprocessor, TextPreprocessor):
        return chosen[near_texts(examples, data.preprocessor.units)]
    return chosen[near_pairs(examples, data.preprocessor.kind)]


def _measured(data: Dataset) -> int:
    return 0 if data.sizes is None else int(np.isfinite(data.sizes).all(axis=1).sum())


def _sizes(data: Dataset) -> dict[str, tuple[float, float]]:
    """The smallest, median and largest example: its rows and columns."""
    assert data.sizes is not None
    known = data.sizes[np.isfinite(data.sizes).all(axis=1)].astype(np.float64)
    order = np.argsort(known[:, 0] * known[:, 1], kind="stable")
    places = {"smallest": 0, "median": len(order) // 2, "largest": -1}
    return {
        name: (round(float(rows), 3), round(float(columns), 3))
        for name, (rows, columns) in ((name, known[order[at]]) for name, at in places.items())
    }


def _across(exact: Repeated, near: Repeated, data: Dataset, namer: Namer) -> list[Finding]:
    """Examples of a part that stand in an earlier one, too."""
    made = []
    if count := exact.leaks:
        made.append(Finding(
            "across", True, count,
            f"{_examples(count)} for testing or validation {_repeat(count)} one of an earlier "
            "part: the same to the net",
            "scores on them say too much: take them out of one of the parts",
            namer.pairs(exact.across), "=",
        ))  # fmt: skip
    if count := near.leaks:
        tested = int((data.splits != "train").sum())
        made.append(Finding(
            "near-across", count > FAR * tested, count,
            f"{_examples(count)} for testing or validation nearly {_repeat(count)} one of an "
            "earlier part",
            "look at them; if each pair is one thing twice, take it out of one of the parts",
            namer.pairs(near.across), "~",
        ))  # fmt: skip
    return made


def _clashing(exact: Repeated, near: Repeated, data: Dataset, namer: Namer) -> list[Finding]:
    """Examples that repeat one of another class."""
    made = []
    may_differ = isinstance(data.preprocessor, TextPreprocessor)  # by the one word that counts
    for kind, mark, found, told, advice in (
        ("clash", "=", exact, "the same to the net as", "no net can tell them apart, so one of "
         "each is always wrong: correct a label, or remove them"),
        ("near-clash", "~", near, "nearly the same as", "look at them: one label of each may be "
         "wrong"),
    ):  # fmt: skip
        if count := found.clashes:
            made.append(Finding(
                kind, found is exact or not may_differ, count,
                f"{_examples(count)} {'are' if count > 1 else 'is'} {told} one of another class",
                advice, namer.pairs(found.clashing, labelled=True), mark,
            ))  # fmt: skip
    return made


def _empty(data: Dataset, namer: Namer) -> list[Finding]:
    """Examples with nothing in them that a net could see."""
    examples = data.inputs.reshape(len(data), -1)
    if isinstance(data.preprocessor, TextPreprocessor):
        empty, told = (examples <= UNKNOWN).all(axis=1), "without a word that the net knows"
    else:
        empty, told = examples.max(axis=1) == examples.min(axis=1), "the same all over"
        told += ", so silent" if data.preprocessor.reads == "sounds" else ", so blank"
    if not empty.any():
        return []
    found = np.flatnonzero(empty).tolist()
    return [Finding(
        "empty", False, len(found),
        f"{_examples(len(found))} {'are' if len(found) > 1 else 'is'} {told}",
        "nothing can be learned from them: leave them out",
        tuple((namer(index),) for index in found[:SHOWN]),
    )]  # fmt: skip


def _repeats(exact: Repeated, near: Repeated, namer: Namer) -> list[Finding]:
    """Examples to learn from that repeat one of their own class; worth a note."""
    made = []
    for kind, mark, found, told in (
        ("repeats", "=", exact, "the same as"),
        ("near", "~", near, "nearly the same as"),
    ):
        pairs = found.within
        if count := len(np.unique(pairs[:, 1])):
            made.append(Finding(
                kind, False, count,
                f"{_examples(count)} {'are' if count > 1 else 'is'} {told} another to learn "
                "from, of the same class",
                "a share held out may hold one of a pair, and then says too much: keep one of each",
                namer.pairs(pairs), mark,
            ))  # fmt: skip
    return made


def _examples(count: int) -> str:
    return f"{count:,} example{'s' if count > 1 else ''}"


def _repeat(count: int) -> str:
    return "repeat" if count > 1 else "repeats"
