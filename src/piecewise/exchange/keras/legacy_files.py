"""The `.h5` files of Keras 2: a Sequential model as JSON, and the arrays of each layer by name."""

from __future__ import annotations

import json
from typing import Any

from ..formats.hdf5_writer import AttributeValue, Hdf5Tree, hdf5_bytes
from .layer_list import KerasLayer, LayerList

CONFIG, WEIGHTS = "model_config", "model_weights"
"""The attribute with the settings of the layers, and the group with their arrays."""
LAYER_NAMES, WEIGHT_NAMES = "layer_names", "weight_names"
"""The attributes that list layers, and the arrays of a layer."""
KERAS_VERSION = "2.4.0"
_VERSION: dict[str, AttributeValue] = {"keras_version": KERAS_VERSION, "backend": "tensorflow"}
_NO_INITIALIZERS = {
    "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
    "bias_initializer": {"class_name": "Zeros", "config": {}},
    "kernel_regularizer": None,
    "bias_regularizer": None,
    "activity_regularizer": None,
    "kernel_constraint": None,
    "bias_constraint": None,
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "Conv2D": _NO_INITIALIZERS,
    "Dense": _NO_INITIALIZERS,
    "BatchNormalization": {
        "beta_initializer": {"class_name": "Zeros", "config": {}},
        "gamma_initializer": {"class_name": "Ones", "config": {}},
        "moving_mean_initializer": {"class_name": "Zeros", "config": {}},
        "moving_variance_initializer": {"class_name": "Ones", "config": {}},
        "beta_regularizer": None,
        "gamma_regularizer": None,
        "beta_constraint": None,
        "gamma_constraint": None,
    },
}
"""Settings that matter for training on, which some readers require."""


def legacy_bytes(layers: LayerList, name: str, metadata: str) -> bytes:
    """A `.h5` file of layers in a chain, the first of which is an InputLayer; ``metadata`` becomes
    an attribute."""
    first, *others = layers.in_keras_order()
    made = [_layer(layer) for layer in (first, *others)]
    config = {"class_name": "Sequential", "config": {"name": name, "layers": made}}
    weights = Hdf5Tree({**_VERSION, LAYER_NAMES: [layer.name for layer in others]})
    for layer in others:
        names = [f"{layer.name}/{variable}:0" for variable in layer.variables]
        weights.members[layer.name] = Hdf5Tree({WEIGHT_NAMES: names})
        for weight, array in zip(names, layer.variables.values(), strict=True):
            weights.put(f"{layer.name}/{weight}", array)
    texts = {**_VERSION, CONFIG: json.dumps(config, allow_nan=False), "piecewise": metadata}
    return hdf5_bytes(Hdf5Tree(texts, {WEIGHTS: weights}))


def _layer(layer: KerasLayer) -> dict[str, Any]:
    """A layer as Keras 2 writes it."""
    config: dict[str, Any] = {"name": layer.name, "trainable": True, "dtype": "float32"}
    if layer.kind == "InputLayer":
        del config["trainable"]
        config |= {"batch_input_shape": [None, *layer.dims], "sparse": False, "ragged": False}
    config |= layer.config | _DEFAULTS.get(layer.kind, {})
    config.pop("groups", None)  # newer than this version
    return {"class_name": layer.kind, "config": config}
