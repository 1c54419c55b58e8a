"""The Keras importer, on files of piecewise and on files put together layer by layer."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from piecewise import Network
from piecewise.core.array_types import Array, Float32
from piecewise.core.errors import ModelFileError
from piecewise.exchange.deeplearning4j.exporter import Deeplearning4jExporter
from piecewise.exchange.import_model import import_model
from piecewise.exchange.keras.exporter import TensorFlowExporter
from piecewise.exchange.keras.files import keras_bytes
from piecewise.exchange.keras.layer_list import LayerList
from piecewise.exchange.registry import ImportOptions

from .exchange_judging import ALL, net_of
from .exchange_nets import inputs_of, random_net, saved

EXPORTERS = (TensorFlowExporter(), Deeplearning4jExporter())


def imported(content: bytes, folder: Path, **options: Any) -> Network:
    path = folder / ("net.keras" if content[:2] == b"PK" else "net.h5")
    path.write_bytes(content)
    return Network.from_saved_model(import_model(path, ImportOptions(**options)))


def refusal(content: bytes, folder: Path, **options: Any) -> str:
    with pytest.raises(ModelFileError) as caught:
        imported(content, folder, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def random(*shape: int, seed: int = 0) -> Float32:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


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


def changed(content: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """A `.keras` file with other parts."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return buffer.getvalue()


def without_metadata(content: bytes) -> bytes:
    return changed(content, lambda parts: parts.update({"metadata.json": b"{}"}))


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


# Files put together.


def model(add: Callable[[LayerList], None], dims: tuple[int, ...] = (6, 5, 2)) -> bytes:
    """A `.keras` file of these layers, and a Dense layer with a softmax behind them."""
    layers = LayerList()
    layers.add("InputLayer", "input", dims, dtype="float32")
    add(layers)
    return keras_bytes(layers, "net", {})


def dense_end(layers: LayerList, values: int, **config: Any) -> None:
    layers.add("Flatten", "flat", (values,))
    variables = {"kernel": random(values, 3), "bias": random(3)}
    layers.add("Dense", "end", (3,), variables, units=3, **{"activation": "softmax", **config})


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
    assert "say the input" in refusal(content, tmp_path)
    assert imported(content, tmp_path, input=(2, 6, 5)).input == (2, 6, 5)
    assert "the option says" in refusal(content, tmp_path, input=(3, 6, 5))


def activation(name: Any) -> Callable[[LayerList], None]:
    return lambda layers: dense_end(layers, 60, activation=name)


LEAKY = {"negative_slope": 0.1}


def one(kind: str, **config: Any) -> Callable[[LayerList], None]:
    def add(layers: LayerList) -> None:
        layers.add(kind, "odd", (6, 5, 2), **config)
        dense_end(layers, 60)

    return add


