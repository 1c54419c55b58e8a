"""Import of Caffe files that piecewise did not write: of all versions of the format."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import pytest
from google.protobuf import text_format

from piecewise import Network
from piecewise.core.array_types import Array, Float32
from piecewise.core.errors import ModelFileError
from piecewise.exchange.caffe import importer
from piecewise.exchange.caffe.definition import MessageFields
from piecewise.exchange.caffe.exporter import BINARY, TEXT, CaffeExporter
from piecewise.exchange.input_scale import InputLevels
from piecewise.exchange.registry import ImportOptions

from .caffe_messages import add_blob, new_net
from .exchange_judging import net_of
from .exchange_nets import saved

FILLERS = 'weight_filler { type: "xavier" } bias_filler { type: "constant" value: 0.5 }'
LENET = f"""
name: "LeNet"  # the digits of Caffe's first example
layer {{ name: "data" type: "Input" top: "data"
  input_param: {{ shape: {{ dim: 64 dim: 1 dim: 28 dim: 28 }} }} }}
layer {{ name: 'conv1' type: 'Convolution' bottom: 'data' top: 'conv1'
  param {{ lr_mult: 1 }} param {{ lr_mult: 2 }}
  convolution_param {{ num_output: 6; kernel_size: 5, stride: 1 {FILLERS} }} }}
layer {{ name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param {{ pool: MAX kernel_size: 2 stride: 2 }} }}
layer {{ name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
  convolution_param {{ num_output: 8 kernel_size: 5 stride: 1 {FILLERS} }} }}
layer {{ name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2"
  pooling_param {{ pool: MAX kernel_size: 2 stride: 2 }} }}
layer {{ name: "ip1" type: "InnerProduct" bottom: "pool2" top: "ip1"
  inner_product_param {{ num_output: 12 {FILLERS} }} }}
layer {{ name: "relu1" type: "ReLU" bottom: "ip1" top: "ip1" }}
layer {{ name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2"
  inner_product_param {{ num_output: 10 {FILLERS} }} }}
layer {{ name: "prob" type: "Softmax" bottom: "ip2" top: "prob" }}
"""
SHAPES = {"conv1": (6, 1, 5, 5), "conv2": (8, 6, 5, 5), "ip1": (12, 128), "ip2": (10, 12)}
TRAINED = (
    LENET.replace(
        LENET[LENET.index("layer { name: \"data\"") : LENET.index("layer { name: 'conv1'")],
        """
layer { name: "mnist" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { scale: 0.00390625 } data_param { source: "train_lmdb" batch_size: 64 } }
layer { name: "mnist" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { scale: 0.00390625 crop_size: 28 } data_param { source: "test_lmdb" } }
""",
    ).replace(
        LENET[LENET.index('layer { name: "prob"') :],
        """
layer { name: "accuracy" type: "Accuracy" bottom: "ip2" bottom: "label" top: "accuracy"
  include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "loss" }
""",
    )
)  # fmt: skip


def weights() -> dict[str, tuple[Float32, Float32]]:
    """The weight and bias of each layer of LeNet."""
    generator = np.random.default_rng(0)
    return {
        name: (
            generator.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32),
            generator.normal(0, 0.1, shape[0]).astype(np.float32),
        )
        for name, shape in SHAPES.items()
    }


def model_bytes(text: str, form: str = "shape") -> bytes:
    """A .caffemodel of the layers of a text, with the weights of LeNet, by Google's encoder."""
    net = text_format.Parse(text, new_net(), allow_unknown_field=True)
    for layer in [*net.layer, *net.layers]:
        for array in weights().get(layer.name, ()):
            add_blob(layer, array, form)
    return bytes(net.SerializeToString())


def written(folder: Path, text: str | None, content: bytes) -> Path:
    if text is not None:
        (folder / "lenet.prototxt").write_text(text)
    path = folder / "lenet.caffemodel"
    path.write_bytes(content)
    return path


def read(path: Path, **options: Any) -> Network:
    return Network.from_saved_model(importer.read(path, ImportOptions(**options)))


def lenet_logits(inputs: Array, text: str, content: bytes) -> Float32:
    """What OpenCV computes."""
    net = cv2.dnn.readNetFromCaffe(np.frombuffer(text.encode(), np.uint8),
                                   np.frombuffer(content, np.uint8))  # fmt: skip
    net.enableWinograd(False)
    net.setInput(inputs)
    return np.asarray(net.forward("ip2"))


