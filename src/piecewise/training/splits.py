"""Which examples are kept back, so that a score is measured on what was not learned.

With ``groups`` (N,), what is of one group (one person's, say) stays together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..core.array_types import Labels
from ..core.rng import SPLIT, derive_key, permutation

Groups = npt.NDArray[np.str_] | None


def validation_mask(
    labels: Labels, seed: int, share: float, groups: Groups = None
) -> npt.NDArray[np.bool_]:
    """Which examples are kept for validation: ``share`` of each class, drawn by the seed; at
    least one of each class that has two, and never all of it; none with a share of 0. Of groups,
    about that share of all, so that every class is still learned."""
    out = np.zeros(len(labels), bool)
    if not share:
        return out
    if groups is not None:
        return _groups_out(labels, seed, share, groups)
    for label in np.unique(labels).tolist():
        of_class = np.flatnonzero(labels == label)
        if len(of_class) < 2:
            continue
        order = permutation(derive_key(seed, SPLIT, label), len(of_class))
        count = min(len(of_class) - 1, max(1, round(share * len(of_class))))
        out[of_class[order[:count]]] = True
    return out


def assign_folds(
    labels: Labels, seed: int, repeat: int, folds: int, groups: Groups = None
) -> Labels:
    """The fold (0 to ``folds`` - 1) of each example: every class, or the groups, spread over all of
    them as evenly as it goes, drawn by seed and repeat."""
    fold, dealt = np.zeros(len(labels), np.int64), 0
    if groups is not None:
        counts, number = _counted(labels, groups)
        sizes, filled = counts.sum(axis=1), np.zeros(folds, np.int64)
        place = np.zeros(len(sizes), np.int64)
        order = permutation(derive_key(seed, SPLIT, 0, 1 + repeat), len(sizes))
        for group in order[np.argsort(-sizes[order], kind="stable")]:  # the largest first
            place[group] = filled.argmin()
            filled[place[group]] += sizes[group]
        return place[number]
    for label in np.unique(labels).tolist():
        of_class = np.flatnonzero(labels == label)
        order = permutation(derive_key(seed, SPLIT, label, 1 + repeat), len(of_class))
        fold[of_class[order]] = (dealt + np.arange(len(of_class))) % folds
        dealt += len(of_class)  # so that the rest of a class does not always fall to the first
    return fold


def _groups_out(
    labels: Labels, seed: int, share: float, groups: npt.NDArray[np.str_]
) -> npt.NDArray[np.bool_]:
    """Groups in an order drawn by the seed, as long as there is room for them; if the share has
    room for none, the smallest. A group without which a class could not be learned stays."""
    counts, number = _counted(labels, groups)
    sizes, left = counts.sum(axis=1), counts.sum(axis=0)
    chosen = np.zeros(len(counts), bool)
    room = share * len(labels)
    for group in permutation(derive_key(seed, SPLIT), len(counts)).tolist():
        if sizes[group] <= room and (left > counts[group]).all():
            chosen[group], room, left = True, room - sizes[group], left - counts[group]
    if not chosen.any():
        spare = [group for group in range(len(counts)) if (left > counts[group]).all()]
        if spare:
            chosen[min(spare, key=lambda group: int(sizes[group]))] = True
    return chosen[number]


def _counted(labels: Labels, groups: npt.NDArray[np.str_]) -> tuple[Labels, Labels]:
    """How many of each class (there is) each group has, (groups, classes), and the group's number
    of each example."""
    names, number = np.unique(groups, return_inverse=True)
    classes, right = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)), np.int64)
    np.add.at(counts, (number, right), 1)
    return counts, number
