"""A learner's own samples in the size of the small net: drawings; sounds and texts as drawings.

A sound is a drawing of its loudness: a row is a frequency band, a column a step in time. A text is
one of its words: a row is a word, a column a position, and ink is where the word stands.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..core.array_types import Array, Bool, Int64, Labels
from ..core.errors import DataError
from ..data.audio.preprocessor import MAX_HOP, AudioPreprocessor
from ..data.dataset import Dataset, read_data
from ..data.images.preprocessor import ImagePreprocessor
from ..data.text.preprocessor import NGRAMS, UNKNOWN, TextPreprocessor
from ..data.text.vocabulary import tokenize
from ..data.xo import make_xo

SIDE = 9
MOST_DRAWINGS = 20
"""Drawings of a class that the lessons use."""
_LEAST_INK, _LEAST_TEXTS = 2, 2
"""Words that a text has in its drawing, and such texts of a class."""
_INK = 255


@dataclass(frozen=True)
class WordRows:
    """How texts become drawings: their preprocessor, and the word of each row by its number."""

    preprocessor: TextPreprocessor
    tokens: tuple[int, ...]

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.preprocessor.decode(np.array(self.tokens)))

    def drawings(self, texts: Array) -> Array:
        """Texts (N, positions) as drawings (N, 1, 9, 9)."""
        tokens = texts[:, :SIDE]
        drawings = np.zeros((len(tokens), 1, SIDE, SIDE), np.uint8)
        for row, word in enumerate(self.tokens):
            drawings[:, 0, row, : tokens.shape[1]] = _INK * (tokens == word)
        return drawings


@dataclass(frozen=True)
class OwnSamples:
    """Drawings (N, C, 9, 9) of two classes.

    Attributes
    ----------
    data : Dataset, optional
        The drawings; None if those of the learner cannot be shown in this size.
    kind : str
        What the samples are: drawings, photos, sounds or texts.
    rows : WordRows, optional
        How the texts became drawings, if they are texts.
    """

    data: Dataset | None
    kind: str
    rows: WordRows | None = None
    tokens: tuple[tuple[str, ...], ...] = ()
    """The first words of each text, one for each column."""


def own_samples(folder: Path) -> OwnSamples:
    """The samples of a data set that are for learning. Of more than two classes, the first two are
    taken, and of each its first samples; DataError if there is one class only."""
    data = read_data(folder)
    fitted = data.preprocessor
    if isinstance(fitted, TextPreprocessor):
        return text_drawings(_two_classes(data, folder), fitted)
    kind = "sounds" if isinstance(fitted, AudioPreprocessor) else "drawings"
    if isinstance(fitted, ImagePreprocessor) and fitted.background == "any":
        return OwnSamples(None, "photos")
    return OwnSamples(_first(_two_classes(_small(data, folder), folder)), kind)


def all_samples(folder: Path) -> Dataset:
    """All samples for learning of the first two classes, in the size of the small net; texts as the
    numbers of their words. DataError."""
    return _two_classes(_small(read_data(folder), folder), folder)


def _small(data: Dataset, folder: Path) -> Dataset:
    """The same data set in the size of the small net; texts as they are."""
    fitted = data.preprocessor
    if isinstance(fitted, TextPreprocessor):
        return data
    if isinstance(fitted, AudioPreprocessor):
        return read_data(folder, small_spectrogram(fitted))
    return read_data(folder, size=(SIDE, SIDE))


def small_spectrogram(fitted: AudioPreprocessor) -> AudioPreprocessor:
    """A preprocessor for spectrograms in the size of the small net."""
    hop = min(MAX_HOP, -(-fitted.frames * fitted.hop // SIDE))
    return replace(fitted, shape=(1, SIDE, SIDE), hop=hop)


def _two_classes(data: Dataset, folder: Path) -> Dataset:
    """The samples of the first two classes that have some, as 0 and 1; DataError. Those that are
    kept for the test are left out: the nets of the lessons learn from all that are taken."""
    is_learned = data.splits != "test"
    counts = np.bincount(data.labels[is_learned], minlength=len(data.classes))
    chosen = np.flatnonzero(counts)[:2]
    if len(chosen) < 2:
        raise DataError(f"{folder}: got examples of {len(chosen)} class, wanted two classes")
    rows = np.flatnonzero(is_learned & np.isin(data.labels, chosen))
    found = _rows_of(data, rows)
    found.labels = (found.labels == chosen[1]).astype(np.int64)
    found.classes = tuple(data.classes[at] for at in chosen.tolist())
    return found


def _first(data: Dataset) -> Dataset:
    """The first samples of each class."""
    return _rows_of(data, _first_rows(data.labels))


def _first_rows(labels: Labels) -> Int64:
    rows = np.concatenate([np.flatnonzero(labels == one)[:MOST_DRAWINGS] for one in (0, 1)])
    return np.sort(rows)


def _rows_of(data: Dataset, rows: Int64) -> Dataset:
    """Some samples with their names and texts, all of them to learn from."""
    names, texts = (
        values and [values[row] for row in rows.tolist()] for values in (data.names, data.texts)
    )
    return Dataset(data.inputs[rows], data.labels[rows], data.classes,
                   np.full(len(rows), "train"), data.preprocessor, names=names or (),
                   texts=texts)  # fmt: skip


def text_drawings(data: Dataset, fitted: TextPreprocessor) -> OwnSamples:
    """Texts of two classes as drawings, those that have two words or more in them."""
    if fitted.units == NGRAMS:  # they have no positions
        return OwnSamples(None, "texts")
    rows = WordRows(fitted, tuple(_telling_words(data.inputs[:, :SIDE], data.labels)))
    drawings = rows.drawings(data.inputs)
    is_shown: Bool = (drawings > 0).sum(axis=(1, 2, 3)) >= _LEAST_INK
    chosen = np.flatnonzero(is_shown)
    if min(np.bincount(data.labels[chosen], minlength=2)) < _LEAST_TEXTS:
        return OwnSamples(None, "texts")
    chosen = chosen[_first_rows(data.labels[chosen])]
    shown = Dataset(drawings[chosen], data.labels[chosen], data.classes,
                    np.full(len(chosen), "train"), make_xo(2, SIDE, 0).preprocessor)  # fmt: skip
    texts = data.texts or ()
    words = tuple(tuple(tokenize(texts[row], fitted.units)[:SIDE]) for row in chosen.tolist())
    return OwnSamples(shown, "texts", rows, words)


def _telling_words(tokens: Array, labels: Labels) -> list[int]:
    """The words that tell both classes apart best, alone or with the word after them, the more
    frequent first: the share of the texts with this word, or with this pair, differs most."""
    sizes = np.bincount(labels, minlength=2).tolist()
    counts: dict[tuple[int, ...], list[int]] = defaultdict(lambda: [0, 0])
    for text, label in zip(tokens.tolist(), labels.tolist(), strict=True):
        for found in {(word,) for word in text} | set(pairwise(text)):
            counts[found][label] += 1
    differences: dict[int, int] = defaultdict(int)
    for words, (one, other) in counts.items():
        difference = abs(one * sizes[1] - other * sizes[0])
        for word in words:
            differences[word] = max(differences[word], difference)
    known = sorted(word for word in differences if word > UNKNOWN)
    return sorted(sorted(known, key=lambda word: -differences[word])[:SIDE])
