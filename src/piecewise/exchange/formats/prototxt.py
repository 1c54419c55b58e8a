"""The text format of protocol buffers, that of .prototxt files: read and written without a schema.

A message is a dictionary of lists: every field may be repeated. (Google, "Text Format Language
Specification".)
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

from ...core.errors import shown

MAX_TEXT = 2 << 20
"""Bytes of a text."""
MAX_DEPTH = 32
"""Messages inside each other."""

Scalar: TypeAlias = str | int | float | bool
Value: TypeAlias = "Scalar | Message"
Message: TypeAlias = dict[str, "list[Value]"]


class PrototxtError(ValueError):
    """A text that is not a message."""


class Word(str):
    """A name that stands where a value does: that of an enum, as in ``pool: MAX``."""

    __slots__ = ()


class _TextToken(NamedTuple):
    """A token: the name of its pattern, its text, and where it begins."""

    kind: str
    text: str
    start: int


_PATTERNS = re.compile(
    r"""(?P<space>[\s]+|\#[^\n]*)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<number>-?\s*(?:0[xX][0-9a-fA-F]{1,16}|(?:[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})
       (?:[eE][-+]?[0-9]{1,5})?[fF]?)(?![\w.]))
    |(?P<word>-?[A-Za-z_][\w.]*)
    |(?P<mark>[{}<>\[\]:,;])""",
    re.VERBOSE | re.ASCII,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\"}
_CLOSING = {"{": "}", "<": ">"}


def parse(content: bytes | memoryview) -> Message:
    """The message of a text; `PrototxtError` names the line of the first mistake."""
    if len(content) > MAX_TEXT:
        raise PrototxtError(f"{len(content):,} bytes of text, wanted at most {MAX_TEXT:,}")
    try:
        text = str(content, "utf-8-sig")
    except UnicodeDecodeError:
        raise PrototxtError("it is not a text in UTF-8") from None
    return _MessageParser(text).message()


class _MessageParser:
    """Reads the tokens of a text one after another; messages inside others are on a stack."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._all_tokens()
        self._next = next(self._tokens)

    def message(self) -> Message:
        """The message of the whole text."""
        whole: Message = {}
        stack: list[tuple[Message, str]] = [(whole, "end")]
        while self._next.kind != "end":
            current, closing = stack[-1]
            token = self._take()
            if token.text == closing and token.kind == "mark":
                stack.pop()
                self._skip(",;")
                continue
            if token.kind != "word":
                raise self._wrong(token, "the name of a field")
            has_colon = self._skip(":")
            values = current.setdefault(token.text, [])
            if self._next.kind == "mark" and self._next.text in _CLOSING:
                if len(stack) > MAX_DEPTH:
                    raise self._wrong(self._next, f"at most {MAX_DEPTH} messages in each other")
                inner: Message = {}
                values.append(inner)
                stack.append((inner, _CLOSING[self._take().text]))
            elif not has_colon:
                raise self._wrong(self._next, "a colon")
            else:
                values += self._values()
                self._skip(",;")
        if len(stack) > 1:
            raise self._wrong(self._next, f"'{stack[-1][1]}'")
        return whole

    def _values(self) -> list[Value]:
        """One value, or a list of them in brackets."""
        if self._next.text != "[" or self._next.kind != "mark":
            return [self._value()]
        self._take()
        values: list[Value] = []
        while self._next.text != "]" or self._next.kind != "mark":
            values.append(self._value())
            self._skip(",")
        self._take()
        return values

    def _value(self) -> Scalar:
        token = self._take()
        if token.kind == "string":
            parts = [self._string(token)]
            while self._next.kind == "string":
                parts.append(self._string(self._take()))
            return "".join(parts)
        if token.kind == "number":
            return self._number(token)
        if token.kind == "word":
            return {"true": True, "false": False}.get(token.text, Word(token.text))
        raise self._wrong(token, "a value")

    def _number(self, token: _TextToken) -> int | float:
        digits = re.sub(r"\s", "", token.text)
        if "x" in digits or "X" in digits:
            return int(digits, 16)
        if re.fullmatch(r"-?[0-9]+", digits):
            return int(digits)
        value = float(digits.rstrip("fF"))
        if not math.isfinite(value):
            raise self._wrong(token, "a finite number")
        return value

    def _string(self, token: _TextToken) -> str:
        content = token.text[1:-1]
        if not _ESCAPES.keys() >= set(re.findall(r"\\(.)", content)):
            raise self._wrong(token, r"one of the escapes \n \t \r \\ and quotation marks")
        return re.sub(r"\\(.)", lambda escape: _ESCAPES[escape[1]], content)

    def _skip(self, marks: str) -> bool:
        """Take the next token if it is one of these marks."""
        found = self._next.kind == "mark" and self._next.text in marks
        if found:
            self._take()
        return found

    def _take(self) -> _TextToken:
        token = self._next
        if token.kind != "end":
            self._next = next(self._tokens)
        return token

    def _all_tokens(self) -> Iterator[_TextToken]:
        at = 0
        while at < len(self._text):
            match = _PATTERNS.match(self._text, at)
            if match is None:
                raise self._wrong(
                    _TextToken("", self._text[at], at), "a name, a value or a bracket"
                )
            at = match.end()
            if match.lastgroup != "space":
                yield _TextToken(str(match.lastgroup), match[0], match.start())
        yield _TextToken("end", "the end of the text", len(self._text))

    def _wrong(self, token: _TextToken, wanted: str) -> PrototxtError:
        line = self._text.count("\n", 0, token.start) + 1
        return PrototxtError(f"line {line}: got {shown(token.text)}, wanted {wanted}")


def written(message: Message, indent: str = "") -> str:
    """A message as text, one field a line."""
    lines = []
    for name, values in message.items():
        for value in values:
            if isinstance(value, dict):
                lines.append(f"{indent}{name} {{\n{written(value, indent + '  ')}{indent}}}\n")
            else:
                lines.append(f"{indent}{name}: {_scalar(value)}\n")
    return "".join(lines)


def _scalar(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(np.float32(value))  # the shortest text of the single-precision number
    if isinstance(value, Word | int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r") + '"'
