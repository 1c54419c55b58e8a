"""One step down the slope: weights in, weights out, and what is remembered from step to step.

Everything is done number by number, in the precision of the arrays; what is given as one number is
rounded to that precision where it meets them.
"""

from __future__ import annotations

import numpy as np

from ..core.array_types import Array
from ..spec.optimizers import BETA1, BETA2, EPSILON, bias_corrections


def sgd(
    weights: Array,
    velocity: Array,
    slope: Array,
    rate: float,
    momentum: float,
    decay: float,
    nesterov: bool = False,
) -> tuple[Array, Array]:
    """Gradient descent with momentum: the new weights, and the velocity to go on with.

    With ``nesterov`` it goes where the velocity would take it next (Nesterov's momentum as in
    Sutskever, Martens, Dahl, Hinton 2013, written for weights that already stand there). ``decay``
    adds a share of each weight to its slope.
    """
    slope = slope + decay * weights
    velocity = momentum * velocity + slope
    update = slope + momentum * velocity if nesterov else velocity
    return weights - rate * update, velocity


def adamw(
    weights: Array,
    first: Array,
    second: Array,
    slope: Array,
    rate: float,
    decay: float,
    step: int,
    beta1: float = BETA1,
    beta2: float = BETA2,
    epsilon: float = EPSILON,
) -> tuple[Array, Array, Array]:
    """Adam with decoupled weight decay (Loshchilov, Hutter 2019): the new weights, and the running
    means of the slope and of its square.

    ``step`` counts from 1: both means start at zero and are scaled up for it. ``decay`` takes a
    share of each weight, times ``rate``, before the step, and leaves its slope alone.
    """
    weights = weights - rate * decay * weights
    first = beta1 * first + (1 - beta1) * slope
    second = beta2 * second + (1 - beta2) * slope * slope
    first_part, second_part = bias_corrections(step, beta1, beta2)
    mean, square = first / first_part, second / second_part
    return weights - rate * mean / (np.sqrt(square) + epsilon), first, second
