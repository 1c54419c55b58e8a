"""Escapes names and texts of others: no invisible characters, line breaks or bidirectional
marks."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

_JOINERS = "\u200c\u200d"  # which Persian and emoji need


def readable(text: str) -> str:
    """A text for people: spaces of all kinds as spaces; as escapes, control characters, characters
    that change the direction of the text, and others that cannot be seen."""
    return "".join(_seen(one) for one in text)


def json_text(value: Any, **options: Any) -> str:
    """Plain values as JSON, in which the same characters are escapes."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, **options)
    seen = f"\n{_JOINERS}"
    return "".join(
        one if one.isprintable() or one in seen else json.dumps(one)[1:-1] for one in text
    )


def _seen(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape").decode()
