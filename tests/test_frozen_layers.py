"""Frozen layers: they keep their bits, and the engine trains the others as the reference says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.core.errors import LimitError
from piecewise.core.ghost_batch import StepContext
from piecewise.core.rng import DROPOUT, derive_key
from piecewise.data.xo import make_xo
from piecewise.engine.codegen.network_program import ProgramSpec
from piecewise.engine.runtime.compiled_program import TrainingProgram
from piecewise.engine.runtime.finite_differences import FiniteDifferenceProgram
from piecewise.network import Network
from piecewise.reference import model
from piecewise.reference.numerical_gradients import numerical_gradients
from piecewise.spec.architecture import Architecture
from piecewise.spec.frozen_layers import NOTHING, FrozenPart, frozen_part
from piecewise.training.recipe import Recipe
from piecewise.training.train import train

from .networks import Sample, assert_near, margin, numbers_for
from .test_engine import LEVELS, flat

PICTURES = "conv 3 2, norm, relu, pool 2, dropout 0.3, conv 4 2, norm, relu, full 7, relu, full"
TEXTS = "embed 5, conv 6 1x2, norm, relu, dropout 0.2, pool all, full"
XO = make_xo(100, size=9, seed=0)
SEED, EPOCH, COUNT = 3, 2, 37


def made_for(text: str) -> Sample:
    """A sample clear of kinks in a training step, whichever layers are frozen."""
    shape = (1, 9, 6) if text == TEXTS else (2, 6, 7)
    architecture = Architecture(text, shape, 3)
    for attempt in range(200):
        made = numbers_for(architecture, f"frozen {attempt}", COUNT)
        frozen = range(len(architecture.stages))
        if min(margin(made, context_of(number), zeros=False) for number in frozen) > 1e-4:
            return made
    raise AssertionError("every sample is too close to a kink")


def context_of(frozen: int) -> StepContext:
    return StepContext(SEED, EPOCH, np.arange(COUNT), frozen)


def names_of(text: str) -> list[str]:
    """The layers that may be frozen: at least one with parameters comes after each."""
    return [stage.name for stage in Architecture(text, (1, 9, 6), 3).stages[:-1]]


LAYERS = [(text, name) for text in (PICTURES, TEXTS) for name in names_of(text)]


@pytest.mark.parametrize(("text", "name"), LAYERS)
def test_gradients_and_statistics_match_reference(text: str, name: str) -> None:
    made = made_for(text)
    part = frozen_part(made.architecture, name)
    spec = ProgramSpec("train", training=True, frozen=part)
    program = TrainingProgram(made.architecture, spec)
    program.dropout_key = derive_key(SEED, DROPOUT)
    program.set_dropout_epoch(EPOCH)
    parameters, running_stats = flat(made)
    program.load_parameters(parameters, running_stats)
    x = made.x if made.architecture.reads_texts else made.x.astype(np.float32)
    program.set_inputs(x, LEVELS)
    losses = program.compute_gradient(made.labels.astype(np.int64), threads=2)
    wanted = model.gradients(
        made.architecture, made.arrays, made.x, made.labels, context=context_of(part.stages)
    )
    assert losses.mean() == pytest.approx(wanted.loss, rel=1e-5)
    largest = max(float(np.abs(array).max()) for array in wanted.arrays.values())
    for row in made.architecture.parameters:
        found = program.gradient[row.offset : row.offset + row.size].reshape(row.shape)
        assert_near(found, wanted.arrays[row.name], 2e-5, row.name, largest)
        if row.offset < part.parameters:
            assert not found.any()
            assert not wanted.arrays[row.name].any()
    frozen = made.architecture.stages[: part.stages]
    kept = {row.name for stage in frozen for row in stage.running_stats}
    assert wanted.observed.keys() == {row.name for row in made.architecture.running_stats} - kept


FEW = [(PICTURES, "norm1"), (PICTURES, "conv2"), (TEXTS, "norm1")]


@pytest.mark.parametrize(("text", "name"), FEW)
def test_finite_differences_match_reference(text: str, name: str) -> None:
    made = made_for(text)
    context = context_of(frozen_part(made.architecture, name).stages)
    wanted = numerical_gradients(
        made.architecture, made.arrays, made.x, made.labels, "cross-entropy", context
    )
    program = FiniteDifferenceProgram(
        made.architecture, "cross-entropy", training=True, frozen=context.frozen
    )
    found = program.differences(made.arrays, made.x, made.labels, context, threads=2)
    assert found.loss == pytest.approx(wanted.loss, rel=1e-13)
    assert found.observed.keys() == wanted.observed.keys()
    for parameter, array in wanted.arrays.items():
        assert_near(found.arrays[parameter], array, 1e-9, parameter, 1.0)
    for statistic, array in wanted.observed.items():
        assert_near(found.observed[statistic], array, 1e-12, statistic, 1.0)


def bits(net: Network) -> dict[str, Array]:
    return {name: array.view(np.uint32).copy() for name, array in net.state.items()}


@pytest.mark.parametrize("method", ["backpropagation", "nudging"])
@pytest.mark.parametrize(
    "knobs", [{}, {"nesterov": True}, {"optimizer": "adamw", "weight_decay": 0.5}], ids=str
)
@pytest.mark.parametrize("name", ["conv1", "norm1", "full1"])
def test_frozen_layers_keep_their_bits_and_others_change(
    name: str, knobs: dict[str, Any], method: str
) -> None:
    net = Network("conv 5 3, norm, relu, pool 3, full 7, norm, relu, full", (1, 9, 9), ("X", "O"))
    part = frozen_part(net.architecture, name)
    assert part.parameters % 16  # a block of sixteen is frozen in part
    net.parameters.flat[:3] = -0.0, 1e-45, 3e37
    net.parameters.flat[2] = 0.25
    net.running_stats.flat[:] += 0.25
    before, epochs = bits(net), 1 if method == "nudging" else 3
    recipe = Recipe(epochs=epochs, learning_rate=0.02, freeze_until=name, method=method, **knobs)
    train(net, XO.inputs, XO.labels, recipe)
    frozen = {
        row.name
        for stage in net.architecture.stages[: part.stages]
        for row in (*stage.parameters, *stage.running_stats)
    }
    unchanged = {key for key, array in bits(net).items() if np.array_equal(array, before[key])}
    assert unchanged == frozen
    assert net.recipe["freeze_until"] == name


def test_steps_of_a_large_network_freeze_in_every_thread() -> None:
    made = numbers_for(
        Architecture("conv 6 3, norm, relu, full 40, relu, full", (2, 6, 7), 3), "large", 48
    )
    part = frozen_part(made.architecture, "norm1")
    program = TrainingProgram(
        made.architecture, ProgramSpec("train", optimizer="sgd", training=True, frozen=part)
    )
    assert program.ir.layout.blocks > 64, "one thread updates a small network"
    parameters, running_stats = flat(made)
    program.load_parameters(parameters, running_stats)
    program.set_inputs(made.x.astype(np.float32), LEVELS)
    program.context.write_float("momentum", 0.9)
    program.context.write_float("decay", 0.1)
    rates = np.tile(np.array([[0.02, 0, 1, 1]], np.float32), (3, 1))
    program.run_steps(np.arange(48), made.labels.astype(np.int64), 16, 0, rates, 2)
    count = part.parameters
    assert program.current_weights[:count].tobytes() == parameters[:count].tobytes()
    assert not program.optimizer_state[:count].any()
    assert (program.current_weights[count : parameters.size] != parameters[count:]).mean() > 0.9
    assert program.running_stats[: running_stats.size].tobytes() == running_stats.tobytes()


def test_frozen_part_counts() -> None:
    net = Network("conv 5 3, norm, relu, pool 3, full", (1, 9, 9), ("X", "O"))
    assert frozen_part(net.architecture, None) == NOTHING == (0, 0, 0)
    assert frozen_part(net.architecture, "conv1") == FrozenPart(1, 50, 0)
    assert frozen_part(net.architecture, "pool1") == FrozenPart(4, 60, 10)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("con1", "no layer 'con1'; did you mean 'conv1'?"),
        ("full1", "got 'full1', which leaves no parameters to train; wanted a layer before the "
         "last one that has parameters"),
    ],
)  # fmt: skip
def test_layers_that_cannot_be_frozen_are_named(name: str, said: str) -> None:
    net = Network("conv 5 3, norm, relu, pool 3, full", (1, 9, 9), ("X", "O"))
    before = net.parameters_sha256
    with pytest.raises(LimitError) as caught:
        train(net, XO.inputs, XO.labels, Recipe(freeze_until=name))
    assert str(caught.value) == f"freeze_until: {said}"
    assert net.parameters_sha256 == before
    assert net.recipe == {}


@pytest.mark.parametrize("value", ["conv", "", "conv 1", 3, True, "Conv1", "x" * 99 + "1"])
def test_recipe_refuses_what_is_no_name_of_a_layer(value: object) -> None:
    with pytest.raises(LimitError, match="wanted the name of a layer, such as conv2, or none"):
        Recipe(freeze_until=value)  # type: ignore[arg-type]
