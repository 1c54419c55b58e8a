"""The table of all quantities that a lesson can name.

A path is looked up here, name by name: the type of what stands before the name and the name give
the types of the arguments, the type of the result, and the function. Nothing else can be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ..core.errors import PiecewiseError, did_you_mean, shown
from . import column_order as orders
from . import feature_matches as features
from . import net_quantities as nets
from .deck_quantities import Deck
from .descent import Descent, hardest_drawing, largest_value
from .formats import check_format
from .learner import Learner
from .order_trial import computed_trial
from .partner import Partner, generated_partner
from .references import Argument, Bound, LessonError, Reference, Step
from .seat_swap import COVERAGE, SURE, SeatSwap

ROOT = ""
PRINTABLE = ("number", "whole", "name")
"""The types that can be printed; "plane" is a table of numbers."""


class Quantity(NamedTuple):
    """The types of the arguments, the type of the result, and the function that computes it."""

    parameters: tuple[str, ...]
    result: str
    compute: Callable[..., Any]


@dataclass(frozen=True)
class Context:
    """What a path begins with: the learner, the deck, and the swapped seats. Without a partner, one
    is generated."""

    learner: Learner
    deck: Deck
    partner: Partner | None = None

    @cached_property
    def swap(self) -> SeatSwap:
        return SeatSwap(self.learner, self.partner or generated_partner(self.learner))


class _Samples(NamedTuple):
    """Samples of a kind, with where they come from."""

    learner: Learner
    source: str


def _samples(context: Context, kind: str) -> _Samples:
    return _Samples(orders.learner_of(context.learner, kind), orders.source(context.learner, kind))


def _q(signature: str, result: str, compute: Callable[..., Any]) -> Quantity:
    return Quantity(tuple(signature.split()), result, compute)


def _free(compute: Callable[..., Any]) -> Callable[..., Any]:
    """A function that needs nothing but its arguments."""
    return lambda _, *arguments: compute(*arguments)


_ROOT = {
    "deck": _q("", "deck", lambda at: at.deck),
    "small": _q("", "net", lambda at: at.learner.small),
    "first": _q("", "net", lambda at: at.learner.first),
    "net": _q("", "net", lambda at: at.learner.net),
    "swap": _q("", "swap", lambda at: at.swap),
    "own": _q("whole whole", "drawing", lambda at, *which: at.learner.drawing(*which)),
    "hardest": _q("", "drawing", lambda at: at.learner.drawings[hardest_drawing(at.learner)]),
    "descent": _q("", "descent", lambda at: Descent(at.learner)),
    "class_of": _q("drawing", "name", lambda at, drawing: at.learner.classes[drawing.label]),
    "class": _q("whole", "name", lambda at, number: nets.class_name(at.learner, number)),
    "words": _q("", "name", lambda at: ", ".join(at.learner.words) or "none"),
    "drawings": _q("", "whole", lambda at: len(at.learner.drawings)),
    "samples": _q("", "samples", lambda at: _samples(at, orders.kind_of(at.learner))),
    "sounds": _q("", "samples", lambda at: _samples(at, orders.SOUNDS)),
    "texts": _q("", "samples", lambda at: _samples(at, orders.TEXTS)),
    "trial": _q("name", "trial", _free(computed_trial)),
    "error": _q("number number", "number", _free(nets.error)),
    "total_error": _q("net", "number", lambda at, net: nets.total_error(at.learner, net)),
    "odds": _q("number", "number", _free(nets.odds)),
    "sigmoid": _q("number", "number", _free(nets.sigmoid)),
    "log_loss": _q("number", "number", _free(nets.log_loss)),
    "match": _q("whole whole", "number", _free(nets.match)),
    "rows": _q("whole whole whole", "whole", _free(nets.window_rows)),
    "pooled_rows": _q("whole whole whole", "whole", _free(nets.pooled_rows)),
    "parameters": _q("name whole whole", "whole", _free(nets.count_parameters)),
}
_SAMPLES = {
    "count": _q("", "whole", lambda some: len(some.learner.drawings)),
    "source": _q("", "name", lambda some: some.source),
    "right": _q("", "whole", lambda some: orders.right_answers(some.learner, is_shuffled=False)),
    "shuffled_right": _q(
        "", "whole", lambda some: orders.right_answers(some.learner, is_shuffled=True)
    ),
}
_DECK = {
    "picture": _q("name", "plane", Deck.picture),
    "feature": _q("name", "plane", Deck.feature),
    "map": _q("name", "plane", Deck.map),
    "relu": _q("name", "plane", Deck.relu),
    "pooled": _q("name", "plane", Deck.pooled),
    "pooled_twice": _q("name", "plane", Deck.pooled_twice),
    "match": _q("name whole whole", "number", Deck.match),
    "product_sum": _q("name whole whole", "whole", Deck.product_sum),
    "best": _q("name name", "number", Deck.best),
    "pooled_at": _q("name whole whole", "number", Deck.pooled_at),
    "shared_ink": _q("", "whole", lambda deck: deck.literal("shared_ink")),
    "ink": _q("", "whole", lambda deck: deck.literal("ink")),
    "same_pixels": _q("", "whole", lambda deck: deck.literal("same_pixels")),
    "pixels": _q("", "whole", lambda deck: deck.literal("pixels")),
    "answer": _q("name", "number", Deck.answer),
    "error": _q("name", "number", Deck.error),
    "total_error": _q("", "number", lambda deck: deck.error("total")),
    "slide_error": _q("name", "number", Deck.slide_error),
    "parameters": _q("", "whole", Deck.parameters),
    "gradient_difference": _q("", "number", Deck.gradient_difference),
    "votes": _q("", "whole", Deck.votes),
    "passes": _q("", "whole", Deck.passes),
}
_NET = {
    "parameters": _q("", "whole", lambda net: net.architecture.parameter_count),
    "passes": _q("", "whole", lambda net: 2 * net.architecture.parameter_count),
    "layers": _q("", "name", lambda net: net.notation),
    "maps": _q("name", "whole", lambda net, layer: nets.output(net, layer)[0]),
    "rows": _q("name", "whole", lambda net, layer: nets.output(net, layer)[1]),
    "columns": _q("name", "whole", lambda net, layer: nets.output(net, layer)[2]),
    "values": _q("name", "whole", nets.value_count),
    "weights": _q("name", "whole", nets.weight_count),
    "field_rows": _q("name", "whole", nets.field_rows),
    "walk": _q("drawing", "walk", nets.walk),
    "answer": _q("drawing", "name", nets.answer),
    "probability": _q("drawing", "number", nets.probability),
    "loss": _q("drawing", "number", nets.loss),
    "largest_value": _q("drawing", "whole", lambda net, drawing: 1 + largest_value(net, drawing)),
    "weight": _q("name whole whole", "number", nets.voting_weight),
    "kernel": _q("whole whole whole", "number", features.kernel_weight),
    "gradient": _q("drawing name whole whole", "number", nets.gradient),
    "nudged": _q("drawing name whole whole", "number", nets.nudged_gradient),
    "loss_at": _q("drawing name whole whole number", "number", nets.loss_at),
    "stepped": _q("drawing name whole whole number", "number", nets.stepped),
}
_DRAWING = {
    "ink": _q("", "whole", nets.ink),
    "shared_ink": _q("whole whole", "whole", nets.shared_ink),
    "moved": _q("whole whole", "drawing", nets.shifted_drawing),
    "shuffled": _q("", "drawing", orders.shuffled_drawing),
    "best": _q("name", "number", features.best_match),
    "best_feature": _q("", "name", features.best_feature),
}
_WALK = {
    "cell": _q("name whole whole whole", "cell", nets.cell),
    "strongest": _q("name", "cell", lambda walk, layer: nets.extreme(walk, layer, 1)),
    "weakest": _q("name", "cell", lambda walk, layer: nets.extreme(walk, layer, -1)),
    "why": _q("cell", "why", lambda walk, cell: walk.why(*cell)),
    "value": _q("cell", "number", lambda walk, cell: walk.why(*cell).value),
    "zeros": _q("name", "whole", nets.zeros),
    "negatives": _q("name", "whole", nets.negatives),
    "values": _q("name", "whole", lambda walk, layer: nets.activation(walk, layer).size),
    "changed": _q("walk name", "whole", nets.changed),
    "change": _q("walk name", "number", nets.change),
    "ledger": _q("whole", "ledger", nets.class_ledger),
    "probability": _q("whole", "number", nets.class_probability),
    "map": _q("name whole", "plane", nets.map_values),
}
_CELL = {
    "map": _q("", "whole", lambda cell: cell.feature + 1),
    "row": _q("", "whole", lambda cell: cell.row + 1),
    "column": _q("", "whole", lambda cell: cell.column + 1),
}
_WHY = {
    "value": _q("", "number", lambda why: why.value),
    "recomputed": _q("", "number", lambda why: why.recomputed),
    "terms": _q("", "whole", lambda why: len(why.terms)),
    "products": _q("", "whole", nets.product_count),
    "product": _q("whole", "number", nets.product),
    "bias": _q("", "number", nets.bias),
    "sum": _q("", "number", nets.sum_without_bias),
}
_LEDGER = {
    "logit": _q("", "number", lambda ledger: ledger.logit),
    "total": _q("", "number", lambda ledger: ledger.total),
    "bias": _q("", "number", lambda ledger: ledger.bias),
    "votes": _q("", "whole", lambda ledger: len(ledger.votes)),
    "largest": _q("", "number", lambda ledger: ledger.sorted()[0].vote),
    "smallest": _q("", "number", lambda ledger: ledger.sorted()[-1].vote),
    "value": _q("whole", "number", lambda ledger, at: nets.vote(ledger, at).value),
    "weight": _q("whole", "number", lambda ledger, at: nets.vote(ledger, at).weight),
    "vote": _q("whole", "number", lambda ledger, at: nets.vote(ledger, at).vote),
    "map": _q("whole", "number", nets.map_votes),
    "without_map": _q("whole", "number", nets.without_map),
}
_SWAP = {
    "asked": _q("", "whole", lambda swap: len(swap.answers)),
    "kept": _q("", "whole", lambda swap: len(swap.partner.kept.labels)),
    "right": _q("", "whole", lambda swap: swap.right),
    "mistakes": _q("", "whole", lambda swap: len(swap.mistakes)),
    "own_right": _q("", "whole", lambda swap: swap.own_right),
    "threshold": _q("", "number", lambda swap: swap.threshold),
    "doubtful": _q("", "whole", lambda swap: swap.doubtful),
    "coverage": _q("", "number", lambda _: COVERAGE),
    "sure": _q("", "number", lambda _: SURE),
}
_TRIAL = {
    "samples": _q("", "whole", lambda trial: trial.n),
    "rounds": _q("", "whole", lambda trial: trial.rounds),
    "accuracy": _q("", "number", lambda trial: trial.accuracy),
    "shuffled": _q("", "number", lambda trial: trial.shuffled_accuracy),
    "low": _q("", "number", lambda trial: trial.interval[0]),
    "high": _q("", "number", lambda trial: trial.interval[1]),
    "verdict": _q("", "name", lambda trial: trial.verdict),
}
_DESCENT = {
    "before": _q("", "number", lambda descent: descent.before),
    "after": _q("", "number", lambda descent: descent.after),
    "factor": _q("", "whole", lambda descent: descent.factor),
    "long": _q("", "number", lambda descent: descent.long),
}
CALLS: Mapping[tuple[str, str], Quantity] = {
    (owner, name): quantity
    for owner, table in {
        ROOT: _ROOT, "deck": _DECK, "net": _NET, "drawing": _DRAWING, "walk": _WALK,
        "cell": _CELL, "why": _WHY, "ledger": _LEDGER, "samples": _SAMPLES, "swap": _SWAP,
        "descent": _DESCENT, "trial": _TRIAL,
    }.items()
    for name, quantity in table.items()
}  # fmt: skip
"""By the type of the owner ("" at the beginning of a path) and the name."""


def type_of(reference: Reference, bound: Mapping[str, str]) -> str:
    """The type of a path, without computing it; LessonError. ``bound``: the types of the names that
    the head binds."""
    owner = ROOT
    for step in reference.steps:
        if owner == ROOT and step.name in bound and not step.arguments:
            owner = bound[step.name]
        else:
            owner = _quantity(owner, step, reference, bound).result
    return owner


def check_printable(reference: Reference, bound: Mapping[str, str], *, planes: bool) -> None:
    """LessonError unless the value of a path can be printed in its format."""
    kind = type_of(reference, bound)
    if kind not in PRINTABLE and not (planes and kind == "plane"):
        raise LessonError(f"{reference.path}: got a {kind}, wanted a number or a name")
    check_format(reference.format, "number" if kind == "plane" else kind)


def value_of(reference: Reference, context: Context, bound: Mapping[str, Any]) -> Any:
    """The value of a path whose types were checked; LessonError if it cannot be computed."""
    owner, value, types = ROOT, context, {name: one[0] for name, one in bound.items()}
    for step in reference.steps:
        if owner == ROOT and step.name in bound and not step.arguments:
            owner, value = bound[step.name]
            continue
        quantity = _quantity(owner, step, reference, types)
        arguments = (
            bound[one.name][1] if isinstance(one, Bound) else one for one in step.arguments
        )
        try:
            value = quantity.compute(value, *arguments)
        except PiecewiseError as error:
            raise LessonError(f"{reference.path}: {error}") from None
        owner = quantity.result
    return value


def _quantity(owner: str, step: Step, reference: Reference, bound: Mapping[str, str]) -> Quantity:
    quantity = CALLS.get((owner, step.name))
    if quantity is None:
        known = [name for of, name in CALLS if of == owner] + (list(bound) if not owner else [])
        place = f"of a {owner} " if owner else ""
        hint = did_you_mean(step.name, known) if known else ""
        raise LessonError(
            f"{reference.path}: got {shown(step.name)}, which is no quantity {place}in the table"
            f"{hint}"
        )
    if len(step.arguments) != len(quantity.parameters):
        wanted = ", ".join(quantity.parameters) or "none"
        raise LessonError(f"{reference.path}: {step.name} got {len(step.arguments)} arguments, "
                          f"wanted {wanted}")  # fmt: skip
    for argument, wanted in zip(step.arguments, quantity.parameters, strict=True):
        got = _argument_type(argument, reference, bound)
        if got != wanted and (got, wanted) != ("whole", "number"):
            raise LessonError(f"{reference.path}: {step.name} got a {got}, wanted a {wanted}")
    return quantity


def _argument_type(argument: Argument, reference: Reference, bound: Mapping[str, str]) -> str:
    if isinstance(argument, Bound):
        if argument.name not in bound:
            raise LessonError(f"{reference.path}: {shown(argument.name)} is not bound in the head"
                              f"{did_you_mean(argument.name, bound) if bound else ''}")  # fmt: skip
        return bound[argument.name]
    return {int: "whole", float: "number", str: "name"}[type(argument)]
