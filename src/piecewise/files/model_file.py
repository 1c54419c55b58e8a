"""The model file: one .safetensors with the tensors by name and the rest as JSON beside them.

It holds no code: a text in the notation, plain values, and numbers. The reader believes nothing:
sizes are checked against the file's length, and names and shapes against the table that the
notation gives, before a tensor is read.
"""

from __future__ import annotations

import json
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
from ..data.preparation import Preparation
from ..errors import DataError, LimitError, ModelFileError, NotationError, shown
from ..limits import LONGEST_NOTATION, MOST_CLASSES, MOST_PARAMETERS
from .whole import write_whole

KEY = "piecewise"
LARGEST_HEADER = 8 << 20  # bytes
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


def write(path: str | os.PathLike[str], model: Model, versions: Mapping[str, str]) -> None:
    """Write a model file and read it back; ModelFileError, and nothing changed, if it fails."""
    place = Path(path)
    header = _Header(
        format=1,
        layers=model.architecture.notation,
        input=list(model.architecture.input),
        classes=list(model.architecture.classes),
        seed=model.seed,
        preparation=model.preparation.to_json(),
        recipe=model.recipe,
        history=model.history,
        versions=dict(versions),
    )
    arrays = {name: np.ascontiguousarray(array, "<f4") for name, array in model.arrays.items()}
    content = safetensors_bytes(arrays, metadata={KEY: header.model_dump_json()})
    try:
        write_whole(place, content)
    except OSError as error:
        raise ModelFileError(f"{place}: not written: {error.strerror or error}") from None
    back = read(place).arrays
    if any(back[name].tobytes() != array.tobytes() for name, array in arrays.items()):
        raise ModelFileError(f"{place}: the disk gave back other numbers; save it elsewhere")


def read(path: str | os.PathLike[str]) -> Model:
    """The model in a file; ModelFileError, saying what is wrong, if there is none."""
    place = Path(path)
    try:
        _check_sizes(place)
        with safe_open(place, framework="numpy") as file:
            header = _header(file.metadata())
            architecture = Architecture(header.layers, header.input, header.classes)
            preparation = Preparation.from_json(header.preparation, architecture.input)
            arrays = _arrays(file, architecture)
    except OSError as error:
        raise ModelFileError(f"{place}: {error.strerror or error}") from None
    except SafetensorError as error:
        raise ModelFileError(f"{place}: not a whole safetensors file: {error}") from None
    except (NotationError, LimitError, DataError, ModelFileError) as error:
        raise ModelFileError(f"{place}: {error}") from None
    return Model(architecture, header.seed, preparation, arrays, header.recipe, header.history)


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
        return _Header.model_validate(json.loads(text, parse_constant=_no_constant))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the header"
        got = shown(first["input"])
        raise ModelFileError(f"its {where}: {first['msg']}, got {got}") from None
    except (ValueError, RecursionError):
        raise ModelFileError("its header is not JSON") from None


def _no_constant(word: str) -> None:
    raise ValueError(word)  # NaN and Infinity are not JSON


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
    return arrays


def _check_tensor(found: Any, row: Row) -> None:
    dtype, shape = found.get_dtype(), tuple(found.get_shape())
    if dtype != "F32" or shape != row.shape:
        raise ModelFileError(f"the tensor {row.name}: got {dtype} {shape}, wanted F32 {row.shape}")
