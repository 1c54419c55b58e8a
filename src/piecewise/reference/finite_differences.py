"""The deck's picture of learning: adjust each number up and down a bit, see how the error changes.

Slow and without any calculus, so it judges backpropagation, which gives the same in one go, and
the engine, which nudges too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core.array_types import Array
from ..core.ghost_batch import StepContext
from ..spec.architecture import Architecture
from ..spec.optimizers import NUDGE_SIZE
from .model import Gradients, mean_loss
from .reductions import Arrays


def numerical_gradient(
    loss: Callable[[], float], array: Array, amount: float = NUDGE_SIZE
) -> Array:
    """How ``loss`` changes with each number of ``array``, per unit: (up - down) / (2 amount).

    ``array`` (float64) is adjusted in place, one number at a time, and left as it was.
    """
    slope = np.empty_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + amount
        up = loss()
        array[index] = value - amount
        down = loss()
        array[index] = value
        slope[index] = (up - down) / (2 * amount)
    return slope


def numerical_gradients(
    architecture: Architecture,
    arrays: Arrays,
    x: Array,
    right: Array,
    loss: str,
    moment: StepContext | None = None,
    weights: Array | None = None,
) -> Gradients:
    """What `run.gradients` gives, by nudging every parameter, in float64."""
    wide = {name: array.astype(np.float64) for name, array in arrays.items()}
    x = x if architecture.reads_texts else x.astype(np.float64)

    def now() -> float:
        return mean_loss(architecture, wide, x, right, loss, moment, weights)[0]

    slopes = {row.name: numerical_gradient(now, wide[row.name]) for row in architecture.parameters}
    mean, observed = mean_loss(architecture, wide, x, right, loss, moment, weights)
    return Gradients(mean, slopes, observed)
