"""How a picture becomes a network's input: decided once from the training pictures, then fixed.

The preparation belongs to the net and travels in its file; nothing else turns pictures into inputs.
It has two steps: `fit` brings a picture of any size to bytes of the net's size (whatever is read
goes through it), `scale` brings bytes to numbers (-1 ground, +1 ink).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import DataError, LimitError, shown
from ..limits import Choice, Number
from .grounds import are_drawings, have_light_ground, ink_box

Pictures = npt.NDArray[np.uint8]
Gathered = Sequence[Pictures] | Pictures
"""Pictures (rows, columns, channels): one array of them, or a list where their sizes differ."""

_GROUNDS = Choice(("dark", "light", "any"))
_MARGIN = Number(0.0, 0.45)
_SAMPLE = 500  # pictures that a decision looks at


@dataclass(frozen=True)
class Preparation:
    """What is done to every picture.

    ``shape``: channels (1 grey, 3 colour), rows, columns. ``ground``: what drawings stand on,
    "dark" or "light"; "any" for photos. ``margin``: the share of a side left free on each side
    when a drawing of another size is brought to this one; 0 for photos.
    """

    shape: tuple[int, int, int]
    ground: str = "dark"
    margin: float = 0.0

    def __post_init__(self) -> None:
        _GROUNDS.check(self.ground)
        _MARGIN.check(self.margin)

    def scale(self, pictures: Pictures) -> npt.NDArray[np.float32]:
        """Bytes (..., C, H, W) -> numbers from -1 to 1 of the same shape; ink is +1."""
        levels = (2 * np.arange(256, dtype=np.float32) - 255) / np.float32(255)
        if self.ground == "light":
            levels = -levels
        return levels[pictures]

    def fit(self, picture: Pictures) -> Pictures:
        """A picture (rows, columns, channels) of any size -> (C, H, W) of this preparation's.

        A drawing of another size: its ink is cut out, enlarged or shrunk to leave the margin, and
        made full where shrinking made it faint. A photo is fitted whole into the frame; what is
        left of the frame stays black. Then as `align`.
        """
        channels, height, width = self.shape
        image = _image(picture)
        grey = np.asarray(image.convert("L"))
        image = image.convert("L" if channels == 1 else "RGB")
        if (image.height, image.width) != (height, width):
            image = self._resized(image, grey)
        stack = np.asarray(image).reshape(height, width, channels).transpose(2, 0, 1)
        return np.asarray(self.align(stack[None])[0])

    def align(self, pictures: Pictures) -> Pictures:
        """Pictures (N, C, H, W) of this size -> the same, drawings on the wrong ground inverted."""
        if self.ground == "any":
            return pictures
        greys = pictures[:, 0]
        wrong = have_light_ground(greys) != (self.ground == "light")
        wrong &= are_drawings(greys)
        if not wrong.any():
            return pictures
        return np.where(wrong[:, None, None, None], 255 - pictures, pictures)

    def _resized(self, image: Image.Image, grey: Pictures) -> Image.Image:
        _, height, width = self.shape
        if self.ground == "any" or not are_drawings(grey[None])[0]:
            return _framed(image, (width, height), 0.0, 0)
        light = bool(have_light_ground(grey[None])[0])
        image = image.crop(ink_box(255 - grey if light else grey))
        image = _framed(image, (width, height), self.margin, 255 if light else 0)
        return Image.fromarray(_full_ink(np.asarray(image), light))

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


def decide(pictures: Gathered, size: tuple[int, int] | None, most: int) -> Preparation:
    """The preparation for a set of pictures (rows, columns, channels) of any sizes.

    ``size`` (rows, columns) if it is given, else their median size, its longer side at most
    ``most``. Grey if no picture has colour; a set of drawings if nearly all are.
    """
    height, width = size or _median_size(pictures, most)
    sample = pictures[:: max(1, len(pictures) // _SAMPLE)]
    channels = 3 if any(_has_colour(picture) for picture in sample) else 1
    greys = [np.asarray(_image(picture).convert("L")) for picture in sample]
    drawings = [grey for grey in greys if are_drawings(grey[None])[0]]
    if channels == 3 or len(drawings) < 0.9 * len(greys):
        return Preparation((channels, height, width), "any")
    light = [bool(have_light_ground(grey[None])[0]) for grey in drawings]
    ground = "light" if 2 * sum(light) > len(light) else "dark"
    inks = [255 - grey if pale else grey for grey, pale in zip(drawings, light, strict=True)]
    margin = min(0.45, round(float(np.median([_free_share(ink) for ink in inks])), 3))
    return Preparation((channels, height, width), ground, margin)


def _image(picture: Pictures) -> Image.Image:
    return Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture)


def _has_colour(picture: Pictures) -> bool:
    if picture.shape[2] == 1:
        return False
    spread = picture.max(axis=2) - picture.min(axis=2)
    return bool((spread > 24).mean() > 0.005)  # a few tinted pixels are a scanner's


def _median_size(pictures: Gathered, most: int) -> tuple[int, int]:
    height = float(np.median([picture.shape[0] for picture in pictures]))
    width = float(np.median([picture.shape[1] for picture in pictures]))
    shrink = min(1.0, most / max(height, width))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


def _free_share(ink: Pictures) -> float:
    """The share of a side that is free on each side of the ink, along its longer extent."""
    left, top, right, bottom = ink_box(ink)
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


def _full_ink(pixels: Pictures, light: bool) -> Pictures:
    """Ink that shrinking made faint, made full again: its strongest pixel becomes the strongest."""
    ink = (255 - pixels if light else pixels).astype(np.int64)
    full = (ink * 255 // max(1, int(ink.max()))).astype(np.uint8)
    return 255 - full if light else full
