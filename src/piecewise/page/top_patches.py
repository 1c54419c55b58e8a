"""The top patches of features as data for a page: images, texts and sounds."""

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

MAX_BYTES = 700_000
"""The largest size of all images and sounds of this section."""


def top_patches_data(
    net: Network,
    features: Sequence[TopPatches],
    data: Dataset | None = None,
    path: Path | None = None,
) -> list[dict[str, Any]]:
    """The top patches of ``features`` as plain values for a page.

    If ``data`` are sounds that were read from ``path``, the patches of the first features get
    sounds, up to MAX_BYTES.
    """
    has_sounds = (
        isinstance(net.preprocessor, AudioPreprocessor) and data is not None and path is not None
    )
    originals = Originals(data, path) if has_sounds and data and path else None
    train_indices = np.flatnonzero(data.splits == "train") if data is not None else None
    bytes_left = MAX_BYTES

    def plain(match: PatchMatch) -> dict[str, Any]:
        nonlocal bytes_left
        image, sound = _image(match), None
        if originals is not None and train_indices is not None and bytes_left > 0:
            sound = sound_of_patch(net, originals[int(train_indices[match.index])], match)
        bytes_left -= len(image or "") + len(sound or "")
        values = {"value": match.value, "image": image, "sound": sound}
        if match.patch.ndim == 3:
            return {**values, "description": f"{match.name}: {match.description}"}
        return {**values, "description": match.description, "title": match.name}

    return [
        {
            "layer": feature.layer,
            "map": feature.feature,
            "best": [plain(match) for match in feature.best],
            "worst": [plain(match) for match in feature.worst],
        }
        for feature in features
    ]


def _image(match: PatchMatch) -> str | None:
    """A patch as an image; None for texts."""
    if match.patch.ndim != 3 or not match.patch.size:
        return None
    return data_address(png(pixels_of(match.patch)))


def sound_of_patch(net: Network, sound: Sound, match: PatchMatch) -> str:
    """The half second of a sound around a patch, as the address of a WAV file."""
    preprocessor = net.preprocessor
    assert isinstance(preprocessor, AudioPreprocessor)
    return data_address(wav_bytes(excerpt(sound, preprocessor, match.field)), "audio/wav")
