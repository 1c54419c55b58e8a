"""Framing: crop, resize and centre an image in a frame, and stretch the contrast of ink."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from ...core.array_types import Uint8

Size = tuple[int, int]
"""Width and height of a frame, as in Pillow."""


Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""
Colour = int | tuple[int, ...]
"""A grey level, or one level for each channel of the image."""


def framed(image: Image.Image, size: Size, margin: float, background: Colour) -> Image.Image:
    """Resize and centre an image in a frame (width, height) with a margin, keeping its aspect
    ratio."""
    colour = background if isinstance(background, tuple) else (background,) * len(image.getbands())
    inner = inner_size(image.size, size, margin)
    image = image.resize(inner, Image.Resampling.BILINEAR)
    frame = Image.new(image.mode, size, colour)
    frame.paste(image, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return frame


def inner_size(image: Size, size: Size, margin: float) -> Size:
    """The size of an image (width, height) that is resized to a frame with a margin."""
    width, height = (side * (1 - 2 * margin) for side in size)
    factor = min(width / image[0], height / image[1])
    return max(1, round(image[0] * factor)), max(1, round(image[1] * factor))


def source_box(how: str, image: Size, size: Size, margin: float = 0.0) -> Box:
    """The part of an image (width, height) that a frame shows; with "pad", it may reach beyond."""
    if how == "stretch":
        return 0, 0, *image
    if how == "crop":
        return _centre(image, size)
    ends = []
    for own, frame, inner in zip(image, size, inner_size(image, size, margin), strict=True):
        start = -((frame - inner) // 2) * own / inner
        ends.append((start, start + frame * own / inner))
    (left, right), (top, bottom) = ends
    return left, top, right, bottom


def _centre(image: Size, size: Size) -> Box:
    """The largest part of an image (width, height) with the proportions of a frame."""
    crop = [min(own, other * side / beside) for own, other, side, beside in (
        (image[0], image[1], size[0], size[1]),
        (image[1], image[0], size[1], size[0]),
    )]  # fmt: skip
    left, top = (image[0] - crop[0]) / 2, (image[1] - crop[1]) / 2
    return left, top, left + crop[0], top + crop[1]


def _padded(image: Image.Image, size: Size, background: Colour) -> Image.Image:
    return framed(image, size, 0.0, background)


def _cropped(image: Image.Image, size: Size, background: Colour) -> Image.Image:
    """Resize the centre of an image to fill the frame (width, height)."""
    return image.resize(size, Image.Resampling.BILINEAR, _centre(image.size, size))


def _stretched(image: Image.Image, size: Size, background: Colour) -> Image.Image:
    return image.resize(size, Image.Resampling.BILINEAR)


RESIZED: dict[str, Callable[[Image.Image, Size, Colour], Image.Image]] = {
    "pad": _padded,
    "crop": _cropped,
    "stretch": _stretched,
}
"""Functions of an image, a frame (width, height) and the colour of what is added to the image."""


def stretch_contrast(ink: Uint8, paper: int) -> Uint8:
    """Stretch the contrast of light ink on a background of level ``paper``: background and darker
    become 0, the lightest tenth of the ink 255. (The lightest pixel alone is no measure: it lies
    where strokes cross.)"""
    strength = np.maximum(ink.astype(np.int64) - paper, 0)
    strong = strength[strength > strength.max() // 3]
    full = int(np.sort(strong)[9 * (strong.size - 1) // 10]) if strong.size else 1
    return np.asarray(np.minimum(strength * 255 // max(1, full), 255), np.uint8)
