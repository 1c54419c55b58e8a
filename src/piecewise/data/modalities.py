"""Modalities: images, sounds and texts, each with its file suffixes and its preprocessor."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from ..core.errors import DataError, shown
from .audio import decoding as sounds
from .audio.preprocessor import AudioPreprocessor, fit_audio_preprocessor
from .images import decoding as pictures
from .images.fitting import fit_image_preprocessor
from .images.preprocessor import ImagePreprocessor
from .preprocessing import Preprocessor
from .text import decoding as texts
from .text.preprocessor import TextPreprocessor, fit_text_preprocessor


class Modality(NamedTuple):
    """A kind of data: its file suffixes, its preprocessor, and the function that fits one to
    examples."""

    suffixes: tuple[str, ...]
    preprocessor: type[Preprocessor]
    fit_preprocessor: Callable[..., Preprocessor]
    sample_size: int = 500
    """The number of examples, at least, that a preprocessor is fitted to, if there are as many."""
    parallel_from_bytes: float = math.inf
    """The average file size in bytes from which several threads are faster. Small images, sounds
    and texts are mostly Python's work, which holds the global interpreter lock."""
    processes_from: int = 16_384
    """The number of files from which decoder processes are faster, though they have to start."""
    fits_to_labels: bool = False
    """Whether the function takes ``labels``, a list that has the label of each example when the
    last one is read."""


MODALITIES = {
    "pictures": Modality(
        pictures.SUFFIXES,
        ImagePreprocessor,
        fit_image_preprocessor,
        parallel_from_bytes=2_000,
        fits_to_labels=True,
    ),
    "sounds": Modality(
        sounds.SUFFIXES, AudioPreprocessor, fit_audio_preprocessor, processes_from=1_024
    ),
    "texts": Modality(
        texts.SUFFIXES, TextPreprocessor, fit_text_preprocessor, sample_size=1_000_000
    ),
}
"""By the name of the modality."""

MODALITY_OF_SUFFIX = {
    suffix: name for name, modality in MODALITIES.items() for suffix in modality.suffixes
}
"""The name of the modality by file suffix."""


def preprocessor_from_json(value: object, shape: tuple[int, int, int]) -> Preprocessor:
    """The preprocessor that `to_json` wrote, for a network of this input shape; DataError if the
    values are not valid."""
    modality = value.get("modality", "pictures") if isinstance(value, dict) else "pictures"
    if not isinstance(modality, str) or modality not in MODALITIES:
        wanted = ", ".join(MODALITIES)
        raise DataError(f"preprocessing: got {shown(modality)}, wanted one of {wanted}")
    return MODALITIES[modality].preprocessor.from_json(value, shape)
