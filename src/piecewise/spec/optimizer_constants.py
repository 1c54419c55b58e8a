"""Constants of the optimizers, and the step of numerical gradients.

AdamW uses the values of its authors (Kingma, Ba 2015; Loshchilov, Hutter 2019).
"""

from __future__ import annotations

BETA1, BETA2 = 0.9, 0.999
"""The decay rates of the running means of the gradient and of its square."""
EPSILON = 1e-8
"""Added to the denominator, so that a gradient of zero does not divide by zero."""

NUDGE_SIZE = 1e-5
"""The step of central differences in float64: a smaller one increases the rounding error, a larger
one the truncation error."""


OPTIMIZER_STATE_ARRAYS = {"sgd": 1, "adamw": 2}
"""The number of state arrays of an optimizer, each like the parameters: the velocity, or the
running means of the gradient and of its square."""


def bias_corrections(step: int, beta1: float = BETA1, beta2: float = BETA2) -> tuple[float, float]:
    """The divisors of AdamW's running means after ``step`` steps (from 1), which start at zero."""
    return 1 - _power(beta1, step), 1 - _power(beta2, step)


def _power(base: float, exponent: int) -> float:
    """``base ** exponent`` by multiplications, whose rounding is the same on every processor."""
    power = 1.0
    while exponent:
        if exponent % 2:
            power *= base
        base, exponent = base * base, exponent // 2
    return power
