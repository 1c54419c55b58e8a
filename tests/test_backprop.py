"""Backpropagation through one input: the terms of every gradient and error."""

from __future__ import annotations

from math import fsum
from random import Random

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.errors import LimitError
from piecewise.reference.model import logits
from piecewise.reference.numerical_gradients import numerical_gradient
from piecewise.spec.layers import KINDS
from piecewise.trace.arithmetic import Why
from piecewise.trace.backprop import Backprop
from piecewise.trace.gradient_arithmetic import _ERRORS, _GRADIENTS

from .networks import PICTURES, TEXTS, random_input, random_layers
from .test_vote_ledger import drawn_net, some_input

LOSSES = ("cross-entropy", "squared", "absolute", "logit")


def check(why: Why, value: float) -> None:
    """Asserts that the terms of a value sum to it, within a tolerance relative to their sizes."""
    assert why.value == value
    products = [term.product for term in why.terms]
    scale = fsum(map(abs, products)) / why.divisor
    assert abs(fsum(products) / why.divisor - value) <= 4e-6 * scale + 1e-30, why


def random_positions(shape: tuple[int, ...], random: Random, count: int) -> list[tuple[int, ...]]:
    return [tuple(random.randrange(side) for side in shape) for _ in range(count)]


@pytest.mark.parametrize("kinds", [PICTURES, TEXTS], ids=["pictures", "texts"])
@pytest.mark.parametrize("seed", range(12))
def test_backprop_values_are_sums_of_terms(kinds: tuple[str, ...], seed: int) -> None:
    random = Random(f"backprop {seed} {kinds}")
    shape = random_input(random, kinds)
    net = drawn_net(random_layers(random, shape, 3, kinds), shape, 3, seed)
    example, loss = some_input(net, seed), LOSSES[seed % 4]
    back = net.backprop(example, 1, loss)
    walk = net.walk(example)
    for name, gradient in back.gradients.items():
        for position in random_positions(gradient.shape, random, 4):
            why = back.why(name, *position)
            check(why, float(gradient[position]))
            for term in why.terms:
                assert term.source is not None
                layer, *cell = term.source
                assert term.weight == back.error(layer, *cell).value
                if term.position and not name.startswith(("norm", "embed")):
                    assert term.value == walk.why(*term.position).value
    for name, errors in back.errors.items():
        for position in random_positions(errors.shape, random, 4) if errors.ndim == 3 else ():
            check(back.error(name, *position), float(errors[position]))


@pytest.mark.parametrize("kinds", [PICTURES, TEXTS], ids=["pictures", "texts"])
@pytest.mark.parametrize("seed", range(12))
def test_logit_errors_have_bits_of_backprop(kinds: tuple[str, ...], seed: int) -> None:
    random = Random(f"logit errors {seed} {kinds}")
    shape = random_input(random, kinds)
    net = drawn_net(random_layers(random, shape, 3, kinds), shape, 3, seed)
    walk = net.walk(some_input(net, seed))
    for label, errors in zip((2, 0, 1), walk.logit_errors([2, 0, 1]), strict=True):
        wanted = walk.backprop(label, "logit").errors
        assert list(errors) == list(wanted)
        for name, array in wanted.items():
            np.testing.assert_array_equal(errors[name], array, strict=True)


def test_backprop_error_terms_lead_to_loss() -> None:
    net = drawn_net("conv 2 3, norm, relu, pool 2, full 4, relu, full", (1, 8, 8), 2, 4)
    back = net.backprop(some_input(net, 4), 0)
    why = back.why("conv1.weight", 1, 0, 2, 1)
    assert why.terms[0].source is not None
    arithmetic = back.error(*why.terms[0].source)
    layers = [arithmetic.position.layer]
    while arithmetic.terms[0].position:
        arithmetic = back.error(*arithmetic.terms[0].position)
        layers.append(arithmetic.position.layer)
    assert layers == [
        f"error of {name}"
        for name in ("conv1", "norm1", "relu1", "pool1", "full1", "relu2", "full2")
    ]
    assert [term.name for term in arithmetic.terms] == ["its probability, by softmax", "the target"]
    assert str(why).split("\n")[0].startswith("gradient of conv1.weight[1, 0, 2, 1] = ")


@pytest.mark.parametrize("loss", LOSSES[:3])
def test_backprop_matches_engine_gradients(loss: str) -> None:
    net = drawn_net("conv 3 3, norm, relu, pool 2, full 5, relu, full", (2, 9, 7), 3, 1)
    example = some_input(net, 1)
    value, gradients = net.gradients(example[None], np.array([2]), loss)
    back = net.backprop(example, 2, loss)
    assert abs(back.loss - value) < 1e-5 * max(1.0, abs(value))
    for name, gradient in gradients.items():
        largest = float(np.abs(gradient).max())
        assert largest > 0
        np.testing.assert_allclose(back.gradients[name], gradient, atol=2e-5 * largest)


def test_backprop_input_gradient_matches_numerical() -> None:
    net = drawn_net("conv 3 3, norm, relu, pool 2, full", (1, 8, 8), 3, 2)
    example = some_input(net, 2)
    float64_arrays = {name: array.astype(np.float64) for name, array in net.state.items()}
    x = example.astype(np.float64)[None]
    numerical = numerical_gradient(
        lambda: float(logits(net.architecture, float64_arrays, x)[0, 1]), x, 1e-5
    )
    errors = net.backprop(example, 1, "logit").errors["input"]
    np.testing.assert_allclose(errors, numerical[0], atol=1e-4 * float(np.abs(numerical).max()))


def test_backprop_supports_every_layer() -> None:
    assert set(_ERRORS) == set(KINDS)
    net = pw.Network("embed 2, conv 2 1x2, norm, relu, pool 1x2, dropout 0.5, full", (1, 5, 6), 2)
    with_parameters = {type(stage.layer) for stage in net.architecture.stages if stage.parameters}
    assert set(_GRADIENTS) == with_parameters


@pytest.fixture(scope="module")
def back() -> Backprop:
    return pw.Network("conv 2 2, full", (1, 3, 4), 2).backprop(np.ones((1, 3, 4), np.float32), 0)


def test_backprop_unknown_position_raises(back: Backprop) -> None:
    for arguments, words in [
        (("conv1.wieght", 0), "parameter: got 'conv1.wieght', wanted one of the net's; did you"),
        (("conv1.weight", 0), "index: got 1 numbers, wanted 4, of (2, 1, 2, 2)"),
        (("conv1.bias", 2), "index: got 2, wanted a whole number from 0 to 1"),
    ]:
        with pytest.raises(LimitError) as caught:
            back.why(*arguments)
        assert words in str(caught.value)
    with pytest.raises(
        LimitError,
        match=r"layer: got 'conv2', wanted a layer, or an array such as conv1\.weight",
    ):
        back.error("conv2", 0)
    net = pw.Network("full", (1, 1, 2), 2)
    with pytest.raises(LimitError, match="loss: got 'cross', wanted"):
        net.backprop(np.ones((1, 1, 2), np.float32), 0, "cross")
