"""Image preprocessing: resizing, colour or grey, and a uniform background for drawings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
from PIL import Image

from ...core.array_types import Array, Uint8
from ...core.constraints import Choice, Integer, Real
from ...core.errors import DataError, LimitError, shown
from ...spec.architecture import input_shape
from ..preprocessing import Preprocessor
from .background import (
    LEAST_CONTRAST,
    background_level,
    border_colour,
    has_light_background,
    ink_box,
    ink_contrast,
    is_drawing,
    plainness,
)
from .decoding import decode_picture
from .framing import RESIZED, Box, framed, source_box, stretch_contrast
from .levels import BACKDROPS, to_pixels

_BACKGROUNDS = Choice(("dark", "light", "any"))
_MARGIN = Real(0.0, 0.45)
RESIZES = Choice(("pad", "crop", "stretch"))
FRAMINGS = Choice(("ink", "canvas"))
PADDINGS = Choice(("black", "border"))
_BACKDROPS = Choice(tuple(BACKDROPS))
_LEVEL = Real(-3.5e38, 3.5e38)
_PLAINNESS = Real(0.0, 1.0)
_CONTRAST = Integer(0, 255)
_BLOCK = 1_000  # images processed at a time, to limit temporary memory


@dataclass(frozen=True)
class ImagePreprocessor(Preprocessor):
    """Preprocessing of image files into network inputs, uint8 (C, H, W).

    Parameters
    ----------
    shape : (int, int, int)
        Channels (1 for grey, 3 for colour), rows and columns of the input, in pixels.
    background : {"any", "dark", "light"}
        The background of drawings; "any" for photos.
    margin : float, default 0
        For drawings: the fraction of the side that stays empty on each side of the ink when a
        drawing of another size is resized.
    resize : {"pad", "crop", "stretch"}
        How images with another aspect ratio are resized: "pad" adds a border (of the colour of a
        drawing's background, else see ``padding``), "crop" cuts off the edges, "stretch" changes
        the aspect ratio.
    framing : {"ink", "canvas"}
        How a drawing of another size is scaled to the input: "ink" crops and centres the ink;
        "canvas" scales the whole image, so that the place and size of the ink are kept.
    level_range : (float, float), optional
        The black and white levels of images of more than 8 bits; by default, each image has its
        own.
    backdrop : {"white", "black", "grey"}, optional
        The colour of transparent areas; by default, the first of the three on which the image is
        visible.
    padding : {"black", "border"}
        The colour that "pad" adds to a photo: black, or that of the image's own border, and black
        if the border has no uniform colour.
    least_plain, least_contrast : float, int
        The plainness of the least plain background and the contrast of the faintest ink among the
        training drawings. `warning` warns of drawings with lower values.

    Raises
    ------
    LimitError
        If a value is outside its limits.

    Examples
    --------
    >>> import numpy as np
    >>> import piecewise as pw
    >>> preprocessor = pw.ImagePreprocessor((1, 8, 8))
    >>> preprocessor.transform(np.zeros((20, 30, 3), np.uint8)).shape
    (1, 8, 8)
    """

    modality: ClassVar[str] = "pictures"
    unit: ClassVar[str] = "pixels"
    required: ClassVar[tuple[str, ...]] = ("shape", "background", "margin")

    shape: tuple[int, int, int]
    background: str = "any"
    margin: float = 0.0
    resize: str = "pad"
    framing: str = "ink"
    level_range: tuple[float, float] | None = None
    backdrop: str | None = None
    least_plain: float = 1.0
    least_contrast: int = LEAST_CONTRAST
    padding: str = "black"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(input_shape(self.shape)))
        _BACKGROUNDS.check(self.background)
        _MARGIN.check(self.margin)
        RESIZES.check(self.resize)
        FRAMINGS.check(self.framing)
        PADDINGS.check(self.padding)
        _PLAINNESS.check(self.least_plain)
        _CONTRAST.check(self.least_contrast)
        if self.backdrop is not None:
            _BACKDROPS.check(self.backdrop)
        if self.level_range is not None:
            object.__setattr__(self, "level_range", _checked_range(self.level_range))

    @property
    def kind(self) -> str:
        """The kind of image: "drawings" (ink on a plain background) or "photos"."""
        return "photos" if self.background == "any" else "drawings"

    @property
    def crops_to_ink(self) -> bool:
        """Whether drawings of another size are cropped to their ink."""
        return self.background != "any" and self.framing == "ink"

    @property
    def description(self) -> str:
        channels, height, width = self.shape
        colour = {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")
        how = (
            f"on a {self.background} background"
            if self.background != "any"
            else f"resized by {self.resize}"
        )
        if self.background != "any" and self.framing == "canvas":
            how += ", place and size of the ink kept"
        if self.backdrop not in {None, "white"}:
            how += f", transparent areas {self.backdrop}"
        return f"{channels}x{height}x{width}: {colour} {self.kind} {how}"

    @staticmethod
    def read(file: Path | bytes | IO[bytes], name: str | None = None) -> Array:
        return decode_picture(file, name)

    @staticmethod
    def size(given: Array) -> tuple[float, float]:
        return given.shape[0], given.shape[1]

    def transform_batch(self, given: Uint8) -> Uint8 | None:
        stacks = given.transpose(0, 3, 1, 2)
        if stacks.shape[1:] != self.shape:
            return None
        return self.align(np.ascontiguousarray(stacks))

    def transform(self, picture: Array) -> Uint8:
        """Preprocess one image.

        The ink of a drawing of another size is cropped (unless the whole canvas is kept), resized
        to leave the margin, and stretched to full contrast on an even background. A photo is
        resized as ``resize`` says. Drawings on the other background are inverted.

        Parameters
        ----------
        picture : array (rows, columns, channels)
            A decoded image of any size: uint8, with 1 or 3 channels; or as `read` returns it.

        Returns
        -------
        uint8 array (C, H, W)

        Raises
        ------
        DataError
            If the network's input has neither 1 nor 3 channels.
        """
        channels, height, width = self.shape
        if channels not in (1, 3):
            raise DataError(f"pictures: got grey or colour, wanted arrays of {channels} channels")
        pixels = self.pixels(picture)
        if pixels.shape == (height, width, channels):
            return np.array(self.align(_channels_first(pixels)[None])[0])
        image, grey = _image(pixels), _grey(pixels)
        image = image.convert("L" if channels == 1 else "RGB")
        other_size = (image.height, image.width) != (height, width)
        if other_size and self.background != "any" and self._is_drawing(grey):
            return _channels_first(self._redrawn(image, grey))
        if other_size:
            image = RESIZED[self.resize](image, (width, height), self._padding_of(image))
        return np.array(self.align(_channels_first(np.asarray(image))[None])[0])

    def pixels(self, picture: Array) -> Uint8:
        """A decoded image as uint8 (rows, columns, 1 or 3) by this range and backdrop."""
        return to_pixels(picture, self.level_range, self.backdrop)

    def source_box(self, picture: Array) -> Box:
        """The part of a decoded image that the input shows, in its pixels: left, top, right,
        bottom. It may reach beyond the image."""
        _, height, width = self.shape
        pixels = self.pixels(picture)
        image, grey = _image(pixels), _grey(pixels)
        if image.size == (width, height):
            return 0, 0, width, height
        if self.crops_to_ink and self._is_drawing(grey):
            light = bool(has_light_background(grey[None])[0])
            ink = ink_box(255 - grey if light else grey) or (0, 0, *image.size)
            size = ink[2] - ink[0], ink[3] - ink[1]
            left, top, right, bottom = source_box("pad", size, (width, height), self.margin)
            return ink[0] + left, ink[1] + top, ink[0] + right, ink[1] + bottom
        return source_box(self.resize, image.size, (width, height))

    def warning(self, picture: Array) -> str | None:
        """Why a prediction for a decoded image is doubtful; None if it is not."""
        if self.background == "any":
            return None
        grey = _grey(self.pixels(picture))
        level = background_level(grey)
        if ink_contrast(grey, level) < self.least_contrast:
            return "there is no ink in it"
        if plainness(grey[None], np.array([level], np.int16))[0] < self.least_plain:
            return "it is not a drawing on a plain background, unlike the training images"
        return None

    def _is_drawing(self, grey: Uint8) -> bool:
        return bool(is_drawing(grey[None], self.least_plain)[0])

    def align(self, pictures: Uint8) -> Uint8:
        """Invert the drawings (N, C, H, W) of this size that have the other background."""
        if self.background == "any":
            return pictures
        aligned = pictures
        for start in range(0, len(pictures), _BLOCK):
            block = pictures[start : start + _BLOCK]
            greys = block[:, 0]
            wrong = has_light_background(greys) != (self.background == "light")
            if wrong.any():
                wrong &= is_drawing(greys, self.least_plain)
            if wrong.any():
                aligned = pictures.copy() if aligned is pictures else aligned
                aligned[start : start + _BLOCK][wrong] = 255 - block[wrong]
        return aligned

    def _padding_of(self, image: Image.Image) -> tuple[int, ...] | int:
        """The colour of the border of an image with another aspect ratio."""
        if self.resize != "pad" or self.padding == "black":
            return 0
        return border_colour(np.atleast_3d(np.asarray(image))) or 0

    def _redrawn(self, image: Image.Image, grey: Uint8) -> Uint8:
        """Resize a drawing and give it this background."""
        _, height, width = self.shape
        light = bool(has_light_background(grey[None])[0])
        box = ink_box(255 - grey if light else grey)
        paper = background_level(grey)
        if box is None:
            pixels = np.zeros((height, width, len(image.getbands())), np.uint8)
        else:
            if self.framing == "ink":
                image = framed(image.crop(box), (width, height), self.margin, paper)
            else:
                image = RESIZED[self.resize](image, (width, height), paper)
            pixels = np.asarray(image)
            pixels = stretch_contrast(
                255 - pixels if light else pixels, 255 - paper if light else paper
            )
        return 255 - pixels if self.background == "light" else pixels

    def to_json(self) -> dict[str, Any]:
        level_range = None if self.level_range is None else list(self.level_range)
        return {
            "modality": self.modality,
            **asdict(self),
            "shape": list(self.shape),
            "level_range": level_range,
        }


def _checked_range(levels: object) -> tuple[float, float]:
    if not isinstance(levels, tuple | list) or len(levels) != 2:
        raise LimitError(f"level_range: got {shown(levels)}, wanted black and white, or None")
    black, white = (_LEVEL.check(level) for level in levels)
    if not black < white:
        raise LimitError(f"level_range: got {shown(levels)}, wanted black below white")
    return float(black), float(white)


def _image(picture: Uint8) -> Image.Image:
    return Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture)


def _grey(picture: Uint8) -> Uint8:
    """The grey levels (rows, columns) of an image."""
    return picture[..., 0] if picture.shape[2] == 1 else np.asarray(_image(picture).convert("L"))


def _channels_first(pixels: Uint8) -> Uint8:
    """(rows, columns) or (rows, columns, channels) -> (channels, rows, columns)."""
    return (pixels if pixels.ndim == 3 else pixels[..., None]).transpose(2, 0, 1)
