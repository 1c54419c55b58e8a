"""The engine's finite differences match the reference and backpropagation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from piecewise import Network, make_xo
from piecewise.core.array_types import Array
from piecewise.core.ghost_batch import StepContext
from piecewise.engine.ir.target import Target
from piecewise.engine.runtime import finite_differences, program_registry
from piecewise.engine.runtime.finite_differences import FiniteDifferenceProgram, FiniteDifferences
from piecewise.engine.runtime.thread_pool import aligned
from piecewise.inputs import layer_inputs
from piecewise.reference import model
from piecewise.reference.losses import LOSSES
from piecewise.reference.numerical_gradients import numerical_gradients
from piecewise.spec.architecture import Architecture
from piecewise.spec.layers import KINDS

from .long import now_and_long
from .networks import Sample, assert_near, margin, numbers_for, sample
from .test_engine import GUARD, form

DECK = "conv 3 3 mean, relu, pool 2, pool 2, full"
EVERYTHING = (
    "conv 5 3x2 pad=same, norm, relu, pool 2, dropout 0.3, conv 3 3 stride=2x1 pad=1 bias=no, "
    "norm, pool 3x2 stride=2 kind=average, conv 4 2 pad=1 mean, relu, full 9, relu, dropout 0.5, "
    "full"
)
FORMS = ("avx512", "avx2", "four")
TOLERANCE = 1e-9
SEEDS = 18


def of(seed: int) -> Sample:
    return sample(seed, count=(3, 16, 19)[seed % 3])


def step_context_for(made: Sample) -> StepContext:
    """A step on pictures that are not the first of their data set."""
    return StepContext(2**40 + 5, 2, 7 * np.arange(len(made.x)) + 2**33)


def nudged(
    made: Sample, loss: str, step_context: StepContext | None, machine: Target, threads: int = 1
) -> FiniteDifferences:
    program = FiniteDifferenceProgram(
        made.architecture, loss, training=step_context is not None, target=machine
    )
    return program.differences(made.arrays, made.x, made.labels, step_context, threads)


def assert_as_defined(found: FiniteDifferences, wanted: model.Gradients, said: str) -> None:
    largest = max((float(np.abs(a).max()) for a in wanted.arrays.values()), default=0.0)
    assert found.loss == pytest.approx(wanted.loss, rel=1e-13), said
    assert list(found.arrays) == list(wanted.arrays), said
    assert found.observed.keys() == wanted.observed.keys(), said
    for name, array in wanted.arrays.items():  # a zero gradient is rounding, in both
        assert_near(found.arrays[name], array, TOLERANCE, f"{said}: {name}", largest)
    for name, array in wanted.observed.items():
        assert_near(found.observed[name], array, 1e-12, f"{said}: {name}", 1.0)


@pytest.mark.parametrize("training", [False, True], ids=["answering", "training"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_finite_differences_match_reference(seed: int, training: bool) -> None:
    made, loss = of(seed), list(LOSSES)[(seed // 3) % 3]
    step_context = step_context_for(made) if training else None
    wanted = numerical_gradients(
        made.architecture, made.arrays, made.x, made.labels, loss, step_context
    )
    found = nudged(made, loss, step_context, form(FORMS[seed % 3]), threads=1 + seed % 2)
    assert_as_defined(found, wanted, f"{made}, {loss}")


def test_sample_networks_cover_every_layer_kind() -> None:
    layers = {type(layer) for seed in range(SEEDS) for layer in of(seed).architecture.layers}
    assert layers == set(KINDS)


@pytest.mark.parametrize("loss", now_and_long(LOSSES, {"cross-entropy"}))
def test_finite_differences_of_training_step_match_reference(loss: str) -> None:
    made = numbers_for(Architecture(EVERYTHING, (2, 9, 8), 4), "steps", 19)
    step_context = step_context_for(made)
    wanted = numerical_gradients(
        made.architecture, made.arrays, made.x, made.labels, loss, step_context
    )
    found = program_registry.finite_differences(
        made.architecture, made.arrays, made.x, made.labels, loss, step_context
    )
    assert_as_defined(found, wanted, loss)
    other = step_context._replace(epoch=3)
    again = program_registry.finite_differences(
        made.architecture, made.arrays, made.x, made.labels, loss, other
    )
    assert again.loss != found.loss  # other values sit out


def test_finite_differences_any_threads_and_vectors_have_same_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finite_differences, "MULTIPLICATIONS_PER_THREAD", 1)
    made = numbers_for(Architecture(EVERYTHING, (2, 9, 8), 4), "bits", 40)
    bits = set()
    for vectors in FORMS:
        for threads in (1, 2, 3, 4):
            found = nudged(made, "cross-entropy", step_context_for(made), form(vectors), threads)
            arrays = (found.arrays | found.observed).values()
            bits.add((found.loss, b"".join(array.tobytes() for array in arrays)))
    assert len(bits) == 1


@pytest.mark.parametrize("seed", range(12))
def test_finite_differences_stay_within_buffers(seed: int) -> None:
    made = of(seed)
    step_context = step_context_for(made)
    program = FiniteDifferenceProgram(
        made.architecture, "cross-entropy", training=True, guard=GUARD
    )
    memory = aligned(program.ir.memory, np.uint8)
    memory[:] = 0xFF  # no numbers
    program.memories = [memory]
    found = program.differences(made.arrays, made.x, made.labels, step_context, 1)
    wanted = nudged(made, "cross-entropy", step_context, form("avx2"))
    for name, array in wanted.arrays.items():
        assert array.tobytes() == found.arrays[name].tobytes(), f"{made}: {name}"
    free = np.ones(memory.size, bool)
    free[: program.ir.plan.start] = False
    for place in program.ir.plan.buffers.values():
        free[place.offset : place.offset + place.size] = False
    assert free.sum() > GUARD
    assert (memory[free] == 0xFF).all(), made


# The deck's net.

LESSONS = make_xo(200, size=9, seed=3)


def deck_net() -> tuple[Network, Array, Array]:
    net = Network(DECK, (1, 9, 9), ("X", "O"), seed=2, preprocessor=LESSONS.preprocessor)
    return net, layer_inputs(net, LESSONS.inputs), LESSONS.labels.astype(np.int64)


@pytest.mark.parametrize("loss", LOSSES)
def test_deck_net_finite_difference_steps_match_backpropagation(loss: str) -> None:
    net, x, right = deck_net()
    wide = {name: array.astype(np.float64) for name, array in net.state.items()}
    one, other = ({name: array.copy() for name, array in wide.items()} for _ in range(2))
    for step in range(40):
        some = slice(32 * (step % 6), 32 * (step % 6) + 32)
        gradients = model.gradients(
            net.architecture, one, x[some].astype(np.float64), right[some], loss
        ).arrays
        found = program_registry.finite_differences(
            net.architecture, other, x[some], right[some], loss
        ).arrays
        if step == 0:
            assert away(found, gradients) < 1e-6
        for name in one:
            one[name] -= 0.05 * gradients[name]
            other[name] -= 0.05 * found[name]
    moved = {name: array - wide[name] for name, array in one.items()}
    assert away({name: array - wide[name] for name, array in other.items()}, moved) < 1e-6


def away(found: dict[str, Array], wanted: dict[str, Array]) -> float:
    """How far all numbers together are from those wanted, by how long those are."""
    difference, length = (
        math.sqrt(math.fsum(float((a * a).sum()) for a in arrays))
        for arrays in ([found[name] - wanted[name] for name in wanted], wanted.values())
    )
    assert length > 1e-3
    return difference / length


@pytest.mark.parametrize("loss", LOSSES)
def test_engine_gradients_match_finite_differences(loss: str) -> None:
    net, _, right = deck_net()
    mean, gradients = net.gradients(LESSONS.inputs, right, loss)
    other, found = net.numerical_gradients(LESSONS.inputs, right, loss)
    assert other == pytest.approx(mean, rel=1e-6)
    wanted = {name: array.astype(np.float64) for name, array in gradients.items()}
    assert away(found, wanted) < 1e-6


# The ends of what there is.


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_loss_small_and_large_logits_matches_reference(loss: str, scale: float) -> None:
    made = numbers_for(Architecture("full", (3, 2, 2), 5), f"logits {scale}", 50)
    arrays = {name: scale * array for name, array in made.arrays.items()}
    given = (made.architecture, arrays, made.x, made.labels, loss)
    assert program_registry.finite_differences(*given).loss == pytest.approx(
        model.mean_loss(*given)[0], rel=1e-14
    )


def test_infinite_parameter_gives_infinite_loss() -> None:
    made = numbers_for(Architecture("conv 2 2, relu, full", (1, 3, 4), 2), "odd", 20)
    made.arrays["full1.bias"][1] = math.inf
    found = program_registry.finite_differences(
        made.architecture, made.arrays, made.x, made.labels, "squared"
    )
    assert not math.isfinite(found.loss)


def test_network_without_parameters_has_loss_and_no_gradients() -> None:
    made = numbers_for(Architecture("pool all", (3, 4, 5), 3), "none", 20)
    given = (made.architecture, made.arrays, made.x, made.labels, "cross-entropy")
    found = program_registry.finite_differences(*given)
    assert found.arrays == {}
    assert found.loss == pytest.approx(model.mean_loss(*given)[0], rel=1e-14)


def test_finite_differences_away_from_kinks_match_gradient() -> None:
    made = sample(1, count=5, min_margin=1e-3)
    assert margin(made) > 1e-3
    given = (made.architecture, made.arrays, made.x, made.labels, "cross-entropy")
    gradients, found = (
        model.gradients(*given).arrays,
        program_registry.finite_differences(*given).arrays,
    )
    for name, gradient in gradients.items():
        assert_near(found[name], gradient, 1e-7, name)
