"""The metadata of files that piecewise writes: the classes, and all but the arrays of the
network."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..core.array_types import Array, Float32
from ..core.errors import ModelFileError, shown
from ..data.modalities import preprocessor_from_json
from ..spec.architecture import Architecture, ArrayEntry
from ..spec.calibration import Calibration
from ..spec.parameters import all_finite
from ..storage.model_file import NetworkFields, SavedModel
from ..storage.safetensors_file import parse_json, validate

KEY = "piecewise"
"""The name of the metadata that hold the network without its arrays."""
FORMAT = 1


class _Metadata(NetworkFields):
    """What the metadata of a file say of its network."""

    calibration: dict[str, Any]


def metadata(model: SavedModel) -> dict[str, str]:
    """The metadata of a file, each a text."""
    architecture = model.architecture
    own = {
        "format": FORMAT,
        "layers": architecture.notation,
        "input": list(architecture.input),
        "classes": list(architecture.classes),
        "seed": model.seed,
        "preprocessor": model.preprocessor.to_json(),
        "calibration": model.calibration.file_values(),
    }
    return {
        "classes": _json(list(architecture.classes)),
        "notation": architecture.notation,
        KEY: _json(own),
    }


def one_line(model: SavedModel) -> str:
    """The metadata that `model_without_arrays` reads, in one line of ASCII."""
    return json.dumps(json.loads(metadata(model)[KEY]), allow_nan=False)


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


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


def checked_array(row: ArrayEntry, array: Array) -> Float32:
    """An array of a file that piecewise wrote; ModelFileError if the network cannot have it."""
    if array.dtype != np.float32 or array.shape != row.shape:
        got = f"{array.dtype} {array.shape}"
        raise ModelFileError(f"its {row.name}: got {got}, wanted float32 {row.shape}")
    if not all_finite(array) or array.min() < row.tensor.minimum:
        raise ModelFileError(f"its {row.name} has values that are not allowed")
    return array
