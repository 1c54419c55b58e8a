"""The quantities of the deck that a lesson can name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.array_types import Array
from ..core.errors import did_you_mean, shown
from ..data.xo import DECK_O, DECK_TRICKY_X, DECK_X, FEATURES
from .deck_facts import DECK_ANSWERS, SLIDE_ERRORS, Facts
from .references import LessonError

_PICTURES = {"X": DECK_X, "tricky X": DECK_TRICKY_X, "O": DECK_O}
_SIDE = 3


class Deck:
    """The numbers of the slides, computed; rows and columns are counted from 1."""

    def __init__(self, facts: Facts | None = None) -> None:
        self.facts = facts or Facts()

    def picture(self, name: str) -> Array:
        """A picture by its name."""
        picture: Array = _named(_PICTURES, name, "picture")
        return picture

    def feature(self, name: str) -> Array:
        """A feature by its name."""
        feature: Array = _named(FEATURES, name, "feature")
        return feature

    def map(self, name: str) -> Array:
        """The map of a feature in the X."""
        return self._plane("conv1", name)

    def relu(self, name: str) -> Array:
        """The map after ReLU."""
        return self._plane("relu1", name)

    def pooled(self, name: str) -> Array:
        """The map after pooling."""
        return self._plane("pool1", name)

    def pooled_twice(self, name: str) -> Array:
        """The map after pooling twice."""
        return self._plane("pool2", name)

    def match(self, name: str, row: int, column: int) -> float:
        """The match of a feature at one position of the X."""
        return _at(self.map(name), row, column)

    def pooled_at(self, name: str, row: int, column: int) -> float:
        """A value of a pooled map."""
        return _at(self.pooled(name), row, column)

    def product_sum(self, name: str, row: int, column: int) -> int:
        """The sum of the products of a feature and a patch of the X, before the division."""
        _at(self.map(name), row, column)
        patch = DECK_X[row - 1 : row - 1 + _SIDE, column - 1 : column - 1 + _SIDE]
        return int((self.feature(name) * patch).sum())

    def best(self, name: str, picture: str) -> float:
        """The best match of a feature in a picture."""
        plane = self.picture(picture)
        self.feature(name)
        return self.facts.best_match(self.facts.walk_of(plane))[name]

    def literal(self, name: str) -> int:
        """A number of the comparison of the two X's, pixel by pixel."""
        return self.facts.literal[name]

    def answer(self, name: str) -> float:
        """The answer of the slide for X or O."""
        return float(_named(DECK_ANSWERS, name, "answer"))

    def error(self, name: str) -> float:
        """The error of an answer, or the total."""
        return float(_named(self.facts.errors, name, "error"))

    def slide_error(self, name: str) -> float:
        """The same error as the slide prints it."""
        return float(_named(SLIDE_ERRORS, name, "error"))

    def parameters(self) -> int:
        """The number of parameters of the deck's net."""
        return self.facts.architecture.parameter_count

    def gradient_difference(self) -> float:
        """The largest relative difference of a gradient by nudging and by backpropagation."""
        return self.facts.learning.largest_difference

    def votes(self) -> int:
        """The number of values that vote."""
        return int(self.facts.votes.shape[1])

    def passes(self) -> int:
        """The runs of the deck's net for one step by nudging."""
        return 2 * self.facts.architecture.parameter_count

    def _plane(self, layer: str, name: str) -> Array:
        self.feature(name)
        plane: Array = self.facts.x[layer][list(FEATURES).index(name)]
        return plane


def _at(plane: Array, row: int, column: int) -> float:
    for what, index, side in zip(("row", "column"), (row, column), plane.shape, strict=True):
        if not 1 <= index <= side:
            raise LessonError(f"{what}: got {index}, wanted a number from 1 to {side}")
    return float(plane[row - 1, column - 1])


def _named(table: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in table:
        raise LessonError(f"{what}: got {shown(name)}{did_you_mean(name, table)}")
    return table[name]
