"""The reference's losses and dropout, against values computed by hand."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.core.ghost_batch import StepContext
from piecewise.core.rng import derive_key
from piecewise.reference import model
from piecewise.reference.batch_context import INFERENCE, BatchContext
from piecewise.reference.losses import LOSSES, log_softmax, softmax, softmax_backward
from piecewise.spec.architecture import Architecture
from piecewise.spec.notation import parse

from .networks import assert_near


def test_log_softmax_large_logits_stays_exact() -> None:
    for dtype in (np.float32, np.float64):
        result = log_softmax(np.array([[0, log(3)], [2000, 0], [-2000, -2000]], dtype))
        assert result.dtype == dtype
        expected = [[-log(4), log(3 / 4)], [0, -2000], [-log(2), -log(2)]]
        assert_near(result, expected, float(np.finfo(dtype).eps), "logarithms of probabilities")


def test_softmax_large_logits_stays_finite() -> None:
    probabilities = softmax(np.array([[0, log(3)], [1000, 1000]]))
    assert probabilities == pytest.approx(np.array([[0.25, 0.75], [0.5, 0.5]]), rel=1e-15)
    assert softmax(np.array([[0, -5000.0]])).tolist() == [[1, 0]]
    gradient = softmax_backward(np.array([[4.0, 0]]), np.array([[0.25, 0.75]]))
    assert gradient.tolist() == [[0.75, -0.75]]


@pytest.mark.parametrize(
    ("loss", "logits", "label", "expected", "gradient"),
    [
        ("absolute", [0.5, 2, 0], 0, 2.5, [-1, 1, 0]),  # |1 - 0.5| + |0 - 2| + |0 - 0|
        ("squared", [3, -1, 0], 0, 5, [4, -2, 0]),  # 4 + 1 + 0
        # The probabilities are 1/4 1/2 1/4.
        ("cross-entropy", [0, log(2), 0], 1, log(2), [0.25, -0.5, 0.25]),
        ("cross-entropy", [0, log(2), 0], 0, log(4), [-0.75, 0.5, 0.25]),
        ("cross-entropy", [0, 900, 0], 2, 900, [0, 1, -1]),
    ],
)
def test_loss_and_gradient_match_hand_computed_values(
    loss: str, logits: list[float], label: int, expected: float, gradient: list[float]
) -> None:
    other = [1.0, 0, 0]  # a second picture in the group changes nothing for the first
    result = LOSSES[loss](np.array([logits, other]), np.array([label, 1]))
    assert result[0][0] == pytest.approx(expected, rel=1e-15)
    assert result[1][0] == pytest.approx(gradient, rel=1e-15)


def dropout_of(seed: int, epoch: int, pictures: list[int], layers: str = "dropout 0.5") -> Array:
    """The output of dropout for images of ones that have these numbers in a dataset."""
    context = StepContext(seed, epoch, np.array(pictures))
    x = np.ones((len(pictures), 2, 5, 7), np.float32)
    return model.forward(Architecture(layers, (2, 5, 7), 70).stages, {}, x, context)[0][-1]


def test_dropout_zeroes_and_scales_values_and_gradients() -> None:
    (layer,) = parse("dropout 0.3")
    pair, x = model.LAYER_FUNCTIONS[type(layer)], np.full((20, 2, 20, 25), 7, np.float32)
    y, cache = pair.forward(layer, x, {}, BatchContext(True, derive_key(3, np.arange(20))))
    assert set(np.unique(y)) == {np.float32(0), np.float32(7) * np.float32(1 / 0.7)}
    assert abs((y == 0).mean() - 0.3) < 4 * sqrt(0.3 * 0.7 / y.size)
    assert (abs((y == 0).mean(axis=(1, 2, 3)) - 0.3) < 5 * sqrt(0.3 * 0.7 / y[0].size)).all()
    input_gradient, _ = pair.backward(layer, x, {}, cache)
    assert np.array_equal(input_gradient, y)
    inference_output, cache = pair.forward(layer, x, {}, INFERENCE)
    assert np.array_equal(inference_output, x)
    assert np.array_equal(pair.backward(layer, x, {}, cache)[0], x)


def test_dropout_mask_depends_on_seed_epoch_example_and_layer() -> None:
    masked = dropout_of(5, 2, [3, 8, 0, 11])
    assert np.array_equal(masked, dropout_of(5, 2, [3, 8, 0, 11]))
    assert np.array_equal(masked[[1, 3]], dropout_of(5, 2, [8, 11]))
    assert np.array_equal(masked[[3, 0]], dropout_of(5, 2, [11, 3]))
    two_layers = dropout_of(5, 2, [3], "2 * (dropout 0.5)")
    others = [dropout_of(*numbers, [3]) for numbers in ((6, 2), (5, 3), (2, 5))]
    outputs = [*masked, *np.concatenate(others), *two_layers]
    assert len({output.tobytes() for output in outputs}) == len(outputs)
    assert 5 < (two_layers == 4).sum() < 32  # a quarter of 70: the second layer draws for itself
