"""Token scaling: training as on TF-IDF features."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.array_types import Array
from piecewise.core.errors import LimitError
from piecewise.engine.kernels import embedding_marks
from piecewise.engine.runtime.compiled_program import program_code
from piecewise.reference.losses import cross_entropy
from piecewise.reference.optimizers import sgd
from piecewise.training import token_scales as module
from piecewise.training.token_scales import token_factors, token_scales

VOTES = "embed 3, pool all kind=average"


def idf(count: int, texts: int) -> float:
    return log((1 + count) / (1 + texts)) + 1


def some_texts(count: int, vocabulary: int = 40, positions: int = 12) -> tuple[Array, Array]:
    """Tokens and labels: token 1 is in every text; most of the others are rare."""
    rng = np.random.default_rng(3)
    labels, tokens = rng.integers(0, 3, count), np.zeros((count, positions), np.int64)
    for text, label in zip(tokens, labels, strict=True):
        chance = 1 / np.arange(2, vocabulary)
        chance[label::3] *= 3
        size = int(rng.integers(2, positions))
        drawn = rng.choice(np.arange(2, vocabulary), size - 1, False, chance / chance.sum())
        text[:size] = [1, *drawn]
    return tokens, labels


def test_scales_equal_worked_values() -> None:
    tokens = np.array([[1, 2, 3, 0], [1, 2, 0, 0], [1, 2, 2, 4], [1, 3, 0, 0], [0, 0, 0, 0]])
    # Texts with each token: 4 (all that have any), 3, 2 and 1. 1 / positions squared, summed:
    lengths = {2: 1 / 9 + 1 / 4 + 1 / 16, 3: 1 / 9 + 1 / 4, 4: 1 / 16}
    squares = {2: idf(4, 3) ** 2, 3: idf(4, 2) ** 2, 4: idf(4, 1) ** 2}
    mean = sum(squares[token] * lengths[token] for token in squares) / 4
    scales = token_scales(tokens, np.ones(6))
    for token, square in squares.items():
        assert scales[token] == pytest.approx(square / mean)
    # The token of all texts counts as much as the others would with the idf 1.
    everywhere = 1 / 9 + 1 / 4 + 1 / 16 + 1 / 4
    assert scales[1] * everywhere == pytest.approx(sum(lengths.values()) / mean)


def test_mean_squared_length_of_averaged_features_is_one() -> None:
    tokens, _ = some_texts(50)
    scales = token_scales(tokens, np.ones(40))
    filled = tokens != 0
    squares = np.where(filled, scales[tokens], 0) / filled.sum(axis=1, keepdims=True) ** 2
    assert squares[:, 1:].sum(axis=1).mean() == pytest.approx(1)
    assert 0.05 < squares[:, 0].mean() < 0.5


def test_intercept_of_many_texts_counts_less() -> None:
    tokens = np.array([[1, 2], [1, 3], [1, 0], [1, 4]])
    few, many = (token_scales(np.tile(tokens, (copies, 1)), np.ones(5)) for copies in (175, 350))
    assert few[1] / few[2] == pytest.approx(2 * many[1] / many[2], rel=0.01)
    assert many[2] == pytest.approx(few[2], rel=0.01)


def test_factor_of_a_token_changes_its_share_only() -> None:
    tokens = np.array([[1, 2, 3], [1, 2, 4], [1, 3, 5], [1, 4, 5]])
    factors = np.array([1, 1, 3, 1, 1, 1], float)
    plain, scaled = token_scales(tokens, np.ones(6)), token_scales(tokens, factors)
    assert (plain[2], plain[3]) == (plain[4], plain[5])  # two texts have each of them
    assert scaled[2] == pytest.approx(3 * scaled[3])
    assert scaled[2:].sum() == pytest.approx(plain[2:].sum())  # all texts have the same length
    assert scaled[1] == pytest.approx(plain[1])


def test_words_of_ngrams_have_a_factor() -> None:
    entries = ("good", "go-", "-od", "-oo-", "good day", "-", "00", "- -", "- good -", "'", "g-")
    preprocessor = pw.TextPreprocessor("n-grams", entries, 8)
    words = {"good", "-", "00", "'"}
    expected = [1, 1, *(module.WORD_FACTOR if one in words else 1 for one in entries)]
    assert token_factors(preprocessor, len(entries) + 2).tolist() == expected
    for other in (None, pw.TextPreprocessor("words", ("good", "bad"), 8)):
        assert token_factors(other, 4).tolist() == [1] * 4


@pytest.mark.parametrize("units", ["n-grams", "words"])
def test_idf_words_trains_words_of_ngrams_faster(units: str) -> None:
    preprocessor = pw.TextPreprocessor(units, ("good", "bad", "go-", "ba-", "day"), 4)
    tokens = np.array([[2, 4, 0, 0], [2, 4, 6, 0], [3, 5, 0, 0], [3, 5, 6, 0]])
    votes: dict[str, Array] = {}
    for scaling in ("idf", "idf-words"):
        net = pw.Network("embed 2, pool all kind=average", (1, 7, 4), 2, preprocessor=preprocessor)
        before = net.parameters["embed1.weight"].copy()
        recipe = pw.Recipe(epochs=1, batch_size=4, token_scaling=scaling, weight_decay=0)
        pw.train(net, tokens, np.array([0, 0, 1, 1]), recipe)
        votes[scaling] = np.abs(net.parameters["embed1.weight"] - before)
    ratio = 3 if units == "n-grams" else 1  # "good" and "go-" are in the same texts
    assert votes["idf"][2] == pytest.approx(votes["idf"][4], rel=1e-3)
    assert votes["idf-words"][2] == pytest.approx(ratio * votes["idf-words"][4], rel=1e-3)


def test_scales_do_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, _ = some_texts(50)
    whole = token_scales(tokens, np.ones(40))
    monkeypatch.setattr(module, "_CHUNK", 7)
    assert np.allclose(token_scales(tokens, np.ones(40)), whole, rtol=1e-6)


@pytest.mark.parametrize("tokens", [[[0, 0]], [[1, 1], [1, 0]], [[1, 2], [2, 1]]], ids=str)
def test_scales_of_texts_without_differences_are_finite(tokens: list[list[int]]) -> None:
    assert np.isfinite(token_scales(np.array(tokens), np.ones(4))).all()


def features_of(tokens: Array, scales: Array) -> Array:
    """Averaged one-hot features (N, rows), each times the root of its scale."""
    features = np.zeros((len(tokens), len(scales)))
    for row, text in zip(features, tokens, strict=True):
        known = text[text != 0]
        row[known] = np.sqrt(scales[known]) / len(known)
    return features


def trained_on_features(tokens: Array, labels: Array, net: pw.Network, recipe: pw.Recipe) -> Array:
    """The logits after full-batch steps of a linear model on scaled features, without token
    scaling, from the same logits as those of the net."""
    scales = token_scales(tokens, np.ones(net.input[1])).astype(np.float64)
    x = features_of(tokens, scales)
    weights = net.parameters["embed1.weight"] / np.sqrt(scales)[:, None]
    velocity = np.zeros_like(weights)
    for step in range(recipe.epochs):
        _, upstream = cross_entropy(x @ weights, labels)
        gradient = x.T @ upstream / len(labels)
        rate = recipe.learning_rate_at(step, recipe.epochs)
        weights, velocity = sgd(
            weights, velocity, gradient, rate, recipe.momentum, recipe.weight_decay, recipe.nesterov
        )
    return x @ weights


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("marked", [True, False])
def test_training_equals_a_linear_model_of_tf_idf(
    monkeypatch: pytest.MonkeyPatch, *, nesterov: bool, marked: bool
) -> None:
    if marked:
        monkeypatch.setattr(embedding_marks, "MIN_BLOCKS", 1)
    program_code.cache_clear()
    tokens, labels = some_texts(60)
    knobs: dict[str, Any] = {"nesterov": nesterov, "learning_rate": 4, "weight_decay": 1e-3}
    recipe = pw.Recipe(epochs=40, batch_size=60, token_scaling="idf", **knobs)
    net = pw.Network(VOTES, (1, 40, 12), 3)
    expected = trained_on_features(tokens, labels, net, recipe)
    before = net.logits(tokens)
    pw.train(net, tokens, labels, recipe)
    program_code.cache_clear()
    assert np.abs(expected - before).max() > 1, "it has learned too little to be judged"
    assert np.allclose(net.logits(tokens), expected, atol=1e-4)


def test_bits_do_not_depend_on_threads() -> None:
    tokens, labels = some_texts(90)
    recipe = pw.Recipe(epochs=3, batch_size=64, token_scaling="idf", learning_rate=2)
    nets = [pw.Network(f"{VOTES}, full", (1, 40, 12), 3) for _ in range(2)]
    for threads, net in enumerate(nets, 1):
        pw.train(net, tokens, labels, recipe, threads=threads)
    assert nets[0].parameters_sha256 == nets[1].parameters_sha256


def test_nudging_scales_as_backpropagation_does() -> None:
    tokens, labels = some_texts(20, 9, 6)
    nets = [pw.Network("embed 2, pool all kind=average, full", (1, 9, 6), 3) for _ in range(2)]
    for method, net in zip(("backpropagation", "nudging"), nets, strict=True):
        pw.train(net, tokens, labels, pw.Recipe(epochs=2, method=method, token_scaling="idf"))
    for name, array in nets[0].parameters.items():
        assert np.allclose(array, nets[1].parameters[name], atol=1e-5), name


def test_adamw_scales_nothing() -> None:
    tokens, labels = some_texts(20)
    nets = [pw.Network(f"{VOTES}, full", (1, 40, 12), 3) for _ in range(2)]
    for scaling, net in zip(("none", "idf"), nets, strict=True):
        recipe = pw.Recipe(epochs=1, optimizer="adamw", token_scaling=scaling)
        pw.train(net, tokens, labels, recipe)
    assert nets[0].parameters_sha256 == nets[1].parameters_sha256


def test_network_for_images_raises() -> None:
    xo = pw.make_xo(20, size=9, seed=0)
    net = pw.Network("full", (1, 9, 9), ("X", "O"))
    with pytest.raises(LimitError, match=r"^token_scaling: got idf for a network that does not"):
        pw.train(net, xo.inputs, xo.labels, pw.Recipe(token_scaling="idf"))
