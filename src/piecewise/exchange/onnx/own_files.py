"""ONNX files that piecewise wrote: their metadata hold the network, their constants its arrays."""

from __future__ import annotations

import numpy as np

from ...core.errors import ModelFileError
from ...spec.parameters import all_finite
from ...storage.model_file import SavedModel
from ..own_metadata import KEY, model_without_arrays
from .model_proto import ModelProto


def own_model(model: ModelProto) -> SavedModel:
    """The network of a file that piecewise wrote; ValueError."""
    made = model_without_arrays(model.metadata[KEY])
    tensors = {}
    architecture = made.architecture
    for row in architecture.parameters + architecture.running_stats:
        tensor = model.initializers.get(row.name)
        if tensor is None:
            raise ModelFileError(f"its constant {row.name} is missing; export the network again")
        array = tensor.array()
        if array.dtype != np.float32 or array.shape != row.shape:
            got = f"{array.dtype} {array.shape}"
            raise ModelFileError(f"its constant {row.name}: got {got}, wanted float32 {row.shape}")
        if not all_finite(array) or array.min() < row.tensor.minimum:
            raise ModelFileError(f"its constant {row.name} has values that are not allowed")
        tensors[row.name] = array
    made.tensors = tensors
    return made
