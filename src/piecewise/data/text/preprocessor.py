"""Text preprocessing: a text becomes the vocabulary indices of its first words, letters or n-grams.

Index 0 is padding, after a shorter text; index 1 stands for any word or letter that is not in the
vocabulary. Unknown n-grams are left out. The vocabulary is fitted to the training texts once and
then fixed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from ...core.array_types import Float32, Int64, Uint8
from ...core.constraints import MAX_VALUES, Choice, Integer
from ...core.errors import DataError, LimitError, shown
from ...spec.architecture import input_shape
from ...spec.layer_base import PADDING
from ..preprocessing import Preprocessor
from .decoding import has_lone_surrogate, normalize_nfc, read_text
from .ngrams import START, NgramLookup, count_ngrams, most_common_ngrams, ngrams
from .vocabulary import MAX_WORD_LENGTH, choose_units, most_frequent, tokenize

NGRAMS = "n-grams"
UNITS = ("words", "letters", NGRAMS)

MAX_WORDS = 50_000
"""Entries of a vocabulary."""
MAX_POSITIONS = 4_096
"""Words, letters or n-grams that are read of a text."""
MAX_BYTES = 1 << 30
"""Of the one-hot images of texts made at a time."""

_MAX_NGRAM_LENGTH = 3 * MAX_WORD_LENGTH + 2  # three words with spaces

UNKNOWN = 1
_IMPLICIT = 2  # indices before the vocabulary: padding and unknown
_MAX_FITTED = {"words": 128, "letters": 400}  # positions
_MAX_FITTED_IN_ALL = 1 << 26  # positions of n-grams of all texts, 512 MB
_STEP = 8  # positions are a multiple of it, so that pooling can halve them

_UNITS = Choice(UNITS)
POSITIONS = Integer(1, MAX_POSITIONS)


@dataclass(frozen=True)
class TextPreprocessor(Preprocessor):
    """Preprocessing of texts into network inputs, int64 vocabulary indices (positions,).

    Parameters
    ----------
    units : {"words", "letters", "n-grams"}
        How a text is tokenized. N-grams are words, sequences of words and parts of words, each once
        (`data/text/ngrams.py`).
    vocabulary : tuple of str
        The known words, letters or n-grams. Entry i has the index i + 2; 0 is padding, 1 is an
        unknown word or letter.
    positions : int
        The number of words, letters or known n-grams that are read from the start of a text.

    Raises
    ------
    LimitError
        If the vocabulary has an invalid entry or too many, or there are more than 4,096 positions.

    Examples
    --------
    >>> import piecewise as pw
    >>> preprocessor = pw.TextPreprocessor("words", ("good", "bad"), 4)
    >>> preprocessor.transform("A bad idea").tolist()
    [1, 3, 1, 0]
    """

    units: str
    vocabulary: tuple[str, ...]
    positions: int

    modality: ClassVar[str] = "texts"
    unit: ClassVar[str] = "words"
    background: ClassVar[str] = "any"
    """Texts have no background."""
    required: ClassVar[tuple[str, ...]] = ("units", "vocabulary", "positions")

    def __post_init__(self) -> None:
        _UNITS.check(self.units)
        object.__setattr__(self, "positions", POSITIONS.check(self.positions))
        object.__setattr__(self, "vocabulary", _checked(self.vocabulary, self.units))
        input_shape(self.shape)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(1, vocabulary size with padding and unknown, positions)."""
        return 1, len(self.vocabulary) + _IMPLICIT, self.positions

    @property
    def example_shape(self) -> tuple[int, ...]:
        return (self.positions,)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.int64)

    @property
    def scaling(self) -> Float32:
        return np.array([1, 0, 1], np.float32)

    @property
    def description(self) -> str:
        """A one-line description of the preprocessing."""
        return (
            f"texts in {self.units}: a vocabulary of {len(self.vocabulary):,}, the first "
            f"{self.positions} of each text"
        )

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {unit: index for index, unit in enumerate(self.vocabulary, _IMPLICIT)}

    @cached_property
    def _ngrams(self) -> NgramLookup:
        return NgramLookup(self._indices)

    def _tokens(self, text: str) -> list[int]:
        """The vocabulary index of every token of a text."""
        if self.units == NGRAMS:
            return self._ngrams.indices(text)
        known = self._indices
        return [known.get(unit, UNKNOWN) for unit in tokenize(text, self.units)]

    @staticmethod
    def read(file: Path | bytes | IO[bytes], name: str | None = None) -> str:
        """The text of a file, as `read_text` reads it."""
        return read_text(file, name)

    @staticmethod
    def size(text: str) -> tuple[float, float]:
        return 1, len(text.split())

    def transform(self, text: str) -> Int64:
        """Preprocess one text.

        Parameters
        ----------
        text : str
            A text of any length.

        Returns
        -------
        int64 array (positions,)
            The vocabulary index of each word, letter or known n-gram.
        """
        numbers = np.full(self.positions, PADDING, np.int64)
        indices = self._tokens(text)[: self.positions]
        numbers[: len(indices)] = indices
        return numbers

    def is_cut(self, text: str) -> bool:
        """Whether a text has more words, letters or known n-grams than are read of it."""
        return len(self._tokens(text)) > self.positions

    def decode(self, numbers: Int64, text: str | None = None) -> list[str]:
        """The word, letter or n-gram of each index (positions,): "?" if it is unknown, "" for
        padding. With the original ``text``, unknown words are shown as they stand there."""
        is_read = text is not None and self.units != NGRAMS
        units = tokenize(text or "", self.units)[: self.positions] if is_read else []
        names = ("", "?", *self.vocabulary)
        return [
            units[position] if number == UNKNOWN and position < len(units) else names[number]
            for position, number in enumerate(numbers.tolist())
        ]

    def warning(self, text: str) -> str | None:
        """Why a prediction for a text is doubtful; None if it is not."""
        indices = self._tokens(text)
        if not indices and not ngrams(text):
            return "there is no text in it"
        if not set(indices[: self.positions]) - {UNKNOWN, self._indices.get(START)}:
            return f"none of its {self.units} is one that the net has learned"
        if len(indices) > self.positions:
            return f"only its first {self.positions} {self.units} are read"
        return None

    def one_hot(self, numbers: Int64) -> Uint8:
        """Indices (N, positions) as one-hot images (N, 1, words, positions), the deck's picture of
        a text: a row for each word of the vocabulary, a column for each position."""
        _, words, positions = self.shape
        if numbers.ndim != 2 or numbers.shape[1] != positions or numbers.dtype.kind not in "iu":
            raise DataError(
                f"texts: got {numbers.dtype} of the shape {numbers.shape}, wanted whole numbers "
                f"(N, {positions})"
            )
        if numbers.size and not 0 <= int(numbers.min()) <= int(numbers.max()) < words:
            raise DataError(
                f"texts: got the words {numbers.min()} to {numbers.max()}, wanted 0 to {words - 1}"
            )
        needed = len(numbers) * words * positions
        if needed > MAX_BYTES:
            raise DataError(
                f"texts: the pictures of {len(numbers):,} texts are {needed:,} bytes, wanted at "
                f"most {MAX_BYTES:,}; take fewer at a time"
            )
        is_word = np.equal(numbers[:, None, None], np.arange(words)[:, None])
        return np.asarray(is_word.view(np.uint8))

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file."""
        return {"modality": self.modality, **asdict(self), "vocabulary": list(self.vocabulary)}


def fit_text_preprocessor(texts: Iterable[str], text_length: int | None = None) -> TextPreprocessor:
    """Fit a preprocessor to texts: words if these repeat, else letters; a vocabulary of those that
    occur at least twice, or of all if there are few different ones; ``text_length`` positions, or
    as many as 95 % of the texts need, within limits.

    Memory holds the units of one text at a time, and the counts.
    """
    texts = list(texts)
    units = choose_units(texts)
    counts, lengths = Counter[str](), []
    for text in texts:
        tokens = tokenize(text, units)
        counts.update(tokens)
        lengths.append(len(tokens))
    positions = text_length or _rounded(min(_enough(lengths), _MAX_FITTED[units]))
    return TextPreprocessor(units, most_frequent(counts, units), positions)


def fit_ngram_preprocessor(texts: Iterable[str], most: int) -> TextPreprocessor:
    """Fit a preprocessor to n-grams of texts: a vocabulary of at most ``most``, and as many
    positions as 95 % of the texts need, within limits. If the texts are so long that the input
    would be too large, the vocabulary is smaller."""
    texts = list(texts)
    counts = count_ngrams(texts)
    limit = min(MAX_POSITIONS, max(_MAX_FITTED["words"], _MAX_FITTED_IN_ALL // max(1, len(texts))))
    vocabulary = most_common_ngrams(counts, most)
    positions = min(_needed(texts, vocabulary), limit)
    if (len(vocabulary) + _IMPLICIT) * positions > MAX_VALUES:
        vocabulary = most_common_ngrams(counts, MAX_VALUES // positions - _IMPLICIT)
        positions = min(_needed(texts, vocabulary), limit)
    return TextPreprocessor(NGRAMS, vocabulary, positions)


def _needed(texts: list[str], vocabulary: tuple[str, ...]) -> int:
    """The positions that 95 % of the texts need for their known n-grams."""
    lookup = NgramLookup({entry: index for index, entry in enumerate(vocabulary)})
    return _rounded(_enough(len(lookup.indices(text)) for text in texts))


def _enough(lengths: Iterable[int]) -> int:
    """The positions that 95 % of the texts need."""
    ordered = sorted(lengths) or [0]
    return ordered[(19 * len(ordered) + 19) // 20 - 1]


def _rounded(positions: int) -> int:
    return -(-max(1, positions) // _STEP) * _STEP


def _checked(vocabulary: object, units: str) -> tuple[str, ...]:
    """A valid vocabulary of words or letters; LimitError if it is not."""
    if not isinstance(vocabulary, list | tuple):
        raise LimitError(f"vocabulary: got {shown(vocabulary)}, wanted a list of {units}")
    if len(vocabulary) > MAX_WORDS:
        raise LimitError(
            f"vocabulary: got {len(vocabulary):,} entries, wanted at most {MAX_WORDS:,}"
        )
    longest = {"words": MAX_WORD_LENGTH, "letters": 1, NGRAMS: _MAX_NGRAM_LENGTH}[units]
    for entry in vocabulary:
        if not isinstance(entry, str) or not 1 <= len(entry) <= longest or not _is_plain(entry):
            wanted = f"{units} of 1 to {longest} characters" if longest > 1 else "single characters"
            raise LimitError(
                f"vocabulary: got {shown(entry)} among its {units}, wanted {wanted} in Unicode's "
                "composed form"
            )
    if len(set(vocabulary)) < len(vocabulary):
        raise LimitError("vocabulary: got an entry more than once, wanted different ones")
    return tuple(vocabulary)


def _is_plain(entry: str) -> bool:
    """Whether it is NFC-normalized and can be encoded as UTF-8."""
    return entry.isascii() or (not has_lone_surrogate(entry) and normalize_nfc(entry) == entry)
