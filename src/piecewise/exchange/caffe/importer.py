"""Import from Caffe: a .caffemodel with the parameters, and a .prototxt with the layers."""

from __future__ import annotations

from pathlib import Path

from ...core.constraints import MAX_PARAMETERS
from ...core.errors import ModelFileError, shown
from ...storage.model_file import SavedModel
from ..chain import ChainBuilder
from ..checked_layers import WANTED_INPUT
from ..formats import prototxt
from ..formats.mapped import mapped
from ..formats.prototxt import Message
from ..own_layers import refuse_levels, with_metadata
from ..registry import ImportOptions
from .blobs import blob_array
from .definition import (
    DATA_LAYERS,
    LayerRecord,
    MessageFields,
    defined_input,
    layer_records,
    with_blobs,
)
from .exporter import COMMENT, NET_NAME, TEXT
from .layers import LayerReader
from .schema import Decoder
from .transform import read_transform

TITLE = "Caffe"
FILES_OF_LAYERS: tuple[str, ...] = ("architecture",)
MAX_FILE_BYTES = (64 << 20) + 3 * 4 * MAX_PARAMETERS
"""Of a .caffemodel, which may hold the gradients, too."""
_LOST = (
    f"piecewise wrote this file; put its {TEXT} beside it, which has the classes and the "
    "preprocessing of the net"
)
_SKIPPED = ("Accuracy", "ArgMax", "Silence", "Split")
"""Types of layer that change nothing on the path to the probabilities."""


def recognizes(path: Path, start: bytes) -> bool:
    """Whether a file is one of Caffe, by its suffix."""
    return path.suffix.lower() in (".caffemodel", ".prototxt")


def read(path: Path, options: ImportOptions) -> SavedModel:
    """Read a .caffemodel with its .prototxt: that of ``options.architecture``, or the one of the
    same name, or deploy.prototxt, beside it. Without any, its own layers are used.

    Raises
    ------
    ValueError
        If it cannot be read, or has layers that piecewise does not have.
    """
    if path.suffix.lower() == ".prototxt":
        raise ModelFileError(
            "a .prototxt has layers without parameters; import the .caffemodel instead, and name "
            "this file with `architecture` unless it is beside that"
        )
    decoder = Decoder()
    own = decoder.message(mapped(path, "Caffe model", MAX_FILE_BYTES))
    parameters = layer_records(own, decoder.blobs, "the .caffemodel")
    if not parameters:
        raise ModelFileError("it has no layers, so it is no .caffemodel, or an empty one")
    definition = _definition(path, options)
    if definition is None:
        is_own = MessageFields(own, "the net").text("name") == NET_NAME
        return _model(own, parameters, options, [_LOST] if is_own else [])
    content = _mapped_text(definition)
    net = _text(content, definition.name)
    layers = with_blobs(layer_records(net, None, definition.name), parameters)
    metadata = _metadata(content)
    if metadata is not None:
        refuse_levels(options.levels)
    model = _model(net, layers, options, [f"the layers were read from {definition.name}"])
    return model if metadata is None else with_metadata(model, metadata)


def _definition(path: Path, options: ImportOptions) -> Path | None:
    """The file of the layers: the one that the user names, or one beside the parameters."""
    if options.architecture is not None:
        return options.architecture
    beside = (path.with_suffix(".prototxt"), path.with_name("deploy.prototxt"))
    return next((one for one in beside if one.is_file()), None)


def _mapped_text(path: Path) -> memoryview:
    try:
        return mapped(path, "Caffe prototxt", prototxt.MAX_TEXT)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None


def _text(content: memoryview, name: str) -> Message:
    try:
        return prototxt.parse(content)
    except ValueError as error:
        raise ModelFileError(f"{name}: {error}") from None


def _metadata(content: memoryview) -> str | None:
    """What the first line of a text that piecewise wrote says of the net."""
    first = bytes(content).partition(b"\n")[0].decode("ascii", "replace")
    return first.removeprefix(COMMENT) if first.startswith(COMMENT) else None


def _model(
    net: Message, layers: list[LayerRecord], options: ImportOptions, notes: list[str]
) -> SavedModel:
    """The model of the layers on the path from the input to the end."""
    blob, dims = defined_input(net, layers)
    path = _path(layers, blob)
    chain = ChainBuilder(options.input or _input(dims, path), levels=options.levels)
    chain.notes += notes
    read_transform(chain, layers)
    reader = LayerReader(chain)
    for layer in path:
        reader.add(layer)
    reader.finish()
    chain.check_end(reader.is_flat)
    return chain.finish(source=TITLE)


def _path(layers: list[LayerRecord], blob: str) -> list[LayerRecord]:
    """The layers that read the input blob and each other, in order, without those for training."""
    path = []
    for layer in layers:
        if layer.type in DATA_LAYERS or layer.is_for_training:
            continue
        if layer.type in _SKIPPED and len(layer.tops) < 2:
            if layer.type == "Split" and layer.tops:
                blob = layer.tops[0]
            continue
        is_loss = layer.type.endswith("Loss")
        others = len(layer.bottoms) > 1 and not is_loss
        if not layer.bottoms or layer.bottoms[0] != blob or others:
            read = ", ".join(shown(name) for name in layer.bottoms[:4]) or "nothing"
            raise ModelFileError(
                f"layer {shown(layer.name)} ({layer.type}): it reads {read}, wanted {shown(blob)} "
                "alone; piecewise has chains of layers, without branches"
            )
        path.append(layer)
        blob = layer.tops[0] if layer.tops else blob
    return path


def _input(dims: list[int], path: list[LayerRecord]) -> tuple[int, int, int]:
    """The input shape that the file states; ModelFileError if it states none."""
    if len(dims) == 2 and path and path[0].type == "Convolution" and path[0].blobs:
        weight = blob_array(path[0].blobs[0])  # a crop says nothing of the channels
        groups = path[0].fields.message("convolution_param").integer("group", 1)
        dims = [weight.shape[1] * groups, *dims] if weight.ndim == 4 else dims
    if len(dims) == 1:
        dims = [*dims, 1, 1]
    if len(dims) != 3:
        raise ModelFileError(f"it does not state the shape of its input; {WANTED_INPUT}")
    return dims[0], dims[1], dims[2]
