"""How a text becomes a network's input: decided once from the training texts, then fixed.

A text becomes the numbers of its first words in a dictionary, or of its first letters. Number 0
stands for nothing, where a text is shorter; number 1 for whatever is not in the dictionary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ...core.constraints import Choice, Integer
from ...core.errors import DataError, LimitError, shown
from ...spec.architecture import input_shape
from ..preprocessing import Preprocessor
from .decoding import has_lone_surrogate, normalize_nfc, read_text
from .vocabulary import LONGEST_WORD, UNITS, choose_units, most_frequent, split

Numbers = npt.NDArray[np.int64]

MOST_WORDS = 50_000
"""Entries of a dictionary."""
MOST_POSITIONS = 4_096
"""Words or letters of a text that are looked at."""
MOST_BYTES = 1 << 30
"""Of the pictures of texts that are made at a time."""

PADDING, UNKNOWN = 0, 1
_IMPLICIT = 2  # numbers that the dictionary does not list
_MOST_DECIDED = {"words": 128, "letters": 400}  # positions
_STEP = 8  # positions are a multiple of it, which halve well

_UNITS = Choice(UNITS)
_POSITIONS = Integer(1, MOST_POSITIONS)


@dataclass(frozen=True)
class TextPreprocessor(Preprocessor):
    """What is done to every text.

    ``units``: "words" or "letters". ``dictionary``: the known ones; the first of them has the
    number 2. ``positions``: how many of them are looked at, from the start of a text.
    """

    units: str
    vocabulary: tuple[str, ...]
    positions: int

    modality: ClassVar[str] = "texts"
    unit: ClassVar[str] = "words"

    def __post_init__(self) -> None:
        _UNITS.check(self.units)
        object.__setattr__(self, "positions", _POSITIONS.check(self.positions))
        object.__setattr__(self, "vocabulary", _checked(self.vocabulary, self.units))
        input_shape(self.shape)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(1, words of the dictionary with the two that stand in no list, positions)."""
        return 1, len(self.vocabulary) + _IMPLICIT, self.positions

    @property
    def example_shape(self) -> tuple[int, ...]:
        return (self.positions,)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.int64)

    @property
    def kind(self) -> str:
        return "texts"

    @property
    def background(self) -> str:
        return "any"

    @property
    def scaling(self) -> npt.NDArray[np.float32]:
        return np.array([1, 0, 1], np.float32)

    @property
    def description(self) -> str:
        """What is done, in words."""
        return (
            f"texts in {self.units}: a dictionary of {len(self.vocabulary):,}, the first "
            f"{self.positions} of each text"
        )

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {unit: number for number, unit in enumerate(self.vocabulary, _IMPLICIT)}

    @staticmethod
    def read(file: Path | bytes | IO[bytes], name: str | None = None) -> str:
        """The text of a file, as `read_text` reads it."""
        return read_text(file, name)

    @staticmethod
    def size(given: str) -> tuple[float, float]:
        return 1, len(given.split())

    def transform(self, text: str) -> Numbers:
        """A text of any length -> the numbers of its words (positions,)."""
        numbers = np.full(self.positions, PADDING, np.int64)
        known = self._numbers
        found = [known.get(unit, UNKNOWN) for unit in split(text, self.units)[: self.positions]]
        numbers[: len(found)] = found
        return numbers

    def decode(self, numbers: Numbers, text: str | None = None) -> list[str]:
        """Numbers (positions,) -> the word or letter at each position as the net reads it: what is
        not in the dictionary is "?", and "" is where the text has ended. With the ``text`` that
        they were made of, what is not in the dictionary is written as it stands there."""
        found = [] if text is None else split(text, self.units)[: self.positions]
        names = ("", "?", *self.vocabulary)
        return [
            found[place] if number == UNKNOWN and place < len(found) else names[number]
            for place, number in enumerate(numbers.tolist())
        ]

    def warning(self, text: str) -> str | None:
        """What makes an answer about a text doubtful, in words."""
        found = split(text, self.units)
        if not found:
            return "there is no text in it"
        if not any(unit in self._numbers for unit in found[: self.positions]):
            return f"none of its {self.units} is one that the net has learned"
        if len(found) > self.positions:
            return f"only its first {self.positions} {self.units} are looked at"
        return None

    def one_hot(self, numbers: Numbers) -> npt.NDArray[np.uint8]:
        """Numbers (N, positions) -> the deck's picture of each text (N, 1, words, positions): a row
        a word, a column a position, 1 where it stands, else 0."""
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
        if needed > MOST_BYTES:
            raise DataError(
                f"texts: the pictures of {len(numbers):,} texts are {needed:,} bytes, wanted at "
                f"most {MOST_BYTES:,}; take fewer at a time"
            )
        stands = np.equal(numbers[:, None, None], np.arange(words)[:, None])
        return np.asarray(stands.view(np.uint8))

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file."""
        return {"modality": self.modality, **asdict(self), "vocabulary": list(self.vocabulary)}

    @classmethod
    def from_json(cls, value: object, shape: tuple[int, int, int]) -> TextPreprocessor:
        """The preparation that `to_json` wrote, for a network of this input shape."""
        wanted = "its units, dictionary and positions"
        if not isinstance(value, dict) or set(value) - {"modality"} != {
            "units",
            "vocabulary",
            "positions",
        }:
            raise DataError(f"preparation: got {shown(value)}, wanted {wanted}")
        try:
            made = cls(value["units"], value["vocabulary"], value["positions"])
        except LimitError as error:
            raise DataError(f"preparation: {error}") from None
        if made.shape != tuple(shape):
            raise DataError(f"preparation: got {made.shape}, wanted {tuple(shape)}")
        return made


def fit_text_preprocessor(texts: Iterable[str]) -> TextPreprocessor:
    """The preparation for texts: in words where these come back, else in letters; the units seen
    at least twice; as many positions as 19 of 20 texts have, within limits.

    The units of one text at a time are held, and a count of each that there is.
    """
    held = list(texts)
    units = choose_units(held)
    counts, lengths = Counter[str](), []
    for text in held:
        found = split(text, units)
        counts.update(found)
        lengths.append(len(found))
    lengths = sorted(lengths) or [0]
    enough = lengths[(19 * len(lengths) + 19) // 20 - 1]
    positions = -(-max(1, min(enough, _MOST_DECIDED[units])) // _STEP) * _STEP
    return TextPreprocessor(units, most_frequent(counts, units), positions)


def _checked(dictionary: object, units: str) -> tuple[str, ...]:
    """A dictionary whose entries are what its name says; LimitError if they are not."""
    if not isinstance(dictionary, list | tuple):
        raise LimitError(f"dictionary: got {shown(dictionary)}, wanted a list of {units}")
    if len(dictionary) > MOST_WORDS:
        raise LimitError(
            f"dictionary: got {len(dictionary):,} entries, wanted at most {MOST_WORDS:,}"
        )
    longest = LONGEST_WORD if units == "words" else 1
    for entry in dictionary:
        if not isinstance(entry, str) or not 1 <= len(entry) <= longest or not _is_plain(entry):
            wanted = f"{units} of 1 to {longest} characters" if longest > 1 else "single characters"
            raise LimitError(
                f"dictionary: got {shown(entry)} among its {units}, wanted {wanted} in Unicode's "
                "composed form"
            )
    if len(set(dictionary)) < len(dictionary):
        raise LimitError("dictionary: got an entry more than once, wanted different ones")
    return tuple(dictionary)


def _is_plain(entry: str) -> bool:
    """Whether it is composed, and a text that UTF-8 can hold."""
    return entry.isascii() or (not has_lone_surrogate(entry) and normalize_nfc(entry) == entry)