def pool_after_zeros(layers: LayerList) -> None:
    layers.add("ZeroPadding2D", "pad", (8, 6, 2), padding=[[0, 2], [0, 1]])
    layers.add("MaxPooling2D", "odd", (4, 3, 2), pool_size=[2, 2])
    dense_end(layers, 24)


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
        (one("ReLU", max_value=6.0), "layer 'odd': a ReLU up to 6"),
        (one("ReLU", **LEAKY), "layer 'odd': a leaky ReLU"),
        (one("MaxPooling2D", data_format="channels_first"), "its data_format is 'channels_first'"),
        (one("MaxPooling2D", pool_size=[3, 3], strides=[1, 1], padding="same"),
         "piecewise pools the cells of the map, without padding"),
        (one("MaxPooling2D", pool_size=[10**9, 1]), "its pool_size is 1000000000"),
        (one("MaxPooling2D", pool_size="2"), "its pool_size is '2'"),
        (one("BatchNormalization", axis=1), "its axis is 1, wanted the last one"),
        (one("BatchNormalization"), "the file has 0 arrays of it, wanted 4"),
        (one("MaxPooling2D", border_mode="same"), "its settings are those of Keras 1"),
        (one("Embedding", input_dim=5, mask_zero=True), "its mask leaves out zeros"),
        (one("Reshape", target_shape=[5, 6, 2]), "it makes maps of other sides"),
        (one("Reshape", target_shape=[-1, -1]), "its target_shape is"),
        (one("Normalization", mean=[0.0, 0.0], variance=[1.0, -1.0]), "its variance is negative"),
        (one("Dropout", rate=3), "its rate is 3"),
        (one("Softmax"), "layer 'odd': a softmax of maps"),
        (pool_after_zeros, "zeros in front of it, beside values that can be negative"),
        (wrong_dense, "layer 'odd': its weight, (3, 59), does not fit 2x6x5"),
        (infinite_weight, "layer 'odd': its weight has values that are not finite"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_with_layer_and_reason(
    add: Callable[[LayerList], None], words: str, tmp_path: Path
) -> None:
    assert words in refusal(model(add), tmp_path)


def config_of(content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found: dict[str, Any] = json.loads(archive.read("config.json"))
    return found


def with_config(content: bytes, config: Any) -> bytes:
    text = config if isinstance(config, bytes) else json.dumps(config).encode()
    return changed(content, lambda parts: parts.update({"config.json": text}))


def test_branches_are_refused_with_the_layer_that_joins_them(tmp_path: Path) -> None:
    def add(layers: LayerList) -> None:
        layers.add("ReLU", "left", (6, 5, 2), inputs=["input"])
        layers.add("Add", "sum", (6, 5, 2), inputs=["input", "left"])
        dense_end(layers, 60)

    assert "layer 'sum': it reads 2 outputs" in refusal(model(add), tmp_path)


def test_layer_of_a_class_of_its_own_is_refused(tmp_path: Path) -> None:
    content = model(one("ReLU"))
    config = config_of(content)
    config["config"]["layers"][1] |= {"module": "os", "registered_name": "evil>ReLU"}
    assert "layer 'odd': a class of its own, ReLU" in refusal(
        with_config(content, config), tmp_path
    )


def test_hostile_settings_are_refused_in_a_sentence(tmp_path: Path) -> None:
    content = model(one("ReLU"))
    deep = config_of(content)
    for _ in range(12):
        deep = {"class_name": "Sequential", "config": {"name": "m", "layers": [deep]}}
    texts: list[tuple[Any, str]] = [
        (deep, "more than 8 models in each other"),
        (b"[" * 100_000, "is not JSON"),
        (b"\xff\xfe", "is not a text in UTF-8"),
        ([], "a layer of the class None"),
        ({"class_name": "Sequential"}, "a model without a list of layers"),
        ({"class_name": "Sequential", "config": {"layers": []}}, "a model of 0 layers"),
        ({"class_name": "__import__('os')", "config": {}}, "wanted a name"),
        ({"class_name": "Sequential", "config": {"layers": [{"class_name": "ReLU"}] * 9_999}},
         "a model of 9,999 layers"),
    ]  # fmt: skip
    for config, words in texts:
        assert words in refusal(with_config(content, config), tmp_path)


def test_functional_model_that_reads_itself_is_refused(tmp_path: Path) -> None:
    def add(layers: LayerList) -> None:
        layers.add("ReLU", "left", (6, 5, 2), inputs=["input"])
        layers.add("Add", "sum", (6, 5, 2), inputs=["input", "left"])
        dense_end(layers, 60)

    content = model(add)
    text = json.dumps(config_of(content)).replace(
        '"keras_history": ["input"', '"keras_history": ["sum"'
    )
    assert "it reads" in refusal(with_config(content, text.encode()), tmp_path)


def test_own_metadata_with_other_arrays_is_refused(tmp_path: Path) -> None:
    net = net_of("picture grey")
    content = EXPORTERS[0].files(saved(net))["net.keras"]
    for old, new in ((b"conv 6 3 pad", b"conv 7 3 pad"), (b"full 12", b"full 13")):
        other = changed(content, lambda parts, old=old, new=new: parts.update(  # type: ignore[misc]
            {"metadata.json": parts["metadata.json"].replace(old, new)}))  # fmt: skip
        assert "an array of the shape" in refusal(other, tmp_path)


# Zips.


def test_damaged_zips_are_refused(tmp_path: Path) -> None:
    content = model(one("ReLU"))
    at = content.index(b"\x89HDF") + 600
    damaged = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    assert "model.weights.h5 is damaged" in refusal(damaged, tmp_path)
    assert "cut short" in refusal(content[:-30], tmp_path)
    without = changed(content, lambda parts: parts.__delitem__("config.json"))
    assert "a zip file without config.json" in refusal(without, tmp_path)
    buffer = io.BytesIO(content)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("config.json", b"{}")
    assert "is in it twice" in refusal(buffer.getvalue(), tmp_path)


def test_compressed_file_is_read_and_a_bomb_is_refused(tmp_path: Path) -> None:
    content, buffer = model(one("ReLU")), io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as archive,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in archive.namelist():
            packed.writestr(name, archive.read(name))
    assert imported(buffer.getvalue(), tmp_path).notation == "relu, full"
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("config.json", b" " * (30 << 20))
        packed.writestr("model.weights.h5", b"")
    assert "its config.json has 31,457,280 bytes" in refusal(buffer.getvalue(), tmp_path)


def test_only_the_file_itself_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    original = io.open

    def noticed(path: Any, *rest: Any, **more: Any) -> Any:
        opened.append(str(path))
        return original(path, *rest, **more)

    content = model(one("ReLU"))
    (tmp_path / "net.keras").write_bytes(content)
    monkeypatch.setattr("builtins.open", noticed)
    import_model(tmp_path / "net.keras", ImportOptions())
    assert set(opened) <= {str(tmp_path / "net.keras")}


# `.h5` files.


def legacy(layers: list[dict[str, Any]], arrays: dict[str, list[tuple[str, Array]]],
           **attributes: Any) -> bytes:  # fmt: skip
    """An `.h5` file as h5py writes it: arrays by layer and name."""
    buffer = io.BytesIO()
    config = {"class_name": "Sequential", "config": {"name": "m", "layers": layers}}
    with h5py.File(buffer, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        group = file.create_group("model_weights")
        for name, value in (
            attributes or {"layer_names": [name.encode() for name in arrays]}
        ).items():
            group.attrs[name] = value
        for layer, found in arrays.items():
            inner = group.create_group(layer)
            inner.attrs["weight_names"] = [name.encode() for name, _ in found]
            for name, array in found:
                inner[name] = array
    return buffer.getvalue()


DENSE = [
    {"class_name": "Dense", "config": {"name": "d1", "units": 4, "activation": "relu",
                                       "batch_input_shape": [None, 5]}},
    {"class_name": "Dense", "config": {"name": "d2", "units": 3, "activation": "softmax"}},
]  # fmt: skip
ARRAYS: dict[str, list[tuple[str, Array]]] = {
    "d1": [("d1/kernel:0", random(5, 4)), ("d1/bias:0", random(4))],
    "d2": [("d2/kernel:0", random(4, 3)), ("d2/bias:0", random(3))],
}


@pytest.mark.parametrize("chunked", [False, True])
def test_legacy_file_is_read_also_with_its_list_of_layers_in_parts(
    chunked: bool, tmp_path: Path
) -> None:
    parts = {"layer_names0": [b"d1"], "layer_names1": [b"d2"]} if chunked else {}
    net = imported(legacy(DENSE, ARRAYS, **parts), tmp_path)
    assert net.notation == "full 4, relu, full"
    x = random(6, 5, seed=3)
    hidden = np.maximum(x.astype(np.float64) @ random(5, 4) + random(4), 0)
    got = net.logits(x[:, :, None, None])
    np.testing.assert_allclose(got, hidden @ random(4, 3) + random(3), rtol=1e-5, atol=1e-5)


def test_legacy_nested_model_finds_its_arrays_by_layer(tmp_path: Path) -> None:
    inner = {"class_name": "Sequential", "config": {"name": "inner", "layers": DENSE[:1]}}
    arrays = {"inner": ARRAYS["d1"], "d2": ARRAYS["d2"]}
    net = imported(legacy([inner, DENSE[1]], arrays), tmp_path)
    assert np.array_equal(net.parameters["full1.weight"], random(5, 4).T)
    numbered = [(name.replace("d1/", "d1_7/"), array) for name, array in ARRAYS["d1"]]
    net = imported(legacy([inner, DENSE[1]], {**arrays, "inner": numbered}), tmp_path)
    assert np.array_equal(net.parameters["full1.weight"], random(5, 4).T)


def test_legacy_faults_are_refused_with_the_layer(tmp_path: Path) -> None:
    missing = {**ARRAYS, "d2": ARRAYS["d2"][:1]}
    assert "layer 'd2': the file has 1 arrays of it" in refusal(legacy(DENSE, missing), tmp_path)
    integers = {**ARRAYS, "d2": [("d2/kernel:0", np.ones((4, 3), int)), ARRAYS["d2"][1]]}
    assert "other numbers than float" in refusal(legacy(DENSE, integers), tmp_path)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["d1/kernel:0"] = random(5, 4)
    assert "weights without layers" in refusal(buffer.getvalue(), tmp_path)


def test_external_array_is_never_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(np.ones(20, "<f4").tobytes())
    buffer = io.BytesIO(legacy(DENSE, ARRAYS))
    with h5py.File(buffer, "r+") as file:
        group = file["model_weights/d1"]
        del group["d1/kernel:0"]
        group["d1/kernel:0"] = h5py.ExternalLink(str(tmp_path / "secret"), "/x")
    assert "is a link to another name or file" in refusal(buffer.getvalue(), tmp_path)
    with h5py.File(buffer, "r+") as file:
        group = file["model_weights/d1"]
        del group["d1/kernel:0"]
        group.create_dataset("d1/kernel:0", (5, 4), "<f4", external=str(tmp_path / "secret"))
    assert refusal(buffer.getvalue(), tmp_path)


def test_sizes_of_a_hostile_file_are_checked_before_memory_is_allocated(tmp_path: Path) -> None:
    buffer = io.BytesIO(legacy(DENSE, ARRAYS))
    with h5py.File(buffer, "r+") as file:
        group = file["model_weights/d1"]
        del group["d1/kernel:0"]
        group.create_dataset("d1/kernel:0", (1 << 30, 4), "<f4", chunks=(1 << 20, 4))
    assert "an array of the shape (1073741824, 4)" in refusal(buffer.getvalue(), tmp_path)
    content = bytearray(legacy(DENSE, ARRAYS))
    at = content.index(struct.pack("<QQ", 5, 4))
    content[at : at + 8] = struct.pack("<Q", 1 << 24)
    assert "wanted 268,435,456" in refusal(bytes(content), tmp_path)
