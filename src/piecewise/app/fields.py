"""The fields of requests: their kinds, and the checks before an action gets their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..core.errors import did_you_mean, shown
from ..serving.refused import RefusedError

MAX_TEXTS = 100_000
"""Texts of one list."""
MAX_WHOLE = (1 << 31) - 1
Values = dict[str, Any]


class FieldKind(Protocol):
    """The values that a field allows."""

    @property
    def description(self) -> str:
        """The values in words, as in "wanted a text"."""

    def check(self, value: object) -> Any:
        """The value; ValueError if it is not allowed. Numbers of an address come as texts."""


@dataclass(frozen=True)
class TextKind:
    """A text of Unicode, of at most so many characters."""

    most: int | None = None

    @property
    def description(self) -> str:
        """The texts in words."""
        return "a text" if self.most is None else f"a text of at most {self.most:,} characters"

    def check(self, value: object) -> str:
        """The text; ValueError."""
        if not isinstance(value, str) or (self.most is not None and len(value) > self.most):
            raise ValueError
        value.encode()  # lone surrogates raise a ValueError, too
        return value


@dataclass(frozen=True)
class WholeKind:
    """A whole number from ``least`` to ``most``."""

    least: int = 0
    most: int = MAX_WHOLE

    @property
    def description(self) -> str:
        """The numbers in words."""
        if self.most == MAX_WHOLE:
            return f"a whole number of at least {self.least}"
        return f"a whole number from {self.least:,} to {self.most:,}"

    def check(self, value: object) -> int:
        """The number; ValueError."""
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 17:
            value = int(value)
        if type(value) is not int or not self.least <= value <= self.most:
            raise ValueError
        return value


class ShareKind:
    """A number above 0, at most 1."""

    description = "a number above 0, at most 1"

    def check(self, value: object) -> float:
        """The number; ValueError."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
            raise ValueError
        return float(value)


@dataclass(frozen=True)
class TypeKind:
    """Any value of a type."""

    type: type
    description: str

    def check(self, value: object) -> Any:
        """The value; ValueError."""
        if isinstance(value, self.type):
            return value
        raise ValueError


class TextsKind:
    """A list of texts."""

    description = f"a list of at most {MAX_TEXTS:,} texts"

    def check(self, value: object) -> list[str]:
        """The list; ValueError."""
        if not isinstance(value, list) or len(value) > MAX_TEXTS:
            raise ValueError
        return [TEXT.check(one) for one in value]


class AnyKind:
    """Any JSON value; the action checks it."""

    description = "a JSON value"

    def check(self, value: object) -> Any:
        """The value."""
        return value


class WordKind:
    """One of some words."""

    def __init__(self, *words: str) -> None:
        self._words = words

    @property
    def description(self) -> str:
        """The words."""
        *others, last = self._words
        return f"{', '.join(others)} or {last}" if others else last

    def check(self, value: object) -> str:
        """The word; ValueError."""
        if isinstance(value, str) and value in self._words:
            return value
        raise ValueError


TEXT, TEXTS, WHOLE, ANY = TextKind(), TextsKind(), WholeKind(), AnyKind()
FLAG, OBJECT = TypeKind(bool, "true or false"), TypeKind(dict, "names and values")
PART = WordKind("train", "test")


@dataclass(frozen=True)
class RequestField:
    """A field of a request.

    Without a default, a field that is left out is not among the values of the action. JSON's null
    is the same as leaving a field out, unless ``nullable``.
    """

    name: str
    kind: FieldKind
    default: Any = None
    required: bool = False
    nullable: bool = False

    def check(self, value: object) -> Any:
        """The value; RefusedError (400) if it is not allowed."""
        try:
            return None if value is None and self.nullable else self.kind.check(value)
        except ValueError:
            words = f"{self.name}: got {shown(value)}, wanted {self.kind.description}"
            raise RefusedError(400, words, self.name) from None


def checked_values(fields: Sequence[RequestField], given: Mapping[str, Any]) -> Values:
    """The values of fields; RefusedError (400) for unknown, missing and wrong ones."""
    names = [field.name for field in fields]
    for name in given:
        if name not in names:
            hint = did_you_mean(name, names) if names else "; wanted none"
            raise RefusedError(400, f"request: got the field {shown(name)}{hint}")
    values: Values = {}
    for field in fields:
        if field.name in given and (given[field.name] is not None or field.nullable):
            values[field.name] = field.check(given[field.name])
        elif field.required:
            words = f"{field.name}: missing; wanted {field.kind.description}"
            raise RefusedError(400, words, field.name)
        elif field.default is not None:
            values[field.name] = field.default
    return values
