"""Pictures as a network takes them: size, colour, ground."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from ...core.constraints import Choice, Real
from ...core.errors import DataError, LimitError, shown
from ...spec.architecture import input_shape
from ..preprocessing import Preprocessor
from .background import background_level, has_light_background, ink_box, is_drawing
from .decoding import read_picture

Pictures = npt.NDArray[np.uint8]

_GROUNDS = Choice(("dark", "light", "any"))
_MARGIN = Real(0.0, 0.45)
RESIZES = Choice(("pad", "crop", "stretch"))
LONGEST_SIDE = {"drawings": 32, "photos": 64}
"""That pictures are brought to where nothing is said."""
_BLOCK = 1_000  # pictures aligned at a time, so that what is worked out on the way stays small


@dataclass(frozen=True)
class ImagePreprocessor(Preprocessor):
    """What is done to every picture.

    ``shape``: channels (1 grey, 3 colour), rows, columns. ``ground``: what drawings stand on,
    "dark" or "light"; "any" for photos. ``margin``: the share of a side left free on each side
    when a drawing of another size is brought to this one; 0 for photos. ``resize``: how a photo
    comes into a frame of other proportions: "pad" (whole, the rest of the frame black), "crop" (the
    frame full, what is left over cut away on both sides), "fit" (whole, its proportions changed).
    """

    modality: ClassVar[str] = "pictures"
    unit: ClassVar[str] = "pixels"

    shape: tuple[int, int, int]
    background: str = "any"
    margin: float = 0.0
    resize: str = "pad"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(input_shape(self.shape)))
        _GROUNDS.check(self.background)
        _MARGIN.check(self.margin)
        RESIZES.check(self.resize)

    @property
    def kind(self) -> str:
        """What is prepared: "drawings", ink on a plain ground, or "photos"."""
        return "photos" if self.background == "any" else "drawings"

    @property
    def description(self) -> str:
        channels, height, width = self.shape
        colour = {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")
        where = (
            f"on a {self.background} ground"
            if self.background != "any"
            else f"brought by {self.resize}"
        )
        return f"{channels}x{height}x{width}: {colour} {self.kind} {where}"

    @staticmethod
    def read(file: Path | bytes | IO[bytes], name: str | None = None) -> Pictures:
        return read_picture(file, name)

    @staticmethod
    def size(given: Pictures) -> tuple[float, float]:
        return given.shape[0], given.shape[1]

    def transform_batch(self, given: Pictures) -> Pictures | None:
        stacks = given.transpose(0, 3, 1, 2)
        if stacks.shape[1:] != self.shape:
            return None
        return self.align(np.ascontiguousarray(stacks))

    def transform(self, picture: Pictures) -> Pictures:
        """A picture (rows, columns, channels) of any size -> (C, H, W) of this preparation's.

        A drawing of another size: its ink is cut out, enlarged or shrunk to leave the margin, and
        made full on a ground made even. A photo comes into the frame as ``resize`` says; then as
        `align`. Raises DataError if the net does not read pictures.
        """
        channels, height, width = self.shape
        if channels not in (1, 3):
            raise DataError(f"pictures: got grey or colour, wanted stacks of {channels} channels")
        image = _image(picture)
        grey = np.asarray(image.convert("L"))
        image = image.convert("L" if channels == 1 else "RGB")
        other_size = (image.height, image.width) != (height, width)
        if other_size and self.background != "any" and is_drawing(grey[None])[0]:
            return _stack(self._redrawn(image, grey))
        if other_size:
            image = _RESIZED[self.resize](image, (width, height))
        return np.asarray(self.align(_stack(np.asarray(image))[None])[0])

    def warning(self, picture: Pictures) -> str | None:
        """What makes an answer about a picture (rows, columns, channels) doubtful, in words."""
        if self.background == "any":
            return None
        grey = np.asarray(_image(picture).convert("L"))
        if not is_drawing(grey[None])[0]:
            return "it is no drawing on a plain ground, as those were that the net learned from"
        light = bool(has_light_background(grey[None])[0])
        return "there is no ink in it" if ink_box(255 - grey if light else grey) is None else None

    def align(self, pictures: Pictures) -> Pictures:
        """Pictures (N, C, H, W) of this size -> the same, drawings on the wrong ground inverted."""
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

    def _redrawn(self, image: Image.Image, grey: Pictures) -> Pictures:
        """A drawing of another size at this one, on this ground."""
        _, height, width = self.shape
        light = bool(has_light_background(grey[None])[0])
        box = ink_box(255 - grey if light else grey)
        paper = background_level(grey)
        if box is None:
            pixels = np.zeros((height, width, len(image.getbands())), np.uint8)
        else:
            framed = _framed(image.crop(box), (width, height), self.margin, paper)
            pixels = np.asarray(framed)
            pixels = _full_ink(255 - pixels if light else pixels, 255 - paper if light else paper)
        return 255 - pixels if self.background == "light" else pixels

    def to_json(self) -> dict[str, Any]:
        return {"modality": self.modality, **asdict(self), "shape": list(self.shape)}

    @classmethod
    def from_json(cls, value: object, shape: tuple[int, int, int]) -> ImagePreprocessor:
        """The preparation that `to_json` wrote, for a network of this input shape; DataError.
        ``resize`` came later than the others."""
        wanted = {"shape", "background", "margin"}
        if not isinstance(value, dict) or set(value) - {"modality", "resize"} != wanted:
            raise DataError(f"preparation: got {shown(value)}, wanted its shape, ground and margin")
        if value["shape"] != list(shape):
            raise DataError(f"preparation: got {shown(value['shape'])}, wanted {list(shape)}")
        try:
            return cls(shape, value["background"], value["margin"], value.get("resize", "pad"))
        except LimitError as error:
            raise DataError(f"preparation: {error}") from None


def fit_image_preprocessor(
    pictures: Iterable[Pictures],
    size: tuple[int, int] | None = None,
    most: int | None = None,
    resize: str = "pad",
) -> ImagePreprocessor:
    """The preparation for pictures (rows, columns, channels) of any sizes, looked at one by one.

    ``size`` (rows, columns) if it is given, else their median size, its longer side at most
    ``most`` (`LONGEST_SIDE` if left out). Grey if no picture has colour; a set of drawings if
    nearly all are.
    """
    looks = [_look(picture) for picture in pictures]
    drawings = [look for look in looks if look.drawing]
    channels = 3 if any(look.colour for look in looks) else 1
    are_photos = channels == 3 or len(drawings) < 0.9 * len(looks)
    longest = most or LONGEST_SIDE["photos" if are_photos else "drawings"]
    height, width = size or _median_size(looks, longest)
    if are_photos:
        return ImagePreprocessor((channels, height, width), "any", resize=resize)
    light = sum(look.light for look in drawings)
    ground = "light" if 2 * light > len(drawings) else "dark"
    margin = min(0.45, round(float(np.median([look.free for look in drawings])), 3))
    return ImagePreprocessor((channels, height, width), ground, margin, resize)


class _Look(NamedTuple):
    """What a decision asks of one picture; ``light`` and ``free`` mean something for drawings."""

    height: int
    width: int
    colour: bool
    drawing: bool
    light: bool
    free: float


def _look(picture: Pictures) -> _Look:
    grey = np.asarray(_image(picture).convert("L"))
    light = bool(has_light_background(grey[None])[0])
    free = _free_share(255 - grey if light else grey)
    drawing = bool(is_drawing(grey[None])[0])
    height, width = grey.shape
    return _Look(height, width, _has_colour(picture), drawing, light, free)


def _image(picture: Pictures) -> Image.Image:
    return Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture)


def _has_colour(picture: Pictures) -> bool:
    if picture.shape[2] == 1:
        return False
    red, green, blue = np.moveaxis(
        picture, 2, 0
    )  # elementwise: far quicker than along an axis of 3
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    return bool((spread > 24).mean() > 0.005)  # a few tinted pixels are a scanner's


def _median_size(looks: list[_Look], most: int) -> tuple[int, int]:
    height = float(np.median([look.height for look in looks]))
    width = float(np.median([look.width for look in looks]))
    shrink = min(1.0, most / max(height, width))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


def _free_share(ink: Pictures) -> float:
    """The share of a side that is free on each side of the ink, along its longer extent."""
    left, top, right, bottom = ink_box(ink) or (0, 0, ink.shape[1], ink.shape[0])
    extent = max((right - left) / ink.shape[1], (bottom - top) / ink.shape[0])
    return float(1 - extent) / 2


def _framed(image: Image.Image, size: tuple[int, int], margin: float, ground: int) -> Image.Image:
    """The image, its proportions kept, in the middle of a frame (width, height) with a margin."""
    room = [side * (1 - 2 * margin) for side in size]
    factor = min(room[0] / image.width, room[1] / image.height)
    inner = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    image = image.resize(inner, Image.Resampling.BILINEAR)
    frame = Image.new(image.mode, size, ground if image.mode == "L" else (ground,) * 3)
    frame.paste(image, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return frame


def _padded(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return _framed(image, size, 0.0, 0)


def _cropped(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of the image in the frame (width, height), which it fills."""
    part = [min(own, other * side / beside) for own, other, side, beside in (
        (image.width, image.height, size[0], size[1]),
        (image.height, image.width, size[1], size[0]),
    )]  # fmt: skip
    left, top = (image.width - part[0]) / 2, (image.height - part[1]) / 2
    box = (left, top, left + part[0], top + part[1])
    return image.resize(size, Image.Resampling.BILINEAR, box)


def _stretched(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.BILINEAR)


_RESIZED = {"pad": _padded, "crop": _cropped, "stretch": _stretched}


def _full_ink(ink: Pictures, paper: int) -> Pictures:
    """Light ink on a ground of the level ``paper``, spread out: the ground and what is darker
    becomes 0, the strongest tenth of the ink 255, however faint shrinking made it. (Not by the
    strongest pixel: that is where strokes cross.)"""
    above = np.maximum(ink.astype(np.int64) - paper, 0)
    marks = above[above > above.max() // 3]
    full = int(np.sort(marks)[9 * (marks.size - 1) // 10]) if marks.size else 1
    return np.asarray(np.minimum(above * 255 // max(1, full), 255), np.uint8)


def _stack(pixels: Pictures) -> Pictures:
    """(rows, columns) or (rows, columns, channels) -> (channels, rows, columns)."""
    return np.moveaxis(np.atleast_3d(pixels), 2, 0)
