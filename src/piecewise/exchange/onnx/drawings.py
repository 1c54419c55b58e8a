"""Drawings in ONNX: their background and their ink, as `data/images/background.py` finds them.

Images are (N, C, H, W); levels and conditions of an image (N, 1, 1, 1).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...data.images.background import ALIKE, FLAT, LEAST_CONTRAST, NEAR_BLACK, NEAR_WHITE, UNIFORM
from .expressions import Expression, Expressions
from .graph import BATCH


class Background(NamedTuple):
    """The background of images, from their border."""

    twice: Expression
    """Twice the median level (N, C, 1, 1)."""
    level: Expression
    """The level, rounded down."""
    border: Expression
    """The pixels of the border (N, C, border, 1)."""

    @classmethod
    def of(cls, make: Expressions, planes: Expression) -> Background:
        """The background of each plane."""
        _, channels, height, width = planes.dims
        sides: list[int | str] = ["two_rows", "two_columns", "border", "half_border"]
        if isinstance(height, int) and isinstance(width, int):
            sides = [2 * width, 2 * height, 2 * (width + height), width + height + 1]
        rows = planes.take([0, -1], 2).reshape([0, 0, -1], (BATCH, channels, sides[0]))
        columns = planes.take([0, -1], 3).reshape([0, 0, -1], (BATCH, channels, sides[1]))
        dims = (BATCH, channels, sides[2])
        border = make.add("Concat", [rows.value, columns.value], dims, axis=2)
        twice = _middle_two(make, border, sides[3])
        shaped = border.reshape([0, 0, -1, 1], (*dims, 1))
        return cls(twice, (twice / 2.0).floor(), shaped)

    def is_light(self) -> Expression:
        """Whether it is light."""
        return self.level > 127.0

    def is_drawing(self, planes: Expression, least: float) -> Expression:
        """Whether each image, of one channel, is ink on a plain background."""
        border = _fraction((self.border - self.level).abs() <= float(FLAT))
        whole = _fraction((planes - self.level).abs() <= float(FLAT))
        plain = (border / 0.75).at_most(whole / 0.5)
        extreme = (self.level <= float(NEAR_BLACK)) | (self.level >= float(NEAR_WHITE))
        return planes.make.select(extreme, plain, 0.0) >= least

    def colour(self) -> Expression:
        """The level of each channel where most of the border has about this colour, else black."""
        apart = (self.border - self.level).abs().largest([1])
        uniform = _fraction(apart <= float(ALIKE)) >= UNIFORM
        return self.level.make.select(uniform, self.level, 0.0)


class InkBox(NamedTuple):
    """The bounding box of the ink of drawings: numbers (N, 1, 1, 1)."""

    left: Expression
    top: Expression
    width: Expression
    height: Expression
    has_ink: Expression

    @classmethod
    def of(
        cls, ink: Expression, level: Expression, rows: Expression, columns: Expression
    ) -> InkBox:
        """The box of light ink on a background of this level, in one channel; ``rows`` and
        ``columns`` are their numbers."""
        strongest = ink.largest([2, 3])
        marks = (ink > level + (strongest - level) / 3.0).cast(np.float64)
        has_ink = strongest - level >= float(LEAST_CONTRAST)
        side = str(rows.dims[0])
        top, height = _extent(marks.largest([3]), rows.reshape([-1, 1], (side, 1)), has_ink)
        left, width = _extent(marks.largest([2]), columns, has_ink)
        return cls(left, top, width, height, has_ink)


def stretch_contrast(make: Expressions, ink: Expression, paper: Expression) -> Expression:
    """Light ink (N, C, h, w) of full contrast, as `framing.stretch_contrast` gives it."""
    values = int(np.prod([int(side) for side in ink.dims[1:]]))
    strength = (ink - paper).at_least(0.0)
    flat = strength.reshape([0, -1], (BATCH, values))
    third = (flat.largest([1]) / 3.0).floor()
    strong = (flat > third).cast(np.float64).sum([1])
    index = (strong - 1.0 - ((strong - 1.0) * 9.0 / 10.0).floor()).at_least(0.0).cast(np.int64)
    full = make.add("GatherElements", [_sorted(make, flat, values).value, index.value],
                     (BATCH, 1), axis=1)  # fmt: skip
    most = full.at_least(1.0).reshape([-1, 1, 1, 1], (BATCH, 1, 1, 1))
    return (strength * 255.0 / most).floor().at_most(255.0)


def _extent(
    marked: Expression, numbers: Expression, has_ink: Expression
) -> tuple[Expression, Expression]:
    """The first marked row or column, and how many there are from it to the last; all of them
    without ink."""
    make, far = marked.make, 1e9
    is_marked = (marked > 0.0) | ~has_ink
    first = make.select(is_marked, numbers, far).smallest([2, 3])
    last = make.select(is_marked, numbers, -far).largest([2, 3])
    return first, last - first + 1.0


def _fraction(conditions: Expression) -> Expression:
    """The fraction of the pixels (N, 1, rows, columns) for which a condition is true."""
    make, counted = conditions.make, conditions.cast(np.float64)
    ones = make.select(conditions | ~conditions, 1.0, 0.0)
    return counted.sum([2, 3]) / ones.sum([2, 3])


def _middle_two(make: Expressions, border: Expression, half_side: int | str) -> Expression:
    """The sum of the two numbers in the middle of the border, which has an even number."""
    if isinstance(half_side, int):
        count = make.of(make.whole([half_side]))
    else:
        shape = make.add("Shape", [border.value], (1,), np.int64, start=2)
        half = make.add("Div", [shape.value, make.whole([2])], (1,), np.int64)
        count = make.add("Add", [half.value, make.whole([1])], (1,), np.int64)
    channels = border.dims[1]
    planes = BATCH if channels == 1 else f"planes_of_{channels}"
    flat = make.add("Flatten", [border.value], (planes, border.dims[2]), axis=2)
    middle = _top(make, flat, count, half_side).take([-2, -1], 1).sum([1])
    return middle.reshape([-1, int(channels), 1, 1], (BATCH, channels, 1, 1))


def _sorted(make: Expressions, flat: Expression, values: int) -> Expression:
    """Numbers (N, values) from the largest to the smallest."""
    return _top(make, flat, make.of(make.whole([values])), values)


def _top(make: Expressions, numbers: Expression, count: Expression, side: int | str) -> Expression:
    """The largest numbers of the last axis, the largest first."""
    dims = (*numbers.dims[:-1], side)
    return make.add("TopK", [numbers.value, count.value], dims, unread=np.int64)
