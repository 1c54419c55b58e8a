"""Requests for predictions: converts JSON, texts and arrays (.npy) to inputs of a net.

Nothing in a request is a path or code. Sizes are checked before memory is allocated for them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..core.array_types import Array
from ..core.errors import DataError, PiecewiseError, shown
from ..data.decoding.prepared_input import PreparedInput, prepare_input
from ..data.sources.npz_arrays import MAX_HEADER_BYTES, npy_header
from ..inputs import check_inputs, engine_inputs
from ..network import Network

MAX_INPUTS = 10_000
"""Inputs of one request."""
MAX_JSON = 8 << 20
"""Bytes of JSON, of which Python's lists need several times as many."""
NPY = b"\x93NUMPY"
_WANTED = "inputs: wanted lists of numbers, or texts"
_MAX_WHOLE = 2**53
"""Up to here, each whole number is a float."""


class RequestValues(NamedTuple):
    """What a request asks: inputs, each with its name, and the coverage."""

    names: list[str]
    inputs: list[PreparedInput | PiecewiseError]
    """For an input that cannot be read, the reason."""
    coverage: float = 1.0

    @property
    def readable(self) -> list[PreparedInput]:
        return [one for one in self.inputs if isinstance(one, PreparedInput)]


def values_of_json(net: Network, body: bytes) -> RequestValues:
    """``{"inputs": [...], "coverage": 0.9}``; the inputs are an array, or texts."""
    if len(body) > MAX_JSON:
        raise DataError(f"JSON: got {len(body):,} bytes, wanted at most {MAX_JSON:,}; send .npy")
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise DataError("the request is not JSON") from None
    if not isinstance(values, dict) or "inputs" not in values:
        raise DataError('JSON: wanted an object such as {"inputs": [...]}')
    if unknown := sorted(values.keys() - {"inputs", "coverage"}):
        raise DataError(f"JSON: got {shown(unknown[0])}, wanted inputs and coverage only")
    inputs, coverage = values["inputs"], _coverage(values.get("coverage", 1.0))
    net.calibration.threshold_for(coverage)  # LimitError, also if the query has another one
    if isinstance(inputs, list) and inputs and all(isinstance(one, str) for one in inputs):
        return values_of_texts(net, inputs)._replace(coverage=coverage)
    if "true" in text or "false" in text:  # NumPy would read them as 1 and 0
        raise DataError(_WANTED)
    return values_of_array(net, _array(inputs))._replace(coverage=coverage)


def values_of_npy(net: Network, body: bytes) -> RequestValues:
    """An array (N, ...) in NumPy's file format."""
    return values_of_array(net, _npy(body))


def values_of_texts(net: Network, texts: Sequence[str]) -> RequestValues:
    """Texts, for a net that reads texts."""
    check_count(len(texts))
    if net.preprocessor.modality != "texts":
        raise DataError(f"inputs: got texts, wanted {net.preprocessor.modality} for this net")
    prepared = [prepare_input(net.preprocessor, text) for text in texts]
    return RequestValues([str(number) for number in range(len(texts))], [*prepared])


def values_of_array(net: Network, array: Array) -> RequestValues:
    """An array (N, ...) of preprocessed inputs, or of bytes that the net scales."""
    if array.shape and not 0 < len(array) <= MAX_INPUTS:
        check_count(len(array))
    ready = engine_inputs(net, check_inputs(net, array))
    inputs = [PreparedInput(ready[row : row + 1], None, None, None) for row in range(len(ready))]
    return RequestValues([str(number) for number in range(len(ready))], [*inputs])


def checked_coverage(text: str) -> float:
    """The coverage of a query; DataError."""
    try:
        return _coverage(float(text))
    except ValueError:
        raise DataError(f"coverage: got {shown(text)}, wanted a number from 0 to 1") from None


def _coverage(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:
        raise DataError(f"coverage: got {shown(value)}, wanted a number from 0 to 1")
    return float(value)


def check_count(count: int) -> None:
    """Check the number of inputs of a request; DataError."""
    if not 0 < count <= MAX_INPUTS:
        raise DataError(f"inputs: got {count:,}, wanted from 1 to {MAX_INPUTS:,} in a request")


def _array(values: Any) -> Array:
    """Nested lists of numbers as an array."""
    try:
        array = np.asarray(values)
    except ValueError:
        raise DataError("inputs: wanted one array, not a ragged list") from None
    if array.dtype.kind in "uO":  # 2**63 or larger, or no numbers
        array = _large_numbers(array)
    if array.dtype.kind == "i" and array.ndim > 2:  # whole numbers of an image are numbers
        return array.astype(np.float32)
    if array.dtype.kind == "f" and array.ndim == 2 and _is_whole(array):  # JSON's 1.0 is 1
        return array.astype(np.int64)
    if array.dtype.kind not in "if":
        raise DataError(_WANTED)
    return array


def _large_numbers(array: Array) -> Array:
    """Whole numbers that do not fit into 64 bits, as floats."""
    if not all(type(one) in (int, float) for one in array.ravel().tolist()):
        raise DataError(_WANTED)
    try:
        return array.astype(np.float64)
    except OverflowError:
        raise DataError("inputs: got values that are not finite numbers") from None


def _is_whole(array: Array) -> bool:
    return bool((np.abs(array) <= _MAX_WHOLE).all() and (array == np.rint(array)).all())


def _npy(body: bytes) -> Array:
    """The array of a .npy file. Its header is checked before the array is made."""
    version_1 = body[6:7] == b"\x01"
    start = 10 if version_1 else 12
    end = start + int.from_bytes(body[8:start], "little")
    shape, in_fortran_order, dtype = _header(body[: min(end, start + MAX_HEADER_BYTES)])
    size = prod(shape) * dtype.itemsize
    if size != len(body) - end:
        got = max(0, len(body) - end)
        raise DataError(f"npy: got {got:,} bytes, wanted {size:,} for the shape {shape} of {dtype}")
    flat = np.frombuffer(body, dtype, offset=end)
    return flat.reshape(shape, order="F" if in_fortran_order else "C")


@lru_cache(64)
def _header(begin: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The header of a .npy file; clients send the same one again and again."""
    header = npy_header(io.BytesIO(begin), "npy")
    shape, _, dtype = header
    if dtype.kind not in "fiu" or dtype.itemsize > 8 or min(shape, default=1) < 1:
        raise DataError(f"npy: got the shape {shape} of {dtype}, wanted float32, uint8 or int64")
    return header
