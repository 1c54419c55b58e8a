"""The importers of `piecewise.exchange` for `fuzz_table.py`, and files that they read."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as safetensors_bytes

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


def read_state_dict(path: Path) -> None:
    """Import parameters with the layers that they belong to."""
    layers, shape = LAYERS[0]
    check(import_model(path, ImportOptions(input=shape, layers=layers)))


def state_dict_seeds() -> list[bytes]:
    """State dicts of the first model, with its own names and those of PyTorch, in two types."""
    tensors = models()[0].tensors
    renamed = {
        name.replace("mean", "running_mean").replace("variance", "running_var"): array
        for name, array in tensors.items()
    }
    numbered = {"norm1.num_batches_tracked": np.array(7)}
    halves = {name: array.astype(np.float16) for name, array in renamed.items()}
    return [safetensors_bytes(dict(one)) for one in (tensors, renamed | numbered, halves)]


def read_prototxt(path: Path) -> None:
    """Import a whole .caffemodel with the layers of a changed .prototxt."""
    parameters = path.with_name("whole.caffemodel")
    if not parameters.exists():
        parameters.write_bytes(exported("caffe", "net.caffemodel")()[0])
    check(import_model(parameters, ImportOptions(architecture=path)))


def prototxt_seeds() -> list[bytes]:
    """The layers of the first model, in several forms of the text."""
    text = exported("caffe", "deploy.prototxt")()[0].decode()
    one_line = (
        " ".join(text.partition("\n")[2].split()).replace("true", "true,").replace(" {", ": <")
    )
    start, _, rest = text.partition('layer {\n  name: "conv1"')
    scaled = (
        'layer { name: "data" type: "MemoryData" top: "data" '
        "memory_data_param { channels: 1 height: 7 width: 6 } "
        "transform_param { scale: 0.01 mean_value: 3 } }"
    )
    return [
        text.encode(),
        one_line.replace("}", ">").encode(),
        ("input: 'data' # old\ninput_dim: [1, 1, 0x7, 6]\nlayer {name: \"conv1\"" + rest).encode(),
        (start.replace("Input", "DummyData") + 'layer { name: "conv1"' + rest).encode(),
        (scaled + 'layer { name: "conv1"' + rest).encode(),
    ]


def keras_seeds() -> list[bytes]:
    """`.keras` files of pictures and texts, with what piecewise says about them, and without."""
    texts = Network("embed 3, conv 2 1x2, relu, pool all, full", (1, 9, 6), 2).saved_model()
    made = []
    for model in [*models(), texts]:
        content = exporter("tensorflow").files(model)["net.keras"]
        made.append(content)
        if model is not texts:
            made += [without_metadata(content, method) for method in (0, zipfile.ZIP_DEFLATED)]
    return made


def without_metadata(content: bytes, method: int) -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as archive,
        zipfile.ZipFile(buffer, "w", method) as other,
    ):
        for name in archive.namelist():
            part = b"{}" if name == "metadata.json" else archive.read(name)
            other.writestr(zipfile.ZipInfo(name), part, method)
    return buffer.getvalue()


def read_keras(path: Path) -> None:
    """Import a `.keras` file. Half of them get right checksums, or nothing behind these would ever
    be reached."""
    content = path.read_bytes()
    if zlib.crc32(content) & 1:
        path.write_bytes(zip_mended(content))
    read_import(path)


def zip_mended(content: bytes) -> bytes:
    """A zip with the checksums that its stored files should have."""
    made, at = bytearray(content), content.find(b"PK\1\2")
    while at >= 0 and at + 46 <= len(made):
        (size,), (header,) = (struct.unpack_from("<I", made, at + offset) for offset in (20, 42))
        if header + 30 <= len(made) and made[at + 10 : at + 12] == b"\0\0":
            name, extra = struct.unpack_from("<HH", made, header + 26)
            start = header + 30 + name + extra
            checksum = zlib.crc32(made[start : start + size]).to_bytes(4, "little")
            made[at + 16 : at + 20] = made[header + 14 : header + 18] = checksum
        at = content.find(b"PK\1\2", at + 4)
    return bytes(made)


def h5_seeds() -> list[bytes]:
    """`.h5` files of piecewise and, in several versions of the format, of h5py."""
    made = []
    for model in models():
        if exporter("dl4j").refusal(model) is None:
            content = exporter("dl4j").files(model)["net.h5"]
            made += [content, content.replace(b"piecewise\0", b"otherwise\0")]
    try:
        import h5py  # noqa: PLC0415 - who changes other files needs it not
    except ImportError:
        return made
    array = np.linspace(-1, 1, 12, dtype="<f4").reshape(4, 3)
    layer = {"name": "d", "units": 3, "batch_input_shape": [None, 4], "activation": "softmax"}
    config = {"class_name": "Sequential",
              "config": [{"class_name": "Dense", "config": layer}]}  # fmt: skip
    ways: list[tuple[Any, dict[str, Any]]] = [
        ("earliest", {}), ("latest", {}), ("v108", {}),
        ("earliest", {"chunks": (2, 2)}),
        ("earliest", {"chunks": (3, 3), "compression": "gzip", "shuffle": True}),
        ("earliest", {"dtype": ">f8"}), ("earliest", {"dtype": "<f2"}),
    ]  # fmt: skip
    for version, how in ways:
        buffer = io.BytesIO()
        with h5py.File(buffer, "w", libver=version) as file:
            file.attrs["model_config"] = json.dumps(config)
            group = file.create_group("model_weights")
            group.attrs["layer_names"] = [b"d"]
            inner = group.create_group("d")
            inner.attrs["weight_names"] = np.array([b"d/kernel:0", b"d/bias:0"])
            inner.create_dataset("d/kernel:0", data=array, **how)
            inner["d/bias:0"] = array[0]
        made.append(buffer.getvalue())
    return made
