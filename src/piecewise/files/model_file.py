"""The model file: one .safetensors with the tensors by name and the rest as JSON beside them.

It holds no code: a text in the notation, plain values, and numbers. The reader believes nothing:
sizes are checked against the file's length, and names and shapes against the table that the
notation gives, before a tensor is read.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as safetensors_bytes

from ..architecture import Architecture, Row
from ..calibration import Calibration
from ..data.preparation import Preparation
from ..errors import ModelFileError, PiecewiseError, shown
from ..limits import LONGEST_NOTATION, MOST_CLASSES, MOST_PARAMETERS
from .whole import write_whole

KEY = "piecewise"
LARGEST_HEADER = 32 << 20  # bytes; a history of 100,000 epochs takes a third of it
LARGEST_FILE = 8 + LARGEST_HEADER + 4 * 2 * MOST_PARAMETERS

Float32 = npt.NDArray[np.float32]
Short = Annotated[str, Field(max_length=1_000)]


@dataclass
class Model:
    """All that a model file holds."""

    architecture: Architecture
    seed: int
    preparation: Preparation
    arrays: Mapping[str, Float32]
    recipe: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    calibration: Calibration = field(default_factory=Calibration)


class _Header(BaseModel):
    """The JSON of a model file. Later versions may add fields; they do not change these."""

    model_config = ConfigDict(strict=True, extra="ignore")

    format: Literal[1]
    layers: Annotated[str, Field(max_length=LONGEST_NOTATION)]
    input: Annotated[list[int], Field(min_length=3, max_length=3)]
    classes: Annotated[list[Short], Field(min_length=1, max_length=MOST_CLASSES)]
    seed: Annotated[int, Field(ge=0, lt=2**64)]
    preparation: dict[str, Any]
    recipe: dict[str, Any]
    history: Annotated[list[dict[str, Any]], Field(max_length=1_000_000)]
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

        write_whole(place, safetensors_bytes(arrays, metadata=metadata), check)
    except (OSError, PiecewiseError, ValueError) as error:
        raise ModelFileError(f"{place}: not written: {_reason(error)}") from None


def _header_text(model: Model, versions: Mapping[str, str]) -> str:
    """The JSON of a model; ModelFileError where the reader would refuse it."""
    plain = {
        "format": 1,
        "layers": model.architecture.notation,
        "input": list(model.architecture.input),
        "classes": list(model.architecture.classes),
        "seed": model.seed,
        "preparation": model.preparation.to_json(),
        "recipe": model.recipe,
        "history": model.history,
        "versions": dict(versions),
        "calibration": model.calibration.to_json(),
    }
    _checked(plain)
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
    except (OSError, PiecewiseError, ValueError) as error:
        raise ModelFileError(f"{Path(path)}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """What an error says, without the number and the file's name that the system's errors carry."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _read(place: Path) -> Model:
    """The model in a file; an error that does not name the file if there is none."""
    _check_sizes(place)
    try:
        with safe_open(place, framework="numpy") as file:
            header = _header(file.metadata())
            architecture = Architecture(header.layers, header.input, header.classes)
            preparation = Preparation.from_json(header.preparation, architecture.input)
            calibration = Calibration.from_json(header.calibration)
            arrays = _arrays(file, architecture)
    except SafetensorError as error:
        raise ModelFileError(f"not a whole safetensors file: {error}") from None
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise ModelFileError("not a whole safetensors file: its reader gave up") from None
    return Model(
        architecture,
        header.seed,
        preparation,
        arrays,
        header.recipe,
        header.history,
        calibration,
    )


def _check_sizes(place: Path) -> None:
    """Refuse what is no model file by its first bytes, before anything is read whole."""
    if place.is_dir():
        raise ModelFileError("a folder, wanted a model file (.safetensors)")
    size = place.stat().st_size
    if size > LARGEST_FILE:
        raise ModelFileError(f"{size:,} bytes, wanted at most {LARGEST_FILE:,}")
    with place.open("rb") as file:
        start = file.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > size - 8:
        raise ModelFileError(
            "not a whole safetensors file; was it cut short, or is it another kind?"
        )
    if length > LARGEST_HEADER:
        raise ModelFileError(f"a header of {length:,} bytes, wanted at most {LARGEST_HEADER:,}")


def _header(metadata: dict[str, str] | None) -> _Header:
    text = (metadata or {}).get(KEY)
    if text is None:
        raise ModelFileError("a safetensors file, but not one that piecewise wrote")
    try:
        plain = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        raise ModelFileError("its header is not JSON") from None
    return _checked(plain)


def _checked(plain: Any) -> _Header:
    try:
        return _Header.model_validate(plain)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the header"
        got = shown(first["input"])
        raise ModelFileError(f"its {where}: {first['msg']}, got {got}") from None


def _finite(word: str) -> float:
    """A number of the header; JSON has neither NaN nor Infinity, and 1e999 would be one."""
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(word)
    return number


def _arrays(file: Any, architecture: Architecture) -> dict[str, Float32]:
    """The tensors, their names, types and shapes checked against the table first."""
    rows = {row.name: row for row in architecture.parameters + architecture.averages}
    names = set(file.keys())
    if names != set(rows):
        odd = sorted(names ^ set(rows))[0]
        state = "missing" if odd in rows else "one too many"
        raise ModelFileError(
            f"the tensor {shown(odd)} is {state} for {shown(architecture.notation)}"
        )
    for row in rows.values():
        _check_tensor(file.get_slice(row.name), row)
    arrays = {name: file.get_tensor(name) for name in rows}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ModelFileError(f"the tensor {name} holds values that are not finite numbers")
        if array.min() < rows[name].tensor.least:
            raise ModelFileError(
                f"the tensor {name} holds values below {rows[name].tensor.least:g}"
            )
    return arrays


def _check_tensor(found: Any, row: Row) -> None:
    dtype, shape = found.get_dtype(), tuple(found.get_shape())
    if dtype != "F32" or shape != row.shape:
        raise ModelFileError(f"the tensor {row.name}: got {dtype} {shape}, wanted F32 {row.shape}")
