"""What takes steps: natively by backpropagation, or by nudging every parameter."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..core.array_types import Float32
from ..core.ghost_batch import StepContext
from ..core.rng import Key, permutation
from ..engine.codegen.network_program import ProgramSpec
from ..engine.runtime import network_programs
from ..engine.runtime.finite_differences import FiniteDifferences
from ..inputs import engine_inputs, layer_inputs
from ..reference.augmentation import augment
from ..reference.finite_differences import numerical_gradients
from ..reference.model import Gradients
from ..reference.optimizers import adamw, sgd
from ..spec.layer import Layer
from ..spec.optimizers import bias_corrections
from ..spec.parameters import all_finite
from .state import Losses, TrainingState

Order = npt.NDArray[np.int64]
"""The numbers of pictures, in the order they are taken."""
DataReport = Callable[[], None]
"""What a long step calls several times a second, to report progress; it may raise."""


class Stepper(Protocol):
    """Takes ``steps`` steps of the course's epoch from ``first`` on, in this order of pictures.

    Gives the loss of each picture; fewer losses than pictures say that the next step went wrong.
    """

    def order(self, key: Key, count: int) -> Order: ...

    def take(self, order: Order, first: int, steps: int) -> Losses: ...


class Native:
    """Steps by backpropagation, on the engine."""

    def __init__(self, course: TrainingState, threads: int, _: DataReport) -> None:
        self.course, self.threads = course, threads
        net, recipe = course.net, course.recipe
        inputs = engine_inputs(net, course.pictures)
        nesterov = recipe.optimizer == "sgd" and recipe.nesterov
        tricks = recipe.augmentation
        purpose = ProgramSpec(
            "train",
            inputs.dtype == np.uint8,
            recipe.loss,
            "nesterov" if nesterov else recipe.optimizer,
            training=True,
            geometric=tricks.changes_geometry,
            weighted=course.weights is not None,
            intensity=bool(tricks.contrast or tricks.brightness),
            noise=bool(tricks.noise),
            band_masking=bool(tricks.band_masking),
        )
        self.learner = network_programs.training_program(net.architecture, purpose, recipe.seed)
        self.learner.set_inputs(inputs, net.preprocessor.scaling)
        if course.weights is not None:
            self.learner.set_sample_weights(course.weights)
        self.learner.context.write_float("momentum", recipe.momentum)
        self.learner.context.write_float("decay", recipe.weight_decay)
        self.learner.load_parameters(net.parameters.flat, net.running_stats.flat)
        for number, kept in enumerate((self.learner.optimizer_state, self.learner.second_moments)):
            if number < len(course.memory):
                kept[: course.memory[number].size] = course.memory[number]
                course.memory[number] = kept[: course.memory[number].size]
        self.order = self.learner.shuffled_order
        self.epoch = -1
        """The epoch that draws are set to."""

    def take(self, order: Order, first: int, steps: int) -> Losses:
        course, learner = self.course, self.learner
        if self.epoch != course.epoch:
            self._draw_for(course.epoch)
        losses, done = learner.run_steps(
            order, course.right, course.recipe.batch_size, first, self._rates(steps), self.threads
        )
        if not all_finite(learner.running_stats):
            return losses[:0]  # the net keeps what it had before these steps
        course.step += done
        net = course.net
        net.parameters.flat[:] = learner.current_weights[: net.parameters.flat.size]
        net.running_stats.flat[:] = learner.running_stats[: net.running_stats.flat.size]
        return losses[: done * course.recipe.batch_size]

    def _draw_for(self, epoch: int) -> None:
        """All draws are an epoch's."""
        recipe, self.epoch = self.course.recipe, epoch
        self.learner.set_dropout_epoch(epoch)
        if recipe.augmentation.changes_anything:
            ground = self.course.net.preprocessor.background
            self.learner.set_augmentation(recipe.augmentation, ground, recipe.seed, epoch)

    def _rates(self, steps: int) -> npt.NDArray[np.float32]:
        """The rows that the program wants, for the next steps."""
        course, rows = self.course, np.zeros((steps, 4))
        rows[:, 0] = course.recipe.learning_rates(course.step, steps, course.steps)
        rows[:, 1] = rows[:, 0] * course.recipe.weight_decay
        if course.recipe.optimizer == "adamw":
            rows[:, 2:] = [bias_corrections(course.step + index + 1) for index in range(steps)]
        return rows.astype(np.float32)


class Nudging:
    """Steps by nudging every parameter, in float64; on the engine, or in the reference where
    pictures have weights."""

    def __init__(self, course: TrainingState, threads: int, report: DataReport) -> None:
        self.course, self.threads, self.report = course, threads, report
        self.order = permutation

    def take(self, order: Order, first: int, steps: int) -> Losses:
        size, losses = self.course.recipe.batch_size, list[float]()
        for step in range(first, first + steps):
            chosen = order[step * size : (step + 1) * size]
            loss = self._step(chosen)
            if loss is None:
                break
            losses += [loss] * len(chosen)
        return np.array(losses)

    def _step(self, chosen: Order) -> float | None:
        """The loss before the step; None if it, or what follows from it, is no finite number."""
        course, net, recipe = self.course, self.course.net, self.course.recipe
        x, right = layer_inputs(net, course.pictures[chosen]), course.right[chosen]
        moment = StepContext(recipe.seed, course.epoch, chosen)
        if recipe.augmentation.changes_anything:
            x = augment(recipe.augmentation, x, net.preprocessor.background, moment)
        given = (net.architecture, net.state, x, right, recipe.loss, moment)
        found: FiniteDifferences | Gradients
        if course.weights is None:
            found = network_programs.finite_differences(
                *given, threads=self.threads, callback=self.report
            )
        else:
            found = numerical_gradients(*given, course.weights[chosen])
        none = np.empty(0, np.float32)  # a net may have no parameters at all
        slope = np.concatenate([none, *(found.arrays[name].ravel() for name in net.parameters)])
        moved, *memory = self._moved(slope.astype(np.float32))
        if not math.isfinite(found.loss):
            return None
        if not all(np.isfinite(array).all() for array in (slope, moved, *memory)):
            return None
        net.parameters.flat[:], course.memory = moved, memory
        for name, seen in found.observed.items():
            average = net.running_stats[name]
            average += np.float32(Layer.momentum) * (seen - average)
        course.step += 1
        return found.loss

    def _moved(self, slope: Float32) -> tuple[Float32, ...]:
        """The parameters after a step, and what the optimizer remembers for the next."""
        course, recipe, flat = self.course, self.course.recipe, self.course.net.parameters.flat
        rate = recipe.learning_rate_at(course.step, course.steps)
        decay = recipe.weight_decay
        if recipe.optimizer == "adamw":
            first, second = course.memory
            return adamw(flat, first, second, slope, rate, decay, course.step + 1)
        (velocity,) = course.memory
        return sgd(flat, velocity, slope, rate, recipe.momentum, decay, recipe.nesterov)
