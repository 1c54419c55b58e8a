"""Class counts per split, class imbalance, and groups that are in several splits."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from ...core.array_types import Strings
from ..dataset import Dataset
from .findings import SHOWN, SPLIT_RANKS, Finding

FEW = 10
"""A class with fewer training examples gets a finding."""
SKEWED = 5.0
"""The ratio of the largest to the smallest class from which accuracy is misleading."""

MISSING = frozenset(("", "nan", "none", "null", "na", "n/a", "#n/a", "<na>", "nat", "-", "?"))
"""Labels, in lower case, that often mark a missing one."""


class ClassCounts(NamedTuple):
    """The number of examples of each class in each split, the largest class of the training split,
    and the accuracy of always predicting it, on the test split if there is one."""

    counts: dict[str, dict[str, int]]
    largest_class: str
    baseline_accuracy: float


def count_classes(data: Dataset) -> ClassCounts:
    """Count the examples of each class in each split."""
    splits = [name for name in SPLIT_RANKS if (data.splits == name).any()]
    table = {
        name: np.bincount(data.labels[data.splits == name], minlength=len(data.classes))
        for name in splits
    }
    learned = table[splits[0]]
    tested = table.get("test", learned)
    baseline = float(tested[np.argmax(learned)] / max(1, tested.sum()))
    counts = {
        one: {name: int(table[name][index]) for name in splits}
        for index, one in enumerate(data.classes)
    }
    return ClassCounts(counts, data.classes[int(np.argmax(learned))], baseline)


def class_findings(data: Dataset) -> list[Finding]:
    """Findings about classes: too few examples, in one split only, imbalanced, or with names that
    may be two spellings of one."""
    counts, _, baseline = count_classes(data)
    learned = {name: next(iter(of.values())) for name, of in counts.items()}
    return [
        *_single_class(data, learned),
        *_no_training_examples(learned),
        *_too_few(learned),
        *_no_test_examples(counts, learned),
        *_imbalanced(learned, baseline),
        *_similar_names(data.classes),
        *_missing_names(counts),
    ]


def _single_class(data: Dataset, learned: dict[str, int]) -> list[Finding]:
    if not (data.splits != "test").any():
        message = "every example is in the test split, so there is nothing to learn from"
    elif sum(count > 0 for count in learned.values()) < 2:
        message = "all training examples are of one class"
    else:
        return []
    return [Finding(
        "one-class", True, len(learned), message,
        "a classifier needs examples of at least two classes",
    )]  # fmt: skip


def _no_training_examples(learned: dict[str, int]) -> list[Finding]:
    return _about_classes(
        "no-training-examples", True, [name for name, count in learned.items() if not count],
        "no training example",
        "a net cannot learn a class without training examples: add some, or remove the class",
    )  # fmt: skip


def _too_few(learned: dict[str, int]) -> list[Finding]:
    one = [name for name, count in learned.items() if count == 1]
    few = [name for name, count in learned.items() if 1 < count < FEW]
    return _about_classes(
        "single-example", True, one, "a single training example",
        "no score can include this class, as its example is needed for training: collect more",
    ) + _about_classes(
        "few-examples", False, few, f"fewer than {FEW} training examples",
        "expect low accuracy on them until there are more; a few dozen of each are a start",
    )  # fmt: skip


def _no_test_examples(counts: dict[str, dict[str, int]], learned: dict[str, int]) -> list[Finding]:
    names = [name for name, of in counts.items() if learned[name] and of.get("test") == 0]
    return _about_classes(
        "no-test-examples", False, names, "no test example", "the test score does not cover it"
    )


def _imbalanced(learned: dict[str, int], baseline: float) -> list[Finding]:
    known = {name: count for name, count in learned.items() if count}
    if len(known) < 2 or max(known.values()) < SKEWED * min(known.values()):
        return []
    largest, smallest = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    times = known[largest] / known[smallest]
    return [Finding(
        "class-imbalance", False, len(known),
        f"'{largest}' has {times:.1f} times as many examples as '{smallest}'; always answering "
        f"'{largest}' would be {100 * baseline:.1f} % right",
        "look at recall and macro-F1 rather than at accuracy",
        ((largest, smallest),),
    )]  # fmt: skip


def _similar_names(classes: tuple[str, ...]) -> list[Finding]:
    """Class names that differ only in case and spaces."""
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for name in classes:
        spellings["".join(name.split()).casefold()].append(name)
    twice = [tuple(names) for names in spellings.values() if len(names) > 1]
    if not twice:
        return []
    listed = "; ".join(" and ".join(f"'{name}'" for name in names) for names in twice[:SHOWN])
    return [Finding(
        "similar-class-names", False, len(twice),
        f"class names differ only in case or spaces: {listed}",
        "if they are one class, give them one name",
        tuple(twice[:SHOWN]),
    )]  # fmt: skip


def _missing_names(counts: dict[str, dict[str, int]]) -> list[Finding]:
    """Class names that programs write where a value is missing."""
    names = [name for name in counts if name.strip().casefold() in MISSING]
    if not names:
        return []
    count = sum(sum(counts[name].values()) for name in names)
    return [Finding(
        "missing-labels", True, len(names),
        f"{count:,} example{'s have' if count > 1 else ' has'} the label {_listed(names)}, which "
        "often marks a missing label",
        "if it does, remove these examples; else give the class another name",
        _examples(names),
    )]  # fmt: skip


def group_findings(data: Dataset) -> list[Finding]:
    """Findings about given or suggested groups, and whether a split divides them."""
    if data.groups is not None:
        shared, count = _shared(data.groups, data.splits)
        across = [_divided(shared, count, "", "`folds` groups")] if shared else []
        return [*across, *_grouped(data, data.groups)]
    findings = []
    for option, groups in data.group_suggestions:
        flag = f"`groups` '{option.pattern}'"
        shared, count = _shared(groups, data.splits)
        if shared:
            findings.append(_divided(shared, count, f" by {flag}", f"{flag} `folds` groups"))
        some = ", ".join(option.sample_groups)
        findings.append(Finding(
            "suggested-groups", False, option.group_count,
            f"the data suggest {option.group_count:,} groups, such as {some}, perhaps one per "
            "person or source",
            f"{flag} keeps each group within one split",
            ((option.pattern,),),
        ))  # fmt: skip
    return findings


def _grouped(data: Dataset, groups: Strings) -> list[Finding]:
    """The number of groups, and why they may be unusable."""
    names, number, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    pairs = np.unique(np.stack((data.labels, number), axis=1), axis=0)
    in_one_group = [
        data.classes[label]
        for label, group_count in enumerate(np.bincount(pairs[:, 0], minlength=len(data.classes)))
        if group_count == 1 and len(names) > 1
    ]
    findings = []
    if len(names) in (1, len(data)):
        message = (
            "all examples are of one group" if len(names) == 1 else "no two examples share one"
        )
        findings.append(Finding(
            "uninformative-groups", True, len(names), f"{message}: '{names[0]}'",
            "choose a field that says who made each example: several people, several examples each",
        ))  # fmt: skip
    elif in_one_group:
        findings += _about_classes(
            "single-group-class", True, in_one_group, "examples of a single group",
            "when that group is held out, the class has no training examples and is never "
            "predicted: choose other groups, or collect more",
        )  # fmt: skip
    findings.append(Finding(
        "groups", False, len(names),
        f"{len(names):,} groups, of {sizes.min():,} to {sizes.max():,} examples",
    ))  # fmt: skip
    return findings


def _shared(groups: Strings, splits: Strings) -> tuple[list[str], int]:
    """The groups that are in several splits, and the number of all groups."""
    every = set(groups.tolist())
    sides = [set(groups[splits == name].tolist()) for name in SPLIT_RANKS]
    shared = {
        name for at, side in enumerate(sides) for other in sides[:at] for name in side & other
    }
    return sorted(shared), len(every)


def _divided(shared: list[str], count: int, description: str, options: str) -> Finding:
    return Finding(
        "group-leak", True, len(shared),
        f"{len(shared):,} of {count:,} groups{description} are in several splits: "
        f"{_listed(shared)}",
        "the test score is then too high for new people or sources: split the data by group, or "
        f"validate with {options}",
        _examples(shared),
    )  # fmt: skip


def _about_classes(
    kind: str, serious: bool, names: list[str], what: str, advice: str
) -> list[Finding]:
    """A finding that classes have something in common, with their names; none without classes."""
    if not names:
        return []
    have = f"{len(names):,} classes have" if len(names) > 1 else "one class has"
    return [Finding(
        kind, serious, len(names), f"{have} {what}: {_listed(names)}", advice, _examples(names)
    )]  # fmt: skip


def _examples(names: list[str]) -> tuple[tuple[str, ...], ...]:
    return tuple((name,) for name in names[:SHOWN])


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:SHOWN]) + more
