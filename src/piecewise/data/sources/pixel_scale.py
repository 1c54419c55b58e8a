"""The scale of the numbers of image arrays, decided once for all splits of a data set.

Programs keep the same images as 0 to 255, as 0 to 1 or as -1 to 1. The scale is learned from the
training split. An array that cannot be of this scale is refused, as images would
become black or white; one that is only darker is kept as it is. `data/value_range.py` compares the
arrays that a classifier gets, which may have any range.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...core.array_types import Array, Uint8
from ...core.errors import DataError
from ..value_range import BRIGHT, UNIT, ValueRange

_FEW_LEVELS = 16.0  # scikit-learn's digits have the levels 0 to 16
_DARK = 1.0  # whole numbers up to here are nearly black among 0 to 255
_BLOCK = 1_000  # images converted at a time, to limit temporary memory
_WANTED = "wanted 0 to 255, or 0 to 1; scale it first"


class NamedImages(NamedTuple):
    """The images of a split, (N, ...) numbers, and the name of their array."""

    name: str
    images: Array


class PixelScale(NamedTuple):
    """The numbers that become the bytes 0 and 255."""

    black: float
    white: float

    @property
    def description(self) -> str:
        return f"numbers from {self.black:g} to {self.white:g}"

    def to_bytes(self, images: Array) -> Uint8:
        """The images as bytes; ``images`` is within the scale."""
        made = np.empty(images.shape, np.uint8)
        for start in range(0, len(images), _BLOCK):
            block: Array = images[start : start + _BLOCK]
            if (self.black, self.white) != (0, 255):
                block = np.clip(block, self.black, self.white)
                factor = np.float32(255 / (self.white - self.black))
                block = (block - np.float32(self.black)) * factor
            made[start : start + _BLOCK] = block if block.dtype.kind in "iu" else np.rint(block)
        return made


def fit_pixel_scale(learned: Sequence[NamedImages]) -> PixelScale:
    """The scale of the arrays that are learned from; DataError if it is not a known one."""
    ranges = [found for one in learned if (found := _range_of(one))]
    if not ranges:
        return PixelScale(0, 255)
    low, high = min(one.low for one in ranges), max(one.high for one in ranges)
    is_integer = all(one.is_integer for one in ranges)
    if low >= 0 and high <= UNIT:
        return PixelScale(0, 1)
    if -UNIT <= low < 0 and high <= UNIT:
        return PixelScale(-1, 1)
    if low >= 0 and high <= _FEW_LEVELS and is_integer:
        levels = (3.0, 7.0, 15.0, _FEW_LEVELS)
        return PixelScale(0, next(level for level in levels if level >= high))
    if low >= 0 and high <= 255:
        return PixelScale(0, 255)
    name, images = max(learned, key=lambda one: _outside(one.images))
    raise DataError(f"'{name}' holds {images.dtype} from {low:g} to {high:g}, {_WANTED}")


def check_scale(scale: PixelScale, learned: Sequence[NamedImages], other: NamedImages) -> str:
    """A warning about an array that is suspicious beside those that were learned from, or "";
    DataError if it cannot be of their scale."""
    found = _range_of(other)
    if found is None or not learned:
        return ""
    name = learned[0].name
    margin = (UNIT - 1) * (scale.white - scale.black) if scale.white == 1 else 0
    is_outside = found.low < scale.black - margin or found.high > scale.white + margin
    is_fraction = not found.is_integer and found.high <= UNIT < scale.white
    if is_fraction:
        whole = all(one.is_integer for each in learned if (one := _range_of(each)))
        is_fraction = whole or found.high > BRIGHT
    if is_outside or is_fraction:
        raise DataError(
            f"'{other.name}' holds {other.images.dtype} from {found.low:g} to {found.high:g}, "
            f"wanted the scale of '{name}', {scale.black:g} to {scale.white:g}; "
            + _remedy(scale, found)
        )
    if scale.white == 255 and found.high <= _DARK:
        return (
            f"'{other.name}' is nearly black: its highest number is {found.high:g}, and '{name}' "
            f"is of {scale.black:g} to {scale.white:g}; if it is of 0 to 1, multiply it by 255"
        )
    if scale.black == -1 and found.low >= 0:
        return (
            f"'{other.name}' has no number below 0, and '{name}' is of -1 to 1; if it is of 0 to "
            "1, subtract 0.5 and multiply by 2"
        )
    return ""


def check_finite(array: Array, name: str) -> None:
    """Refuse NaN and infinite numbers, counted and with the position of the first; DataError."""
    if array.dtype.kind != "f" or not array.size:
        return
    bad, examples, first = 0, 0, ""
    for start in range(0, len(array), _BLOCK):
        wrong = ~np.isfinite(array[start : start + _BLOCK])
        if wrong.any():
            index = np.argwhere(wrong)[0]
            where = ", ".join(str(one) for one in (start + index[0], *index[1:]))
            first = first or f"{array[start:][tuple(index)]} at [{where}]"
            bad += int(wrong.sum())
            examples += int(wrong.reshape(len(wrong), -1).any(axis=1).sum())
    if bad:
        raise DataError(
            f"'{name}' holds {bad:,} NaN or infinite numbers, in {examples:,} of {len(array):,} "
            f"examples, the first {first}; replace them or leave these examples out"
        )


def _remedy(scale: PixelScale, found: ValueRange) -> str:
    """How to bring numbers to a scale, where that is clear."""
    if (scale.black, scale.white) == (0, 1) and found.low >= 0 and UNIT < found.high <= 255:
        return "divide them by 255" if found.high > _FEW_LEVELS else "scale both alike"
    if scale.white == 255 and found.low >= 0 and found.high <= UNIT:
        return "multiply them by 255"
    return "scale both alike"


def _range_of(one: NamedImages) -> ValueRange | None:
    return ValueRange.measured(one.images) if one.images.size else None


def _outside(images: Array) -> float:
    """How far the numbers are from 0 to 255."""
    return max(-float(images.min()), float(images.max()) - 255) if images.size else -np.inf
