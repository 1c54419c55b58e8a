"""The kinds of things that nets learn from, each with its files and its preparation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from ..core.errors import DataError, shown
from .audio import decoding as sounds
from .audio.preprocessor import AudioPreprocessor, fit_audio_preprocessor
from .images import decoding as pictures
from .images.preprocessor import ImagePreprocessor, fit_image_preprocessor
from .preprocessing import Preprocessor
from .text import decoding as texts
from .text.preprocessor import TextPreprocessor, fit_text_preprocessor


class Modality(NamedTuple):
    """A kind of things: how the names of its files end, what prepares them, and what decides how,
    from some that were read."""

    suffixes: tuple[str, ...]
    preprocessor: type[Preprocessor]
    fit_preprocessor: Callable[..., Preprocessor]
    sample_size: int = 500
    """Examples, at least, that the decision looks at where there are more."""
    parallel_from_bytes: float = math.inf
    """Bytes of a file, on average, from which on several threads gain: what is small, and sounds
    and texts, are mostly Python's work, which one thread at a time does."""


MODALITIES = {
    "pictures": Modality(
        pictures.SUFFIXES, ImagePreprocessor, fit_image_preprocessor, parallel_from_bytes=2_000
    ),
    "sounds": Modality(sounds.SUFFIXES, AudioPreprocessor, fit_audio_preprocessor),
    "texts": Modality(
        texts.SUFFIXES, TextPreprocessor, fit_text_preprocessor, sample_size=1_000_000
    ),
}
"""By the word for many of them."""

MODALITY_OF_SUFFIX = {
    suffix: word for word, medium in MODALITIES.items() for suffix in medium.suffixes
}
"""The word by the end of a file's name."""


def preprocessor_from_json(value: object, shape: tuple[int, int, int]) -> Preprocessor:
    """The preparation that its `to_json` wrote, for a network of this input shape; DataError."""
    reads = value.get("modality", "pictures") if isinstance(value, dict) else "pictures"
    if not isinstance(reads, str) or reads not in MODALITIES:
        raise DataError(f"preparation: got {shown(reads)}, wanted one of {', '.join(MODALITIES)}")
    return MODALITIES[reads].preprocessor.from_json(value, shape)
