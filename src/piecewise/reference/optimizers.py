"""Optimizer steps: weights, gradient and optimizer state in; weights and state out.

All operations are elementwise, in the precision of the arrays; scalars are rounded to it.
"""

from __future__ import annotations

import numpy as np

from ..core.array_types import Array
from ..spec.optimizer_constants import BETA1, BETA2, EPSILON, bias_corrections


def sgd(
    weights: Array,
    velocity: Array,
    gradient: Array,
    rate: float,
    momentum: float,
    decay: float,
    nesterov: bool = False,
    scales: Array | None = None,
) -> tuple[Array, Array]:
    """Gradient descent with momentum: the new weights and the new velocity.

    ``nesterov``: Nesterov momentum (Sutskever, Martens, Dahl, Hinton 2013), in the form whose
    weights include the look-ahead. ``decay`` times each weight is added to its gradient,
    after the gradient is multiplied by ``scales``, one factor per weight, if there are any.
    """
    if scales is not None:
        gradient = scales * gradient
    gradient = gradient + decay * weights
    velocity = momentum * velocity + gradient
    update = gradient + momentum * velocity if nesterov else velocity
    return weights - rate * update, velocity


def adamw(
    weights: Array,
    first: Array,
    second: Array,
    gradient: Array,
    rate: float,
    decay: float,
    step: int,
    beta1: float = BETA1,
    beta2: float = BETA2,
    epsilon: float = EPSILON,
) -> tuple[Array, Array, Array]:
    """Adam with decoupled weight decay (Loshchilov, Hutter 2019): the new weights, and the running
    means of the gradient and of its square.

    ``step`` counts from 1, for the bias correction of the means. ``rate * decay`` times each weight
    is subtracted from it before the step; the gradient does not contain the decay.
    """
    weights = weights - rate * decay * weights
    first = beta1 * first + (1 - beta1) * gradient
    second = beta2 * second + (1 - beta2) * gradient * gradient
    first_correction, second_correction = bias_corrections(step, beta1, beta2)
    mean, square = first / first_correction, second / second_correction
    return weights - rate * mean / (np.sqrt(square) + epsilon), first, second
