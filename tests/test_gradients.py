"""Backpropagation against nudging: every kind of layer, every parameter and every input.

All in float64. A nudge is 1e-5; inputs are chosen so that none comes near a kink.
"""

from __future__ import annotations

from collections.abc import Callable
from math import fsum
from typing import Any

import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.core.ghost_batch import StepContext
from piecewise.core.rng import derive_key
from piecewise.reference import model
from piecewise.reference.finite_differences import numerical_gradient, numerical_gradients
from piecewise.reference.losses import LOSSES, softmax, softmax_backward
from piecewise.reference.reductions import TrainingMode
from piecewise.spec.architecture import Architecture
from piecewise.spec.layer import Layer, Shape, layer_fields
from piecewise.spec.notation import parse

from .networks import PICTURES, TEXTS, assert_near, margin, numbers_for, sample

NUDGE_SIZE = 1e-5
TOLERANCE = 1e-7
LEAST_MARGIN = 1e-3  # a nudge of a parameter may grow on its way through a network

# On stacks of unequal odd and even axes, most with strides that do not divide.
CONVOLUTIONS = [
    ("conv 2 3x2", (2, 5, 4)),
    ("conv 3 2x3 stride=2x3", (2, 7, 8)),
    ("conv 2 3 stride=2x3 pad=same", (1, 6, 7)),
    ("conv 2 4x2 pad=same", (3, 4, 7)),
    ("conv 2 3x2 stride=2 pad=2x1", (2, 4, 5)),
    ("conv 2 2x3 pad=1 mean", (2, 5, 4)),
    ("conv 3 1x4 bias=no", (2, 1, 7)),
    ("conv 2 1 stride=3", (3, 5, 7)),
    ("conv 2 1 pad=2", (2, 3, 2)),
    ("conv 1 4x5", (2, 4, 5)),
]
POOLS = [
    (f"pool {window}{kind}", shape)
    for kind in ("", " kind=average")
    for window, shape in [
        ("2", (2, 5, 6)),
        ("3x2 stride=2x3", (2, 8, 6)),
        ("3 stride=2 edge=drop", (1, 6, 8)),
        ("2x3 stride=1", (2, 4, 5)),
        ("4x5", (2, 3, 7)),
        ("1x2 stride=3", (3, 7, 5)),
        ("all", (2, 3, 4)),
    ]
]
OTHERS = [
    ("full 3", (2, 3, 2)),
    ("relu", (2, 4, 3)),
    ("norm", (3, 3, 4)),
    ("dropout 0.4", (2, 3, 5)),
]


def spaced(shape: tuple[int, ...], seed: int) -> Array:
    """Numbers in random order with 0.01 or more between any two, and between each and 0."""
    count = int(np.prod(shape))
    steps = np.random.default_rng(seed).permutation(count) - count // 2
    return (2 * steps.reshape(shape) + 1) / 100


def gradient_of(value: Callable[[], float], array: Array) -> Array:
    """How ``value`` changes with each number of ``array``, by central differences."""
    found = np.empty_like(array)
    for index in np.ndindex(array.shape):
        before = array[index]
        array[index] = before + NUDGE_SIZE
        up = value()
        array[index] = before - NUDGE_SIZE
        found[index] = (up - value()) / (2 * NUDGE_SIZE)
        array[index] = before
    return found


def assert_gradient(found: Array, value: Callable[[], float], array: Array, said: object) -> None:
    """``found`` is the gradient of ``value`` with respect to ``array``, and not zero."""
    assert np.abs(found).max() > 1e-3, f"{said}: no gradient"
    assert_near(found, gradient_of(value, array), TOLERANCE, said)


@pytest.mark.parametrize("training", [False, True], ids=["answering", "training"])
@pytest.mark.parametrize(("notation", "shape"), CONVOLUTIONS + POOLS + OTHERS)
def test_layer_gradients_match_numerical(
    notation: str, shape: tuple[int, int, int], training: bool
) -> None:
    (layer,) = parse(notation)
    x, own = spaced((3, *shape), seed=1), own_arrays(layer, Shape(*shape))
    assert_layer(
        layer, x, own, TrainingMode(derive_key(7, np.arange(3))) if training else None, notation
    )


