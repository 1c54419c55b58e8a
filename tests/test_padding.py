"""Texts are judged by what they say: nets compute as if each text ended at its last token."""

from __future__ import annotations

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.array_types import Array
from piecewise.core.ghost_batch import StepContext
from piecewise.reference import model, padding
from piecewise.reference.numerical_gradients import numerical_gradients
from piecewise.spec.architecture import Architecture
from piecewise.spec.layer_base import Shape
from piecewise.spec.notation import parse
from piecewise.spec.text_lengths import length_table

from .networks import Sample, assert_near, network, numbers_for

LENGTHS = (0, 1, 12, 5, 3, 12, 8, 2, 0, 1, 4, 6, 11, 7, 10, 9, 3, 5)
NETS = (
    "embed 3, pool all kind=average, full",
    "embed 3, pool all, full",
    "embed 3, conv 4 1x3, relu, pool all, full",
    "embed 2, conv 3 1x3, pool 1x2, norm, full",
    "embed 3, norm, conv 4 1x3 pad=0x1, pool 1x3 stride=2, relu, conv 3 1x2, pool all, full",
    "embed 2, dropout 0.3, conv 3 1x4 pad=same, pool 1x3 stride=1x2 kind=average, norm, full",
    "embed 2, conv 4 1x2 stride=1x2 mean, relu, pool 1x2 kind=average edge=drop, full",
    "embed 2, conv 3 3x3 pad=2x1, norm, pool 2x3 stride=1, full",
)
SEVERAL_WIDTHS = [text for text in NETS if "all" in text]


def texts_for(text: str, positions: int = 12, seed: str = "padding") -> Sample:
    """A network with texts of all lengths; some have padding inside too."""
    made = numbers_for(Architecture(text, (1, 7, positions), 3), f"{seed} {text}", len(LENGTHS))
    made.x[made.x == 0] = 1
    made.x[3, 2] = made.x[6, 4] = 0
    for tokens, length in zip(made.x, LENGTHS, strict=True):
        tokens[length:] = 0
    return made