INPUTS = np.random.default_rng(1).normal(0, 1, (6, 1, 28, 28)).astype(np.float32)


@pytest.mark.parametrize("form", ["shape", "legacy", "double"])
def test_lenet_of_every_form_of_blob_agrees_with_opencv(form: str, tmp_path: Path) -> None:
    content = model_bytes(LENET, form)
    net = read(written(tmp_path, LENET, content))
    assert net.notation == (
        "conv 6 5, pool 2 edge=drop, conv 8 5, pool 2 edge=drop, full 12, relu, full"
    )
    expected = lenet_logits(INPUTS, LENET, model_bytes(LENET))
    np.testing.assert_allclose(net.logits(INPUTS), expected, atol=1e-5)
    assert np.abs(expected).max() > 0.3
    assert net.parameters["conv2.weight"].tobytes() == weights()["conv2"][0].tobytes()


def test_lenet_as_it_was_trained_is_the_same_net(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    trained = read(written(tmp_path, TRAINED, model_bytes(TRAINED)))
    deployed = read(written(tmp_path / "deploy", LENET, model_bytes(LENET)))
    assert trained.notation == f"norm, {deployed.notation}"
    for name, array in deployed.parameters.items():
        assert np.array_equal(trained.parameters[name], array)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 1, 28, 28)).astype(np.uint8)
    expected = deployed.logits(pixels * np.float32(0.00390625))
    np.testing.assert_allclose(trained.logits(pixels), expected, atol=1e-5)
    notes = trained.training_summary["imported"]["notes"]
    assert any("numbers from 0 to 255" in note for note in notes)


def test_lenet_without_prototxt_needs_its_input_only(tmp_path: Path) -> None:
    text = TRAINED.replace(" crop_size: 28", "")
    path = written(tmp_path, None, model_bytes(text))
    with pytest.raises(ModelFileError, match="does not state the shape of its input"):
        read(path)
    net = read(path, input=(1, 28, 28), levels=InputLevels(range=(-256, 256)))
    expected = lenet_logits(INPUTS, LENET, model_bytes(LENET))
    np.testing.assert_allclose(net.logits(INPUTS), expected, atol=1e-5)


def old_lenet() -> str:
    """LeNet in the layers of the second version of the format, with the input in the net."""
    text = LENET[LENET.index("layer { name: 'conv1'") :].replace("layer {", "layers {")
    for new, old in (
        ("'Convolution'", "CONVOLUTION"), ('"Convolution"', "CONVOLUTION"),
        ('"Pooling"', "POOLING"), ('"InnerProduct"', "INNER_PRODUCT"), ('"ReLU"', "RELU"),
        ('"Softmax"', "SOFTMAX"),
    ):  # fmt: skip
        text = text.replace(f"type: {new}", f"type: {old}")
    text = text.replace("param { lr_mult: 1 } param { lr_mult: 2 }", "blobs_lr: 1 blobs_lr: 2")
    return f'name: "LeNet"\ninput: "data"\ninput_dim: [64, 1, 28, 28]\n{text}'


@pytest.mark.parametrize("has_text", [True, False])
def test_lenet_of_the_old_format_is_the_same_net(has_text: bool, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    old = old_lenet()
    net = read(written(tmp_path, old if has_text else None, model_bytes(old, "legacy")))
    new = read(written(tmp_path / "new", LENET, model_bytes(LENET)))
    assert net.notation == new.notation
    assert net.parameters_sha256 == new.parameters_sha256


def test_lenet_takes_the_prototxt_that_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, LENET.replace("ReLU", "TanH"), model_bytes(LENET))
    other = tmp_path / "other.prototxt"
    other.write_text(LENET)
    with pytest.raises(ModelFileError, match=r"'relu1'.*TanH"):
        read(path)
    net = read(path, architecture=other)
    notes = net.training_summary["imported"]["notes"]
    assert "the layers were read from other.prototxt" in notes


