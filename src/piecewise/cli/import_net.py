"""`piecewise import`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import rich_click as click

from ..core.constraints import MAX_CLASSES
from ..core.errors import LimitError, PiecewiseError, shown
from ..exchange.input_scale import InputLevels
from ..network import Network
from ..spec.architecture import class_names, input_shape
from ..spec.notation import parse
from .options import (
    DATA,
    choice_option,
    json_option,
    option,
    output_option,
    usage_error,
    with_option_names,
)
from .output import messages, print_json, print_message, printable, results
from .output_files import check_net_path, force_option


@dataclass(frozen=True)
class ImportFileOptions:
    """The options of the command."""

    file: str
    output: str
    input: str | None
    classes: str | None
    layers: str | None
    architecture: str | None
    range: str | None
    mean: str | None
    std: str | None
    channel_order: str | None
    force: bool
    as_json: bool

    def given(self) -> dict[str, Any]:
        """What is added to what the file says, as `Network.import_file` takes it; UsageError."""
        try:
            if self.layers is not None:
                parse(self.layers)
            return {
                "input": None if self.input is None else input_shape(_shape(self.input)),
                "classes": None if self.classes is None else class_names(_names(self.classes)),
                "layers": self.layers,
                **self._levels(),
            }
        except PiecewiseError as error:
            raise usage_error(error) from None

    def _levels(self) -> dict[str, Any]:
        """What is said about pixels; LimitError."""
        numbers = {name: _numbers(name, getattr(self, name)) for name in ("range", "mean", "std")}
        given = {**numbers, "channel_order": self.channel_order}
        InputLevels.of(*given.values())
        return given


@click.command(name="import")
@click.argument("file", metavar="FILE")
@output_option("The model file to write.", metavar="NET", required=True)
@force_option
@option(
    "--input",
    metavar="SHAPE",
    panel=DATA,
    unset="what the file says",
    help="The shape of an input, such as 3x64x64: channels, rows, columns.",
)
@option(
    "--classes",
    metavar="NAMES",
    panel=DATA,
    unset="what the file says, or numbers",
    help="The names of the classes in the order of the outputs, separated by commas.",
)
@option(
    "--layers",
    metavar="NOTATION",
    panel=DATA,
    help="The layers of a file of PyTorch parameters, such as 'conv 8 3, relu, pool 2, full'.",
)
@option(
    "--architecture",
    metavar="FILE",
    panel=DATA,
    help="The file with the layers, if FILE has only the parameters: Caffe's .prototxt.",
)
@option(
    "--range",
    metavar="BLACK,WHITE",
    panel=DATA,
    unset="what the file says, or -1,1",
    help="The values of black and white pixels in the training of the net: 0,1 or 0,255.",
)
@option(
    "--mean",
    metavar="NUMBERS",
    panel=DATA,
    help="The mean that is subtracted from the values of pixels: one number, or one per channel "
    "(0.5,0.4,0.4).",
)
@option(
    "--std",
    metavar="NUMBERS",
    panel=DATA,
    help="The standard deviation by which the difference is divided: one number, or one per "
    "channel.",
)
@choice_option(
    "--channel-order",
    words=("rgb", "bgr"),
    panel=DATA,
    unset="rgb",
    help="The order of the colours that the net reads: rgb or bgr (as Caffe and OpenCV).",
)
@json_option
def command(**values: Any) -> None:
    """Import a net from FILE, a file of another toolkit, and save it as a model file.

    Reads ONNX (.onnx), Keras (.keras, .h5), Caffe (.caffemodel with its .prototxt), Torch 7 (.t7),
    and PyTorch parameters (.safetensors). Nothing in the file is run. An error names a layer that
    piecewise does not support.
    """
    options = ImportFileOptions(**values)
    given = options.given()
    check_net_path(options.output, force=options.force)
    net = Network.import_file(options.file, architecture=options.architecture, **given)
    net.save(options.output)
    _print(net, options)


def _shape(text: str) -> list[int]:
    """A shape such as 3x64x64; LimitError."""
    sides = text.lower().split("x")
    if len(sides) != 3 or not all(side.isascii() and side.isdigit() and len(side) < 10
                                  for side in sides):  # fmt: skip
        raise LimitError(f"--input: got {shown(text)}, wanted channels, rows and columns: 3x64x64")
    return [int(side) for side in sides]


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if len(names) > MAX_CLASSES:
        raise LimitError(f"--classes: got {len(names):,} names, wanted at most {MAX_CLASSES:,}")
    return names


def _numbers(name: str, text: str | None) -> list[float] | None:
    """Numbers with commas between them; LimitError."""
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        wanted = "numbers with commas between them: 0.5,0.4,0.4"
        raise LimitError(f"--{name}: got {shown(text)}, wanted {wanted}") from None


def _print(net: Network, options: ImportFileOptions) -> None:
    """What was imported, and how layers were rewritten."""
    imported = net.training_summary.get("imported", {})
    if options.as_json:
        print_json({
            "layers": net.notation,
            "input": list(net.input),
            "classes": list(net.classes),
            "parameters_sha256": net.parameters_sha256,
            "imported": imported,
        })  # fmt: skip
        return
    console = results()
    console.print(printable(net.notation), soft_wrap=True)
    shape, count = "x".join(map(str, net.input)), net.architecture.parameter_count
    console.print(f"input {shape}, {len(net.classes):,} classes, {count:,} parameters")
    for note in imported.get("notes", []):
        print_message(messages(), with_option_names(str(note), command))
    print_message(messages(), f"saved {options.output}")
