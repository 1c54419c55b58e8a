"""Class numbers from class names: a label may be given by its name or its number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..core.array_types import Labels
from ..core.constraints import is_integer
from ..core.errors import DataError, LimitError, shown

_SHOWN = 200


def class_number(classes: Sequence[str], label: object, name: str = "label") -> int:
    """The number of one class by its name or number; LimitError, beginning with ``name``, if there
    is no such class."""
    if isinstance(label, str) and label in classes:
        return list(classes).index(label)
    if is_integer(label) and 0 <= label < len(classes):
        return int(label)
    raise LimitError(
        f"{name}: got {shown(label)}, wanted a class number from 0 to {len(classes) - 1}, or one "
        f"of the class names {shown(list(classes), _SHOWN)}"
    )


def class_numbers(classes: Sequence[str], labels: npt.ArrayLike) -> Labels:
    """The numbers (N,) of the classes of labels, which are all names or all numbers; DataError if
    one of them is not a class."""
    array = np.asarray(labels)
    if array.ndim == 1 and array.dtype.kind in "OU" and len(array):
        numbers = {name: number for number, name in enumerate(classes)}
        names = array.tolist()
        unknown = [one for one in names if not isinstance(one, str) or one not in numbers]
        if unknown:
            raise DataError(
                f"labels: got {shown(unknown[0])}, wanted the class names "
                f"{shown(list(classes), _SHOWN)}, or class numbers"
            )
        return np.array([numbers[one] for one in names], np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DataError(
            f"labels: got {array.dtype} of the shape {array.shape}, wanted class numbers (N,), or "
            f"the class names {shown(list(classes), _SHOWN)}"
        )
    if len(array) and not 0 <= int(array.min()) <= int(array.max()) < len(classes):
        raise DataError(
            f"labels: got numbers from {array.min()} to {array.max()}, wanted 0 to "
            f"{len(classes) - 1}"
        )
    return array.astype(np.int64)
