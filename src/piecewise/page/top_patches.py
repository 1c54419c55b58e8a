"""What features look for, as a page shows it: patches as pictures, words, or something to hear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.audio.decoding import Sound
from ..data.audio.preprocessor import AudioPreprocessor
from ..data.dataset import Dataset
from ..display.images import data_address, png
from ..insight.attribution.patches import Originals, PatchMatch, TopPatches, excerpt, wav_bytes
from ..network import Network
from .media import pixels_of

MOST_BYTES = 700_000
"""Of pictures and sounds in a page."""


def looks_data(
    net: Network,
    looks: Sequence[TopPatches],
    data: Dataset | None = None,
    place: Path | None = None,
) -> list[dict[str, Any]]:
    """Plain values for a page. Sounds can be heard where ``data`` was read from ``place``, those of
    the first features, as far as a page has room."""
    heard = (
        isinstance(net.preprocessor, AudioPreprocessor) and data is not None and place is not None
    )
    originals = Originals(data, place) if heard and data and place else None
    index = np.flatnonzero(data.splits == "train") if data is not None else None
    room = MOST_BYTES

    def match(one: PatchMatch) -> dict[str, Any]:
        nonlocal room
        picture, sound = _picture(one), None
        if originals is not None and index is not None and room > 0:
            sound = _sound(net, originals[int(index[one.example])], one)
        room -= len(picture or "") + len(sound or "")
        words = f"{one.name}: {one.told}"
        plain = {"value": one.value, "words": words, "picture": picture, "sound": sound}
        return plain if one.patch.ndim == 3 else {**plain, "words": one.told, "title": one.name}

    return [
        {
            "layer": one.layer,
            "feature": one.feature,
            "best": [match(found) for found in one.best],
            "worst": [match(found) for found in one.worst],
        }
        for one in looks
    ]


def _picture(match: PatchMatch) -> str | None:
    """A patch as a picture; texts have none."""
    if match.patch.ndim != 3 or not match.patch.size:
        return None
    return data_address(png(pixels_of(match.patch)))


def _sound(net: Network, sound: Sound, match: PatchMatch) -> str:
    preprocessor = net.preprocessor
    assert isinstance(preprocessor, AudioPreprocessor)
    return data_address(wav_bytes(excerpt(sound, preprocessor, match.field)), "audio/wav")
