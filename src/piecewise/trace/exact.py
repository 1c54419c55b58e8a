"""A number of a walk as an exact fraction of weights and pixels, nothing rounded on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from ..core.errors import LimitError
from .arithmetic import Position, Why

MOST_TERMS = 1_000_000
"""Of all numbers that one number is made of."""


def exact(position: Position, why: Callable[[Position], Why], stacks: Sequence[str]) -> Fraction:
    """The number at a place, opened down to the input by ``why``; ``stacks``: their names, in the
    order they are made. LimitError for a net with norm,
    whose square roots are no fractions, or where too many numbers are in it."""
    opened, waiting, terms = dict[Position, Why](), [position], 0
    while waiting:
        here = waiting.pop()
        if here in opened:
            continue
        found = opened[here] = why(here)
        terms += len(found.terms)
        if terms > MOST_TERMS:
            raise LimitError(
                f"{position}: it is made of more than {MOST_TERMS:,} terms, too many to add as "
                "fractions; ask for a number of an earlier layer"
            )
        if found.normal:
            raise LimitError(
                f"{here}: norm divides by a square root, which is no fraction; ask for a number "
                "before it"
            )
        waiting += [term.position for term in found.terms if term.position]
    number = {name: index for index, name in enumerate(stacks)}
    known = dict[Position, Fraction]()
    for here in sorted(opened, key=lambda one: number[one.layer]):  # what it is made of comes first
        known[here] = _value(opened[here], known)
    return known[position]


def _value(why: Why, known: dict[Position, Fraction]) -> Fraction:
    if why.operation == "input":
        return Fraction(why.value)
    products = [
        Fraction(term.weight) * (known[term.position] if term.position else Fraction(term.value))
        for term in why.terms
    ]
    return max(products) if why.operation == "largest" else sum(products, Fraction(0)) / why.divisor
