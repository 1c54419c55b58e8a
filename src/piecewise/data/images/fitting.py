"""Fits an image preprocessor to a set of images: size, colour, drawings or photos, levels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from ...core.array_types import Array, Uint8
from ...core.constraints import Choice
from .background import (
    LEAST_CONTRAST,
    Flatness,
    are_drawings,
    has_light_background,
    ink_box,
    plainness,
)
from .levels import BACKDROPS, Extent, fit_backdrop, fit_levels, to_pixels, visible_on
from .placement import InkViews, place_tells_classes
from .preprocessor import ImagePreprocessor

MAX_SIDE = {"drawings": 32, "photos": 64}
"""The default longer side, in pixels."""
PADDING = "border"
"""What new preprocessors pad photos with."""
FRAMING_OPTIONS = Choice(("auto", "ink", "canvas"))

_LEAST_PLAIN = 0.35  # with less, an image is no drawing even if some of the set are like it
_ENOUGH = 256  # pixels of a side of a transparent image
_EXCEPTIONS = 0.005  # of the images may be unlike the others
_LOOSER = 0.95  # an image may be a little less plain and fainter than those that were measured


def fit_image_preprocessor(
    pictures: Iterable[Array],
    size: tuple[int, int] | None = None,
    most: int | None = None,
    resize: str = "pad",
    framing: str = "auto",
    *,
    labels: Sequence[object] = (),
) -> ImagePreprocessor:
    """Fit a preprocessor to decoded images of any sizes, read one by one.

    The size is ``size`` (rows, columns), by default the median size with a longer side of at most
    ``most`` (by default `MAX_SIDE`). The input is grey if no image has colour. `are_drawings` says
    whether the images are drawings. With ``framing`` "auto", drawings are cropped to their ink
    unless its place and size tell the classes apart; for that, ``labels`` has the label of each
    image, at the latest when all are read.
    """
    of_each = [_ImageStats.of(picture) for picture in pictures]
    backdrop = fit_backdrop([one.visible for one in of_each if one.visible])
    level_range = fit_levels([one.extent for one in of_each if one.extent])
    stats = [one.on_backdrop[backdrop if one.visible else None] for one in of_each]
    channels = 3 if any(one.has_colour for one in stats) else 1
    flat = [one.flat for one in stats]
    plain = np.array([one.plain for one in stats])
    is_photos = channels == 3 or not are_drawings(plain, flat)
    longest = most or MAX_SIDE["photos" if is_photos else "drawings"]
    shape = (channels, *(size or _median_size(of_each, longest)))
    if is_photos:
        return ImagePreprocessor(
            shape,
            "any",
            resize=resize,
            level_range=level_range,
            backdrop=backdrop,
            padding=PADDING,
        )
    drawings = [one for one in stats if one.plain >= 1] or stats
    light = sum(one.is_light for one in drawings)
    if framing == "auto":
        views = [one.views for one in stats]
        framing = "canvas" if place_tells_classes(views, labels) else "ink"
    return ImagePreprocessor(
        shape,
        "light" if 2 * light > len(drawings) else "dark",
        min(0.45, round(float(np.median([one.margin for one in drawings])), 3)),
        resize,
        framing,
        level_range,
        backdrop,
        _least_plain(plain),
        _least_contrast(flat),
        PADDING,
    )


class _PixelStats(NamedTuple):
    """Properties of the pixels of one image; the last three have a meaning for drawings only."""

    has_colour: bool
    plain: float
    flat: Flatness
    is_light: bool
    margin: float
    views: InkViews

    @classmethod
    def of(cls, pixels: Uint8) -> _PixelStats:
        image = Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels)
        grey = np.asarray(image.convert("L"))
        light = bool(has_light_background(grey[None])[0])
        margin = _margin_of(255 - grey if light else grey)
        plain = float(plainness(grey[None])[0])
        flat, views = Flatness.of(grey), InkViews.of(grey)
        return cls(_has_colour(pixels), plain, flat, light, margin, views)


class _ImageStats(NamedTuple):
    """Properties of one decoded image, and of its pixels on each backdrop."""

    height: int
    width: int
    extent: Extent | None
    visible: tuple[bool, ...] | None
    on_backdrop: dict[str | None, _PixelStats]

    @classmethod
    def of(cls, picture: Array) -> _ImageStats:
        height, width, _ = picture.shape
        if picture.shape[2] in {2, 4}:  # looked at on every backdrop, so without needless pixels
            step = max(1, max(height, width) // _ENOUGH)
            picture = np.ascontiguousarray(picture[::step, ::step])
        visible = visible_on(picture)
        backdrops: tuple[str | None, ...] = (None,) if visible is None else tuple(BACKDROPS)
        stats = {
            backdrop: _PixelStats.of(to_pixels(picture, backdrop=backdrop))
            for backdrop in backdrops
        }
        return cls(height, width, Extent.of(picture), visible, stats)


def _has_colour(picture: Uint8) -> bool:
    if picture.shape[2] == 1:
        return False
    red, green, blue = np.moveaxis(
        picture, 2, 0
    )  # elementwise: far quicker than along an axis of 3
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    return bool((spread > 24).mean() > 0.005)  # a few tinted pixels are a scanner's


def _median_size(stats: list[_ImageStats], most: int) -> tuple[int, int]:
    height = float(np.median([one.height for one in stats]))
    width = float(np.median([one.width for one in stats]))
    shrink = min(1.0, most / max(height, width))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


def _margin_of(ink: Uint8) -> float:
    """The empty fraction of a side on each side of the ink, along its longer extent."""
    left, top, right, bottom = ink_box(ink) or (0, 0, ink.shape[1], ink.shape[0])
    extent = max((right - left) / ink.shape[1], (bottom - top) / ink.shape[0])
    return float(1 - extent) / 2


def _least_plain(plain: Array) -> float:
    """The least plain background of the images that are drawings at all, a little lowered."""
    lowest = _usual_least(plain[plain >= _LEAST_PLAIN].tolist() or [1.0])
    return 1.0 if lowest >= 1 else round(max(_LEAST_PLAIN, _LOOSER * lowest), 3)


def _least_contrast(flat: Sequence[Flatness]) -> int:
    """The faintest ink of the images, a little lowered; at most what is always ink."""
    faintest = _usual_least([one.contrast for one in flat])
    return LEAST_CONTRAST if faintest >= LEAST_CONTRAST else int(_LOOSER * faintest)


def _usual_least(values: Sequence[float]) -> float:
    """The least value, without a few exceptions."""
    return sorted(values)[int(_EXCEPTIONS * len(values))]
