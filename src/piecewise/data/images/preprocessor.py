"""Image preprocessing: resizing, colour or grey, and a uniform background for drawings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, NamedTuple

import numpy as np
from PIL import Image

from ...core.array_types import Uint8
from ...core.constraints import Choice, Real
from ...core.errors import DataError, LimitError, shown
from ...spec.architecture import input_shape
from ..preprocessing import Preprocessor
from .background import background_level, has_light_background, ink_box, is_drawing
from .decoding import read_picture

_BACKGROUNDS = Choice(("dark", "light", "any"))
_MARGIN = Real(0.0, 0.45)
RESIZES = Choice(("pad", "crop", "stretch"))
MAX_SIDE = {"drawings": 32, "photos": 64}
"""The default longer side, in pixels."""
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
        How photos of other proportions are resized: "pad" adds a black border, "crop" cuts off
        the edges, "stretch" changes the proportions.

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

    shape: tuple[int, int, int]
    background: str = "any"
    margin: float = 0.0
    resize: str = "pad"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(input_shape(self.shape)))
        _BACKGROUNDS.check(self.background)
        _MARGIN.check(self.margin)
        RESIZES.check(self.resize)

    @property
    def kind(self) -> str:
        """The kind of image: "drawings" (ink on a plain background) or "photos"."""
        return "photos" if self.background == "any" else "drawings"

    @property
    def description(self) -> str:
        channels, height, width = self.shape
        colour = {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")
        how = (
            f"on a {self.background} background"
            if self.background != "any"
            else f"resized by {self.resize}"
        )
        return f"{channels}x{height}x{width}: {colour} {self.kind} {how}"

    @staticmethod
    def read(file: Path | bytes | IO[bytes], name: str | None = None) -> Uint8:
        return read_picture(file, name)

    @staticmethod
    def size(given: Uint8) -> tuple[float, float]:
        return given.shape[0], given.shape[1]

    def transform_batch(self, given: Uint8) -> Uint8 | None:
        stacks = given.transpose(0, 3, 1, 2)
        if stacks.shape[1:] != self.shape:
            return None
        return self.align(np.ascontiguousarray(stacks))

    def transform(self, picture: Uint8) -> Uint8:
        """Preprocess one image.

        The ink of a drawing of another size is cropped, resized to leave the margin, and stretched
        to full contrast on an even background. A photo is resized as ``resize`` says. Drawings on
        the other background are inverted.

        Parameters
        ----------
        picture : uint8 array (rows, columns, channels)
            A decoded image of any size.

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
        image = _image(picture)
        grey = np.asarray(image.convert("L"))
        image = image.convert("L" if channels == 1 else "RGB")
        other_size = (image.height, image.width) != (height, width)
        if other_size and self.background != "any" and is_drawing(grey[None])[0]:
            return _channels_first(self._redrawn(image, grey))
        if other_size:
            image = _RESIZED[self.resize](image, (width, height))
        return np.asarray(self.align(_channels_first(np.asarray(image))[None])[0])

    def warning(self, picture: Uint8) -> str | None:
        """Why a prediction for a decoded image is doubtful; None if it is not."""
        if self.background == "any":
            return None
        grey = np.asarray(_image(picture).convert("L"))
        if not is_drawing(grey[None])[0]:
            return "it is not a drawing on a plain background, unlike the training images"
        light = bool(has_light_background(grey[None])[0])
        return "there is no ink in it" if ink_box(255 - grey if light else grey) is None else None

    def align(self, pictures: Uint8) -> Uint8:
        """Invert the drawings (N, C, H, W) of this size that have the other background."""
        if self.background == "any":
            return pictures
        aligned = pictures
        for start in range(0, len(pictures), _BLOCK):
            block = pictures[start : start + _BLOCK]
            greys = block[:, 0]
            wrong = has_light_background(greys) != (self.background == "light")
            wrong &= is_drawing(greys)
            if wrong.any():
                aligned = pictures.copy() if aligned is pictures else aligned
                aligned[start : start + _BLOCK][wrong] = 255 - block[wrong]
        return aligned

    def _redrawn(self, image: Image.Image, grey: Uint8) -> Uint8:
        """Resize a drawing and give it this background."""
        _, height, width = self.shape
        light = bool(has_light_background(grey[None])[0])
        box = ink_box(255 - grey if light else grey)
        paper = background_level(grey)
        if box is None:
            pixels = np.zeros((height, width, len(image.getbands())), np.uint8)
        else:
            framed = _framed(image.crop(box), (width, height), self.margin, paper)
            pixels = np.asarray(framed)
            pixels = _stretch_contrast(
                255 - pixels if light else pixels, 255 - paper if light else paper
            )
        return 255 - pixels if self.background == "light" else pixels

    def to_json(self) -> dict[str, Any]:
        return {"modality": self.modality, **asdict(self), "shape": list(self.shape)}

    @classmethod
    def from_json(cls, value: object, shape: tuple[int, int, int]) -> ImagePreprocessor:
        """The preprocessor that `to_json` wrote, for a network of this input shape; DataError.
        Older files lack ``resize``."""
        wanted = {"shape", "background", "margin"}
        if not isinstance(value, dict) or set(value) - {"modality", "resize"} != wanted:
            raise DataError(
                f"preprocessing: got {shown(value)}, wanted its shape, background and margin"
            )
        if value["shape"] != list(shape):
            raise DataError(f"preprocessing: got {shown(value['shape'])}, wanted {list(shape)}")
        try:
            return cls(shape, value["background"], value["margin"], value.get("resize", "pad"))
        except LimitError as error:
            raise DataError(f"preprocessing: {error}") from None


