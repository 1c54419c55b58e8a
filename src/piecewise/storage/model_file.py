"""The model file: a .safetensors file with the parameters, and a JSON header for everything else.

It holds no code: the layers as text in the notation, JSON values, float32 tensors, and a table of
bytes with the digests of the training examples. The reader checks the names and shapes of the
tensors against the layers before it reads one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import PIL
from pydantic import BaseModel, ConfigDict, Field, PlainValidator
from pydantic_core import PydanticKnownError
from safetensors.numpy import save as safetensors_bytes

from ..core.array_types import Array, Float32
from ..core.atomic_write import write_atomically
from ..core.constraints import MAX_CLASSES, MAX_NOTATION, MAX_PARAMETERS
from ..core.errors import ModelFileError, PiecewiseError, reason, shown
from ..core.version import __version__
from ..data.file_bytes import MISSING_ADDRESS, is_address, path_name
from ..data.modalities import preprocessor_from_json
from ..data.preprocessing import Preprocessor
from ..spec.architecture import Architecture
from ..spec.calibration import Calibration
from ..spec.parameters import arrays_sha256
from ..spec.training_digests import DIGEST_BYTES, MAX_DIGESTS, TrainingDigests
from .safetensors_file import MAX_HEADER_BYTES, open_safetensors, parse_json, validate

KEY = "piecewise"
FORMAT = 2
"""The version of the header's fields; a file of another version is refused."""
DIGESTS = "training_digests"
"""The name of the tensor of digests; it is left out if there are none."""
MAX_FILE_BYTES = 8 + MAX_HEADER_BYTES + 4 * 2 * MAX_PARAMETERS + DIGEST_BYTES * MAX_DIGESTS

Short = Annotated[str, Field(max_length=1_000)]


def _entry(value: object) -> dict[str, Any]:
    """An epoch of the history, not copied: pydantic would copy it, and there may be 100,000."""
    if not isinstance(value, dict):
        raise PydanticKnownError("dict_type")
    return value


Entry = Annotated[dict[str, Any], PlainValidator(_entry)]


@dataclass
class SavedModel:
    """The contents of a model file."""

    architecture: Architecture
    seed: int
    preprocessor: Preprocessor
    tensors: Mapping[str, Float32]
    """Parameters and running statistics."""
    recipe: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    calibration: Calibration = field(default_factory=Calibration)
    training_summary: dict[str, Any] = field(default_factory=dict)
    training_digests: TrainingDigests = field(default_factory=TrainingDigests)

    @property
    def parameters_sha256(self) -> str:
        """SHA-256 of the parameters, then the running statistics, as little-endian float32."""
        rows = self.architecture.parameters + self.architecture.running_stats
        return arrays_sha256(rows, self.tensors)


class NetworkFields(BaseModel):
    """What a JSON object in a file says of a network. A later version may add fields without a new
    format."""

    model_config = ConfigDict(strict=True, extra="ignore")

    format: int
    layers: Annotated[str, Field(max_length=MAX_NOTATION)]
    input: Annotated[list[int], Field(min_length=3, max_length=3)]
    classes: Annotated[list[Short], Field(min_length=1, max_length=MAX_CLASSES)]
    seed: Annotated[int, Field(ge=0, lt=2**64)]
    preprocessor: dict[str, Any]


class _ModelHeader(NetworkFields):
    """The JSON header of a model file."""

    format: Literal[2]
    recipe: dict[str, Any]
    history: Annotated[list[Entry], Field(max_length=1_000_000)]
    versions: dict[Short, Short]
    calibration: dict[str, Any] = Calibration().file_values()
    training_summary: dict[str, Any] = {}
    digests_complete: bool = True


_OTHER_SUFFIXES = (
    ".bin", ".ckpt", ".csv", ".h5", ".html", ".json", ".jsonl", ".keras", ".npy", ".npz", ".onnx",
    ".pickle", ".pkl", ".png", ".pt", ".pth", ".txt", ".xlsx", ".zip",
)  # fmt: skip


def check_name(path: Path) -> None:
    """Refuse a name that says that the file is of another format; ModelFileError."""
    if path.suffix.lower() in _OTHER_SUFFIXES:
        right = path.with_suffix(".safetensors").name
        raise ModelFileError(
            f"{path}: a model file is a .safetensors file; take a name such as {right}"
        )


def write(path: str | os.PathLike[str], model: SavedModel) -> None:
    """Write a model file atomically and read it back; ModelFileError if that fails."""
    path = Path(path)
    check_name(path)
    try:

        def check(written: Path) -> None:
            try:
                _read(written)
            except ModelFileError:
                raise ModelFileError(
                    "the disk returned other values than were written; save it elsewhere"
                ) from None

        write_atomically(path, content(model), check)
    except (OSError, PiecewiseError, ValueError) as error:
        raise ModelFileError(f"{path}: not written: {reason(error)}") from None


