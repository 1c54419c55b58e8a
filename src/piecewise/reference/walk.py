"""One picture through a network with every stack kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..architecture import Architecture
from .losses import softmax
from .run import forward
from .sums import Array, Arrays


class Walk(Mapping[str, Array]):
    """The stacks of one picture by the layers' names, "input" first: each (C, H, W).

    ``logits`` and ``probabilities`` are those of the classes (K,).
    """

    def __init__(self, stacks: dict[str, Array]) -> None:
        self._stacks = stacks
        *_, last = stacks.values()
        self.logits = last.reshape(-1)
        self.probabilities = softmax(self.logits[None])[0]

    def __getitem__(self, name: str) -> Array:
        return self._stacks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stacks)

    def __len__(self) -> int:
        return len(self._stacks)

    def __repr__(self) -> str:
        return f"Walk({', '.join(self._stacks)})"


def walk(architecture: Architecture, arrays: Arrays, picture: Array) -> Walk:
    """Picture (C, H, W), or words (positions) -> every stack it becomes."""
    outputs, _ = forward(architecture.stages, arrays, picture[None])
    stacks = {"input": picture}
    for stage, output in zip(architecture.stages, outputs, strict=True):
        stacks[stage.name] = output[0]
    return Walk(stacks)
