"""Keras files that are hostile, damaged or of Keras 2: the importer reads or refuses them."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.exchange.deeplearning4j.exporter import Deeplearning4jExporter
from piecewise.exchange.import_model import import_model
from piecewise.exchange.keras.exporter import TensorFlowExporter
from piecewise.exchange.keras.layer_list import LayerList
from piecewise.exchange.registry import ImportOptions

from .exchange_judging import net_of
from .exchange_nets import saved
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
)

EXPORTERS = (TensorFlowExporter(), Deeplearning4jExporter())


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
    assert "it joins 2 branches" in refusal(with_config(content, text.encode()), tmp_path)


def test_own_metadata_with_other_arrays_is_refused(tmp_path: Path) -> None:
    net = net_of("picture grey")
    content = EXPORTERS[0].files(saved(net))["net.keras"]
    for old, new in ((b"conv 6 3 pad", b"conv 7 3 pad"), (b"full 12", b"full 13")):
        other = changed(content, lambda parts, old=old, new=new: parts.update(  # type: ignore[misc]
            {"metadata.json": parts["metadata.json"].replace(old, new)}))  # fmt: skip
        assert ": got float32 (" in refusal(other, tmp_path)


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
