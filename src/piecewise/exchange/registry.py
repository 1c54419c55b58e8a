"""The registry of exporters, importers and runners, by the names of their modules."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..core.errors import LimitError, did_you_mean, shown
from ..storage.model_file import SavedModel
from .exporter import Exporter
from .input_scale import InputLevels
from .runner import Runner

_EXPORTERS: dict[str, str] = {
    "onnx": "onnx.exporter:OnnxExporter",
    "pytorch": "pytorch.exporter:PyTorchExporter",
    "tensorflow": "keras.exporter:TensorFlowExporter",
    "caffe": "caffe.exporter:CaffeExporter",
    "torch": "torch7.exporter:TorchExporter",
    "cntk": "cntk.exporter:CntkExporter",
    "dl4j": "deeplearning4j.exporter:Deeplearning4jExporter",
    "theano": "theano.exporter:TheanoExporter",
    "numpy": "numpy_script.exporter:NumPyExporter",
    "c": "c_source.exporter:CExporter",
    "html": "html.exporter:HtmlExporter",
    "card": "card.exporter:CardExporter",
}
"""By name, in the order in which they are listed: "module:class", below this package."""
_ALIASES = {
    "keras": "tensorflow",
    "tf": "tensorflow",
    "torch7": "torch",
    "lua": "torch",
    "deeplearning4j": "dl4j",
    "c99": "c",
    "javascript": "html",
    "js": "html",
    "browser": "html",
    "readme": "card",
    "modelcard": "card",
}
"""Other names of the same formats, in small letters and without spaces and signs."""
_RUNNERS = (
    "runners.onnxruntime:OnnxRuntime",
    "runners.python_toolkits:PYTORCH",
    "runners.python_toolkits:KERAS",
    "runners.python_toolkits:OPENCV_CAFFE",
    "runners.python_toolkits:OPENCV_TORCH",
    "runners.python_toolkits:CNTK",
    "runners.onnxruntime:CntkInOnnxRuntime",
    "runners.python_toolkits:KERAS_LEGACY",
    "runners.deeplearning4j:Deeplearning4jRunner",
    "runners.python_toolkits:THEANO",
    "runners.python_toolkits:NUMPY",
    "runners.c_compiler:CCompiler",
    "runners.javascript:JavaScriptRunner",
)
"""Runners, or classes of them, in the order of a passport."""
_IMPORTERS = (
    "onnx.importer",
    "caffe.importer",
    "torch7.importer",
    "pytorch.importer",
    "keras.importer",
)
"""The modules that have `recognizes` and `read`."""


class ImportOptions(NamedTuple):
    """What a user adds to what a file says."""

    input: tuple[int, int, int] | None = None
    """Channels, rows and columns, where the file leaves them open."""
    classes: tuple[str, ...] | None = None
    layers: str | None = None
    """The notation of a file of parameters alone."""
    architecture: Path | None = None
    """The file of the layers, where the parameters are in another one."""
    levels: InputLevels | None = InputLevels()
    """The pixels that the first layer reads; None to leave all inputs as they are in the file."""


class Importer(Protocol):
    """The functions in the module of each format that can be imported."""

    TITLE: str
    FILES_OF_LAYERS: tuple[str, ...]
    """The options among layers and architecture that the format needs; others are refused."""

    def recognizes(self, path: Path, start: bytes) -> bool:
        """Whether a file is of this format, by its first 64 bytes and its suffix."""

    def read(self, path: Path, options: ImportOptions) -> SavedModel:
        """Read a file; OSError or ValueError, without the file's name, if that fails."""


def exporter_names() -> tuple[str, ...]:
    """The names of all exporters."""
    return tuple(_EXPORTERS)


def exporter(name: str) -> Exporter:
    """The exporter of this name, or of another usual name of its format; LimitError if there is
    none."""
    plain = "".join(one for one in name.lower() if one.isalnum())
    known = _ALIASES.get(plain, plain)
    if known not in _EXPORTERS:
        near = did_you_mean(plain, [*_EXPORTERS, *_ALIASES])
        words = near if "did you mean" in near else did_you_mean("", _EXPORTERS)
        raise LimitError(f"to: there is no format {shown(name)}{words}")
    made: Exporter = _loaded(_EXPORTERS[known])()
    return made


def runners() -> list[Runner]:
    """All runners."""
    found = [_loaded(entry) for entry in _RUNNERS]
    return [one if isinstance(one, Runner) else one() for one in found]


def importers() -> list[Importer]:
    """All importers, in the order in which they are asked to recognize a file."""
    return [_loaded(entry) for entry in _IMPORTERS]


def _loaded(entry: str) -> Any:
    module, _, name = entry.partition(":")
    loaded = import_module(f".{module}", __package__)
    return getattr(loaded, name) if name else loaded
