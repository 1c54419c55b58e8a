"""The score of a small net with other knobs: each drawing is named by a net that never saw it."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import numpy as np

from ..core.array_types import Float32
from ..core.errors import TrainingError
from ..training.splits import assign_folds
from ..training.train import train
from .learner import SMALL_RECIPE, Learner

FOLDS = 5
KERNELS, SIZES, POOLINGS = range(1, 13), (3, 5, 7), range(3)
"""The knobs: how many kernels, how large, and how many poolings follow."""


class KnobTrial(NamedTuple):
    """A net with other knobs, its parameters, and how many of the drawings it named right."""

    layers: str
    parameters: int
    right: int
    drawings: int


def knob_trial(learner: Learner, kernels: int, size: int, poolings: int) -> KnobTrial:
    """Train nets with these knobs, each without a fold of the drawings."""
    layers = f"conv {kernels} {size}, relu, {'pool 2, ' * poolings}full"
    labels = learner.data.labels
    right = int((held_out_logits(learner, layers).argmax(axis=1) == labels).sum())
    parameters = learner.untrained(layers).architecture.parameter_count
    return KnobTrial(layers, parameters, right, len(labels))


def held_out_logits(learner: Learner, layers: str) -> Float32:
    """The logits (N, 2) of the drawings of a learner, each by a net that never saw it."""
    inputs, labels = learner.data.inputs, learner.data.labels
    folds = min(FOLDS, int(np.bincount(labels).min()))
    fold = assign_folds(labels, 0, 0, folds, None)
    logits = np.zeros((len(labels), len(learner.classes)), np.float32)
    for number in range(folds):
        out = fold == number
        net = learner.untrained(layers)
        with suppress(TrainingError):  # the answers of one that diverges count as they are
            train(net, inputs[~out], labels[~out], SMALL_RECIPE)
        logits[out] = net.logits(inputs[out])
    return logits
