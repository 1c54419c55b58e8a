"""A report on a data set before anything is learned from it: what there is, what is wrong with it,
and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dataset import Dataset
from ..loading.subset import select_rows
from ..text.preprocessor import UNKNOWN, TextPreprocessor
from .class_counts import class_findings, count_classes, group_findings
from .duplicates import DuplicatePairs, Indices, classify_pairs, equal_groups, pairs_of_groups
from .findings import SHOWN, ExampleNames, Finding
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

    modality: str
    description: str
    counts: dict[str, dict[str, int]]
    unit: str
    measured: int
    sizes: dict[str, tuple[float, float]]
    skipped: tuple[str, ...]
    exact: DuplicatePairs
    near: DuplicatePairs
    largest_class: str
    baseline_accuracy: float
    findings: tuple[Finding, ...]

    @property
    def splits(self) -> dict[str, int]:
        """The parts there are, and how many examples each has."""
        names = next(iter(self.counts.values()), {})
        return {name: sum(of[name] for of in self.counts.values()) for name in names}

    def to_json(self) -> dict[str, Any]:
        """Plain values: reads, input, examples, parts, classes, sizes, skipped, repeats,
        largest_class, baseline_accuracy, findings."""
        return {
            "modality": self.modality,
            "preprocessing": self.description,
            "examples": sum(self.splits.values()),
            "splits": self.splits,
            "classes": self.counts,
            "sizes": {
                "unit": self.unit,
                "measured": self.measured,
                **{name: list(size) for name, size in self.sizes.items()},
            },
            "skipped": {"count": len(self.skipped), "first": list(self.skipped[:FIRST_SKIPPED])},
            "duplicates": {"exact": self.exact.to_json(), "near": self.near.to_json()},
            "largest_class": self.largest_class,
            "baseline_accuracy": self.baseline_accuracy,
            "findings": [finding.to_json() for finding in self.findings],
        }


def inspect_data(data: Dataset) -> DataReport:
    """All there is to say about a data set; some seconds where there are tens of thousands."""
    groups = equal_groups(data.inputs)
    exact = pairs_of_groups(groups, data)
    near = classify_pairs(_near(data, groups), data)
    namer, measured = ExampleNames(data), _measured(data)
    found = [
        *_across(exact, near, data, namer),
        *_clashing(exact, near, data, namer),
        *class_findings(data),
        *group_findings(data),
        *_empty(data, namer),
        *_repeats(exact, near, namer),
    ]
    counts, largest, baseline = count_classes(data)
    return DataReport(
        data.preprocessor.modality,
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
    exact = pairs_of_groups(equal_groups(data.inputs), data)
    none = classify_pairs(np.zeros((0, 2), np.int64), data)
    groups = group_findings(data)
    found = [
        *_across(exact, none, data, ExampleNames(data)),
        *(
            one
            for one in class_findings(data)
            if one.kind in ("single-example", "few-examples", "no-training-examples")
        ),
        *([one for one in groups if one.serious] or [one for one in groups if one.advice]),
    ]
    return [f"{one.message}; {one.advice}" if one.advice else one.message for one in found]


def _near(data: Dataset, groups: list[Indices]) -> Indices:
    """Pairs that are nearly the same, of groups of equal ones the first only."""
    first = np.ones(len(data), np.bool_)
    for group in groups:
        first[group[1:]] = False
    chosen, examples = np.flatnonzero(first), select_rows(data.inputs, first)
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


def _across(
    exact: DuplicatePairs, near: DuplicatePairs, data: Dataset, namer: ExampleNames
) -> list[Finding]:
    """Examples of a part that stand in an earlier one, too."""
    made = []
    if count := exact.leak_count:
        made.append(Finding(
            "split-leak", True, count,
            f"{_examples(count)} for testing or validation {_repeat(count)} one of an earlier "
            "part: the same to the net",
            "scores on them say too much: take them out of one of the parts",
            namer.pairs(exact.across_splits), "=",
        ))  # fmt: skip
    if count := near.leak_count:
        tested = int((data.splits != "train").sum())
        made.append(Finding(
            "near-split-leak", count > FAR * tested, count,
            f"{_examples(count)} for testing or validation nearly {_repeat(count)} one of an "
            "earlier part",
            "look at them; if each pair is one thing twice, take it out of one of the parts",
            namer.pairs(near.across_splits), "~",
        ))  # fmt: skip
    return made


def _clashing(
    exact: DuplicatePairs, near: DuplicatePairs, data: Dataset, namer: ExampleNames
) -> list[Finding]:
    """Examples that repeat one of another class."""
    made = []
    may_differ = isinstance(data.preprocessor, TextPreprocessor)  # by the one word that counts
    for kind, symbol, found, description, advice in (
        (
            "label-conflict", "=", exact, "the same to the net as",
            "no net can tell them apart, so one of each is always wrong: correct a label, or "
            "remove them",
        ),
        (
            "near-label-conflict", "~", near, "nearly the same as",
            "look at them: one label of each may be wrong",
        ),
    ):  # fmt: skip
        if count := found.conflict_count:
            made.append(Finding(
                kind, found is exact or not may_differ, count,
                f"{_examples(count)} {_are(count)} {description} one of another class",
                advice, namer.pairs(found.label_conflicts, labelled=True), symbol,
            ))  # fmt: skip
    return made


def _empty(data: Dataset, namer: ExampleNames) -> list[Finding]:
    """Examples with nothing in them that a net could see."""
    examples = data.inputs.reshape(len(data), -1)
    if isinstance(data.preprocessor, TextPreprocessor):
        empty, told = (examples <= UNKNOWN).all(axis=1), "without a word that the net knows"
    else:
        empty, told = examples.max(axis=1) == examples.min(axis=1), "the same all over"
        told += ", so silent" if data.preprocessor.modality == "sounds" else ", so blank"
    if not empty.any():
        return []
    found = np.flatnonzero(empty).tolist()
    return [Finding(
        "empty", False, len(found),
        f"{_examples(len(found))} {'are' if len(found) > 1 else 'is'} {told}",
        "nothing can be learned from them: leave them out",
        tuple((namer(index),) for index in found[:SHOWN]),
    )]  # fmt: skip


def _repeats(exact: DuplicatePairs, near: DuplicatePairs, namer: ExampleNames) -> list[Finding]:
    """Examples to learn from that repeat one of their own class; worth a note."""
    made = []
    for kind, mark, found, told in (
        ("duplicates", "=", exact, "the same as"),
        ("near-duplicates", "~", near, "nearly the same as"),
    ):
        pairs = found.within_class
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


def _are(count: int) -> str:
    return "are" if count > 1 else "is"
