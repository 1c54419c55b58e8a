"""A network from outside: parameters, answers, gradients, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from piecewise.core.errors import DataError, LimitError
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.data.xo import DECK_X, make_xo
from piecewise.network import Network

SMALL = "conv 3 3, relu, pool 2, full"


def net_and_pictures() -> tuple[Network, np.ndarray[Any, np.dtype[np.uint8]], Any]:
    drawings = make_xo(20, size=9, seed=3)
    return Network(SMALL, (1, 9, 9), ("X", "O"), seed=1), drawings.inputs, drawings.labels


def test_repr_gives_the_same_network_again() -> None:
    for classes in (2, ("X", "O")):
        net = Network("2 * (conv 3 3 pad=same, relu), full", (1, 9, 9), classes, seed=5)
        again = eval(repr(net))
        assert again.architecture == net.architecture
        assert again.parameters_sha256 == net.parameters_sha256


def test_parameters_are_views_that_can_be_written_and_assigned() -> None:
    net, pictures, _ = net_and_pictures()
    before = net.logits(pictures)
    net.parameters["full1.bias"] = [1.0, 2.0]
    assert net.parameters.flat[-2:].tolist() == [1.0, 2.0]
    assert np.allclose(net.logits(pictures) - before, [[1, 2]], atol=1e-6)
    net.parameters["conv1.weight"][:] = 0
    assert not net.parameters.flat[:27].any()


@pytest.mark.parametrize(
    ("name", "value", "error", "words"),
    [
        ("conv1.weight", np.zeros((3, 3, 3)), LimitError, "got the shape (3, 3, 3), wanted"),
        ("full1.bias", [1.0, float("nan")], LimitError, "not finite"),
        ("full1.bias", ["a", "b"], LimitError, "not finite numbers"),
        ("full1.bias", [1e39, 0.0], LimitError, "not finite numbers"),
        ("conv2.weight", 0, KeyError, "no array 'conv2.weight'; did you mean 'conv1.weight'?"),
    ],
)
def test_a_wrong_assignment_is_refused_and_changes_nothing(
    name: str, value: Any, error: type[Exception], words: str
) -> None:
    net, _, _ = net_and_pictures()
    before = net.parameters_sha256
    with pytest.raises(error) as caught:
        net.parameters[name] = value
    assert words in str(caught.value)
    assert net.parameters_sha256 == before


def test_a_variance_cannot_be_negative() -> None:
    net = Network("conv 3 3, norm, full", (1, 9, 9), 2)
    with pytest.raises(LimitError, match=r"norm1\.variance: got -1\.0, wanted at least 0"):
        net.running_stats["norm1.variance"] = [1, -1, 1]


def test_first_weights_are_the_same_everywhere() -> None:
    net = Network("conv 16 5, relu, pool 2, full 8, norm, full", (1, 28, 28), 10, seed=0)
    assert net.parameters_sha256 == (
        "0079b894a5e04a585b2f23b1c86961333157177d7f30c32fb9a405dd2c50e789"
    )
    assert net.parameters_sha256 != Network(net.notation, (1, 28, 28), 10, 1).parameters_sha256


def test_first_weights_have_the_spread_that_keeps_values_in_size() -> None:
    net = Network("conv 64 5, relu, full", (3, 28, 28), 10)
    weight = net.parameters["conv1.weight"]
    assert abs(weight.std() / np.sqrt(2 / 75) - 1) < 0.05
    assert abs(weight.mean()) < 0.01
    assert not net.parameters["conv1.bias"].any()


def test_answers_do_not_depend_on_the_company() -> None:
    net, pictures, _ = net_and_pictures()
    together = net.logits(pictures)
    assert together.shape == (20, 2)
    assert together.dtype == np.float32
    for index in range(20):
        assert (net.logits(pictures[index : index + 1])[0] == together[index]).all()


def test_bytes_go_through_the_preparation() -> None:
    net, pictures, _ = net_and_pictures()
    scaled = (pictures.astype(np.float64) * 2 / 255 - 1).astype(np.float32)
    assert np.allclose(net.logits(pictures), net.logits(scaled), atol=1e-6)
    light = Network(SMALL, (1, 9, 9), 2, 1, ImagePreprocessor((1, 9, 9), "light"))
    assert (light.logits(255 - pictures) == net.logits(pictures)).all()


def test_probabilities_add_up_and_predict_names_the_likeliest() -> None:
    net, pictures, _ = net_and_pictures()
    probabilities = net.probabilities(pictures)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert (probabilities > 0).all()
    names = [net.classes[index] for index in net.logits(pictures).argmax(axis=1)]
    assert net.predict(pictures) == names
    assert set(names) <= {"X", "O"}


def test_grey_pictures_may_leave_out_their_channel() -> None:
    net, pictures, _ = net_and_pictures()
    assert (net.logits(pictures[:, 0]) == net.logits(pictures)).all()


@pytest.mark.parametrize("loss", ["cross-entropy", "squared", "absolute"])
def test_nudging_finds_the_gradient_that_backpropagation_finds(loss: str) -> None:
    net, pictures, labels = net_and_pictures()
    one, gradients = net.gradients(pictures, labels, loss=loss)
    other, nudged = net.numerical_gradients(pictures, labels, loss=loss)
    assert abs(one - other) < 1e-5
    assert list(gradients) == list(nudged) == list(net.parameters)
    for name, gradient in gradients.items():
        scale = np.abs(gradient).max()
        assert scale > 0 or loss == "absolute", name  # there an even number of pictures can cancel
        assert np.abs(gradient - nudged[name]).max() <= 1e-5 * max(scale, 1e-3), name


def test_a_walk_keeps_every_stack() -> None:
    net, _, _ = net_and_pictures()
    walk = net.walk(DECK_X[None])
    assert list(walk) == ["input", "conv1", "relu1", "pool1", "full1"]
    assert [walk[name].shape for name in walk] == [
        (1, 9, 9), (3, 7, 7), (3, 7, 7), (3, 4, 4), (2, 1, 1),
    ]  # fmt: skip
    assert (walk.logits == net.logits(DECK_X[None, None])[0]).all()
    assert (walk["relu1"] == np.maximum(walk["conv1"], 0)).all()
    assert abs(walk.probabilities.sum() - 1) < 1e-6


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        (np.zeros((2, 1, 8, 9), np.float32), "got the shape (2, 1, 8, 9), wanted (N, 1, 9, 9)"),
        (np.zeros((0, 1, 9, 9), np.float32), "got the shape (0, 1, 9, 9)"),
        (np.zeros((1, 9, 9, 1), np.float32), "got the shape (1, 9, 9, 1)"),
        (np.zeros((2, 1, 9, 9), np.int64), "got int64, wanted float32, or uint8 from 0 to 255"),
        (np.full((2, 1, 9, 9), np.inf, np.float32), "not finite numbers"),
        (np.full((2, 1, 9, 9), 1e39), "not finite numbers"),
        ("a picture", "a picture: no such file"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(pictures: Any, words: str) -> None:
    net, _, _ = net_and_pictures()
    with pytest.raises(DataError) as caught:
        net.logits(pictures)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, 1], "labels: got 2, wanted 20, one per input"),
        ([2] * 20, "got numbers from 2 to 2, wanted 0 to 1"),
        ([-1] * 20, "got numbers from -1 to -1"),
        ([0.0] * 20, "got float64 of the shape (20,), wanted class numbers (N,)"),
        ([[0]] * 20, "of the shape (20, 1)"),
        (["Q"] * 20, "got 'Q', wanted the class names ["),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels: Any, words: str) -> None:
    net, pictures, _ = net_and_pictures()
    with pytest.raises(DataError) as caught:
        net.gradients(pictures, labels)
    assert words in str(caught.value)


def test_logits_beyond_float32_are_refused() -> None:
    net = Network("full 3, full", (1, 1, 1), 2)
    for name in ("full1.weight", "full2.weight"):
        net.parameters[name] = np.full(net.parameters[name].shape, 3e38)
    for weight in (3e38, np.nan):
        net.parameters["full1.weight"][...] = weight
        for ask in (net.logits, lambda pictures: net.walk(pictures[0])):
            with pytest.raises(LimitError, match="are not finite float32 numbers; the parameters"):
                ask(np.ones((1, 1, 1, 1), np.float32))


def test_an_unknown_loss_or_seed_is_refused() -> None:
    net, pictures, labels = net_and_pictures()
    with pytest.raises(LimitError, match="loss: got 'hinge', wanted cross-entropy or squared or"):
        net.gradients(pictures, labels, loss="hinge")
    with pytest.raises(LimitError, match="seed: got -1, wanted a whole number from 0"):
        Network(SMALL, (1, 9, 9), 2, seed=-1)
    with pytest.raises(LimitError, match="preprocessor: got one for"):
        Network(SMALL, (1, 9, 9), 2, preprocessor=ImagePreprocessor((1, 8, 8)))


def test_texts_are_word_numbers_through_embed() -> None:
    net = Network("embed 4, conv 6 1x3, relu, pool all, full", (1, 50, 12), ("ham", "spam"))
    words = np.arange(36).reshape(3, 12) % 50
    assert net.logits(words).shape == (3, 2)
    assert net.parameters["embed1.weight"].shape == (50, 4)
    for wrong in (words - 1, words + 40, words[:, :11], words.astype(np.float32)):
        with pytest.raises(DataError, match="tokens: got"):
            net.logits(wrong)


def test_the_html_is_a_table_and_escapes_what_it_shows() -> None:
    html = Network(SMALL, (1, 9, 9), ("<script>", "b"))._repr_html_()
    assert html.startswith("<table>")
    assert "conv 3 3" in html
    assert "<script>" not in html
