"""The range of numbers, and whether inputs fit the range of the training data.

The same pictures are kept as 0 to 255 by some programs and as 0 to 1 by others. A network that
learned from one scale and is asked about the other answers nonsense, so such numbers are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from ..core.array_types import Array

_BLOCK = 1 << 22  # numbers looked at together, to limit temporary memory
UNIT = 1.01  # resizing and averaging may exceed 1 a little
_LARGE = 10.0  # a scale up to here or further is not one of 0 to 1
_DIM = 63  # bytes up to here are those of a scale of their own, such as 0 to 1 or 0 to 16
BRIGHT = 0.5  # a picture of 0 to 1 reaches this; a dark one of 0 to 255 hardly ends just there


@dataclass(frozen=True)
class ValueRange:
    """The lowest and the highest of some numbers, and whether all are integers.

    To compare a second array with the one that was learned from, measure both and ask for the
    `mismatch`. It is a sentence for the user, or None if the second array can be of the same scale:

    >>> import numpy as np
    >>> from piecewise.data.value_range import ValueRange
    >>> learned = ValueRange.of(np.array([0.0, 0.25, 1.0]))
    >>> learned.mismatch(ValueRange.of(np.array([0, 200], np.uint8)))
    'got numbers from 0 to 200, wanted the scale of the training data, 0 to 1; divide by 255'
    >>> learned.mismatch(ValueRange.of(np.array([0.0, 0.01]))) is None  # dark, and kept as it is
    True

    Scale all arrays by the learned range alone; an array that is darker is never rescaled.
    """

    low: float
    high: float
    is_integer: bool

    @classmethod
    def of(cls, numbers: Array) -> Self:
        """The scale of an array of any shape, of finite numbers. Bytes are 0 to 255, whatever
        they reach, if they need more than 6 bits: dark pictures are of the same scale as others."""
        if not numbers.size:
            return cls(0.0, 0.0, is_integer=True)
        measured = cls.measured(numbers)
        if numbers.dtype == np.uint8 and measured.high > _DIM:
            return cls(0.0, 255.0, is_integer=True)
        return measured

    @classmethod
    def measured(cls, numbers: Array) -> Self:
        """The range of the numbers themselves, which are finite, and at least one."""
        return cls(float(numbers.min()), float(numbers.max()), is_integer=_are_integers(numbers))

    def mismatch(self, other: ValueRange) -> str | None:
        """Why numbers of the range ``other`` cannot be of this scale; None if they can.

        They cannot if they lie further outside this range than it is wide, or if they were divided;
        see `is_divided`.
        """
        span = self.high - self.low
        is_beyond = other.high > self.high + span or other.low < self.low - span
        return self.sentence(other) if is_beyond or self.is_divided(other) else None

    def is_divided(self, other: ValueRange) -> bool:
        """Whether numbers of the range ``other`` are fractions between -1 and 1, where this range
        is one of integers, or much wider."""
        is_unit = max(other.high, -other.low) <= UNIT and not other.is_integer
        return is_unit and self.high >= _LARGE and (self.is_integer or other.high > BRIGHT)

    def sentence(self, other: ValueRange) -> str:
        """The message for numbers of the range ``other``, with the remedy."""
        remedy = "scale them as the training data"
        if other.low >= 0 and self.low >= 0:
            if other.high <= UNIT < self.high <= 256:
                remedy = f"multiply by {255 if self.high > 100 else self.high:g}"
            elif self.high <= UNIT < other.high <= 256:
                remedy = f"divide by {255 if other.high > 100 else other.high:g}"
        return (
            f"got numbers from {other.low:g} to {other.high:g}, wanted the scale of the training "
            f"data, {self.low:g} to {self.high:g}; {remedy}"
        )


def _are_integers(numbers: Array) -> bool:
    if numbers.dtype.kind in "biu":
        return True
    rows = np.atleast_1d(numbers)
    step = max(1, _BLOCK * len(rows) // rows.size)
    blocks = (rows[start : start + step] for start in range(0, len(rows), step))
    return all(bool((block == np.rint(block)).all()) for block in blocks)
