"""Occlusion, gradient x input and Grad-CAM on nets with known attributions."""

from __future__ import annotations

import json

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.errors import LimitError
from piecewise.data.audio.preprocessor import AudioPreprocessor
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.data.text.preprocessor import UNKNOWN, TextPreprocessor
from piecewise.inputs import layer_inputs
from piecewise.insight.attribution import saliency
from piecewise.insight.attribution.saliency import (
    attributions,
    grad_cam,
    gradient_times_input,
    occlusion,
)
from piecewise.spec.layer_base import PADDING

DRAWN = np.random.default_rng(6)
WORDS = TextPreprocessor("words", ("free", "prize", "see", "you", "at", "home"), 8)


def linear(shape: tuple[int, int, int], background: str = "dark") -> pw.Network:
    """Votes of the pixels themselves, weights and biases drawn."""
    net = pw.Network("full", shape, 3, 0, ImagePreprocessor(shape, background))
    for name, array in net.parameters.items():
        net.parameters[name] = DRAWN.normal(0, 1, array.shape)
    return net


def votes(net: pw.Network, x: np.ndarray, label: int) -> np.ndarray:
    """Weight times value of each number of the input, exactly."""
    weights = net.parameters["full1.weight"][label].reshape(x.shape)
    return np.asarray(weights.astype(np.float64) * x.astype(np.float64))


def bytes_of(shape: tuple[int, int, int]) -> np.ndarray:
    return DRAWN.integers(0, 256, shape).astype(np.uint8)


def test_gradient_times_input_linear_net_equals_votes() -> None:
    net, example = linear((1, 5, 7)), bytes_of((1, 5, 7))
    x = layer_inputs(net, example[None])[0]
    for label in range(3):
        found = gradient_times_input(net, example, label)
        np.testing.assert_array_equal(found.values, votes(net, x, label)[0].astype(np.float32))
        ledger = net.walk(example).ledger(label)
        assert found.values.ravel().tolist() == [np.float32(vote.vote) for vote in ledger.votes]
        assert (found.label, found.unit) == (label, "logit")


def test_gradient_times_input_sums_channels() -> None:
    net, example = linear((3, 4, 6), "any"), bytes_of((3, 4, 6))
    found = gradient_times_input(net, example, 2)
    wanted = votes(net, layer_inputs(net, example[None])[0], 2).sum(axis=0)
    np.testing.assert_allclose(found.values, wanted, rtol=1e-6)


@pytest.mark.parametrize("background", ["dark", "light"])
def test_occlusion_linear_net_equals_votes_above_background(background: str) -> None:
    """A covered cell votes as the background: the decrease is its vote less the background's."""
    net, example = linear((1, 5, 7), background), bytes_of((1, 5, 7))
    x = layer_inputs(net, example[None])[0]
    found = occlusion(net, example, 1, side=1)
    wanted = (votes(net, x, 1) - votes(net, np.full_like(x, -1), 1))[0]
    np.testing.assert_allclose(found.values, wanted, atol=3e-6)
    assert found.description == "1x1 cells at a time covered with the background"


def test_occlusion_cell_is_mean_of_its_covers() -> None:
    net, example = linear((1, 5, 7)), bytes_of((1, 5, 7))
    x = layer_inputs(net, example[None])[0]
    above = (votes(net, x, 0) - votes(net, np.full_like(x, -1), 0))[0]
    wanted = np.zeros((5, 7))
    for row in range(5):
        for column in range(7):
            squares = [
                above[top : top + 3, left : left + 3].sum()
                for top in range(3)
                for left in range(5)
                if top <= row < top + 3 and left <= column < left + 3
            ]
            wanted[row, column] = np.mean(squares)
    found = occlusion(net, example, 0, side=3)  # every square: half of three is one cell
    np.testing.assert_allclose(found.values, wanted, atol=1e-5)


def test_occlusion_photo_uses_mean_colour() -> None:
    net, example = linear((3, 4, 6), "any"), bytes_of((3, 4, 6))
    x = layer_inputs(net, example[None])[0].astype(np.float64)
    colour = np.broadcast_to(x.mean(axis=(1, 2), keepdims=True), x.shape)
    wanted = (votes(net, x, 0) - votes(net, colour, 0)).sum(axis=0)
    found = occlusion(net, example, 0, side=1)
    np.testing.assert_allclose(found.values, wanted, atol=3e-6)
    assert "its mean colour" in found.description


