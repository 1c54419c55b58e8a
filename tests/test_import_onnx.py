"""The ONNX importer, on files of piecewise and on graphs as other tools write them."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
import pytest

from piecewise import Network
from piecewise.core.array_types import Array
from piecewise.core.errors import ModelFileError
from piecewise.exchange.input_scale import InputLevels
from piecewise.exchange.onnx.exporter import LAYERS, NET
from piecewise.exchange.registry import ImportOptions
from piecewise.spec.calibration import Calibration, ConfidenceThreshold

from .exchange_nets import (
    PICTURE_NETS,
    TEXT_NETS,
    inputs_of,
    picture_net,
    random_net,
    sound_net,
    text_net,
)
from .long import now_and_long
from .onnx_files import exported
from .onnx_graphs import Node, assert_imports_as, graph, imported, layers_logits, outputs, random

NETS = {
    **{f"picture {name}": picture_net(name) for name in PICTURE_NETS},
    **{f"text {name}": text_net(name) for name in TEXT_NETS},
    "sound": sound_net(),
}


@pytest.mark.parametrize("file", [NET, LAYERS])
@pytest.mark.parametrize("name", NETS)
def test_own_file_comes_back_as_it_was(name: str, file: str, tmp_path: Path) -> None:
    net = NETS[name]
    net.calibration = Calibration(
        1.3, 3, (ConfidenceThreshold(0.9, 0.5, 0.8), ConfidenceThreshold(0.5, 0.9, 1.0)), (0.9, 0.6)
    )
    back = Network.from_saved_model(imported(exported(net, file), tmp_path))
    assert (back.notation, back.input, back.classes) == (net.notation, net.input, net.classes)
    assert (back.preprocessor, back.calibration) == (net.preprocessor, net.calibration)
    assert back.seed == net.seed
    for own, other in ((net.parameters, back.parameters), (net.running_stats, back.running_stats)):
        assert own.keys() == other.keys()
        assert all(own[key].tobytes() == other[key].tobytes() for key in own)


def without_metadata(file: bytes) -> bytes:
    """A file that says no more than its graph."""
    model = onnx.load_from_string(file)
    del model.metadata_props[:]
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("name", [name for name in NETS if not name.startswith("text")])
def test_own_graph_without_metadata_has_the_same_parameters(name: str, tmp_path: Path) -> None:
    net = NETS[name]
    model = imported(without_metadata(exported(net)), tmp_path)
    layers = [one for one in net.notation.split(", ") if not one.startswith("dropout")]
    got = model.architecture.notation.replace(" edge=drop", "")
    assert got == ", ".join(layers).replace(" edge=drop", "").replace("pad=same", "pad=1")
    own = [*net.parameters.values(), *net.running_stats.values()]
    assert {one.tobytes() for one in own} == {one.tobytes() for one in model.tensors.values()}
    assert model.calibration.temperature == pytest.approx(1.3, rel=1e-6)


@pytest.mark.parametrize("seed", now_and_long(range(200), range(12)))
def test_random_graph_without_metadata_answers_the_same(seed: int, tmp_path: Path) -> None:
    net = random_net(seed)
    options = ImportOptions(input=net.input)  # which fully connected layers alone do not say
    model = imported(without_metadata(exported(net)), tmp_path, options)
    x = net.preprocessor.to_float(inputs_of(net, 5, seed))
    expected = net.logits(x)
    np.testing.assert_allclose(layers_logits(model, x), expected, atol=1e-5, rtol=1e-5)


def test_graph_that_reads_bytes_answers_for_the_same_bytes(tmp_path: Path) -> None:
    """With the scale from -1 to 1 in the graph; inputs of piecewise have it before the layers."""
    net = picture_net("colour")
    model = onnx.load_from_string(without_metadata(exported(net)))
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    for at, node in enumerate(SCALE):
        model.graph.node.insert(at, onnx.helper.make_node(*node[:3], **node[3]))
    for name, number in (("two", 2), ("most", 255)):
        array = np.array(number, np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    model.graph.node[len(SCALE)].input[0] = "scaled"
    back = Network.from_saved_model(imported(model, tmp_path))
    pixels = inputs_of(net, 6)
    np.testing.assert_allclose(back.probabilities(pixels), net.probabilities(pixels), atol=1e-5)
    assert "numbers from 0 to 255" in back.training_summary["imported"]["notes"][0]


SCALE: list[tuple[str, list[str], list[str], dict[str, int]]] = [
    ("Cast", ["input"], ["numbers"], {"to": 1}), ("Mul", ["numbers", "two"], ["doubled"], {}),
    ("Sub", ["doubled", "most"], ["around"], {}), ("Div", ["around", "most"], ["scaled"], {}),
]  # fmt: skip


# Graphs as other tools write them; ONNX Runtime computes what is expected.

W1, B1 = random(4, 3, 3, 3, seed=1) / 3, random(4, seed=2)
CONV: Node = ("Conv", ["x", "w", "b"], ["c"])
CONSTANTS: dict[str, Array] = {"w": W1, "b": B1}


def dense(values: int, classes: int = 3, seed: int = 9) -> dict[str, Array]:
    """A matrix (values, classes) and a bias."""
    weight = random(values, classes, seed=seed) / np.float32(np.sqrt(values))
    return {"m": weight, "mb": random(classes, seed=seed + 1)}


AS_THEY_ARE = ImportOptions(levels=InputLevels(range=(-1, 1)))
ENDS: list[Node] = [("MatMul", ["f", "m"], ["p"]), ("Add", ["p", "mb"], ["y"])]


def test_flattening_by_computed_sides_is_followed(tmp_path: Path) -> None:
    """As x.view(x.size(0), -1) of PyTorch is written."""
    nodes: list[Node] = [
        CONV, ("Relu", ["c"], ["r"]), ("Shape", ["r"], ["s"]), ("Gather", ["s", "zero"], ["n"]),
        ("Unsqueeze", ["n", "axes"], ["n1"]), ("Concat", ["n1", "rest"], ["t"], {"axis": 0}),
        ("Reshape", ["r", "t"], ["f"]), *ENDS,
    ]  # fmt: skip
    constants = {**CONSTANTS, "zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1])}
    model = graph(nodes, {**constants, **dense(4 * 4 * 5)}, ("n", 3, 6, 7))
    made = assert_imports_as(model, random(5, 3, 6, 7), tmp_path)
    assert made.architecture.notation == "conv 4 3, relu, full"


def test_channels_last_graph_becomes_channels_first(tmp_path: Path) -> None:
    """As tf2onnx writes Keras: transposes around layers, padding beside, flattening of H, W, C."""
    nodes: list[Node] = [
        ("Mul", ["x", "scale"], ["x1"]), ("Transpose", ["x1"], ["x2"], {"perm": [0, 3, 1, 2]}),
        ("Pad", ["x2", "pads"], ["x3"]), ("Conv", ["x3", "w"], ["c"], {"strides": [2, 1]}),
        ("Transpose", ["c"], ["c1"], {"perm": [0, 2, 3, 1]}), ("Add", ["c1", "b"], ["c2"]),
        ("Relu", ["c2"], ["r"]), ("Reshape", ["r", "flat"], ["f"]), *ENDS,
    ]  # fmt: skip
    constants = {
        **CONSTANTS, "scale": np.array([1, 2, 0.5], np.float32),
        "pads": np.array([0, 0, 0, 1, 0, 0, 1, 2]), "flat": np.array([-1, 4 * 3 * 8]),
    }  # fmt: skip
    model = graph(nodes, {**constants, **dense(4 * 3 * 8)}, (None, 6, 7, 3))
    made = assert_imports_as(
        model, random(4, 6, 7, 3), tmp_path, lambda x: x.transpose(0, 3, 1, 2), AS_THEY_ARE
    )
    assert tuple(made.architecture.input) == (3, 6, 7)


@pytest.mark.parametrize("opset", [7, 12, 13, 17, 21])
def test_sides_as_attributes_and_as_inputs_are_read(opset: int, tmp_path: Path) -> None:
    squeeze: tuple[list[str], dict[str, Any]] = (
        (["g"], {"axes": [2, 3]}) if opset < 13 else (["g", "axes"], {})
    )
    nodes: list[Node] = [
        CONV, ("GlobalAveragePool", ["c"], ["g"]), ("Squeeze", squeeze[0], ["f"], squeeze[1]),
        ("Gemm", ["f", "m", "mb"], ["d"]), ("Dropout", ["d"], ["e"]), ("Identity", ["e"], ["y"]),
    ]  # fmt: skip
    constants = {**CONSTANTS, **dense(4)}
    if opset >= 13:
        constants["axes"] = np.array([2, 3])
    made = assert_imports_as(
        graph(nodes, constants, (1, 3, 5, 5), opset=opset), random(1, 3, 5, 5), tmp_path
    )
    assert made.architecture.notation.startswith("conv 4 3, pool all kind=average, full, dropout")


@pytest.mark.parametrize("kind", ["ReduceMean", "ReduceMax"])
@pytest.mark.parametrize("keep", [0, 1])
def test_reduction_of_rows_and_columns_is_pooling(kind: str, keep: int, tmp_path: Path) -> None:
    nodes: list[Node] = [CONV, (kind, ["c"], ["g"], {"axes": [-1, 2], "keepdims": keep}),
                         ("Flatten", ["g"], ["f"]), *ENDS]  # fmt: skip
    model = graph(nodes, {**CONSTANTS, **dense(4)}, (None, 3, 6, 5))
    assert_imports_as(model, random(3, 3, 6, 5), tmp_path)


def test_normalization_in_the_graph_becomes_one_layer(tmp_path: Path) -> None:
    nodes: list[Node] = [("Sub", ["x", "mean"], ["s"]), ("Div", ["s", "deviation"], ["d"]),
                         ("Flatten", ["d"], ["f"]), *ENDS]  # fmt: skip
    constants = {"mean": random(1, 3, 1, 1), "deviation": abs(random(3, 1, 1)) + np.float32(0.5)}
    model = graph(nodes, {**constants, **dense(3 * 4 * 4)}, (None, 3, 4, 4))
    made = assert_imports_as(model, random(4, 3, 4, 4), tmp_path, options=AS_THEY_ARE)
    assert made.architecture.notation == "norm, full"


@pytest.mark.parametrize("clip", [("Clip", ["c", "zero"]), ("Max", ["zero", "c"])])
def test_clip_to_zero_and_more_is_relu(clip: tuple[str, list[str]], tmp_path: Path) -> None:
    nodes: list[Node] = [CONV, (*clip, ["r"]), ("Flatten", ["r"], ["f"]), *ENDS]
    constants = {**CONSTANTS, "zero": np.zeros((), np.float32), **dense(4 * 2 * 2)}
    made = assert_imports_as(graph(nodes, constants, (None, 3, 4, 4)), random(4, 3, 4, 4), tmp_path)
    assert made.architecture.notation == "conv 4 3, relu, full"


@pytest.mark.parametrize("epsilon", [1e-5, 1e-3])
def test_batch_norm_keeps_its_values(epsilon: float, tmp_path: Path) -> None:
    nodes: list[Node] = [
        ("BatchNormalization", ["x", "s", "o", "m1", "v"], ["n"], {"epsilon": epsilon}),
        ("Flatten", ["n"], ["f"]), *ENDS,
    ]  # fmt: skip
    constants = {"s": random(3), "o": random(3, seed=1), "m1": random(3, seed=2),
                 "v": abs(random(3, seed=3))}  # fmt: skip
    model = graph(nodes, {**constants, **dense(3 * 2 * 5)}, ("n", 3, 2, 5))
    assert_imports_as(model, random(3, 3, 2, 5), tmp_path)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_weights_of_other_floats_are_read(dtype: type, tmp_path: Path) -> None:
    nodes: list[Node] = [("Cast", ["wd"], ["w"], {"to": 1}), CONV, ("Flatten", ["c"], ["f"]), *ENDS]
    constants = {"wd": W1.astype(dtype), "b": B1, **dense(4 * 2 * 2)}
    assert_imports_as(graph(nodes, constants, (2, 3, 4, 4)), random(2, 3, 4, 4), tmp_path)


@pytest.mark.parametrize("seed", now_and_long(range(300), range(40)))
def test_random_windows_equal_those_of_onnxruntime(seed: int, tmp_path: Path) -> None:
    """Convolutions and pooling, 1-D and 2-D, with every kind of padding, stride and group."""
    random_ = Random(seed)
    sides = [random_.randint(5, 11) for _ in range(random_.randint(1, 2))]
    channels = random_.choice((1, 2, 4))
    nodes: list[Node] = []
    constants: dict[str, Array] = {}
    source = "x"
    for at in range(random_.randint(1, 3)):
        kind = random_.choice(("Conv", "Conv", "MaxPool", "AveragePool"))
        attributes, weight = _random_windows(random_, kind, len(sides), channels, seed + at)
        constants |= {f"w{at}": weight, f"b{at}": random(len(weight), seed=at)}
        names = [f"w{at}", f"b{at}"][: random_.randint(1, 2)] if kind == "Conv" else []
        nodes.append((kind, [source, *names], [f"o{at}"], attributes))
        source = f"o{at}"
    nodes.append(("Flatten", [source], ["y"]))
    model = graph(nodes, constants, ("n", channels, *sides))
    x = random(3, channels, *sides, seed=seed)
    try:
        expected = outputs(model, x)[0]
    except Exception:
        pytest.skip("ONNX Runtime refuses this graph")
    if not expected.size:
        pytest.skip("a window is larger than its map")
    matrix = random(expected.shape[1], 3, seed=5)
    nodes.append(("MatMul", ["y", "m"], ["z"]))
    model = graph(nodes, {**constants, "m": matrix}, ("n", channels, *sides), ["z"])
    try:
        made = imported(model, tmp_path)
    except ModelFileError as error:
        allowed = ("pools without padding", "averages count padding", "is larger than its input")
        assert any(words in str(error) for words in allowed)  # noqa: PT017
        return
    height, width = sides if len(sides) == 2 else (1, sides[0])
    got = layers_logits(made, x.reshape(3, channels, height, width))
    logits = expected @ matrix
    np.testing.assert_allclose(got, logits, rtol=0, atol=4e-6 * max(1, np.abs(logits).max()))


def _random_windows(
    random_: Random, kind: str, axes: int, channels: int, seed: int
) -> tuple[dict[str, Any], Array]:
    window = [random_.randint(1, 3) for _ in range(axes)]
    attributes: dict[str, Any] = {"strides": [random_.randint(1, 2) for _ in range(axes)]}
    mode = random_.choice(("NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"))
    attributes["auto_pad"] = mode
    groups = random_.choice([one for one in (1, 1, 2, 4) if channels % one == 0])
    if mode == "NOTSET":
        most = 2 if kind == "Conv" else 0
        before = [random_.randint(0, min(most, side - 1)) for side in window]
        after = [random_.randint(0, side - 1) for side in window]
        attributes["pads"] = before + after
    if kind == "Conv":
        attributes["group"] = groups
        if mode in ("NOTSET", "VALID"):
            attributes["dilations"] = [random_.randint(1, 2) for _ in range(axes)]
    else:
        attributes["kernel_shape"] = window
    if kind == "AveragePool":
        attributes["count_include_pad"] = random_.randint(0, 1)
    elif kind == "MaxPool" and mode == "NOTSET":
        attributes["ceil_mode"] = random_.randint(0, 1)
    return attributes, random(channels, channels // groups, *window, seed=seed)


def test_embedding_of_tokens_moves_up_by_one(tmp_path: Path) -> None:
    nodes: list[Node] = [
        ("Gather", ["table", "x"], ["e"]), ("Transpose", ["e"], ["t"], {"perm": [0, 2, 1]}),
        ("Conv", ["t", "w"], ["c"]), ("Relu", ["c"], ["r"]),
        ("ReduceMax", ["r"], ["f"], {"axes": [2], "keepdims": 0}), *ENDS,
    ]  # fmt: skip
    constants = {"table": random(7, 5), "w": random(4, 5, 3), **dense(4)}
    model = graph(nodes, constants, ("n", 9), kind=onnx.TensorProto.INT64)
    tokens = np.random.default_rng(0).integers(0, 7, (6, 9))
    made = assert_imports_as(model, tokens, tmp_path, lambda x: x + 1)
    assert made.architecture.notation == "embed 5, conv 4 1x3 bias=no, relu, pool all, full"


def test_tokens_that_the_graph_changes_first_are_looked_up(tmp_path: Path) -> None:
    """As Keras does: negative tokens count from the end of the table."""
    nodes: list[Node] = [
        ("Add", ["x", "size"], ["a"]), ("Less", ["x", "zero"], ["l"]),
        ("Where", ["l", "a", "x"], ["i"]), ("Gather", ["table", "i"], ["e"]),
        ("ReduceMean", ["e"], ["f"], {"axes": [1], "keepdims": 0}), *ENDS,
    ]  # fmt: skip
    constants = {"table": random(7, 5), "size": np.array(7), "zero": np.array(3), **dense(5)}
    constants["size"] = np.array(1)  # tokens below 3 are the next one
    model = graph(nodes, constants, ("n", 4), kind=onnx.TensorProto.INT64)
    tokens = np.random.default_rng(1).integers(0, 7, (6, 4))
    assert_imports_as(model, tokens, tmp_path, lambda x: x + 1)


PERCEPTRON: list[Node] = [
    ("Cast", ["x"], ["x1"], {"to": 1}), ("MatMul", ["x1", "w1"], ["h"]),
    ("Add", ["h", "b1"], ["h1"]), ("Relu", ["h1"], ["h2"]), ("MatMul", ["h2", "m"], ["p"]),
    ("Add", ["p", "mb"], ["z"]),
]  # fmt: skip


@pytest.mark.parametrize("classes", [2, 3])
def test_perceptron_of_scikit_learn_gives_its_probabilities(classes: int, tmp_path: Path) -> None:
    """As skl2onnx writes MLPClassifier: labels beside, and a sigmoid if there are two classes."""
    ends: list[Node] = [("Softmax", ["z"], ["y"], {"axis": 1})]
    if classes == 2:
        ends = [("Sigmoid", ["z"], ["q"]), ("Sub", ["one", "q"], ["rest"]),
                ("Concat", ["rest", "q"], ["y"], {"axis": 1})]  # fmt: skip
    labels: Node = ("ArgMax", ["y"], ["label"], {"axis": 1})
    last = dense(5, 1 if classes == 2 else 3)
    constants = {"w1": random(4, 5), "b1": random(1, 5, seed=3), **last}
    constants |= {"mb": last["mb"][None], "one": np.ones(1, np.float32)}
    model = graph([*PERCEPTRON, *ends, labels], constants, (None, 4), ["y", "label"])
    model.graph.output[1].type.tensor_type.elem_type = onnx.TensorProto.INT64
    names = [f"class {one}" for one in range(classes)]
    node = onnx.helper.make_node(
        "ArrayFeatureExtractor", ["classes", "label"], ["name"], domain="ai.onnx.ml"
    )
    model.graph.node.append(node)
    tensor = onnx.helper.make_tensor("classes", onnx.TensorProto.STRING, [classes], names)
    model.graph.initializer.append(tensor)
    x = random(6, 4, seed=8)
    net = Network.from_saved_model(imported(model, tmp_path))
    assert net.classes == tuple(names)
    expected = outputs(model, x)[0]
    got = net.probabilities(x.reshape(6, 4, 1, 1))
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_probabilities_are_read_where_logits_are_an_output_too(tmp_path: Path) -> None:
    nodes: list[Node] = [("Gemm", ["x", "m", "mb"], ["l"]), ("Identity", ["l"], ["logits"]),
                         ("Softmax", ["l"], ["prob"])]  # fmt: skip
    made = imported(graph(nodes, dense(4), (None, 4), ["logits", "prob"]), tmp_path)
    assert made.architecture.notation == "full"
    nodes = [nodes[0], ("Relu", ["l"], ["a"]), ("Neg", ["l"], ["b"])]
    apart = graph(nodes, dense(4), (None, 4), ["a", "b"])
    with pytest.raises(ModelFileError, match="two branches"):
        imported(apart, tmp_path)


def test_open_rows_and_columns_need_the_option(tmp_path: Path) -> None:
    nodes: list[Node] = [CONV, ("GlobalMaxPool", ["c"], ["g"]), ("Flatten", ["g"], ["f"]), *ENDS]
    model = graph(nodes, {**CONSTANTS, **dense(4)}, ("n", 3, "h", "w"))
    with pytest.raises(ModelFileError, match="with `input`"):
        imported(model, tmp_path)
    options = ImportOptions(input=(3, 8, 9), classes=("a", "b", "c"))
    made = assert_imports_as(model, random(2, 3, 8, 9), tmp_path, options=options)
    assert (tuple(made.architecture.input), made.architecture.classes) == (
        (3, 8, 9), ("a", "b", "c"),
    )  # fmt: skip


def test_flat_input_takes_the_shape_that_the_user_says(tmp_path: Path) -> None:
    model = graph(
        [("MatMul", ["x", "m"], ["p"]), ("Add", ["p", "mb"], ["y"])], dense(12), (None, 12)
    )
    made = imported(model, tmp_path, ImportOptions(input=(1, 3, 4)))
    assert tuple(made.architecture.input) == (1, 3, 4)
    x = random(5, 12)
    np.testing.assert_allclose(
        layers_logits(made, x.reshape(5, 1, 3, 4)), outputs(model, x)[0], atol=1e-6
    )


def test_temperature_and_class_names_of_a_foreign_file_are_kept(tmp_path: Path) -> None:
    nodes: list[Node] = [("Gemm", ["x", "m", "mb"], ["l"]), ("Div", ["l", "t"], ["d"]),
                         ("Softmax", ["d"], ["y"])]  # fmt: skip
    model = graph(nodes, {**dense(4), "t": np.array(2.0, np.float32)}, (None, 4))
    onnx.helper.set_model_props(model, {"names": '["a", "b", "c"]'})
    made = imported(model, tmp_path)
    assert made.calibration.temperature == 2
    assert made.architecture.classes == ("a", "b", "c")
