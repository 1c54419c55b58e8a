"""The Keras importer, on files of piecewise and on files put together layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piecewise import Network
from piecewise.core.array_types import Array
from piecewise.exchange.deeplearning4j.exporter import Deeplearning4jExporter
from piecewise.exchange.keras.exporter import TensorFlowExporter
from piecewise.exchange.keras.files import keras_bytes
from piecewise.exchange.keras.layer_list import LayerList

from .exchange_judging import ALL, net_of
from .exchange_nets import inputs_of, random_net, saved
from .keras_files import (
    changed,
    config_of,
    dense_end,
    imported,
    model,
    one,
    random,
    refusal,
    with_config,
    without_metadata,
)

EXPORTERS = (TensorFlowExporter(), Deeplearning4jExporter())


def assert_same(back: Network, own: Network) -> None:
    """The same network, bit for bit."""
    assert (back.notation, back.input, back.classes) == (own.notation, own.input, own.classes)
    assert (back.preprocessor, back.calibration) == (own.preprocessor, own.calibration)
    assert back.parameters_sha256 == own.parameters_sha256


@pytest.mark.parametrize("kind", ALL)
def test_own_file_comes_back_as_it_was(kind: str, tmp_path: Path) -> None:
    net = net_of(kind)
    for exporter in EXPORTERS:
        if exporter.refusal(saved(net)) is None:
            first = next(iter(exporter.files(saved(net)).values()))
            assert_same(imported(first, tmp_path), net)


@pytest.mark.parametrize("seed", range(40))
def test_own_random_net_comes_back_as_it_was(seed: int, tmp_path: Path) -> None:
    net = random_net(seed, texts=seed % 3 == 2)
    for exporter in EXPORTERS:
        if exporter.refusal(saved(net)) is None:
            first = next(iter(exporter.files(saved(net)).values()))
            assert_same(imported(first, tmp_path), net)


@pytest.mark.parametrize("kind", [kind for kind in ALL if not kind.startswith("text")])
def test_own_layers_without_metadata_come_back_bit_for_bit(kind: str, tmp_path: Path) -> None:
    net = net_of(kind)
    content = without_metadata(EXPORTERS[0].files(saved(net))["net.keras"])
    back = imported(content, tmp_path)
    assert back.state.keys() == net.state.keys()
    for name, array in net.state.items():
        assert back.state[name].tobytes() == array.tobytes()
    inputs = inputs_of(net, 9)
    assert np.abs(back.probabilities(inputs) - net.probabilities(inputs)).max() < 1e-6


@pytest.mark.parametrize("seed", range(60))
def test_random_layers_without_metadata_give_the_same_probabilities(
    seed: int, tmp_path: Path
) -> None:
    net = random_net(seed)
    back = imported(without_metadata(EXPORTERS[0].files(saved(net))["net.keras"]), tmp_path)
    inputs = inputs_of(net, 9)
    assert np.abs(back.probabilities(inputs) - net.probabilities(inputs)).max() < 1e-5


def logits(net: Network, x: Array) -> Array:
    return net.logits(np.ascontiguousarray(x.transpose(0, 3, 1, 2).astype(np.float32)))


def test_dense_reads_values_in_the_order_row_column_channel(tmp_path: Path) -> None:
    net = imported(model(lambda layers: dense_end(layers, 60)), tmp_path)
    x = random(4, 6, 5, 2, seed=1)
    expected = x.reshape(4, -1).astype(np.float64) @ random(60, 3) + random(3)
    np.testing.assert_allclose(logits(net, x), expected, rtol=1e-4, atol=1e-4)


def test_zeros_in_front_of_a_convolution_are_its_padding(tmp_path: Path) -> None:
    def add(layers: LayerList) -> None:
        layers.add("ZeroPadding2D", "pad", (9, 6, 2), padding=[[2, 1], [0, 1]])
        layers.add("Conv2D", "conv", (7, 5, 4), {"kernel": random(3, 2, 2, 4)}, filters=4,
                   kernel_size=[3, 2], use_bias=False)  # fmt: skip
        dense_end(layers, 140)

    net = imported(model(add), tmp_path)
    x = random(2, 6, 5, 2, seed=1)
    padded = np.pad(x, ((0, 0), (2, 1), (0, 1), (0, 0))).astype(np.float64)
    y = np.zeros((2, 7, 5, 4))
    for i, j in np.ndindex(7, 5):
        y[:, i, j] = np.tensordot(padded[:, i : i + 3, j : j + 2], random(3, 2, 2, 4), 3)
    expected = y.reshape(2, -1) @ random(140, 3) + random(3)
    np.testing.assert_allclose(logits(net, x), expected, rtol=1e-4, atol=1e-4)


def test_zeros_in_front_of_a_maximum_are_values_of_it(tmp_path: Path) -> None:
    def add(layers: LayerList) -> None:
        layers.add("ZeroPadding2D", "pad", (8, 6, 2), padding=[[0, 2], [0, 1]])
        layers.add("MaxPooling2D", "pool", (4, 3, 2), pool_size=[2, 2])
        dense_end(layers, 24)

    x = random(2, 6, 5, 2, seed=1)
    padded = np.pad(x, ((0, 0), (0, 2), (0, 1), (0, 0)))
    pooled = padded.reshape(2, 4, 2, 3, 2, 2).max((2, 4))
    expected = pooled.reshape(2, -1) @ random(24, 3) + random(3)
    np.testing.assert_allclose(logits(imported(model(add), tmp_path), x), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("scale", "offset", "layers", "background"),
    [
        (2 / 255, -1.0, "full", "any"),
        (-2 / 255, 1.0, "full", "light"),
        (1 / 255, 0.0, "norm, full", "any"),
        ([1 / 255, 1 / 127.5], [-0.5, -0.25], "norm, full", "any"),
    ],
)
def test_rescaling_in_front_is_the_scaling_of_bytes(
    scale: Any, offset: Any, layers: str, background: str, tmp_path: Path
) -> None:
    def add(made: LayerList) -> None:
        made.add("Rescaling", "scaling", (6, 5, 2), scale=scale, offset=offset)
        dense_end(made, 60)

    net = imported(model(add), tmp_path)
    assert net.notation == layers
    assert net.preprocessor.background == background
    x = np.random.default_rng(0).integers(0, 256, (3, 6, 5, 2))
    expected = (x * np.array(scale) + offset).reshape(3, -1) @ random(60, 3) + random(3)
    got = net.logits(np.ascontiguousarray(x.transpose(0, 3, 1, 2).astype(np.uint8)))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_class_names_of_the_metadata_and_of_the_options_are_kept(tmp_path: Path) -> None:
    layers = LayerList()
    layers.add("InputLayer", "input", (6, 5, 2), dtype="float32")
    dense_end(layers, 60)
    content = keras_bytes(layers, "net", {"classes": ["a", "b", "ü"]})
    assert imported(content, tmp_path).classes == ("a", "b", "ü")
    assert imported(content, tmp_path, classes=("x", "y", "z")).classes == ("x", "y", "z")
    content = keras_bytes(layers, "net", {"classes": ["a", "b"]})
    assert imported(content, tmp_path).classes == ("0", "1", "2")


def test_open_input_needs_the_option(tmp_path: Path) -> None:
    def add(layers: LayerList) -> None:
        layers.add("GlobalMaxPooling2D", "pool", (2,))
        dense_end(layers, 2)

    def open_sides(parts: dict[str, bytes]) -> None:
        parts["config.json"] = parts["config.json"].replace(
            b"[null, 6, 5, 2]", b"[null, null, null, 2]"
        )

    content = changed(model(add), open_sides)
    assert "give channels, rows and columns with `input`" in refusal(content, tmp_path)
    assert imported(content, tmp_path, input=(2, 6, 5)).input == (2, 6, 5)
    assert "`input` says" in refusal(content, tmp_path, input=(3, 6, 5))


def activation(name: Any) -> Callable[[LayerList], None]:
    return lambda layers: dense_end(layers, 60, activation=name)


LEAKY = {"negative_slope": 0.1}


def wrong_dense(layers: LayerList) -> None:
    layers.add("Flatten", "flat", (60,))
    layers.add("Dense", "odd", (3,), {"kernel": random(59, 3), "bias": random(3)}, units=3)


def infinite_weight(layers: LayerList) -> None:
    layers.add("Flatten", "flat", (60,))
    kernel = random(60, 3)
    kernel[7, 1] = np.inf
    layers.add("Dense", "odd", (3,), {"kernel": kernel, "bias": random(3)}, units=3)


@pytest.mark.parametrize(
    ("add", "words"),
    [
        (activation("tanh"), "layer 'end': the activation 'tanh'; piecewise has relu"),
        (activation({"class_name": "function", "config": "evil"}), "the activation 'evil'"),
        (activation(7), "its activation is 7, wanted a name"),
        (one("Lambda", function={"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}),
         "layer 'odd': a Lambda holds code, which is never run"),
        (one("LayerNormalization"), "layer 'odd': LayerNormalization has no counterpart"),
        (one("ReLU", max_value=6.0), "layer 'odd': it is a ReLU up to 6"),
        (one("ReLU", **LEAKY), "layer 'odd': it is a leaky ReLU"),
        (one("MaxPooling2D", data_format="channels_first"), "its data_format is 'channels_first'"),
        (one("MaxPooling2D", pool_size=[3, 3], strides=[1, 1], padding="same"),
         "its padding is 1 and 1 rows, 1 and 1 columns; piecewise pools without padding"),
        (one("MaxPooling2D", pool_size=[10**9, 1]), "its pool_size is 1000000000"),
        (one("MaxPooling2D", pool_size="2"), "its pool_size is '2'"),
        (one("BatchNormalization", axis=1), "its axis is 1, wanted the last one"),
        (one("BatchNormalization"), "the file has 0 arrays of it, wanted 4"),
        (one("MaxPooling2D", border_mode="same"), "its settings are those of Keras 1"),
        (one("Embedding", input_dim=5, mask_zero=True), "its mask_zero leaves out token 0"),
        (one("Reshape", target_shape=[5, 6, 2]), "it reshapes 2x6x5 to [5, 6, 2]"),
        (one("Reshape", target_shape=[-1, -1]), "its target_shape is"),
        (one("Normalization", mean=[0.0, 0.0], variance=[1.0, -1.0]), "its variance is negative"),
        (one("Dropout", rate=3), "its rate is 3"),
        (one("Softmax"), "layer 'odd': a softmax at each of 30 positions"),
        (wrong_dense, "layer 'odd': its weight has the shape (3, 59), wanted 60 inputs"),
        (infinite_weight, "layer 'odd': its weight has values that are not finite"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_with_layer_and_reason(
    add: Callable[[LayerList], None], words: str, tmp_path: Path
) -> None:
    assert words in refusal(model(add), tmp_path)


def test_branches_are_refused_with_the_layer_that_joins_them(tmp_path: Path) -> None:
    def add(layers: LayerList) -> None:
        layers.add("ReLU", "left", (6, 5, 2), inputs=["input"])
        layers.add("Add", "sum", (6, 5, 2), inputs=["input", "left"])
        dense_end(layers, 60)

    assert "layer 'sum': it joins 2 branches" in refusal(model(add), tmp_path)


def test_layer_of_a_class_of_its_own_is_refused(tmp_path: Path) -> None:
    content = model(one("ReLU"))
    config = config_of(content)
    config["config"]["layers"][1] |= {"module": "os", "registered_name": "evil>ReLU"}
    assert "layer 'odd': a class of its own, ReLU" in refusal(
        with_config(content, config), tmp_path
    )
