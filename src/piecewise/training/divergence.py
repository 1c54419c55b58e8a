"""Divergence: whether the loss of a training is far above that of an untrained network.

A loss that is not a finite number stops training at once (`TrainingState.diverged`). A learning
rate that is too high often leaves a finite loss instead: a very large one, or, once no unit is
active any more, that of a constant prediction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..core.array_types import Array, Labels
from ..core.errors import LimitError
from ..network import Network
from ..reference.losses import LOSSES
from .recipe import Recipe
from .state import RunningMean, TrainingState, divergence_error

FACTOR = 2.0
"""How many times the loss of an untrained network the loss in the end needs to be, at least.

Data that cannot be learned, such as random labels, leave the loss at that of an untrained network.
Dropout, augmentation and few steps raise it by much less than this factor.
"""
PEAK = 100.0
"""The same for the mean loss of some epoch, if the network ends no better than a constant
prediction."""
LEARNED = 0.95
"""A network has learned something if its loss is at most this fraction of a constant one's."""
SAMPLE = 1_000
"""The largest number of training examples that are measured."""


def check_not_diverged(state: TrainingState) -> None:
    """Raise TrainingError if a completed training diverged."""
    losses = [epoch.loss for epoch in state.history.epochs]
    _check(state.net, state.inputs, state.labels, losses, state.recipe)


def check_stopped_net(net: Network, inputs: Array, labels: Labels) -> None:
    """Raise TrainingError if the training of a network, which was stopped, diverged until then.
    ``inputs`` (N, ...) and ``labels`` (N,): the training examples."""
    losses = [float(epoch["loss"]) for epoch in net.history]
    _check(net, inputs, labels, losses, Recipe(**net.recipe))


def _check(
    net: Network, inputs: Array, labels: Labels, losses: Sequence[float], recipe: Recipe
) -> None:
    """Raise TrainingError if a training with these mean losses of its epochs diverged.

    Both the mean losses of the epochs, with dropout and augmentation, and the loss of the trained
    network on training examples need to be too high: early in training the first are, and
    batch-norm statistics of few steps make the second so.
    """
    some = np.arange(len(labels))[:: max(1, -(-len(labels) // SAMPLE))]
    inputs, labels, loss = inputs[some], labels[some], recipe.loss
    constant = _mean_loss(np.zeros((len(some), len(net.classes)), np.float32), labels, loss)
    if not losses or (losses[-1] <= FACTOR * constant and max(losses) <= PEAK * constant):
        return
    now = _loss_of(net, inputs, labels, loss)
    if now <= LEARNED * constant:
        return
    untrained = Network(net.layers, net.input, net.classes, net.seed, net.preprocessor)
    before = max(constant, _loss_of(untrained, inputs, labels, loss))
    if min(losses[-1], now) > FACTOR * before:
        raise divergence_error(
            f"training diverged: the loss is {now:.3g} in the end, that of an untrained network is "
            f"{before:.3g}",
            recipe,
        )
    if max(losses) > PEAK * before:
        raise divergence_error(
            f"training diverged: the loss rose to {max(losses):.3g}, that of an untrained network "
            f"is {before:.3g}, and nothing was learned",
            recipe,
        )


def _loss_of(net: Network, inputs: Array, labels: Labels, loss: str) -> float:
    """The mean loss of a network; infinite if its logits are beyond float32."""
    try:
        logits = net.logits(inputs)
    except LimitError:
        return math.inf
    return _mean_loss(logits, labels, loss)


def _mean_loss(logits: Array, labels: Labels, loss: str) -> float:
    mean = RunningMean()
    mean.add(LOSSES[loss](logits, labels)[0])
    return mean.value
