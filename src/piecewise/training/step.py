"""Training steps: by backpropagation on the engine, or by finite differences ("nudging")."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from ..core.array_types import Array, Float32, Int64
from ..core.ghost_batch import StepContext
from ..core.rng import Key, permutation
from ..engine.codegen.network_program import MAX_RECORDED_BATCH, ProgramSpec
from ..engine.runtime import program_registry
from ..engine.runtime.finite_differences import FiniteDifferences
from ..inputs import engine_inputs, layer_inputs
from ..reference.augmentation import augment
from ..reference.model import Gradients
from ..reference.numerical_gradients import numerical_gradients
from ..reference.optimizers import adamw, sgd
from ..spec.layer_base import Layer
from ..spec.layers import Dropout
from ..spec.optimizer_constants import bias_corrections
from ..spec.parameters import all_finite
from .ranks import Ranks
from .recipe import Recipe
from .state import TrainingState

_SETTINGS = 256
"""Steps whose settings are computed at a time."""
ReportProgress = Callable[[], None]
"""Called several times a second during a long step; it may raise an exception to stop training."""


class StepRunner(Protocol):
    """Runs training steps and updates the training state."""

    def order(self, key: Key, count: int) -> Int64:
        """A random permutation of ``count`` examples: the order of an epoch."""

    def run(self, order: Int64, first: int, steps: int) -> Array:
        """Run the steps ``first`` to ``first + steps - 1`` of the current epoch.

        Returns the loss of each example. If a step gives a value that is not finite, it is undone,
        and the result ends with the examples of the step before it.
        """


class BackpropagationSteps:
    """Steps by backpropagation, compiled and run by the engine."""

    def __init__(
        self, state: TrainingState, threads: int, _: ReportProgress, ranks: Ranks | None = None
    ) -> None:
        self.state, self.threads = state, threads
        net, recipe = state.net, state.recipe
        inputs = engine_inputs(net, state.inputs)
        spec = _program_spec(state, ranks, reads_bytes=inputs.dtype == np.uint8)
        self.program = program_registry.training_program(net.architecture, spec, recipe.seed, ranks)
        self.program.set_inputs(inputs, net.preprocessor.scaling)
        if state.sample_weight is not None:
            self.program.set_sample_weights(state.sample_weight)
        if state.gradient_scales is not None:
            self.program.set_gradient_scales(state.gradient_scales)
        self.program.context.write_float("momentum", recipe.momentum)
        self.program.context.write_float("decay", recipe.weight_decay)
        self.program.load_parameters(net.parameters.flat, net.running_stats.flat)
        for number, array in enumerate((self.program.optimizer_state, self.program.second_moments)):
            if number < len(state.optimizer_state):
                array[: state.optimizer_state[number].size] = state.optimizer_state[number]
                state.optimizer_state[number] = array[: state.optimizer_state[number].size]
        self.order = self.program.shuffled_order
        self._drops_out = any(isinstance(s.layer, Dropout) for s in net.architecture.stages)
        self.epoch = -1
        """The epoch whose random numbers the program uses."""
        self._first_row, self._rows = 0, np.empty((0, 4), np.float32)
        """The settings of some steps, and the number of the first one."""

    def run(self, order: Int64, first: int, steps: int) -> Array:
        state, program = self.state, self.program
        if self.epoch != state.epoch:
            self._start_epoch(state.epoch)
        losses, done = program.run_steps(
            order,
            state.labels,
            state.recipe.batch_size,
            first,
            self._settings(steps),
            self.threads,
        )
        if not all_finite(program.running_stats):
            return losses[:0]  # the net keeps its values from before these steps
        state.step += done
        net = state.net
        net.parameters.flat[:] = program.current_weights[: net.parameters.flat.size]
        net.running_stats.flat[:] = program.running_stats[: net.running_stats.flat.size]
        return losses[: done * state.recipe.batch_size]

    def _start_epoch(self, epoch: int) -> None:
        """Seed dropout and augmentation for an epoch."""
        recipe, self.epoch = self.state.recipe, epoch
        if self._drops_out:
            self.program.set_dropout_epoch(epoch)
        if recipe.augmentation.changes_anything:
            background = self.state.net.preprocessor.background
            self.program.set_augmentation(recipe.augmentation, background, recipe.seed, epoch)

    def _settings(self, steps: int) -> Float32:
        """A row per step: learning rate, weight decay, and AdamW's two bias corrections."""
        step, total = self.state.step, self.state.total_steps
        if not self._first_row <= step <= step + steps <= self._first_row + len(self._rows):
            count = min(max(steps, _SETTINGS), total - step)
            self._first_row, self._rows = (
                step,
                _step_settings(self.state.recipe, step, count, total),
            )
        return self._rows[step - self._first_row :][:steps]


