"""Arrays of images or table rows as users have them: axis order, value range and scaling.

Preprocessors expect bytes. Numbers of another range, and rows of a table, are scaled first, by a
scaling that is fitted to the training data once and then fixed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.array_types import Array, Float32, Float64, Uint8
from ..core.errors import DataError, LimitError, shown
from ..reference.reductions import tree_sum
from ..spec.architecture import input_shape
from .images.decoding import SUFFIXES, decode_picture
from .images.fitting import fit_image_preprocessor
from .images.preprocessor import ImagePreprocessor
from .value_range import ValueRange

Shape = tuple[int, int, int]

BYTES = ValueRange(0.0, 255.0, is_integer=True)

LEVELS = 256
"""Images with at most so many different values are treated as scaled bytes."""
_SAMPLE = 500  # images, at least, that a scaling is fitted to, if there are as many
_BLOCK = 1_000  # images processed at a time, to limit temporary memory
_COLOURS = (1, 3)
_OUTSIDE = 0.01  # of the values of pictures may lie far beyond the learned range
_FAR = 30.0  # deviations; a table of another scale lies further from the mean in most cells


@dataclass(frozen=True)
class ByteScaling:
    """Min-max scaling: the range that was learned from becomes bytes from 0 to 255, clipped;
    drawings get the preprocessor's background."""

    preprocessor: ImagePreprocessor
    learned: ValueRange = BYTES

    def transform(self, pictures: Array) -> Uint8:
        """Scale pictures (N, C, H, W); DataError if they are of another scale."""
        low, high = self.learned.low, self.learned.high
        if pictures.dtype == np.uint8 and (low, high) == (0, 255):
            return self.preprocessor.align(np.ascontiguousarray(pictures))
        _check_scale(self.learned, pictures)
        made = np.empty(pictures.shape, np.uint8)
        for start in range(0, len(pictures), _BLOCK):
            block = pictures[start : start + _BLOCK].astype(np.float64)
            inside = (np.clip(block, low, high) - low) / (high - low)
            made[start : start + _BLOCK] = np.rint(inside * 255)
        return self.preprocessor.align(made)

    def read_files(self, paths: Sequence[Path]) -> Uint8:
        """Read image files as bytes (N, C, H, W); DataError if one cannot be read."""
        return np.stack([self.preprocessor.transform(decode_picture(path)) for path in paths])


@dataclass(frozen=True)
class Standardization:
    """Standardization: subtracts ``mean`` and divides by ``deviation``; each (C, 1, 1), or
    (1, 1, columns) for a table."""

    preprocessor: ImagePreprocessor
    mean: Float64
    deviation: Float64
    learned: ValueRange
    is_table: bool = False

    def transform(self, pictures: Array) -> Float32:
        """Standardize pictures (N, C, H, W); DataError if they are of another scale."""
        if not self.is_table:
            _check_scale(self.learned, pictures)
        made = np.empty(pictures.shape, np.float32)
        for start in range(0, len(pictures), _BLOCK):
            with np.errstate(over="ignore"):  # checked below
                block = (pictures[start : start + _BLOCK] - self.mean) / self.deviation
                made[start : start + _BLOCK] = block
        if not np.isfinite(made).all():
            raise DataError("X: a value exceeds float32 after scaling with the training statistics")
        if self.is_table:
            self._check_table(pictures, made)
        return made

    def _check_table(self, rows: Array, made: Float32) -> None:
        """Raise a DataError for a table of another scale. Single columns may go far beyond what was
        learned, so only the middle of all cells counts."""
        found = ValueRange.of(rows)
        is_divided = self.learned.is_integer and self.learned.is_divided(found)
        if is_divided or np.median(np.abs(made)) > _FAR:
            raise DataError(f"X: {self.learned.sentence(found)}")


def _check_scale(learned: ValueRange, pictures: Array) -> None:
    """Raise a DataError for pictures of another scale; a few values may go far beyond the learned
    ones, as those of a rarely used pixel do after standardization."""
    found = ValueRange.of(pictures)
    message = learned.mismatch(found)
    if message and not learned.is_divided(found):
        span = learned.high - learned.low
        outside = (pictures > learned.high + span) | (pictures < learned.low - span)
        message = message if outside.mean() > _OUTSIDE else None
    if message:
        raise DataError(f"X: {message}")


InputScaling = ByteScaling | Standardization
"""How numbers become a network's inputs."""


