"""The CNTK exporter: the rules of its dialect, judged by ONNX Runtime and by OpenCV."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from piecewise import Network
from piecewise.core.array_types import Array
from piecewise.exchange import registry
from piecewise.exchange.cntk.exporter import NET, CntkExporter
from piecewise.exchange.runner import Outputs
from piecewise.inputs import layer_inputs

from .exchange_nets import (
    PICTURE_NETS,
    TEXT_NETS,
    inputs_of,
    picture_net,
    random_net,
    saved,
    sound_net,
    text_net,
)
from .long import now_and_long
from .onnx_files import (
    MAX_LOGIT_ERROR,
    MAX_PROBABILITY_ERROR,
    assert_shapes_inferred,
    constants,
    errors,
    run,
)

NETS = {**{name: picture_net(name) for name in PICTURE_NETS}, "sound": sound_net()}
NET_NAMES = pytest.mark.parametrize("name", NETS)


def exported(net: Network) -> bytes:
    return CntkExporter().files(saved(net))[NET]


def run_opencv(file: bytes, inputs: Array) -> Outputs:
    net = cv2.dnn.readNetFromONNX(np.frombuffer(file, np.uint8))
    net.setInput(inputs)
    logits, probabilities = net.forward(["logits", "probabilities"])
    count = len(inputs)
    return Outputs(logits.reshape(count, -1), probabilities.reshape(count, -1))


def assert_judges_agree(net: Network, count: int, seed: int = 0) -> None:
    inputs = inputs_of(net, count, seed)
    file, given = exported(net), layer_inputs(net, inputs)
    for judge in (run, run_opencv):
        logits, probabilities = errors(net, judge(file, given), inputs)
        assert logits <= MAX_LOGIT_ERROR, f"{judge.__name__}: {net!r}"
        assert probabilities <= MAX_PROBABILITY_ERROR, f"{judge.__name__}: {net!r}"


@NET_NAMES
@pytest.mark.parametrize("count", [1, 7])
def test_exported_net_answers_as_network(name: str, count: int) -> None:
    assert_judges_agree(NETS[name], count)


@pytest.mark.parametrize("seed", now_and_long(range(200), range(12)))
def test_random_net_answers_as_network(seed: int) -> None:
    assert_judges_agree(random_net(seed), 7, seed)


@NET_NAMES
def test_file_keeps_the_rules_of_cntk(name: str) -> None:
    file = exported(NETS[name])
    model = onnx.load_from_string(file)
    assert (model.ir_version, model.opset_import[0].version) == (3, 7)
    assert {one.name for one in model.graph.initializer} == {
        one.name for one in model.graph.input
    } - {"input"}
    kinds = {one.data_type for one in model.graph.initializer if one.name.count("shape") == 0}
    assert kinds == {onnx.TensorProto.FLOAT}
    attributes = {one.name for node in model.graph.node for one in node.attribute}
    assert not attributes & {"ceil_mode", "auto_pad"}
    assert_shapes_inferred(file)


@pytest.mark.parametrize("name", ["grey", "sound"])
def test_changed_weight_and_transposed_kernels_are_noticed(name: str) -> None:
    net, model = NETS[name], saved(NETS[name])
    inputs = inputs_of(net, 7)
    changed = model.tensors["full1.weight"].copy()
    _, gradients = net.gradients(inputs, np.arange(7) % len(net.classes))
    changed.flat[np.abs(gradients["full1.weight"]).argmax()] += np.float32(0.05)
    transposed = np.ascontiguousarray(model.tensors["conv1.weight"].swapaxes(2, 3))
    for other in ({"full1.weight": changed}, {"conv1.weight": transposed}):
        model.tensors = {**net.state, **other}
        file = CntkExporter().files(model)[NET]
        for judge in (run, run_opencv):
            logits, probabilities = errors(net, judge(file, layer_inputs(net, inputs)), inputs)
            assert logits > MAX_LOGIT_ERROR
            assert probabilities > MAX_PROBABILITY_ERROR


@pytest.mark.parametrize("name", TEXT_NETS)
def test_net_of_texts_is_refused_with_its_layer(name: str) -> None:
    refusal = CntkExporter().refusal(saved(text_net(name)))
    assert refusal is not None
    assert refusal.startswith("embed1: CNTK's reader of ONNX lacks the integer operators")
    assert CntkExporter().refusal(saved(NETS["grey"])) is None


def test_constants_are_the_parameters_bit_for_bit() -> None:
    held = constants(exported(NETS["deck"]))
    for tensor, array in NETS["deck"].state.items():
        assert held[tensor].tobytes() == array.tobytes()


def test_passport_compares_the_file_in_onnx_runtime(tmp_path: Path) -> None:
    runs = NETS["colour"].export(tmp_path / "out", "cntk").passport.runs["cntk"]
    (one,) = [run for run in runs if run.toolkit == "onnxruntime"]
    assert one.agrees
    assert one.difference is not None
    assert one.difference.probabilities > 0


def test_usage_names_file_and_scaling() -> None:
    usage = CntkExporter().usage(saved(NETS["grey"]))
    assert f'"{NET}"' in usage
    assert "x = (2 * inputs.astype(np.float32) - 255) / 255" in usage
    code = usage.split("```python\n")[1].split("```")[0]
    compile(code, "usage", "exec")
    assert isinstance(registry.exporter("cntk"), CntkExporter)
