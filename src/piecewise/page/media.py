"""Inputs as pictures and sounds that a page holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.audio.decoding import Sound
from ..display.images import data_address, png
from ..insight.attribution.patches import wav_bytes
from ..insight.robustness.literal_matching import as_bytes

LONGEST_SOUND = 160_000
"""Samples that a page has room for: ten seconds at 16,000 a second."""
LONGEST_SIDE = 512
"""Of the picture of an input, in pixels. A larger picture loses rows and columns: every second one
stays, or every third, and so on."""


def pixels_of(example: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """An input (C, H, W), bytes or numbers from -1 to 1, as pixels: (H, W, 3) of three channels,
    else the first one (H, W)."""
    pixels = example if example.dtype == np.uint8 else as_bytes(example)
    shown = np.moveaxis(pixels, 0, 2) if len(pixels) == 3 else pixels[0]
    return np.ascontiguousarray(shown)


def picture_address(example: npt.NDArray[Any]) -> str:
    """An input (C, H, W) as the address of a picture."""
    step = -(-max(example.shape[1:]) // LONGEST_SIDE)
    return data_address(png(pixels_of(example[:, ::step, ::step])))


def sound_address(original: Any) -> str | None:
    """A recording as the address of a sound; None of anything else, and if it is too long."""
    if not isinstance(original, Sound) or len(original.samples) > LONGEST_SOUND:
        return None
    return data_address(wav_bytes(original), "audio/wav")
