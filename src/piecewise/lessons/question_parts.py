"""What questions share: printed values, and the walks of all drawings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from ..trace.walk import Walk
from . import net_quantities as nets
from .formats import printed
from .learner import Learner, LearnerDrawing
from .questions import CheckQuestion

Pool = Iterator[CheckQuestion]
EXACT, HALF_DIGIT = 1e-6, 0.005
"""The tolerances of whole numbers, and of numbers with two decimals."""
DRAWINGS_ASKED = 4
"""Drawings that are asked about where a net computes for each."""
CELLS_ASKED = 12
"""Cells of a map that are asked about, those with the largest values."""


def shown_value(value: float) -> Decimal:
    """A value as it is printed, with two decimals; questions are about what is printed."""
    return Decimal(printed(value, "2"))


def added(values: Iterable[Decimal]) -> str:
    """A sum as it is written: 0.5 + 0.2 - 0.1."""
    first, *others = values
    signed = (f"{'-' if one < 0 else '+'} {abs(one)}" for one in others)
    return " ".join([str(first), *signed])


def some(drawings: Sequence[LearnerDrawing], count: int) -> list[LearnerDrawing]:
    """So many of the drawings, evenly spread, so that both classes are among them."""
    count = min(count, len(drawings))
    return [drawings[at * len(drawings) // count] for at in range(count)]


def walks(learner: Learner, count: int | None = None) -> list[tuple[LearnerDrawing, Walk]]:
    """All drawings, or so many of them, with their walks through the small net."""
    drawings = learner.drawings if count is None else some(learner.drawings, count)
    return [(one, nets.walk(learner.small, one)) for one in drawings]


def class_of(learner: Learner, drawing: LearnerDrawing) -> str:
    """The name of a drawing's class."""
    return learner.classes[drawing.label]
