"""Gradient descent: the slope of the loss, and a step down it, until the recipe is done."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import LimitError, TrainingError
from ..groups import Moment
from ..layers import Norm
from ..network import Network
from ..randomness import ORDER, key_of, shuffled
from ..reference.nudge import nudges
from ..reference.run import Gradients, gradients
from ..reference.steps import adamw, sgd
from .recipe import Recipe
from .scores import evaluate

Validation = tuple[npt.ArrayLike, npt.ArrayLike] | None
"""Pictures and labels, or nothing."""


@dataclass(frozen=True)
class Epoch:
    """What is written down once through the pictures: the mean loss on the way, the accuracy on the
    validation pictures at its end (None without any), and the seconds it took."""

    epoch: int
    loss: float
    validation_accuracy: float | None
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
    """Where training stands, told after every step."""

    step: int
    steps: int
    loss: float
    finished: Epoch | None
    """The epoch that this step ended, if it ended one."""


def train(
    net: Network,
    pictures: npt.ArrayLike,
    labels: npt.ArrayLike,
    recipe: Recipe | None = None,
    validation: Validation = None,
    progress: Callable[[Progress], None] | None = None,
) -> History:
    """Teach ``net`` the labels (N,) of pictures (N, C, H, W), in place; by stochastic gradient
    descent, each step as the recipe's optimizer makes it.

    ``validation``: pictures and labels it is measured on after each epoch. Ctrl-C leaves the net as
    after its last whole step, with the history so far. Raises DataError where arrays do not fit,
    and TrainingError where the loss stops being a number; the net then keeps the last good weights.
    """
    recipe = recipe or Recipe()
    given, right = net.examples(pictures, labels)  # what does not fit is told before the first step
    if validation is not None:
        validation = net.examples(*validation)
    steps = recipe.epochs * math.ceil(len(right) / recipe.batch_size)
    run = _Run(net, recipe, given, right, steps, History())
    net.recipe, net.history = recipe.to_json(), []
    with np.errstate(over="ignore", invalid="ignore"):  # told as an error of ours instead
        for epoch in range(recipe.epochs):
            _one_epoch(run, epoch, validation, progress)
    return run.history


@dataclass
class _Run:
    """What stays the same through a training run, and what a step leaves to the next."""

    net: Network
    recipe: Recipe
    pictures: npt.NDArray[Any]
    right: npt.NDArray[np.int64]
    steps: int
    history: History
    step: int = 0

    def __post_init__(self) -> None:
        count = 2 if self.recipe.optimizer == "adamw" else 1
        self.remembered = [np.zeros_like(self.net.parameters.flat) for _ in range(count)]


def _one_epoch(
    run: _Run,
    epoch: int,
    validation: Validation,
    progress: Callable[[Progress], None] | None,
) -> None:
    """Once through the pictures, in an order of its own."""
    started, size = time.perf_counter(), run.recipe.batch_size
    order = shuffled(key_of(run.recipe.seed, ORDER, epoch), len(run.right))
    losses: list[float] = []
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        losses += [_one_step(run, epoch, chosen)] * len(chosen)
        finished = None
        if start + size >= len(order):
            accuracy = _accuracy(run, epoch, validation)
            seconds = time.perf_counter() - started
            finished = Epoch(epoch + 1, math.fsum(losses) / len(losses), accuracy, seconds)
            run.history.epochs.append(finished)
            run.net.history.append(asdict(finished))
        if progress:
            progress(Progress(run.step, run.steps, losses[-1], finished))


def _one_step(run: _Run, epoch: int, chosen: npt.NDArray[np.int64]) -> float:
    """The slope on a batch, and a step down it; the loss before the step."""
    net = run.net
    found = _slope(run, epoch, chosen)
    none = np.empty(0, np.float32)  # a net may have no parameters at all
    slope = np.concatenate([none, *(found.arrays[name].ravel() for name in net.parameters)])
    if not (math.isfinite(found.loss) and np.isfinite(slope).all()):
        raise _diverged(run, epoch)
    moved, *remembered = _moved(run, slope.astype(np.float32))
    if not all(np.isfinite(array).all() for array in (moved, *remembered)):
        raise _diverged(run, epoch)
    net.parameters.flat[:], run.remembered = moved, remembered
    for name, seen in found.observed.items():
        average = net.averages[name]
        average += np.float32(Norm.pace) * (seen - average)
    run.step += 1
    return found.loss


def _moved(run: _Run, slope: npt.NDArray[np.float32]) -> tuple[npt.NDArray[Any], ...]:
    """The parameters after a step, and what the optimizer remembers for the next."""
    recipe, flat = run.recipe, run.net.parameters.flat
    rate, decay = recipe.learning_rate_at(run.step, run.steps), recipe.weight_decay
    if recipe.optimizer == "adamw":
        first, second = run.remembered
        return adamw(flat, first, second, slope, rate, decay, run.step + 1)
    (velocity,) = run.remembered
    return sgd(flat, velocity, slope, rate, recipe.momentum, decay, recipe.nesterov)


def _diverged(run: _Run, epoch: int) -> TrainingError:
    return TrainingError(
        f"training: at step {run.step + 1} of {run.steps} (epoch {epoch + 1}) the loss is no "
        f"longer a finite number; try a learning rate below {run.recipe.learning_rate:g}"
    )


def _accuracy(run: _Run, epoch: int, validation: Validation) -> float | None:
    try:
        return evaluate(run.net, *validation).accuracy if validation else None
    except LimitError:  # answers beyond float32: the next loss would be
        raise _diverged(run, epoch) from None


def _slope(run: _Run, epoch: int, chosen: npt.NDArray[np.int64]) -> Gradients:
    net, recipe = run.net, run.recipe
    x, right = net.inputs(run.pictures[chosen]), run.right[chosen]
    find = nudges if recipe.method == "nudging" else gradients
    moment = Moment(recipe.seed, epoch, chosen)
    return find(net.architecture, net.arrays, x, right, recipe.loss, moment)
