"""Tests whether the place and size of the ink distinguish the classes of drawings.

Cropping a drawing to its ink takes place and size away. Usually that helps, because the same letter
is written anywhere. For dots at the left and dots at the right it takes away all there is to learn.
A nearest-neighbour classifier decides: it looks at each drawing of a sample cropped to its ink, on
its whole canvas, and at the box around its ink alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from ...core.array_types import Array, Bool, Int64, Uint8
from .background import background_level, has_light_background, ink_box
from .framing import framed, stretch_contrast

_SIDE = 16  # pixels of the small drawings that are compared
_BOX_SCALE = 1_000
_SURE = 2.5  # standard deviations of a difference by chance
_ABOVE_CHANCE = 3.0  # standard deviations above guessing; nearest neighbours come in pairs
_MUCH = 0.03  # of the drawings, at least, that only the canvas tells
_ALONE = 0.95  # of the drawings that place and size tell alone, so that they are surely meant
_FEW = 8  # drawings, with fewer of which nothing is decided


class InkViews(NamedTuple):
    """A drawing cropped to its ink and on its whole canvas, both small, and the box of its ink."""

    ink: Uint8
    canvas: Uint8
    box: Int64
    """Twice its centre, and its longer side, in thousandths of the longer side of the canvas: what
    cropping takes away."""

    @classmethod
    def of(cls, grey: Uint8) -> InkViews:
        """The views of a grey drawing (rows, columns)."""
        light = 255 - grey if has_light_background(grey[None])[0] else grey
        paper, image = background_level(light), Image.fromarray(light)
        left, top, right, bottom = found = ink_box(light) or (0, 0, *image.size)
        small = (_SIDE, _SIDE)
        views = (framed(one, small, 0.0, paper) for one in (image.crop(found), image))
        ink, canvas = (stretch_contrast(np.asarray(view), paper) for view in views)
        longer = max(image.size)
        box = np.array([left + right, top + bottom, max(right - left, bottom - top)], np.int64)
        return cls(ink, canvas, box * _BOX_SCALE // longer)


def place_tells_classes(views: Sequence[InkViews], labels: Sequence[object]) -> bool:
    """Whether the classes of drawings are found clearly more often with the place and size of the
    ink than without, or by these alone."""
    if len(views) < _FEW or len(set(labels)) < 2:
        return False
    numbers = np.unique(np.array([str(label) for label in labels]), return_inverse=True)[1]
    rows = (np.stack([one[index].ravel() for one in views]) for index in range(3))
    by_ink, by_canvas, by_box = (_nearest_is_right(one, numbers) for one in rows)
    others = [one for one in (by_canvas, by_box) if not _is_chance(one, numbers)]
    is_alone = bool(by_box.mean() >= _ALONE) and not _is_chance(by_box, numbers)
    return is_alone or any(_is_better(one, by_ink) for one in others)


def _nearest_is_right(rows: Array, labels: Int64) -> Bool:
    """Whether the nearest other row of each row (N, n) has its label. Where rows of another label
    are as near, nothing tells the two apart, so it is wrong."""
    wide = rows.astype(np.float64)  # integers: every product and sum is exact, in any order
    squares = (wide * wide).sum(axis=1)
    distances = squares[:, None] + squares[None] - 2 * (wide @ wide.T)
    np.fill_diagonal(distances, np.inf)
    same = labels[:, None] == labels[None]
    nearest = np.where(same, distances, np.inf).min(axis=1)
    return np.asarray(nearest < np.where(same, np.inf, distances).min(axis=1))


def _is_chance(right: Bool, labels: Int64) -> bool:
    """Whether labels are found no more often than by naming the most frequent one."""
    count, often = len(labels), float(np.bincount(labels).max() / len(labels))
    chance = _ABOVE_CHANCE * np.sqrt(count * often * (1 - often))
    return bool(right.sum() <= count * often + chance)


def _is_better(one: Bool, other: Bool) -> bool:
    """Whether ``one`` is right more often than ``other``, beyond chance (McNemar's test)."""
    won, lost = int((one & ~other).sum()), int((other & ~one).sum())
    return bool(won - lost > max(_SURE * np.sqrt(won + lost), _MUCH * len(one)))
