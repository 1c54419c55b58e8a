"""Examples that fill an empty project: drawn letters, computed sounds and simple sentences."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Iterator
from math import pi

import numpy as np
from PIL import Image

from ..core.portable_math import sine_cosine
from ..core.rng import NOISE, derive_key, permutation, uniform
from ..data.xo import XOVariation, make_xo
from .imports import folder_of
from .moves import counted
from .project import Project
from .strokes import SIDE
from .uploads import Upload

EACH = 40
"""Samples of a class."""
_RATE, _SECONDS = 8_000, 0.5
_WHO = ("we", "you", "they", "the children", "your friends", "the neighbours")
_VERBS = ("like", "see", "want", "know", "remember", "draw", "need", "sell")
_WHAT = ("apples", "the old house", "a blue bicycle", "music", "long stories", "the sea",
         "a small dog", "warm bread")  # fmt: skip


Samples = Iterator[tuple[str, list[Upload]]]
"""The classes of an example, with their files."""


def add_example(project: Project, name: str) -> None:
    """Add the samples of an example, as one change; ``name`` is a key of `EXAMPLES`."""
    add_samples(project, EXAMPLES[name]())


def add_samples(project: Project, samples: Samples) -> None:
    """Add samples for learning, as one change."""
    with project.incoming() as incoming:
        for label, uploads in samples:
            project.write(incoming, folder_of(project, label, incoming), "train", uploads)
        project.take_in(incoming, counted("added", incoming.count))


def letters(each: int = EACH, seed: int = 0) -> Samples:
    """Drawings of X and O."""
    data = make_xo(2 * each, SIDE, seed, XOVariation(stroke_width=1.3, noise=0.0))
    for number, label in enumerate(data.classes):
        pictures = 255 - data.inputs[data.labels == number, 0]
        yield label, [Upload("", ".png", _png(one)) for one in pictures]


def _sounds() -> Samples:
    """Tones that rise and tones that fall."""
    chance = uniform(derive_key(0, NOISE, 2), 3 * EACH).reshape(EACH, 3).tolist()
    for label in ("rising", "falling"):
        yield label, [Upload("", ".wav", _tone(one, label == "rising")) for one in chance]


def _texts() -> Samples:
    """Questions and statements."""
    forms = {"question": "do {} {} {}", "statement": "{} {} {}"}
    for number, (label, form) in enumerate(forms.items()):
        texts = [form.format(who, verb, what) for who in _WHO for verb in _VERBS for what in _WHAT]
        chosen = permutation(derive_key(0, NOISE, 3 + number), len(texts))[:EACH].tolist()
        yield label, [Upload("", ".txt", texts[one].encode()) for one in chosen]


EXAMPLES: dict[str, Callable[[], Samples]] = {
    "letters": letters,
    "sounds": _sounds,
    "texts": _texts,
}
"""The samples of each example."""


def _png(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG")
    return content.getvalue()


def _tone(chance: list[float], is_rising: bool) -> bytes:
    """A WAV file of a tone whose pitch changes by about an octave. Its pitch, the change and the
    loudness come from three numbers from 0 to 1."""
    pitch, change, loudness = chance
    low = 250 + 450 * pitch
    begin, end = low, low * (1.7 + 0.6 * change)
    if not is_rising:
        begin, end = end, begin
    seconds = np.arange(int(_RATE * _SECONDS)) / _RATE
    turns = begin * seconds + (end - begin) * seconds**2 / (2 * _SECONDS)
    sine, _ = sine_cosine(2 * pi * (turns % 1))
    fading = np.minimum(1, 20 * np.minimum(seconds, _SECONDS - seconds))
    samples = np.rint((6_000 + 14_000 * loudness) * fading * sine).astype("<i2")
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(samples.tobytes())
    return content.getvalue()
