"""How a picture becomes a network's input: decided once from the training pictures, then fixed.

The preparation belongs to the net and travels in its file; nothing else turns pictures into inputs.
It has two steps: `fit` brings a picture of any size to bytes of the net's size (whatever is read
goes through it), `scale` brings bytes to numbers (-1 ground, +1 ink).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..architecture import input_shape
from ..errors import DataError, LimitError, shown
from ..limits import Choice, Number
from .grounds import are_drawings, ground_level, have_light_ground, ink_box

Pictures = npt.NDArray[np.uint8]

_GROUNDS = Choice(("dark", "light", "any"))
_MARGIN = Number(0.0, 0.45)
_BLOCK = 1_000  # pictures aligned at a time, so that what is worked out on the way stays small


@dataclass(frozen=True)
class Preparation:
    """What is done to every picture.

    ``shape``: channels (1 grey, 3 colour), rows, columns. ``ground``: what drawings stand on,
    "dark" or "light"; "any" for photos. ``margin``: the share of a side left free on each side
    when a drawing of another size is brought to this one; 0 for photos.
    """

    shape: tuple[int, int, int]
    ground: str = "any"
    margin: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(input_shape(self.shape)))
        _GROUNDS.check(self.ground)
        _MARGIN.check(self.margin)

    @property
    def kind(self) -> str:
        """What is prepared: "drawings", ink on a plain ground, or "photos"."""
        return "photos" if self.ground == "any" else "drawings"

    def scale(self, pictures: Pictures) -> npt.NDArray[np.float32]:
        """Bytes (..., C, H, W) -> numbers from -1 to 1 of the same shape; ink is +1."""
        return self.levels[pictures]

    @property
    def levels(self) -> npt.NDArray[np.float32]:
        """The number that each of the 256 bytes becomes."""
        a, b, c = self.fraction
        return np.asarray((a * np.arange(256, dtype=np.float32) + b) / c)

    @property
    def fraction(self) -> npt.NDArray[np.float32]:
        """The numbers a, b, c that make (a * byte + b) / c of a byte."""
        return np.array([2, -255, -255 if self.ground == "light" else 255], np.float32)

    def fit(self, picture: Pictures) -> Pictures:
        """A picture (rows, columns, channels) of any size -> (C, H, W) of this preparation's.

        A drawing of another size: its ink is cut out, enlarged or shrunk to leave the margin, and
        made full on a ground made even. A photo is fitted whole into the frame; what is left of the
        frame stays black; then as `align`. Raises DataError if the net does not read pictures.
        """
        channels, height, width = self.shape
        if channels not in (1, 3):
            raise DataError(f"pictures: got grey or colour, wanted stacks of {channels} channels")
        image = _image(picture)
        grey = np.asarray(image.convert("L"))
        image = image.convert("L" if channels == 1 else "RGB")
        other_size = (image.height, image.width) != (height, width)
        if other_size and self.ground != "any" and are_drawings(grey[None])[0]:
            return _stack(self._redrawn(image, grey))
        if other_size:
            image = _framed(image, (width, height), 0.0, 0)
        return np.asarray(self.align(_stack(np.asarray(image))[None])[0])

    def remark(self, picture: Pictures) -> str | None:
        """What makes an answer about a picture (rows, columns, channels) doubtful, in words."""
        if self.ground == "any":
            return None
        grey = np.asarray(_image(picture).convert("L"))
        if not are_drawings(grey[None])[0]:
            return "it is no drawing on a plain ground, as those were that the net learned from"
        light = bool(have_light_ground(grey[None])[0])
        return "there is no ink in it" if ink_box(255 - grey if light else grey) is None else None

    def align(self, pictures: Pictures) -> Pictures:
        """Pictures (N, C, H, W) of this size -> the same, drawings on the wrong ground inverted."""
        if self.ground == "any":
            return pictures
        aligned = pictures
        for start in range(0, len(pictures), _BLOCK):
            block = pictures[start : start + _BLOCK]
            greys = block[:, 0]
            wrong = have_light_ground(greys) != (self.ground == "light")
            wrong &= are_drawings(greys)
            if wrong.any():
                aligned = pictures.copy() if aligned is pictures else aligned
                aligned[start : start + _BLOCK][wrong] = 255 - block[wrong]
        return aligned

    def _redrawn(self, image: Image.Image, grey: Pictures) -> Pictures:
        """A drawing of another size at this one, on this ground."""
        _, height, width = self.shape
        light = bool(have_light_ground(grey[None])[0])
        box = ink_box(255 - grey if light else grey)
        paper = ground_level(grey)
        if box is None:
            pixels = np.zeros((height, width, len(image.getbands())), np.uint8)
        else:
            framed = _framed(image.crop(box), (width, height), self.margin, paper)
            pixels = np.asarray(framed)
            pixels = _full_ink(255 - pixels if light else pixels, 255 - paper if light else paper)
        return 255 - pixels if self.ground == "light" else pixels

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file."""
        return {**asdict(self), "shape": list(self.shape)}

    @classmethod
    def from_json(cls, value: object, shape: tuple[int, int, int]) -> Preparation:
        """The preparation that `to_json` wrote, for a network of this input shape."""
        if not isinstance(value, dict) or set(value) != {"shape", "ground", "margin"}:
            raise DataError(f"preparation: got {shown(value)}, wanted its shape, ground and margin")
        if value["shape"] != list(shape):
            raise DataError(f"preparation: got {shown(value['shape'])}, wanted {list(shape)}")
        try:
            return cls(shape, value["ground"], value["margin"])
        except LimitError as error:
            raise DataError(f"preparation: {error}") from None


def decide(pictures: Iterable[Pictures], size: tuple[int, int] | None, most: int) -> Preparation:
    """The preparation for pictures (rows, columns, channels) of any sizes, looked at one by one.

    ``size`` (rows, columns) if it is given, else their median size, its longer side at most
    ``most``. Grey if no picture has colour; a set of drawings if nearly all are.
    """
    looks = [_look(picture) for picture in pictures]
    height, width = size or _median_size(looks, most)
    channels = 3 if any(look.colour for look in looks) else 1
    drawings = [look for look in looks if look.drawing]
    if channels == 3 or len(drawings) < 0.9 * len(looks):
        return Preparation((channels, height, width), "any")
    light = sum(look.light for look in drawings)
    ground = "light" if 2 * light > len(drawings) else "dark"
    margin = min(0.45, round(float(np.median([look.free for look in drawings])), 3))
    return Preparation((channels, height, width), ground, margin)


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
    light = bool(have_light_ground(grey[None])[0])
    free = _free_share(255 - grey if light else grey)
    drawing = bool(are_drawings(grey[None])[0])
    height, width = grey.shape
    return _Look(height, width, _has_colour(picture), drawing, light, free)


def _image(picture: Pictures) -> Image.Image:
    return Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture)


def _has_colour(picture: Pictures) -> bool:
    if picture.shape[2] == 1:
        return False
    spread = picture.max(axis=2) - picture.min(axis=2)
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
