"""Constraints on values, and the limits of a network.

A constraint checks a value (`check`), parses and formats it in the notation (`read`, `write`), and
describes itself for errors and for the manual (`description`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

import numpy as np

from .errors import LimitError, shown

MAX_LAYERS = 1_000
MAX_PARAMETERS = 100_000_000
MAX_VALUES = 1 << 26  # activations of one example in one layer
MAX_CLASSES = 65_536
MAX_CLASS_NAME = 1_000  # characters of a class name
MAX_NOTATION = 20_000  # characters
MAX_REPEAT_DEPTH = 8  # nested brackets
MAX_AXIS = 1 << 20  # cells of one axis of an input

_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)
_DECIMAL = re.compile(r"[0-9]*\.?[0-9]+([eE][-+]?[0-9]{1,3})?|[0-9]+\.", re.ASCII)


class Constraint(Protocol):
    """The values that are allowed."""

    @property
    def description(self) -> str:
        """The allowed values in words, as in "wanted a whole number from 1 to 9"."""

    def check(self, value: object) -> Any:
        """The value in canonical form; LimitError if it is not allowed."""

    def read(self, text: str) -> Any:
        """Parse a word of the notation; LimitError if its value is not allowed."""

    def write(self, value: Any) -> str:
        """Format a checked value for the notation, so that ``read`` returns it."""


def constraint_error(value: object, limit: Constraint) -> LimitError:
    """The error for a value that is not allowed."""
    return LimitError(f"got {shown(value)}, wanted {limit.description}")


def text_error(text: str, limit: Constraint) -> LimitError:
    """The error for a word of the notation that is not allowed."""
    return LimitError(f"got '{text[:40]}', wanted {limit.description}")


def checked(name: str, limit: Constraint, value: object) -> Any:
    """The value in canonical form; LimitError, beginning with its name, if it is not allowed."""
    try:
        return limit.check(value)
    except LimitError as error:
        raise LimitError(f"{name}: {error}") from None


def is_integer(value: object) -> TypeGuard[int]:
    """Whether a value is an integer of Python or NumPy (True and 2.0 are not)."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


@dataclass(frozen=True)
class Integer:
    """An integer from ``low`` to ``high``; with ``optional``, None is allowed, too."""

    low: int
    high: int
    optional: bool = False

    @property
    def description(self) -> str:
        return f"a whole number from {self.low} to {self.high:,}"

    def check(self, value: object) -> int | None:
        if value is None and self.optional:
            return None
        if not (is_integer(value) and self.low <= value <= self.high):
            raise constraint_error(value, self)
        return int(value)

    def read(self, text: str) -> int | None:
        if not _DIGITS.fullmatch(text):
            raise text_error(text, self)
        return self.check(int(text))

    def write(self, value: int) -> str:
        return str(value)


@dataclass(frozen=True)
class Size2D:
    """Height and width, each from ``low`` to ``high``; one number means a square.

    ``word`` is a word that is allowed instead ("same", "all").
    """

    low: int
    high: int
    word: str | None = None
    optional: bool = False

    @property
    def description(self) -> str:
        or_word = f", or {self.word}" if self.word else ""
        return f"one whole number from {self.low} to {self.high:,} or two as HEIGHTxWIDTH{or_word}"

    def check(self, value: object) -> tuple[int, int] | str | None:
        if value is None and self.optional:
            return None
        if isinstance(value, str):
            if value == self.word:
                return value
            raise constraint_error(value, self)
        sides = (value, value) if is_integer(value) else value
        if not isinstance(sides, tuple | list) or len(sides) != 2:
            raise constraint_error(value, self)
        if not all(is_integer(side) and self.low <= int(side) <= self.high for side in sides):
            raise constraint_error(value, self)
        return int(sides[0]), int(sides[1])

    def read(self, text: str) -> tuple[int, int] | str | None:
        if text == self.word:
            return text
        sides = text.split("x")
        if len(sides) > 2 or not all(_DIGITS.fullmatch(side) for side in sides):
            raise text_error(text, self)
        try:
            return self.check((int(sides[0]), int(sides[-1])))
        except LimitError:  # quote the text, not the pair
            raise text_error(text, self) from None

    def write(self, value: tuple[int, int] | str) -> str:
        if isinstance(value, str):
            return value
        height, width = value
        return str(height) if height == width else f"{height}x{width}"


@dataclass(frozen=True)
class Real:
    """A number from ``low`` to ``high``; with ``open``, less than ``high``."""

    low: float
    high: float
    open: bool = False

    @property
    def description(self) -> str:
        end = "up to, but not including," if self.open else "to"
        return f"a number from {self.low:g} {end} {self.high:g}"

    def check(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
            raise constraint_error(value, self)
        if not self.low <= value <= self.high or (self.open and value == self.high):
            raise constraint_error(value, self)  # NaN compares false and is refused
        return float(value) + 0.0  # -0.0 becomes 0.0

    def read(self, text: str) -> float:
        if not _DECIMAL.fullmatch(text):
            raise text_error(text, self)
        return self.check(float(text))

    def write(self, value: float) -> str:
        return repr(value)


@dataclass(frozen=True)
class Choice:
    """One of several words."""

    words: tuple[str, ...]

    @property
    def description(self) -> str:
        return " or ".join(self.words)

    def check(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise constraint_error(value, self)
        return value

    def read(self, text: str) -> str:
        return self.check(text)

    def write(self, value: str) -> str:
        return value


@dataclass(frozen=True)
class Boolean:
    """True or False; ``yes`` and ``no`` in the notation."""

    @property
    def description(self) -> str:
        return "yes or no"

    def check(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise LimitError(f"got {shown(value)}, wanted True or False")
        return value

    def read(self, text: str) -> bool:
        if text not in ("yes", "no"):
            raise text_error(text, self)
        return text == "yes"

    def write(self, value: bool) -> str:
        return "yes" if value else "no"


@dataclass(frozen=True)
class Flag(Boolean):
    """True or False; in the notation, a word without a value: True if it is present."""

    @property
    def description(self) -> str:
        return "a flag (no value)"


FRACTION = Real(0, 1, open=True)
"""A fraction less than 1."""
LOSS = Choice(("cross-entropy", "squared", "absolute"))
"""The loss functions."""
SEED = Integer(0, 2**64 - 1)
"""A seed: any unsigned integer of 64 bits."""
THREADS = Integer(1, 256, optional=True)
