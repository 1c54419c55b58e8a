"""One step down the slope: weights in, weights out, and what is remembered from step to step.

Everything is done number by number, in the precision of the arrays; what is given as one number is
rounded to that precision where it meets them.
"""

from __future__ import annotations

import numpy as np

from .sums import Array


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
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> tuple[Array, Array, Array]:
    """Adam with decoupled weight decay (Loshchilov, Hutter 2019): the new weights, and the running
    means of the slope and of its square.

    ``step`` counts from 1: both means start at zero and are scaled up for it. ``decay`` takes a
    share of each weight, times ``rate``, before the step, and leaves its slope alone.
    """
    weights = weights - rate * decay * weights
    first = beta1 * first + (1 - beta1) * slope
    second = beta2 * second + (1 - beta2) * slope * slope
    mean = first / (1 - _power(beta1, step))
    square = second / (1 - _power(beta2, step))
    return weights - rate * mean / (np.sqrt(square) + epsilon), first, second


def _power(base: float, exponent: int) -> float:
    """``base ** exponent`` by multiplications: the library's may round by processor."""
    power = 1.0
    while exponent:
        if exponent % 2:
            power *= base
        base, exponent = base * base, exponent // 2
    return power
