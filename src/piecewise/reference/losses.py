"""The number that learning descends: how far the answers are from the right ones.

Every loss takes logits (N, K) and the right class of each picture (N) and gives the loss of each
picture (N) and its gradient (N, K). The right answer is 1 for the right class and 0 for the others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core.array_types import Array
from ..core.portable_math import exp, log

Loss = Callable[[Array, Array], tuple[Array, Array]]


def absolute(logits: Array, right: Array) -> tuple[Array, Array]:
    """The deck's: |right answer - actual answer|, added up over the classes."""
    difference = logits - one_hot(logits, right)
    return _over_classes(np.abs(difference)), np.sign(difference)


def squared(logits: Array, right: Array) -> tuple[Array, Array]:
    """(right answer - actual answer) squared, added up over the classes."""
    difference = logits - one_hot(logits, right)
    return _over_classes(difference * difference), 2 * difference


def cross_entropy(logits: Array, right: Array) -> tuple[Array, Array]:
    """- log of the probability of the right class, probabilities by softmax."""
    shifted, exponentials, sums = shifted_exponentials(logits)
    chosen = shifted[np.arange(len(right)), right]
    loss = log(sums).astype(logits.dtype) - chosen
    return loss, exponentials / sums[:, None] - one_hot(logits, right)


LOSSES: dict[str, Loss] = {
    "cross-entropy": cross_entropy,
    "squared": squared,
    "absolute": absolute,
}


def shifted_exponentials(logits: Array) -> tuple[Array, Array, Array]:
    """Logits (N, K) minus the largest of each row, the exponentials of that, none of which
    overflows, and their sums (N)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = exp(shifted).astype(logits.dtype)
    return shifted, exponentials, _over_classes(exponentials)


def softmax(logits: Array) -> Array:
    """Logits (N, K) -> probabilities (N, K): positive, and 1 in all for each picture."""
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


def one_hot(logits: Array, right: Array) -> Array:
    """The right answers (N, K): 1 for the right class, 0 for the others."""
    wanted = np.zeros_like(logits)
    wanted[np.arange(len(right)), right] = 1
    return wanted


def _over_classes(values: Array) -> Array:
    """(N, K) -> (N): added class by class."""
    summed = values[:, 0].copy()
    for column in range(1, values.shape[1]):
        summed += values[:, column]
    return summed
