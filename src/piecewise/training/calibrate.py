"""Choosing how sure a network may be, from its answers about pictures it did not learn from."""

from __future__ import annotations

from math import fsum

import numpy as np
import numpy.typing as npt

from ..core.portable_math import exp, log
from ..reference.losses import shifted_exponentials, softmax
from ..spec.calibration import Calibration, ConfidenceThreshold

COVERAGES = (1.0, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.5, 0.3, 0.1)
"""The shares of pictures answered that steps of sureness are looked for at."""
_ENOUGH = 1_000_000
"""Logits that a temperature is chosen by; of more pictures, evenly many are looked at."""
FEWEST = 10
"""With fewer held-out pictures nothing is chosen."""
_WARMEST = 2.1
"""The largest logarithm of a temperature, about 8; the least is its opposite, about 1/8."""
_GOLDEN, _ROUNDS = 0.6180339887498949, 30


def calibrate(
    logits: npt.NDArray[np.float32], right: npt.NDArray[np.int64], repeats: int = 1
) -> Calibration:
    """From logits (N, classes) of held-out pictures and their right classes (N,); the pictures in
    all, ``repeats`` times."""
    if len(right) < FEWEST:
        return Calibration()
    some = slice(None, None, -(-logits.size // _ENOUGH))
    warm = _temperature(logits[some].astype(np.float64), right[some])
    temperature = float(np.float32(warm))
    sureness = softmax(logits / np.float32(temperature)).max(axis=1)
    good = logits.argmax(axis=1) == right
    order = np.argsort(-sureness, kind="stable")
    steps = []
    for coverage in COVERAGES:
        answered = order[: max(1, round(coverage * len(order)))]
        least = float(sureness[answered[-1]])
        among = sureness >= least  # ties are answered too
        steps.append(ConfidenceThreshold(float(among.mean()), least, float(good[among].mean())))
    return Calibration(temperature, len(right) // repeats, tuple(steps))


def _temperature(logits: npt.NDArray[np.float64], right: npt.NDArray[np.int64]) -> float:
    """The temperature with the least cross-entropy, by golden section over its logarithm.

    One picture more counts as if all classes were right alike, so that a net that made no mistake
    among a few pictures is not taken for one that makes none.
    """
    logits = logits - logits.max(axis=1, keepdims=True)
    chosen = fsum(logits[np.arange(len(right)), right].tolist())
    chosen += fsum(logits.ravel().tolist()) / logits.size

    def loss(warmth: float) -> float:
        heat = float(exp(warmth))
        _, _, sums = shifted_exponentials(logits / heat)
        wholes = fsum(log(sums).tolist())
        return wholes + wholes / len(right) - chosen / heat

    low, high = -_WARMEST, _WARMEST
    a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_a, at_b = loss(a), loss(b)
    for _ in range(_ROUNDS):
        if at_a <= at_b:
            high, b, at_b = b, a, at_a
            a = high - _GOLDEN * (high - low)
            at_a = loss(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + _GOLDEN * (high - low)
            at_b = loss(b)
    return float(exp((low + high) / 2))
