"""The roles of the arrays of an `.npz` by their names, as programs and data sets name them.

`images labels`, `X y`, `data target`, `x_train y_train`, `X_test`, `train_images train_labels`,
`trainX` and the like. Upper and lower case are the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ...core.errors import DataError, shown
from .split_names import SPLITS

INPUT_WORDS = ("images", "image", "x", "data", "inputs", "pictures", "imgs", "pixels", "features")
"""Words for images, the preferred first."""
LABEL_WORDS = ("labels", "label", "y", "target", "targets")
CLASS_NAMES = ("class_names", "classes", "label_names", "target_names")
IS_TEST = "is_test"

_NAMES_SHOWN = 12
_WANTED = (
    "'images' and 'labels' (with 'class_names' or 'classes', and 'is_test'), or 'x_train', "
    "'y_train', 'x_test', 'y_test' (with 'classes')"
)


class ArrayPair(NamedTuple):
    """The names of the images and of the labels of a split."""

    split: str
    images: str
    labels: str


class ArrayRoles(NamedTuple):
    """The arrays of each split; the array of class names, and that of marks of the test split,
    which applies to a single pair."""

    pairs: list[ArrayPair]
    classes: str | None
    is_test: str | None

    @property
    def names(self) -> set[str]:
        """The names of all arrays with a role."""
        named = {name for pair in self.pairs for name in (pair.images, pair.labels)}
        return named | {name for name in (self.classes, self.is_test) if name is not None}


def find_roles(names: Sequence[str]) -> ArrayRoles:
    """The roles of the arrays with these names; DataError, listing the names, if there is no pair
    of images and labels to train on."""
    images, labels = _by_split(names, INPUT_WORDS), _by_split(names, LABEL_WORDS)
    if "" in images and "" in labels:
        pairs = [ArrayPair("train", images[""], labels[""])]
        is_test = _first(names, (IS_TEST,))
        if is_test is None and not ("train" in images and "train" in labels):
            pairs += _pairs(images, labels, ("validation", "test"))
    elif "train" in images and "train" in labels:
        pairs, is_test = _pairs(images, labels, ("train", "validation", "test")), None
    else:
        raise DataError(f"got {_listed(names)}, wanted {_WANTED}")
    return ArrayRoles(pairs, _first(names, CLASS_NAMES), is_test)


def _pairs(
    images: dict[str, str], labels: dict[str, str], splits: Sequence[str]
) -> list[ArrayPair]:
    found = [split for split in splits if split in images]
    alone = next((split for split in found if split not in labels), None)
    if alone is not None:
        raise DataError(f"got {shown(images[alone])} without {shown(_label_name(images[alone]))}")
    return [ArrayPair(split, images[split], labels[split]) for split in found]


def _label_name(images: str) -> str:
    """What the labels of an array of images would be called."""
    word = next(word for word in INPUT_WORDS if _split_of(images, (word,)) is not None)
    other = "y" if word == "x" else "labels"
    return re.sub(word, other, images, count=1, flags=re.IGNORECASE)


def _by_split(names: Sequence[str], words: tuple[str, ...]) -> dict[str, str]:
    """The array of each split ("" for none) whose name contains one of the words, by preference."""
    found = dict[str, str]()
    for word in words:
        for name in sorted(names, key=lambda name: (name != name.lower(), name)):
            split = _split_of(name, (word,))
            if split is not None:
                found.setdefault(split, name)
    return found


def _split_of(name: str, words: tuple[str, ...]) -> str | None:
    """The split that a name with one of these words says, "" for none; None if it is no such name:
    x_train, trainX, train-x and X, but not x_train_mean."""
    parts = [part for part in re.split(r"[^a-z0-9]+", name.lower()) if part]
    if len(parts) == 1:
        if parts[0] in words:
            return ""
        glued = (
            SPLITS[split]
            for split in SPLITS
            for word in words
            if parts[0] in (split + word, word + split)
        )
        return next(glued, None)
    if len(parts) == 2:
        for word, split in (parts, parts[::-1]):
            if word in words and split in SPLITS:
                return SPLITS[split]
    return None


def _first(names: Sequence[str], wanted: tuple[str, ...]) -> str | None:
    """The first of the wanted names that there is, upper and lower case alike."""
    lowered = {name.lower(): name for name in sorted(names, reverse=True)}
    return next((lowered[name] for name in wanted if name in lowered), None)


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "no arrays"
    more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(shown(name) for name in names[:_NAMES_SHOWN]) + more