def test_occlusion_sound_uses_silence() -> None:
    preprocessor = AudioPreprocessor((1, 10, 16))
    net = pw.Network("full", preprocessor.shape, 2, 3, preprocessor)
    silence = np.zeros((1, 10, 16), np.uint8)
    assert not occlusion(net, silence).values.any()
    beep = silence.copy()
    beep[0, 4, 8] = 255
    found = occlusion(net, beep, 0, side=1)
    assert np.argwhere(found.values).tolist() == [[4, 8]]
    assert "silence" in found.description


def quadrant() -> tuple[pw.Network, np.ndarray]:
    """A net that counts the ink in the lower left quarter of 12 x 12 pixels, through a convolution;
    and a picture that is full of ink."""
    net = pw.Network(
        "conv 2 3, relu, full", (1, 12, 12), 2, 0, ImagePreprocessor((1, 12, 12), "dark")
    )
    kernel = np.zeros((2, 1, 3, 3))
    kernel[0] = 1 / 9
    weights = np.zeros((2, 2, 10, 10))
    weights[1, 0, 7:, :3] = 1  # of patches that lie in rows 7 to 11 and columns 0 to 4
    net.parameters["conv1.weight"], net.parameters["full1.weight"] = kernel, weights.reshape(2, -1)
    return net, np.full((1, 12, 12), 255, np.uint8)


def test_attributions_find_the_relevant_quadrant() -> None:
    net, example = quadrant()
    inside = np.zeros((12, 12), bool)
    inside[7:, :5] = True
    for found in attributions(net, example, 1)[:2]:
        share = found.values[inside].sum() / found.values.sum()
        assert share > 0.75, found.method
        assert found.values.shape == (12, 12)
        assert inside.flat[found.values.argmax()], found.method
    assert not gradient_times_input(net, example, 1).values[~inside].any()
    assert not occlusion(net, example, 1, side=1).values[~inside].any()
    assert not occlusion(net, example, 0).values.any()  # the other class has no votes


def test_grad_cam_equals_hand_computed_values() -> None:
    net, example = quadrant()
    found = grad_cam(net, example, 1)
    # All matches are 1; the mean gradient of map 0 is 9 votes of 100; map 1 has none.
    np.testing.assert_allclose(found.values, np.full((12, 12), 0.09), rtol=1e-6)
    example[:, :, 6:] = 0  # no ink: matches of -1, which ReLU ends
    left = grad_cam(net, example, 1)
    assert (
        left.description == "the feature maps of relu1, weighted by the mean gradient of the logit"
    )
    np.testing.assert_allclose(left.values[:, :5], 0.09, rtol=1e-6)
    assert not left.values[:, 8:].any()
    # Patch 4 has columns 4 to 6, of which one is empty: (2 - 1) / 3; its middle is pixel 5.
    np.testing.assert_allclose(left.values[:, 5], 0.09 / 3, rtol=1e-6)


def test_grad_cam_locates_a_shape() -> None:
    """A net that asks whether there is a small square anywhere, and pictures with one somewhere."""
    net = pw.Network("conv 2 3, relu, pool all, full", (1, 12, 16), 2)
    kernel = np.zeros((2, 1, 3, 3))
    kernel[0] = 1 / 9
    net.parameters["conv1.weight"] = kernel
    net.parameters["full1.weight"] = np.array([[0.0, 0.0], [1.0, 0.0]])
    for top, left in ((0, 0), (5, 2), (9, 13), (3, 9)):
        example = np.full((1, 12, 16), -1, np.float32)
        example[0, top : top + 3, left : left + 3] = 1
        found = grad_cam(net, example, 1).values
        assert np.argwhere(found == found.max()).mean(axis=0).round().tolist() == pytest.approx(
            [top + 1, left + 1], abs=1
        )
        assert not found[abs(np.arange(12) - top - 1) > 2].any()


def test_grad_cam_drops_negative_evidence() -> None:
    net, example = quadrant()
    net.parameters["full1.weight"] = -net.parameters["full1.weight"]
    assert not grad_cam(net, example, 1).values.any()
    assert (occlusion(net, example, 1).values < 0).any()


def test_grad_cam_layer_defaults_to_last_convolution() -> None:
    net = pw.Network(
        "conv 4 3, norm, relu, pool 2, conv 6 3, norm, relu, pool 2, full", (3, 14, 17), 4
    )
    example = bytes_of((3, 14, 17))
    found = {name: grad_cam(net, example, 0, name) for name in ("conv1", "pool1", "relu2", "pool2")}
    assert "relu2" in grad_cam(net, example, 0).description
    np.testing.assert_array_equal(grad_cam(net, example, 0).values, found["relu2"].values)
    for one in found.values():
        assert one.values.shape == (14, 17)
    assert len({one.values.tobytes() for one in found.values()}) == 4


