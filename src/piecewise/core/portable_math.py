"""exp, log, sine and cosine with the same bits on every platform.

Library functions differ in their last bits between processors and systems. These use additions and
multiplications only, which IEEE 754 defines exactly. They compute in float64, with an error of at
most a few units in the last place.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt

from .array_types import Float64

_LN2 = 0.6931471805599453
_LN2_HIGH = 0.693147180369123816490  # 33 bits, so that its products with small integers are exact
_LN2_LOW = 1.90821492927058770002e-10
_HALF_PI_HIGH = 1.5707963267341256  # likewise
_HALF_PI_LOW = 6.077100506506192e-11


def exp(x: npt.ArrayLike) -> Float64:
    """e to the x, element by element: 2**k times the Taylor series of the remainder."""
    wide = np.clip(np.asarray(x, np.float64), -746.0, 710.0)
    k = np.rint(wide / _LN2)
    remainder = wide - k * _LN2_HIGH - k * _LN2_LOW  # from -ln 2 / 2 to ln 2 / 2
    series = _horner([1 / factorial(n) for n in range(14)], remainder)
    return np.asarray(np.ldexp(series, np.nan_to_num(k).astype(np.int32)))


def log(x: npt.ArrayLike) -> Float64:
    """The natural logarithm of positive numbers, element by element."""
    mantissa, power = np.frexp(np.asarray(x, np.float64))
    small = mantissa < 0.7071067811865476
    mantissa = np.where(small, 2 * mantissa, mantissa)
    power = power - small
    t = (mantissa - 1) / (mantissa + 1)
    series = t * _horner([2 / (2 * n + 1) for n in range(12)], t * t)
    return np.asarray(power * _LN2_LOW + series + power * _LN2_HIGH)


def sine_cosine(x: npt.ArrayLike) -> tuple[Float64, Float64]:
    """Sine and cosine of angles in radians, of a few thousand turns at most."""
    wide = np.asarray(x, np.float64)
    quarter = np.rint(wide / (_HALF_PI_HIGH + _HALF_PI_LOW))
    remainder = wide - quarter * _HALF_PI_HIGH - quarter * _HALF_PI_LOW
    square = remainder * remainder
    sine = remainder * _horner([(-1) ** n / factorial(2 * n + 1) for n in range(10)], square)
    cosine = _horner([(-1) ** n / factorial(2 * n) for n in range(10)], square)
    turn = quarter.astype(np.int64) % 4
    swap = turn % 2 == 1
    return (
        np.where(turn >= 2, -1.0, 1.0) * np.where(swap, cosine, sine),
        np.where((turn == 1) | (turn == 2), -1.0, 1.0) * np.where(swap, sine, cosine),
    )


def _horner(coefficients: list[float], x: Any) -> Any:
    """coefficients[0] + coefficients[1] * x + coefficients[2] * x**2 + ..."""
    value = coefficients[-1] * np.ones_like(x)
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value