def fit_image_preprocessor(
    pictures: Iterable[Uint8],
    size: tuple[int, int] | None = None,
    most: int | None = None,
    resize: str = "pad",
) -> ImagePreprocessor:
    """Fit a preprocessor to images (rows, columns, channels) of any sizes, read one by one.

    The size is ``size`` (rows, columns), by default the median size with a longer side of at most
    ``most`` (by default `MAX_SIDE`). The input is grey if no image has colour. The images are
    treated as drawings if at least 90 % of them are.
    """
    stats = [_stats(picture) for picture in pictures]
    drawings = [one for one in stats if one.is_drawing]
    channels = 3 if any(one.has_colour for one in stats) else 1
    are_photos = channels == 3 or len(drawings) < 0.9 * len(stats)
    longest = most or MAX_SIDE["photos" if are_photos else "drawings"]
    height, width = size or _median_size(stats, longest)
    if are_photos:
        return ImagePreprocessor((channels, height, width), "any", resize=resize)
    light = sum(one.is_light for one in drawings)
    background = "light" if 2 * light > len(drawings) else "dark"
    margin = min(0.45, round(float(np.median([one.margin for one in drawings])), 3))
    return ImagePreprocessor((channels, height, width), background, margin, resize)


class _ImageStats(NamedTuple):
    """Properties of one image; ``is_light`` and ``margin`` are meaningful for drawings only."""

    height: int
    width: int
    has_colour: bool
    is_drawing: bool
    is_light: bool
    margin: float


def _stats(picture: Uint8) -> _ImageStats:
    grey = np.asarray(_image(picture).convert("L"))
    light = bool(has_light_background(grey[None])[0])
    margin = _margin_of(255 - grey if light else grey)
    drawing = bool(is_drawing(grey[None])[0])
    height, width = grey.shape
    return _ImageStats(height, width, _has_colour(picture), drawing, light, margin)


def _image(picture: Uint8) -> Image.Image:
    return Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture)


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


def _framed(
    image: Image.Image, size: tuple[int, int], margin: float, background: int
) -> Image.Image:
    """Resize and centre an image in a frame (width, height) with a margin, keeping proportions."""
    width, height = (side * (1 - 2 * margin) for side in size)
    factor = min(width / image.width, height / image.height)
    inner = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    image = image.resize(inner, Image.Resampling.BILINEAR)
    frame = Image.new(image.mode, size, background if image.mode == "L" else (background,) * 3)
    frame.paste(image, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return frame


def _padded(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return _framed(image, size, 0.0, 0)


def _cropped(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize the centre of an image to fill the frame (width, height)."""
    crop = [min(own, other * side / beside) for own, other, side, beside in (
        (image.width, image.height, size[0], size[1]),
        (image.height, image.width, size[1], size[0]),
    )]  # fmt: skip
    left, top = (image.width - crop[0]) / 2, (image.height - crop[1]) / 2
    box = (left, top, left + crop[0], top + crop[1])
    return image.resize(size, Image.Resampling.BILINEAR, box)


def _stretched(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.BILINEAR)


_RESIZED = {"pad": _padded, "crop": _cropped, "stretch": _stretched}


def _stretch_contrast(ink: Uint8, paper: int) -> Uint8:
    """Stretch the contrast of light ink on a background of level ``paper``: background and darker
    become 0, the lightest tenth of the ink 255. (The lightest pixel alone is no measure: it lies
    where strokes cross.)"""
    strength = np.maximum(ink.astype(np.int64) - paper, 0)
    strong = strength[strength > strength.max() // 3]
    full = int(np.sort(strong)[9 * (strong.size - 1) // 10]) if strong.size else 1
    return np.asarray(np.minimum(strength * 255 // max(1, full), 255), np.uint8)


def _channels_first(pixels: Uint8) -> Uint8:
    """(rows, columns) or (rows, columns, channels) -> (channels, rows, columns)."""
    return np.moveaxis(np.atleast_3d(pixels), 2, 0)