def content(model: SavedModel) -> bytes:
    """The bytes of a model file; the same model gives the same bytes."""
    text = _header_text(model)
    arrays: dict[str, Array] = {
        name: np.ascontiguousarray(array, "<f4") for name, array in model.tensors.items()
    }
    if len(digests := model.training_digests.to_bytes()):
        arrays[DIGESTS] = digests
    metadata = {KEY: f"{text[:-1]}{_checksum_field(text[:-1], arrays)}"}
    return safetensors_bytes(arrays, metadata=metadata)


def _header_text(model: SavedModel) -> str:
    """The JSON header of a model; ModelFileError if the reader would refuse it."""
    header = {
        "format": FORMAT,
        "layers": model.architecture.notation,
        "input": list(model.architecture.input),
        "classes": list(model.architecture.classes),
        "seed": model.seed,
        "preprocessor": model.preprocessor.to_json(),
        "recipe": model.recipe,
        "history": model.history,
        "versions": {
            "piecewise": __version__,
            "numpy": np.__version__,
            "pillow": PIL.__version__,
        },
        "calibration": model.calibration.file_values(),
        "training_summary": model.training_summary,
        "digests_complete": model.training_digests.is_complete,
    }
    validate(_ModelHeader, header)
    try:
        text = json.dumps(header, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelFileError(f"its recipe or history is not JSON: {error}") from None
    return text


def read(path: str | os.PathLike[str]) -> SavedModel:
    """Read a model file; ModelFileError says what is wrong with it."""
    try:
        return _read(Path(path))
    except (OSError, PiecewiseError, ValueError, RecursionError) as error:
        is_missing_address = isinstance(error, FileNotFoundError) and is_address(Path(path))
        words = MISSING_ADDRESS if is_missing_address else reason(error)
        raise ModelFileError(f"{path_name(Path(path))}: {words}") from None


def _read(path: Path) -> SavedModel:
    """As `read`, with errors that do not name the file."""
    with open_safetensors(path, "a model file (.safetensors)", MAX_FILE_BYTES) as file:
        text = file.metadata.get(KEY)
        if text is None:
            raise ModelFileError("a safetensors file, but not one that piecewise wrote")
        values = parse_json(text)
        _check_format(values)
        header = validate(_ModelHeader, values)
        architecture = Architecture(header.layers, header.input, header.classes)
        preprocessor = preprocessor_from_json(header.preprocessor, architecture.input)
        calibration = Calibration.from_json(header.calibration)
        rows = architecture.parameters + architecture.running_stats
        shapes = {row.name: row.shape for row in rows}
        tensors = file.read(shapes, shown(architecture.notation), optional=DIGESTS)
        digests = file.read_bytes(DIGESTS, DIGEST_BYTES, MAX_DIGESTS)
        arrays: dict[str, Array] = tensors | ({DIGESTS: digests} if len(digests) else {})
        start, field, checksum = text.rpartition(_CHECKSUM_FIELD)
        if field + checksum != _checksum_field(start, arrays):
            raise ModelFileError(
                "its checksum does not fit its content, so it is damaged; copy it again, or train "
                "the network again"
            )
    for row in rows:
        if tensors[row.name].min() < row.tensor.minimum:
            raise ModelFileError(f"the tensor {row.name} holds values below {row.tensor.minimum:g}")
    return SavedModel(
        architecture,
        header.seed,
        preprocessor,
        tensors,
        header.recipe,
        header.history,
        calibration,
        header.training_summary,
        TrainingDigests.from_bytes(digests, is_complete=header.digests_complete),
    )


_CHECKSUM_FIELD = ',"sha256":"'


def _checksum_field(text: str, tensors: Mapping[str, Array]) -> str:
    """The last field of the header: SHA-256 of the header before it, ``text``, and of the tensors,
    little-endian, in the order of their names."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(np.ascontiguousarray(tensors[name]).data)
    return f'{_CHECKSUM_FIELD}{digest.hexdigest()}"}}'


def _check_format(header: Any) -> None:
    """Refuse the format of another version of piecewise, and say what to do about it."""
    number = header.get("format") if isinstance(header, dict) else None
    if type(number) is not int or number == FORMAT:
        return  # anything but an integer is left to the schema
    remedy = (
        "train the network again"
        if number < FORMAT
        else "install the version of piecewise that wrote it"
    )
    raise ModelFileError(
        f"its format is {shown(number)}, this version reads format {FORMAT}; {remedy}"
    )
