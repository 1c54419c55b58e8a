"""Gradient descent: the slope of the loss, and a step down it, until the recipe is done."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..engine import programs
from ..engine.assemble import Purpose
from ..engine.runtime import processors
from ..errors import LimitError, TrainingError
from ..groups import Moment
from ..layers import Norm
from ..limits import THREADS
from ..network import Network
from ..optimizers import corrections
from ..parameters import all_finite
from ..randomness import ORDER, Key, key_of, shuffled
from ..reference.nudge import nudges
from ..reference.steps import adamw, sgd
from ..reference.tricks import trick
from ..tricks import Augmentation
from .recipe import Recipe
from .scores import evaluate

Order = npt.NDArray[np.int64]
"""The numbers of pictures, in the order they are taken."""
Losses = npt.NDArray[Any]
"""The loss of each picture, in the order they were taken."""
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
    """Where training stands, told several times a second and at the end of every epoch."""

    step: int
    steps: int
    loss: float
    """The mean loss of the pictures of the last steps."""
    finished: Epoch | None
    """The epoch that has just ended, if one has."""


def train(
    net: Network,
    pictures: npt.ArrayLike,
    labels: npt.ArrayLike,
    recipe: Recipe | None = None,
    validation: Validation = None,
    progress: Callable[[Progress], None] | None = None,
    threads: int | None = None,
    tricks: Augmentation | None = None,
) -> History:
    """Teach ``net`` the labels (N,) of pictures (N, C, H, W), in place; by stochastic gradient
    descent, each step as the recipe's optimizer makes it.

    ``validation``: pictures and labels it is measured on after each epoch. ``threads``: as many as
    there are processors, if left out, fewer where there is little to do; the result is the same for
    any number. ``tricks``: how each picture is changed on its way into every step, drawn from seed,
    epoch and picture. Ctrl-C leaves the net as after its last whole step, with the history so far.
    Raises DataError where arrays do not fit, and TrainingError where the loss stops being a number;
    the net then keeps the last good weights.
    """
    recipe = recipe or Recipe()
    given, right = net.examples(pictures, labels)  # what does not fit is told before the first step
    if validation is not None:
        validation = net.examples(*validation)
    tricks = tricks if tricks and tricks.changes else None
    if tricks and net.architecture.reads_texts:
        raise LimitError("tricks: got some for a network that reads texts; wanted none")
    run = _Run(net, recipe, given, right, tricks)
    net.recipe, net.history = recipe.to_json() | ({"tricks": asdict(tricks)} if tricks else {}), []
    nudged = recipe.method == "nudging"
    threads = _checked_threads(threads, recipe.batch_size * net.architecture.multiplications)
    stepper = _Nudging(run) if nudged else _Native(run, threads)
    with np.errstate(over="ignore", invalid="ignore"):  # told as an error of ours instead
        for epoch in range(recipe.epochs):
            _one_epoch(run, stepper, epoch, validation, progress)
    return run.history


@dataclass
class _Run:
    """What stays the same through a training run, and how far it has come."""

    net: Network
    recipe: Recipe
    pictures: npt.NDArray[Any]
    right: npt.NDArray[np.int64]
    tricks: Augmentation | None = None
    history: History = field(default_factory=History)
    step: int = 0
    pace: int = 1
    """Steps taken at once."""

    @property
    def steps_an_epoch(self) -> int:
        return math.ceil(len(self.right) / self.recipe.batch_size)

    @property
    def steps(self) -> int:
        return self.recipe.epochs * self.steps_an_epoch


class _Stepper(Protocol):
    """What takes steps: ``steps`` of them from ``first`` on, in an epoch of this order. Gives the
    loss of each picture; fewer losses than pictures say that the next step went wrong."""

    def order(self, key: Key, count: int) -> Order: ...

    def take(self, epoch: int, order: Order, first: int, steps: int) -> Losses: ...


def _one_epoch(
    run: _Run,
    stepper: _Stepper,
    epoch: int,
    validation: Validation,
    progress: Callable[[Progress], None] | None,
) -> None:
    """Once through the pictures, in an order of its own."""
    started, size, first = time.perf_counter(), run.recipe.batch_size, 0
    order = stepper.order(key_of(run.recipe.seed, ORDER, epoch), len(run.right))
    losses: list[Losses] = []
    while first < run.steps_an_epoch:
        steps = min(run.pace, run.steps_an_epoch - first)
        before = time.perf_counter()
        found = stepper.take(epoch, order, first, steps)
        run.pace = _pace(steps, time.perf_counter() - before)
        losses.append(found)
        if len(found) < len(order[first * size : (first + steps) * size]):
            raise _diverged(run, epoch)
        first += steps
        finished = None
        if first == run.steps_an_epoch:
            accuracy = _accuracy(run, epoch, validation)
            seconds = time.perf_counter() - started
            finished = Epoch(epoch + 1, _mean(np.concatenate(losses)), accuracy, seconds)
            run.history.epochs.append(finished)
            run.net.history.append(asdict(finished))
        if progress:
            progress(Progress(run.step, run.steps, _mean(found), finished))


def _mean(losses: Losses) -> float:
    """Added up one after the other: the same bits on every machine."""
    return float(np.add.accumulate(losses, dtype=np.float64)[-1]) / len(losses)


_LOOK_UP = 0.1
"""Seconds of steps between one look at Ctrl-C and progress and the next."""


def _pace(steps: int, seconds: float) -> int:
    """How many steps to take at once, when so many took so long."""
    return max(1, min(4 * steps, int(steps * _LOOK_UP / max(seconds, 1e-6))))


class _Native:
    """Steps by backpropagation, on the engine."""

    def __init__(self, run: _Run, threads: int) -> None:
        self.run, self.threads = run, threads
        net, recipe = run.net, run.recipe
        inputs = net.laid(run.pictures)
        steps = "nesterov" if recipe.optimizer == "sgd" and recipe.nesterov else recipe.optimizer
        purpose = Purpose(
            "learn",
            inputs.dtype == np.uint8,
            recipe.loss,
            steps,
            training=True,
            tricks=run.tricks is not None,
        )
        self.learner = programs.learner(net.architecture, purpose, recipe.seed)
        self.learner.give(inputs, net.preparation.fraction)
        self.learner.context.write_float("momentum", recipe.momentum)
        self.learner.context.write_float("decay", recipe.weight_decay)
        self.learner.begin(net.parameters.flat, net.averages.flat)
        self.order = self.learner.order

    def take(self, epoch: int, order: Order, first: int, steps: int) -> Losses:
        run, learner = self.run, self.learner
        if first == 0:  # all draws are an epoch's
            learner.draw_for(epoch)
        if first == 0 and run.tricks:
            ground = run.net.preparation.ground
            learner.trick(run.tricks, ground, run.recipe.seed, epoch)
        size = run.recipe.batch_size
        losses, done = learner.steps(
            order, run.right, size, first, self._rates(steps), self.threads
        )
        run.step += done
        if not all_finite(learner.averages):
            return losses[:0]  # the net keeps what it had before these steps
        net = run.net
        net.parameters.flat[:] = learner.now[: net.parameters.flat.size]
        net.averages.flat[:] = learner.averages[: net.averages.flat.size]
        return losses[: done * size]

    def _rates(self, steps: int) -> npt.NDArray[np.float32]:
        """The rows that the program wants, for the next steps."""
        run, rows = self.run, np.zeros((steps, 4))
        rows[:, 0] = run.recipe.learning_rates(run.step, steps, run.steps)
        rows[:, 1] = rows[:, 0] * run.recipe.weight_decay
        if run.recipe.optimizer == "adamw":
            rows[:, 2:] = [corrections(run.step + index + 1) for index in range(steps)]
        return rows.astype(np.float32)


class _Nudging:
    """Steps by nudging every parameter, in the reference, one at a time."""

    def __init__(self, run: _Run) -> None:
        self.run = run
        count = 2 if run.recipe.optimizer == "adamw" else 1
        self.remembered = [np.zeros_like(run.net.parameters.flat) for _ in range(count)]
        self.order = shuffled

    def take(self, epoch: int, order: Order, first: int, steps: int) -> Losses:
        size, losses = self.run.recipe.batch_size, list[float]()
        for step in range(first, first + steps):
            chosen = order[step * size : (step + 1) * size]
            loss = self._step(epoch, chosen)
            if loss is None:
                break
            losses += [loss] * len(chosen)
        return np.array(losses)

    def _step(self, epoch: int, chosen: Order) -> float | None:
        """The loss before the step; None if it, or what follows from it, is no finite number."""
        run, net, recipe = self.run, self.run.net, self.run.recipe
        x, right = net.inputs(run.pictures[chosen]), run.right[chosen]
        moment = Moment(recipe.seed, epoch, chosen)
        if run.tricks:
            x = trick(run.tricks, x, net.preparation.ground, moment)
        found = nudges(net.architecture, net.arrays, x, right, recipe.loss, moment)
        none = np.empty(0, np.float32)  # a net may have no parameters at all
        slope = np.concatenate([none, *(found.arrays[name].ravel() for name in net.parameters)])
        moved, *remembered = self._moved(slope.astype(np.float32))
        if not math.isfinite(found.loss):
            return None
        if not all(np.isfinite(array).all() for array in (slope, moved, *remembered)):
            return None
        net.parameters.flat[:], self.remembered = moved, remembered
        for name, seen in found.observed.items():
            average = net.averages[name]
            average += np.float32(Norm.pace) * (seen - average)
        run.step += 1
        return found.loss

    def _moved(self, slope: npt.NDArray[np.float32]) -> tuple[npt.NDArray[Any], ...]:
        """The parameters after a step, and what the optimizer remembers for the next."""
        run, recipe, flat = self.run, self.run.recipe, self.run.net.parameters.flat
        rate = recipe.learning_rate_at(run.step, run.steps)
        decay = recipe.weight_decay
        if recipe.optimizer == "adamw":
            first, second = self.remembered
            return adamw(flat, first, second, slope, rate, decay, run.step + 1)
        (velocity,) = self.remembered
        return sgd(flat, velocity, slope, rate, recipe.momentum, decay, recipe.nesterov)


_WORTH_MEETING = 2_000_000
"""Multiplications of a step, on the way forward, that are worth another thread: threads meet after
every step, and wait for one that something else keeps busy."""


def _checked_threads(threads: object, work: int) -> int:
    """As many as asked for; or as there are processors and there is work for."""
    try:
        checked = THREADS.check(threads)
    except LimitError as error:
        raise LimitError(f"threads: {error}") from None
    if checked is None:
        return min(processors(), 1 + work // _WORTH_MEETING)
    return checked


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
