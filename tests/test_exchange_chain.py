"""The chain that importers build, against layers computed by plain loops in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.core.errors import ModelFileError
from piecewise.exchange.chain import CHANNELS_LAST, ChainBuilder
from piecewise.exchange.rewriting import PaddedWindows
from piecewise.reference import model as reference


def random(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def outputs(chain: ChainBuilder, x: Array) -> Array:
    """The last activations (N, C, H, W) of the chain's layers, by the reference."""
    stages_end = chain.shape
    chain.fully_connected("end", np.eye(stages_end.values, dtype=np.float32))
    model = chain.finish()
    arrays = {name: array.astype(np.float64) for name, array in model.tensors.items()}
    logits = reference.logits(model.architecture, arrays, x.astype(np.float64))
    return logits.reshape(len(x), *stages_end)


def convolved(
    x: Array, weight: Array, stride: tuple[int, int], pads: tuple[int, ...],
    groups: int = 1, dilation: tuple[int, int] = (1, 1),
) -> Array:  # fmt: skip
    """A convolution by its definition, one output at a time."""
    top, left, bottom, right = pads
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (top, bottom), (left, right)))
    n = len(x)
    features, each, kh, kw = weight.shape
    high = (padded.shape[2] - (kh - 1) * dilation[0] - 1) // stride[0] + 1
    wide = (padded.shape[3] - (kw - 1) * dilation[1] - 1) // stride[1] + 1
    y = np.zeros((n, features, high, wide))
    for f in range(features):
        first = f // (features // groups) * each
        for i, j in np.ndindex(high, wide):
            for c, u, v in np.ndindex(each, kh, kw):
                at = i * stride[0] + u * dilation[0], j * stride[1] + v * dilation[1]
                y[:, f, i, j] += padded[:, first + c, at[0], at[1]] * weight[f, c, u, v]
    return y