def test_embedding_gradients_match_numerical() -> None:
    (layer,) = parse("embed 3")
    words = np.array([[4, 0, 4, 1, 2], [1, 1, 4, 4, 2]])  # some often, 3 never
    assert_layer(layer, words, own_arrays(layer, Shape(1, 5, 5)), None, "embed 3")


def own_arrays(layer: Layer, shape: Shape) -> dict[str, Array]:
    random = np.random.default_rng(2)
    rows = layer.parameters(shape) + layer.running_stats(shape)
    return {row.name: random.uniform(0.5, 2, row.shape) for row in rows}


def assert_layer(
    layer: Layer, x: Array, own: dict[str, Array], draw: TrainingMode | None, said: str
) -> None:
    """For a random upstream, the gradients of a layer are those of upstream times output."""
    pair = model.LAYER_FUNCTIONS[type(layer)]
    y, kept = pair.forward(layer, x, own, draw)
    upstream = np.random.default_rng(3).normal(0, 1, y.shape)
    dx, gradients = pair.backward(layer, upstream, own, kept)
    assert gradients.keys() == own.keys() - {"mean", "variance"}

    def value() -> float:
        return fsum((upstream * pair.forward(layer, x, own, draw)[0]).ravel())

    if x.dtype.kind == "f":
        assert_gradient(dx, value, x, f"{said}: x")
    for name, gradient in gradients.items():
        assert_gradient(gradient, value, own[name], f"{said}: {name}")


@pytest.mark.parametrize("loss", LOSSES)
def test_loss_gradient_matches_numerical(loss: str) -> None:
    logits, right = spaced((4, 5), seed=4) * 3, np.array([1, 4, 0, 1])  # none within 0.01 of 1
    assert min(np.abs(logits).min(), np.abs(logits - 1).min()) > 10 * NUDGE_SIZE
    upstream = np.random.default_rng(5).normal(0, 1, 4)
    gradient = upstream[:, None] * LOSSES[loss](logits, right)[1]
    assert_gradient(gradient, lambda: fsum(upstream * LOSSES[loss](logits, right)[0]), logits, loss)


def test_softmax_gradient_matches_numerical() -> None:
    logits, upstream = np.random.default_rng(6).normal(0, 2, (2, 4, 5))
    gradient = softmax_backward(upstream, softmax(logits))
    assert_gradient(gradient, lambda: fsum((upstream * softmax(logits)).ravel()), logits, "softmax")


@pytest.mark.parametrize("seed", range(40))
def test_network_parameter_gradients_match_numerical(seed: int) -> None:
    loss = list(LOSSES)[seed % 3]
    made = sample(seed, least=LEAST_MARGIN)
    given = (made.architecture, made.arrays, made.x, made.right, loss)
    found, (mean, numerical, _) = model.gradients(*given), numerical_gradients(*given)
    assert found.loss == mean, made
    assert found.arrays.keys() == numerical.keys(), made
    for name, wanted in numerical.items():
        assert np.abs(wanted).max() > 1e-4, f"{made}, {loss}: {name} has no gradient"
        assert_near(found.arrays[name], wanted, TOLERANCE, f"{made}, {loss}: {name}")


@pytest.mark.parametrize("seed", range(16))
def test_network_input_gradient_matches_numerical(seed: int) -> None:
    made = sample(seed, PICTURES, count=2, least=LEAST_MARGIN)
    stages = made.architecture.stages
    outputs, kept = model.forward(stages, made.arrays, made.x)
    upstream = np.random.default_rng(seed).normal(0, 1, outputs[-1].shape)
    dx, _ = model.backward(stages, made.arrays, upstream, kept)

    def value() -> float:
        return fsum((upstream * model.forward(stages, made.arrays, made.x)[0][-1]).ravel())

    assert_gradient(dx, value, made.x, made)


