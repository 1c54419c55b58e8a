"""The ONNX importer: a model file of any tool as layers of piecewise, or refused by name.

Files that piecewise wrote say in their metadata what network they hold; of other files, the nodes
from the input to the output become layers.
"""

from __future__ import annotations

import json
from pathlib import Path

from ...spec.layer_base import Shape
from ...storage.model_file import SavedModel
from ..formats.mapped import mapped
from ..input_scale import BYTES, FRACTIONS, OWN_RANGE, InputLevels
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
FILES_OF_LAYERS: tuple[str, ...] = ()
MAX_BYTES = (1 << 31) - 1
"""Bytes of a file; protocol buffers have no more."""
_NOMINAL_RANGES = {
    "NominalRange_0_255": BYTES,
    "Normalized_0_1": FRACTIONS,
    "Normalized_1_1": OWN_RANGE,
}
_CLASS_KEYS = ("classes", "class_names", "names", "labels")


def recognizes(path: Path, start: bytes) -> bool:
    """Whether a file is of this format, by its first bytes and its suffix."""
    return path.suffix.lower() == ".onnx"


def read(path: Path, options: ImportOptions) -> SavedModel:
    """Read a file; OSError or ValueError, without the file's name, if that fails.

    The parameters are views of the file where it holds them as they are.
    """
    return model_of(ModelProto.read(mapped(path, "file of ONNX", MAX_BYTES)), options)


def model_of(model: ModelProto, options: ImportOptions) -> SavedModel:
    """The network of a model."""
    if KEY in model.metadata:
        return own_model(model)
    constants = Constants(model.initializers)
    path = path_of(model, constants)
    stated = _image_levels(model.metadata)
    is_used = stated is not None and options.levels == InputLevels()
    walker = walked(path, constants, options._replace(levels=stated) if is_used else options)
    chain = walker.chain
    if is_used:
        chain.notes.append("inputs: the metadata of the file say which numbers pixels are")
    chain.check_end(sum(map(bool, walker.axes.groups)) < 2)
    return chain.finish(_classes(model, chain.shape.values), None, TITLE)


def walked(path: GraphPath, constants: Constants, options: ImportOptions) -> Walker:
    """The walker at the end of a path."""
    wanted = None if options.input is None else Shape(*options.input)
    if reads_tokens(path):
        walker = token_walker(path, constants, wanted, options.levels)
    else:
        walker = Walker(path, constants, *input_axes(path, constants, wanted), options.levels)
    walker.walk(OPERATORS)
    return walker


def _classes(model: ModelProto, count: int) -> list[str] | None:
    """The names of the classes in a file, where there are as many as outputs."""
    names = class_labels(model)
    for key in _CLASS_KEYS:
        if names is None and key in model.metadata:
            names = _json_names(model.metadata[key])
    return names if names is not None and len(names) == count == len(set(names)) else None


def _image_levels(metadata: dict[str, str]) -> InputLevels | None:
    """What the metadata of the ONNX standard say about pixels; None without."""
    levels = _NOMINAL_RANGES.get(metadata.get("Image.NominalPixelRange", ""))
    is_bgr = metadata.get("Image.BitmapPixelFormat") == "Bgr8"
    if levels is None and not is_bgr:
        return None
    return InputLevels(range=levels, channel_order="bgr" if is_bgr else None)


def _json_names(text: str) -> list[str] | None:
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return names if isinstance(names, list) and all(type(one) is str for one in names) else None