@pytest.mark.parametrize("layers", ["embed 4, conv 5 1x3, relu, full", "conv 5 8x3, relu, full"])
def test_attributions_find_the_relevant_word(layers: str) -> None:
    """Both roads of a text: words that are looked up, and the deck's picture of them."""
    net = pw.Network(layers, WORDS.shape, ("ham", "spam"), 1, WORDS)
    says = net.parameters["conv1.weight"] * 0
    if "embed" in layers:
        table = np.zeros((8, 4))
        table[WORDS.vocabulary.index("prize") + 2, 1] = 1
        net.parameters["embed1.weight"] = table
        says[0, 1, 0, 1] = 1
    else:
        says[0, 0, WORDS.vocabulary.index("prize") + 2, 1] = 1
    net.parameters["conv1.weight"] = says
    votes = np.zeros((2, 5, 6))
    votes[1, 0] = 2
    net.parameters["full1.weight"] = votes.reshape(2, -1)
    words = WORDS.transform("you see a prize at home")
    for found in attributions(net, words):
        assert found.label == 1
        assert found.values.shape == (1, 8)
        assert found.values.argmax() == 3, found.method
        if found.unit == "logit":
            assert found.values.tolist() == [[0, 0, 0, 2, 0, 0, 0, 0]], found.method


def test_occlusion_padding_has_no_attribution() -> None:
    net = pw.Network("embed 4, full", WORDS.shape, 2, 1, WORDS)
    words = WORDS.transform("free prize unheard")
    assert words.tolist()[:3] == [2, 3, UNKNOWN]
    for side in (1, 2, 3):  # of three, one cover holds the prize and an end without text
        values = occlusion(net, words, 0, side).values[0]
        assert (values[:2] != 0).all()
        assert not values[words == PADDING].any()
    assert occlusion(net, words, 0).values[0, 2] == 0
    known = WORDS.transform("free prize")
    values = occlusion(net, known, 0, side=3).values[0]
    alone, _ = occlusion(net, known, 0, side=1).values[0, :2].tolist()
    both = float(np.subtract(*net.logits(np.stack([known, known.clip(0, UNKNOWN)]))[:, 0]))
    # Three words from the first, then from the second on: the end without text stays what it is.
    assert values[:2].tolist() == pytest.approx([both, (both + both - alone) / 2], rel=1e-4)
    assert (values[:2] != 0).all()
    assert not values[2:].any()
    assert not occlusion(net, WORDS.transform(""), 0).values.any()


def test_occlusion_is_equal_for_any_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    net, example = pw.Network("conv 4 3, relu, full", (1, 9, 11), 2), bytes_of((1, 9, 11))
    found = occlusion(net, example, 0, side=2).values
    monkeypatch.setattr(saliency, "_VALUES", 1)
    np.testing.assert_array_equal(occlusion(net, example, 0, side=2).values, found)


def test_attributions_label_defaults_to_prediction() -> None:
    net, example = linear((1, 5, 7)), bytes_of((1, 5, 7))
    label = int(net.logits(example[None]).argmax())
    for one in attributions(net, example):
        assert one.label == label
        plain = json.loads(json.dumps(one.to_json()))
        assert np.float32(plain["values"]).tolist() == one.values.tolist()
        assert list(plain) == ["method", "label", "values", "unit", "description"]
    assert [one.method for one in attributions(net, example)] == ["occlusion", "gradient x input"]


def test_attributions_invalid_arguments_raise() -> None:
    net, example = linear((1, 5, 7)), bytes_of((1, 5, 7))
    with pytest.raises(LimitError, match="a net whose layers have no rows and columns"):
        grad_cam(net, example)
    with pytest.raises(LimitError, match="label: got 3, wanted a class number from 0 to 2"):
        attributions(net, example, 3)
    with pytest.raises(LimitError, match="side: got 8, wanted a whole number from 1 to 7"):
        occlusion(net, example, 0, side=8)
    with pytest.raises(LimitError, match="layer: got 'relu9', wanted one of conv1, relu1"):
        grad_cam(quadrant()[0], quadrant()[1], 1, "relu9")
    wide = pw.Network("pool 1x512, full", (1, 2, 70_000), 2)
    with pytest.raises(LimitError, match="which makes 140,000 covers, wanted at most 65,536"):
        occlusion(wide, np.zeros((1, 2, 70_000), np.uint8), 0, side=1)
