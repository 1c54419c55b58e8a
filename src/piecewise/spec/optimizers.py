"""AdamW's numbers: those its authors propose (Kingma, Ba 2015; Loshchilov, Hutter 2019);
and how far a nudge goes."""

from __future__ import annotations

BETA1, BETA2 = 0.9, 0.999
"""How much of the running means of the slope, and of its square, a step keeps."""
EPSILON = 1e-8
"""Added to the deviation, so that a parameter without any slope does not divide by zero."""

NUDGE_SIZE = 1e-5
"""Near the best in float64: smaller, and rounding shows; larger, and the curve bends."""


OPTIMIZER_STATE_ARRAYS = {"sgd": 1, "adamw": 2}
"""How many arrays like the parameters an optimizer keeps from step to step: the velocity, or the
running means of the slope and of its square."""


def bias_corrections(step: int, beta1: float = BETA1, beta2: float = BETA2) -> tuple[float, float]:
    """How much of the two means is there after ``step`` steps, counted from 1: both start at zero
    and are divided by this."""
    return 1 - _power(beta1, step), 1 - _power(beta2, step)


def _power(base: float, exponent: int) -> float:
    """``base ** exponent`` by multiplications: the library's may round by processor."""
    power = 1.0
    while exponent:
        if exponent % 2:
            power *= base
        base, exponent = base * base, exponent // 2
    return power
