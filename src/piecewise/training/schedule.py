"""The learning-rate schedule: the learning rate of every training step."""

from __future__ import annotations

import numpy as np

from ..core.array_types import Float64

SCHEDULES = ("one-cycle", "constant")
WARM_UP = 4
"""The one-cycle schedule rises during the first 1 / `WARM_UP` of the steps."""


def learning_rates(schedule: str, peak: float, first: int, count: int, steps: int) -> Float64:
    """The learning rates of the steps ``first`` to ``first + count - 1`` of ``steps``.

    "constant" is ``peak`` at every step. "one-cycle" rises linearly to ``peak`` and then falls
    linearly to almost 0.
    """
    if schedule == "constant":
        return np.full(count, peak)
    rising, step = max(1, steps // WARM_UP), np.arange(first, first + count)
    up = peak * (step + 1) / rising
    down = peak * (steps - step) / (steps - rising + 1)
    return np.where(step < rising, up, down)
