"""Questions about votes, errors, learning and knobs."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import product
from math import expm1, log1p

from ..spec.architecture import Architecture
from . import net_quantities as nets
from .learner import Learner
from .question_parts import (
    CELLS_ASKED,
    DRAWINGS_ASKED,
    EXACT,
    HALF_DIGIT,
    Pool,
    added,
    shown_value,
    some,
    walks,
)
from .questions import CheckQuestion

# Votes.


def one_vote(learner: Learner) -> Pool:
    """A vote: weight times value."""
    for _, walk in walks(learner, DRAWINGS_ASKED):
        for label in range(2):
            for vote in walk.ledger(label).sorted()[:CELLS_ASKED]:
                value, weight = shown_value(vote.value), shown_value(vote.weight)
                yield CheckQuestion(
                    f"A value is {value} and its weight for {learner.classes[label]} is {weight}. "
                    "What is its vote?",
                    float(value * weight),
                    float(Fraction(value) * Fraction(weight)),
                    {float(value): "the weight is missing",
                     float(value + weight): "multiply, do not add",
                     float(-value * weight): "look at the signs"},
                    HALF_DIGIT,
                    f"{value} x {weight} = {shown_value(float(value * weight))}",
                )  # fmt: skip


def muted_score(learner: Learner) -> Pool:
    """The score without one map."""
    for (_, walk), label in product(walks(learner, DRAWINGS_ASKED), range(2)):
        ledger = walk.ledger(label)
        sums = [shown_value(one) for one in ledger.by_map().tolist()]
        bias = shown_value(ledger.bias)
        for muted, votes in enumerate(sums):
            total = sum(sums, bias)
            rest = [one for at, one in enumerate(sums) if at != muted]
            yield CheckQuestion(
                f"The votes for {learner.classes[label]} by map are {', '.join(map(str, sums))}, "
                f"the bias is {bias}. What is the score without map {muted + 1}?",
                float(sum(rest, bias)),
                float(total - votes),
                {float(total): "that map still votes", float(sum(rest)): "the bias is missing"},
                HALF_DIGIT,
                f"{added([*rest, bias])} = {sum(rest, bias)}",
            )


# Errors.


def error_sum(_: Learner) -> Pool:
    """The errors of two answers, added up."""
    for x, o in product(range(50, 100, 7), range(5, 60, 9)):
        right, other = Decimal(x) / 100, Decimal(o) / 100
        yield CheckQuestion(
            f"An X gets the answers {right} for X and {other} for O. What is the total error?",
            float(abs(1 - right) + abs(0 - other)),
            (100 - x + o) / 100,
            {float(1 - right - other): "errors have no sign",
             float(2 - right - other): "the right answer for O is 0"},
            HALF_DIGIT,
            f"(1 - {right}) + ({other} - 0) = {1 - right} + {other} = {1 - right + other}",
        )  # fmt: skip


def voting_gradient(learner: Learner) -> Pool:
    """The gradient of one voting weight of the untrained net."""
    for drawing in some(learner.drawings, DRAWINGS_ASKED):
        walk = nets.walk(learner.first, drawing)
        back = walk.backprop(drawing.label)
        values = walk["pool2"].ravel().tolist()
        for neuron, at in product(range(2), range(len(values))):
            target, p = int(neuron == drawing.label), shown_value(walk.probabilities[neuron].item())
            value = shown_value(values[at])
            gradient = (p - target) * value
            again = back.gradients["full1.weight"][neuron, at].item()
            yield CheckQuestion(
                f"The probability of {learner.classes[neuron]} is {p}, the right answer is "
                f"{target}, the value is {value}. What is the gradient of its weight?",
                float(gradient),
                again,
                {float(-gradient): "probability minus right answer, in this order",
                 float(p - target): "the value is missing"},
                HALF_DIGIT * float(abs(value) + abs(p - target)) + HALF_DIGIT / 10,
                f"({p} - {target}) x {value} = {p - target} x {value} = "
                f"{shown_value(float(gradient))}",
            )  # fmt: skip


# Learning.

_NUDGE, _RATE = 0.1, Decimal("0.1")


def nudged_gradient(learner: Learner) -> Pool:
    """A gradient from two losses."""
    net = learner.first
    for drawing in some(learner.drawings, 2):
        walk = nets.walk(net, drawing)
        values = walk["pool2"].ravel().tolist()
        for neuron, at in product((1, 2), range(1, 13, 2)):
            low, high = (
                Decimal(f"{nets.loss_at(net, drawing, 'full1.weight', neuron, at, change):.4f}")
                for change in (-_NUDGE, _NUDGE)
            )
            gradient = (high - low) / Decimal("0.2")
            is_label = neuron - 1 == drawing.label
            yield CheckQuestion(
                f"The loss is {low} if a weight is smaller by 0.1, and {high} if it is larger by "
                "0.1. What is the gradient?",
                float(gradient),
                _nudge_quotient(float(walk.probabilities[neuron - 1]), values[at - 1], is_label),
                {float(high - low): "divide by the whole change, 0.2",
                 float(-gradient): "the loss after, minus the loss before"},
                HALF_DIGIT,
                f"({high} - {low}) / 0.2 = {high - low} / 0.2 = {shown_value(float(gradient))}",
            )  # fmt: skip


def _nudge_quotient(probability: float, value: float, is_label: bool) -> float:
    """The same quotient from the probability of the neuron and the value that the weight
    multiplies: a nudge adds value x nudge to one logit."""

    def change(nudge: float) -> float:
        return log1p(probability * expm1(nudge * value)) - nudge * value * is_label

    return (change(_NUDGE) - change(-_NUDGE)) / (2 * _NUDGE)


def next_weight(learner: Learner) -> Pool:
    """A weight after one step."""
    flat = learner.first.parameters["full1.weight"].ravel()
    weights = [shown_value(one) for one in flat.tolist()]
    for drawing in some(learner.drawings, DRAWINGS_ASKED):
        back = nets.walk(learner.first, drawing).backprop(drawing.label)
        gradients = back.gradients["full1.weight"].ravel().tolist()
        for weight, gradient in zip(weights, map(shown_value, gradients), strict=True):
            step = _RATE * gradient
            yield CheckQuestion(
                f"A weight is {weight}, its gradient is {gradient}, the learning rate is 0.1. What "
                "is the weight after one step?",
                float(weight - step),
                float(Fraction(weight) - Fraction(1, 10) * Fraction(gradient)),
                {float(weight + step): "a step goes against the gradient",
                 float(weight - gradient): "the learning rate is missing"},
                HALF_DIGIT,
                f"{weight} - 0.1 x {gradient} = {weight - step}",
            )  # fmt: skip


# Knobs.


def full_weights(_: Learner) -> Pool:
    """The parameters of a fully connected layer."""
    for maps, side, neurons in product((3, 4, 8), (2, 3, 4), (2, 10)):
        net = Architecture("full", (maps, side, side), neurons)
        values = maps * side * side
        yield CheckQuestion(
            f"The values of {maps} maps of {side}x{side} vote for {neurons} classes, each with a "
            "bias. How many parameters is that?",
            neurons * (values + 1),
            net.parameter_count,
            {neurons * values: "the biases are missing", neurons * (maps + 1): "every value votes"},
            EXACT,
            f"{neurons} x ({maps} x {side} x {side} + 1) = {neurons * (values + 1)}",
        )


def changed_net(_: Learner) -> Pool:
    """The parameters of a whole net after a turned knob."""
    for kernels, size in product((2, 3, 4, 6), (3, 5)):
        net = Architecture(f"conv {kernels} {size}, relu, pool 2, pool 2, full", (1, 9, 9), 2)
        pooled = nets.pooled_rows(nets.pooled_rows(9 - size + 1, 2, 2), 2, 2)
        convolution = kernels * (size * size + 1)
        votes = 2 * (kernels * pooled * pooled + 1)
        yield CheckQuestion(
            f"{net.notation} on 9x9 pixels with two classes: how many parameters?",
            convolution + votes,
            net.parameter_count,
            {convolution: "the voting weights are missing",
             votes: "the kernels are missing"},
            EXACT,
            f"Kernels: {kernels} x ({size} x {size} + 1) = {convolution}. Votes: 2 x ({kernels} x "
            f"{pooled} x {pooled} + 1) = {votes}. Together {convolution + votes}.",
        )  # fmt: skip
