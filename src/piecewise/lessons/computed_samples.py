"""Samples that are computed: sounds, sentences, and measurements whose columns have no order."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from math import pi

import numpy as np

from ..core.array_types import Labels, Uint8
from ..core.portable_math import sine_cosine
from ..core.rng import NOISE, derive_key, permutation, uniform

EACH = 40
"""Samples of a class."""
_RATE, _SECONDS = 8_000, 0.5
_WHO = ("we", "you", "they", "the children", "your friends", "the neighbours")
_VERBS = ("like", "see", "want", "know", "remember", "draw", "need", "sell")
_WHAT = ("apples", "the old house", "a blue bicycle", "music", "long stories", "the sea",
         "a small dog", "warm bread")  # fmt: skip
_SPREAD, _SHIFT = 0.7, 0.3
"""Of the measurements: how far they vary, and how far the means of both classes differ at most."""


def tones(each: int) -> Iterator[tuple[str, list[bytes]]]:
    """WAV files of tones that rise and tones that fall, by class."""
    chance = uniform(derive_key(0, NOISE, 2), 3 * each).reshape(each, 3).tolist()
    for label in ("rising", "falling"):
        yield label, [_tone(one, label == "rising") for one in chance]


def sentences(each: int) -> Iterator[tuple[str, list[str]]]:
    """Questions and statements, by class."""
    forms = {"question": "do {} {} {}", "statement": "{} {} {}"}
    for number, (label, form) in enumerate(forms.items()):
        texts = [form.format(who, verb, what) for who in _WHO for verb in _VERBS for what in _WHAT]
        chosen = permutation(derive_key(0, NOISE, 3 + number), len(texts))[:each].tolist()
        yield label, [texts[one] for one in chosen]


def measurements(count: int, side: int) -> tuple[Uint8, Labels]:
    """A table of measurements as pictures (count, 1, side, side), and its labels: each column
    depends on the class, none on another column."""
    labels, columns = np.arange(count) % 2, side * side
    chance = uniform(derive_key(0, NOISE, 5), count * columns).reshape(count, columns) - 0.5
    shift = _SHIFT * (uniform(derive_key(0, NOISE, 6), columns) - 0.5)
    values = 0.5 + _SPREAD * chance + np.where(labels[:, None], shift, -shift)
    return np.rint(255 * values.clip(0, 1)).astype(np.uint8).reshape(count, 1, side, side), labels


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
