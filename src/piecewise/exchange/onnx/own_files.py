"""ONNX files that piecewise wrote: their metadata hold the network, their constants its arrays."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ...core.constraints import MAX_CLASSES, MAX_NOTATION
from ...core.errors import ModelFileError, shown
from ...data.modalities import preprocessor_from_json
from ...spec.architecture import Architecture
from ...spec.calibration import Calibration
from ...spec.parameters import all_finite
from ...storage.model_file import SavedModel, Short
from ...storage.safetensors_file import parse_json, validate
from .metadata import FORMAT, KEY
from .model_proto import ModelProto


class _Metadata(BaseModel):
    """What the metadata of a file say of its network."""

    model_config = ConfigDict(strict=True, extra="ignore")

    format: int
    layers: Annotated[str, Field(max_length=MAX_NOTATION)]
    input: Annotated[list[int], Field(min_length=3, max_length=3)]
    classes: Annotated[list[Short], Field(min_length=1, max_length=MAX_CLASSES)]
    seed: Annotated[int, Field(ge=0, lt=2**64)]
    preprocessor: dict[str, Any]
    calibration: dict[str, Any]


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


def model_without_arrays(text: str) -> SavedModel:
    """The network that the metadata of a file describe, without its arrays; ValueError."""
    metadata = validate(_Metadata, parse_json(text))
    if metadata.format != FORMAT:
        raise ModelFileError(
            f"its metadata have format {shown(metadata.format)}, this version reads {FORMAT}; "
            "install the version of piecewise that wrote it"
        )
    architecture = Architecture(metadata.layers, metadata.input, metadata.classes)
    preprocessor = preprocessor_from_json(metadata.preprocessor, architecture.input)
    calibration = Calibration.from_json(metadata.calibration)
    return SavedModel(architecture, metadata.seed, preprocessor, {}, calibration=calibration)
