"""The classes of a data set: their names, their order, and the number of each label."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from ...core.array_types import Bool, Int64, Labels, Strings
from ...core.errors import DataError, LimitError, shown
from ...spec.architecture import class_names
from .discovery import RawDataset

_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")


def ordered_classes(names: Iterable[str]) -> list[str]:
    """The different names: by value if all are numbers (1, 2, 10), else by their characters."""
    different = sorted(set(names))
    if all(_NUMBER.fullmatch(name) for name in different):
        return sorted(different, key=Fraction)  # equal values (1, 01) stay in the order of text
    return different


def checked_names(order: Sequence[str], path: Path) -> tuple[str, ...]:
    """Class names that a network can have, checked before the network is made."""
    try:
        return class_names(order)
    except LimitError as error:
        raise DataError(f"{path}: {error}") from None


def class_order(raw: RawDataset, labels: list[str], splits: Strings, path: Path) -> Sequence[str]:
    """The order of the file, or else of numbers or letters; DataError for a class in the test split
    only."""
    if raw.class_order is not None:
        return raw.class_order
    learned = {label for label, split in zip(labels, splits, strict=True) if split != "test"}
    if learned and (others := ordered_classes(set(labels) - learned)):
        raise DataError(
            f"{path}: the class {shown(others[0])} occurs in the test split only, wanted training "
            "examples of it, too"
        )
    return ordered_classes(learned or labels)


def known_classes(
    raw: RawDataset, indices: Int64, classes: Sequence[str], path: Path
) -> tuple[Bool, dict[str, int]]:
    """Whether each example has one of the classes, and the number of examples of each other class;
    DataError if none has. Numbers are indices into the classes, unless these are numbers, too."""
    names = set(classes)
    if raw.numeric_labels and not all(name.isdecimal() for name in classes):
        names = {str(index) for index in range(len(classes))}
    labels = [raw.labels[index] for index in indices.tolist()]
    is_known = np.array([label in names for label in labels])
    unknown = Counter(label for label in labels if label not in names)
    if not is_known.any():
        got, wanted = shown(ordered_classes(unknown), 200), shown(list(classes), 200)
        raise DataError(f"{path}: none of its classes is known: got {got}, wanted {wanted}")
    return is_known, {name: unknown[name] for name in ordered_classes(unknown)}


def label_numbers(
    raw: RawDataset, labels: list[str], classes: tuple[str, ...], path: Path
) -> Labels:
    """Labels as indices into the classes. Numeric labels without class names are indices already,
    unless the classes are named by just these numbers."""
    numbers = {name: index for index, name in enumerate(classes)}
    if raw.numeric_labels and not numbers.keys() >= set(labels):
        numbers = {str(index): index for index in range(len(classes))}
    unknown = next((label for label in labels if label not in numbers), None)
    if unknown is not None:
        raise DataError(
            f"{path}: holds the class {shown(unknown)}, wanted {shown(list(classes), most=200)}"
        )
    return np.array([numbers[label] for label in labels], np.int64)
