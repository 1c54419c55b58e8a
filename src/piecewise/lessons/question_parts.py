"""What questions share: printed values, and the walks of all drawings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from ..trace.walk import Walk
from . import net_quantities as nets
from .formats import printed
from .learner import Learner, LearnerDrawing
from .questions import CheckQuestion

Pool = Iterator[CheckQuestion]
EXACT, HALF_DIGIT = 1e-6, 0.005
"""The tolerances of whole numbers, and of numbers with two decimals."""
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


def walks(learner: Learner) -> list[tuple[LearnerDrawing, Walk]]:
    """All drawings with their walks through the small net."""
    return [(one, nets.walk(learner.small, one)) for one in learner.drawings]


def class_of(learner: Learner, drawing: LearnerDrawing) -> str:
    """The name of a drawing's class."""
    return learner.classes[drawing.label]
