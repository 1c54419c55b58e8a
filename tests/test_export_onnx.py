"""The ONNX exporter, judged by ONNX Runtime, the ONNX checker and the ONNX reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.reference
import pytest

from piecewise import Network, TextPreprocessor
from piecewise.data.modalities import preprocessor_from_json
from piecewise.exchange import registry
from piecewise.exchange.onnx.exporter import LAYERS, NET, OnnxExporter
from piecewise.exchange.onnx.graph import Graph
from piecewise.exchange.own_metadata import KEY
from piecewise.exchange.runners.onnxruntime import OnnxRuntime
from piecewise.inputs import layer_inputs
from piecewise.spec.architecture import Architecture
from piecewise.spec.calibration import Calibration

from .exchange_nets import (
    CLASSES,
    PICTURE_NETS,
    TEXT_NETS,
    inputs_of,
    picture_net,
    random_net,
    randomized,
    samples_of,
    saved,
    sound_net,
    text_net,
)
from .long import now_and_long
from .onnx_files import (
    MAX_LOGIT_ERROR,
    MAX_PROBABILITY_ERROR,
    assert_answers_as,
    assert_shapes_inferred,
    constants,
    errors,
    exported,
    run,
)

NETS = {
    **{f"picture {name}": picture_net(name) for name in PICTURE_NETS},
    **{f"text {name}": text_net(name) for name in TEXT_NETS},
    "sound": sound_net(),
}
RANDOM = range(200)
NET_NAMES = pytest.mark.parametrize("name", NETS)


@NET_NAMES
@pytest.mark.parametrize("count", [1, 7])
def test_exported_net_answers_as_network(name: str, count: int) -> None:
    net = NETS[name]
    inputs = inputs_of(net, count)
    largest = net.probabilities(inputs_of(net, 16)).max(axis=1)
    assert largest.min() < 0.95  # saturated probabilities would hide differences
    assert_answers_as(net, inputs, raw=name != "sound")


@pytest.mark.parametrize("seed", now_and_long(RANDOM, range(12)))
def test_random_net_answers_as_network_in_one_file_and_the_other(seed: int) -> None:
    net = random_net(seed, texts=seed % 3 == 2)
    assert_answers_as(net, inputs_of(net, 7, seed))
    assert_shapes_inferred(exported(net, NET))


@NET_NAMES
def test_file_states_shapes_that_inference_finds(name: str) -> None:
    for file_name in (NET, LAYERS):
        assert_shapes_inferred(exported(NETS[name], file_name))


def test_net_that_ends_with_maps_states_one_value_per_class() -> None:
    net = Network("conv 2 3", (1, 5, 5), 18)
    for file_name in (NET, LAYERS):
        assert_shapes_inferred(exported(net, file_name))


@NET_NAMES
def test_onnx_reference_answers_as_network(name: str) -> None:
    net = NETS[name]
    inputs = inputs_of(net, 3)
    evaluator = onnx.reference.ReferenceEvaluator(exported(net))
    logits, probabilities = evaluator.run(
        ["logits", "probabilities"], {evaluator.input_names[0]: layer_inputs(net, inputs)}
    )
    assert np.allclose(logits, net.logits(inputs), rtol=0, atol=MAX_LOGIT_ERROR)
    assert np.allclose(probabilities, net.probabilities(inputs), rtol=0, atol=1e-5)


@NET_NAMES
def test_changed_weight_is_noticed(name: str) -> None:
    net, inputs = NETS[name], inputs_of(NETS[name], 7)
    other = Network(net.notation, net.input, net.classes, 0, net.preprocessor)
    other.parameters.flat[:] = net.parameters.flat
    other.running_stats.flat[:] = net.running_stats.flat
    # One weight of the first layer, which the inputs use.
    weight = next(name for name in net.parameters if name.endswith("weight"))
    _, gradients = net.gradients(inputs, np.arange(7) % len(net.classes))
    other.parameters[weight].flat[np.abs(gradients[weight]).argmax()] += np.float32(0.05)
    got = run(exported(other), layer_inputs(net, inputs))
    logits, _ = errors(net, got, inputs)
    assert logits > MAX_LOGIT_ERROR


@pytest.mark.parametrize("name", ["picture grey", "picture deck", "sound"])
def test_transposed_kernels_are_noticed(name: str) -> None:
    net, inputs = NETS[name], inputs_of(NETS[name], 7)
    model = saved(net)
    model.tensors = {
        name: np.ascontiguousarray(array.swapaxes(2, 3)) if array.ndim == 4 else array
        for name, array in model.tensors.items()
    }
    got = run(OnnxExporter().files(model)[LAYERS], layer_inputs(net, inputs))
    logits, probabilities = errors(net, got, inputs)
    assert logits > MAX_LOGIT_ERROR
    assert probabilities > MAX_PROBABILITY_ERROR


@NET_NAMES
@pytest.mark.parametrize("file_name", [NET, LAYERS])
def test_metadata_and_constants_hold_the_network(name: str, file_name: str) -> None:
    net = NETS[name]
    file = exported(net, file_name)
    texts = {one.key: one.value for one in onnx.load_from_string(file).metadata_props}
    assert json.loads(texts["classes"]) == list(net.classes)
    assert texts["notation"] == net.notation
    own = json.loads(texts[KEY])
    architecture = Architecture(own["layers"], own["input"], own["classes"])
    assert architecture == net.architecture
    assert preprocessor_from_json(own["preprocessor"], architecture.input) == net.preprocessor
    assert Calibration.from_json(own["calibration"]) == net.calibration
    assert own["seed"] == net.seed
    held = constants(file)
    for tensor, array in net.state.items():
        assert held[tensor].dtype == np.float32
        assert held[tensor].tobytes() == array.tobytes()


@NET_NAMES
def test_same_network_gives_same_bytes(name: str) -> None:
    first = OnnxExporter().files(saved(NETS[name]))
    assert first == OnnxExporter().files(saved(NETS[name]))


@NET_NAMES
def test_file_has_opset_17_and_no_attribute_that_runtimes_read_differently(name: str) -> None:
    model = onnx.load_from_string(exported(NETS[name]))
    assert (model.ir_version, model.opset_import[0].version) == (8, 17)
    attributes = {one.name for node in model.graph.node for one in node.attribute}
    assert not attributes & {"ceil_mode", "auto_pad"}
    assert [one.name for one in model.graph.output] == ["logits", "probabilities"]
    assert model.graph.output[0].type.tensor_type.shape.dim[0].dim_param == "N"


def test_net_that_reads_texts_as_images_takes_tokens(tmp_path: Path) -> None:
    preprocessor = TextPreprocessor("words", ("good", "bad", "film", "a"), 9)
    layers = "conv 5 6x2, relu, pool 1x3 stride=1x2, full"
    net = randomized(Network(layers, preprocessor.shape, CLASSES, 0, preprocessor), 0)
    texts = ["a good film", "bad, bad, bad!", "", "good good a film film film a bad film bad"]
    tokens = np.stack([preprocessor.transform(text) for text in texts])
    logits, probabilities = errors(net, run(exported(net, NET), tokens), tokens)
    assert logits <= MAX_LOGIT_ERROR
    assert probabilities <= MAX_PROBABILITY_ERROR
    assert_shapes_inferred(exported(net, NET))
    for given in (texts, None):
        (checked,) = net.export(tmp_path / "out", "onnx", samples=given).passport.runs["onnx"]
        assert checked.agrees, checked
    images = preprocessor.one_hot(tokens)
    logits, _ = errors(net, run(exported(net), layer_inputs(net, images)), tokens)
    assert logits <= MAX_LOGIT_ERROR


@pytest.mark.parametrize("name", TEXT_NETS)
def test_padding_has_no_vector_whatever_its_row_of_the_table_is(name: str) -> None:
    net = text_net(name, seed=5)
    net.parameters["embed1.weight"][0] = 3.0
    tokens = inputs_of(net, 12)
    tokens[:, 1] = 0  # inside of texts, too
    assert_answers_as(net, tokens)


def test_net_of_tokens_without_vocabulary_takes_tokens(tmp_path: Path) -> None:
    net = randomized(Network("embed 4, conv 5 1x2, relu, pool all, full", (1, 12, 7), 3), 0)
    assert_answers_as(net, inputs_of(net, 7))
    assert set(OnnxExporter().files(saved(net))) == {NET, LAYERS}
    assert "np.random.randint(0, 12, (4, 7))" in OnnxExporter().usage(saved(net))
    (checked,) = net.export(tmp_path / "out", "onnx").passport.runs["onnx"]
    assert checked.agrees


def test_uncalibrated_net_has_the_softmax_of_its_logits() -> None:
    net = picture_net("grey", seed=3)
    net.calibration = Calibration()
    inputs = inputs_of(net, 5)
    assert_answers_as(net, inputs)
    assert "temperature" not in constants(exported(net))


@pytest.mark.parametrize("name", ["picture grey", "text average"])
def test_runner_answers_as_network(name: str, tmp_path: Path) -> None:
    net, samples = NETS[name], samples_of(NETS[name])
    for file_name, content in OnnxExporter().files(saved(net)).items():
        (tmp_path / file_name).write_bytes(content)
    assert OnnxRuntime().version()
    logits, probabilities = errors(net, OnnxRuntime().run(tmp_path, samples), samples.inputs)
    assert logits < MAX_LOGIT_ERROR
    assert probabilities < MAX_PROBABILITY_ERROR


def test_registry_knows_exporter_and_runner() -> None:
    assert isinstance(registry.exporter("onnx"), OnnxExporter)
    assert any(isinstance(one, OnnxRuntime) for one in registry.runners())


# The builder of graphs.


def test_graph_writes_attributes_that_onnx_reads() -> None:
    graph = Graph("attributes")
    x = graph.input("x", np.float32, ("N", 3))
    given: dict[str, Any] = {
        "whole": -5,
        "real": 0.25,
        "text": "ä",
        "wholes": [1, 1 << 40],
        "reals": [0.5, -2.0],
        "nothing": [],
        "table": np.array([[1, 2], [3, 4]], np.int64),
    }
    graph.output(graph.add("Some", [x], "y", (), np.bool_, **given), "z")
    node = onnx.load_from_string(graph.to_bytes({"key": "välue"})).graph.node[0]
    got = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    assert onnx.numpy_helper.to_array(got.pop("table")).tolist() == [[1, 2], [3, 4]]
    assert got.pop("text") == "ä".encode()
    assert {name: list(v) if hasattr(v, "__len__") else v for name, v in got.items()} == {
        name: given[name] for name in ("whole", "real", "wholes", "reals", "nothing")
    }


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i1", "i4", "i8", "?"])
def test_graph_constant_is_what_onnx_reads(dtype: str) -> None:
    graph = Graph("constants")
    arrays = {"square": np.array([[0, 1], [1, 1]], dtype), "one": np.array(1, dtype)}
    for name, array in arrays.items():
        graph.constant(name, array)
        graph.constant(name, array.copy())  # the same one again
    got = constants(graph.to_bytes({}))
    for name, array in arrays.items():
        assert got[name].dtype == array.dtype
        assert got[name].shape == array.shape
        assert (got[name] == array).all()


def test_graph_refuses_second_name_and_foreign_tensor() -> None:
    graph, other = Graph("a"), Graph("b")
    x = graph.input("x", np.float32, ("N",))
    graph.add("Relu", [x], "y")
    with pytest.raises(ValueError, match="y: another tensor has this name"):
        graph.add("Relu", [x], "y")
    with pytest.raises(ValueError, match="x: another tensor has this name"):
        graph.constant("x", np.float32(1))
    graph.constant("c", np.float32(1))
    with pytest.raises(ValueError, match="c: another constant has this name"):
        graph.constant("c", np.float32(2))
    with pytest.raises(ValueError, match="z: its input stranger is not in the graph"):
        graph.add("Relu", [other.input("stranger", np.float32, ("N",))], "z")
