"""Backpropagation compared with numerical gradients: every layer, parameter and input.

All in float64, with nudges of 1e-5. The inputs are chosen so that no value comes near a kink.
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
from piecewise.reference.batch_context import INFERENCE, BatchContext
from piecewise.reference.losses import LOSSES, softmax, softmax_backward
from piecewise.reference.numerical_gradients import numerical_gradient, numerical_gradients
from piecewise.spec.architecture import Architecture
from piecewise.spec.layer_base import Layer, Shape, layer_fields
from piecewise.spec.notation import parse

from .networks import PICTURES, TEXTS, assert_near, margin, numbers_for, sample

NUDGE_SIZE = 1e-5
TOLERANCE = 1e-7
LEAST_MARGIN = 1e-3  # a network may amplify the nudge of a parameter

# Inputs have unequal odd and even sides, which most strides do not divide.
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
    """The gradient of ``value`` with respect to ``array``, by central differences."""
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        before = array[index]
        array[index] = before + NUDGE_SIZE
        up = value()
        array[index] = before - NUDGE_SIZE
        gradient[index] = (up - value()) / (2 * NUDGE_SIZE)
        array[index] = before
    return gradient


def assert_gradient(
    gradient: Array, value: Callable[[], float], array: Array, description: object
) -> None:
    """Asserts that ``found`` is the gradient of ``value`` for ``array``, and not zero."""
    assert np.abs(gradient).max() > 1e-3, f"{description}: no gradient"
    assert_near(gradient, gradient_of(value, array), TOLERANCE, description)


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize(("notation", "shape"), CONVOLUTIONS + POOLS + OTHERS)
def test_layer_gradients_match_numerical(
    notation: str, shape: tuple[int, int, int], training: bool
) -> None:
    (layer,) = parse(notation)
    x, arrays = spaced((3, *shape), seed=1), random_arrays(layer, Shape(*shape))
    batch = BatchContext(True, derive_key(7, np.arange(3))) if training else INFERENCE
    assert_layer(layer, x, arrays, batch, notation)


def test_embedding_gradients_match_numerical() -> None:
    (layer,) = parse("embed 3")
    words = np.array([[4, 0, 4, 1, 2], [1, 1, 4, 4, 2]])  # some often, 3 never
    assert_layer(layer, words, random_arrays(layer, Shape(1, 5, 5)), INFERENCE, "embed 3")


def random_arrays(layer: Layer, shape: Shape) -> dict[str, Array]:
    random = np.random.default_rng(2)
    rows = layer.parameters(shape) + layer.running_stats(shape)
    return {row.name: random.uniform(0.5, 2, row.shape) for row in rows}


def assert_layer(
    layer: Layer, x: Array, arrays: dict[str, Array], batch: BatchContext, description: str
) -> None:
    """Asserts that a layer's gradients are those of the sum of a random upstream times output."""
    pair = model.LAYER_FUNCTIONS[type(layer)]
    y, cache = pair.forward(layer, x, arrays, batch)
    upstream = np.random.default_rng(3).normal(0, 1, y.shape)
    dx, gradients = pair.backward(layer, upstream, arrays, cache)
    assert gradients.keys() == arrays.keys() - {"mean", "variance"}

    def value() -> float:
        return fsum((upstream * pair.forward(layer, x, arrays, batch)[0]).ravel())

    if x.dtype.kind == "f":
        assert_gradient(dx, value, x, f"{description}: x")
    for name, gradient in gradients.items():
        assert_gradient(gradient, value, arrays[name], f"{description}: {name}")


@pytest.mark.parametrize("loss", LOSSES)
def test_loss_gradient_matches_numerical(loss: str) -> None:
    logits, labels = spaced((4, 5), seed=4) * 3, np.array([1, 4, 0, 1])  # none within 0.01 of 1
    assert min(np.abs(logits).min(), np.abs(logits - 1).min()) > 10 * NUDGE_SIZE
    upstream = np.random.default_rng(5).normal(0, 1, 4)
    gradient = upstream[:, None] * LOSSES[loss](logits, labels)[1]
    assert_gradient(
        gradient, lambda: fsum(upstream * LOSSES[loss](logits, labels)[0]), logits, loss
    )


def test_softmax_gradient_matches_numerical() -> None:
    logits, upstream = np.random.default_rng(6).normal(0, 2, (2, 4, 5))
    gradient = softmax_backward(upstream, softmax(logits))
    assert_gradient(gradient, lambda: fsum((upstream * softmax(logits)).ravel()), logits, "softmax")


