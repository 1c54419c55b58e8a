"""The engine's losses, exp and log, implemented a second time in float32."""

from __future__ import annotations

from math import factorial

import numpy as np

from piecewise.core.array_types import Array

from .oracle import LANES, Group
from .rounding import F, fma


def exp(x: Array) -> Array:
    """2**k times the Taylor series of the remainder."""
    x = np.where(x < -104, F(-104), x)
    k = x * F(1.4426950408889634) + F(1.5 * 2**23) - F(1.5 * 2**23)
    remainder = fma(k, F(2.12194440054690583e-4), fma(k, F(-0.693359375), x))
    series = np.full_like(x, 1 / factorial(7))
    for n in range(6, -1, -1):
        series = fma(series, remainder, F(1 / factorial(n)))
    exponent = k.astype(np.int32)  # in two steps, because 2**k may be too small to be exact
    for half in (exponent // 2, exponent - exponent // 2):
        series = series * np.ldexp(F(1), half)
    return series


def log(x: Array) -> Array:
    """The logarithm of 2**power times a mantissa from sqrt(1/2) to sqrt(2)."""
    power = (x.view(np.int32) - 0x3F3504F3) // 2**23
    m = np.ldexp(x, -power)
    t = (m - F(1)) / (m + F(1))
    series = np.full_like(x, 2 / 11)
    for n in range(9, 0, -2):
        series = fma(series, t * t, F(2 / n))
    rest = fma(power, F(-2.12194440054690583e-4), t * series)
    return fma(power, F(0.693359375), rest)


def loss_and_gradient(
    loss: str, logits: Array, labels: Array, group: Group, batch: int, sample_weight: Array | None
) -> tuple[Array, Array]:
    """Logits (K, 16) -> the losses (16), and the gradient of the logits."""
    targets = (np.arange(len(logits))[:, None] == labels).astype(F)
    total, errors = np.zeros(LANES, F), logits - targets
    if loss == "cross-entropy":
        shifted = logits - logits.max(axis=0)
        powers = exp(shifted)
        for power in powers:
            total = total + power
        gradient, total = powers / total - targets, log(total) - shifted[labels, np.arange(LANES)]
    else:
        for error in errors:
            total = total + (np.abs(error) if loss == "absolute" else error * error)
        gradient = np.sign(errors) if loss == "absolute" else F(2) * errors
    if sample_weight is not None:
        total, gradient = total * sample_weight, gradient * sample_weight
    return total, np.where(group.mask, gradient / F(batch), F(0))
