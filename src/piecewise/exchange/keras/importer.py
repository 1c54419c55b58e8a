"""The Keras importer: `.keras` files, and `.h5` files of Keras 2 and 3, as layers of piecewise.

Files that piecewise wrote say in their metadata what network they hold; of other files, the layers
from the input to the output become layers. No class and no code of a file is ever loaded.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...core.errors import ModelFileError, shown
from ...storage.model_file import SavedModel
from ..checked_layers import WANTED_INPUT
from ..formats.hdf5_reader import read_hdf5
from ..formats.hdf5_writer import SIGNATURE
from ..formats.mapped import mapped
from ..own_metadata import KEY
from ..registry import ImportOptions
from .archive import MAX_BYTES, MAX_CONFIG_BYTES, keras_parts
from .files import CONFIG, METADATA, WEIGHTS
from .legacy_files import CONFIG as LEGACY_CONFIG
from .legacy_files import WEIGHTS as LEGACY_WEIGHTS
from .model_path import FileLayer, model_path
from .operators import add_layer
from .own_files import own_model
from .settings import Sides
from .walker import KerasWalker
from .weights import NamedWeights, PathWeights, Weights

TITLE = "Keras (.keras, .h5)"
FILES_OF_LAYERS: tuple[str, ...] = ()
_SUFFIXES = (".h5", ".hdf5", ".keras")


def recognizes(path: Path, start: bytes) -> bool:
    """Whether a file is of this format, by its first bytes and its suffix."""
    return start.startswith(SIGNATURE) or path.suffix.lower() in _SUFFIXES


def read(path: Path, options: ImportOptions) -> SavedModel:
    """Read a file; OSError or ValueError, without the file's name, if that fails."""
    content = mapped(path, "Keras file", MAX_BYTES)
    if bytes(content[:4]) == b"PK\3\4":
        return _read_keras(keras_parts(path, content), options)
    root = read_hdf5(content)
    text = root.text(LEGACY_CONFIG)
    if text is None:
        raise ModelFileError("it holds weights without layers; save the whole model, not weights")
    if len(text) > MAX_CONFIG_BYTES:
        raise ModelFileError(f"the settings of its layers have {len(text):,} characters")
    config, own = _json(text, LEGACY_CONFIG), root.text(KEY)
    weights = NamedWeights(root.group(LEGACY_WEIGHTS) or root)
    return _model(config, own, weights, None, options)


def _read_keras(parts: dict[str, memoryview], options: ImportOptions) -> SavedModel:
    config = _json(_text(parts[CONFIG], CONFIG), CONFIG)
    metadata: Any = {}
    if METADATA in parts:
        metadata = _json(_text(parts[METADATA], METADATA), METADATA)
    own = metadata.get(KEY) if isinstance(metadata, dict) else None
    classes = metadata.get("classes") if isinstance(metadata, dict) else None
    return _model(config, own, PathWeights(read_hdf5(parts[WEIGHTS])), classes, options)


def _model(
    config: Any, own: Any, weights: Weights, classes: Any, options: ImportOptions
) -> SavedModel:
    """The network of the settings and the arrays of a file."""
    if isinstance(own, str):
        return own_model(own, config, weights)
    path = model_path(config)
    walker = KerasWalker(*_input(path, options), weights, options.levels)
    for layer in path:
        add_layer(walker, layer)
    walker.check_end()
    count = walker.chain.shape.values
    return walker.chain.finish(_class_names(classes, count), source=TITLE)


def _input(path: list[FileLayer], options: ImportOptions) -> tuple[Sides, int | None]:
    """The shape of one input, and the rows of the table if the inputs are tokens."""
    sides = next((found for layer in path[:2] if (found := layer.settings.input_sides())), None)
    first = next((layer for layer in path if layer.kind != "InputLayer"), None)
    if sides is None and first is not None and first.kind == "Embedding":
        length = first.settings.get("input_length")
        sides = (length,) if type(length) is int else None
    if options.input is not None:
        channels, height, width = options.input
        asked: Sides = (height, width, channels)
        given = sides if sides is not None else asked
        if len(given) < 3:
            asked = (width, channels) if len(given) == 2 else (channels * height * width,)
        if first is not None and first.kind == "Embedding":
            asked = (width,)
        if any(side not in (None, own) for side, own in zip(given, asked, strict=True)):
            raise ModelFileError(f"its input is {given}, and `input` says {options.input}")
        sides = asked
    if sides is None:
        raise ModelFileError(f"it does not state the shape of its input; {WANTED_INPUT}")
    if first is not None and first.kind == "Embedding":
        return sides, first.settings.integer("input_dim")
    return sides, None


def _class_names(classes: Any, count: int) -> list[str] | None:
    """The names of the classes of a file, if it has as many as outputs."""
    fits = isinstance(classes, list) and len(classes) == count == len(set(map(str, classes)))
    return classes if fits and all(type(one) is str for one in classes) else None


def _text(content: memoryview, name: str) -> str:
    try:
        return str(content, "utf-8")
    except UnicodeDecodeError:
        raise ModelFileError(f"its {name} is not a text in UTF-8") from None


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ModelFileError(f"its {name} is not JSON: {shown(text)}") from None
