"""An ONNX backend over the engine: ``onnx.backend.base`` for chains of layers.

The package ``onnx`` is needed here and nowhere else. A model is read by the importer's reader;
inputs other than the first are weights, which may be given when it is run. What piecewise has no
layer for is refused with the reason (`reason_against`), and ``is_compatible`` is false.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, ValueInfoProto, helper
from onnx.backend.base import Backend, BackendRep
from onnx.backend.test.runner import BackendIsNotSupposedToImplementIt

from ..core.array_types import Array, Float32
from ..core.errors import PiecewiseError
from ..engine.runtime.program_registry import feature_maps
from ..reference.losses import log_softmax, softmax
from ..spec.architecture import Architecture
from ..spec.layers import Full
from ..spec.parameters import flattened
from .onnx.constants import Constants
from .onnx.importer import walked
from .onnx.model_proto import ModelProto as Model
from .onnx.path import path_of
from .onnx.walker import Walker
from .registry import ImportOptions

_ANY_WEIGHT = 0.5
"""Stands for weights that are not known yet."""


class PreparedModel(BackendRep):  # type: ignore[misc]
    """A model that runs on inputs.

    Parameters
    ----------
    model : ModelProto
        The model, as the importer reads it.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._inputs = [one.name for one in model.inputs if one.name not in model.initializers]

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Array, ...]:
        """Run the model.

        Parameters
        ----------
        inputs : sequence or mapping of array
            All inputs of the graph, in order or by name.
        **kwargs
            Ignored.

        Returns
        -------
        tuple of array
            The output.

        Raises
        ------
        BackendIsNotSupposedToImplementIt
            If piecewise has no layers that compute it.
        """
        named = (
            inputs if isinstance(inputs, Mapping) else dict(zip(self._inputs, inputs, strict=False))
        )
        arrays = {name: np.asarray(array) for name, array in named.items()}
        try:
            walker, x = self._walker(arrays)
        except (PiecewiseError, ValueError) as error:
            raise BackendIsNotSupposedToImplementIt(str(error)) from None
        return (_output(walker, x, self._model.nodes[-1].operator),)

    def reason_against(self) -> str | None:
        """Why piecewise cannot run the model; None if it can, with weights of any values."""
        arrays = {}
        for info in self._model.inputs:
            if info.name in self._model.initializers or info.dims is None:
                continue
            if info.type == 1 and None not in info.dims[1:]:
                sides = [side or 1 for side in info.dims]
                arrays[info.name] = np.broadcast_to(np.float32(_ANY_WEIGHT), sides)
        if not self._inputs or self._inputs[0] not in arrays:
            return "its first input is not float32 of a known shape"
        try:
            self._walker(arrays)
        except (PiecewiseError, ValueError) as error:
            return str(error)
        return None

    def _walker(self, arrays: Mapping[str, Array]) -> tuple[Walker, Array]:
        """The layers for these weights, and the input that they read."""
        model = self._model
        if len(model.outputs) != 1 or model.outputs[0].type not in (0, 1):
            raise ValueError("it does not have exactly one output of float32")
        constants = Constants(dict(model.initializers))
        data, *weights = self._inputs
        if self._is_embedding(arrays):
            weights, data = [data], weights[0]
        for name in weights:
            if name in arrays:
                constants[name] = arrays[name]
        if data not in arrays:
            raise ValueError(f"its input {data} holds integers and is not a constant")
        path, x = path_of(model, constants), arrays[data]
        if path.input.name != data or x.dtype not in (np.float32, np.int64):
            raise ValueError("its first input is not read by the layers, or is not float32")
        path.input.dims = list(x.shape)
        with np.errstate(all="ignore"):
            return walked(path, constants, ImportOptions(levels=None)), x

    def _is_embedding(self, arrays: Mapping[str, Array]) -> bool:
        """Whether the first input is the table of an embedding, and the second its tokens."""
        first = self._model.nodes[0] if self._model.nodes else None
        two = self._inputs[:2]
        return first is not None and first.operator == "Gather" and first.inputs[:2] == two


