"""Keras files that piecewise wrote: their metadata hold the network, their layers its arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.array_types import Float32
from ...core.errors import ModelFileError
from ...spec.architecture import Stage
from ...spec.layer_base import Shape
from ...storage.model_file import SavedModel
from ..own_metadata import checked_array, model_without_arrays
from .layers import LOGITS
from .model_path import FileLayer, model_layers
from .weights import Weights


def own_model(text: str, config: Any, weights: Weights) -> SavedModel:
    """The network of a file that piecewise wrote, from its metadata; ValueError."""
    model = model_without_arrays(text)
    layers = {layer.name: layer for layer in model_layers(config)}
    tensors: dict[str, Float32] = {}
    for stage in model.architecture.stages:
        if not stage.arrays:
            continue
        layer = layers.get(stage.name) or layers.get(LOGITS)
        if layer is None:
            raise ModelFileError(f"its layer {stage.name} is missing; export the network again")
        arrays = _arrays(stage, layer, weights)
        for row in stage.arrays:
            tensors[row.name] = checked_array(row, arrays[row.tensor.name])
    model.tensors = tensors
    return model


def _arrays(stage: Stage, layer: FileLayer, weights: Weights) -> dict[str, Float32]:
    """The arrays of a stage by their short names, in the order of piecewise."""
    ranks = {"conv": 4, "full": 2, "embed": 2}.get(stage.layer.word, 1)
    found = weights.of(layer, ranks, *[1] * (len(stage.arrays) - 1))
    names = [row.tensor.name for row in stage.arrays]
    arrays = dict(zip(names, found, strict=True))
    if stage.layer.word == "conv":
        arrays["weight"] = arrays["weight"].transpose(3, 2, 0, 1)
    elif stage.layer.word == "full":
        arrays["weight"] = _channels_first(arrays["weight"], stage.input)
    return arrays


def _channels_first(kernel: Float32, shape: Shape) -> Float32:
    """The kernel (row x column x channel, neurons) of a full layer as its weight."""
    channels, height, width = shape
    if kernel.shape[0] != shape.values:
        return kernel  # refused by its shape
    cells = kernel.reshape(height, width, channels, -1).transpose(3, 2, 0, 1)
    return np.ascontiguousarray(cells).reshape(kernel.shape[1], -1)
