"""The score of a small net with other knobs: each drawing is named by a net that never saw it."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import numpy as np

from ..core.errors import TrainingError
from ..network import Network
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
    inputs, labels = learner.data.inputs, learner.data.labels
    folds = min(FOLDS, int(np.bincount(labels).min()))
    fold = assign_folds(labels, 0, 0, folds, None)
    right = 0
    for number in range(folds):
        out = fold == number
        net = Network(layers, inputs.shape[1:], learner.classes, seed=0,
                      preprocessor=learner.data.preprocessor)  # fmt: skip
        with suppress(TrainingError):  # the answers of one that diverges count as they are
            train(net, inputs[~out], labels[~out], SMALL_RECIPE)
        right += int((net.logits(inputs[out]).argmax(axis=1) == labels[out]).sum())
    return KnobTrial(layers, net.architecture.parameter_count, right, len(labels))