def test_our_files_are_read_by_googles_implementation() -> None:
    net = net_of("picture colour")
    files = CaffeExporter().files(saved(net))
    binary, text = new_net(), new_net()
    binary.ParseFromString(files[BINARY])
    text_format.Parse(files[TEXT].decode(), text)
    blobs = {layer.name: layer.blobs for layer in binary.layer if layer.blobs}
    first = np.array(blobs["conv1"][0].data, np.float32).reshape(blobs["conv1"][0].shape.dim)
    assert (first == net.parameters["conv1.weight"]).all()
    for layer in binary.layer:
        del layer.blobs[:]
    assert binary == text
    assert not list(binary.layer[1].convolution_param.pad)
    assert binary.layer[1].convolution_param.kernel_h == 3


def chain_text(*layers: str, shape: tuple[int, ...] = (4, 9, 8)) -> str:
    """Layers after each other, each written as ``Type { parameters }``."""
    dims = " ".join(f"dim: {side}" for side in (1, *shape))
    text = (
        f'layer {{ name: "data" type: "Input" top: "b0" input_param {{ shape {{ {dims} }} }} }}\n'
    )
    for number, layer in enumerate(layers):
        kind, _, fields = layer.partition(" ")
        text += (
            f'layer {{ name: "l{number}" type: "{kind}" bottom: "b{number}" top: "b{number + 1}" '
            f"{fields} }}\n"
        )
    return text


def chain_model(folder: Path, text: str, **blobs: list[Array]) -> Path:
    """The two files of a chain, with blobs by layer."""
    net = text_format.Parse(text, new_net(), allow_unknown_field=True)
    for layer in net.layer:
        for array in blobs.get(layer.name, ()):
            add_blob(layer, array)
    return written(folder, text, net.SerializeToString())


def random(*shape: int, seed: int = 0) -> Float32:
    return np.random.default_rng(seed).normal(0, 0.5, shape).astype(np.float32)


