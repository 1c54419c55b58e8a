"""Is it a drawing, on what ground, and where is its ink: rules of thumb on grey pictures.

The ground is judged by the rim, the outermost cells. `is_drawing` and `has_light_background` take a
stack of pictures of one size, (N, rows, columns), and answer for each; the others take one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Greys = npt.NDArray[np.uint8]
Marks = npt.NDArray[np.bool_]

FLAT = 48
"""Grey levels by which a drawing's ground may vary."""
NEAR_BLACK, NEAR_WHITE = 80, 175
"""A ground is at most the one or at least the other."""
LEAST_CONTRAST = 40
"""Grey levels between ground and ink; below it there is no ink, only paper."""


def is_drawing(greys: Greys) -> Marks:
    """Whether each is ink on a plain ground: three quarters of its rim are one level, so is half of
    it all, and that level is near black or near white."""
    ground = _ground(greys)
    near = np.abs(greys.astype(np.int16) - ground[:, None, None]) <= FLAT
    plain = (_rim(near).mean(axis=1) >= 0.75) & (near.mean(axis=(1, 2)) >= 0.5)
    return np.asarray(plain & ((ground <= NEAR_BLACK) | (ground >= NEAR_WHITE)))


def has_light_background(greys: Greys) -> Marks:
    """Whether the ground of each drawing is light."""
    return _ground(greys) > 127


def background_level(grey: Greys) -> int:
    """The level of the ground of one picture (rows, columns)."""
    return int(_ground(grey[None])[0])


def ink_box(ink: Greys) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of the ink of one picture (rows, columns) where ink is light, right
    and bottom excluded; None if there is none."""
    ground, strongest = background_level(ink), int(ink.max())
    if strongest - ground < LEAST_CONTRAST:
        return None
    marks = ink > ground + (strongest - ground) / 3
    rows, columns = np.flatnonzero(marks.any(axis=1)), np.flatnonzero(marks.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _ground(greys: Greys) -> npt.NDArray[np.int16]:
    """The level of each rim: its median."""
    return np.asarray(np.median(_rim(greys), axis=1), np.int16)


def _rim(planes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The outermost cells, (N, cells)."""
    sides = (planes[:, 0], planes[:, -1], planes[:, :, 0], planes[:, :, -1])
    return np.concatenate(sides, axis=1)
