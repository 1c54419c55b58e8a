"""The ONNX importer: a model file of any tool as layers of piecewise, or refused by name.

Files that piecewise wrote say in their metadata what network they hold; of other files, the nodes
from the input to the output become layers.
"""

from __future__ import annotations

import json
import mmap
from pathlib import Path

from ...core.errors import ModelFileError
from ...data.file_bytes import open_regular_file
from ...spec.layer_base import Shape
from ...storage.model_file import SavedModel
from ..own_metadata import KEY
from ..registry import ImportOptions
from .constants import Constants
from .input_axes import input_axes
from .model_proto import ModelProto
from .operators import OPERATORS
from .own_files import own_model
from .path import Path as GraphPath
from .path import class_labels, path_of
from .tokens import reads_tokens, token_walker
from .walker import Walker

TITLE = "ONNX"
MAX_BYTES = (1 << 31) - 1
"""Bytes of a file; protocol buffers have no more."""
_CLASS_KEYS = ("classes", "class_names", "names", "labels")


def recognizes(path: Path, start: bytes) -> bool:
    """Whether a file is of this format, by its first bytes and its suffix."""
    return path.suffix.lower() == ".onnx"


def read(path: Path, options: ImportOptions) -> SavedModel:
    """Read a file; OSError or ValueError, without the file's name, if that fails.

    The parameters are views of the file where it holds them as they are.
    """
    with open_regular_file(path) as file:
        size = file.seek(0, 2)
        if not 0 < size <= MAX_BYTES:
            raise ModelFileError(f"{size:,} bytes, wanted 1 to {MAX_BYTES:,}")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return model_of(ModelProto.read(memoryview(mapped)), options)


def model_of(model: ModelProto, options: ImportOptions) -> SavedModel:
    """The network of a model."""
    if KEY in model.metadata:
        return own_model(model)
    constants = Constants(model.initializers)
    path = path_of(model, constants)
    walker = walked(path, constants, options)
    classes = options.classes or _classes(model, walker.chain.shape.values)
    return walker.chain.finish(classes, None, TITLE)


def walked(path: GraphPath, constants: Constants, options: ImportOptions) -> Walker:
    """The walker at the end of a path."""
    wanted = None if options.input is None else Shape(*options.input)
    if reads_tokens(path):
        walker = token_walker(path, constants, wanted)
    else:
        walker = Walker(path, constants, *input_axes(path, constants, wanted))
    walker.walk(OPERATORS)
    return walker


def _classes(model: ModelProto, count: int) -> list[str] | None:
    """The names of the classes in a file, where there are as many as outputs."""
    names = class_labels(model)
    for key in _CLASS_KEYS:
        if names is None and key in model.metadata:
            names = _json_names(model.metadata[key])
    return names if names is not None and len(names) == count == len(set(names)) else None


def _json_names(text: str) -> list[str] | None:
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return names if isinstance(names, list) and all(type(one) is str for one in names) else None
