"""The networks as ONNX models, for the toolkits that read these."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from piecewise.core.array_types import Array
from piecewise.spec.architecture import Stage
from piecewise.spec.layers import Convolution, Embed, Full, Norm, Pool, Relu

from .networks import BenchmarkInputs


def nodes(stage: Stage, source: str, last: bool) -> list[Any]:
    """A layer as nodes of a graph, with explicit padding."""
    layer, name = stage.layer, "logits" if last else stage.name
    make = helper.make_node
    match layer:
        case Convolution():
            weights = [source, f"{name}.weight", f"{name}.bias"]
            around = [side // 2 if layer.padding == "same" else 0 for side in layer.kernel]
            return [make("Conv", weights, [name], kernel_shape=layer.kernel, pads=around + around)]
        case Relu():
            return [make("Relu", [source], [name])]
        case Pool():
            whole = isinstance(layer.window, str)
            sides = stage.input[1:]
            window = sides if isinstance(layer.window, str) else layer.window
            over = [0 if whole else -side % step for side, step in zip(sides, window, strict=True)]
            return [
                make(
                    "MaxPool", [source], [name],
                    kernel_shape=window, strides=window, pads=[0, 0, *over],
                )
            ]  # fmt: skip
        case Full():
            weights = [f"{name}.flat", f"{stage.name}.weight", f"{stage.name}.bias"]
            return [
                make("Flatten", [source], weights[:1], axis=1),
                make("Gemm", weights, [name], transB=1),
            ]
        case Norm():
            arrays = [f"{stage.name}.{what}" for what in ("weight", "bias", "mean", "variance")]
            return [make("BatchNormalization", [source, *arrays], [name], epsilon=Norm.epsilon)]
        case Embed():
            return [
                make("Gather", [f"{name}.weight", source], [f"{name}.rows"]),
                make("Transpose", [f"{name}.rows"], [f"{name}.columns"], perm=(0, 2, 1)),
                make("Unsqueeze", [f"{name}.columns", "axis"], [name]),
            ]
    raise NotImplementedError(layer.word)


def scale(scaling: Array, arrays: dict[str, Array]) -> list[Any]:
    """Bytes as the network's float32 values."""
    arrays |= {f"scaling{number}": value for number, value in enumerate(scaling)}
    make = helper.make_node
    return [
        make("Cast", ["pictures"], ["numbers"], to=onnx.TensorProto.FLOAT),
        make("Mul", ["numbers", "scaling0"], ["product"]),
        make("Add", ["product", "scaling1"], ["sum"]),
        make("Div", ["sum", "scaling2"], ["scaled"]),
    ]


def graph(inputs: BenchmarkInputs) -> bytes:
    """The network as an ONNX model, its input "pictures" and its output "logits"."""
    net = inputs.net
    made: list[Any] = []
    network, source, kind = net.network(), "pictures", onnx.TensorProto.FLOAT
    arrays = {**inputs.weights, **network.running_stats}
    if net.bytes:
        source, kind = "scaled", onnx.TensorProto.UINT8
        made += scale(network.preprocessor.scaling, arrays)
    elif network.architecture.reads_texts:
        kind = onnx.TensorProto.INT64
        arrays["axis"] = np.array([2])
    stages = network.architecture.stages
    for stage in stages:
        made += nodes(stage, source, stage is stages[-1])
        source = stage.name
    shape = inputs.pictures.shape[1:]
    whole = helper.make_graph(
        made,
        "net",
        [helper.make_tensor_value_info("pictures", kind, ["measurement", *shape])],
        [
            helper.make_tensor_value_info(
                "logits", onnx.TensorProto.FLOAT, ["measurement", net.classes]
            )
        ],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