def as_array_or_paths(X: Any) -> Array | list[Path]:
    """Validate inputs: finite numbers (N, ...), or paths of image files.

    Bytes and float32 are unchanged, other numbers become float64. Raises DataError, and TypeError
    for values that are not numbers.
    """
    if hasattr(X, "tocsr"):
        raise DataError("X: got a sparse matrix, wanted a dense array; X.toarray() makes one")
    try:
        array = np.asarray(X)
    except ValueError:
        raise DataError("X: got rows of different lengths, wanted one array, or paths") from None
    if array.ndim == 1 and array.dtype.kind in "OUT":
        entries = array.tolist()
        if entries and all(isinstance(entry, str | os.PathLike) for entry in entries):
            return _paths(entries)
    if hasattr(X, "columns") and array.ndim == 2:
        _check_columns(list(X.columns), array)
    return _numbers(array)


def _paths(entries: list[str | os.PathLike[str]]) -> list[Path]:
    """Paths of image files; DataError for texts that are no paths."""
    paths = [Path(entry) for entry in entries]
    if not any(path.suffix.lower() in SUFFIXES or os.path.lexists(path) for path in paths):
        raise DataError(
            f"X: got texts such as {shown(str(entries[0]))}, wanted numbers, or paths of pictures; "
            "a net for texts is trained from a table by piecewise.read_data and run_training"
        )
    return paths


def _check_columns(names: list[Any], values: Array) -> None:
    """Raise a DataError that names the columns of a data frame that cannot be learned from."""
    wrong, lacking = list[Any](), list[Any]()
    for name, column in zip(names, values.T, strict=False):
        try:
            numbers = column.astype(np.float64) if column.dtype.kind in "biufO" else None
        except (TypeError, ValueError):
            numbers = None
        if numbers is None:
            is_missing = column.dtype.kind == "O" and any(_is_missing(one) for one in column)
            (lacking if is_missing else wrong).append(name)
        elif not np.isfinite(numbers).all():
            lacking.append(name)
    if wrong:
        raise DataError(
            f"X: the columns {shown(wrong, 100)} do not hold numbers; encode them as numbers "
            "(pandas.get_dummies does it), or leave them out"
        )
    if lacking:
        raise DataError(
            f"X: the columns {shown(lacking, 100)} contain NaN, infinite or missing values; fill "
            "them (DataFrame.fillna does it), or leave them out"
        )


def _is_missing(value: Any) -> bool:
    """Whether a value is None, or pandas' missing value, which equals nothing."""
    return value is None or type(value).__name__ in {"NAType", "NaTType"}


def _numbers(array: Array) -> Array:
    if array.dtype.kind == "c":
        raise DataError("X: Complex data not supported; wanted real numbers")
    if array.ndim < 2 or array.ndim > 4:
        raise DataError(
            f"X: got an array with {array.ndim} axes, wanted rows (N, features) or pictures "
            "(N, H, W), (N, C, H, W). Reshape your data: X.reshape(-1, 1) if it is one feature, "
            "X[None] if it is one sample"
        )
    if not len(array):
        raise DataError(f"X: 0 sample(s) (shape={array.shape}) while a minimum of 1 is required.")
    if not array.size:
        raise DataError(f"X: 0 feature(s) (shape={array.shape}) while a minimum of 1 is required.")
    if array.dtype in (np.uint8, np.float32):
        numbers = array
    else:
        try:
            numbers = array.astype(np.float64, copy=False)  # nothing writes into it
        except ValueError:
            raise DataError(f"X: got {array.dtype}, wanted numbers, or paths of pictures") from None
    if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
        raise DataError("X: contains NaN or inf, wanted finite numbers")
    return numbers


def check_image_shape(shape: Any) -> Shape | None:
    """Validate an image shape: (rows, columns), (channels, rows, columns) or None."""
    if shape is None:
        return None
    sides = shape.tolist() if isinstance(shape, np.ndarray) else shape
    if isinstance(sides, tuple | list) and len(sides) == 2:
        sides = (1, *sides)
    try:
        return _sides(input_shape(sides))
    except LimitError:
        raise LimitError(
            f"image_shape: got {shown(shape)}, wanted (rows, columns) or (channels, rows, columns)"
        ) from None


def _sides(shape: Sequence[int]) -> Shape:
    channels, rows, columns = shape
    return channels, rows, columns


