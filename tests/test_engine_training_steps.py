"""Training steps: equal to `reference/optimizers.py`, and stopped by values that are not finite."""

from __future__ import annotations

import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.engine.codegen.network_program import ProgramSpec
from piecewise.engine.runtime.compiled_program import TrainingProgram
from piecewise.reference import model, optimizers
from piecewise.spec.architecture import Architecture

from .networks import Sample, assert_near, numbers_for
from .test_engine import LEVELS, flat

OPTIMIZERS = ("sgd", "nesterov", "adamw")
SMOOTH = "conv 3 2x3, pool 2 kind=average, full"  # nothing in it has a kink
SMALL = "conv 3 2x3, norm, relu, full"
LARGE = "conv 6 3, norm, relu, full 40, relu, full"  # enough to be updated by all threads
RATE, MOMENTUM, DECAY = 0.02, 0.9, 0.01


def made_for(text: str) -> Sample:
    return numbers_for(Architecture(text, (2, 6, 7), 3), "steps", 48)


def rates_of(count: int, rate: float = RATE) -> Array:
    """Rows for the first steps: rate, rate x decay, and AdamW's corrections."""
    times = np.arange(1, count + 1)
    rows = [np.full(count, rate), np.full(count, rate * DECAY), 1 - 0.9**times, 1 - 0.999**times]
    return np.stack(rows, 1).astype(np.float32)


def learner_for(made: Sample, optimizer: str) -> TrainingProgram:
    """A new training program with the sample's parameters."""
    purpose = ProgramSpec("train", False, "cross-entropy", optimizer, training=True)
    learner = TrainingProgram(made.architecture, purpose)
    learner.load_parameters(*flat(made))
    learner.set_inputs(made.x.astype(np.float32), LEVELS)
    learner.context.write_float("momentum", MOMENTUM)
    learner.context.write_float("decay", DECAY)
    return learner


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_smooth_network_equal_reference(optimizer: str) -> None:
    made = made_for(SMOOTH)
    learner, labels = learner_for(made, optimizer), made.labels.astype(np.int64)
    order = np.random.default_rng(1).permutation(np.repeat(np.arange(48), 5))
    weights, _ = (array.astype(np.float64) for array in flat(made))
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(10):
        chosen = order[24 * step : 24 * (step + 1)]
        arrays = {
            row.name: weights[row.offset : row.offset + row.size].reshape(row.shape)
            for row in made.architecture.parameters
        }
        gradients = model.gradients(made.architecture, arrays, made.x[chosen], made.labels[chosen])
        gradient = np.concatenate(
            [gradients.arrays[row.name].ravel() for row in made.architecture.parameters]
        )
        if optimizer == "adamw":
            weights, first, second = optimizers.adamw(
                weights, first, second, gradient, RATE, DECAY, step + 1
            )
        else:
            nesterov = optimizer == "nesterov"
            weights, first = optimizers.sgd(
                weights, first, gradient, RATE, MOMENTUM, DECAY, nesterov
            )
    losses, good = learner.run_steps(order, labels, 24, 0, rates_of(10), 2)
    assert (good, len(losses)) == (10, 240)
    moved = float(np.abs(weights - flat(made)[0]).max())
    assert moved > 0.1, "the steps are too small to be judged"
    assert_near(learner.current_weights[: weights.size], weights, 1e-5, optimizer)
    assert_near(learner.optimizer_state[: weights.size], first, 1e-4, f"{optimizer}: remembered")


def test_steps_split_into_calls_give_same_bits() -> None:
    made = made_for(SMALL)
    order, labels, rates = np.arange(48), made.labels.astype(np.int64), rates_of(3)
    at_once, in_pieces = learner_for(made, "adamw"), learner_for(made, "adamw")
    losses, _ = at_once.run_steps(order, labels, 20, 0, rates, 2)  # of 20, 20 and 8 pictures
    pieces = [in_pieces.run_steps(order, labels, 20, n, rates[n : n + 1], 1)[0] for n in range(3)]
    assert [len(piece) for piece in pieces] == [20, 20, 8]
    assert np.concatenate(pieces).tobytes() == losses.tobytes()
    assert in_pieces.current_weights.tobytes() == at_once.current_weights.tobytes()
    assert in_pieces.running_stats.tobytes() == at_once.running_stats.tobytes()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("text", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("rate", [3e38, 1e30], ids=["weights", "loss"])
def test_steps_not_finite_stop_before_that_step(
    text: str, optimizer: str, threads: int, rate: float
) -> None:
    made = made_for(text)
    order, labels = np.tile(np.arange(48), 2), made.labels.astype(np.int64)
    rates = rates_of(6)
    rates[3:, :2] = rate
    learner, stopped = learner_for(made, optimizer), learner_for(made, optimizer)
    _, good = learner.run_steps(order, labels, 16, 0, rates, threads)
    assert 3 <= good < 6, f"{good} good steps"
    assert good == 3 or rate < 1e38
    _, again = stopped.run_steps(order, labels, 16, 0, rates[:good], 1)
    assert again == good
    parameters, running_stats = flat(made)
    for found, expected in (
        (learner.current_weights, stopped.current_weights),
        (learner.running_stats, stopped.running_stats),
    ):
        assert np.isfinite(found).all()
        assert found.tobytes() == expected.tobytes()
    assert not np.array_equal(learner.current_weights[: parameters.size], parameters)
    assert not np.array_equal(learner.running_stats[: running_stats.size], running_stats)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared", "absolute"])
def test_steps_nan_input_stops_its_step(loss: str, threads: int) -> None:
    made = made_for(SMALL)
    x = made.x.astype(np.float32)
    x[37, 1, 2, 3] = np.nan  # in the third step of 16
    purpose = ProgramSpec("train", False, loss, "sgd", training=True)
    learner = TrainingProgram(made.architecture, purpose)
    learner.load_parameters(*flat(made))
    learner.set_inputs(x, LEVELS)
    _, good = learner.run_steps(
        np.arange(48), made.labels.astype(np.int64), 16, 0, rates_of(3), threads
    )
    assert good == 2
    assert np.isfinite(learner.current_weights).all()
    assert np.isfinite(learner.running_stats).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_steps_infinite_loss_with_finite_gradient_stops(threads: int) -> None:
    made = numbers_for(Architecture("full", (1, 3, 3), 3), "endless", 48)
    made.arrays["full1.bias"][:] = 3e38  # two of them are more than float32 holds
    learner = TrainingProgram(made.architecture, ProgramSpec("train", False, "absolute", "sgd"))
    parameters, running_stats = flat(made)
    learner.load_parameters(parameters, running_stats)
    learner.set_inputs(made.x.astype(np.float32), LEVELS)
    order, labels = np.arange(48), made.labels.astype(np.int64)
    losses, good = learner.run_steps(order, labels, 48, 0, rates_of(1), threads)
    assert good == 0
    assert np.isinf(losses).all()
    assert np.array_equal(learner.current_weights[: parameters.size], parameters)
