"""Samples that are computed: sounds, sentences, and measurements whose columns have no order."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from itertools import count, islice
from math import pi

import numpy as np

from ..core.array_types import Labels, Uint8
from ..core.portable_math import sine_cosine
from ..core.rng import NOISE, Key, derive_key, fold_in, permutation, uniform

EACH = 40
"""Samples of a class."""
_RATE, _SECONDS = 8_000, 0.6
_GLIDES, _LENGTH = 5, (0.175, 0.3)
"""Of a sound: how many glides it has at most, and how long the shortest and the longest take, in
seconds."""
_NUMBERS = 2 * _GLIDES + 1
_NAMES = ("anna", "ben", "carla", "david", "ella", "finn", "greta", "hugo")
_MOST_NAMES = 6
"""Of a sentence, which begins with the names of the people whom it addresses."""
_VERBS = ("see", "find", "buy", "draw")
_WHAT = ("apples", "bread", "shells", "boats")
_SPREAD, _SHIFT = 0.7, 0.3
"""Of the measurements: how far they vary, and how far the means of both classes differ at most."""


def tones(each: int) -> Iterator[tuple[str, list[bytes]]]:
    """WAV files of sounds whose tones all rise and of sounds whose tones all fall, by class. The
    tones begin at any pitch and at any time, so that only their direction tells the classes
    apart."""
    chance = uniform(derive_key(0, NOISE, 2), 2 * each * _NUMBERS).reshape(2, each, _NUMBERS)
    for label, some in zip(("rising", "falling"), chance.tolist(), strict=True):
        yield label, [_sound(one, label == "rising") for one in some]


def sentences(each: int) -> Iterator[tuple[str, list[str]]]:
    """Questions and statements, by class. Both have the same words, and address up to six people
    first; only the order of "can" and "you" tells them apart."""
    for number, (label, words) in enumerate((("question", "can you"), ("statement", "you can"))):
        texts = (_sentence(words, derive_key(0, NOISE, 3 + number, at)) for at in count())
        different = dict.fromkeys(islice(texts, 2 * each))
        yield label, list(different)[:each]


def _sentence(words: str, key: Key) -> str:
    sizes = _MOST_NAMES + 1, len(_VERBS), len(_WHAT)
    chance = uniform(key, len(sizes)).tolist()
    names, verb, what = (int(one * size) for one, size in zip(chance, sizes, strict=True))
    order = permutation(fold_in(key, 1), len(_NAMES))[:names].tolist()
    return " ".join([*(_NAMES[at] for at in order), words, _VERBS[verb], _WHAT[what]])


def measurements(rows: int, side: int) -> tuple[Uint8, Labels]:
    """A table of measurements as pictures (rows, 1, side, side), and its labels: each column
    depends on the class, none on another column."""
    labels, columns = np.arange(rows) % 2, side * side
    chance = uniform(derive_key(0, NOISE, 5), rows * columns).reshape(rows, columns) - 0.5
    shift = _SHIFT * (uniform(derive_key(0, NOISE, 6), columns) - 0.5)
    values = 0.5 + _SPREAD * chance + np.where(labels[:, None], shift, -shift)
    return np.rint(255 * values.clip(0, 1)).astype(np.uint8).reshape(rows, 1, side, side), labels


def _sound(chance: list[float], is_rising: bool) -> bytes:
    """A WAV file of tones that follow each other; each rises to about two and a half times its
    pitch, or falls from there. Numbers from 0 to 1 give the lengths and the pitches."""
    lengths = [_LENGTH[0] + (_LENGTH[1] - _LENGTH[0]) * one for one in chance[:_GLIDES]]
    before = chance[-1] * lengths[0]
    """How much of the first tone is over when the sound begins."""
    samples = np.arange(int(_RATE * _SECONDS)) / _RATE + before
    ends = np.add.accumulate(np.array(lengths))
    number = np.minimum(np.searchsorted(ends, samples, side="right"), _GLIDES - 1)
    share = 1 - (ends[number] - samples) / np.array(lengths)[number]
    low = 300 + 400 * np.array(chance[_GLIDES : 2 * _GLIDES])[number]
    pitch = low * (1 + 1.5 * (share if is_rising else 1 - share))
    turns = np.add.accumulate(pitch) / _RATE
    sine, _ = sine_cosine(2 * pi * (turns % 1))
    seconds = samples - before
    fading = np.minimum(1, 20 * np.minimum(seconds, _SECONDS - seconds))
    return _wav(np.rint(12_000 * fading * sine).astype("<i2").tobytes())


def _wav(samples: bytes) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(samples)
    return content.getvalue()
