"""Pictures go through a network in groups of 16, and a training step knows which pictures they are.

Statistics of batch normalisation are a group's, gradients are added group by group, and memory does
not grow with the number of pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy.typing as npt

GROUP_SIZE = 16


def ghost_batches(count: int) -> Iterator[slice]:
    """The groups that ``count`` pictures go through in."""
    for start in range(0, count, GROUP_SIZE):
        yield slice(start, min(start + GROUP_SIZE, count))


class StepContext(NamedTuple):
    """When and on which pictures of the data set a training step runs: what its draws hang on."""

    seed: int
    epoch: int
    pictures: npt.NDArray[Any]  # (N,) numbers of the pictures

    def part(self, group: slice) -> StepContext:
        return self._replace(pictures=self.pictures[group])
