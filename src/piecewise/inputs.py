"""Check inputs and labels against a network, and convert them for its layers."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .core.array_types import Array, Float32, Labels
from .core.errors import DataError, LimitError, shown
from .core.ghost_batch import GROUP_SIZE
from .data.preprocessing import Preprocessor
from .data.text.preprocessor import TextPreprocessor
from .raw_inputs import Inputs, prepare_raw, raw_inputs
from .spec.architecture import Architecture
from .spec.class_numbers import class_numbers
from .spec.parameters import all_finite, as_float32

_BLOCK = 64 * GROUP_SIZE
"""Inputs per block of a check, which bounds the memory for float32 copies."""


class HasInputs(Protocol):
    """The attributes of a `Network` that these functions use."""

    architecture: Architecture
    preprocessor: Preprocessor


def as_array(values: Any, name: str) -> Array:
    """The values as one array; DataError for ragged lists."""
    try:
        return np.asarray(values)
    except (ValueError, TypeError):
        raise DataError(
            f"{name}: got {shown(values)}, wanted one array, not a ragged list"
        ) from None


def check_inputs(net: HasInputs, inputs: Inputs) -> Array:
    """The inputs (N, ...) as an array of their own type; DataError if they do not fit the net.
    Names of files, texts and Pillow images are preprocessed."""
    if (raw := raw_inputs(inputs)) is not None:
        inputs = prepare_raw(net.preprocessor, raw)
    array, shape = as_array(inputs, "inputs"), tuple(net.architecture.input)
    if net.architecture.reads_texts:
        return _check_tokens(array, *shape[1:])
    if isinstance(net.preprocessor, TextPreprocessor) and array.ndim == 2:
        array = net.preprocessor.one_hot(array)
    if array.ndim == 3 and shape[0] == 1 and array.shape[1:] == shape[1:]:
        array = array[:, None]  # grayscale images without their channel axis
    if array.ndim != 4 or array.shape[1:] != shape or not len(array):
        wanted = ", ".join(str(side) for side in shape)
        raise DataError(f"inputs: got the shape {array.shape}, wanted (N, {wanted})")
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise DataError(f"inputs: got {array.dtype}, wanted float32, or uint8 from 0 to 255")
    if array.dtype.kind == "f" and not all(
        all_finite(as_float32(array[start : start + _BLOCK]))
        for start in range(0, len(array), _BLOCK)
    ):
        raise DataError("inputs: got values that are not finite numbers")
    return array


def _check_tokens(array: Array, vocabulary: int, positions: int) -> Array:
    if array.ndim != 2 or array.shape[1] != positions or not len(array):
        raise DataError(
            f"tokens: got the shape {array.shape}, wanted (N, {positions}): this network reads "
            "texts, as token numbers"
        )
    if array.dtype.kind not in "iu" or not 0 <= int(array.min()) <= int(array.max()) < vocabulary:
        raise DataError(f"tokens: got {array.dtype}, wanted integers from 0 to {vocabulary - 1}")
    return array


def check_labels(net: HasInputs, labels: npt.ArrayLike) -> Labels:
    """Class names or numbers as class numbers (N,), int64; DataError if one of them is not a
    class."""
    return class_numbers(net.architecture.classes, as_array(labels, "labels"))


def check_examples(
    net: HasInputs, inputs: npt.ArrayLike, labels: npt.ArrayLike
) -> tuple[Array, Labels]:
    """`check_inputs` and `check_labels`; DataError unless there is one label per input."""
    array, numbers = check_inputs(net, inputs), check_labels(net, labels)
    if len(array) != len(numbers):
        raise DataError(f"labels: got {len(numbers)}, wanted {len(array)}, one per input")
    return array, numbers


def check_sample_weight(weights: npt.ArrayLike, count: int, dtype: type[np.floating[Any]]) -> Array:
    """One weight per input (N,), as ``dtype``; DataError unless they are finite, 0 or more, and not
    all zero."""
    array = np.asarray(weights)
    if array.shape != (count,) or array.dtype.kind not in "fiub":
        raise DataError(
            f"sample_weight: got {array.dtype} of the shape {array.shape}, wanted numbers "
            f"({count},), one per input"
        )
    with np.errstate(over="ignore"):
        converted = array.astype(dtype)
    if not np.isfinite(converted).all() or (converted < 0).any():
        raise DataError("sample_weight: got negative or non-finite weights, wanted 0 or more")
    if not converted.any():
        raise DataError("sample_weight: every weight is zero, wanted at least one above 0")
    return converted


def layer_inputs(net: HasInputs, inputs: npt.ArrayLike) -> Array:
    """`check_inputs`, then `convert_inputs`."""
    return convert_inputs(net, check_inputs(net, inputs))


def convert_inputs(net: HasInputs, checked: Array) -> Array:
    """Checked inputs for the layers: contiguous float32, or int64 for tokens."""
    if net.architecture.reads_texts:
        return np.ascontiguousarray(checked, np.int64)
    is_bytes = checked.dtype == np.uint8
    scaled = net.preprocessor.to_float(checked) if is_bytes else as_float32(checked)
    return np.ascontiguousarray(scaled, np.float32)


def engine_inputs(net: HasInputs, checked: Array) -> Array:
    """Checked inputs for the engine: contiguous; it scales uint8 itself."""
    is_bytes = checked.dtype == np.uint8 and not net.architecture.reads_texts
    return np.ascontiguousarray(checked) if is_bytes else convert_inputs(net, checked)


def check_finite(logits: Float32) -> None:
    """LimitError if a logit is not a finite number."""
    if not all_finite(logits):
        raise LimitError(
            "the logits are not finite float32 numbers; the parameters are too large or not finite"
        )
