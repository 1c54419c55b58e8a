"""ONNX files in tests: running them, and comparing the shapes that they state with inference."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime

from piecewise import Network
from piecewise.core.array_types import Array
from piecewise.exchange.onnx.exporter import LAYERS, NET, OnnxExporter
from piecewise.exchange.runner import Outputs
from piecewise.exchange.runners.onnxruntime import run_session
from piecewise.inputs import layer_inputs

from .exchange_nets import logit_error, saved

MAX_LOGIT_ERROR, MAX_PROBABILITY_ERROR = 1e-4, 1e-5


def exported(net: Network, name: str = LAYERS) -> bytes:
    """A file of the exporter."""
    return OnnxExporter().files(saved(net))[name]


def run(file: bytes, inputs: Array) -> Outputs:
    """A file on inputs, in ONNX Runtime."""
    return run_session(onnxruntime.InferenceSession(file), inputs)


def errors(net: Network, got: Outputs, inputs: Array) -> tuple[float, float]:
    """The errors of logits and probabilities against those of the network."""
    assert got.logits is not None
    expected = net.probabilities(inputs)
    assert got.logits.shape == got.probabilities.shape == expected.shape
    probability_error = float(np.abs(got.probabilities - expected).max())
    return logit_error(got.logits, net.logits(inputs)), probability_error


def assert_answers_as(net: Network, inputs: Array, raw: bool = True) -> None:
    """Both files answer as the network; with ``raw`` unset, the file of the layers alone."""
    wanted = {LAYERS: layer_inputs(net, inputs), **({NET: raw_inputs(net, inputs)} if raw else {})}
    for name, given in wanted.items():
        logits, probabilities = errors(net, run(exported(net, name), given), inputs)
        assert logits <= MAX_LOGIT_ERROR, f"{name}: {net!r}: logits are off by {logits:.3g}"
        assert probabilities <= MAX_PROBABILITY_ERROR, f"{name}: {net!r}: {probabilities:.3g}"


def raw_inputs(net: Network, inputs: Array) -> Array:
    """Preprocessed inputs as the file with preprocessing takes them."""
    is_picture = inputs.dtype == np.uint8 and inputs.ndim == 4 and net.input[0] in (1, 3)
    return inputs.transpose(0, 2, 3, 1) if is_picture else inputs


def assert_shapes_inferred(file: bytes) -> None:
    """The checker accepts a file, and inference finds the type and sides that it states of every
    tensor; or no side where the file states an open one, whose name inference cannot know."""
    model = onnx.load_from_string(file)
    onnx.checker.check_model(model, full_check=True)
    stated = _sides(model)
    assert set(stated) == {name for node in model.graph.node for name in node.output}
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    found = _sides(inferred)
    assert set(found) == set(stated)
    for name, (kind, sides) in stated.items():
        known = [
            one if isinstance(one, int) or _is_named(two) else two
            for one, two in zip(sides, found[name][1], strict=True)
        ]
        assert (kind, known) == found[name], name


def _is_named(side: int | str) -> bool:
    """Whether a side is known, or has a name that a file gives."""
    return side > 0 if isinstance(side, int) else not side.startswith("unk")


def _sides(model: Any) -> dict[str, tuple[int, list[int | str]]]:
    """The type and the sides of every output of a node."""
    return {
        info.name: (
            info.type.tensor_type.elem_type,
            [side.dim_param or side.dim_value for side in info.type.tensor_type.shape.dim],
        )
        for info in [*model.graph.value_info, *model.graph.output]
    }


def constants(file: bytes) -> dict[str, Array]:
    """The constants of a file by name."""
    graph = onnx.load_from_string(file).graph
    return {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
