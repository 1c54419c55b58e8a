"""The numbers that the pixels of an imported net are: stated by the user or the file, or assumed.

ONNX Runtime and OpenCV compute what the net is for the numbers that it was trained on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from PIL import Image
from safetensors.numpy import save_file

import piecewise as pw
from piecewise.core.array_types import Array, Float32, Uint8
from piecewise.core.errors import LimitError
from piecewise.exchange import registry

from .keras_files import dense_end, model
from .onnx_graphs import Node, graph, outputs, random

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
W, B = random(4, 3, 3, 3, seed=1) / 3, random(4, seed=2)
DENSE: dict[str, Array] = {"m": random(4, 3, seed=3), "mb": random(3, seed=4)}
NODES: list[Node] = [
    ("Conv", ["x", "w", "b"], ["c"], {"pads": [1, 1, 1, 1]}), ("Relu", ["c"], ["r"]),
    ("GlobalAveragePool", ["r"], ["g"]), ("Flatten", ["g"], ["f"]), ("MatMul", ["f", "m"], ["p"]),
    ("Add", ["p", "mb"], ["y"]),
]  # fmt: skip


def foreign(*front: Node, **constants: Array) -> Any:
    """A net of colour pictures with zeros around its maps, behind some nodes."""
    nodes = [*front, *NODES]
    if front:
        nodes[len(front)] = ("Conv", [front[-1][2][0], *NODES[0][1][1:]], *NODES[0][2:])
    return graph(nodes, {"w": W, "b": B, **DENSE, **constants}, ("n", 3, 12, 14))


def pictures(folder: Path) -> tuple[list[Path], Uint8]:
    """Files of smooth pictures with edges, and their pixels (N, C, H, W)."""
    rng = np.random.default_rng(7)
    small = rng.integers(0, 256, (4, 4, 5, 3)).astype(np.uint8)
    paths, pixels = [], []
    for number, one in enumerate(small):
        picture = Image.fromarray(one).resize((14, 12), Image.Resampling.BICUBIC)
        paths.append(folder / f"{number}.png")
        picture.save(paths[-1])
        pixels.append(np.asarray(picture).transpose(2, 0, 1))
    return paths, np.stack(pixels)


def imported(file: Any, folder: Path, **options: Any) -> pw.Network:
    path = folder / "model.onnx"
    path.write_bytes(file.SerializeToString())
    return pw.import_net(path, **options)


def channels(numbers: tuple[float, ...]) -> Float32:
    return np.array(numbers, np.float32)[:, None, None]


def notes(net: pw.Network) -> str:
    return " ".join(net.training_summary["imported"]["notes"])


WAYS: dict[str, tuple[dict[str, Any], Any]] = {
    "as here": ({}, lambda p: p / 127.5 - 1),
    "fractions": ({"range": (0, 1)}, lambda p: p / 255),
    "bytes": ({"range": [0, 255]}, lambda p: p),
    "fractions, normalized": (
        {"range": (0, 1), "mean": MEAN, "std": STD},
        lambda p: (p / 255 - channels(MEAN)) / channels(STD)),
    "normalized without a range": (
        {"mean": MEAN, "std": STD}, lambda p: (p / 255 - channels(MEAN)) / channels(STD)),
    "bytes without a mean": (
        {"mean": (104, 117, 123), "channel_order": "bgr"},
        lambda p: p[:, ::-1] - channels((104, 117, 123))),
    "one deviation": ({"range": (0, 255), "mean": 128, "std": 64}, lambda p: (p - 128) / 64),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_picture_gets_the_numbers_that_the_user_says(way: str, tmp_path: Path) -> None:
    options, prepare = WAYS[way]
    files, pixels = pictures(tmp_path)
    file = foreign()
    net = imported(file, tmp_path, **options)
    x = np.ascontiguousarray(prepare(pixels.astype(np.float32)), np.float32)
    expected = outputs(file, x)[0]
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(net.logits(files), expected, rtol=0, atol=1e-5 * scale)
    if way != "as here":  # and other numbers would give other logits
        assert np.abs(imported(file, tmp_path).logits(files) - expected).max() > 1e-2


DIVIDED: Node = ("Div", ["x", "most"], ["d"])
FRONTS: dict[str, tuple[list[Node], dict[str, Any], Any, str]] = {
    "bytes in the graph": ([DIVIDED], {"most": 255}, lambda p: p, "0 to 255"),
    "torchvision": (
        [("Sub", ["x", "mean"], ["s"]), ("Div", ["s", "std"], ["d"])],
        {"mean": channels(MEAN), "std": channels(STD)}, lambda p: p / 255, "0 to 1"),
    "centred fractions": (
        [("Sub", ["x", "mean"], ["s"])], {"mean": 0.5}, lambda p: p / 255, "0 to 1"),
    "a mean of bytes": (
        [("Sub", ["x", "mean"], ["s"])], {"mean": channels((104, 117, 123))}, lambda p: p,
        "0 to 255"),
    "from -1 to 1": (
        [("Mul", ["x", "a"], ["t"]), ("Add", ["t", "a"], ["s"])], {"a": 0.5},
        lambda p: p / 127.5 - 1, "-1 to 1"),
    "fractions to bytes": ([("Mul", ["x", "a"], ["s"])], {"a": 255}, lambda p: p / 255, "0 to 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", FRONTS)
def test_scale_in_front_of_the_net_tells_the_range(name: str, tmp_path: Path) -> None:
    nodes, numbers, prepare, words = FRONTS[name]
    constants = {key: np.asarray(value, np.float32) for key, value in numbers.items()}
    file = foreign(*nodes, **constants)
    net = imported(file, tmp_path)
    files, pixels = pictures(tmp_path)
    expected = outputs(file, prepare(pixels.astype(np.float32)).astype(np.float32))[0]
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(net.logits(files), expected, rtol=0, atol=1e-5 * scale)
    assert f"taken as numbers from {words}; if that is wrong" in notes(net)
    said = imported(file, tmp_path, range=(0, 1))  # what the user says counts
    expected = outputs(file, (pixels / np.float32(255)))[0]
    np.testing.assert_allclose(said.logits(files), expected, rtol=0, atol=1e-4 * scale)


def test_metadata_of_the_standard_say_range_and_order(tmp_path: Path) -> None:
    file = foreign()
    for key, value in (("Image.BitmapPixelFormat", "Bgr8"),
                       ("Image.NominalPixelRange", "NominalRange_0_255")):  # fmt: skip
        file.metadata_props.add(key=key, value=value)
    net = imported(file, tmp_path)
    files, pixels = pictures(tmp_path)
    expected = outputs(file, np.ascontiguousarray(pixels[:, ::-1], np.float32))[0]
    np.testing.assert_allclose(net.logits(files), expected, rtol=1e-5, atol=1e-3)
    assert "the metadata of the file say which numbers pixels are" in notes(net)


def test_note_says_what_was_assumed_and_how_to_say_otherwise(tmp_path: Path) -> None:
    words = notes(imported(foreign(), tmp_path))
    assert "does not say which numbers pixels are, so they are -1 to 1" in words
    assert "`range` (0,1 or 0,255), `mean`, `std` or `channel_order`" in words
    assert "inputs:" not in notes(imported(foreign(), tmp_path, range=(0, 1)))


def test_keras_normalization_says_whether_pixels_are_bytes(tmp_path: Path) -> None:
    def file(mean: float, variance: float) -> bytes:
        def add(layers: Any) -> None:
            layers.add("Normalization", "n", (6, 5, 2), axis=[-1], mean=[mean, mean],
                       variance=[variance, variance])  # fmt: skip
            dense_end(layers, 60)

        return model(add)

    pixels = np.random.default_rng(0).integers(0, 256, (3, 2, 6, 5)).astype(np.uint8)
    weight, bias = dense_weights()
    for mean, variance, most in ((0.4, 0.09, 255), (120.0, 3600.0, 1)):
        (tmp_path / "m.keras").write_bytes(file(mean, variance))
        got = pw.import_net(tmp_path / "m.keras").logits(pixels)
        x = (pixels / most - mean) / np.sqrt(variance)
        expected = x.transpose(0, 2, 3, 1).reshape(3, -1) @ weight + bias
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-3)


def dense_weights() -> tuple[Array, Array]:
    from .keras_files import random as keras_random  # noqa: PLC0415 - of another order of arguments

    return keras_random(60, 3), keras_random(3)


CAFFE = """
layer {{ name: "data" type: "ImageData" top: "data" {transform} }}
layer {{ name: "c" type: "Convolution" bottom: "data" top: "c"
  convolution_param {{ num_output: 4 kernel_size: 3 pad: 1 }} }}
