"""ONNX graphs of other tools' forms, for tests of the importer: built with onnx's own helper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from piecewise import Network
from piecewise.core.array_types import Array, Float32
from piecewise.exchange.import_model import import_model
from piecewise.exchange.registry import ImportOptions
from piecewise.storage.model_file import SavedModel

Node = tuple[Any, ...]
"""Operator, inputs, outputs, and attributes if there are any."""


def random(*shape: int, seed: int = 0) -> Float32:
    """Normal numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def graph(
    nodes: Sequence[Node],
    constants: Mapping[str, Array],
    shape: Sequence[int | str | None],
    outputs: Sequence[str] = ("y",),
    kind: int = TensorProto.FLOAT,
    opset: int = 17,
) -> onnx.ModelProto:
    """A model with the input x of this shape."""
    made = [
        helper.make_node(
            one[0], list(one[1]), list(one[2]), name=f"n{at}", **(one[3] if len(one) > 3 else {})
        )
        for at, one in enumerate(nodes)
    ]
    arrays = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    inner = helper.make_graph(
        made, "graph", [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs], arrays,
    )  # fmt: skip
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 2)]
    return helper.make_model(inner, opset_imports=opsets, ir_version=8)


def imported(
    model: onnx.ModelProto | bytes, folder: Path, options: ImportOptions | None = None
) -> SavedModel:
    """The network of a model, read from a file."""
    path = folder / "model.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return import_model(path, options or ImportOptions())


def layers_logits(model: SavedModel, x: Array) -> Float32:
    """The logits for the inputs of the layers: float32 (N, C, H, W), or tokens."""
    net = Network.from_saved_model(model)
    kind = np.int64 if model.architecture.reads_texts else np.float32
    return net.logits(np.ascontiguousarray(x, kind))


def outputs(model: onnx.ModelProto, x: Array) -> list[Array]:
    """All outputs of a model in ONNX Runtime."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return list(session.run(None, {"x": x}))


def assert_imports_as(
    model: onnx.ModelProto,
    x: Array,
    folder: Path,
    to_layers: Callable[[Array], Array] = lambda x: x,
    options: ImportOptions | None = None,
) -> SavedModel:
    """The imported network gives what ONNX Runtime gives for the first output: logits."""
    expected = outputs(model, x)[0].reshape(len(x), -1)
    made = imported(model, folder, options)
    got = layers_logits(made, to_layers(x))
    assert got.shape == expected.shape
    assert np.abs(expected).max() > 1e-2
    np.testing.assert_allclose(got, expected, rtol=0, atol=2e-6 * max(1, np.abs(expected).max()))
    return made