@pytest.mark.parametrize(
    ("layer", "lengths"),
    [
        ("conv 1 1x3", [1, 1, 1, 1, 2, 3, 4, 5, 6]),
        ("conv 1 1x3 pad=0x1", [1, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("conv 1 1x3 pad=same", [1, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("conv 1 1x2 stride=1x3", [1, 1, 1, 1, 1, 2, 2, 2, 3]),
        ("pool 1x3", [1, 1, 1, 1, 2, 2, 2, 3, 3]),
        ("pool 1x3 edge=drop", [1, 1, 1, 1, 1, 1, 2, 2, 2]),
        ("pool 1x3 stride=1", [1, 1, 1, 1, 2, 3, 4, 5, 6]),
        ("pool all", [1] * 9),
        ("full 4", [1] * 9),
        ("relu", [1, 1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_length_of_output_is_that_of_the_text_alone(layer: str, lengths: list[int]) -> None:
    (record,) = parse(layer)
    assert length_table(record, Shape(2, 1, 8)).tolist() == lengths
    for length in range(3, 9):
        alone = record.output(Shape(2, 1, length)).width
        assert lengths[length] == alone


def test_length_of_text_ends_at_its_last_token() -> None:
    tokens = np.array([[0, 0, 0], [3, 0, 0], [0, 2, 0], [1, 0, 1]])
    assert padding.text_lengths(tokens).tolist() == [1, 1, 2, 3]


def test_average_divides_by_the_words_of_each_text() -> None:
    net = pw.Network("embed 2, pool all kind=average", (1, 4, 4), 2)
    net.parameters["embed1.weight"] = [[9, 9], [1, 2], [3, 4], [5, 8]]  # row 0 is not used
    tokens = np.array([[3, 0, 0, 0], [3, 1, 0, 0], [3, 1, 2, 0], [3, 0, 1, 0], [0, 0, 0, 0]])
    expected = np.array([[5, 8], [3, 5], [3, 14 / 3], [2, 10 / 3], [0, 0]], np.float32)
    assert net.logits(tokens).tobytes() == expected.tobytes()


def test_maximum_is_that_of_the_words_of_each_text() -> None:
    net = pw.Network("embed 2, pool all", (1, 4, 4), 2)
    net.parameters["embed1.weight"] = [[9, 9], [-1, -2], [-3, -4], [-5, 8]]
    tokens = np.array([[3, 0, 0, 0], [2, 1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0]])
    assert net.logits(tokens).tolist() == [[-5, 8], [-1, -2], [-3, -4], [0, 0]]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("text", NETS)
def test_gradients_match_numerical(text: str, training: bool) -> None:
    made = texts_for(text)
    context = StepContext(1, 0, np.arange(len(made.x))) if training else None
    arguments = (made.architecture, made.arrays, made.x, made.labels, "squared", context)
    found, expected = model.gradients(*arguments), numerical_gradients(*arguments)
    for name, gradient in expected.arrays.items():
        assert_near(found.arrays[name], gradient, 1e-6, f"{text}: {name}", 1e-3)
    assert not found.arrays["embed1.weight"][0].any()


@pytest.mark.parametrize("text", NETS)
def test_engine_matches_reference(text: str) -> None:
    made = texts_for(text)
    net, single = made.to(np.float32), network(made).compile()
    logits = network(made).logits(made.x)
    assert_near(logits, model.logits(net.architecture, net.arrays, made.x), 2e-6, text)
    alone = np.stack([single.logits(tokens) for tokens in made.x])
    assert alone.tobytes() == logits.tobytes()
    arguments = (made.architecture, made.arrays, made.x, made.labels)
    expected = model.gradients(*arguments)
    _, gradients, *_ = network(made).gradients(made.x, made.labels)
    _, nudged, *_ = network(made).numerical_gradients(made.x, made.labels)
    for name, gradient in expected.arrays.items():
        assert_near(gradients[name], gradient, 2e-5, f"{text}: {name}", 1e-3)
        assert_near(nudged[name], gradient, 1e-5, f"{text}: {name}, nudged", 1e-3)
    assert not gradients["embed1.weight"][0].any()
    assert not nudged["embed1.weight"][0].any()


@pytest.mark.parametrize("text", SEVERAL_WIDTHS)
def test_more_padding_changes_no_bit(text: str) -> None:
    made = texts_for(text)
    expected = network(made).logits(made.x)
    for positions in (16, 64):
        tokens = np.zeros((len(made.x), positions), np.int64)
        tokens[:, : made.x.shape[1]] = made.x
        net = network(made._replace(architecture=Architecture(text, (1, 7, positions), 3)))
        assert net.logits(tokens).tobytes() == expected.tobytes()
        compiled = net.compile()
        assert np.stack([compiled.logits(one) for one in tokens]).tobytes() == expected.tobytes()


def test_layers_are_zero_in_the_padding() -> None:
    text = "embed 3, norm, conv 4 1x3 pad=0x1, pool 1x2, conv 2 1x2, full"
    made = texts_for(text)
    for tokens, length in zip(made.x, LENGTHS, strict=True):
        walk = network(made).walk(tokens)
        for layer, inside in (("norm1", max(1, length)), ("pool1", max(1, -(-length // 2)))):
            assert walk.length(layer) == inside
            assert walk[layer][:, :, :inside].any()
            assert not walk[layer][:, :, inside:].any()


@pytest.mark.parametrize("text", NETS)
def test_why_of_every_number_of_a_text(text: str) -> None:
    made = texts_for(text)
    net = network(made)
    for tokens in made.x[[0, 1, 3, 7]]:
        walk = net.walk(tokens)
        back = walk.backprop(1)
        for layer, values in walk.items():
            if layer == "input":
                continue
            for at in np.ndindex(*values.shape):
                why = walk.why(layer, *at)
                assert why.recomputed == why.value == values[at]
                assert why.terms or at[2] >= walk.length(layer) or layer == "embed1"
                error = back.error(layer, *at)
                assert error.recomputed == pytest.approx(error.value, rel=1e-4, abs=1e-6)
        for name, gradient in back.gradients.items():
            for index in np.ndindex(*gradient.shape):
                why = back.why(name, *index)
                assert why.recomputed == pytest.approx(why.value, rel=1e-4, abs=1e-6)
        ledger = walk.ledger(1)
        assert ledger.total == ledger.logit
        assert walk.logits.tolist() == pytest.approx(net.logits(tokens[None])[0].tolist(), 1e-5)


def test_padding_row_starts_and_stays_zero() -> None:
    made = texts_for("embed 3, conv 4 1x3, relu, pool all, full")
    net = pw.Network("embed 3, conv 4 1x3, relu, pool all, full", made.architecture.input, 3)
    start: Array = net.parameters["embed1.weight"].copy()
    assert not start[0].any()
    assert 0.05 < np.abs(start).max() <= 0.1
    for optimizer in ("sgd", "adamw"):
        pw.train(net, made.x, made.labels, pw.Recipe(epochs=2, optimizer=optimizer, seed=1))
        assert not net.parameters["embed1.weight"][0].any()
        assert (net.parameters["embed1.weight"] != start).any()


def test_empty_text_has_a_result_and_a_warning() -> None:
    preprocessor = pw.TextPreprocessor("words", ("good", "bad"), 4)
    net = pw.Network("embed 3, pool all, full", preprocessor.shape, 2, 0, preprocessor)
    empty = preprocessor.transform("")
    assert not net.walk(empty)["pool1"].any()
    assert net.logits(empty[None])[0].tolist() == net.parameters["full1.bias"].tolist()
    assert preprocessor.warning("") == "there is no text in it"
