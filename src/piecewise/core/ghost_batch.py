"""Ghost batches of 16 examples, and the context of a training step.

A network runs on 16 examples at a time. Batch normalization computes its statistics within a ghost
batch, gradients are summed over ghost batches, and memory does not grow with the batch size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .array_types import Array

GROUP_SIZE = 16


def ghost_batches(count: int) -> Iterator[slice]:
    """Slices of up to 16 that divide ``count`` examples."""
    for start in range(0, count, GROUP_SIZE):
        yield slice(start, min(start + GROUP_SIZE, count))


class StepContext(NamedTuple):
    """The seed, epoch and examples of a training step, which determine its random numbers; and
    which layers are frozen."""

    seed: int
    epoch: int
    indices: Array
    """(N,) positions of the examples in the dataset."""
    frozen: int = 0
    """The number of frozen layers (`spec/frozen_layers.py`)."""

    def subset(self, batch: slice) -> StepContext:
        """The same for some of the examples."""
        return self._replace(indices=self.indices[batch])
