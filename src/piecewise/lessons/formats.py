"""How a computed value is printed in a lesson: rounded, cut off, as ninths, as a percentage."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ..core.errors import shown
from .references import LessonError

_FORMATS = "a number of decimals, cut N, ninths, percent, scientific or exact"
_TINY = 1e-6
"""A value this close to a ninth is printed as one: float32 sums are not exact."""


def printed(value: Any, form: str) -> str:
    """A number, a whole number or a name in a format; LessonError."""
    if isinstance(value, str):
        return value
    if not form:
        if isinstance(value, int):
            return str(value)
        raise LessonError(f"a number needs a format: wanted {_FORMATS}")
    return _function(form)(value)


def check_format(form: str, kind: str) -> None:
    """LessonError unless a value of this type can be printed so."""
    if kind == "name":
        if form not in ("", "name"):
            raise LessonError(f"format: got {shown(form)}, wanted none for a name")
    elif form:
        _function(form)
    elif kind != "whole":
        raise LessonError(f"format: wanted {_FORMATS}")


def _function(form: str) -> Callable[[Any], str]:
    if form in _NAMED:
        return _NAMED[form]
    if found := re.fullmatch(r"(cut )?([0-6])", form):
        decimals = int(found[2])
        return lambda value: (_cut if found[1] else _rounded)(value, decimals)
    raise LessonError(f"format: got {shown(form)}, wanted {_FORMATS}")


def _rounded(value: Any, decimals: int) -> str:
    return _without_minus_zero(f"{float(value):.{decimals}f}")


def _cut(value: Any, decimals: int) -> str:
    """Decimals are cut off, as on the slides."""
    number = float(value)
    scaled = math.trunc(number * 10**decimals + math.copysign(1e-9, number))
    return _without_minus_zero(f"{scaled / 10**decimals:.{decimals}f}")


def _ninths(value: Any) -> str:
    count = round(float(value) * 9)
    if abs(float(value) * 9 - count) > _TINY:
        raise LessonError(f"ninths: {float(value):.6g} is not a whole number of ninths")
    return f"{count}/9"


def _percent(value: Any) -> str:
    return _without_minus_zero(f"{100 * float(value):.0f}") + " %"


def _exact(value: Any) -> str:
    return str(value) if isinstance(value, int | Fraction) else repr(float(value))


def _without_minus_zero(text: str) -> str:
    return text.lstrip("-") if not text.strip("-0.") else text


_NAMED: dict[str, Callable[[Any], str]] = {
    "ninths": _ninths,
    "percent": _percent,
    "scientific": lambda value: f"{float(value):.0e}",
    "exact": _exact,
}
