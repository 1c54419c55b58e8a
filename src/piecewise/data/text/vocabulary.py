"""A text as a list of words or of letters, and which of them are worth knowing.

Words are runs of letters and marks of any script, with the apostrophes inside them; runs of digits,
every digit a 0, so that all phone numbers of a length are one word; and every other visible symbol
by itself. Letters are these characters one by one, with a space between words. Capital and small
are the same. Nothing here depends on the system's language, or on the version of Python.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from .decoding import NEW_CODE_POINTS, normalize_nfc

UNITS = ("words", "letters")
LONGEST_WORD = 100
"""Characters of a word; of a longer one, as scripts without spaces have them, the first ones."""
LONGEST_NUMBER = 8
"""Digits of a number; a longer one is as long."""
MAX_FITTED = {"words": 20_000, "letters": 2_000}
"""Units in a dictionary that is made of texts."""
_FEW = 100  # letters that are taken even if they were seen only once
_WORDS_KNOWN = 0.25
"""The share of words, by their letters, in one half of the texts that the other half must have
too, for texts to be read in words. Nearly all sets of 40 English messages are above it, and are
better read in words; runs between the punctuation of scripts without spaces stay below."""

_INVISIBLE = re.compile(  # joiners, directions, variants: they change how a word looks, not which
    "[\u00ad\u034f\u061c\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e0fff]"
)
_LATER = re.compile(f"[{NEW_CODE_POINTS}]")
_WORD = re.compile("L+(?:'L+)*|0+|['S]")


class _Kinds(dict[int, str]):
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


class _Plain(dict[int, str]):
    """A character as words are written with it: digits 0, apostrophes straight, spaces alike."""

    def __missing__(self, code: int) -> str:
        kind = _KINDS[code]
        self[code] = plain = kind if kind in "0' " else chr(code)
        return plain


_KINDS, _PLAIN = _Kinds(), _Plain()


def split(text: str, units: str) -> list[str]:
    """The words, or the letters, of a text, in their order."""
    return words(text) if units == "words" else letters(text)


def words(text: str) -> list[str]:
    """The words of a text."""
    plain = _plain(text)
    found = []
    for run in _WORD.finditer(plain.translate(_KINDS)):
        start, end = run.span()
        most = LONGEST_NUMBER if plain[start] == "0" else LONGEST_WORD
        found.append(plain[start : min(end, start + most)])
    return found


def letters(text: str) -> list[str]:
    """The characters of a text, with one space wherever there are any."""
    return list(" ".join(_plain(text).split()))


def _plain(text: str) -> str:
    """The text with what makes no difference taken out of it."""
    if text.isascii():
        return text.lower().translate(_PLAIN)
    text = normalize_nfc(_INVISIBLE.sub("", text))
    return normalize_nfc(text.casefold()).translate(_PLAIN)


def choose_units(texts: Iterable[str]) -> str:
    """Whether texts are better read in words or in letters: do words come back in them?"""
    halves: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for number, text in enumerate(texts):
        halves[number % 2].update(words(text))
    known = total = 0
    for half, other in (halves, halves[::-1]):
        for word, count in half.items():
            if _KINDS[ord(word[0])] == "L":
                total += count * len(word)
                known += count * len(word) * (word in other)
    return "words" if known and known >= _WORDS_KNOWN * total else "letters"


def most_frequent(counts: Counter[str], units: str) -> tuple[str, ...]:
    """The units counted at least twice, the most frequent first; equally frequent ones by their
    code points. All letters, if they are few."""
    least = 1 if units == "letters" and len(counts) <= _FEW else 2
    kept = (entry for entry in counts.items() if entry[1] >= least)
    order = sorted(kept, key=lambda entry: (-entry[1], entry[0]))
    return tuple(unit for unit, _ in order[: MAX_FITTED[units]])
