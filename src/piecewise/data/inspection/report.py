"""Data report: counts, sizes, duplicates and findings of a data set, before training."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.array_types import Int64
from ..dataset import Dataset, read_data
from ..images.preprocessor import ImagePreprocessor
from ..loading.subset import select_rows
from ..preprocessing import Preprocessor
from ..text.preprocessor import MAX_POSITIONS, UNKNOWN, TextPreprocessor
from .class_counts import class_findings, count_classes, group_findings
from .duplicates import DuplicatePairs, classify_pairs, equal_groups, pairs_of_groups
from .findings import SHOWN, ExampleNames, Finding
from .near_duplicate_images import near_pairs
from .near_duplicate_texts import near_texts

FIRST_SKIPPED = 8
FAR = 0.01
"""The fraction of a split that may be near-duplicates by chance, as in simple drawings."""

QUICK = (
    "single-example", "few-examples", "no-training-examples", "similar-class-names",
    "missing-labels",
)  # fmt: skip
"""The findings about classes of which training warns."""
MANY_CUT = 0.06
"""The fraction of texts that may be cut; by default, the longest 5 % are."""


@dataclass(frozen=True)
class DataReport:
    """The result of `inspect_data`.

    Parameters
    ----------
    modality : str
        "pictures", "sounds" or "texts".
    description : str
        The description of the preprocessing.
    source : str
        How the file was understood, for example its encoding and columns; empty for folders.
    counts : dict of dict of int
        The number of examples by class and split.
    unit : str
        The unit of ``sizes``.
    measured : int
        The number of examples with a known size.
    sizes : dict of (float, float)
        Rows and columns of the "smallest", "median" and "largest" example before preprocessing.
    skipped : tuple of str
        A message for each file that could not be read.
    exact, near : DuplicatePairs
        Exact and near-duplicates.
    largest_class : str
        The largest class of the training split.
    baseline_accuracy : float
        The accuracy of always predicting it.
    findings : tuple of Finding
        The serious ones first.
    """

    modality: str
    description: str
    source: str
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
        """The number of examples of each split."""
        names = next(iter(self.counts.values()), {})
        return {name: sum(of[name] for of in self.counts.values()) for name in names}

    def to_json(self) -> dict[str, Any]:
        """Plain values: modality, preprocessing, source, examples, splits, classes, sizes, skipped,
        duplicates, largest_class, baseline_accuracy, findings."""
        return {
            "modality": self.modality,
            "preprocessing": self.description,
            "source": self.source,
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


def inspect_data(data: Dataset | str | os.PathLike[str]) -> DataReport:
    """Inspect a data set before training.

    Finds exact and near-duplicates, label conflicts, leaks between splits, small or imbalanced
    classes, empty inputs and groups. Takes some seconds for tens of thousands of examples.

    Parameters
    ----------
    data : Dataset or path
        Its inputs, labels, splits, groups and names are inspected.

    Returns
    -------
    DataReport

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(40, size=12)
    >>> data = pw.Dataset(xo.inputs, xo.labels, xo.classes, ["train"] * 40, xo.preprocessor)
    >>> report = pw.inspect_data(data)
    >>> report.counts, report.baseline_accuracy, report.findings
    ({'X': {'train': 20}, 'O': {'train': 20}}, 0.5, ())
    """
    if not isinstance(data, Dataset):
        data = read_data(data, every_class=True)
    groups = equal_groups(data.inputs)
    exact = pairs_of_groups(groups, data)
    near = classify_pairs(_near(data, groups), data)
    names, measured = ExampleNames(data), _measured(data)
    findings = [
        *_source_findings(data),
        *_split_leaks(exact, near, data, names),
        *_label_conflicts(exact, near, data, names),
        *class_findings(data),
        *group_findings(data),
        *_empty(data, names),
        *_cut_texts(data),
        *_duplicates(exact, near, names),
    ]
    counts, largest, baseline = count_classes(data)
    return DataReport(
        data.preprocessor.modality,
        data.preprocessor.description,
        data.source_description,
        counts,
        data.preprocessor.unit,
        measured,
        _sizes(data) if measured else {},
        tuple(data.skipped),
        exact,
        near,
        largest,
        baseline,
        tuple(sorted(findings, key=lambda finding: not finding.serious)),
    )


def warnings(data: Dataset) -> list[str]:
    """Warnings before training that are quick to find: leaks between splits, equal examples of
    several classes, empty examples, classes with too few, groups in several splits. About 0.2 s
    for 70,000 images of 28x28."""
    exact = pairs_of_groups(equal_groups(data.inputs), data)
    none = classify_pairs(np.zeros((0, 2), np.int64), data)
    groups = group_findings(data)
    findings = [
        *_source_findings(data),
        *_split_leaks(exact, none, data, ExampleNames(data)),
        *_label_conflicts(exact, none, data, ExampleNames(data)),
        *_empty(data, ExampleNames(data)),
        *(one for one in class_findings(data) if one.kind in QUICK),
        *(one for one in _cut_texts(data) if one.serious),
        *([one for one in groups if one.serious] or [one for one in groups if one.advice]),
    ]
    return [f"{one.message}; {one.advice}" if one.advice else one.message for one in findings]


def _near(data: Dataset, groups: list[Int64]) -> Int64:
    """Near-duplicate pairs, with the first of each group of equal examples only."""
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
    """Rows and columns of the smallest, median and largest example."""
    assert data.sizes is not None
    known = data.sizes[np.isfinite(data.sizes).all(axis=1)].astype(np.float64)
    order = np.argsort(known[:, 0] * known[:, 1], kind="stable")
    positions = {"smallest": 0, "median": len(order) // 2, "largest": -1}
    return {
        name: (round(float(rows), 3), round(float(columns), 3))
        for name, (rows, columns) in ((name, known[order[at]]) for name, at in positions.items())
    }


def _split_leaks(
    exact: DuplicatePairs, near: DuplicatePairs, data: Dataset, names: ExampleNames
) -> list[Finding]:
    """Examples that duplicate one of an earlier split."""
    findings = []
    if count := exact.leak_count:
        findings.append(Finding(
            "split-leak", True, count,
            f"{_examples(count)} for testing or validation {_duplicate(count)} one of an earlier "
            "split: the net's inputs are equal",
            "scores on them are too high: remove them from one of the splits",
            names.pairs(exact.across_splits), "=",
        ))  # fmt: skip
    if count := near.leak_count:
        tested = int((data.splits != "train").sum())
        findings.append(Finding(
            "near-split-leak", count > FAR * tested, count,
            f"{_examples(count)} for testing or validation nearly {_duplicate(count)} one of an "
            "earlier split",
            "look at them; if a pair is a duplicate, remove it from one of the splits",
            names.pairs(near.across_splits), "~",
        ))  # fmt: skip
    return findings


def _label_conflicts(
    exact: DuplicatePairs, near: DuplicatePairs, data: Dataset, names: ExampleNames
) -> list[Finding]:
    """Examples that duplicate one of another class."""
    findings = []
    may_differ = isinstance(
        data.preprocessor, TextPreprocessor
    )  # in the one word that decides the class
    for kind, symbol, found, description, advice in (
        (
            "label-conflict", "=", exact, "the same to the net as",
            "no net can tell them apart, so one of each is always wrong: "
            f"{_conflict_advice(data.preprocessor)}",
        ),
        (
            "near-label-conflict", "~", near, "nearly the same as",
            "look at them: one label of each may be wrong",
        ),
    ):  # fmt: skip
        if count := found.conflict_count:
            findings.append(Finding(
                kind, found is exact or not may_differ, count,
                f"{_examples(count)} {_are(count)} {description} one of another class",
                advice, names.pairs(found.label_conflicts, labelled=True), symbol,
            ))  # fmt: skip
    return findings


def _conflict_advice(preprocessor: Preprocessor) -> str:
    """What to do about label conflicts. Drawings may differ only in what their preprocessing takes
    away."""
    if isinstance(preprocessor, ImagePreprocessor) and preprocessor.crops_to_ink:
        return (
            "correct a label, remove them, or keep the place and size of their ink "
            "(`framing` canvas)"
        )
    return "correct a label or remove them"


def _empty(data: Dataset, names: ExampleNames) -> list[Finding]:
    """Examples without content."""
    examples = data.inputs.reshape(len(data), -1)
    if isinstance(data.preprocessor, TextPreprocessor):
        empty, what = (examples <= UNKNOWN).all(axis=1), "without any word of the vocabulary"
    else:
        empty, what = examples.max(axis=1) == examples.min(axis=1), "constant"
        what += ", so silent" if data.preprocessor.modality == "sounds" else ", so blank"
    if not empty.any():
        return []
    indices = np.flatnonzero(empty).tolist()
    return [Finding(
        "empty", False, len(indices),
        f"{_examples(len(indices))} {_are(len(indices))} {what}",
        "nothing can be learned from them: remove them",
        tuple((names(index),) for index in indices[:SHOWN]),
    )]  # fmt: skip


def _source_findings(data: Dataset) -> list[Finding]:
    """What was noted when the file was read."""
    return [Finding("source", True, 1, sentence) for sentence in data.source_warnings]


def _cut_texts(data: Dataset) -> list[Finding]:
    """Texts of which only the beginning is read."""
    count, preprocessor = data.cut_count, data.preprocessor
    if not count or not isinstance(preprocessor, TextPreprocessor):
        return []
    return [Finding(
        "cut-texts", count > MANY_CUT * len(data), count,
        f"{count:,} of {len(data):,} texts are longer than {preprocessor.positions:,} "
        f"{preprocessor.units}; a net that reads {preprocessor.units} ignores the rest of them",
        "if the end of a text matters for its class, read more: `text_length` N, at most "
        f"{MAX_POSITIONS:,}",
    )]  # fmt: skip


def _duplicates(exact: DuplicatePairs, near: DuplicatePairs, names: ExampleNames) -> list[Finding]:
    """Training examples that duplicate one of their own class."""
    findings = []
    for kind, symbol, duplicates, what in (
        ("duplicates", "=", exact, "the same as"),
        ("near-duplicates", "~", near, "nearly the same as"),
    ):
        pairs = duplicates.within_class
        if count := len(np.unique(pairs[:, 1])):
            findings.append(Finding(
                kind, False, count,
                f"{_examples(count)} {_are(count)} {what} another training example of the same "
                "class",
                "the validation score is too high if the validation split gets one of the two: "
                "keep one of each",
                names.pairs(pairs), symbol,
            ))  # fmt: skip
    return findings


def _examples(count: int) -> str:
    return f"{count:,} example{'s' if count > 1 else ''}"


def _duplicate(count: int) -> str:
    return "duplicate" if count > 1 else "duplicates"


def _are(count: int) -> str:
    return "are" if count > 1 else "is"
