"""Reads and writes the notation: the text form of a list of layers.

    conv 16 5x5, relu, pool 2, 2 * (conv 32 3 pad=same, relu), pool 3 stride=2, full 128, relu, full

A list has items between commas; an item is a layer or ``N * ( list )``; a layer is its word, then
positional hyperparameters, then ``key=value`` or a flag. The hyperparameters and their
constraints come from the records in `layers`; this file names no kind of layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, Field, replace
from typing import Any, NamedTuple, NoReturn

from ..core.constraints import MAX_LAYERS, MAX_NOTATION, MAX_REPEAT_DEPTH, Constraint, Flag, Integer
from ..core.errors import LimitError, NotationError, did_you_mean, shown
from .layer_base import Layer, layer_fields
from .layers import BY_WORD

_TOKEN = re.compile(r"[,()*=]|[^\s,()*=]+")
_TIMES = Integer(1, MAX_LAYERS)
_LONGEST_FOLD = 32  # layers in the brackets that `write` writes


class PositionedLayer(NamedTuple):
    """A layer and the position of its word in the text."""

    layer: Layer
    position: int


class _Token(NamedTuple):
    text: str
    position: int


def parse(text: str) -> tuple[Layer, ...]:
    """The layers of a text, with repeats written out; NotationError if it is invalid."""
    return tuple(layer for layer, _ in parse_with_positions(text))


def parse_with_positions(text: str) -> list[PositionedLayer]:
    """Like `parse`, each layer with its position in the text."""
    return _Parser(text).network()


def write(layers: Iterable[Layer]) -> str:
    """The text of a list of layers, with repeats folded; `parse` returns the same layers."""
    return ", ".join(item for item, _ in _items([write_layer(layer) for layer in layers]))


def write_with_positions(layers: Sequence[Layer]) -> tuple[str, list[PositionedLayer]]:
    """The text of a list of layers, and each layer with its position in that text."""
    text = write(layers)
    return text, parse_with_positions(text)


def write_layer(layer: Layer) -> str:
    """The text of one layer, without hyperparameters at their defaults."""
    words = [layer.word]
    for field in layer_fields(type(layer)):
        value = getattr(layer, field.name)
        key = field.metadata["key"]
        if field.default is not MISSING and replace(layer, **{field.name: field.default}) == layer:  # type: ignore[type-var]
            continue
        written = field.metadata["constraint"].write(value)
        if key is None:
            words.append(written)
        else:
            words.append(key if _is_flag(field) else f"{key}={written}")
    return " ".join(words)


def _items(written: list[str]) -> Iterator[tuple[str, int]]:
    """The items of a list and the number of layers of each, with equal runs folded."""
    start = 0
    while start < len(written):
        length, times = _best_fold(written, start)
        run = ", ".join(written[start : start + length])
        yield (f"{times} * ({run})" if times > 1 else run), length * times
        start += length * times


def _best_fold(written: list[str], start: int) -> tuple[int, int]:
    """The run of layers from ``start`` whose repeats cover the most layers: length and repeats."""
    best = (1, 1)
    for length in range(1, min(_LONGEST_FOLD, (len(written) - start) // 2) + 1):
        run, times = written[start : start + length], 1
        while written[start + times * length : start + (times + 1) * length] == run:
            times += 1
        worth_it = times > 2 or (times == 2 and length > 1)
        if worth_it and times * length > best[0] * best[1]:
            best = (length, times)
    return best


def _is_flag(field: Field[Any]) -> bool:
    return isinstance(field.metadata["constraint"], Flag)


def usage(kind: type[Layer]) -> str:
    """How a kind of layer is written: ``pool WINDOW [stride=SIZE] [kind=max|average] ...``."""
    words = [kind.word]
    for field in layer_fields(kind):
        key, name = field.metadata["key"], field.name.upper()
        if key is None:
            words.append(name if field.default is MISSING else f"[{name}]")
        elif _is_flag(field):
            words.append(f"[{key}]")
        else:
            words.append(f"[{key}={name}]")
    return " ".join(words)


class _Parser:
    """Reads a text from left to right, one token ahead."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise NotationError(
                f"layers: got {shown(text)}, wanted a text such as 'conv 16 5, relu, full'",
                text="", position=0,
            )  # fmt: skip
        if len(text) > MAX_NOTATION:
            raise NotationError(
                f"layers: the text has {len(text):,} characters, wanted at most "
                f"{MAX_NOTATION:,}; write repeats as N * (...)",
                text=text, position=MAX_NOTATION,
            )  # fmt: skip
        self.text = text
        self.tokens = [_Token(match.group(), match.start()) for match in _TOKEN.finditer(text)]
        self.at = 0

    # The current token.

    def peek(self, ahead: int = 0) -> str:
        """The text of a coming token, empty past the end."""
        index = self.at + ahead
        return self.tokens[index].text if index < len(self.tokens) else ""

    def position(self, index: int | None = None) -> int:
        """The position of a token, or the end of the text."""
        index = self.at if index is None else index
        return self.tokens[index].position if index < len(self.tokens) else len(self.text)

    def fail(self, message: str, position: int | None = None) -> NoReturn:
        position = self.position() if position is None else position
        raise NotationError(
            f"layers, position {position}: {message}", text=self.text, position=position
        ) from None

    # The grammar: one method for each rule.

    def network(self) -> list[PositionedLayer]:
        if not self.tokens:
            self.fail("there is no layer; write 'conv 8 3, relu, pool 2, full', say")
        layers = self.sequence(depth=0)
        if self.peek() == ")":
            self.fail("this ) closes nothing; take it out, or write N * ( before it")
        if self.at < len(self.tokens):
            self.fail(f"got '{self.peek()[:40]}', wanted a comma between layers")
        return layers

    def sequence(self, depth: int) -> list[PositionedLayer]:
        layers = self.item(depth, limit=MAX_LAYERS)
        while self.peek() == ",":
            self.at += 1
            layers += self.item(depth, limit=MAX_LAYERS - len(layers))
        return layers

    def item(self, depth: int, limit: int) -> list[PositionedLayer]:
        start = self.position()
        if self.peek(1) == "*" or self.peek().isdecimal():
            layers = self.repeat(depth)
        else:
            layers = [self.layer()]
        if len(layers) > limit:
            self.too_many(start)
        return layers

    def repeat(self, depth: int) -> list[PositionedLayer]:
        start = self.position()
        if depth == MAX_REPEAT_DEPTH:
            self.fail(
                f"brackets are nested more than {MAX_REPEAT_DEPTH} deep; write some repeats out"
            )
        times: int = self.read(_TIMES, "number of repeats")
        for symbol in ("*", "("):
            self.at += 1
            if self.peek() != symbol:
                self.fail(
                    f"got {self.got()}, wanted '{symbol}'; repeats are written 2 * (conv 8 3, relu)"
                )
        opening = self.position()
        self.at += 1
        layers = self.sequence(depth + 1)
        if self.peek() != ")":
            self.fail(f"got {self.got()}, wanted ) to close the ( at position {opening}")
        self.at += 1
        if times * len(layers) > MAX_LAYERS:  # before they are written out
            self.too_many(start, f"{times:,} times {len(layers):,} layers are too many: ")
        return layers * times

    def layer(self) -> PositionedLayer:
        start, word = self.position(), self.peek()
        if word in ("", ",", ")", "(", "*", "="):
            self.fail(f"got {self.got()}, wanted a layer")
        kind = BY_WORD.get(word)
        if kind is None:
            self.fail(f"'{word[:40]}' is not a layer{did_you_mean(word, BY_WORD)}")
        self.at += 1
        values = self.values(kind, start)
        try:
            return PositionedLayer(kind(**values), start)
        except LimitError as error:  # hyperparameters that contradict each other
            self.fail(str(error), start)

    def values(self, kind: type[Layer], start: int) -> dict[str, Any]:
        """The hyperparameters of one layer, by field name."""
        values: dict[str, Any] = {}
        positional = [field for field in layer_fields(kind) if field.metadata["key"] is None]
        keyed = {
            field.metadata["key"]: field for field in layer_fields(kind) if field.metadata["key"]
        }
        while self.peek() not in ("", ",", ")"):
            word = self.peek()
            if word in ("(", "*", "="):
                self.fail(
                    f"got '{word}', wanted a comma or a hyperparameter of {kind.word}: "
                    f"{usage(kind)}"
                )
            if word in keyed or self.peek(1) == "=":
                self.keyed(kind, keyed, values)
            elif positional and word not in BY_WORD:
                field = positional.pop(0)
                values[field.name] = self.value(kind, field)
            elif word in BY_WORD:
                self.fail(f"there is no comma between two layers; put one before {word}")
            else:
                self.fail(
                    f"{kind.word} takes no further argument; got '{word[:40]}': {usage(kind)}"
                )
        missing = [field.name for field in positional if field.default is MISSING]
        if missing:
            self.fail(
                f"{kind.word} needs its {' and '.join(missing)}; write {kind.example}, say", start
            )
        return values

    def keyed(
        self, kind: type[Layer], keyed: dict[str, Field[Any]], values: dict[str, Any]
    ) -> None:
        """One ``key=value`` or flag, put into ``values``."""
        key = self.peek()
        field = keyed.get(key)
        if field is None:
            near = did_you_mean(key, keyed) if keyed else f"; write {kind.example}"
            self.fail(f"{kind.word} has no hyperparameter '{key[:40]}'{near}")
        if field.name in values:
            self.fail(f"{key} appears twice; take one out")
        if _is_flag(field):
            if self.peek(1) == "=":
                self.fail(f"{key} takes no value; write just {key}")
            self.at += 1
            values[field.name] = True
            return
        if self.peek(1) != "=":
            self.fail(
                f"{key} needs a value: {key}=, then {field.metadata['constraint'].description}"
            )
        self.at += 2
        values[field.name] = self.value(kind, field)

    def value(self, kind: type[Layer], field: Field[Any]) -> Any:
        constraint = field.metadata["constraint"]
        if self.peek() in ("", ",", ")", "(", "*", "="):
            self.fail(
                f"{kind.word}: {field.name}: got {self.got()}, wanted {constraint.description}"
            )
        value = self.read(constraint, f"{kind.word}: {field.name}")
        self.at += 1
        return value

    def read(self, constraint: Constraint, name: str) -> Any:
        """The value of the current word, which is allowed."""
        try:
            return constraint.read(self.peek())
        except LimitError as error:
            self.fail(f"{name}: {error}")

    # Error messages.

    def got(self) -> str:
        return f"'{self.peek()[:40]}'" if self.at < len(self.tokens) else "the end of the text"

    def too_many(self, position: int, why: str = "") -> NoReturn:
        self.fail(f"{why}more than {MAX_LAYERS:,} layers; the limit is reached here", position)
