"""Divergence: whether a training ended far from what an untrained network does.

A loss that is not a finite number stops training at once (`TrainingState.diverged`). A learning
rate that is too high often leaves a finite loss instead: a very large one, or, once no unit is
active any more, that of a constant prediction.
"""

from __future__ import annotations

import numpy as np

from ..core.array_types import Array, Labels
from ..network import Network
from ..reference.losses import LOSSES
from .state import RunningMean, TrainingState

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
    """Raise TrainingError if a completed training diverged.

    Both the mean losses of the epochs, with dropout and augmentation, and the loss of the trained
    network on training examples need to be too high: early in training the first are, and
    batch-norm statistics of few steps make the second so.
    """
    losses = [epoch.loss for epoch in state.history.epochs]
    some = np.arange(len(state.labels))[:: max(1, -(-len(state.labels) // SAMPLE))]
    labels, loss, net = state.labels[some], state.recipe.loss, state.net
    constant = _mean_loss(np.zeros((len(some), len(net.classes)), np.float32), labels, loss)
    if not losses or (losses[-1] <= FACTOR * constant and max(losses) <= PEAK * constant):
        return
    inputs = state.inputs[some]
    now = _mean_loss(net.logits(inputs), labels, loss)
    if now <= LEARNED * constant:
        return
    untrained = Network(net.layers, net.input, net.classes, net.seed, net.preprocessor)
    before = max(constant, _mean_loss(untrained.logits(inputs), labels, loss))
    if min(losses[-1], now) > FACTOR * before:
        raise state.diverged(
            f"training diverged: the loss is {now:.3g} in the end, that of an untrained network is "
            f"{before:.3g}"
        )
    if max(losses) > PEAK * before:
        raise state.diverged(
            f"training diverged: the loss rose to {max(losses):.3g}, that of an untrained network "
            f"is {before:.3g}, and nothing was learned"
        )


def _mean_loss(logits: Array, labels: Labels, loss: str) -> float:
    mean = RunningMean()
    mean.add(LOSSES[loss](logits, labels)[0])
    return mean.value
