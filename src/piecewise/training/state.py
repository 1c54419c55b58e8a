"""A course of training: what it is of, and where it stands. From what stands here, and nothing
else, it goes on with the same bits."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.array_types import Float32
from ..core.errors import TrainingError
from ..core.progress import Epoch
from ..network import Network
from ..spec.optimizers import OPTIMIZER_STATE_ARRAYS
from .history import History
from .recipe import Recipe

Examples = tuple[npt.NDArray[Any], npt.NDArray[np.int64]]
"""Pictures that fit the network, and their class numbers."""
Losses = npt.NDArray[Any]
"""The loss of each picture, in the order they were taken."""


@dataclass
class Mean:
    """A mean that grows; its numbers are added up one after the other, so that it has the same bits
    on every machine, in however many parts they come."""

    total: float = 0.0
    count: int = 0

    def add(self, numbers: Losses) -> None:
        given = np.concatenate([[self.total], numbers], dtype=np.float64)
        self.total = float(np.add.accumulate(given)[-1])
        self.count += len(numbers)

    @property
    def value(self) -> float:
        return self.total / max(1, self.count)


@dataclass
class Best:
    """The epoch with the best validation so far, and the network as it was then."""

    epoch: Epoch
    parameters: Float32
    running_stats: Float32

    def is_beaten_by(self, epoch: Epoch) -> bool:
        """By a higher accuracy, or the same one at a lower loss."""
        assert epoch.validation_accuracy is not None
        assert epoch.validation_loss is not None
        assert self.epoch.validation_accuracy is not None
        assert self.epoch.validation_loss is not None
        return (epoch.validation_accuracy, -epoch.validation_loss) > (
            self.epoch.validation_accuracy,
            -self.epoch.validation_loss,
        )


@dataclass
class TrainingState:
    """What stays the same through a training run, and how far it has come."""

    net: Network
    recipe: Recipe
    pictures: npt.NDArray[Any]
    right: npt.NDArray[np.int64]
    weights: Float32 | None = None
    """How much each picture counts; all the same without."""
    validation: Examples | None = None
    """What the net is measured on after each epoch."""

    step: int = 0
    """Good steps taken."""
    losses: Mean = field(default_factory=Mean)
    """Of the epoch under way."""
    seconds: float = 0.0
    """Of the epoch under way, before now."""
    memory: list[Float32] = field(init=False)
    """What the optimizer remembers of the steps before, an array or two like the parameters."""
    history: History = field(default_factory=History)
    best: Best | None = None
    whole: bool = True
    """Whether nothing is half done: all that stands here is of the same moment."""

    def __post_init__(self) -> None:
        flat = self.net.parameters.flat
        self.memory = [
            np.zeros_like(flat) for _ in range(OPTIMIZER_STATE_ARRAYS[self.recipe.optimizer])
        ]

    @property
    def steps_an_epoch(self) -> int:
        return math.ceil(len(self.right) / self.recipe.batch_size)

    @property
    def steps(self) -> int:
        return self.recipe.epochs * self.steps_an_epoch

    @property
    def epoch(self) -> int:
        """The epoch under way, counted from 0: as many as are written down."""
        return len(self.history.epochs)

    @property
    def done(self) -> bool:
        """Whether all epochs are through, or patience is at its end."""
        if self.epoch >= self.recipe.epochs:
            return True
        waited = self.epoch - self.best.epoch.epoch if self.best else 0
        return bool(self.recipe.patience) and waited >= self.recipe.patience

    def close(self, epoch: Epoch) -> None:
        """Write an epoch down."""
        self.history.epochs.append(epoch)
        self.net.history.append(asdict(epoch))
        self.losses, self.seconds = Mean(), 0.0
        if self.is_best(epoch):
            flat, running_stats = self.net.parameters.flat, self.net.running_stats.flat
            self.best = Best(epoch, flat.copy(), running_stats.copy())

    def is_best(self, epoch: Epoch) -> bool:
        """Whether patience looks for such an epoch, and this one is better than all before it."""
        if not self.recipe.patience or epoch.validation_accuracy is None:
            return False
        return self.best is None or self.best.is_beaten_by(epoch)

    def go_back_to_best(self) -> None:
        """Give the net the numbers of its best epoch, if that was looked for."""
        if self.best:
            self.net.parameters.flat[:] = self.best.parameters
            self.net.running_stats.flat[:] = self.best.running_stats

    def diverged(self) -> TrainingError:
        """The error of a loss that stopped being a number."""
        return TrainingError(
            f"training: at step {self.step + 1} of {self.steps} (epoch {self.epoch + 1}) the loss "
            "is no longer a finite number; try a learning rate below "
            f"{self.recipe.learning_rate:g}"
        )
