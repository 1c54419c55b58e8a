"""What it takes to teach nets without something, one after the other, and what is afforded: the
net's own layers and recipe, the recipe cut short, or small layers that suit its kind of input."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from ..architecture import Architecture
from ..errors import LimitError
from ..learning.choices import KINDS, plan_for
from ..learning.recipe import Recipe
from ..limits import Whole, checked
from ..network import Network

PLENTY = 1.2e11
"""Multiplications forward, of all nets and epochs together, that are spent without being asked:
some ten seconds on two cores."""
MOST_WORK = 6e12
"""The same, above which nothing is begun: some ten minutes."""
ENOUGH_STEPS = 100
"""A recipe cut to fewer teaches large layers less than small ones learn by their own."""
FEWEST_STEPS = 40
"""Of a recipe that is cut short, whatever it costs."""
SMALL_BATCH = 16
"""Of a recipe that is cut short: more steps for the same work."""
MOST_NETS = 10_000
A_STEP = 1_000_000
"""Multiplications that take about as long as what a step costs besides."""
SEEDS = 2
"""Over so many, what is left to the chance of training is averaged."""


@dataclass(frozen=True)
class Cost:
    """What asking takes: ``nets`` to be taught, each with this recipe and these layers, and the
    ``work`` of all, in multiplications forward."""

    nets: int
    layers: str
    recipe: Recipe
    work: float

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the fields."""
        return {**vars(self), "recipe": self.recipe.to_json()}


def cost(
    net: Network,
    examples: int,
    left_out: int,
    *,
    layers: str | None = None,
    epochs: int | None = None,
    seeds: int = SEEDS,
) -> Cost:
    """What it takes to leave so many examples, or groups, out in turn; LimitError if that is more
    than some ten minutes' work.

    A net's own layers and recipe are followed if all nets together are some seconds' work. Else
    the recipe is cut short: smaller batches, fewer epochs. Where a hundred steps would be too
    many even so, small layers that suit the net's kind of input learn in its place, by their own
    recipe with its tricks, 40 steps at least. Said ``layers`` and ``epochs`` are kept. It all
    follows from sizes, so that the answer is the same on every machine.
    """
    for name, limit, value in (
        ("epochs", Whole(1, 100_000, optional=True), epochs),
        ("seeds", Whole(1, 100), seeds),
    ):
        checked(f"culprits: {name}", limit, value)
    if not net.recipe:
        raise LimitError(
            "culprits: got a net that holds no recipe, wanted one that has learned: train it first"
        )
    nets = seeds * (left_out + 1)
    found = _affordable(net, examples, nets, layers, epochs)
    if found.work > MOST_WORK or nets > MOST_NETS:
        raise LimitError(
            f"culprits: {nets:,} nets to be taught, {found.work:.1e} multiplications, wanted at "
            f"most {MOST_NETS:,} nets and {MOST_WORK:.0e}; leave out groups of examples, take "
            "fewer examples or epochs, or quicker layers"
        )
    return found


def _affordable(
    net: Network, examples: int, nets: int, layers: str | None, epochs: int | None
) -> Cost:
    recipe = replace(Recipe(**net.recipe), patience=0, method="backpropagation")
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    whole = _cost(net, layers or net.notation, recipe, examples, nets)
    if epochs is not None or whole.work <= PLENTY:
        return whole
    short = _cut(net, whole, examples)
    steps = short.recipe.epochs * math.ceil(examples / short.recipe.batch_size)
    if layers is not None or steps >= ENOUGH_STEPS:
        return short
    small = _small(net, recipe, examples, nets)
    return min(short, small, key=lambda one: one.work / one.recipe.epochs)


def _small(net: Network, own: Recipe, examples: int, nets: int) -> Cost:
    """Small layers and what goes with them, but for the tricks and the seed."""
    kind, shape, classes = net.preparation.kind, net.input, len(net.classes)
    plan = plan_for(
        kind,
        shape,
        classes,
        examples,
        layers=KINDS[kind].small_layers(shape),
        quick=True,
        tricks=own.tricks,
        loss=own.loss,
        seed=own.seed,
    )
    return _cut(net, _cost(net, plan.layers, plan.recipe, examples, nets), examples)


def _cut(net: Network, whole: Cost, examples: int) -> Cost:
    """The recipe cut short, if that is needed: smaller batches, then as many epochs as there is
    work for. The learning rate goes with the square root of the batch."""
    recipe = whole.recipe
    batch = min(recipe.batch_size, SMALL_BATCH)
    rate = recipe.learning_rate * math.sqrt(batch / recipe.batch_size)
    short = replace(recipe, batch_size=batch, learning_rate=rate, epochs=1)
    least = math.ceil(FEWEST_STEPS / math.ceil(examples / batch))
    affordable = int(PLENTY / _cost(net, whole.layers, short, examples, whole.nets).work)
    short = replace(short, epochs=min(recipe.epochs, max(least, affordable)))
    return _cost(net, whole.layers, short, examples, whole.nets)


def _cost(net: Network, layers: str, recipe: Recipe, examples: int, nets: int) -> Cost:
    """A picture costs its own multiplications, and its share of a step."""
    own = layers == net.notation
    architecture = net.architecture if own else Architecture(layers, net.input, net.classes)
    a_picture = architecture.multiplications + A_STEP / recipe.batch_size
    work = float(nets) * examples * recipe.epochs * a_picture
    return Cost(nets, architecture.notation, recipe, work)