class PiecewiseBackend(Backend):  # type: ignore[misc]
    """The backend; ``onnx.backend.base.Backend`` describes its methods."""

    @classmethod
    def is_compatible(
        cls,
        model: ModelProto,
        device: str = "CPU",  # noqa: ARG003
        **kwargs: Any,  # noqa: ARG003
    ) -> bool:
        """Whether piecewise has the layers of a model."""
        return cls.reason_against(model) is None

    @classmethod
    def reason_against(cls, model: ModelProto) -> str | None:
        """Why a model is not compatible; None if it is."""
        try:
            return _read(model).reason_against()
        except (PiecewiseError, ValueError) as error:
            return str(error)

    @classmethod
    def prepare(
        cls,
        model: ModelProto,
        device: str = "CPU",
        **kwargs: Any,  # noqa: ARG003
    ) -> PreparedModel:
        """A model that can be run."""
        if not cls.supports_device(device):
            raise BackendIsNotSupposedToImplementIt(f"there is no device {device[:40]!r}")
        try:
            return _read(model)
        except (PiecewiseError, ValueError) as error:
            raise BackendIsNotSupposedToImplementIt(str(error)) from None

    @classmethod
    def run_node(
        cls,
        node: NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Sequence[tuple[Any, tuple[int, ...]]] | None = None,  # noqa: ARG003
        **kwargs: Any,
    ) -> tuple[Array, ...]:
        """Run one node on its inputs."""
        arrays = [np.asarray(one) for one in inputs]
        infos = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for name, a in zip(node.input, arrays, strict=True)
        ]
        outputs = [ValueInfoProto(name=name) for name in node.output]
        graph = helper.make_graph([node], "node", infos, outputs)
        opset = helper.make_opsetid("", kwargs.get("opset_version", 17))
        return cls.prepare(helper.make_model(graph, opset_imports=[opset]), device).run(arrays)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether a device can be used: processors alone."""
        return device == "CPU"


prepare = PiecewiseBackend.prepare
run_model = PiecewiseBackend.run_model
run_node = PiecewiseBackend.run_node
supports_device = PiecewiseBackend.supports_device
is_compatible = PiecewiseBackend.is_compatible


def _read(model: ModelProto) -> PreparedModel:
    return PreparedModel(Model.read(memoryview(model.SerializeToString())))


def _output(walker: Walker, x: Array, last: str) -> Float32:
    """The output of the layers for all examples, in the form of the graph."""
    maps = _feature_maps(walker, x)
    if walker.is_end:
        logits = maps.reshape(len(maps), -1) / np.float32(walker.chain.temperature)
        if last == "Sigmoid":  # two classes, of which the second was asked for
            maps = softmax(logits)[:, 1:]
        else:
            maps = log_softmax(logits) if last == "LogSoftmax" else softmax(logits)
        return maps.reshape(len(x), *(walker.axes.sides if last != "Sigmoid" else (1,)))
    return walker.axes.tensor_of(maps)


def _feature_maps(walker: Walker, x: Array) -> Float32:
    """What the last layer gives (N, C, H, W), computed by the engine."""
    chain = walker.chain
    is_text = any(layer.reads_tokens for layer, _ in chain.layers)
    inputs = x + 1 if is_text else walker.input_axes.maps_of(x)  # 0 is the padding of texts
    if not chain.layers:
        return inputs
    last = Full(1)  # a network ends with its classes; the layer before is what was asked for
    architecture = Architecture([*(layer for layer, _ in chain.layers), last], chain.input, 1)
    arrays = [own for _, own in chain.layers]
    arrays.append({"weight": np.zeros((1, chain.shape.values), np.float32),
                   "bias": np.zeros(1, np.float32)})  # fmt: skip
    tensors = {
        row.name: own[row.tensor.name]
        for stage, own in zip(architecture.stages, arrays, strict=True)
        for row in stage.arrays
    }
    flat = flattened(architecture.parameters, tensors)
    running_stats = flattened(architecture.running_stats, tensors)
    name = architecture.stages[-2].name
    found = [feature_maps(architecture, flat, running_stats, one)[name] for one in inputs]
    return np.stack(found).reshape(len(x), *chain.shape)
