"""Numerical gradients by central differences: the deck's nudges.

Each parameter is changed by a small amount in both directions, and the change of the loss is
measured. This is slow and needs no calculus: it verifies backpropagation and the engine.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core.array_types import Array
from ..core.ghost_batch import StepContext
from ..spec.architecture import Architecture
from ..spec.optimizer_constants import NUDGE_SIZE
from .model import Gradients, mean_loss, trained_parameters
from .reductions import Arrays


def numerical_gradient(
    loss: Callable[[], float], array: Array, amount: float = NUDGE_SIZE
) -> Array:
    """The gradient of ``loss`` with respect to each number of ``array``: (up - down) / (2 amount).

    ``array`` (float64) is changed in place, one number at a time, and restored.
    """
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + amount
        up = loss()
        array[index] = value - amount
        down = loss()
        array[index] = value
        gradient[index] = (up - down) / (2 * amount)
    return gradient


def numerical_gradients(
    architecture: Architecture,
    arrays: Arrays,
    x: Array,
    labels: Array,
    loss: str,
    context: StepContext | None = None,
    sample_weight: Array | None = None,
) -> Gradients:
    """The same as `model.gradients`, by central differences of every trained parameter, in
    float64."""
    wide = {name: array.astype(np.float64) for name, array in arrays.items()}
    x = x if architecture.reads_texts else x.astype(np.float64)

    def current_loss() -> float:
        return mean_loss(architecture, wide, x, labels, loss, context, sample_weight)[0]

    gradients = {row.name: np.zeros(row.shape) for row in architecture.parameters}
    for row in trained_parameters(architecture, context):
        gradients[row.name] = numerical_gradient(current_loss, wide[row.name])
    mean, observed = mean_loss(architecture, wide, x, labels, loss, context, sample_weight)
    return Gradients(mean, gradients, observed)
