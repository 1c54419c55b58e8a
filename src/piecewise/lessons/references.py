"""References of a lesson to computed numbers: a path of names and arguments, and a format.

A path is a text such as ``small.walk(x).why(cell).bias``. Reading it runs nothing: the names are
looked up in the table of `quantities.py`, never in Python objects.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from ..core.errors import PiecewiseError, shown

MAX_STEPS, MAX_ARGUMENTS = 8, 6
MAX_LENGTH = 200
"""Characters of a reference."""
_TOKEN = re.compile(r'\s*(?:(?P<name>[a-z][a-z0-9_]*)|"(?P<text>[^"]*)"|'
                    r"(?P<number>-?\d{1,9}(?:\.\d{1,9})?)|(?P<sign>[.(),]))")  # fmt: skip


class LessonError(PiecewiseError, ValueError):
    """A fault in a lesson."""


class Bound(NamedTuple):
    """An argument that is a name bound in the head of the lesson."""

    name: str


Argument = int | float | str | Bound


class Step(NamedTuple):
    """One name of a path, with its arguments if it has parentheses."""

    name: str
    arguments: tuple[Argument, ...] = ()


@dataclass(frozen=True)
class Reference:
    """A path and the format of its value, "" for the format of its type."""

    text: str
    steps: tuple[Step, ...]
    format: str = ""

    @property
    def path(self) -> str:
        """The path as it is written, without the format."""
        return self.text.partition("|")[0].strip()


def read_reference(text: str) -> Reference:
    """The reference in a text; LessonError."""
    text = text.strip()
    if len(text) > MAX_LENGTH:
        raise LessonError(f"reference: got {len(text)} characters, wanted at most {MAX_LENGTH}")
    path, bar, form = text.partition("|")
    steps = _PathReader(path).steps()
    if bar and not form.strip():
        raise LessonError(f"{shown(text)}: wanted a format after |")
    return Reference(text, steps, form.strip())


class _PathReader:
    """Reads a path, token by token."""

    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(self._text):
            found = _TOKEN.match(self._text, at)
            if found is None:
                raise self._error(f"got {shown(self._text[at])}, wanted a name, a number, a quoted "
                                  "text or one of . ( ) ,")  # fmt: skip
            kind = str(found.lastgroup)
            self._tokens.append((kind, found[kind]))
            at = found.end()

    def steps(self) -> tuple[Step, ...]:
        steps = [self._step()]
        while self._tokens:
            self._expect(".")
            steps.append(self._step())
        if len(steps) > MAX_STEPS:
            raise self._error(f"got {len(steps)} names, wanted at most {MAX_STEPS}")
        return tuple(steps)

    def _step(self) -> Step:
        kind, name = self._next()
        if kind != "name":
            raise self._error(f"got {shown(name)}, wanted a name")
        if not self._tokens or self._tokens[0] != ("sign", "("):
            return Step(name)
        self._next()
        arguments = [self._argument()]
        while (sign := self._next()) != ("sign", ")"):
            if sign != ("sign", ","):
                raise self._error(f"got {shown(sign[1])}, wanted , or )")
            arguments.append(self._argument())
        if len(arguments) > MAX_ARGUMENTS:
            raise self._error(f"got {len(arguments)} arguments, wanted at most {MAX_ARGUMENTS}")
        return Step(name, tuple(arguments))

    def _argument(self) -> Argument:
        kind, value = self._next()
        if kind == "number":
            return float(value) if "." in value else int(value)
        if kind == "name":
            return Bound(value)
        if kind == "text":
            return value
        raise self._error(f"got {shown(value)}, wanted a number, a quoted text or a bound name")

    def _next(self) -> tuple[str, str]:
        if not self._tokens:
            raise self._error("it ends too early")
        return self._tokens.pop(0)

    def _expect(self, sign: str) -> None:
        kind, value = self._next()
        if (kind, value) != ("sign", sign):
            raise self._error(f"got {shown(value)}, wanted {sign}")

    def _error(self, what: str) -> LessonError:
        return LessonError(f"{shown(self._text, MAX_LENGTH)}: {what}")
