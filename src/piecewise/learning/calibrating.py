"""Choosing how sure a network may be, from its answers about pictures it did not learn from."""

from __future__ import annotations

from math import fsum

import numpy as np
import numpy.typing as npt

from ..calibration import Calibration, Sure
from ..elementary import exp, log
from ..reference.losses import softmax

COVERAGES = (1.0, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.5)
"""The shares of pictures answered that steps of sureness are looked for at."""
FEWEST = 10
"""With fewer held-out pictures nothing is chosen."""
_COLDEST, _HOTTEST, _ROUNDS = 1 / 8, 8.0, 24


def calibrated(logits: npt.NDArray[np.float32], right: npt.NDArray[np.int64]) -> Calibration:
    """From logits (N, classes) of held-out pictures and their right classes (N,)."""
    if len(right) < FEWEST:
        return Calibration()
    temperature = float(np.float32(_temperature(logits.astype(np.float64), right)))
    sureness = softmax(logits / np.float32(temperature)).max(axis=1)
    good = logits.argmax(axis=1) == right
    order = np.argsort(-sureness, kind="stable")
    steps = []
    for coverage in COVERAGES:
        answered = order[: max(1, round(coverage * len(order)))]
        least = float(sureness[answered[-1]])
        among = sureness >= least  # ties are answered too
        steps.append(Sure(float(among.mean()), least, float(good[among].mean())))
    return Calibration(temperature, len(right), tuple(steps))


def _temperature(logits: npt.NDArray[np.float64], right: npt.NDArray[np.int64]) -> float:
    """The temperature with the least cross-entropy, by golden section over its logarithm.

    One picture more counts as if all classes were right alike, so that a net that made no mistake
    among a few pictures is not taken for one that makes none.
    """
    logits = logits - logits.max(axis=1, keepdims=True)
    chosen = fsum(logits[np.arange(len(right)), right]) + fsum(logits.ravel()) / logits.size

    def loss(power: float) -> float:
        heat = 2.0**power
        wholes = fsum(log(np.add.accumulate(exp(logits / heat), axis=1)[:, -1]))
        return float(wholes + wholes / len(right) - chosen / heat)

    low, high = np.log2(_COLDEST), np.log2(_HOTTEST)
    ratio = (5**0.5 - 1) / 2
    for _ in range(_ROUNDS):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) <= loss(b) else (a, high)
    return float(2.0 ** ((low + high) / 2))
