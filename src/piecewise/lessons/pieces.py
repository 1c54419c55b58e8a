"""The pieces of a line of a lesson: text, code, values, claims and known slips."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .number_words import last_number
from .references import LessonError, Reference, read_reference

TEXT, CODE, VALUE, CLAIM, SLIP = "text", "code", "value", "claim", "slip"
_MARK = re.compile(
    r"`(?P<code>[^`]*)`|\{\{(?P<value>[^{}]*)\}\}|\{=(?P<claim>[^{}]*)\}|\{slip:(?P<slip>[^{}]*)\}"
)
_FORBIDDEN = ((re.compile(r"<[A-Za-z/!]"), "HTML"), (re.compile(r"\]\(|!\["), "a link"))


class Piece(NamedTuple):
    """A piece: its kind, what is printed (of a claim, what stands there), and its reference."""

    kind: str
    text: str
    line: int
    reference: Reference | None = None


def pieces_of(text: str, line: int) -> Iterator[Piece]:
    """The pieces of one line; LessonError."""
    end = 0
    for found in _MARK.finditer(text):
        before, kind = text[end : found.start()], str(found.lastgroup)
        end = found.end()
        if kind == CODE:
            yield from _plain(before, line)
            yield Piece(CODE, found[CODE], line)
            continue
        reference = read_reference(found[kind])
        if kind == VALUE:
            yield from _plain(before, line)
            yield Piece(VALUE, "", line, reference)
            continue
        said = last_number(before)
        if not said:
            raise LessonError(f"{{{found[kind].strip()}}}: wanted the printed text before it")
        yield from _plain(before[: len(before) - len(said)], line)
        yield Piece(kind, said, line, reference)
    yield from _plain(text[end:], line)


def _plain(text: str, line: int) -> Iterator[Piece]:
    for sign in ("{", "}", "`"):
        if sign in text:
            raise LessonError(
                f"got {sign} in {text.strip()[:40]!r}, wanted {{{{ path | format }}}}, "
                "{= path | format}, {slip: path | format} or `code`"
            )
    for pattern, what in _FORBIDDEN:
        if pattern.search(text):
            raise LessonError(f"got {what} in {text.strip()[:40]!r}, wanted plain text")
    if text:
        yield Piece(TEXT, text, line)