layer {{ name: "r" type: "ReLU" bottom: "c" top: "c" }}
layer {{ name: "p" type: "Pooling" bottom: "c" top: "p"
  pooling_param {{ pool: AVE global_pooling: true }} }}
layer {{ name: "f" type: "InnerProduct" bottom: "p" top: "f"
  inner_product_param {{ num_output: 3 }} }}
"""
DEPLOY = (
    'layer { name: "data" type: "Input" top: "data" '
    "input_param { shape { dim: 1 dim: 3 dim: 12 dim: 14 } } }"
)


def test_caffe_data_layer_scales_bytes_as_opencv_does(tmp_path: Path) -> None:
    from google.protobuf import text_format  # noqa: PLC0415

    from .caffe_messages import add_blob, new_net  # noqa: PLC0415

    transform = (
        "transform_param { scale: 0.0078125 mean_value: 104 mean_value: 117 mean_value: 123 }"
    )
    text = CAFFE.format(transform=transform)
    message = text_format.Parse(text, new_net(), allow_unknown_field=True)
    blobs: dict[str, list[Array]] = {"c": [W, B], "f": [DENSE["m"].T, DENSE["mb"]]}
    for layer in message.layer:
        for array in blobs.get(layer.name, []):
            add_blob(layer, np.ascontiguousarray(array))
    content = message.SerializeToString()
    (tmp_path / "net.caffemodel").write_bytes(content)
    (tmp_path / "net.prototxt").write_text(text)
    options = {"input": (3, 12, 14), "channel_order": "bgr"}
    net = pw.import_net(tmp_path / "net.caffemodel", **options)  # type: ignore[arg-type]
    files, _ = pictures(tmp_path)
    deploy = DEPLOY + text[text.index("layer", text.index("ImageData")) :]
    opencv = cv2.dnn.readNetFromCaffe(
        np.frombuffer(deploy.encode(), np.uint8), np.frombuffer(content, np.uint8)
    )
    blob = cv2.dnn.blobFromImages(
        [cv2.imread(str(one)) for one in files], 0.0078125, mean=(104, 117, 123), crop=False
    )
    opencv.setInput(blob)
    np.testing.assert_allclose(net.logits(files), opencv.forward(), rtol=0, atol=1e-5)
    without = pw.import_net(tmp_path / "net.caffemodel", input=(3, 12, 14))
    assert "Caffe reads colour pictures as blue, green, red" in notes(without)


def test_state_dict_gets_a_norm_layer_in_front(tmp_path: Path) -> None:
    tensors: dict[str, Any] = {"conv.weight": W, "conv.bias": B, "fc.weight": DENSE["m"].T.copy(),
               "fc.bias": DENSE["mb"]}  # fmt: skip
    save_file(tensors, tmp_path / "state.safetensors")
    net = pw.import_net(
        tmp_path / "state.safetensors", input=(3, 12, 14), range=(0, 1), mean=MEAN, std=STD,
        layers="conv 4 3 pad=1, relu, pool all kind=average, full",
    )  # fmt: skip
    assert net.notation == "norm, conv 4 3 pad=1, relu, pool all kind=average, full"
    files, pixels = pictures(tmp_path)
    x = (pixels / np.float32(255) - channels(MEAN)) / channels(STD)
    expected = outputs(foreign(), x.astype(np.float32))[0]
    np.testing.assert_allclose(net.logits(files), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"range": (1, 0)}, "range: got (1, 0), wanted black below white"),
        ({"range": "0,1"}, "range: got '0,1', wanted two numbers"),
        ({"range": (0, 1, 2)}, "range: got (0, 1, 2)"),
        ({"range": (0, float("nan"))}, "range: got (0, nan)"),
        ({"mean": (1, 2)}, "mean: got 2 numbers, wanted 1 or 3, one per channel"),
        ({"std": 0}, "std: got 0, wanted numbers above 0"),
        ({"std": [1, None, 2]}, "std: got [1, None, 2]"),
        ({"channel_order": np.array(["r", "g"])}, "channel_order: got array("),
        ({"channel_order": "brg"}, "channel_order: got 'brg', wanted rgb or bgr"),
        ({"classes": ["a", "b"]}, "classes: got 2 names, and the net has 3 outputs"),
        ({"layers": "full"}, "layers: got it for a file of the format ONNX"),
        ({"architecture": "net.prototxt"}, "architecture: got it for a file of the format ONNX"),
    ],
)
def test_option_that_does_not_fit_is_refused_by_its_name(
    options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(LimitError) as caught:
        imported(foreign(), tmp_path, **options)
    assert str(caught.value).startswith(words)


def test_pixels_of_values_and_of_own_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "runners", list)
    table = graph([("MatMul", ["x", "m"], ["y"])], {"m": random(4, 3)}, ("n", 4))
    with pytest.raises(LimitError, match="range: the inputs are values of the shape 4x1x1"):
        imported(table, tmp_path, range=(0, 1))
    net = pw.Network("conv 2 3, relu, full", (1, 9, 9), ("X", "O"))
    net.export(tmp_path / "own", to=["onnx", "tensorflow"])
    for file in ("onnx/net.onnx", "tensorflow/net.keras"):
        with pytest.raises(LimitError, match="range: piecewise wrote this file"):
            pw.import_net(tmp_path / "own" / file, range=(0, 1))
        with pytest.raises(LimitError, match="input: got 1x8x8, and the file says 1x9x9"):
            pw.import_net(tmp_path / "own" / file, input=(1, 8, 8))
        renamed = pw.import_net(tmp_path / "own" / file, classes=["cross", "nought"])
        assert renamed.classes == ("cross", "nought")
        assert renamed.parameters_sha256 == net.parameters_sha256


@pytest.mark.parametrize("path", [None, 5, b"net.onnx", ["net.onnx"]])
def test_what_is_no_path_is_refused_by_name(path: Any, tmp_path: Path) -> None:
    with pytest.raises(LimitError, match=r"path: got .*, wanted the name of a file"):
        pw.import_net(path)
    if path is not None:
        with pytest.raises(LimitError, match="architecture: got"):
            pw.import_net(tmp_path / "net.caffemodel", architecture=path)


def test_positions_of_texts_are_given_without_the_vocabulary(tmp_path: Path) -> None:
    nodes: list[Node] = [
        ("Gather", ["table", "x"], ["e"]), ("Transpose", ["e"], ["t"], {"perm": [0, 2, 1]}),
        ("ReduceMax", ["t"], ["f"], {"axes": [2], "keepdims": 0}), ("MatMul", ["f", "m"], ["y"]),
    ]  # fmt: skip
    constants = {"table": random(7, 5), "m": random(5, 2)}
    file = graph(nodes, constants, ("n", "positions"), kind=onnx.TensorProto.INT64)
    with pytest.raises(pw.ModelFileError, match="give the positions with `input`, as in 1x1x20"):
        imported(file, tmp_path)
    assert imported(file, tmp_path, input=(1, 1, 20)).input == (1, 8, 20)
    with pytest.raises(LimitError, match="input: got 3x9x20, and the file says 1x8x20"):
        imported(file, tmp_path, input=(3, 9, 20))
    with pytest.raises(LimitError, match="range: the inputs are texts, no pictures"):
        imported(file, tmp_path, input=(1, 1, 20), range=(0, 1))
