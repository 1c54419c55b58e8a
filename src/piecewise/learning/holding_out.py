"""Which pictures are kept back, so that a score is measured on what was not learned."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..randomness import SPLIT, key_of, shuffled

Labels = npt.NDArray[np.int64]


def held_out(labels: Labels, seed: int, share: float) -> npt.NDArray[np.bool_]:
    """Which pictures are kept for validation: ``share`` of each class, drawn by the seed; at
    least one of each class that has two, and never all of it; none with a share of 0."""
    out = np.zeros(len(labels), bool)
    for label in np.unique(labels).tolist():
        of_class = np.flatnonzero(labels == label)
        if len(of_class) < 2 or not share:
            continue
        order = shuffled(key_of(seed, SPLIT, label), len(of_class))
        count = min(len(of_class) - 1, max(1, round(share * len(of_class))))
        out[of_class[order[:count]]] = True
    return out


def folds_of(labels: Labels, seed: int, repeat: int, folds: int) -> Labels:
    """The fold (0 to ``folds`` - 1) of each picture: every class spread over all of them as evenly
    as it goes, drawn by seed and repeat."""
    fold, dealt = np.zeros(len(labels), np.int64), 0
    for label in np.unique(labels).tolist():
        of_class = np.flatnonzero(labels == label)
        order = shuffled(key_of(seed, SPLIT, label, 1 + repeat), len(of_class))
        fold[of_class[order]] = (dealt + np.arange(len(of_class))) % folds
        dealt += len(of_class)  # so that the rest of a class does not always fall to the first
    return fold
