"""Sample weights: equal to the reference, and no effect where all weights are 1."""

from __future__ import annotations

import weakref
from itertools import product

import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.core.ghost_batch import StepContext
from piecewise.engine.codegen.network_program import ProgramSpec
from piecewise.engine.ir.target import Target
from piecewise.engine.runtime import program_registry
from piecewise.engine.runtime.compiled_program import TrainingProgram
from piecewise.engine.runtime.llvm_compiler import host_target
from piecewise.spec.architecture import Architecture

from .long import now_and_long
from .networks import Sample, assert_near, numbers_for
from .test_engine import (
    LEVELS,
    Case,
    Learned,
    anything,
    assert_learns_alike,
    case,
    clear,
    flat,
    form,
    learned,
    reference_gradients,
    seeds,
)

LOSSES = ("cross-entropy", "squared", "absolute")
FORMS = ("avx512", "avx2", "four", "plain")
each_with_some = pytest.mark.parametrize(
    ("loss", "vectors"),
    now_and_long(
        product(LOSSES, FORMS),
        {*zip(LOSSES, FORMS, strict=False), ("squared", "plain"), ("cross-entropy", "avx2")},
    ),
)
SMALL = "conv 3 2x3, norm, relu, dropout 0.2, full"
NO_NORM = "conv 3 2x3, relu, full"
COUNT, SPARE = 37, 4  # three groups, the last of five


def weights_for(count: int, seed: int = 0) -> Array:
    """Random weights; some are zero, others below or above 1."""
    drawn = np.random.default_rng(seed).uniform(-1, 3, count).astype(np.float32)
    return np.where(drawn < 0, np.float32(0), drawn)


def made_for(text: str, loss: str) -> tuple[Sample, Array]:
    """Examples to choose from, and the order of the chosen ones, away from kinks."""
    order = np.random.default_rng(3).permutation(COUNT + SPARE)[:COUNT]
    architecture = Architecture(text, (2, 5, 4), 3)
    for attempt in range(100):
        made = numbers_for(architecture, f"weights {loss} {attempt}", COUNT + SPARE)
        chosen = made._replace(x=made.x[order], labels=made.labels[order])
        if clear(chosen, StepContext(4, 3, order)):
            return made, order
    raise AssertionError("none stands clear of kinks")


def weighted(text: str, loss: str, machine: Target | None = None, threads: int = 2) -> Case:
    made, order = made_for(text, loss)
    pictures, weights = made.x.astype(np.float32), weights_for(COUNT + SPARE)
    assert 0 < (weights[order] == 0).sum() < COUNT
    machine = machine or host_target()
    return Case(made, pictures, order, 4, loss, threads, 2, machine, False, weights)


def assert_same_bits(found: Learned, expected: Learned) -> None:
    assert found.losses.tobytes() == expected.losses.tobytes()
    for some, others in (
        (found.gradients, expected.gradients),
        (found.observed, expected.observed),
    ):
        for name, array in others.items():
            assert some[name].tobytes() == array.tobytes(), name


@pytest.mark.parametrize("threads", [1, 2])
@each_with_some
def test_sample_weight_small_network_equals_reference(
    loss: str, vectors: str, threads: int
) -> None:
    this = weighted(SMALL, loss, form(vectors), threads)
    rounded = this.chosen().to(np.float32)
    for step_context in (None, this.step_context):
        assert_learns_alike(this, rounded, step_context)


@seeds(10)
@anything
def test_sample_weight_random_networks_equal_reference(seed: int) -> None:
    this = case(seed)
    this = this._replace(weights=weights_for(len(this.pictures), seed))
    assert_learns_alike(this, this.chosen().to(np.float32), this.step_context)


@each_with_some
def test_sample_weight_any_threads_and_vectors_give_same_bits(loss: str, vectors: str) -> None:
    expected = learned(weighted(SMALL, loss, threads=1), training=True)
    for threads in (1, 2):
        this = weighted(SMALL, loss, form(vectors), threads)
        assert_same_bits(learned(this, training=True), expected)


