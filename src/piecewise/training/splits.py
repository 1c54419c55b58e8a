"""Validation splits and cross-validation folds, stratified by class or divided by groups.

With ``groups`` (N,), all examples of a group (of one person, for example) stay together. With
``recordings`` (N,), all inputs of a recording stay together, and a recording counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..core.array_types import Array, Bool, Int64, Labels, Strings
from ..core.rng import SPLIT, derive_key, permutation
from ..data.loading.subset import RowsOf, select_rows
from ..data.preprocessing import Preprocessor

Groups = Strings | None
Recordings = Int64 | None


class Split(NamedTuple):
    """Inputs (N, C, H, W) or (N, positions), class numbers (N,), and for texts the texts.

    ``recordings`` (N,) are the numbers of the recordings that the inputs are parts of, if long
    sounds were cut.
    """

    inputs: Array
    labels: Labels
    texts: Sequence[str] | None = None
    recordings: Recordings = None

    def where(self, mask: Bool) -> Split:
        """The examples where ``mask`` (N,) is True."""
        texts = None if self.texts is None else RowsOf(self.texts, np.flatnonzero(mask))
        recordings = None if self.recordings is None else self.recordings[mask]
        return Split(select_rows(self.inputs, mask), self.labels[mask], texts, recordings)

    @property
    def is_first(self) -> Bool:
        """Which inputs (N,) are the first of their recording. Scores count only these, so that a
        recording counts once."""
        if self.recordings is None:
            return np.ones(len(self.labels), bool)
        return np.concatenate(([True], np.diff(self.recordings) != 0))[: len(self.labels)]

    def prepared(self, preprocessor: Preprocessor) -> Split:
        """The texts with the inputs that another preprocessor makes of them."""
        if self.texts is None:
            raise TypeError("only texts can be prepared again")
        inputs = np.empty((len(self.texts), *preprocessor.example_shape), preprocessor.dtype)
        for row, text in enumerate(self.texts):
            inputs[row] = preprocessor.transform(text)
        return self._replace(inputs=inputs)


def validation_mask(
    labels: Labels, seed: int, fraction: float, groups: Groups = None, recordings: Recordings = None
) -> Bool:
    """Which examples (N,) are held out for validation, drawn at random by the seed.

    Without groups: ``fraction`` of each class, at least one example and never all of them; a class
    with one example is not split. With groups: groups with about ``fraction`` of all examples, so
    that every class stays in training. A fraction of 0 holds out nothing.
    """
    if recordings is not None:
        first, recording = _first_inputs(recordings)
        of_first = None if groups is None else groups[first]
        return validation_mask(labels[first], seed, fraction, of_first)[recording]
    mask = np.zeros(len(labels), bool)
    if not fraction:
        return mask
    if groups is not None:
        return _group_validation_mask(labels, seed, fraction, groups)
    for label in np.unique(labels).tolist():
        of_class = np.flatnonzero(labels == label)
        if len(of_class) < 2:
            continue
        order = permutation(derive_key(seed, SPLIT, label), len(of_class))
        count = min(len(of_class) - 1, max(1, round(fraction * len(of_class))))
        mask[of_class[order[:count]]] = True
    return mask


def assign_folds(
    labels: Labels,
    seed: int,
    repeat: int,
    folds: int,
    groups: Groups = None,
    recordings: Recordings = None,
) -> Int64:
    """The cross-validation fold (0 to ``folds`` - 1) of each example (N,).

    Every class, or the groups, are distributed over the folds as evenly as possible, at random by
    the seed and the repeat.
    """
    if recordings is not None:
        first, recording = _first_inputs(recordings)
        of_first = None if groups is None else groups[first]
        return assign_folds(labels[first], seed, repeat, folds, of_first)[recording]
    if groups is not None:
        return _group_folds(labels, seed, repeat, folds, groups)
    fold, assigned = np.zeros(len(labels), np.int64), 0
    for label in np.unique(labels).tolist():
        of_class = np.flatnonzero(labels == label)
        order = permutation(derive_key(seed, SPLIT, label, 1 + repeat), len(of_class))
        fold[of_class[order]] = (assigned + np.arange(len(of_class))) % folds
        assigned += len(of_class)  # the next class continues at the next fold: equal sizes
    return fold


def _first_inputs(recordings: Int64) -> tuple[Int64, Int64]:
    """The first input of each recording, and the number of the recording of each input (N,)."""
    _, first, recording = np.unique(recordings, return_index=True, return_inverse=True)
    return first, recording


def _group_folds(labels: Labels, seed: int, repeat: int, folds: int, groups: Strings) -> Int64:
    """Each group, from the largest to the smallest, goes to the fold with the fewest examples."""
    counts, group_of = _class_counts(labels, groups)
    sizes, filled = counts.sum(axis=1), np.zeros(folds, np.int64)
    fold = np.zeros(len(sizes), np.int64)
    order = permutation(derive_key(seed, SPLIT, 0, 1 + repeat), len(sizes))
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        fold[group] = filled.argmin()
        filled[fold[group]] += sizes[group]
    return fold[group_of]


def _group_validation_mask(labels: Labels, seed: int, fraction: float, groups: Strings) -> Bool:
    """Groups in random order, as long as they fit into the fraction; if none fits, the smallest.

    A group stays in training if some class would be missing there without it.
    """
    counts, group_of = _class_counts(labels, groups)
    sizes, remaining = counts.sum(axis=1), counts.sum(axis=0)
    chosen = np.zeros(len(counts), bool)
    capacity = fraction * len(labels)
    for group in permutation(derive_key(seed, SPLIT), len(counts)).tolist():
        if sizes[group] <= capacity and (remaining > counts[group]).all():
            chosen[group] = True
            capacity, remaining = capacity - sizes[group], remaining - counts[group]
    if not chosen.any():
        removable = [group for group in range(len(counts)) if (remaining > counts[group]).all()]
        if removable:
            chosen[min(removable, key=lambda group: int(sizes[group]))] = True
    return chosen[group_of]


def _class_counts(labels: Labels, groups: Strings) -> tuple[Int64, Int64]:
    """The number of examples by group and class (groups, classes), and the group number of each
    example (N,)."""
    names, group_of = np.unique(groups, return_inverse=True)
    classes, class_of = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)), np.int64)
    np.add.at(counts, (group_of, class_of), 1)
    return counts, group_of
