"""The metadata of an ONNX file: class names, and what is needed to import the network again."""

from __future__ import annotations

import json
from typing import Any

from ...storage.model_file import SavedModel

KEY = "piecewise"
"""The name of the metadata that hold the network without its parameters, which are constants of the
graph under the names of `Network.state`."""
FORMAT = 1


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


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
