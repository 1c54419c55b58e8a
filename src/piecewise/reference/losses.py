"""Loss functions and softmax.

Every loss takes logits (N, K) and labels (N) and returns the loss of each example (N) and its
gradient (N, K). Targets are one-hot: 1 for the class of the label and 0 for the others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core.array_types import Array
from ..core.portable_math import exp, log

Loss = Callable[[Array, Array], tuple[Array, Array]]


def absolute(logits: Array, labels: Array) -> tuple[Array, Array]:
    """The deck's error: |target - logit|, summed over the classes."""
    difference = logits - one_hot(logits, labels)
    return _over_classes(np.abs(difference)), np.sign(difference)


def squared(logits: Array, labels: Array) -> tuple[Array, Array]:
    """(target - logit) squared, summed over the classes."""
    difference = logits - one_hot(logits, labels)
    return _over_classes(difference * difference), 2 * difference


def cross_entropy(logits: Array, labels: Array) -> tuple[Array, Array]:
    """The negative logarithm of the softmax probability of the label."""
    shifted, exponentials, sums = shifted_exponentials(logits)
    chosen = shifted[np.arange(len(labels)), labels]
    loss = log(sums).astype(logits.dtype) - chosen
    return loss, exponentials / sums[:, None] - one_hot(logits, labels)


LOSSES: dict[str, Loss] = {
    "cross-entropy": cross_entropy,
    "squared": squared,
    "absolute": absolute,
}


def shifted_exponentials(logits: Array) -> tuple[Array, Array, Array]:
    """Logits (N, K) minus the largest of each row, so that no exponential overflows; their
    exponentials (N, K); and the sums of those (N)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = exp(shifted).astype(logits.dtype)
    return shifted, exponentials, _over_classes(exponentials)


def softmax(logits: Array) -> Array:
    """Logits (N, K) -> probabilities (N, K), which sum to 1 for each example."""
    _, exponentials, sums = shifted_exponentials(logits)
    return np.asarray(exponentials / sums[:, None])


def log_softmax(logits: Array) -> Array:
    """Logits (N, K) -> the logarithms of the probabilities (N, K)."""
    shifted, _, sums = shifted_exponentials(logits)
    return np.asarray(shifted - log(sums).astype(logits.dtype)[:, None])


def softmax_backward(upstream: Array, probabilities: Array) -> Array:
    """The gradient of the logits from that of the probabilities, both (N, K)."""
    common = _over_classes(upstream * probabilities)[:, None]
    return np.asarray(probabilities * (upstream - common))


def one_hot(logits: Array, labels: Array) -> Array:
    """One-hot targets (N, K) of labels (N)."""
    targets = np.zeros_like(logits)
    targets[np.arange(len(labels)), labels] = 1
    return targets


def _over_classes(values: Array) -> Array:
    """(N, K) -> (N): summed class by class."""
    summed = values[:, 0].copy()
    for column in range(1, values.shape[1]):
        summed += values[:, column]
    return summed
