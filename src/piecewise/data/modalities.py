"""The kinds of things that nets learn from, each with its files and its preparation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from ..core.errors import DataError, shown
from .images import decoding as pictures
from .images.preprocessor import PicturePreparation, decide_pictures
from .preprocessing import Preparation
from .audio import decoding as sounds
from .audio.preprocessor import SoundPreparation, decide_sounds
from .text import decoding as texts
from .text.preprocessor import TextPreparation, decide_texts


class Medium(NamedTuple):
    """A kind of things: how the names of its files end, what prepares them, and what decides how,
    from some that were read."""

    suffixes: tuple[str, ...]
    preparation: type[Preparation]
    decide: Callable[..., Preparation]
    sample: int = 500
    """Examples, at least, that the decision looks at where there are more."""
    worth_sharing: float = math.inf
    """Bytes of a file, on average, from which on several threads gain: what is small, and sounds
    and texts, are mostly Python's work, which one thread at a time does."""


MEDIA = {
    "pictures": Medium(pictures.SUFFIXES, PicturePreparation, decide_pictures, worth_sharing=2_000),
    "sounds": Medium(sounds.SUFFIXES, SoundPreparation, decide_sounds),
    "texts": Medium(texts.SUFFIXES, TextPreparation, decide_texts, sample=1_000_000),
}
"""By the word for many of them."""

KIND_OF = {suffix: word for word, medium in MEDIA.items() for suffix in medium.suffixes}
"""The word by the end of a file's name."""


def preparation_from_json(value: object, shape: tuple[int, int, int]) -> Preparation:
    """The preparation that its `to_json` wrote, for a network of this input shape; DataError."""
    reads = value.get("reads", "pictures") if isinstance(value, dict) else "pictures"
    if not isinstance(reads, str) or reads not in MEDIA:
        raise DataError(f"preparation: got {shown(reads)}, wanted one of {', '.join(MEDIA)}")
    return MEDIA[reads].preparation.from_json(value, shape)
