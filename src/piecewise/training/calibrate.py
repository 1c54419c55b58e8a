"""Calibration: fit the temperature and the confidence thresholds on held-out examples."""

from __future__ import annotations

from math import fsum

import numpy as np

from ..core.array_types import Float32, Float64, Labels
from ..core.portable_math import exp, log
from ..reference.losses import shifted_exponentials, softmax
from ..spec.calibration import MAX_CONFIDENCES, Calibration, ConfidenceThreshold

COVERAGES = (1.0, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.5, 0.3, 0.1)
"""The fractions of examples whose accuracy is measured."""
_MAX_LOGITS = 1_000_000
"""Logits that the temperature is fitted on, at most; of more examples, every k-th is used."""
MIN_EXAMPLES = 10
"""With fewer held-out examples, the network is not calibrated."""
_MAX_LOG_TEMPERATURE = 2.1
"""The temperature is searched for from exp(-2.1) to exp(2.1): about 1/8 to 8."""
_GOLDEN_RATIO, _ITERATIONS = 0.6180339887498949, 30


def calibrate(logits: Float32, labels: Labels, repeats: int = 1) -> Calibration:
    """Fit a calibration to the logits (N, classes) and labels (N,) of held-out examples.

    ``repeats``: how many times each example occurs (once for each repeat of cross-validation).
    """
    if len(labels) < MIN_EXAMPLES:
        return Calibration()
    sample = slice(None, None, -(-logits.size // _MAX_LOGITS))
    fitted = fit_temperature(logits[sample].astype(np.float64), labels[sample])
    temperature = float(np.float32(fitted))
    confidence = softmax(logits / np.float32(temperature)).max(axis=1)
    correct = logits.argmax(axis=1) == labels
    order = np.argsort(-confidence, kind="stable")
    thresholds = []
    for coverage in COVERAGES:
        answered = order[: max(1, round(coverage * len(order)))]
        threshold = float(confidence[answered[-1]])
        covered = confidence >= threshold  # includes ties
        thresholds.append(
            ConfidenceThreshold(float(covered.mean()), threshold, float(correct[covered].mean()))
        )
    confidences = _evenly_spaced(confidence[order])
    return Calibration(temperature, len(labels) // repeats, tuple(thresholds), confidences)


def _evenly_spaced(confidences: Float32) -> tuple[float, ...]:
    """At most `MAX_CONFIDENCES` of the sorted confidences, as the shortest decimals that give the
    same float32."""
    count = min(len(confidences), MAX_CONFIDENCES)
    positions = (np.arange(1, count + 1) * len(confidences)) // count - 1
    return tuple(float(str(value)) for value in confidences[positions])


def fit_temperature(logits: Float64, labels: Labels) -> float:
    """The temperature with the least cross-entropy, by golden-section search over its logarithm.

    The loss includes one more example whose target is uniform over the classes. It keeps the
    temperature of a network without errors on a few examples away from 0.
    """
    logits = logits - logits.max(axis=1, keepdims=True)
    target_sum = fsum(logits[np.arange(len(labels)), labels].tolist())
    target_sum += fsum(logits.ravel().tolist()) / logits.size

    def loss(log_temperature: float) -> float:
        temperature = float(exp(log_temperature))
        _, _, sums = shifted_exponentials(logits / temperature)
        log_sum = fsum(log(sums).tolist())
        return log_sum + log_sum / len(labels) - target_sum / temperature

    low, high = -_MAX_LOG_TEMPERATURE, _MAX_LOG_TEMPERATURE
    a, b = high - _GOLDEN_RATIO * (high - low), low + _GOLDEN_RATIO * (high - low)
    at_a, at_b = loss(a), loss(b)
    for _ in range(_ITERATIONS):
        if at_a <= at_b:
            high, b, at_b = b, a, at_a
            a = high - _GOLDEN_RATIO * (high - low)
            at_a = loss(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + _GOLDEN_RATIO * (high - low)
            at_b = loss(b)
    return float(exp((low + high) / 2))
