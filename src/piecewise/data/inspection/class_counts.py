"""How many examples there are of each class, in each part and of each group, and what is wrong with
that."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from ...core.array_types import Strings
from ..dataset import Dataset
from .findings import SHOWN, SPLIT_RANKS, Finding

FEW = 10
"""Under so many examples to learn from, little is learned of a class."""
SKEWED = 5.0
"""The largest class over the smallest, from which accuracy says little."""


class ClassCounts(NamedTuple):
    """How many examples each class has in each part there is; the largest class to learn from; and
    what always naming that would reach, where it is tested, or else on what is learned from."""

    counts: dict[str, dict[str, int]]
    largest_class: str
    baseline_accuracy: float


def count_classes(data: Dataset) -> ClassCounts:
    """The examples of a data set, counted."""
    parts = [name for name in SPLIT_RANKS if (data.splits == name).any()]
    table = {
        name: np.bincount(data.labels[data.splits == name], minlength=len(data.classes))
        for name in parts
    }
    learned = table[parts[0]]
    tested = table.get("test", learned)
    baseline = float(tested[np.argmax(learned)] / max(1, tested.sum()))
    counts = {
        one: {name: int(table[name][index]) for name in parts}
        for index, one in enumerate(data.classes)
    }
    return ClassCounts(counts, data.classes[int(np.argmax(learned))], baseline)


def class_findings(data: Dataset) -> list[Finding]:
    """What is wrong with the classes: too few examples, in one part only, too unlike in number,
    names that a slip of the hand may have made two."""
    counts, _, baseline = count_classes(data)
    learned = {name: next(iter(of.values())) for name, of in counts.items()}
    return [
        *_nothing_to_tell_apart(data, learned),
        *_only_tested(learned),
        *_too_few(learned),
        *_untested(counts, learned),
        *_skewed(learned, baseline),
        *_alike(data.classes),
    ]


def _nothing_to_tell_apart(data: Dataset, learned: dict[str, int]) -> list[Finding]:
    if not (data.splits != "test").any():
        told = "every example is for testing, so there is nothing to learn from"
    elif sum(count > 0 for count in learned.values()) < 2:
        told = "all examples to learn from are of one class"
    else:
        return []
    return [Finding(
        "one-class", True, len(learned), told,
        "a net learns to tell classes apart: give it examples of two or more",
    )]  # fmt: skip


def _only_tested(learned: dict[str, int]) -> list[Finding]:
    names = [name for name, count in learned.items() if not count]
    if not names:
        return []
    return [Finding(
        "no-training-examples", True, len(names),
        f"{_classes(names)} no example to learn from: {_listed(names)}",
        "a net cannot be taught, or tested on, what it never saw: give it examples, or leave the "
        "class out",
        tuple((name,) for name in names[:SHOWN]),
    )]  # fmt: skip


def _too_few(learned: dict[str, int]) -> list[Finding]:
    made = []
    one = [name for name, count in learned.items() if count == 1]
    few = [name for name, count in learned.items() if 1 < count < FEW]
    if one:
        made.append(Finding(
            "single-example", True, len(one),
            f"{_classes(one)} a single example to learn from: {_listed(one)}",
            "nothing can be held out of it, so no score speaks of it: collect more",
            tuple((name,) for name in one[:SHOWN]),
        ))  # fmt: skip
    if few:
        made.append(Finding(
            "few-examples", False, len(few),
            f"{_classes(few)} fewer than {FEW} examples to learn from: {_listed(few)}",
            "expect little of these until there are more; some dozens of each are a start",
            tuple((name,) for name in few[:SHOWN]),
        ))  # fmt: skip
    return made


def _untested(counts: dict[str, dict[str, int]], learned: dict[str, int]) -> list[Finding]:
    names = [name for name, of in counts.items() if learned[name] and of.get("test") == 0]
    if not names:
        return []
    return [Finding(
        "no-test-examples", False, len(names),
        f"{_classes(names)} no example for testing: {_listed(names)}",
        "the score on the test part says nothing of it",
        tuple((name,) for name in names[:SHOWN]),
    )]  # fmt: skip


def _skewed(learned: dict[str, int], baseline: float) -> list[Finding]:
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


def _alike(classes: tuple[str, ...]) -> list[Finding]:
    """Strings of classes that differ in nothing but case and space."""
    met: defaultdict[str, list[str]] = defaultdict(list)
    for name in classes:
        met["".join(name.split()).casefold()].append(name)
    twice = [tuple(names) for names in met.values() if len(names) > 1]
    if not twice:
        return []
    told = "; ".join(" and ".join(f"'{name}'" for name in names) for names in twice[:SHOWN])
    return [Finding(
        "similar-class-names", False, len(twice),
        f"names of classes differ in case or space alone: {told}",
        "if they are one class, give them one name",
        tuple(twice[:SHOWN]),
    )]  # fmt: skip


def group_findings(data: Dataset) -> list[Finding]:
    """Groups that were named, or that names suggest, and whether the given parts divide them."""
    if data.groups is not None:
        shared, count = _shared(data.groups, data.splits)
        across = [_divided(shared, count, "the groups", "--folds groups")] if shared else []
        return [*across, *_grouped(data, data.groups)]
    made = []
    for offer, groups in data.group_suggestions:
        option = f"--groups '{offer.pattern}'"
        shared, count = _shared(groups, data.splits)
        if shared:
            made.append(
                _divided(shared, count, f"what {option} would name", f"{option} --folds groups")
            )
        some = ", ".join(offer.sample_groups)
        made.append(Finding(
            "suggested-groups", False, offer.group_count,
            f"names suggest {offer.group_count:,} groups, as {some}, each perhaps one person's or "
            "one source's",
            f"{option} keeps what is of one group on one side of every split",
            ((offer.pattern,),),
        ))  # fmt: skip
    return made


def _grouped(data: Dataset, groups: Strings) -> list[Finding]:
    """How many groups were named, and what makes them useless."""
    names, number, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    pairs = np.unique(np.stack((data.labels, number), axis=1), axis=0)
    alone = [
        data.classes[label]
        for label, met in enumerate(np.bincount(pairs[:, 0], minlength=len(data.classes)))
        if met == 1 and len(names) > 1
    ]
    made = []
    if len(names) in (1, len(data)):
        told = "all examples are of one group" if len(names) == 1 else "no two examples share one"
        made.append(Finding(
            "uninformative-groups", True, len(names), f"{told}: '{names[0]}'",
            "name what says who drew, said or wrote each; several of each, of several",
        ))  # fmt: skip
    elif alone:
        made.append(Finding(
            "single-group-class", True, len(alone),
            f"{_classes(alone)} examples of a single group: {_listed(alone)}",
            "where that group is left out, nothing of the class is learned, and all answers about "
            "it are wrong: name other groups, or collect more",
            tuple((name,) for name in alone[:SHOWN]),
        ))  # fmt: skip
    made.append(Finding(
        "groups", False, len(names),
        f"{len(names):,} groups, of {sizes.min():,} to {sizes.max():,} examples",
    ))  # fmt: skip
    return made


def _shared(groups: Strings, parts: Strings) -> tuple[list[str], int]:
    """The groups that are in several parts, and the number of all groups."""
    every = set(groups.tolist())
    sides = [set(groups[parts == name].tolist()) for name in SPLIT_RANKS]
    shared = {
        name for at, side in enumerate(sides) for other in sides[:at] for name in side & other
    }
    return sorted(shared), len(every)


def _divided(shared: list[str], count: int, what: str, options: str) -> Finding:
    return Finding(
        "group-leak", True, len(shared),
        f"{len(shared):,} of {count:,} groups, {what}, are in several parts: {_listed(shared)}",
        "the score on the test part then says little of people or sources that are new: divide the "
        f"parts by group, or score with {options}",
        tuple((name,) for name in shared[:SHOWN]),
    )  # fmt: skip


def _classes(names: list[str]) -> str:
    return f"{len(names):,} classes have" if len(names) > 1 else "one class has"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:SHOWN]) + more