def to_nchw(numbers: Array, shape: Shape | None) -> Array:
    """Numbers as images (N, C, H, W), a view where possible; DataError.

    ``shape`` is (C, H, W) if it is known. Rows (N, features) are reshaped to it; without a shape
    they are a table: images of one row. (N, H, W) are grey images. Of four axes, the channels are
    the second, or the last if only then the shape fits; without a shape, the last if only that has
    the size 1 or 3.
    """
    count, sides = len(numbers), numbers.shape[1:]
    if len(sides) == 1:
        wanted = shape or (1, 1, sides[0])
    elif len(sides) == 2:
        wanted = (1, sides[0], sides[1])
    else:
        last = sides[2] in _COLOURS and sides[0] not in _COLOURS
        if last if shape is None else (sides != shape and (sides[2], *sides[:2]) == shape):
            numbers, sides = np.moveaxis(numbers, 3, 1), (sides[2], *sides[:2])
        wanted = (sides[0], sides[1], sides[2])
    if wanted != (shape or wanted) or numbers[0].size != int(np.prod(wanted)):
        raise _misfit(numbers, shape or wanted)
    return numbers.reshape(count, *wanted)


def _misfit(numbers: Array, shape: Shape) -> DataError:
    """The error, in scikit-learn's words."""
    features, wanted = numbers[0].size, int(np.prod(shape))
    if features != wanted:
        return DataError(
            f"X has {features} features, but ConvNetClassifier is expecting {wanted} features as "
            f"input: {' x '.join(map(str, shape))}"
        )
    return DataError(f"X: got pictures {numbers.shape[1:]}, wanted {shape}")


def fit_to_files(paths: Sequence[Path], shape: Shape | None) -> ByteScaling:
    """Fit a scaling to image files; their order does not matter."""
    files = sorted(set(paths))
    sample = (decode_picture(path) for path in files[:: max(1, len(files) // _SAMPLE)])
    fitted = fit_image_preprocessor(sample, shape and shape[1:])
    return ByteScaling(fitted if shape is None else replace(fitted, shape=shape))


def fit_to_images(pictures: Array, weights: Float64) -> InputScaling:
    """Fit a scaling to images (N, C, H, W) with sample weights (N,).

    Bytes, and numbers with at most 256 different values, are scaled to bytes; other numbers are
    standardized per channel.
    """
    shape = _sides(pictures.shape[1:])
    some = pictures[:: max(1, len(pictures) // _SAMPLE)]
    if pictures.dtype != np.uint8 and not _has_levels(some):
        return _standard(pictures, weights, shape, cells=(2, 3))
    learned = ValueRange.of(pictures)
    levels = ByteScaling(ImagePreprocessor(shape), learned if learned.high > learned.low else BYTES)
    if shape[0] not in _COLOURS:
        return levels
    sample = np.moveaxis(levels.transform(some), 1, 3)
    fitted = fit_image_preprocessor(sample, shape[1:])
    return replace(levels, preprocessor=replace(fitted, shape=shape))


def _has_levels(some: Array) -> bool:
    """Whether few values repeat often, as in bytes that were divided."""
    different = np.unique(some).size
    return 1 < different <= LEVELS and 4 * different <= some.size


def fit_to_rows(rows: Array, weights: Float64) -> InputScaling:
    """Fit a standardization to each column of a table, as images (N, 1, 1, columns)."""
    fitted = _standard(rows, weights, _sides(rows.shape[1:]), cells=())
    return replace(fitted, is_table=True)


def _standard(
    pictures: Array, weights: Float64, shape: Shape, cells: tuple[int, ...]
) -> Standardization:
    normalized = weights / tree_sum(weights)
    many = int(np.prod([shape[axis - 1] for axis in cells], dtype=np.int64))

    def mean_of(change: Any) -> Float64:
        """The weighted mean over images and the axes ``cells``, summed in the same order on every
        machine, because the network depends on it."""
        blocks = [
            tree_sum(
                change(pictures[at : at + _BLOCK]) * normalized[at : at + _BLOCK, None, None, None]
            )
            for at in range(0, len(pictures), _BLOCK)
        ]
        summed = tree_sum(np.stack(blocks))
        if cells:
            summed = tree_sum(summed.reshape(len(summed), -1).T)[:, None, None]
        return np.asarray(summed / many)

    with np.errstate(over="ignore", invalid="ignore"):
        mean = mean_of(lambda block: block.astype(np.float64))
        deviation = np.sqrt(mean_of(lambda block: (block - mean) ** 2))
    if not np.isfinite(deviation).all():
        raise DataError("X: got values too large to be squared in float64")
    # A constant column has no information, and dividing would magnify rounding errors.
    deviation[deviation <= 1e-12 * np.abs(mean)] = 1.0
    return Standardization(ImagePreprocessor(shape), mean, deviation, ValueRange.of(pictures))
