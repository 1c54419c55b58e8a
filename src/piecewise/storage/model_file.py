"""The model file: one .safetensors with the tensors by name and the rest as JSON beside them.

It holds no code: a text in the notation, plain values, and numbers. The reader believes nothing:
names and shapes are checked against the table that the notation gives before a tensor is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PlainValidator
from pydantic_core import PydanticKnownError
from safetensors.numpy import save as safetensors_bytes

from ..core.array_types import Float32
from ..core.atomic_write import write_atomically
from ..core.constraints import MAX_CLASSES, MAX_NOTATION, MAX_PARAMETERS
from ..core.errors import ModelFileError, PiecewiseError, reason, shown
from ..data.modalities import preprocessor_from_json
from ..data.preprocessing import Preprocessor
from ..spec.architecture import Architecture
from ..spec.calibration import Calibration
from . import safetensors_file

KEY = "piecewise"
LARGEST_FILE = 8 + safetensors_file.LARGEST_HEADER + 4 * 2 * MAX_PARAMETERS

Short = Annotated[str, Field(max_length=1_000)]


def _entry(value: object) -> dict[str, Any]:
    """An entry of a history as it is: a form's own check would copy it, and there may be many."""
    if not isinstance(value, dict):
        raise PydanticKnownError("dict_type")
    return value


Entry = Annotated[dict[str, Any], PlainValidator(_entry)]


@dataclass
class Model:
    """All that a model file holds."""

    architecture: Architecture
    seed: int
    preprocessor: Preprocessor
    arrays: Mapping[str, Float32]
    recipe: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    calibration: Calibration = field(default_factory=Calibration)


class _Header(BaseModel):
    """The JSON of a model file. Later versions may add fields; they do not change these."""

    model_config = ConfigDict(strict=True, extra="ignore")

    format: Literal[1]
    layers: Annotated[str, Field(max_length=MAX_NOTATION)]
    input: Annotated[list[int], Field(min_length=3, max_length=3)]
    classes: Annotated[list[Short], Field(min_length=1, max_length=MAX_CLASSES)]
    seed: Annotated[int, Field(ge=0, lt=2**64)]
    preprocessor: dict[str, Any]
    recipe: dict[str, Any]
    history: Annotated[list[Entry], Field(max_length=1_000_000)]
    versions: dict[Short, Short]
    calibration: dict[str, Any] = Calibration().to_json()


def write(path: str | os.PathLike[str], model: Model, versions: Mapping[str, str]) -> None:
    """Write a model file and read it back; ModelFileError, and nothing changed, if it fails."""
    place = Path(path)
    try:
        metadata = {KEY: _header_text(model, versions)}
        arrays = {name: np.ascontiguousarray(array, "<f4") for name, array in model.arrays.items()}

        def check(written: Path) -> None:
            back = _read(written).arrays
            if any(back[name].tobytes() != array.tobytes() for name, array in arrays.items()):
                raise ModelFileError("the disk gave back other numbers; save it elsewhere")

        write_atomically(place, safetensors_bytes(arrays, metadata=metadata), check)
    except (OSError, PiecewiseError, ValueError) as error:
        raise ModelFileError(f"{place}: not written: {reason(error)}") from None


def _header_text(model: Model, versions: Mapping[str, str]) -> str:
    """The JSON of a model; ModelFileError where the reader would refuse it."""
    plain = {
        "format": 1,
        "layers": model.architecture.notation,
        "input": list(model.architecture.input),
        "classes": list(model.architecture.classes),
        "seed": model.seed,
        "preprocessor": model.preprocessor.to_json(),
        "recipe": model.recipe,
        "history": model.history,
        "versions": dict(versions),
        "calibration": model.calibration.to_json(),
    }
    safetensors_file.checked(_Header, plain)
    try:
        text = json.dumps(plain, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelFileError(f"its recipe or history is not JSON: {error}") from None
    return text


def read(path: str | os.PathLike[str]) -> Model:
    """The model in a file; ModelFileError, saying what is wrong, if there is none."""
    try:
        return _read(Path(path))
    except (OSError, PiecewiseError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{Path(path)}: {reason(error)}") from None


def _read(place: Path) -> Model:
    """The model in a file; an error that does not name the file if there is none."""
    with safetensors_file.opened(place, "a model file (.safetensors)", LARGEST_FILE) as file:
        text = file.metadata.get(KEY)
        if text is None:
            raise ModelFileError("a safetensors file, but not one that piecewise wrote")
        header = safetensors_file.checked(_Header, safetensors_file.plain_values(text))
        architecture = Architecture(header.layers, header.input, header.classes)
        preprocessor = preprocessor_from_json(header.preprocessor, architecture.input)
        calibration = Calibration.from_json(header.calibration)
        rows = architecture.parameters + architecture.running_stats
        wanted = {row.name: row.shape for row in rows}
        arrays = file.read(wanted, shown(architecture.notation))
    for row in rows:
        if arrays[row.name].min() < row.tensor.minimum:
            raise ModelFileError(f"the tensor {row.name} holds values below {row.tensor.minimum:g}")
    return Model(
        architecture,
        header.seed,
        preprocessor,
        arrays,
        header.recipe,
        header.history,
        calibration,
    )
