"""ONNX files that piecewise wrote: their metadata hold the network, their constants its arrays."""

from __future__ import annotations

from ...core.errors import ModelFileError
from ...storage.model_file import SavedModel
from ..own_metadata import KEY, checked_array, model_without_arrays
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
        tensors[row.name] = checked_array(row, tensor.array())
    made.tensors = tensors
    return made
