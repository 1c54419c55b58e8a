"""Numbers as people type them: 0.5, 0,5, .5, -2 with any minus sign, 5/9, 50 %."""

from __future__ import annotations

import re
from fractions import Fraction

from ..core.errors import shown
from .references import LessonError

MAX_LENGTH = 20
"""Characters of a number."""
_MINUS = re.compile("[\N{MINUS SIGN}\N{EN DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}]")
_NUMBER = re.compile(r"([-+]?)(?:(\d{1,9})/(\d{1,9})|(\d{0,9})(?:[.,](\d{0,9}))?)\s*(%?)", re.ASCII)


def read_number(text: str) -> Fraction:
    """The number in a text; LessonError."""
    plain = _MINUS.sub("-", text.strip()) if len(text) <= MAX_LENGTH else ""
    found = _NUMBER.fullmatch(re.sub(r"^([-+])\s+", r"\1", plain))
    if not found or not re.search(r"\d", plain):
        raise _refused(text)
    sign, above, below, whole, decimals, percent = found.groups()
    if below is not None and not int(below):
        raise _refused(text)
    size = (Fraction(int(above), int(below)) if below is not None
            else Fraction(f"{whole or 0}.{decimals or 0}"))  # fmt: skip
    return (-size if sign == "-" else size) / (100 if percent else 1)


def _refused(text: str) -> LessonError:
    return LessonError(f"answer: got {shown(text)}, wanted a number such as 0.51, -2 or 5/9")
