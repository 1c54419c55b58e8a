"""Drawings in ONNX: their background and their ink, as `data/images/background.py` finds them.

Images are (N, C, H, W); levels and conditions of an image (N, 1, 1, 1).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...data.images.background import ALIKE, FLAT, LEAST_CONTRAST, NEAR_BLACK, NEAR_WHITE, UNIFORM
from .graph import BATCH
from .terms import Term, Terms


class Background(NamedTuple):
    """The background of images, from their border."""

    twice: Term
    """Twice the median level (N, C, 1, 1)."""
    level: Term
    """The level, rounded down."""
    border: Term
    """The pixels of the border (N, C, border, 1)."""

    @classmethod
    def of(cls, terms: Terms, planes: Term) -> Background:
        """The background of each plane."""
        _, channels, height, width = planes.dims
        sides: list[int | str] = ["two_rows", "two_columns", "border", "half_border"]
        if isinstance(height, int) and isinstance(width, int):
            sides = [2 * width, 2 * height, 2 * (width + height), width + height + 1]
        rows = planes.take([0, -1], 2).reshape([0, 0, -1], (BATCH, channels, sides[0]))
        columns = planes.take([0, -1], 3).reshape([0, 0, -1], (BATCH, channels, sides[1]))
        dims = (BATCH, channels, sides[2])
        border = terms.add("Concat", [rows.value, columns.value], dims, axis=2)
        twice = _middle_two(terms, border, sides[3])
        shaped = border.reshape([0, 0, -1, 1], (*dims, 1))
        return cls(twice, (twice / 2.0).floor(), shaped)

    def is_light(self) -> Term:
        """Whether it is light."""
        return self.level > 127.0

    def is_drawing(self, planes: Term, least: float) -> Term:
        """Whether each image, of one channel, is ink on a plain background."""
        border = _fraction((self.border - self.level).abs() <= float(FLAT))
        whole = _fraction((planes - self.level).abs() <= float(FLAT))
        plain = (border / 0.75).at_most(whole / 0.5)
        extreme = (self.level <= float(NEAR_BLACK)) | (self.level >= float(NEAR_WHITE))
        return planes.terms.select(extreme, plain, 0.0) >= least

    def colour(self) -> Term:
        """The level of each channel where most of the border has about this colour, else black."""
        apart = (self.border - self.level).abs().largest([1])
        uniform = _fraction(apart <= float(ALIKE)) >= UNIFORM
        return self.level.terms.select(uniform, self.level, 0.0)


class InkBox(NamedTuple):
    """The bounding box of the ink of drawings: numbers (N, 1, 1, 1)."""

    left: Term
    top: Term
    width: Term
    height: Term
    has_ink: Term

    @classmethod
    def of(cls, ink: Term, level: Term, rows: Term, columns: Term) -> InkBox:
        """The box of light ink on a background of this level, in one channel; ``rows`` and
        ``columns`` are their numbers."""
        strongest = ink.largest([2, 3])
        marks = (ink > level + (strongest - level) / 3.0).cast(np.float64)
        has_ink = strongest - level >= float(LEAST_CONTRAST)
        side = str(rows.dims[0])
        top, height = _extent(marks.largest([3]), rows.reshape([-1, 1], (side, 1)), has_ink)
        left, width = _extent(marks.largest([2]), columns, has_ink)
        return cls(left, top, width, height, has_ink)


def stretch_contrast(terms: Terms, ink: Term, paper: Term) -> Term:
    """Light ink (N, C, h, w) of full contrast, as `framing.stretch_contrast` gives it."""
    values = int(np.prod([int(side) for side in ink.dims[1:]]))
    strength = (ink - paper).at_least(0.0)
    flat = strength.reshape([0, -1], (BATCH, values))
    third = (flat.largest([1]) / 3.0).floor()
    strong = (flat > third).cast(np.float64).sum([1])
    index = (strong - 1.0 - ((strong - 1.0) * 9.0 / 10.0).floor()).at_least(0.0).cast(np.int64)
    full = terms.add("GatherElements", [_sorted(terms, flat, values).value, index.value],
                     (BATCH, 1), axis=1)  # fmt: skip
    most = full.at_least(1.0).reshape([-1, 1, 1, 1], (BATCH, 1, 1, 1))
    return (strength * 255.0 / most).floor().at_most(255.0)


def _extent(marked: Term, numbers: Term, has_ink: Term) -> tuple[Term, Term]:
    """The first marked row or column, and how many there are from it to the last; all of them
    without ink."""
    terms, far = marked.terms, 1e9
    is_marked = (marked > 0.0) | ~has_ink
    first = terms.select(is_marked, numbers, far).smallest([2, 3])
    last = terms.select(is_marked, numbers, -far).largest([2, 3])
    return first, last - first + 1.0


def _fraction(conditions: Term) -> Term:
    """The fraction of the pixels (N, 1, rows, columns) for which a condition is true."""
    terms, counted = conditions.terms, conditions.cast(np.float64)
    ones = terms.select(conditions | ~conditions, 1.0, 0.0)
    return counted.sum([2, 3]) / ones.sum([2, 3])


def _middle_two(terms: Terms, border: Term, half_side: int | str) -> Term:
    """The sum of the two numbers in the middle of the border, which has an even number."""
    if isinstance(half_side, int):
        count = terms.of(terms.whole([half_side]))
    else:
        shape = terms.add("Shape", [border.value], (1,), np.int64, start=2)
        half = terms.add("Div", [shape.value, terms.whole([2])], (1,), np.int64)
        count = terms.add("Add", [half.value, terms.whole([1])], (1,), np.int64)
    channels = border.dims[1]
    planes = BATCH if channels == 1 else f"planes_of_{channels}"
    flat = terms.add("Flatten", [border.value], (planes, border.dims[2]), axis=2)
    middle = _top(terms, flat, count, half_side).take([-2, -1], 1).sum([1])
    return middle.reshape([-1, int(channels), 1, 1], (BATCH, channels, 1, 1))


def _sorted(terms: Terms, flat: Term, values: int) -> Term:
    """Numbers (N, values) from the largest to the smallest."""
    return _top(terms, flat, terms.of(terms.whole([values])), values)


def _top(terms: Terms, numbers: Term, count: Term, side: int | str) -> Term:
    """The largest numbers of the last axis, the largest first."""
    dims = (*numbers.dims[:-1], side)
    return terms.add("TopK", [numbers.value, count.value], dims, unread=np.int64)
