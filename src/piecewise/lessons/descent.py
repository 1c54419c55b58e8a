"""Gradient descent of the untrained small net: the drawing with the largest loss, and steps for all
drawings, one of which is too long."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from functools import cached_property
from math import isfinite

import numpy as np

from ..core.array_types import Array
from ..network import Network
from ..reference.optimizers import sgd
from . import net_quantities as nets
from .learner import Learner, LearnerDrawing

RATE = 0.1
"""The learning rate of a step."""
FACTORS: tuple[int, ...] = (*range(10, 100, 10), *range(100, 1_001, 100))
"""How many times as long the long step can be."""
_RISE = 1.1
"""A loss that is so many times as large has visibly risen."""


def hardest_drawing(learner: Learner) -> int:
    """The index of the drawing on which the loss of the untrained net is largest."""
    return int(np.argmax([nets.loss(learner.first, one) for one in learner.drawings]))


def largest_value(net: Network, drawing: LearnerDrawing) -> int:
    """The index of the largest of the values that vote."""
    return int(nets.activation(nets.walk(net, drawing), "pool2").argmax())


def mean_loss(learner: Learner, net: Network) -> float:
    """The mean loss of a net on all drawings of the learner."""
    return float(net.gradients(learner.data.inputs, learner.data.labels)[0])


def descent(learner: Learner, steps: int, rate: float) -> Iterator[Network]:
    """The untrained net, and the net after each step for the mean loss of all drawings."""
    net = learner.first
    yield net
    for _ in range(steps):
        _, gradients = net.gradients(learner.data.inputs, learner.data.labels)
        net = _stepped(net, gradients, rate)
        yield net


def _stepped(net: Network, gradients: Mapping[str, Array], rate: float) -> Network:
    """A copy of a net whose parameters all took a step against their gradients."""
    changed = copy.deepcopy(net)
    for name, gradient in gradients.items():
        before = net.parameters[name]
        changed.parameters[name], _ = sgd(before, 0 * before, gradient, rate, 0, 0)
    return changed


class Descent:
    """The mean loss of all drawings before the first step, after it, and after a long one."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner

    @cached_property
    def before(self) -> float:
        """The mean loss of the untrained net."""
        return mean_loss(self._learner, self._learner.first)

    @cached_property
    def after(self) -> float:
        """The mean loss after one step."""
        return self._after(1)

    @cached_property
    def factor(self) -> int:
        """How many times as long a step is after which the loss has visibly risen: the smallest of
        `FACTORS` with which it does; if there is none, that with the largest loss."""
        losses = dict[int, float]()
        for factor in FACTORS:
            loss = self._after(factor)
            if loss >= _RISE * self.before:
                return factor
            if isfinite(loss):
                losses[factor] = loss
        return max(losses, key=lambda factor: losses[factor])

    @property
    def long(self) -> float:
        """The mean loss after the long step."""
        return self._after(self.factor)

    def _after(self, factor: int) -> float:
        *_, net = descent(self._learner, 1, factor * RATE)
        return mean_loss(self._learner, net)
