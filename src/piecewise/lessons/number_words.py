"""Numbers in prose: digits, and numbers in words such as "seven ninths"."""

from __future__ import annotations

import re
from collections.abc import Iterator

_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
          "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
          "eighteen", "nineteen")  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_LARGE = ("hundred", "thousand", "million", "dozen")
_PARTS = {"half": 2, "halves": 2, "thirds": 3, "quarter": 4, "quarters": 4, "fifths": 5,
          "sixths": 6, "eighths": 8, "ninth": 9, "ninths": 9, "tenths": 10}  # fmt: skip
_WORD = "|".join((*_UNITS, *_TENS, *_LARGE, *_PARTS))
_WORDS = rf"(?:(?:minus|plus) )?(?:{_WORD})(?:[ -](?:{_WORD}))*"
_DIGITS = r"[-+\N{MINUS SIGN}]?\d(?:[.,]?\d)*(?:x\d+)*(?:/\d+)?(?: ?%)?"
NUMBER = re.compile(rf"(?<![\w.])(?:{_DIGITS}|{_WORDS})(?!\w)", re.IGNORECASE)
_VALUES = {**{word: number for number, word in enumerate(_UNITS)},
           **{word: 10 * number for number, word in enumerate(_TENS, 2)}}  # fmt: skip


def numbers_in(text: str) -> Iterator[str]:
    """The numbers of a text as they are written. The word "one" alone is not counted: it is mostly
    a pronoun."""
    for found in NUMBER.finditer(text):
        if found[0].lower() != "one":
            yield found[0]


def last_number(text: str) -> str:
    """The number that ends a text; the last word if there is none."""
    found = [one for one in NUMBER.finditer(text) if one.end() == len(text)]
    if found:
        return found[0][0]
    word = re.search(r"[^\s\"'()]+$", text)
    return word[0] if word else ""


def plain(number: str) -> str:
    """A number in digits, with a plain minus sign: "seven ninths" becomes "7/9"."""
    text = number.replace("\N{MINUS SIGN}", "-").removeprefix("+")
    words = re.split(r"[ -]", text.lower())
    sign = "-" if words[0] == "minus" else ""
    words = words[1:] if words[0] in ("minus", "plus") else words
    part = _PARTS.get(words[-1])
    counted = words[:-1] if part else words
    if not all(word in _VALUES for word in counted) or len(counted) > 2:
        return text
    total = sum(_VALUES[word] for word in counted) if counted else 1
    return f"{sign}{total}/{part}" if part else f"{sign}{total}"
