"""Inputs as images and sounds for a page, as data URLs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.audio.decoding import Sound
from ..display.images import data_address, png
from ..insight.attribution.patches import wav_bytes
from ..insight.robustness.literal_matching import as_bytes

MAX_SAMPLES = 160_000
"""Longer sounds are left out of a page: ten seconds at 16,000 samples a second."""
MAX_SIDE = 512
"""The largest side of an image in pixels. A larger image is subsampled: every second row and column
is kept, or every third, and so on."""


def pixels_of(example: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The pixels of an input (C, H, W) of bytes or of numbers from -1 to 1: (H, W, 3) if it has
    three channels, else the first channel (H, W)."""
    pixels = example if example.dtype == np.uint8 else as_bytes(example)
    shown = np.moveaxis(pixels, 0, 2) if len(pixels) == 3 else pixels[0]
    return np.ascontiguousarray(shown)


def image_url(example: npt.NDArray[Any]) -> str:
    """An input (C, H, W) as the data URL of an image."""
    step = -(-max(example.shape[1:]) // MAX_SIDE)
    return data_address(png(pixels_of(example[:, ::step, ::step])))


def sound_url(original: Any) -> str | None:
    """A sound as a data URL; None for other inputs and for sounds longer than MAX_SAMPLES."""
    if not isinstance(original, Sound) or len(original.samples) > MAX_SAMPLES:
        return None
    return data_address(wav_bytes(original), "audio/wav")
