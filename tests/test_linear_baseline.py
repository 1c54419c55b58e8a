"""The linear baseline: measured on the same examples as the net, and with the right verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import piecewise as pw
from piecewise.cli.score_text import headline
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.training.linear_baseline import LinearBaseline, paired_interval
from piecewise.training.metrics import Scores


def linear_data(count: int, *, splits: Any = None) -> pw.Dataset:
    """The label is the sign of a fixed sum of pixels: nothing beats a linear model."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (count, 1, 6, 6)).astype(np.uint8)
    labels = (images[:, 0, :3].sum((1, 2)) > images[:, 0, 3:].sum((1, 2))).astype(int)
    splits = np.full(count, "train") if splits is None else splits
    return pw.Dataset(images, labels, ("a", "b"), splits, ImagePreprocessor((1, 6, 6)))


def parity_data(count: int) -> pw.Dataset:
    """Two bright spots in equal or in different rows: no linear model can tell."""
    draw = np.random.default_rng(0)
    images, labels = np.zeros((count, 1, 6, 6), np.uint8), np.arange(count) % 2
    rows = draw.integers(0, 2, count)
    images[np.arange(count), 0, 4 * rows, 1] = 255
    images[np.arange(count), 0, 4 * (rows ^ labels), 3] = 255
    return pw.Dataset(
        images, labels, ("a", "b"), np.full(count, "train"), ImagePreprocessor((1, 6, 6))
    )


def test_linear_model_is_as_good_on_linear_data() -> None:
    splits = np.array(["train"] * 900 + ["test"] * 300)
    result = pw.run_training(pw.plan_training(linear_data(1_200, splits=splits), epochs=4))
    assert set(result.linear) == {"validation", "test"}
    test = result.linear["test"]
    assert test.accuracy > 0.9
    assert test.n == 300
    assert test.as_good
    assert test.difference == pytest.approx(result.scores["test"].accuracy - test.accuracy)
    assert result.net.training_summary["linear"]["test"] == test.to_json()


def test_linear_model_fails_where_a_convnet_is_needed() -> None:
    layers = "conv 16 6, norm, relu, full"
    plan = pw.plan_training(
        parity_data(1_000), layers=layers, epochs=30, augmentation=pw.Augmentation()
    )
    result = pw.run_training(plan)
    linear = result.linear["validation"]
    assert linear.accuracy < 0.65
    assert result.scores["validation"].accuracy > 0.95
    assert not linear.as_good


def test_folds_compare_the_same_examples() -> None:
    plan = pw.plan_training(linear_data(100), layers="full", epochs=2)
    result = pw.run_training(plan)
    assert result.linear["folds"].n == 100
    assert result.linear["folds"].model == "logistic regression on pixels"


def test_linear_model_does_not_change_the_net() -> None:
    plan = pw.plan_training(linear_data(600), layers="full", epochs=2, folds=0)
    by_hand = plan.network()
    pw.train(by_hand, *plan.splits["train"][:2], plan.config.recipe)
    assert pw.run_training(plan).net.parameters_sha256 == by_hand.parameters_sha256


def test_linear_model_of_texts_counts_tokens(tmp_path: Any) -> None:
    rows = [f"{'good' if n % 2 else 'bad'} day {n},{'yn'[n % 2]}" for n in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["text,label", *rows]))
    data = pw.read_data(tmp_path / "t.csv")
    result = pw.run_training(pw.plan_training(data, optimizer="adamw", epochs=2))
    assert result.linear["folds"].model == "logistic regression on n-grams"
    assert result.linear["folds"].accuracy > 0.9
    votes = "embed 2, pool all kind=average"
    plan = pw.plan_training(data, layers=votes, epochs=2)
    assert not pw.run_training(plan).linear  # the net is this model


def test_paired_interval_equals_worked_values() -> None:
    # 20 examples; 6 only by the first, 2 only by the second: 7 and 3 of 22.
    first = np.array([True] * 6 + [False] * 2 + [True] * 12)
    second = np.array([False] * 6 + [True] * 2 + [True] * 12)
    margin = 1.959963984540054 * (10 - 16 / 22) ** 0.5 / 22
    assert paired_interval(first, second) == pytest.approx((4 / 22 - margin, 4 / 22 + margin))
    low, high = paired_interval(first, first)
    assert low == -high < 0


def test_headline_says_that_a_convnet_may_not_be_needed() -> None:
    scores = Scores(("a", "b"), np.array([[40, 10], [10, 40]]))
    equal = LinearBaseline("logistic regression on pixels", 0.8, 100, 0.0, (-0.05, 0.05))
    lines = list(headline(scores, equal))
    assert lines[2] == "logistic regression on pixels would be 80.0 %"
    assert "a ConvNet may not be needed here" in lines[3]
    worse = LinearBaseline("logistic regression on pixels", 0.6, 100, 0.2, (0.1, 0.3))
    assert len(list(headline(scores, worse))) == 3