# No bias before norm: while training it changes nothing.
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("notation", "count"),
    [
        ("conv 2 2x3 bias=no, norm, relu, dropout 0.3, full", 5),
        ("dropout 0.2, conv 3 3x2 stride=2 bias=no, norm, pool 2x1, full 4, dropout 0.5, full", 5),
        ("norm, conv 2 2 pad=same mean, norm, pool 3x2 stride=2 kind=average, full", 19),
    ],
)
def test_training_step_gradients_match_numerical(notation: str, count: int, loss: str) -> None:
    architecture, context = (
        Architecture(notation, (2, 4, 5), 3),
        StepContext(3, 1, np.arange(count)),
    )
    made = next(
        made
        for made in (numbers_for(architecture, f"try {n}", count) for n in range(500))
        if margin(made, context) > 2e-4
    )
    given = (made.architecture, made.arrays, made.x, made.right, loss, context)
    for row in architecture.parameters:
        said = f"{made}, {count} pictures, {loss}: {row.name}"
        array = made.arrays[row.name]
        assert_gradient(
            model.gradients(*given).arrays[row.name],
            lambda: model.gradients(*given).loss,
            array,
            said,
        )


@pytest.mark.parametrize("loss", LOSSES)
def test_sample_weight_gradients_match_numerical(loss: str) -> None:
    made = sample(3, count=19, least=LEAST_MARGIN)
    weights = np.random.default_rng(1).integers(0, 4, 19) / 4
    given = (made.architecture, made.arrays, made.x, made.right, loss, None, weights)
    found, wanted = model.gradients(*given), numerical_gradients(*given)
    assert found.loss == wanted.loss
    for name, array in wanted.arrays.items():
        assert_near(found.arrays[name], array, TOLERANCE, f"{made}, {loss}: {name}", 1e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_sample_weight_scales_each_example(loss: str) -> None:
    made, count = sample(2, count=19), 19
    weights = np.arange(count) % 4 / 2
    given = (made.architecture, made.arrays)
    alone = [model.gradients(*given, made.x[[n]], made.right[[n]], loss) for n in range(count)]
    found = model.gradients(*given, made.x, made.right, loss, sample_weight=weights)
    pairs = list(zip(weights, alone, strict=True))
    assert found.loss == pytest.approx(sum(w * one.loss for w, one in pairs) / count, rel=1e-12)
    for name, array in found.arrays.items():
        wanted = sum(w * one.arrays[name] for w, one in pairs) / count
        assert_near(array, wanted, 1e-12, f"{made}, {loss}: {name}", 1e-3)
    none, ones = (
        model.gradients(*given, made.x, made.right, loss, sample_weight=some)
        for some in (None, np.ones(count))
    )
    assert none.loss == ones.loss
    for name, array in none.arrays.items():
        assert array.tobytes() == ones.arrays[name].tobytes()


def test_numerical_gradient_parabola_is_exact_and_array_restored() -> None:
    array = np.random.default_rng(7).normal(0, 1, (4, 5)) ** 5  # large and small
    before = array.copy()
    assert_near(
        numerical_gradient(lambda: fsum(array.ravel() ** 2), array), 2 * before, 1e-8, "parabola"
    )
    assert array.tobytes() == before.tobytes()


def test_random_networks_cover_every_layer_and_field() -> None:
    layers: set[Layer] = set()
    inputs: set[Shape] = set()
    for seed in range(200):
        architecture = sample(seed).architecture
        inputs.add(architecture.input)
        layers.update(architecture.layers)
    seen: dict[str, set[Any]] = {}
    for layer in layers:
        for knob in layer_fields(type(layer)):
            seen.setdefault(f"{layer.word}.{knob.name}", set()).add(getattr(layer, knob.name))
    assert {layer.word for layer in layers} == set(TEXTS)
    assert all(len(values) > 1 for values in seen.values()), seen
    assert seen["conv.padding"] >= {"same", (0, 0), (1, 1), (0, 1), (2, 1)}
    assert seen["pool.window"] >= {"all", (2, 2), (2, 3), (3, 2)}
    assert any(shape.height == 1 < shape.channels for shape in inputs)
