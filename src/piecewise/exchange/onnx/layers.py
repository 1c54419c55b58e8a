"""The layers of a network as ONNX nodes: from layer inputs to logits and probabilities.

A node has the name of its stage ("conv1"), and constants those of the network's arrays
("conv1.weight"), so that both can be found in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...core.array_types import Float32
from ...spec.architecture import Stage
from ...spec.layers import Convolution, Norm, Pool
from ...storage.model_file import SavedModel
from ..exporter import inference_stages, stage_arrays
from .graph import BATCH, Graph, Value
from .texts import Texts

Arrays = Mapping[str, Float32]

LOGITS, PROBABILITIES = "logits", "probabilities"
"""The names of the outputs."""


def add_layers_alone(graph: Graph, model: SavedModel) -> None:
    """Add an input for what the layers read, float32 (N, C, H, W) or tokens, the layers and the
    outputs."""
    shape = model.architecture.input
    if model.architecture.reads_texts:
        x = graph.input("tokens", np.int64, (BATCH, shape.width))
    else:
        x = graph.input("input", np.float32, (BATCH, *shape))
    add_outputs(graph, model, add_layers(graph, model, x))


def add_layers(graph: Graph, model: SavedModel, x: Value) -> Value:
    """Add all layers from their input on: the logits (N, classes)."""
    texts = Texts(graph, model, x) if model.architecture.reads_texts else None
    for stage in inference_stages(model):
        arrays = stage_arrays(model, stage)
        if texts is None:
            x = _add_layer(graph, stage, arrays, x)
        else:
            x = texts.without_padding(stage, _add_text_layer(graph, stage, arrays, x, texts))
    if len(x.dims) == 4:
        dims = (x.dims[0], model.architecture.output.values)
        x = graph.add("Flatten", [x], "flat_logits", dims, axis=1)
    return x


def _add_layer(graph: Graph, stage: Stage, arrays: Arrays, x: Value) -> Value:
    return _ADD[stage.layer.word](graph, stage, arrays, _as_maps(graph, stage, x))


def _add_text_layer(graph: Graph, stage: Stage, arrays: Arrays, x: Value, texts: Texts) -> Value:
    if stage.layer.reads_tokens:
        return texts.embedding(stage, arrays, x)
    if isinstance(stage.layer, Pool):
        return texts.pool(stage, _as_maps(graph, stage, x), _pool)
    return _add_layer(graph, stage, arrays, x)


def add_outputs(graph: Graph, model: SavedModel, logits: Value) -> None:
    """Make the logits (N, classes) an output, and their softmax at the calibrated temperature."""
    graph.output(logits, LOGITS)
    if model.calibration.temperature != 1:
        temperature = np.array([model.calibration.temperature], np.float32)
        inputs = [logits, graph.constant("temperature", temperature)]
        logits = graph.add("Div", inputs, "calibrated_logits")
    graph.output(graph.add("Softmax", [logits], "softmax", axis=1), PROBABILITIES)


def _as_maps(graph: Graph, stage: Stage, x: Value) -> Value:
    """x (N, C) as maps of one cell for the layers that need maps."""
    if len(x.dims) == 4 or not isinstance(stage.layer, Convolution | Pool):
        return x
    shape = graph.constant(f"{stage.name}.input_shape", np.array([0, *stage.input], np.int64))
    return graph.add("Reshape", [x, shape], f"{stage.name}_input", (x.dims[0], *stage.input))


def _constants(graph: Graph, stage: Stage, arrays: Arrays, *names: str) -> list[Value]:
    """The arrays of a stage by these short names."""
    return [graph.constant(f"{stage.name}.{name}", arrays[name]) for name in names]


def _convolution(graph: Graph, stage: Stage, arrays: Arrays, x: Value) -> Value:
    layer = stage.layer
    assert isinstance(layer, Convolution)
    dims = (x.dims[0], *stage.output)
    name = f"{stage.name}_sum" if layer.mean else stage.name
    y = graph.add(
        "Conv", [x, *_constants(graph, stage, arrays, *arrays)], name, dims,
        kernel_shape=layer.kernel, strides=layer.stride, pads=_convolution_pads(layer, stage),
    )  # fmt: skip
    if layer.mean:
        products = np.array([layer.divisor(stage.input)], np.float32)
        y = graph.add("Div", [y, graph.constant(f"{stage.name}.products", products)], stage.name)
    return y


def _convolution_pads(layer: Convolution, stage: Stage) -> list[int]:
    """Rows and columns of zeros: top, left, bottom, right."""
    if isinstance(layer.padding, str):
        rows, columns = layer.windows(stage.input)
        return [rows.before, columns.before, rows.after, columns.after]
    return [*layer.padding, *layer.padding]


def _pool(graph: Graph, stage: Stage, arrays: Arrays, x: Value) -> Value:
    """Pooling. Windows past the edge are said by padding at the end, which no maximum sees and no
    average counts; runtimes disagree about ceil_mode."""
    layer = stage.layer
    assert isinstance(layer, Pool)
    dims, kind = (x.dims[0], *stage.output), "Max" if layer.kind == "max" else "Average"
    if isinstance(layer.window, str):
        return graph.add(f"Global{kind}Pool", [x], stage.name, dims)
    rows, columns = layer.windows(stage.input)
    attributes: dict[str, Any] = {"count_include_pad": 0} if kind == "Average" else {}
    return graph.add(
        f"{kind}Pool", [x], stage.name, dims,
        kernel_shape=layer.window, strides=layer.stride or layer.window,
        pads=[0, 0, rows.after, columns.after], **attributes,
    )  # fmt: skip


def _full(graph: Graph, stage: Stage, arrays: Arrays, x: Value) -> Value:
    if len(x.dims) == 4:
        x = graph.add(
            "Flatten", [x], f"{stage.name}_input", (x.dims[0], stage.input.values), axis=1
        )
    constants = _constants(graph, stage, arrays, "weight", "bias")
    return graph.add(
        "Gemm", [x, *constants], stage.name, (x.dims[0], stage.output.values), transB=1
    )


def _norm(graph: Graph, stage: Stage, arrays: Arrays, x: Value) -> Value:
    constants = _constants(graph, stage, arrays, "weight", "bias", "mean", "variance")
    return graph.add("BatchNormalization", [x, *constants], stage.name, epsilon=Norm.epsilon)


def _relu(graph: Graph, stage: Stage, arrays: Arrays, x: Value) -> Value:
    return graph.add("Relu", [x], stage.name)


_ADD: dict[str, Callable[[Graph, Stage, Arrays, Value], Value]] = {
    "conv": _convolution,
    "relu": _relu,
    "pool": _pool,
    "full": _full,
    "norm": _norm,
}
