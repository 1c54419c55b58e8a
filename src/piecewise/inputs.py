"""Checks of arrays: whether inputs and labels fit a network, and their form for its layers."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from .core.array_types import Array, Labels
from .core.errors import DataError, shown
from .core.ghost_batch import GROUP_SIZE
from .data.preprocessing import Preprocessor
from .data.text.preprocessor import TextPreprocessor
from .spec.architecture import Architecture
from .spec.parameters import all_finite, as_float32

_BLOCK = 64 * GROUP_SIZE
"""Inputs that are checked at a time, which bounds the memory for float32 copies."""


class Reader(Protocol):
    """What these functions need of a `Network`."""

    architecture: Architecture
    preprocessor: Preprocessor


def as_array(values: npt.ArrayLike, name: str) -> Array:
    """The values as one array; DataError for ragged lists."""
    try:
        return np.asarray(values)
    except (ValueError, TypeError):
        raise DataError(f"{name}: got {shown(values)}, wanted one array, no ragged lists") from None


def check_inputs(net: Reader, inputs: npt.ArrayLike) -> Array:
    """The inputs (N, ...) as an array of their own type; DataError if they do not fit the net."""
    array, shape = as_array(inputs, "pictures"), tuple(net.architecture.input)
    if net.architecture.reads_texts:
        return _check_words(array, *shape[1:])
    if isinstance(net.preprocessor, TextPreprocessor) and array.ndim == 2:
        array = net.preprocessor.one_hot(array)
    if array.ndim == 3 and shape[0] == 1 and array.shape[1:] == shape[1:]:
        array = array[:, None]  # grey pictures without their channel axis
    if array.ndim != 4 or array.shape[1:] != shape or not len(array):
        wanted = ", ".join(str(side) for side in shape)
        raise DataError(f"pictures: got the shape {array.shape}, wanted (N, {wanted})")
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise DataError(f"pictures: got {array.dtype}, wanted float32, or uint8 from 0 to 255")
    if array.dtype.kind == "f" and not all(
        all_finite(as_float32(array[start : start + _BLOCK]))
        for start in range(0, len(array), _BLOCK)
    ):
        raise DataError("pictures: got values that are not finite numbers")
    return array


def _check_words(array: Array, words: int, positions: int) -> Array:
    if array.ndim != 2 or array.shape[1] != positions or not len(array):
        raise DataError(
            f"words: got the shape {array.shape}, wanted (N, {positions}): this network reads "
            "texts, as word numbers"
        )
    if array.dtype.kind not in "iu" or not 0 <= int(array.min()) <= int(array.max()) < words:
        raise DataError(f"words: got {array.dtype}, wanted whole numbers from 0 to {words - 1}")
    return array


def check_labels(net: Reader, labels: npt.ArrayLike) -> Labels:
    """Class numbers (N,) as int64; DataError if one of them is not a class."""
    array, classes = as_array(labels, "labels"), len(net.architecture.classes)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DataError(
            f"labels: got {array.dtype} of the shape {array.shape}, wanted class numbers (N,)"
        )
    if len(array) and not 0 <= int(array.min()) <= int(array.max()) < classes:
        raise DataError(
            f"labels: got numbers from {array.min()} to {array.max()}, wanted 0 to {classes - 1}"
        )
    return array.astype(np.int64)


def check_examples(
    net: Reader, inputs: npt.ArrayLike, labels: npt.ArrayLike
) -> tuple[Array, Labels]:
    """`check_inputs` and `check_labels`, and that there is a label per input."""
    array, numbers = check_inputs(net, inputs), check_labels(net, labels)
    if len(array) != len(numbers):
        raise DataError(f"labels: got {len(numbers)}, wanted {len(array)}, one per picture")
    return array, numbers


def layer_inputs(net: Reader, inputs: npt.ArrayLike) -> Array:
    """Inputs, checked, in the form that the layers take; see `convert_inputs`."""
    return convert_inputs(net, check_inputs(net, inputs))


def convert_inputs(net: Reader, checked: Array) -> Array:
    """Checked inputs as the layers take them: contiguous float32, or int64 for words."""
    if net.architecture.reads_texts:
        return np.ascontiguousarray(checked, np.int64)
    is_bytes = checked.dtype == np.uint8
    scaled = net.preprocessor.to_float(checked) if is_bytes else as_float32(checked)
    return np.ascontiguousarray(scaled, np.float32)


def engine_inputs(net: Reader, checked: Array) -> Array:
    """Checked inputs as the engine takes them: contiguous; bytes stay bytes, which it scales."""
    is_bytes = checked.dtype == np.uint8 and not net.architecture.reads_texts
    return np.ascontiguousarray(checked) if is_bytes else convert_inputs(net, checked)
