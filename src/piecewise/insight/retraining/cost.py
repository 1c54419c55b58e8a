"""What it takes to teach nets, each without something, and what is afforded: the net's own layers
and recipe, the recipe cut short, or small layers that suit its kind of input."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from ...core.constraints import Integer, checked
from ...core.errors import LimitError
from ...network import Network
from ...spec.architecture import Architecture
from ...training.defaults import KINDS, default_config
from ...training.recipe import Recipe

PLENTY = 1.2e11
"""Multiplications forward, of all nets and epochs together, above which less than the net's own
recipe is taught: some ten seconds on two cores."""
MOST_WORK = 6e12
"""The same, above which nothing is begun: some ten minutes."""
ENOUGH_STEPS = 100
"""A net that is taught fewer knows little."""
FEWEST_STEPS = 40
"""That each net is taught where there is work for fewer (and its recipe has as many)."""
SMALL_BATCH = 16
"""Where there is work for less than a recipe: more steps for the same."""
MOST_NETS = 10_000
A_STEP = 1_000_000
"""Multiplications that take about as long as what a step costs besides."""
SEEDS = 2
"""Over so many, what is left to the chance of training is averaged."""


@dataclass(frozen=True)
class RetrainingCost:
    """What asking takes: ``nets`` to be taught, each with this recipe and these layers, and the
    ``work`` of all, in multiplications forward."""

    nets: int
    layers: str
    recipe: Recipe
    work: float

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the fields."""
        return {**vars(self), "recipe": self.recipe.to_json()}


def retraining_cost(
    net: Network,
    examples: int,
    left_out: int,
    *,
    layers: str | None = None,
    epochs: int | None = None,
    seeds: int = SEEDS,
) -> RetrainingCost:
    """What it takes to leave so many examples, or groups, out in turn; LimitError if that is more
    than some ten minutes' work.

    A net's own layers and recipe are followed if all nets together are no more than `PLENTY` of
    work. Else the recipe is cut short: smaller batches, and fewer epochs. Where there is no work
    for `ENOUGH_STEPS` each, small layers that suit the kind of input learn in the place of larger
    ones, by the recipe that goes with them and the net's own loss, tricks and seed: as long as
    there is work for, but `FEWEST_STEPS`. Said ``layers`` and ``epochs`` are kept. It all follows
    from sizes, so that the answer is the same on every machine.
    """
    for name, limit, value in (
        ("epochs", Integer(1, 100_000, optional=True), epochs),
        ("seeds", Integer(1, 100), seeds),
    ):
        checked(f"influential_examples: {name}", limit, value)
    if not net.recipe:
        raise LimitError(
            "influential_examples: got a net without a recipe, wanted a trained one; train it first"
        )
    nets = seeds * (left_out + 1)
    found = _affordable(net, examples, nets, layers, epochs)
    if found.work > MOST_WORK or nets > MOST_NETS:
        raise LimitError(
            f"influential_examples: got {nets:,} nets to train, {found.work:.1e} multiplications, "
            f"wanted at most {MOST_NETS:,} nets and {MOST_WORK:.0e}; leave out groups of examples, "
            "use fewer examples or epochs, or smaller layers"
        )
    return found


def _affordable(
    net: Network, examples: int, nets: int, layers: str | None, epochs: int | None
) -> RetrainingCost:
    recipe = replace(Recipe(**net.recipe), patience=0, method="backpropagation")
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    whole = _cost(net, layers or net.notation, recipe, examples, nets)
    if epochs is not None or whole.work <= PLENTY:
        return whole
    short = _cut(net, whole, examples)
    steps = short.recipe.epochs * math.ceil(examples / short.recipe.batch_size)
    if layers is not None or (steps >= ENOUGH_STEPS and short.work <= PLENTY):
        return short
    return _small(net, recipe, examples, nets) or short


def _small(net: Network, own: Recipe, examples: int, nets: int) -> RetrainingCost | None:
    """Small layers and what goes with them; None where the net's own are no larger."""
    reads_texts = net.architecture.reads_texts
    kind = net.preprocessor.kind
    if reads_texts != (kind == "texts"):  # a text may be read as a picture, too
        kind = "texts" if reads_texts else "drawings"
    plan = default_config(
        kind,
        net.input,
        len(net.classes),
        examples,
        layers=KINDS[kind].quick_layers(net.input, small=True),
        quick=True,
        augmentation=own.augmentation,
        loss=own.loss,
        seed=own.seed,
    )
    small = Architecture(plan.layers, net.input, net.classes)
    if small.multiplications >= net.architecture.multiplications:
        return None
    return _cut(net, _cost(net, plan.layers, plan.recipe, examples, nets), examples)


def _cut(net: Network, whole: RetrainingCost, examples: int) -> RetrainingCost:
    """Small batches, whose learning rate goes with the square root, and as many epochs as there is
    work for."""
    recipe = whole.recipe
    batch = min(recipe.batch_size, SMALL_BATCH)
    rate = recipe.learning_rate * math.sqrt(batch / recipe.batch_size)
    short = replace(recipe, batch_size=batch, learning_rate=rate, epochs=1)
    least = math.ceil(FEWEST_STEPS / math.ceil(examples / batch))
    affordable = int(PLENTY / _cost(net, whole.layers, short, examples, whole.nets).work)
    short = replace(short, epochs=min(recipe.epochs, max(least, affordable)))
    return _cost(net, whole.layers, short, examples, whole.nets)


def _cost(net: Network, layers: str, recipe: Recipe, examples: int, nets: int) -> RetrainingCost:
    """A picture costs its own multiplications, and its share of a step."""
    own = layers == net.notation
    architecture = net.architecture if own else Architecture(layers, net.input, net.classes)
    a_picture = architecture.multiplications + A_STEP / recipe.batch_size
    work = float(nets) * examples * recipe.epochs * a_picture
    return RetrainingCost(nets, architecture.notation, recipe, work)
