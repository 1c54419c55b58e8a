"""Heuristics that detect drawings, their background (dark or light) and their ink.

The background is judged by the border, the outermost pixels. `is_drawing`,
`plainness` and `has_light_background` take grey images of one size, (N, rows, columns); the others
take one image.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import NamedTuple

import numpy as np

from ...core.array_types import Array, Bool, Float64, Uint8

FLAT = 48
"""Grey levels by which a drawing's background may vary."""
NEAR_BLACK, NEAR_WHITE = 80, 175
"""A background is at most as light as the first, or at least as light as the second."""
LEAST_CONTRAST = 40
"""Grey levels between background and ink; with less contrast, there is no ink."""
_FLATTEST, _BLANK = 12, 16  # grey levels of noise, in a drawing and on an empty page
ALIKE = 24
"""Grey levels by which the backgrounds of a set differ, or the colours of a border."""
UNIFORM = 0.75
"""The fraction of a uniform border that has one colour."""


def is_drawing(greys: Uint8, least: float = 1.0) -> Bool:
    """Whether each image (N,) is ink on a plain background; see `plainness`."""
    return plainness(greys) >= least


def plainness(greys: Uint8, levels: Array | None = None) -> Float64:
    """How plain the background of each image (N,) is, 1 or more for a drawing: three quarters of
    its border and half of all its pixels have about one level, which is near black or near white.
    With proportionally less of both it is less, and 0 with another level. ``levels``: those of the
    borders, if they are known."""
    level = _border_level(greys) if levels is None else levels
    near = np.abs(greys.astype(np.int16) - level[:, None, None]) <= FLAT
    border, whole = _border(near), near.reshape(len(near), -1)
    plain = np.minimum(_fraction(border) / 0.75, _fraction(whole) / 0.5)
    return np.where(is_extreme(level), plain, 0.0)


def is_extreme(levels: Array) -> Bool:
    """Whether each level is near black or near white, as paper, blackboards and screens are."""
    return np.asarray((levels <= NEAR_BLACK) | (levels >= NEAR_WHITE))


class Flatness(NamedTuple):
    """The level of an image's border, the greatest difference of a pixel from it, and the fraction
    of the border and of all pixels that differ little, measured by this greatest difference."""

    level: int
    contrast: int
    border: float
    whole: float

    @classmethod
    def of(cls, grey: Uint8) -> Flatness:
        """The flatness of one image (rows, columns)."""
        level = background_level(grey)
        apart = np.abs(grey.astype(np.int16) - level)
        contrast = int(apart.max())
        near = apart <= min(FLAT, max(_FLATTEST, contrast // 5))
        return cls(level, contrast, float(_border(near[None]).mean()), float(near.mean()))


def ink_contrast(grey: Uint8, level: int) -> int:
    """The greatest difference of a pixel of one image (rows, columns) from its background."""
    return max(int(grey.max()) - level, level - int(grey.min()))


def are_drawings(plain: Float64, flat: Sequence[Flatness]) -> bool:
    """Whether a set of images is one of drawings, from the `plainness` (N,) and flatness of each.

    Either nearly every image is a drawing by itself, or all have the same plain background, though
    their ink covers much of it. Dark photos have neither: their backgrounds are not flat compared
    with the contrast of what is on them.
    """
    contrast = np.array([one.contrast for one in flat])
    if np.median(contrast) < LEAST_CONTRAST:
        return bool(contrast.max() < _BLANK)
    levels = np.array([one.level for one in flat])
    border, whole = (fsum(one[index] for one in flat) / len(flat) for index in (2, 3))
    if (plain >= 1).mean() >= 0.9 and border >= 0.75:
        return True
    darkness = np.minimum(levels, 255 - levels)
    alike = np.abs(darkness - np.median(darkness)) <= ALIKE
    is_common = is_extreme(levels).mean() >= 0.95 and alike.mean() >= 0.9
    least = 0.25 if border >= 0.9 else 0.38
    return bool(is_common and border >= 0.65 and whole >= least)


def has_light_background(greys: Uint8) -> Bool:
    """Whether the background of each drawing (N,) is light."""
    return _border_level(greys) > 127


def background_level(grey: Uint8) -> int:
    """The grey level of the background of one image (rows, columns)."""
    return int(_border_level(grey[None])[0])


def border_colour(pixels: Uint8) -> tuple[int, ...] | None:
    """The colour of the border of one image (rows, columns, channels), whatever the colour; None
    if less than three quarters of the border have about this colour."""
    border = _border(np.moveaxis(pixels, 2, 0))
    colour = np.asarray(np.median(border, axis=1), np.int16)
    near = (np.abs(border.astype(np.int16) - colour[:, None]) <= ALIKE).all(axis=0)
    return tuple(colour.tolist()) if near.mean() >= UNIFORM else None


def ink_box(ink: Uint8) -> tuple[int, int, int, int] | None:
    """The bounding box of the ink of one image (rows, columns) with light ink: left, top, right,
    bottom, the last two exclusive; None if there is no ink."""
    background, strongest = background_level(ink), int(ink.max())
    if strongest - background < LEAST_CONTRAST:
        return None
    marks = ink > background + (strongest - background) / 3
    rows, columns = np.flatnonzero(marks.any(axis=1)), np.flatnonzero(marks.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _border_level(greys: Uint8) -> Array:
    """The median grey level of each border (N,)."""
    border = np.sort(_border(greys), axis=1)
    middle = border.shape[1] // 2  # the number of pixels is even
    return np.asarray((border[:, middle - 1].astype(np.int16) + border[:, middle]) // 2)


def _fraction(mask: Bool) -> Float64:
    """The fraction of pixels (N, pixels) that are set, for each image."""
    return np.asarray(np.add.reduce(mask, axis=1, dtype=np.int64) / mask.shape[1])


def _border(planes: Array) -> Array:
    """The outermost pixels, (N, pixels)."""
    sides = (planes[:, 0], planes[:, -1], planes[:, :, 0], planes[:, :, -1])
    return np.concatenate(sides, axis=1)
