"""Tables of Unicode for a browser: the kind of each character, and how its case is folded.

They hold what this Python knows, so that a page gives the tokens of `TextPreprocessor.transform` in
every browser, whatever version of Unicode that one has.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from itertools import groupby

from ...data.text.decoding import NEW_CODE_POINTS

UNKNOWN = "U"
"""The kind of characters that not every Python knows. They are symbols, and never composed."""
_NEW = re.compile(f"[{NEW_CODE_POINTS}]")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SPACES = ("Cc", "Cf", "Cs")


@cache
def character_kinds() -> str:
    """The kinds of all code points as runs: a kind and the length of the run in base 36.

    "L" are letters and marks, "O" letters without case (category Lo), "D" digits, "_" spaces and
    controls, "S" symbols, and "U" characters that are not known.
    """
    runs = groupby(map(_kind, map(chr, range(sys.maxunicode + 1))))
    return "".join(f"{kind}{_base_36(len(list(run)))}" for kind, run in runs)


def _kind(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cn" or _NEW.match(character):
        return UNKNOWN
    if category[0] in "LM":
        return "O" if category == "Lo" else "L"
    if category == "Nd":
        return "D"
    return "_" if category[0] == "Z" or category in _SPACES else "S"


def _base_36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits


@cache
def case_folding() -> tuple[list[list[int]], list[list[int | str]]]:
    """Case folding (`str.casefold`) as runs of code points [start, count, step, difference], and
    as [code point, text] for those that become several."""
    runs: list[list[int]] = []
    apart: list[list[int | str]] = []
    for code in range(sys.maxunicode + 1):
        folded = chr(code).casefold()
        if len(folded) > 1:
            apart.append([code, folded])
        elif folded != chr(code):
            _add(runs, code, ord(folded) - code)
    return runs, apart


def _add(runs: list[list[int]], code: int, difference: int) -> None:
    """Add a code point to the last run, or begin one."""
    if runs and runs[-1][3] == difference:
        start, count, step, _ = runs[-1]
        distance = code - start
        if count == 1 and distance <= 2:
            runs[-1][1:3] = [2, distance]
            return
        if distance == count * step:
            runs[-1][1] += 1
            return
    runs.append([code, 1, 1, difference])
