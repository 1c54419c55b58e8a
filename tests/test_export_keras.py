"""The Keras exporter without Keras: h5py and the standard library read its files."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import h5py
import numpy as np
import pytest

from piecewise import Network
from piecewise.exchange import registry
from piecewise.exchange.keras.exporter import NET, TensorFlowExporter, keras_layers
from piecewise.exchange.keras.files import snake_case, weight_paths

from .exchange_judging import ALL, net_of, usage_code
from .exchange_nets import random_net, saved

EXPORTER = TensorFlowExporter()


def parts(net: Network) -> tuple[dict[str, Any], dict[str, Any], h5py.File]:
    """The metadata, the settings and the weights of the exported file."""
    archive = zipfile.ZipFile(io.BytesIO(EXPORTER.files(saved(net))[NET]))
    assert archive.testzip() is None
    assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    metadata, config = (json.loads(archive.read(f"{one}.json")) for one in ("metadata", "config"))
    return metadata, config, h5py.File(io.BytesIO(archive.read("model.weights.h5")))


@pytest.mark.parametrize("kind", ALL)
def test_file_has_every_number_of_the_net_and_its_class_names(kind: str) -> None:
    net = net_of(kind)
    metadata, config, weights = parts(net)
    assert metadata["classes"] == list(net.classes)
    assert metadata["notation"] == net.notation
    numbers = []
    weights.visititems(
        lambda _, one: numbers.append(one[()]) if isinstance(one, h5py.Dataset) else None
    )
    own = {array.tobytes() for array in net.state.values() if array.ndim == 1}
    assert own <= {array.tobytes() for array in numbers}
    assert sum(array.size for array in numbers) >= sum(array.size for array in net.state.values())
    names = [layer["config"]["name"] for layer in config["config"]["layers"]]
    assert names[0] in {"input", "tokens"}
    assert names[-1] == "probabilities"
    assert "logits" in names
    assert len(set(names)) == len(names)


def test_kernels_are_in_the_order_of_keras() -> None:
    net = net_of("picture grey")
    _, _, weights = parts(net)
    kernel = weights["layers/conv2d/vars/0"][()]
    assert np.array_equal(kernel, net.parameters["conv1.weight"].transpose(2, 3, 1, 0))
    dense = weights["layers/dense/vars/0"][()]
    channels, height, width = net.architecture.stages[-4].input
    rows = net.parameters["full1.weight"].reshape(-1, channels, height, width)
    for c, i, j in ((0, 0, 0), (3, 1, 0), (channels - 1, height - 1, width - 1)):
        assert np.array_equal(dense[(i * width + j) * channels + c], rows[:, c, i, j])


def test_same_net_gives_the_same_bytes() -> None:
    for kind in ("picture average", "text windows"):
        assert EXPORTER.files(saved(net_of(kind))) == EXPORTER.files(saved(net_of(kind)))


@pytest.mark.parametrize("seed", range(40))
def test_layers_of_random_net_are_ones_that_are_loaded_safely(seed: int) -> None:
    layers = keras_layers(saved(random_net(seed, texts=seed % 2 == 1))).in_keras_order()
    known = {"InputLayer", "Rescaling", "Conv2D", "ReLU", "ZeroPadding2D", "Normalization", "Add",
             "MaxPooling2D", "AveragePooling2D", "GlobalMaxPooling2D", "GlobalAveragePooling2D",
             "GlobalMaxPooling1D", "Flatten", "Reshape", "Dense", "BatchNormalization", "Softmax",
             "Embedding", "Multiply"}  # fmt: skip
    assert {layer.kind for layer in layers} <= known
    before = set[str]()
    for layer in layers:  # each is after its inputs
        assert before.issuperset(layer.inputs)
        before.add(layer.name)


def test_weight_paths_number_the_layers_of_each_class() -> None:
    kinds = ["Conv2D", "ReLU", "Conv2D", "BatchNormalization", "GlobalAveragePooling2D"]
    assert weight_paths(kinds) == [
        "layers/conv2d",
        "layers/re_lu",
        "layers/conv2d_1",
        "layers/batch_normalization",
        "layers/global_average_pooling2d",
    ]
    assert snake_case("DepthwiseConv2D") == "depthwise_conv2d"


@pytest.mark.parametrize("kind", ["picture grey", "text average"])
def test_usage_is_valid_python_and_names_the_file(kind: str) -> None:
    code = usage_code(EXPORTER, net_of(kind))
    compile(code, "use.py", "exec")
    assert NET in code


def test_registry_has_the_exporter_and_its_runner() -> None:
    assert isinstance(registry.exporter("tensorflow"), TensorFlowExporter)
    assert "tensorflow" in {runner.exporter for runner in registry.runners()}
