"""Whether the columns of a table look like the pixels of square images.

Pixels resemble their neighbours in the same row and those above and below. The latter are a whole
row of columns away, so they tell images from signals, whose columns resemble the next ones only.
"""

from __future__ import annotations

import math

import numpy as np

from ..core.array_types import Array, Float64

_LEAST_SIDE = 5  # pixels; smaller squares are too much like tables
_LEAST_ROWS = 20
_SAMPLE = 500  # rows that are measured, at least, if there are as many
_ALIKE = 0.2  # mean correlation of neighbours
_CLEARLY = 0.1  # by which it exceeds that of columns half a row apart


def image_layout(rows: Array) -> str | None:
    """What makes images of rows (N, columns) that seem to be images: an argument of the classifier,
    or other inputs. None if they seem to be a table. Only squares are looked for, grey or of three
    colours."""
    count, columns = rows.shape
    if count < _LEAST_ROWS:
        return None
    some = _standardized(rows[:: max(1, count // _SAMPLE)])
    side = math.isqrt(columns)
    if side * side == columns and _are_pixels(some, side, 1):
        return f"image_shape=({side}, {side})"
    side = math.isqrt(columns // 3)
    if 3 * side * side == columns:
        if _are_pixels(some[:, : side * side], side, 1):
            return f"image_shape=(3, {side}, {side})"
        if _are_pixels(some, side, 3):
            return f"X.reshape(-1, {side}, {side}, 3)"
    return None


def _standardized(rows: Array) -> Float64:
    """The columns with mean 0 and mean square 1; constant ones are NaN."""
    wide = rows.astype(np.float64)
    wide /= max(np.abs(wide).max(), np.finfo(np.float64).tiny)  # squares stay finite
    centred = wide - wide.mean(axis=0)
    deviation = np.sqrt((centred**2).mean(axis=0))
    deviation[deviation <= 1e-9] = np.nan
    return np.asarray(centred / deviation)


def _are_pixels(columns: Float64, side: int, channels: int) -> bool:
    """Whether columns resemble those beside, above and below them in squares of ``side`` pixels,
    and more than those half a row away."""
    if side < _LEAST_SIDE:
        return False
    grid = columns.reshape(len(columns), side, side, channels)[..., 0]
    beside = _correlation(grid[:, :, 1:], grid[:, :, :-1])
    above = _correlation(grid[:, 1:], grid[:, :-1])
    half = side // 2
    away = _correlation(grid[:, :, half:], grid[:, :, :-half])
    slanted = _correlation(grid[:, 1:, half:], grid[:, :-1, :-half])
    least = max(_ALIKE, away + _CLEARLY, slanted + _CLEARLY)
    return beside >= least and above >= least


def _correlation(one: Float64, other: Float64) -> float:
    """The mean correlation of columns with others, without constant ones; 0 if all are."""
    products = (one * other).mean(axis=0)
    known = products[np.isfinite(products)]
    return float(known.mean()) if known.size else 0.0
