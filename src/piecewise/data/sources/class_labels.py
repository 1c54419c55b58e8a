"""Labels as classes: numbers that are the same class, one-hot rows, and numbers that are quantities
rather than classes."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ...core.array_types import Array
from ...core.errors import DataError
from .pixel_scale import check_finite

_WHOLE = re.compile(r"(-?(?:0|[1-9]\d{0,15}))\.0*")
_NUMBER = re.compile(r"[-+]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][-+]?\d{1,3})?")

FEW_VALUES = 20
"""At most so many different numbers are always classes: digits, stars, grades."""
_FEW_EACH = 3.0  # examples of each number, on average, below which numbers are quantities
_FILLED = 0.9  # the fraction of 0, 1, 2 ... that numbered classes take


def canonical_label(label: str) -> str:
    """A label without surrounding spaces; a whole number without decimals, so that 1.0 is 1."""
    label = label.strip()
    match = _WHOLE.fullmatch(label)
    if match is None:
        return label
    return "0" if match[1] == "-0" else match[1]


def quantity_error(labels: Sequence[str]) -> str:
    """Why labels look like quantities rather than classes; empty if they do not.

    Numbered classes are whole numbers that repeat, or that fill a range from 0 or 1. Numbers with
    decimals, and numbers that hardly repeat, are quantities if there are more than `FEW_VALUES`.
    """
    counts = Counter(labels)
    if len(counts) <= FEW_VALUES or not all(map(_NUMBER.fullmatch, counts)):
        return ""
    values = [float(label) for label in counts]
    is_integer = all(math.isfinite(value) and value.is_integer() for value in values)
    each = len(labels) / len(counts)
    least = 2.0 if is_integer and _fills_range(values) else _FEW_EACH
    if is_integer and each >= least:
        return ""
    return (
        f"its labels are {len(counts):,} different numbers in {len(labels):,} examples, such as "
        f"{', '.join(list(counts)[:3])}; they look like quantities, which piecewise does not "
        "estimate; wanted classes: divide the numbers into a few ranges, or give each class a name"
    )


def _fills_range(values: Sequence[float]) -> bool:
    low, high = min(values), max(values)
    return low in {0, 1} and len(values) >= _FILLED * (high - low + 1)


def class_numbers(labels: Array, name: str) -> Array:
    """The labels (N,) of an array: names, or int64 class numbers; DataError.

    Also read are (N, 1), one-hot rows (N, classes), True and False, and whole numbers as floats.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    check_finite(labels, name)
    if labels.ndim == 2 and labels.dtype.kind in "biuf" and labels.shape[1]:
        return _from_one_hot(labels, name)
    if labels.ndim != 1 or labels.dtype.kind not in "biufU":
        raise DataError(
            f"'{name}' is {labels.dtype} of the shape {labels.shape}, wanted class numbers or "
            "names (N,), or one-hot rows (N, classes)"
        )
    if labels.dtype.kind == "U":
        return labels
    if labels.dtype.kind == "f" and ((labels != np.rint(labels)) | (np.abs(labels) > 2**53)).any():
        at = int(np.argmax(labels != np.rint(labels)))
        raise DataError(
            f"'{name}' holds {labels[at]:g} at [{at}]: numbers that are not whole look like "
            "quantities, which piecewise does not estimate; wanted class numbers or names"
        )
    return labels.astype(np.int64)  # one type in all splits


def _from_one_hot(labels: Array, name: str) -> Array:
    ones = (labels == 1).sum(axis=1)
    if not ((labels == 0) | (labels == 1)).all():
        raise DataError(
            f"'{name}' has the shape {labels.shape}, wanted class numbers or names (N,), or "
            "one-hot rows (a single 1, otherwise 0); if they are scores, use "
            "labels.argmax(axis=1)"
        )
    if (ones != 1).any():
        at = int(np.argmax(ones != 1))
        raise DataError(
            f"'{name}' has {int(ones[at])} classes in row {at}, wanted exactly one for each "
            "example; choose one of its columns as the labels"
        )
    return np.asarray(np.argmax(labels == 1, axis=1), np.int64)
