"""Augmentation in training: flip, scale, rotation, shift, stroke width; contrast, brightness, noise
and band masking.

The changes of an image depend on the seed, the epoch and its index in the dataset only. An image is
flipped, scaled and rotated about its center, and shifted, all in one resampling: every new pixel is
interpolated at its source. Then its strokes are dilated or eroded. Then values are multiplied
(contrast), a constant (brightness) and noise are added, and values are clipped to -1 to 1. Last, a
band of rows and one of columns are set to the background (band masking).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.array_types import Bool, Float32, Float64, Int64
from ..core.ghost_batch import StepContext
from ..core.portable_math import sine_cosine
from ..core.rng import AUGMENTATION_DRAWS, NOISE, derive_key, uniform
from ..spec.augmentation import BACKGROUND, Augmentation


class GeometricDraws(NamedTuple):
    """The geometric changes of N images, (N,) each."""

    right: Float64
    """Pixels."""
    down: Float64
    """Pixels."""
    scale: Float64
    """A factor."""
    rotation: Float64
    """Degrees, clockwise."""
    stroke_width: Float64
    """Pixels: dilation above zero, erosion below."""
    flipped: Bool
    """Left to right."""


class IntensityDraws(NamedTuple):
    """The changes of intensity of N images, (N,) each."""

    contrast: Float64
    """A factor."""
    brightness: Float64
    """A constant that is added."""
    noise: Float64
    """The largest absolute value of the noise."""
    rows: Int64
    """(2, N): the first row of the masked band, and the row after the band."""
    columns: Int64
    """(2, N), likewise."""


def geometric_draws(
    augmentation: Augmentation, height: int, width: int, context: StepContext
) -> GeometricDraws:
    """Random changes within the limits of the augmentation, from six uniform numbers of each
    image."""
    drawn = uniform(derive_key(context.seed, AUGMENTATION_DRAWS, context.epoch, context.indices), 6)
    signed = 2 * drawn - 1
    low, high = augmentation.scale
    # A rotated single row or column would be almost empty.
    rotation = augmentation.rotation if min(height, width) > 1 else 0.0
    return GeometricDraws(
        signed[:, 0] * (augmentation.shift[1] * width),
        signed[:, 1] * (augmentation.shift[0] * height),
        low + drawn[:, 2] * (high - low),
        signed[:, 3] * rotation,
        signed[:, 4] * augmentation.stroke_width,
        (drawn[:, 5] < 0.5) & augmentation.horizontal_flip,
    )


def intensity_draws(
    augmentation: Augmentation, height: int, width: int, context: StepContext
) -> IntensityDraws:
    """Likewise, from the next seven uniform numbers of each image."""
    drawn = uniform(
        derive_key(context.seed, AUGMENTATION_DRAWS, context.epoch, context.indices), 7, 6
    )
    return IntensityDraws(
        1 + (2 * drawn[:, 0] - 1) * augmentation.contrast,
        (2 * drawn[:, 1] - 1) * augmentation.brightness,
        drawn[:, 6] * augmentation.noise,
        _band(augmentation.max_band(height), height, drawn[:, 2], drawn[:, 3]),
        _band(augmentation.max_band(width), width, drawn[:, 4], drawn[:, 5]),
    )


def _band(widest: int, side: int, width: Float64, offset: Float64) -> Int64:
    """Bands of 0 to ``widest`` cells of a side, from uniform numbers in [0, 1): (2, N)."""
    cells = (width * (widest + 1)).astype(np.int64)  # exact: 24 bits times 20
    first = (offset * (side - cells + 1)).astype(np.int64)
    return np.stack([first, first + cells])


def augment(
    augmentation: Augmentation, images: Float32, background: str, context: StepContext
) -> Float32:
    """Augment preprocessed images (N, C, H, W).

    ``background`` is that of their preprocessor. Pixels from outside a drawing ("dark", "light")
    are background; outside a photo ("any"), they are the nearest pixel of the edge.
    """
    height, width = images.shape[2:]
    changed = apply_geometric(
        geometric_draws(augmentation, height, width, context), images, background
    )
    intensity = intensity_draws(augmentation, height, width, context)
    return _mask_bands(
        _change_intensity(augmentation, changed, intensity, context), intensity
    ).astype(np.float32)


def apply_geometric(drawn: GeometricDraws, images: Float32, background: str) -> Float64:
    """Apply geometric changes to preprocessed images (N, C, H, W).

    ``drawn`` holds the changes of each image, or of one for all. ``background``: see `augment`.
    """
    rows, columns = _source_coordinates(drawn, *images.shape[2:])
    moved = _interpolate(images.astype(np.float64), rows, columns, is_drawing=background != "any")
    return _dilate(moved, drawn.stroke_width)


def _source_coordinates(drawn: GeometricDraws, height: int, width: int) -> tuple[Float64, Float64]:
    """The coordinates at which each new pixel is sampled: rows and columns, both (N, H, W)."""
    center_x, center_y = (width - 1) / 2, (height - 1) / 2
    right, down = drawn.right[:, None, None], drawn.down[:, None, None]
    x = np.arange(width) - center_x - right  # from the center, before the shift
    y = np.arange(height)[:, None] - center_y - down
    sine, cosine = sine_cosine(drawn.rotation * (3.141592653589793 / 180))
    sine, cosine = ((one / drawn.scale)[:, None, None] for one in (sine, cosine))
    side = np.where(drawn.flipped, -1.0, 1.0)[:, None, None]
    columns = side * (cosine * x + sine * y) + center_x  # the inverse rotation and scale
    rows = cosine * y - sine * x + center_y
    return rows, columns


def _interpolate(x: Float64, rows: Float64, columns: Float64, *, is_drawing: bool) -> Float64:
    """Bilinear interpolation of the images at rows and columns."""
    height, width = x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 2), (1, 2)), constant_values=BACKGROUND)
    # A drawing fades into its background within one pixel. An axis of one pixel cannot move.
    out_y, out_x = (int(is_drawing and side > 1) for side in (height, width))
    rows = np.clip(rows, -out_y, height - 1 + out_y) + 1
    columns = np.clip(columns, -out_x, width - 1 + out_x) + 1
    top, left = rows.astype(np.int64), columns.astype(np.int64)
    along, across = (columns - left)[:, None], (rows - top)[:, None]

    def at(down: int, right: int) -> Any:
        image, channel = np.ogrid[: len(x), : x.shape[1]]
        return padded[
            image[..., None, None],
            channel[..., None, None],
            (top + down)[:, None],
            (left + right)[:, None],
        ]

    upper = at(0, 0) + along * (at(0, 1) - at(0, 0))
    lower = at(1, 0) + along * (at(1, 1) - at(1, 0))
    return np.asarray(upper + across * (lower - upper))


def _dilate(x: Float64, stroke_width: Float64) -> Float64:
    """Dilation by the maximum of each 3x3 neighborhood, erosion by the minimum.

    It is applied once per whole pixel of stroke width; a fractional pixel interpolates between the
    images before and after one more application.
    """
    side = np.where(stroke_width < 0, -1.0, 1.0)[:, None, None, None]
    for number in range(int(np.ceil(np.abs(stroke_width).max(initial=0)))):
        fraction = np.clip(np.abs(stroke_width) - number, 0, 1)[:, None, None, None]
        x = x + fraction * (side * _maximum_filter(side * x) - x)
    return x


def _maximum_filter(x: Float64) -> Float64:
    """The maximum of each 3x3 neighborhood, within the image."""
    for axis in (2, 3):
        after = np.concatenate([np.delete(x, 0, axis), x.take([-1], axis)], axis)
        before = np.concatenate([x.take([0], axis), np.delete(x, -1, axis)], axis)
        x = np.maximum(np.maximum(before, x), after)
    return x


def _change_intensity(
    augmentation: Augmentation, x: Float64, drawn: IntensityDraws, context: StepContext
) -> Float64:
    """Contrast, brightness and noise; values are clipped only if there is any of them."""
    if not (augmentation.contrast or augmentation.brightness or augmentation.noise):
        return x
    contrast, brightness, noise = (one[:, None, None, None] for one in drawn[:3])
    x = x * contrast + brightness
    if augmentation.noise:
        key = derive_key(context.seed, NOISE, context.epoch, context.indices)
        x = x + (2 * uniform(key, x[0].size).reshape(x.shape) - 1) * noise
    return np.clip(x, -1, 1)


def _mask_bands(x: Float64, drawn: IntensityDraws) -> Float64:
    """Set a band of rows and one of columns to the background."""
    rows, columns = (
        (band[0, :, None] <= np.arange(side)) & (np.arange(side) < band[1, :, None])
        for band, side in ((drawn.rows, x.shape[2]), (drawn.columns, x.shape[3]))
    )
    return np.where((rows[:, :, None] | columns[:, None, :])[:, None], BACKGROUND, x)
