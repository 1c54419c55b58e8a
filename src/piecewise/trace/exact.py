"""An activation as an exact fraction of weights and inputs, without rounding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from ..core.errors import LimitError
from .arithmetic import Position, Why

MAX_TERMS = 1_000_000
"""The largest number of terms, over all activations that are used."""


def exact(position: Position, why: Callable[[Position], Why], layers: Sequence[str]) -> Fraction:
    """The activation at a position as a fraction, computed from the input.

    ``why`` returns the arithmetic of an activation; ``layers`` are the layers' names in forward
    order. Raises LimitError for norm, whose square roots are no fractions, and for more than
    `MAX_TERMS` terms.
    """
    arithmetic, waiting, terms = dict[Position, Why](), [position], 0
    while waiting:
        source = waiting.pop()
        if source in arithmetic:
            continue
        of_source = arithmetic[source] = why(source)
        terms += len(of_source.terms)
        if terms > MAX_TERMS:
            raise LimitError(
                f"{position}: it is made of more than {MAX_TERMS:,} terms, too many to add as "
                "fractions; ask for a number of an earlier layer"
            )
        if of_source.normal:
            raise LimitError(
                f"{source}: norm divides by a square root, which is not a rational number; ask for "
                "a number before it"
            )
        waiting += [term.position for term in of_source.terms if term.position]
    order = {name: index for index, name in enumerate(layers)}
    values = dict[Position, Fraction]()
    for source in sorted(arithmetic, key=lambda one: order[one.layer]):  # forward order
        values[source] = _value(arithmetic[source], values)
    return values[position]


def _value(why: Why, values: dict[Position, Fraction]) -> Fraction:
    """The fraction of one activation, from those of its terms."""
    if why.operation == "input":
        return Fraction(why.value)
    products = [
        Fraction(term.weight) * (values[term.position] if term.position else Fraction(term.value))
        for term in why.terms
    ]
    if why.operation == "largest":
        return max(products)
    return sum(products, Fraction(0)) / why.divisor
