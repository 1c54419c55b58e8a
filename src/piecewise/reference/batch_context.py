"""The context of a batch: what a layer needs to know besides its input and its arrays."""

from __future__ import annotations

from typing import NamedTuple

from ..core.rng import Key
from .padding import Lengths


class BatchContext(NamedTuple):
    """Whether the batch is part of a training step, its random keys, and the lengths of its texts.

    A layer that draws random numbers gets ``keys``, one for each example, in a training step.
    """

    training: bool = False
    keys: Key | None = None
    lengths: Lengths = None


INFERENCE = BatchContext()
"""The context of images at inference."""
