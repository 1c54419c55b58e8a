"""The importers of `piecewise.exchange` for `fuzz_table.py`, and files that they read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from piecewise import Network
from piecewise.exchange.import_model import import_model
from piecewise.exchange.onnx.graph import Graph
from piecewise.exchange.onnx.layers import add_layers_alone
from piecewise.exchange.registry import ImportOptions, exporter
from piecewise.storage.model_file import SavedModel

LAYERS = (
    ("conv 3 3x2 mean, norm, relu, pool 2, dropout 0.5, full", (1, 7, 6)),
    ("conv 2 2 stride=2 pad=same, relu, full 4, norm, pool all", (2, 6, 5)),
    ("pool 2 stride=3 kind=average edge=drop, full 3, relu, conv 4 1 pad=1, pool all", (3, 8, 7)),
)


def models() -> list[SavedModel]:
    """Small nets with every kind of layer for pictures."""
    return [Network(layers, shape, 4).saved_model() for layers, shape in LAYERS]


def exported(format_name: str, file: str) -> Callable[[], list[bytes]]:
    """One of the files that an exporter makes of each model."""
    return lambda: [exporter(format_name).files(model)[file] for model in models()]


def onnx_seeds() -> list[bytes]:
    """ONNX files of pictures and texts, with what piecewise says about them, and without."""
    texts = Network("embed 3, conv 2 1x2, relu, pool all, full", (1, 9, 6), 2).saved_model()
    made = []
    for model in [*models(), texts]:
        files = exporter("onnx").files(model)
        made += [content for name, content in files.items() if name.endswith(".onnx")]
        if model is not texts:  # the padding of texts is a branch, which the metadata explain
            graph = Graph("net")
            add_layers_alone(graph, model)
            made.append(graph.to_bytes({}))
    return made


def read_import(path: Path) -> None:
    """Import a file, and check what comes out."""
    check(import_model(path, ImportOptions()))


def check(model: SavedModel) -> None:
    shapes = {row.name: row.shape for stage in model.architecture.stages for row in stage.arrays}
    assert {name: array.shape for name, array in model.tensors.items()} == shapes
    assert all(np.isfinite(array).all() for array in model.tensors.values())


def read_prototxt(path: Path) -> None:
    """Import a whole .caffemodel with the layers of a changed .prototxt."""
    parameters = path.with_name("whole.caffemodel")
    if not parameters.exists():
        parameters.write_bytes(exported("caffe", "net.caffemodel")()[0])
    check(import_model(parameters, ImportOptions(architecture=path)))


def prototxt_seeds() -> list[bytes]:
    """The layers of the first model, in several forms of the text."""
    text = exported("caffe", "deploy.prototxt")()[0].decode()
    one_line = " ".join(text.split()).replace("true", "true,").replace(" {", ": <")
    start, _, rest = text.partition('layer {\n  name: "conv1"')
    return [
        text.encode(),
        one_line.replace("}", ">").encode(),
        ("input: 'data' # old\ninput_dim: [1, 1, 0x7, 6]\nlayer {name: \"conv1\"" + rest).encode(),
        (start.replace("Input", "DummyData") + 'layer { name: "conv1"' + rest).encode(),
    ]