@pytest.mark.parametrize("seed", range(40))
def test_network_parameter_gradients_match_numerical(seed: int) -> None:
    loss = list(LOSSES)[seed % 3]
    data = sample(seed, min_margin=LEAST_MARGIN)
    arguments = (data.architecture, data.arrays, data.x, data.labels, loss)
    step, (mean, numerical, _) = model.gradients(*arguments), numerical_gradients(*arguments)
    assert step.loss == mean, data
    assert step.arrays.keys() == numerical.keys(), data
    for name, expected in numerical.items():
        assert np.abs(expected).max() > 1e-4, f"{data}, {loss}: {name} has no gradient"
        assert_near(step.arrays[name], expected, TOLERANCE, f"{data}, {loss}: {name}")


@pytest.mark.parametrize("seed", range(16))
def test_network_input_gradient_matches_numerical(seed: int) -> None:
    data = sample(seed, PICTURES, count=2, min_margin=LEAST_MARGIN)
    stages = data.architecture.stages
    outputs, caches = model.forward(stages, data.arrays, data.x)
    upstream = np.random.default_rng(seed).normal(0, 1, outputs[-1].shape)
    dx, _ = model.backward(stages, data.arrays, upstream, caches)

    def value() -> float:
        return fsum((upstream * model.forward(stages, data.arrays, data.x)[0][-1]).ravel())

    assert_gradient(dx, value, data.x, data)


# No bias before norm: in training mode its gradient is zero.
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
    data = next(
        data
        for data in (numbers_for(architecture, f"try {n}", count) for n in range(500))
        if margin(data, context) > 2e-4
    )
    arguments = (data.architecture, data.arrays, data.x, data.labels, loss, context)
    for row in architecture.parameters:
        description = f"{data}, {count} pictures, {loss}: {row.name}"
        array = data.arrays[row.name]
        assert_gradient(
            model.gradients(*arguments).arrays[row.name],
            lambda: model.gradients(*arguments).loss,
            array,
            description,
        )


@pytest.mark.parametrize("loss", LOSSES)
def test_sample_weight_gradients_match_numerical(loss: str) -> None:
    data = sample(3, count=19, min_margin=LEAST_MARGIN)
    weights = np.random.default_rng(1).integers(0, 4, 19) / 4
    arguments = (data.architecture, data.arrays, data.x, data.labels, loss, None, weights)
    step, numerical = model.gradients(*arguments), numerical_gradients(*arguments)
    assert step.loss == numerical.loss
    for name, array in numerical.arrays.items():
        assert_near(step.arrays[name], array, TOLERANCE, f"{data}, {loss}: {name}", 1e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_sample_weight_scales_each_example(loss: str) -> None:
    data, count = sample(2, count=19), 19
    weights = np.arange(count) % 4 / 2
    net = (data.architecture, data.arrays)
    single_steps = [
        model.gradients(*net, data.x[[n]], data.labels[[n]], loss) for n in range(count)
    ]
    step = model.gradients(*net, data.x, data.labels, loss, sample_weight=weights)
    pairs = list(zip(weights, single_steps, strict=True))
    assert step.loss == pytest.approx(
        sum(w * single.loss for w, single in pairs) / count, rel=1e-12
    )
    for name, array in step.arrays.items():
        expected = sum(w * single.arrays[name] for w, single in pairs) / count
        assert_near(array, expected, 1e-12, f"{data}, {loss}: {name}", 1e-3)
    unweighted, unit_weights = (
        model.gradients(*net, data.x, data.labels, loss, sample_weight=sample_weight)
        for sample_weight in (None, np.ones(count))
    )
    assert unweighted.loss == unit_weights.loss
    for name, array in unweighted.arrays.items():
        assert array.tobytes() == unit_weights.arrays[name].tobytes()


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
    values_by_field: dict[str, set[Any]] = {}
    for layer in layers:
        for field in layer_fields(type(layer)):
            values_by_field.setdefault(f"{layer.word}.{field.name}", set()).add(
                getattr(layer, field.name)
            )
    assert {layer.word for layer in layers} == set(TEXTS)
    assert all(len(values) > 1 for values in values_by_field.values()), values_by_field
    assert values_by_field["conv.padding"] >= {"same", (0, 0), (1, 1), (0, 1), (2, 1)}
    assert values_by_field["pool.window"] >= {"all", (2, 2), (2, 3), (3, 2)}
    assert any(shape.height == 1 < shape.channels for shape in inputs)