@pytest.mark.parametrize(
    "pads", [(0, 0, 0, 0), (1, 2, 1, 2), (0, 0, 1, 1), (2, 0, 1, 3), (0, 1, 0, 0)]
)
@pytest.mark.parametrize(
    ("groups", "dilation"), [(1, (1, 1)), (2, (1, 1)), (4, (2, 1)), (1, (1, 3))]
)
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
def test_convolution_rewritten_equals_its_definition(
    pads: tuple[int, int, int, int], groups: int, dilation: tuple[int, int], stride: tuple[int, int]
) -> None:
    x, weight = random(2, 4, 9, 8), random(4, 4 // groups, 3, 2, seed=1)
    chain = ChainBuilder((4, 9, 8))
    chain.convolution("c", weight, None, stride, pads, groups, dilation)
    expected = convolved(x, weight, stride, pads, groups, dilation)
    assert chain.shape == expected.shape[1:]
    np.testing.assert_allclose(outputs(chain, x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("epsilon", [1e-5, 1e-3, 1e-7, 0.0])
def test_batch_norm_of_any_epsilon_keeps_its_values(epsilon: float) -> None:
    x, (weight, bias, mean) = random(3, 5, 2, 4), random(3, 5, seed=2)
    variance = np.array([0, 1e-6, 1e-4, 1, 30], np.float32) + np.float32(1e-9)
    chain = ChainBuilder((5, 2, 4))
    chain.batch_norm("b", weight, bias, mean, variance, epsilon)
    deviation = np.sqrt(variance.astype(np.float64) + epsilon)[:, None, None]
    expected = (x - mean[:, None, None]) / deviation * weight[:, None, None] + bias[:, None, None]
    np.testing.assert_allclose(outputs(chain, x), expected, rtol=2e-6, atol=1e-6)


def test_average_that_counts_padding_divides_by_the_window() -> None:
    x, chain = random(2, 3, 5, 5), ChainBuilder((3, 5, 5))
    chain.average_pool("a", PaddedWindows((3, 3), (2, 2), (1, 1, 1, 1)), counts_padding=True)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    expected = [[padded[:, :, i : i + 3, j : j + 3].mean((2, 3)) for j in (0, 2, 4)]
                for i in (0, 2, 4)]  # fmt: skip
    np.testing.assert_allclose(outputs(chain, x), np.transpose(expected, (2, 3, 0, 1)), atol=1e-6)


def test_dense_after_channels_last_maps_reads_the_same_values() -> None:
    x, weight = random(2, 3, 2, 4), random(5, 24, seed=3)
    chain = ChainBuilder((3, 2, 4), CHANNELS_LAST)
    chain.fully_connected("d", weight)
    expected = x.transpose(0, 2, 3, 1).reshape(2, -1) @ weight.T
    np.testing.assert_allclose(outputs(chain, x)[:, :, 0, 0], expected, rtol=1e-5, atol=1e-5)


def test_division_by_the_products_is_the_match_of_the_deck() -> None:
    chain = ChainBuilder((2, 5, 5))
    chain.convolution("c", random(3, 2, 3, 3))
    chain.scale("s", 1 / 18)
    chain.global_pool("g", "max")
    assert chain.finish().architecture.notation == "conv 3 3 mean, pool all"


def test_scale_before_softmax_is_a_temperature_and_others_are_norm_layers() -> None:
    chain = ChainBuilder((2, 3, 3))
    chain.scale("first", 1 / 255)
    chain.fully_connected("d", random(4, 18))
    chain.scale("t", 0.5)
    chain.softmax("s")
    model = chain.finish()
    assert model.architecture.notation == "norm, full"
    assert model.calibration.temperature == 2


def test_sigmoid_of_one_value_becomes_two_classes() -> None:
    x, weight = random(3, 1, 2, 2), random(1, 4, seed=4)
    chain = ChainBuilder((1, 2, 2))
    chain.fully_connected("d", weight, np.array([0.25], np.float32))
    chain.sigmoid_end("s")
    model = chain.finish()
    logits = reference.logits(model.architecture, model.tensors, x)
    value = x.reshape(3, -1) @ weight[0] + 0.25
    odds = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    np.testing.assert_allclose(odds, 1 / (1 + np.exp(-value)), rtol=1e-5)


def test_foreign_tokens_move_up_by_one() -> None:
    table = random(5, 2)
    chain = ChainBuilder((1, 1, 3))
    chain.embedding("e", table)
    chain.global_pool("g", "average")
    model = chain.finish()
    tokens = np.array([[0, 4, 1], [2, 0, 0]])
    logits = reference.logits(model.architecture, model.tensors, tokens + 1)
    np.testing.assert_allclose(logits, table[tokens].mean(1), rtol=1e-6, atol=1e-7)


REFUSED: dict[str, tuple[Callable[[ChainBuilder], None], str]] = {
    "padding before pooling": (
        lambda c: c.max_pool("p1", PaddedWindows((2, 2), (2, 2), (1, 1, 0, 0))), "padding"
    ),
    "too many parameters": (
        lambda c: c.convolution("c1", np.broadcast_to(random(1, 1, 1, 1), (70_000, 1, 1_000, 1)),
                                groups=2), "more than 100,000,000 parameters"),
    "weight of another size": (lambda c: c.fully_connected("f1", random(3, 7)), "wanted 18 inputs"),
    "bias of another size": (
        lambda c: c.fully_connected("f1", random(3, 18), random(2)), "its bias: got (2,)"),
    "infinite weight": (
        lambda c: c.fully_connected("f1", random(3, 18) / np.float32(0)), "not finite"),
    "sigmoid inside": (lambda c: c.sigmoid_end("s1"), "a sigmoid"),
    "negative variance": (
        lambda c: c.batch_norm("b1", random(2), random(2), random(2), -np.ones(2, np.float32)),
        "negative"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_chain_refuses_what_it_cannot_express(name: str) -> None:
    add, words = REFUSED[name]
    with pytest.raises(ModelFileError, match=r"layer .[a-z]1.") as caught:
        add(ChainBuilder((2, 3, 3)))
    assert words in str(caught.value)


def test_layer_after_the_softmax_is_refused() -> None:
    chain = ChainBuilder((1, 2, 2))
    chain.fully_connected("d", random(2, 4))
    chain.softmax("s")
    with pytest.raises(ModelFileError, match="after s"):
        chain.relu("r")
