"""The columns of drawings, sounds and texts in another order, and the answers of nets to them.

A learner has samples of one kind. For the other kinds, a learner with computed samples takes its
place.
"""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache

import numpy as np

from ..core.array_types import Array, Float32, Labels
from ..data.audio.decoding import Sound, read_sound
from ..data.audio.preprocessor import AudioPreprocessor, fit_audio_preprocessor, resample
from ..data.dataset import Dataset
from ..data.text.preprocessor import fit_text_preprocessor
from .computed_samples import EACH, sentences, tones
from .learner import Learner, LearnerDrawing, generated_learner
from .own_samples import MOST_DRAWINGS, small_spectrogram, text_drawings

DRAWINGS, SOUNDS, TEXTS = "drawings", "sounds", "texts"
COMPUTED = {
    DRAWINGS: "generated",
    SOUNDS: "computed tones that rise or fall",
    TEXTS: "computed questions and statements",
}
"""What the samples are that no learner made."""
_FITTED = 4
"""Sounds to which their preprocessor is fitted."""
_APART = 3
"""How far apart columns were that become neighbours."""


def new_order(columns: int) -> list[int]:
    """The other order of columns, counted from 0: every third one from the first, from the second
    and from the third. Columns that were neighbours are too far apart for a kernel of 3x3."""
    return [at for first in range(_APART) for at in range(first, columns, _APART)]


def shuffled_drawing(drawing: LearnerDrawing) -> LearnerDrawing:
    """A drawing with its columns in the other order."""
    return replace(drawing, pixels=_shuffled(drawing.pixels))


def _shuffled(pixels: Array) -> Array:
    return np.ascontiguousarray(pixels[..., new_order(pixels.shape[-1])])


def kind_of(learner: Learner) -> str:
    """The kind of the learner's samples: drawings, sounds or texts."""
    if learner.words:
        return TEXTS
    return SOUNDS if isinstance(learner.data.preprocessor, AudioPreprocessor) else DRAWINGS


def learner_of(learner: Learner, kind: str) -> Learner:
    """The learner, or one with computed samples of this kind."""
    return learner if kind_of(learner) == kind else _computed(kind)


@cache
def _computed(kind: str) -> Learner:
    made = {DRAWINGS: generated_learner, SOUNDS: _with_tones, TEXTS: _with_sentences}
    return made[kind]()


def source(learner: Learner, kind: str) -> str:
    """Where the samples of a kind come from."""
    return "your own" if kind_of(learner) == kind else COMPUTED[kind]


def right_answers(learner: Learner, *, is_shuffled: bool) -> int:
    """The samples that the small net gives their class, with the columns in order or in the
    other one."""
    inputs = learner.data.inputs
    answers = learner.small.logits(_shuffled(inputs) if is_shuffled else inputs).argmax(axis=1)
    return int((answers == learner.data.labels).sum())


@cache
def tone_sounds() -> tuple[Sound, ...]:
    """The computed sounds of their learner, by class."""
    return _tone_sounds(MOST_DRAWINGS)


def _tone_sounds(each: int) -> tuple[Sound, ...]:
    return tuple(read_sound(io.BytesIO(one)) for _, files in tones(each) for one in files)


def tone_data(each: int) -> Dataset:
    """Spectrograms of computed sounds, so many of each class. All of them take the same time, so
    the preprocessor is fitted to the first ones."""
    sounds = _tone_sounds(each)
    preprocessor = small_spectrogram(fit_audio_preprocessor(sounds[:_FITTED]))
    inputs = np.stack([preprocessor.transform(sound) for sound in sounds])
    names = tuple(label for label, _ in tones(1))
    splits = np.full(len(sounds), "train")
    return Dataset(inputs, _labels(names, each), names, splits, preprocessor)


def _with_tones() -> Learner:
    return Learner("computed sounds", tone_data(MOST_DRAWINGS))


def sentence_data(each: int) -> Dataset:
    """Computed sentences, so many of each class, as the numbers of their words."""
    named = dict(sentences(each))
    texts = [text for some in named.values() for text in some]
    preprocessor = fit_text_preprocessor(texts)
    inputs = np.stack([preprocessor.transform(text) for text in texts])
    splits = np.full(len(texts), "train")
    labels = _labels(tuple(named), each)
    return Dataset(inputs, labels, tuple(named), splits, preprocessor, texts=texts)


def _with_sentences() -> Learner:
    data = sentence_data(EACH)
    own = text_drawings(data, fit_text_preprocessor(data.texts or ()))
    assert own.data is not None
    return Learner("computed texts", own.data, None, own.rows, own.tokens)


def _labels(classes: tuple[str, ...], each: int) -> Labels:
    return np.repeat(np.arange(len(classes)), each)


def sound_in_order(sound: Sound, preprocessor: AudioPreprocessor, *, is_shuffled: bool) -> Sound:
    """The part of a sound that its drawing shows, a piece for each column, in order or in the
    other one."""
    hop, columns = preprocessor.hop, preprocessor.frames
    samples = resample(sound, preprocessor.rate)
    first = preprocessor.first_step(sound) * hop - hop // 2  # a step is centred on its sample
    pieces = np.zeros(columns * hop, np.float32)
    start, end = max(first, 0), min(first + len(pieces), len(samples))
    if start < end:
        pieces[start - first : end - first] = samples[start:end]
    order = new_order(columns) if is_shuffled else list(range(columns))
    ordered: Float32 = pieces.reshape(columns, hop)[order].ravel()
    return Sound(ordered, preprocessor.rate)


def words_in_order(words: tuple[str, ...], columns: int, *, is_shuffled: bool) -> list[str]:
    """The words of a text, in order or in the other order of their columns."""
    order = new_order(columns) if is_shuffled else range(columns)
    return [words[at] for at in order if at < len(words)]
