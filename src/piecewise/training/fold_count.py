"""The number of cross-validation folds: the one that the user set, or the default of the data."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.array_types import Int64
from ..core.constraints import Integer, checked, constraint_error
from ..core.errors import LimitError
from .effort import FOLDS
from .splits import Groups, Split

SMALL_CLASS = 200
"""With fewer examples of some class, cross-validation replaces the validation split."""
CROSS_VALIDATED_TEXTS = 10_000
"""So many texts with a test split are cross-validated, too, if they have no validation split."""


class FoldCount(Integer):
    """The number of cross-validation folds. One fold would leave nothing to train on."""

    @property
    def description(self) -> str:
        return f"0, or a whole number from 2 to {self.high:,}"

    def check(self, value: object) -> int | None:
        checked_value = super().check(value)
        if checked_value == 1:
            raise constraint_error(value, self)
        return checked_value


FOLD_COUNTS = FoldCount(0, 1_000)


def default_folds(
    parts: dict[str, Split], groups: Groups, classes: int, knobs: dict[str, Any]
) -> int:
    """The number of folds if the user did not set it.

    Texts have folds beside a test split, too: so the net trains on all of them, and a net that
    reads n-grams trains in a second.
    """
    training = parts["train"]
    if len(parts) == 1:
        is_small = int(_class_sizes(training, classes).min()) < SMALL_CLASS
        return min(FOLDS, _most_folds(parts, groups, classes)) if is_small else 0
    needs_validation = knobs.get("patience") or "validation_fraction" in knobs
    if training.texts is None or "validation" in parts or needs_validation:
        return 0
    if len(training.labels) > CROSS_VALIDATED_TEXTS:
        return 0
    return min(FOLDS, _most_folds(parts, groups, classes))


def fold_count(folds: object, parts: dict[str, Split], groups: Groups, classes: int) -> int:
    """The number of folds: at most the examples of a class, or the groups; 0 for no folds."""
    most = _most_folds(parts, groups, classes)
    if folds == "groups":
        if groups is None:
            raise LimitError("folds: got 'groups', but the data have none; wanted a number")
        return most
    count: int = checked("folds", FOLD_COUNTS, folds)
    if count > most:
        what = "examples of the largest class" if groups is None else "groups"
        wanted = f"at most {most:,}, the number of {what}" if most > 1 else "0"
        raise LimitError(f"folds: got {count:,} for this little data, wanted {wanted}")
    return count


def _most_folds(parts: dict[str, Split], groups: Groups, classes: int) -> int:
    """The examples of the largest class, or the groups; 0 if there is only one."""
    sizes = _class_sizes(parts["train"], classes)
    most = int(sizes.max()) if groups is None else len(np.unique(groups))
    return most if most > 1 else 0


def _class_sizes(training: Split, classes: int) -> Int64:
    """The number of training examples of each class (classes,)."""
    return np.bincount(training.labels[training.is_first], minlength=classes)
