"""Tokenization of a text into words or letters, and the vocabulary of the most frequent ones.

A word is a run of letters and marks of any script, with the apostrophes inside it; a run of digits,
in which every digit becomes 0, so that all phone numbers of one length are one word; or any other
visible symbol by itself. Letters are these characters one by one, with a space between words. Case
is ignored. Nothing depends on the locale or on the version of Python.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from .decoding import NEW_CODE_POINTS, normalize_nfc

MAX_WORD_LENGTH = 100
"""Characters of a word; a longer one is cut, as happens in scripts without spaces."""
MAX_DIGITS = 8
"""Digits of a number; a longer one is cut."""
MAX_FITTED = {"words": 20_000, "letters": 2_000}
"""Entries of a vocabulary that is fitted to texts."""
_FEW = 100  # with at most so many different units, those seen once are included
_REPEATED_FRACTION = 0.25
"""Texts are split into words if at least this fraction of the words in one half of the texts,
weighted by length, occurs in the other half. Nearly all sets of 40 English messages are above it,
and words work better for them; scripts without spaces stay below."""

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e0fff]"
)
"""Joiners, directions and variants: they change how a word looks, not which word it is."""
WORD = re.compile("L+(?:'L+)*|0+|['S]")
"""A word, as the kinds of its characters."""
_LATER = re.compile(f"[{NEW_CODE_POINTS}]")


class _CharacterKinds(dict[int, str]):
    """L for letters and marks, 0 for digits, ' for apostrophes, S for symbols, or a space."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if character in "'\u2019":
            kind = "'"
        elif _LATER.match(character):
            kind = "S"
        elif category[0] in "LM":
            kind = "L"
        elif category == "Nd":
            kind = "0"
        else:
            kind = " " if category[0] == "Z" or category in ("Cc", "Cf", "Cs") else "S"
        self[code] = kind
        return kind


class _PlainCharacters(dict[int, str]):
    """A character as it stands in a word: digits become 0, apostrophes and spaces are unified."""

    def __missing__(self, code: int) -> str:
        kind = _KINDS[code]
        self[code] = plain = kind if kind in "0' " else chr(code)
        return plain


_KINDS, _PLAIN = _CharacterKinds(), _PlainCharacters()


def tokenize(text: str, units: str) -> list[str]:
    """The words or the letters of a text, in order."""
    return words(text) if units == "words" else letters(text)


def words(text: str) -> list[str]:
    """The words of a text."""
    return [run[:MAX_WORD_LENGTH] for run in word_runs(text)]


def word_runs(text: str) -> list[str]:
    """The words of a text; those longer than `MAX_WORD_LENGTH` are not cut."""
    plain = _plain(text)
    tokens = []
    for run in WORD.finditer(plain.translate(_KINDS)):
        start, end = run.span()
        if plain[start] == "0":
            end = min(end, start + MAX_DIGITS)
        tokens.append(plain[start:end])
    return tokens


def is_letters(word: str) -> bool:
    """Whether a word is one of letters, not a number or a symbol."""
    return _KINDS[ord(word[0])] == "L"


def letters(text: str) -> list[str]:
    """The characters of a text, with one space in place of each run of spaces."""
    return list(" ".join(_plain(text).split()))


def _plain(text: str) -> str:
    """The text in lower case, composed, without invisible characters, digits as 0."""
    if text.isascii():
        return text.lower().translate(_PLAIN)
    text = normalize_nfc(INVISIBLE.sub("", text))
    return normalize_nfc(text.casefold()).translate(_PLAIN)


def choose_units(texts: Iterable[str]) -> str:
    """Choose "words" if the texts repeat enough words, else "letters"."""
    halves: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for number, text in enumerate(texts):
        halves[number % 2].update(words(text))
    repeated = total = 0
    for half, other in (halves, halves[::-1]):
        for word, count in half.items():
            if is_letters(word):
                total += count * len(word)
                repeated += count * len(word) * (word in other)
    return "words" if repeated and repeated >= _REPEATED_FRACTION * total else "letters"


def most_frequent(counts: Counter[str], units: str) -> tuple[str, ...]:
    """The units that occur at least twice, the most frequent first, ties by code point. If there
    are few different ones, all of them."""
    least = 1 if len(counts) <= _FEW else 2
    frequent = (entry for entry in counts.items() if entry[1] >= least)
    order = sorted(frequent, key=lambda entry: (-entry[1], entry[0]))
    return tuple(unit for unit, _ in order[: MAX_FITTED[units]])
