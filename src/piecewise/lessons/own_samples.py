"""A learner's own samples in the size of the small net: drawings; sounds and texts as drawings.

A sound is a drawing of its loudness: a row is a frequency band, a column a step in time. A text is
one of its words: a row is a word, a column a position, and ink is where the word stands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..core.array_types import Array, Bool, Labels
from ..core.errors import DataError
from ..data.audio.preprocessor import MAX_HOP, AudioPreprocessor
from ..data.dataset import Dataset, read_data
from ..data.images.preprocessor import ImagePreprocessor
from ..data.text.preprocessor import NGRAMS, UNKNOWN, TextPreprocessor
from ..data.xo import make_xo

SIDE = 9
MOST_DRAWINGS = 20
"""Drawings of a class that the lessons use."""
_LEAST_INK, _LEAST_TEXTS = 2, 2
"""Words that a text has in its drawing, and such texts of a class."""
_INK = 255


@dataclass(frozen=True)
class OwnSamples:
    """Drawings (N, C, 9, 9) of two classes.

    Attributes
    ----------
    data : Dataset, optional
        The drawings; None if those of the learner cannot be shown in this size.
    kind : str
        What the samples are: drawings, photos, sounds or texts.
    words : tuple of str
        The words of the rows, for texts.
    """

    data: Dataset | None
    kind: str
    words: tuple[str, ...] = ()


def own_samples(folder: Path) -> OwnSamples:
    """The samples of a data set. Of more than two classes, the first two are taken, and of each its
    first samples; DataError if there is one class only."""
    data = read_data(folder)
    fitted = data.preprocessor
    if isinstance(fitted, TextPreprocessor):
        return _texts(_two_classes(data, folder), fitted)
    if isinstance(fitted, AudioPreprocessor):
        hop = min(MAX_HOP, -(-fitted.frames * fitted.hop // SIDE))
        data = read_data(folder, replace(fitted, shape=(1, SIDE, SIDE), hop=hop))
        return OwnSamples(_first(_two_classes(data, folder)), "sounds")
    if isinstance(fitted, ImagePreprocessor) and fitted.background == "any":
        return OwnSamples(None, "photos")
    data = read_data(folder, size=(SIDE, SIDE))
    return OwnSamples(_first(_two_classes(data, folder)), "drawings")


def _two_classes(data: Dataset, folder: Path) -> Dataset:
    """The samples of the first two classes that have some, as 0 and 1; DataError."""
    counts = np.bincount(data.labels, minlength=len(data.classes))
    chosen = np.flatnonzero(counts)[:2]
    if len(chosen) < 2:
        raise DataError(f"{folder}: got examples of {len(chosen)} class, wanted two classes")
    is_chosen = np.isin(data.labels, chosen)
    labels = (data.labels[is_chosen] == chosen[1]).astype(np.int64)
    names = tuple(data.classes[at] for at in chosen.tolist())
    return _dataset(data.inputs[is_chosen], labels, names, data)


def _first(data: Dataset) -> Dataset:
    """The first samples of each class."""
    rows = np.concatenate([np.flatnonzero(data.labels == one)[:MOST_DRAWINGS] for one in (0, 1)])
    rows.sort()
    return _dataset(data.inputs[rows], data.labels[rows], data.classes, data)


def _dataset(inputs: Array, labels: Labels, classes: tuple[str, ...], data: Dataset) -> Dataset:
    return Dataset(inputs, labels, classes, np.full(len(labels), "train"), data.preprocessor)


def _texts(data: Dataset, fitted: TextPreprocessor) -> OwnSamples:
    """Texts of two classes as drawings, those that have two words or more in them."""
    if fitted.units == NGRAMS:  # they have no positions
        return OwnSamples(None, "texts")
    tokens = data.inputs[:, :SIDE]
    chosen = _telling_words(tokens, data.labels)
    drawings = np.zeros((len(tokens), 1, SIDE, SIDE), np.uint8)
    for row, word in enumerate(chosen):
        drawings[:, 0, row, : tokens.shape[1]] = _INK * (tokens == word)
    is_shown: Bool = (drawings > 0).sum(axis=(1, 2, 3)) >= _LEAST_INK
    if min(np.bincount(data.labels[is_shown], minlength=2)) < _LEAST_TEXTS:
        return OwnSamples(None, "texts")
    dark = make_xo(2, SIDE, 0).preprocessor
    shown = Dataset(drawings[is_shown], data.labels[is_shown], data.classes,
                    np.full(int(is_shown.sum()), "train"), dark)  # fmt: skip
    return OwnSamples(_first(shown), "texts", tuple(fitted.decode(np.array(chosen))))


def _telling_words(tokens: Array, labels: Labels) -> list[int]:
    """The words whose share of the texts differs most between both classes, the more frequent
    first."""
    words = [word for word in np.unique(tokens).tolist() if word > UNKNOWN]
    counts = [[int((tokens[labels == one] == word).any(axis=1).sum()) for one in (0, 1)]
              for word in words]  # fmt: skip
    sizes = np.bincount(labels, minlength=2).tolist()
    differences = [-abs(a * sizes[1] - b * sizes[0]) for a, b in counts]
    order = sorted(range(len(words)), key=lambda at: (differences[at], words[at]))
    return sorted(words[at] for at in order[:SIDE])
