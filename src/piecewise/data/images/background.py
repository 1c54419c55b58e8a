"""Heuristics that detect drawings, their background (dark or light) and their ink.

The background is judged by the border, the outermost pixels. `is_drawing` and
`has_light_background` take grey images of one size, (N, rows, columns); the others take one image.
"""

from __future__ import annotations

import numpy as np

from ...core.array_types import Array, Bool, Uint8

FLAT = 48
"""Grey levels by which a drawing's background may vary."""
NEAR_BLACK, NEAR_WHITE = 80, 175
"""A background is at most as light as the first, or at least as light as the second."""
LEAST_CONTRAST = 40
"""Grey levels between background and ink; with less contrast, there is no ink."""


def is_drawing(greys: Uint8) -> Bool:
    """Whether each image (N,) is ink on a plain background: three quarters of its border and half
    of all its pixels have about one level, which is near black or near white."""
    level = _border_level(greys)
    near = np.abs(greys.astype(np.int16) - level[:, None, None]) <= FLAT
    plain = (_border(near).mean(axis=1) >= 0.75) & (near.mean(axis=(1, 2)) >= 0.5)
    return np.asarray(plain & ((level <= NEAR_BLACK) | (level >= NEAR_WHITE)))


def has_light_background(greys: Uint8) -> Bool:
    """Whether the background of each drawing (N,) is light."""
    return _border_level(greys) > 127


def background_level(grey: Uint8) -> int:
    """The grey level of the background of one image (rows, columns)."""
    return int(_border_level(grey[None])[0])


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
    return np.asarray(np.median(_border(greys), axis=1), np.int16)


def _border(planes: Array) -> Array:
    """The outermost pixels, (N, pixels)."""
    sides = (planes[:, 0], planes[:, -1], planes[:, :, 0], planes[:, :, -1])
    return np.concatenate(sides, axis=1)
