"""The state of a training run: its fixed inputs, and all that changes from step to step.

A checkpoint holds the second half. Training that resumes from it gives the same bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..core.array_types import Array, Float32, Labels
from ..core.errors import TrainingError
from ..core.progress import Epoch
from ..core.rng import ORDER, Key, derive_key
from ..network import Network
from ..spec.frozen_layers import FrozenPart, frozen_part
from ..spec.optimizer_constants import OPTIMIZER_STATE_ARRAYS
from .early_stopping import EarlyStopping
from .history import History
from .recipe import Recipe
from .token_scales import token_factors, token_scales


@dataclass
class RunningMean:
    """A mean that is updated as values arrive.

    The values are added one after the other, so that the sum has the same bits on every machine and
    for any division into batches.
    """

    total: float = 0.0
    count: int = 0

    def add(self, values: Array) -> None:
        terms = np.concatenate([[self.total], values], dtype=np.float64)
        self.total = float(np.add.accumulate(terms)[-1])
        self.count += len(values)

    @property
    def value(self) -> float:
        return self.total / max(1, self.count)


@dataclass
class TrainingState:
    """What a run trains on, and how far it has come."""

    net: Network
    recipe: Recipe
    inputs: Array
    labels: Labels
    sample_weight: Float32 | None = None
    """The weight of each example in the gradient (N,); None: 1 for all."""
    validation: tuple[Array, Labels] | None = None
    """The validation split: inputs and labels."""

    step: int = 0
    """Steps taken."""
    loss: RunningMean = field(default_factory=RunningMean)
    """The training loss of the current epoch."""
    seconds: float = 0.0
    """Seconds spent on the current epoch."""
    optimizer_state: list[Float32] = field(init=False)
    """The optimizer's moments: one array (sgd) or two (adamw), shaped like the parameters."""
    history: History = field(default_factory=History)
    early_stopping: EarlyStopping = field(init=False)
    frozen: FrozenPart = field(init=False)
    """The layers that are not trained; LimitError for an unknown one."""
    gradient_scales: Float32 | None = field(init=False)
    """The factor of each parameter's gradient; None: 1 for all."""
    order_key: Key = field(init=False)
    """The key of the examples' order; that of an epoch is one element longer."""
    consistent: bool = True
    """Whether all fields belong to the same step; False in the middle of a step."""

    def __post_init__(self) -> None:
        flat = self.net.parameters.flat
        self.frozen = frozen_part(self.net.architecture, self.recipe.freeze_until)
        self.optimizer_state = [
            np.zeros_like(flat) for _ in range(OPTIMIZER_STATE_ARRAYS[self.recipe.optimizer])
        ]
        self.early_stopping = EarlyStopping(self.recipe.patience)
        self.order_key = derive_key(self.recipe.seed, ORDER)
        self.gradient_scales = self._gradient_scales()

    def _gradient_scales(self) -> Float32 | None:
        scaling, flat = self.recipe.token_scaling, self.net.parameters.flat
        if scaling == "none" or self.recipe.optimizer != "sgd":
            return None
        table = self.net.architecture.parameters[0]  # that of embed, which is the first layer
        rows, channels = table.shape
        scales = np.ones_like(flat)
        factors = np.ones(rows)
        if scaling == "idf-words":
            factors = token_factors(self.net.preprocessor, rows)
        scales[: table.size] = np.repeat(token_scales(self.inputs, factors), channels)
        return scales

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.labels) / self.recipe.batch_size)

    @property
    def total_steps(self) -> int:
        return self.recipe.epochs * self.steps_per_epoch

    @property
    def epoch(self) -> int:
        """The current epoch, counted from 0."""
        return len(self.history.epochs)

    @property
    def done(self) -> bool:
        """Whether all epochs have ended, or early stopping ends training."""
        return self.epoch >= self.recipe.epochs or self.early_stopping.should_stop(self.epoch)

    def end_epoch(self, epoch: Epoch) -> None:
        """Record an epoch that has ended."""
        self.history.epochs.append(epoch)
        self.net.history.append(dict(vars(epoch)))
        self.loss, self.seconds = RunningMean(), 0.0
        self.early_stopping.update(epoch, self.net)

    def diverged(self, description: str | None = None) -> TrainingError:
        """The error for a training that diverged; by default, because the loss is not a finite
        number."""
        where = f"step {self.step + 1} of {self.total_steps} (epoch {self.epoch + 1})"
        what = description or f"training diverged: at {where} the loss is not a finite number"
        return divergence_error(what, self.recipe)


def divergence_error(description: str, recipe: Recipe) -> TrainingError:
    """The error for a training that diverged, with a learning rate to try."""
    rate = recipe.learning_rate
    return TrainingError(
        f"{description}; try a learning rate below {rate:g}, such as {rate / 10:g}"
    )