READ = {
    "groups": ("Convolution convolution_param { num_output: 6 kernel_size: 3 group: 2 }",
               [random(6, 2, 3, 3), random(6)]),
    "dilation": ("Convolution convolution_param { num_output: 2 kernel_size: 2 dilation: 2 "
                 "bias_term: false }", [random(2, 4, 2, 2)]),
    "sides": ("Convolution convolution_param { num_output: 2 kernel_h: 3 kernel_w: 2 pad_h: 2 "
              "pad_w: 0 stride_h: 2 stride_w: 3 }", [random(2, 4, 3, 2), random(2)]),
    "two numbers": ("Convolution convolution_param { num_output: 2 kernel_size: 3 kernel_size: 2 "
                    "pad: 2 pad: 0 }", [random(2, 4, 3, 2), random(2)]),
    "average": ("Pooling pooling_param { pool: AVE kernel_size: 3 stride: 2 }", []),
    "padded average": ("Pooling pooling_param { pool: AVE kernel_size: 3 stride: 1 pad: 1 }", []),
    "batch norm": ("BatchNorm batch_norm_param { eps: 0.001 }",
                   [random(4), random(4) ** 2, np.array([0.25], np.float32)]),
    "scale": ("Scale scale_param { bias_term: true }", [random(4), random(4, seed=1)]),
    "power": ("Power power_param { scale: 0.5 shift: 0.25 }", []),
    "slice": ("Slice top: \"rest\" slice_param { axis: 2 slice_point: 8 }", []),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_layer_of_caffe_agrees_with_opencv(name: str, tmp_path: Path) -> None:
    layer, blobs = READ[name]
    layers = [layer]
    if name == "slice":
        layers.append("Pooling pooling_param { pool: MAX kernel_size: 4 stride: 2 }")
    end = f"l{len(layers)}"
    probe = chain_text(*layers, "Flatten")
    x = random(5, 4, 9, 8, seed=2)
    net = cv2.dnn.readNetFromCaffe(
        np.frombuffer(probe.encode(), np.uint8),
        np.frombuffer(chain_model(tmp_path, probe, l0=blobs).read_bytes(), np.uint8),
    )
    net.setInput(x)
    flat = net.forward(end)
    weight, bias = random(3, flat.shape[1], seed=3), random(3, seed=4)
    text = chain_text(*layers, "InnerProduct inner_product_param { num_output: 3 }")
    path = chain_model(tmp_path, text, l0=blobs, **{end: [weight, bias]})
    expected = flat @ weight.T + bias
    np.testing.assert_allclose(read(path).logits(x), expected, rtol=1e-4, atol=1e-4)


def test_transposed_inner_product_is_read_as_caffe_does(tmp_path: Path) -> None:
    weight, bias = random(3, 12), random(3, seed=1)
    text = chain_text("InnerProduct inner_product_param { num_output: 3 transpose: true }",
                      shape=(3, 2, 2))  # fmt: skip
    net = read(chain_model(tmp_path, text, l0=[np.ascontiguousarray(weight.T), bias]))
    assert (net.parameters["full1.weight"] == weight).all()


REFUSED = {
    "LRN": ("LRN lrn_param { local_size: 5 }", "no layer for the type LRN"),
    "Concat": ('Concat bottom: "b0"', "without branches"),
    "Eltwise": ('Eltwise bottom: "data"', "without branches"),
    "PReLU": ("PReLU", "no layer for the type PReLU"),
    "leaky ReLU": ("ReLU relu_param { negative_slope: 0.1 }", "0.1"),
    "stochastic": ("Pooling pooling_param { pool: STOCHASTIC kernel_size: 2 }", "STOCHASTIC"),
    "padded maximum": ("Pooling pooling_param { kernel_size: 3 stride: 2 pad: 1 }", "padding"),
    "window past the edge": ("Pooling pooling_param { kernel_size: 1 stride: 5 }", "past the edge"),
    "square": ("Power power_param { power: 2 }", "its power is 2"),
    "reshape": ("Reshape reshape_param { shape { dim: 0 dim: 8 dim: -1 } }", "it reshapes "
        "4x9x8 to (0, 8, -1)"),
    "slice of channels": ('Slice top: "r" slice_param { slice_point: 2 }', "last rows"),
    "no weights": ("Convolution convolution_param { num_output: 2 kernel_size: 3 }",
                   "0 blobs of parameters"),
    "no kernel size": ("Convolution convolution_param { num_output: 2 }", "0 blobs"),
    "softmax per cell": ("Softmax", "a softmax at each of 72 positions"),
    "text for a number": ('Pooling pooling_param { kernel_size: "3" }', "wanted a whole number"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_layer_that_piecewise_lacks_is_refused_by_name(name: str, tmp_path: Path) -> None:
    layer, words = REFUSED[name]
    (tmp_path / "lenet.prototxt").write_text(chain_text(layer))
    path = tmp_path / "lenet.caffemodel"
    path.write_bytes(model_bytes(LENET))
    with pytest.raises(ModelFileError, match="l0") as caught:
        read(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_prototxt_alone_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "net.prototxt").write_text(LENET)
    with pytest.raises(ModelFileError, match=r"import the \.caffemodel"):
        read(tmp_path / "net.prototxt")


def test_missing_prototxt_that_is_named_is_the_one_in_the_message(tmp_path: Path) -> None:
    path = written(tmp_path, LENET, model_bytes(LENET))
    with pytest.raises(ModelFileError, match=r"other\.prototxt: no such file"):
        read(path, architecture=tmp_path / "other.prototxt")


def test_packed_field_without_numbers_has_its_default() -> None:
    fields = MessageFields({"bias_term": [], "eps": [], "axis": [], "pool": []}, "layer 'l0'")
    assert fields.flag("bias_term", True) is True
    assert (fields.real("eps", 0.5), fields.integer("axis", 1)) == (0.5, 1)
    assert fields.text("pool", "MAX") == "MAX"
    assert fields.message("pool").integers("dim") == []


def test_first_version_of_the_format_is_refused_with_a_remedy(tmp_path: Path) -> None:
    text = 'layers { layer { name: "conv1" type: "conv" } bottom: "data" top: "conv1" }'
    with pytest.raises(ModelFileError, match="upgrade_net_proto_text"):
        read(written(tmp_path, text, model_bytes(LENET)))


def test_nothing_but_the_named_files_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data layer names a source and a mean file; they stay closed."""
    text = TRAINED.replace("scale: 0.00390625", 'mean_file: "/etc/passwd"')
    path = written(tmp_path, text, model_bytes(LENET))
    opened: list[str] = []

    def opening(path: Path, kind: str) -> IO[bytes]:
        opened.append(path.name)
        return path.open("rb")

    monkeypatch.setattr("piecewise.exchange.formats.mapped.open_regular_file", opening)
    read(path)
    assert opened == ["lenet.caffemodel", "lenet.prototxt"]