@pytest.mark.parametrize("training", [False, True], ids=["answering", "training"])
@pytest.mark.parametrize("loss", LOSSES)
def test_sample_weight_one_changes_no_bit(loss: str, training: bool) -> None:
    this = weighted(SMALL, loss)
    ones = this._replace(weights=np.ones(COUNT + SPARE, np.float32))
    expected = learned(this._replace(weights=None), training=training)
    assert_same_bits(learned(ones, training=training), expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_sample_weight_zero_gives_no_gradient(loss: str) -> None:
    this = weighted(NO_NORM, loss)
    assert this.weights is not None
    others = this.pictures.copy()
    others[this.weights == 0] *= -3
    found = learned(this, training=False)
    without = learned(this._replace(pictures=others), training=False)
    assert (found.losses[this.weights[this.order] == 0] == 0).all()
    assert found.losses.tobytes() == without.losses.tobytes()
    for name, array in found.gradients.items():
        assert array.any()
        assert np.array_equal(array, without.gradients[name]), name
    nothing = learned(this._replace(weights=np.zeros_like(this.weights)), training=True)
    assert not nothing.losses.any()
    assert not any(array.any() for array in nothing.gradients.values())


def test_gradients_with_sample_weight_equal_reference() -> None:
    made, _ = made_for(NO_NORM, "squared")
    x, labels, weights = made.x.astype(np.float32), made.labels.astype(np.int64), weights_for(41)
    losses, gradient = program_registry.gradients(
        made.architecture, *flat(made), x, labels, "squared", weights
    )
    expected = reference_gradients(made, "squared", None, weights)
    assert float(losses.mean()) == pytest.approx(expected.loss, rel=1e-5)
    for row in made.architecture.parameters:
        found = gradient[row.offset : row.offset + row.size].reshape(row.shape)
        assert_near(found, expected.arrays[row.name], 1e-5, row.name)


def learner_for(made: Sample, loss: str, pictures: Array) -> TrainingProgram:
    learner = TrainingProgram(
        made.architecture, ProgramSpec("train", False, loss, "sgd", weighted=True)
    )
    learner.load_parameters(*flat(made))
    learner.set_inputs(pictures, LEVELS)
    return learner


RATES = np.full((3, 4), 0.01, np.float32)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 3e38], ids=str)
@pytest.mark.parametrize("loss", LOSSES)
def test_steps_not_finite_loss_with_zero_weight_stops(loss: str, wrong: float) -> None:
    made, _ = made_for("full", loss)
    x, order, labels = made.x.astype(np.float32), np.arange(36), made.labels.astype(np.int64)
    x[15] = wrong  # in the second step of 12
    learner, weights = learner_for(made, loss, x), np.ones(COUNT + SPARE, np.float32)
    weights[15] = 0
    learner.set_sample_weights(weights)
    losses, good = learner.run_steps(order, labels, 12, 0, RATES, 2)
    assert good == 1
    assert np.isnan(losses[15])
    assert np.isfinite(np.delete(losses[:24], 15)).all()
    assert np.isfinite(learner.current_weights).all()


@pytest.mark.parametrize("weight", [np.inf, 3e38, np.nan], ids=str)
def test_steps_weight_with_infinite_loss_stops(weight: float) -> None:
    made, _ = made_for("full", "squared")
    made.arrays["full1.bias"][:] = 9  # every loss is larger than 1
    labels, weights = made.labels.astype(np.int64), weights_for(COUNT + SPARE)
    learner = learner_for(made, "squared", made.x.astype(np.float32))
    weights[30] = weight
    learner.set_sample_weights(weights)
    assert learner.run_steps(np.arange(36), labels, 12, 0, RATES, 1)[1] == 2


def test_sample_weights_stay_alive_and_need_weighted_program() -> None:
    made, order = made_for(NO_NORM, "squared")
    x, labels = made.x.astype(np.float32), made.labels.astype(np.int64)
    learner = learner_for(made, "squared", x)
    with pytest.raises(AssertionError, match="not every example has a weight"):
        learner.run_steps(order, labels, 37, 0, RATES[:1], 1)
    learner.set_sample_weights(weights_for(COUNT + SPARE - 1))
    with pytest.raises(AssertionError, match="not every example has a weight"):
        learner.run_steps(order, labels, 37, 0, RATES[:1], 1)
    twos = np.full(COUNT + SPARE, 2, np.float32)
    learner.set_sample_weights(twos)
    alive = weakref.ref(twos)
    del twos
    assert alive() is not None
    doubled, _ = learner.run_steps(order, labels, 37, 0, 0 * RATES[:1], 1)
    plain = TrainingProgram(made.architecture, ProgramSpec("train", False, "squared"))
    plain.load_parameters(*flat(made))
    plain.set_inputs(x, LEVELS)
    losses, _ = plain.run_steps(order, labels, 37, 0, 0 * RATES[:1], 1)
    assert doubled.tobytes() == (2 * losses).tobytes()
    with pytest.raises(AssertionError, match="the program reads no weights"):
        plain.set_sample_weights(np.ones(COUNT + SPARE, np.float32))