def _step_settings(recipe: Recipe, first: int, count: int, total: int) -> Float32:
    """The settings of ``count`` of ``total`` steps, as `BackpropagationSteps` passes them on."""
    rows = np.zeros((count, 4))
    rows[:, 0] = recipe.learning_rates(first, count, total)
    rows[:, 1] = rows[:, 0] * recipe.weight_decay
    if recipe.optimizer == "adamw":
        rows[:, 2:] = [bias_corrections(step + 1) for step in range(first, first + count)]
    return rows.astype(np.float32)


def _program_spec(state: TrainingState, ranks: Ranks | None, *, reads_bytes: bool) -> ProgramSpec:
    """What the program of a recipe has to compute."""
    recipe, augmentation = state.recipe, state.recipe.augmentation
    nesterov = recipe.optimizer == "sgd" and recipe.nesterov
    return ProgramSpec(
        "train",
        reads_bytes,
        recipe.loss,
        "nesterov" if nesterov else recipe.optimizer,
        training=True,
        geometric=augmentation.changes_geometry,
        weighted=state.sample_weight is not None,
        intensity=bool(augmentation.contrast or augmentation.brightness),
        noise=bool(augmentation.noise),
        band_masking=bool(augmentation.band_masking),
        frozen=state.frozen,
        scaled=state.gradient_scales is not None,
        records=ranks is None and recipe.batch_size <= MAX_RECORDED_BATCH,
        split=ranks is not None,
    )


class FiniteDifferenceSteps:
    """Steps by central differences in float64: each parameter is nudged up and down.

    They run on the engine; with sample weights, they run on the reference. Every rank makes them
    alone.
    """

    def __init__(
        self,
        state: TrainingState,
        threads: int,
        report: ReportProgress,
        _: Ranks | None = None,
    ) -> None:
        self.state, self.threads, self.report = state, threads, report
        self.order = permutation

    def run(self, order: Int64, first: int, steps: int) -> Array:
        size, losses = self.state.recipe.batch_size, list[float]()
        for step in range(first, first + steps):
            chosen = order[step * size : (step + 1) * size]
            loss = self._step(chosen)
            if loss is None:
                break
            losses += [loss] * len(chosen)
        return np.array(losses)

    def _step(self, chosen: Int64) -> float | None:
        """Take one step; the loss before it, or None if a value is not finite."""
        state, net, recipe = self.state, self.state.net, self.state.recipe
        x, labels = layer_inputs(net, state.inputs[chosen]), state.labels[chosen]
        context = StepContext(recipe.seed, state.epoch, chosen, state.frozen.stages)
        if recipe.augmentation.changes_anything:
            x = augment(recipe.augmentation, x, net.preprocessor.background, context)
        arguments = (net.architecture, net.state, x, labels, recipe.loss, context)
        result: FiniteDifferences | Gradients
        if state.sample_weight is None:
            result = program_registry.finite_differences(
                *arguments, threads=self.threads, callback=self.report
            )
        else:
            result = numerical_gradients(*arguments, state.sample_weight[chosen])
        empty = np.empty(0, np.float32)  # a net may have no parameters
        gradient = np.concatenate(
            [empty, *(result.arrays[name].ravel() for name in net.parameters)]
        )
        updated, *optimizer_state = self._update(gradient.astype(np.float32))
        if not math.isfinite(result.loss):
            return None
        if not all(np.isfinite(array).all() for array in (gradient, updated, *optimizer_state)):
            return None
        net.parameters.flat[:], state.optimizer_state = updated, optimizer_state
        for name, batch_value in result.observed.items():
            average = net.running_stats[name]
            average += np.float32(Layer.momentum) * (batch_value - average)
        state.step += 1
        return result.loss

    def _update(self, gradient: Float32) -> tuple[Float32, ...]:
        """The parameters after an optimizer step, and the new optimizer state; the values of frozen
        layers stay as they are."""
        state, frozen = self.state, self.state.frozen.parameters
        before = (state.net.parameters.flat, *state.optimizer_state)
        flat, *moments = [array[frozen:] for array in before]
        updated = self._optimizer_step(flat, moments, gradient[frozen:])
        return tuple(
            np.concatenate([old[:frozen], new]) for old, new in zip(before, updated, strict=True)
        )

    def _optimizer_step(
        self, flat: Float32, moments: list[Float32], gradient: Float32
    ) -> tuple[Float32, ...]:
        state, recipe = self.state, self.state.recipe
        rate = recipe.learning_rate_at(state.step, state.total_steps)
        decay = recipe.weight_decay
        if recipe.optimizer == "adamw":
            first, second = moments
            return adamw(flat, first, second, gradient, rate, decay, state.step + 1)
        (velocity,), scales = moments, state.gradient_scales
        if scales is not None:
            scales = scales[state.frozen.parameters :]
        momentum, nesterov = recipe.momentum, recipe.nesterov
        return sgd(flat, velocity, gradient, rate, momentum, decay, nesterov, scales)
