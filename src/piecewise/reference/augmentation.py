"""Training-time tricks: translation, scaling, rotation, stroke weight, mirroring; contrast, light,
noise and masks.

What happens to a picture follows from seed, epoch and its number in the data set alone. In this
order: it is mirrored, scaled and turned about its middle, shifted, and its strokes are made
thicker or thinner. The first four are one sampling: every new pixel looks up where it comes from.
Then its numbers are multiplied (contrast), something is added to all (light) and to each (noise),
and they are kept within -1 and 1; a band of rows and one of columns become ground (masks).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..core.array_types import Float64
from ..core.ghost_batch import StepContext
from ..core.portable_math import sine_cosine
from ..core.rng import AUGMENTATION_DRAWS, NOISE, derive_key, uniform
from ..spec.augmentation import BACKGROUND, Augmentation

Pictures = npt.NDArray[np.float32]


class GeometricDraws(NamedTuple):
    """What happens to each of (N,) pictures."""

    right: Float64
    """Pixels, as is ``down``."""
    down: Float64
    scaling: Float64
    """A factor."""
    rotation: Float64
    """Degrees, clockwise."""
    weight: Float64
    """Pixels: above zero strokes become thicker, below zero thinner."""
    mirrored: npt.NDArray[np.bool_]


class IntensityDraws(NamedTuple):
    """What happens to the numbers of each of (N,) pictures."""

    contrast: Float64
    """A factor."""
    light: Float64
    noise: Float64
    """How far noise goes, to each side."""
    rows: npt.NDArray[np.int64]
    """(2, N): the first row of a band that is masked, and the one after it."""
    columns: npt.NDArray[np.int64]


def geometric_draws(
    tricks: Augmentation, height: int, width: int, moment: StepContext
) -> GeometricDraws:
    """Six even numbers for each picture, spread over what the tricks allow."""
    drawn = uniform(derive_key(moment.seed, AUGMENTATION_DRAWS, moment.epoch, moment.pictures), 6)
    even = 2 * drawn - 1
    low, high = tricks.scale
    # A single row or column would turn into an almost empty one.
    rotation = tricks.rotation if min(height, width) > 1 else 0.0
    return GeometricDraws(
        even[:, 0] * (tricks.shift[1] * width),
        even[:, 1] * (tricks.shift[0] * height),
        low + drawn[:, 2] * (high - low),
        even[:, 3] * rotation,
        even[:, 4] * tricks.stroke_width,
        (drawn[:, 5] < 0.5) & tricks.horizontal_flip,
    )


def intensity_draws(
    tricks: Augmentation, height: int, width: int, moment: StepContext
) -> IntensityDraws:
    """Seven more even numbers for each picture, after those of `geometric_draws`."""
    drawn = uniform(
        derive_key(moment.seed, AUGMENTATION_DRAWS, moment.epoch, moment.pictures), 7, 6
    )
    return IntensityDraws(
        1 + (2 * drawn[:, 0] - 1) * tricks.contrast,
        (2 * drawn[:, 1] - 1) * tricks.brightness,
        drawn[:, 6] * tricks.noise,
        _band(tricks.widest(height), height, drawn[:, 2], drawn[:, 3]),
        _band(tricks.widest(width), width, drawn[:, 4], drawn[:, 5]),
    )


def _band(widest: int, side: int, breadth: Float64, place: Float64) -> npt.NDArray[np.int64]:
    """A band of 0 to ``widest`` cells somewhere in a side, by two numbers from [0, 1): (2, N)."""
    cells = (breadth * (widest + 1)).astype(np.int64)  # exact: 24 bits times 20
    first = (place * (side - cells + 1)).astype(np.int64)
    return np.stack([first, first + cells])


def augment(tricks: Augmentation, pictures: Pictures, ground: str, moment: StepContext) -> Pictures:
    """Prepared pictures (N, C, H, W) -> the same shape. ``ground``: that of their preparation; what
    comes from outside a drawing ("dark", "light") is ground, outside a photo ("any") the nearest
    pixel of its edge."""
    height, width = pictures.shape[2:]
    weighed = apply_geometric(geometric_draws(tricks, height, width, moment), pictures, ground)
    drawn_shades = intensity_draws(tricks, height, width, moment)
    return _masked(_shaded(tricks, weighed, drawn_shades, moment), drawn_shades).astype(np.float32)


def apply_geometric(drawn: GeometricDraws, pictures: Pictures, ground: str) -> Float64:
    """Prepared pictures (N, C, H, W) -> the same shape, moved and made bolder or finer exactly as
    ``drawn`` says, of each picture or, with draws for one, of all alike. ``ground``: see
    `augment`."""
    rows, columns = _sources(drawn, *pictures.shape[2:])
    moved = _sampled(pictures.astype(np.float64), rows, columns, is_drawing=ground != "any")
    return _weighed(moved, drawn.weight)


def _sources(drawn: GeometricDraws, height: int, width: int) -> tuple[Float64, Float64]:
    """Where each pixel comes from: rows and columns, both (N, H, W)."""
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    right, down = drawn.right[:, None, None], drawn.down[:, None, None]
    x = np.arange(width) - middle_x - right  # from the middle, before the shift
    y = np.arange(height)[:, None] - middle_y - down
    sine, cosine = sine_cosine(drawn.rotation * (3.141592653589793 / 180))
    sine, cosine = ((part / drawn.scaling)[:, None, None] for part in (sine, cosine))
    side = np.where(drawn.mirrored, -1.0, 1.0)[:, None, None]
    columns = side * (cosine * x + sine * y) + middle_x  # turned back and scaled back
    rows = cosine * y - sine * x + middle_y
    return rows, columns


def _sampled(x: Float64, rows: Float64, columns: Float64, *, is_drawing: bool) -> Float64:
    """The values of the pictures at places between the pixels, from the four around each."""
    height, width = x.shape[2:]
    framed = np.pad(x, ((0, 0), (0, 0), (1, 2), (1, 2)), constant_values=BACKGROUND)
    # A drawing fades into its ground within one pixel. Along an axis of one pixel nothing can move.
    out_y, out_x = (int(is_drawing and side > 1) for side in (height, width))
    rows = np.clip(rows, -out_y, height - 1 + out_y) + 1
    columns = np.clip(columns, -out_x, width - 1 + out_x) + 1
    top, left = rows.astype(np.int64), columns.astype(np.int64)
    along, across = (columns - left)[:, None], (rows - top)[:, None]

    def at(down: int, right: int) -> Any:
        picture, channel = np.ogrid[: len(x), : x.shape[1]]
        return framed[
            picture[..., None, None],
            channel[..., None, None],
            (top + down)[:, None],
            (left + right)[:, None],
        ]

    upper = at(0, 0) + along * (at(0, 1) - at(0, 0))
    lower = at(1, 0) + along * (at(1, 1) - at(1, 0))
    return np.asarray(upper + across * (lower - upper))


def _weighed(x: Float64, weight: Float64) -> Float64:
    """Strokes thicker by the largest of each 3x3 neighbourhood, thinner by the smallest, once for
    every whole pixel; the rest of the way is a mixture."""
    side = np.where(weight < 0, -1.0, 1.0)[:, None, None, None]
    for number in range(int(np.ceil(np.abs(weight).max(initial=0)))):
        share = np.clip(np.abs(weight) - number, 0, 1)[:, None, None, None]
        x = x + share * (side * _largest_around(side * x) - x)
    return x


def _largest_around(x: Float64) -> Float64:
    """The largest of each 3x3 neighbourhood, as far as it lies in the picture."""
    for axis in (2, 3):
        after = np.concatenate([np.delete(x, 0, axis), x.take([-1], axis)], axis)
        before = np.concatenate([x.take([0], axis), np.delete(x, -1, axis)], axis)
        x = np.maximum(np.maximum(before, x), after)
    return x


def _shaded(
    tricks: Augmentation, x: Float64, drawn: IntensityDraws, moment: StepContext
) -> Float64:
    """Contrast, light and noise; nothing is kept within bounds where none of them is wanted."""
    if not (tricks.contrast or tricks.brightness or tricks.noise):
        return x
    contrast, light, loudness = (part[:, None, None, None] for part in drawn[:3])
    x = x * contrast + light
    if tricks.noise:
        key = derive_key(moment.seed, NOISE, moment.epoch, moment.pictures)
        x = x + (2 * uniform(key, x[0].size).reshape(x.shape) - 1) * loudness
    return np.clip(x, -1, 1)


def _masked(x: Float64, drawn: IntensityDraws) -> Float64:
    """Ground in a band of rows and one of columns."""
    rows, columns = (
        (band[0, :, None] <= np.arange(side)) & (np.arange(side) < band[1, :, None])
        for band, side in ((drawn.rows, x.shape[2]), (drawn.columns, x.shape[3]))
    )
    return np.where((rows[:, :, None] | columns[:, None, :])[:, None], BACKGROUND, x)
