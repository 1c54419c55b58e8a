"""The cost of leave-one-out retraining, and the layers and recipe that a budget allows.

These are the net's own layers and recipe, a shortened recipe, or small layers for the kind of
input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ...core.constraints import Integer, checked
from ...core.errors import LimitError
from ...core.plain_values import PlainRecord
from ...network import Network
from ...spec.architecture import Architecture
from ...training.defaults import KINDS, default_config
from ...training.recipe import Recipe

PLENTY = 1.2e11
"""Multiplications of the forward passes of all nets and epochs, above which recipes are shortened:
about ten seconds on two cores."""
MOST_WORK = 6e12
"""The same, above which LimitError is raised: about ten minutes."""
ENOUGH_STEPS = 100
"""Training steps below which small layers are used instead."""
FEWEST_STEPS = 40
"""Training steps of each net, at least, if its recipe has as many."""
SMALL_BATCH = 16
"""Batch size of a shortened recipe: more steps for the same number of examples."""
MOST_NETS = 10_000
STEP_OVERHEAD = 1_000_000
"""The fixed cost of a training step, in multiplications."""
SEEDS = 2
"""Number of seeds to average over."""


@dataclass(frozen=True)
class RetrainingCost(PlainRecord):
    """The number of nets to train, their layers and recipe, and the ``work`` of all nets: the
    multiplications of the forward passes."""

    nets: int
    layers: str
    recipe: Recipe
    work: float


def retraining_cost(
    net: Network,
    examples: int,
    left_out: int,
    *,
    layers: str | None = None,
    epochs: int | None = None,
    seeds: int = SEEDS,
) -> RetrainingCost:
    """The cost of leaving each of ``left_out`` examples, or groups, out in turn.

    The net's own layers and recipe are used if the work of all nets is at most `PLENTY`. Otherwise
    the recipe is shortened: smaller batches and fewer epochs. If this allows fewer than
    `ENOUGH_STEPS` steps, small layers for the kind of input are used with their default recipe and
    the net's own loss, augmentation and seed; they are trained for at least `FEWEST_STEPS` steps.
    Passed ``layers`` and ``epochs`` are not changed. The cost is computed from sizes alone, so it
    is the same on every machine. LimitError if it exceeds about ten minutes.
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
    cost = _affordable(net, examples, nets, layers, epochs)
    if cost.work > MOST_WORK or nets > MOST_NETS:
        raise LimitError(
            f"influential_examples: got {nets:,} nets to train, {cost.work:.1e} multiplications, "
            f"wanted at most {MOST_NETS:,} nets and {MOST_WORK:.0e}; leave out groups of examples, "
            "use fewer examples or epochs, or smaller layers"
        )
    return cost


def _affordable(
    net: Network, examples: int, nets: int, layers: str | None, epochs: int | None
) -> RetrainingCost:
    recipe = replace(Recipe(**net.recipe), patience=0, method="backpropagation")
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    complete = _cost(net, layers or net.notation, recipe, examples, nets)
    if epochs is not None or complete.work <= PLENTY:
        return complete
    short = _shortened(net, complete, examples)
    steps = short.recipe.epochs * math.ceil(examples / short.recipe.batch_size)
    if layers is not None or (steps >= ENOUGH_STEPS and short.work <= PLENTY):
        return short
    return _small(net, recipe, examples, nets) or short


def _small(net: Network, own: Recipe, examples: int, nets: int) -> RetrainingCost | None:
    """The cost with small layers; None if the net's own are no larger."""
    reads_texts = net.architecture.reads_texts
    kind = net.preprocessor.kind
    if reads_texts != (kind == "texts"):  # a text can also be read as an image
        kind = "texts" if reads_texts else "drawings"
    plan = default_config(
        kind,
        net.input,
        len(net.classes),
        examples,
        layers=KINDS[kind].quick_layers(net.input, small=True),
        effort="quick",
        augmentation=own.augmentation,
        loss=own.loss,
        seed=own.seed,
    )
    small = Architecture(plan.layers, net.input, net.classes)
    if small.multiplications >= net.architecture.multiplications:
        return None
    return _shortened(net, _cost(net, plan.layers, plan.recipe, examples, nets), examples)


def _shortened(net: Network, complete: RetrainingCost, examples: int) -> RetrainingCost:
    """The cost with small batches and as many epochs as the budget allows. The learning rate is
    scaled by the square root of the batch size."""
    recipe = complete.recipe
    batch = min(recipe.batch_size, SMALL_BATCH)
    rate = recipe.learning_rate * math.sqrt(batch / recipe.batch_size)
    short = replace(recipe, batch_size=batch, learning_rate=rate, epochs=1)
    least = math.ceil(FEWEST_STEPS / math.ceil(examples / batch))
    affordable = int(PLENTY / _cost(net, complete.layers, short, examples, complete.nets).work)
    short = replace(short, epochs=min(recipe.epochs, max(least, affordable)))
    return _cost(net, complete.layers, short, examples, complete.nets)


def _cost(net: Network, layers: str, recipe: Recipe, examples: int, nets: int) -> RetrainingCost:
    """Each example costs its multiplications, and its fraction of the overhead of a step."""
    own = layers == net.notation
    architecture = net.architecture if own else Architecture(layers, net.input, net.classes)
    per_example = architecture.multiplications + STEP_OVERHEAD / recipe.batch_size
    work = float(nets) * examples * recipe.epochs * per_example
    return RetrainingCost(nets, architecture.notation, recipe, work)
