"""What is written down while a network learns."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Epoch:
    """What is written down once through the pictures: the mean loss on the way; accuracy and mean
    loss on the validation pictures at its end (None without any); and the seconds it took."""

    epoch: int
    loss: float
    validation_accuracy: float | None
    validation_loss: float | None
    seconds: float


@dataclass
class History:
    """The epochs of a training run, oldest first."""

    epochs: list[Epoch] = field(default_factory=list)

    @property
    def losses(self) -> list[float]:
        return [epoch.loss for epoch in self.epochs]

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values for a file."""
        return [asdict(epoch) for epoch in self.epochs]


@dataclass(frozen=True)
class Progress:
    """Where training stands, told several times a second and at the end of every epoch."""

    step: int
    steps: int
    loss: float
    """The mean loss of the pictures of the last steps."""
    finished: Epoch | None
    """The epoch that has just ended, if one has."""
    resumed: bool = False
    """Whether this is where an earlier run stood, before anything else is told."""
