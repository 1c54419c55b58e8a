"""The parts of a `.keras` file: the settings of its layers as JSON, their arrays, a zip of both.

The zip has no times and no compression, so the same network gives the same bytes, and a reader can
map the arrays into memory.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from ..formats.hdf5_writer import Hdf5Tree, hdf5_bytes
from .layer_list import KerasLayer, LayerList

METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
"""The files in the zip."""
KERAS_VERSION = "3.6.0"
"""The version whose format is written; newer ones read it."""
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def keras_bytes(layers: LayerList, name: str, metadata: Mapping[str, Any]) -> bytes:
    """A `.keras` file; ``metadata`` is added to what Keras writes there."""
    first = {"keras_version": KERAS_VERSION, "date_saved": "1980-01-01@00:00:00"}
    parts = {
        METADATA: json.dumps({**first, **metadata}, ensure_ascii=False).encode(),
        CONFIG: config_text(layers, name).encode(),
        WEIGHTS: hdf5_bytes(_weights(layers)),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for part, content in parts.items():
            archive.writestr(zipfile.ZipInfo(part, _NO_TIME), content)
    return buffer.getvalue()


def config_text(layers: LayerList, name: str) -> str:
    """The settings of all layers: a Sequential model if each reads the one before, else a
    Functional one."""
    ordered = layers.in_keras_order()
    is_chain = all(len(layer.inputs) == 1 for layer in ordered[1:]) and all(
        one.name == next_one.inputs[0] for one, next_one in pairwise(ordered)
    )
    if is_chain:
        made = [_layer(layers, layer) for layer in ordered]
        shape = [None, *ordered[0].dims]
        config = {"name": name, "layers": made, "build_input_shape": shape}
        model = {"module": "keras", "class_name": "Sequential", "config": config}
        return json.dumps({**model, "registered_name": None}, allow_nan=False)
    nodes = [
        {**_layer(layers, layer), "name": layer.name, "inbound_nodes": _nodes(layers, layer)}
        for layer in ordered
    ]
    config = {
        "name": name,
        "layers": nodes,
        "input_layers": [ordered[0].name, 0, 0],
        "output_layers": [layers.last.name, 0, 0],
    }
    module = "keras.src.models.functional"
    model = {"module": module, "class_name": "Functional", "config": config}
    return json.dumps({**model, "registered_name": "Functional"}, allow_nan=False)


def _layer(layers: LayerList, layer: KerasLayer) -> dict[str, Any]:
    """A layer as Keras 3 writes it."""
    config = {"name": layer.name, "dtype": "float32", **layer.config}
    if layer.kind == "InputLayer":
        config = {"batch_shape": [None, *layer.dims], **config}
    made: dict[str, Any] = {"module": "keras.layers", "class_name": layer.kind}
    made |= {"config": config, "registered_name": None}
    if layer.inputs:
        shapes = [[None, *layers.by_name[name].dims] for name in layer.inputs]
        made["build_config"] = {"input_shape": shapes[0] if len(shapes) == 1 else shapes}
    return made


def _nodes(layers: LayerList, layer: KerasLayer) -> list[dict[str, Any]]:
    """The inputs of a layer of a Functional model."""
    tensors = [
        {
            "class_name": "__keras_tensor__",
            "config": {
                "shape": [None, *layers.by_name[name].dims],
                "dtype": layers.by_name[name].config.get("dtype", "float32"),
                "keras_history": [name, 0, 0],
            },
        }
        for name in layer.inputs
    ]
    if not tensors:
        return []
    return [{"args": [tensors[0] if len(tensors) == 1 else tensors], "kwargs": {}}]


def _weights(layers: LayerList) -> Hdf5Tree:
    tree = Hdf5Tree()
    ordered = layers.in_keras_order()
    for layer, path in zip(ordered, weight_paths([one.kind for one in ordered]), strict=True):
        for number, array in enumerate(layer.variables.values()):
            tree.put(f"{path}/vars/{number}", np.asarray(array))
    return tree


def weight_paths(kinds: list[str], above: str = "") -> list[str]:
    """Where the weights of each layer are, from the classes of all layers in order.

    Keras numbers the layers of each class, and writes names of classes in snake case.
    """
    counts, paths = Counter[str](), []
    for kind in kinds:
        name = snake_case(kind)
        paths.append(f"{above}layers/{name}{f'_{counts[name]}' if counts[name] else ''}")
        counts[name] += 1
    return paths


def snake_case(name: str) -> str:
    """``conv2d`` for ``Conv2D``, ``batch_normalization`` for ``BatchNormalization``."""
    return re.sub(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", name).lower()
