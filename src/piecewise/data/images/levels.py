"""Levels and transparency: decoded images of any depth become pixels of 8 bits.

A decoded image is an array (rows, columns, channels): uint8 of 1 or 3 channels, with a last
channel of opacity (0 to 255) if some of it is transparent; or numbers of a greater depth, with 1
channel, or 2 if some pixels are transparent (opacity 0 or 1). A set of images has one range of
levels and one backdrop, which belong to its preprocessor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ...core.array_types import Array, Uint8

Levels = tuple[float, float]
"""The levels of black and white of images of more than 8 bits."""

BACKDROPS = {"white": 255, "black": 0, "grey": 128}
"""The colour behind transparent images, in the order of preference."""

_DEPTHS = (8, 10, 12, 14, 16, 20, 24, 28, 32)
_OVER = 1.02  # noise and resizing may exceed the white of a depth a little
_FRACTIONS = 1.25  # sharpening exceeds the white of fractions by more
_MIDDLE = 64.0  # floats from here on are levels of some depth
_UNUSUAL = 0.05  # of the images, those with the highest levels: flashes and broken pixels
_BAND = 1 << 21  # pixels converted at a time, to limit temporary memory
_VISIBLE = 40  # levels by which a pixel differs from its backdrop
_FEWER = 0.02  # of the images may be lost on a backdrop that is preferred to another


class Extent(NamedTuple):
    """The lowest and highest level of an image of more than 8 bits, and whether they are floats."""

    low: float
    high: float
    is_float: bool

    @classmethod
    def of(cls, picture: Array) -> Extent | None:
        """The extent of a decoded image; None if it has 8 bits."""
        if picture.dtype == np.uint8:
            return None
        levels, is_float = picture[..., 0], picture.dtype.kind == "f"
        if is_float:
            levels = levels[np.isfinite(levels)]
        low, high = (float(levels.min()), float(levels.max())) if levels.size else (0.0, 0.0)
        return cls(low, high, is_float)


def fit_levels(extents: Sequence[Extent]) -> Levels | None:
    """The black and white of a set of images; None if there are none of more than 8 bits.

    White is 1 for fractions, else the largest number of the fewest bits that hold the highest
    levels. 12-bit cameras and scanners write 16-bit files without scaling; white at 16 bits would
    make these nearly black. Floats of other scales reach from black to their highest level. Black
    is 0, or the lowest level below it.
    """
    if not extents:
        return None
    rank = math.floor(_UNUSUAL * len(extents))
    high = sorted(extent.high for extent in extents)[-1 - rank]
    low = sorted(extent.low for extent in extents)[rank]
    white = _white(high, any(extent.is_float for extent in extents))
    return (low if low < (1 - _OVER) * white else 0.0), white


def _white(high: float, is_float: bool) -> float:
    if is_float and high <= _FRACTIONS:
        return 1.0
    whites = (float(2**depth - 1) for depth in _DEPTHS)
    white = next((white for white in whites if high <= _OVER * white), high)
    is_of_depth = not is_float or (high >= _MIDDLE and 2 * high >= white)
    return white if is_of_depth else high


def fit_backdrop(visible: Sequence[tuple[bool, ...]]) -> str | None:
    """The backdrop of a set of images, from what `visible_on` returned for the transparent ones;
    None if there are none. It is the first on which nearly as many can be seen as on any."""
    if not visible:
        return None
    counts = [sum(column) for column in zip(*visible, strict=True)]
    enough = max(counts) - _FEWER * len(visible)
    return next(name for name, count in zip(BACKDROPS, counts, strict=True) if count >= enough)


def visible_on(picture: Array) -> tuple[bool, ...] | None:
    """Whether a decoded image can be seen on each of `BACKDROPS`: a quarter of what is opaque
    differs from it, or as much as on the others. None if the image is not transparent."""
    if picture.dtype != np.uint8 or picture.shape[2] not in {2, 4}:
        return None
    opacity = picture[..., -1].astype(np.int64)
    shown = []
    for level in BACKDROPS.values():
        apart = np.abs(picture[..., :-1].astype(np.int16) - level).max(axis=2)
        shown.append(int(opacity[apart >= _VISIBLE].sum()))
    return tuple(4 * one >= int(opacity.sum()) or one == max(shown) for one in shown)


def to_pixels(picture: Array, levels: Levels | None = None, backdrop: str | None = None) -> Uint8:
    """The pixels of a decoded image, uint8 (rows, columns, 1 or 3).

    Without ``levels``, they are those of the image alone; without a ``backdrop``, it is the first
    of `BACKDROPS` on which the image can be seen.
    """
    if picture.dtype == np.uint8 and picture.shape[2] not in {2, 4}:
        return picture
    if picture.dtype != np.uint8:
        extent = Extent.of(picture)
        levels = levels or fit_levels([extent] if extent else [])
    if backdrop is None:
        backdrop = fit_backdrop([seen] if (seen := visible_on(picture)) else []) or "white"
    is_transparent = picture.shape[2] in {2, 4}
    made = np.empty((*picture.shape[:2], picture.shape[2] - is_transparent), np.uint8)
    for rows in _bands(picture):
        block = picture[rows]
        pixels = block[..., : made.shape[2]]
        if levels is not None and picture.dtype != np.uint8:
            pixels = _to_bytes(pixels, levels)
        if is_transparent:
            pixels = _on_backdrop(pixels, block[..., -1], BACKDROPS[backdrop])
        made[rows] = pixels
    return made


def _bands(picture: Array) -> Iterator[slice]:
    rows = max(1, _BAND // picture.shape[1])
    return (slice(top, top + rows) for top in range(0, len(picture), rows))


def _to_bytes(numbers: Array, levels: Levels) -> Uint8:
    """Scale levels to bytes; those outside become black or white, and NaN black."""
    black, white = levels
    wide = np.nan_to_num(numbers.astype(np.float64), nan=black, posinf=white, neginf=black)
    scaled = (np.clip(wide, black, white) - black) * 255 / (white - black)
    return np.asarray(np.rint(scaled), np.uint8)


def _on_backdrop(pixels: Uint8, opacity: Array, level: int) -> Uint8:
    most = 255 if opacity.dtype == np.uint8 else 1
    share = opacity.astype(np.int32)[..., None]
    mixed = pixels.astype(np.int32) * share + level * (most - share)
    return np.asarray((mixed + most // 2) // most, np.uint8)
