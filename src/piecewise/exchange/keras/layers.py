"""The layers of a network as layers of Keras, rows, columns and channels in this order.

Keras pools complete windows only, or pads by rules of its own. Windows past the edge are said with
rows and columns of padding at the end: zeros where no value is negative, else numbers so low that
no maximum is one of them. Averages count the padding, so a factor for each row and column follows.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...core.array_types import Array, Float32
from ...core.windows import Windows
from ...spec.architecture import Stage
from ...spec.layers import Convolution, Norm, Pool, Relu
from ...storage.model_file import SavedModel
from ..exporter import inference_stages, stage_arrays
from ..rewriting import as_norm
from .layer_list import Dims, LayerList

INPUT, SCALING, LOGITS, PROBABILITIES = "input", "scaling", "logits", "probabilities"
"""Names of layers."""
LOWEST = -1e30
"""What padding is in front of max pooling where values can be negative."""


class Dialect(NamedTuple):
    """What a version of Keras, or a reader of its files, knows."""

    has_rescaling: bool = True
    """Whether it has the layers Rescaling and Normalization."""
    relu: str = "ReLU"
    softmax: str = "Softmax"
    """Classes; "Activation" for the layer that is named by its activation."""


KERAS = Dialect()
KERAS_2 = Dialect(False, "Activation", "Activation")
"""What every reader of Keras 2 files knows."""


class LayerWriter:
    """Adds the layers of a network to a list.

    Parameters
    ----------
    model : SavedModel
        A network.
    dialect : Dialect
        What the reader of the file knows.
    """

    def __init__(self, model: SavedModel, dialect: Dialect = KERAS) -> None:
        self.layers = LayerList()
        self._dialect = dialect
        self._nonnegative = False
        """Whether no value of the last layer is negative."""
        self._model = model

    def add_input(self, *, pixels: bool) -> None:
        """The input of pictures: the bytes 0 to 255 with ``pixels``, else what the layers read."""
        channels, height, width = self._model.architecture.input
        self.layers.add("InputLayer", INPUT, (height, width, channels), dtype="float32")
        a, b, c = map(float, self._model.preprocessor.scaling)
        if pixels and (a / c, b / c) != (1, 0):
            self.layers.add("Rescaling", SCALING, self.dims, scale=a / c, offset=b / c)

    def add_stages(self) -> None:
        """All layers of a network that reads pictures."""
        for stage in inference_stages(self._model):
            self.add_stage(stage)

    def add_end(self) -> None:
        """Logits (classes), and their softmax at the calibrated temperature."""
        classes = len(self._model.architecture.classes)
        if len(self.dims) == 1 and self.layers.last.kind != "InputLayer":
            self.layers.rename_last(LOGITS)
        else:
            if len(self.dims) > 1 and self.dims[2] > 1 and prod(self.dims[:2]) > 1:
                rows, columns, channels = self.dims  # in the order channel, row, column
                dims = [3, 1, 2]
                self.layers.add("Permute", "logit_maps", (channels, rows, columns), dims=dims)
            self.layers.add("Flatten", LOGITS, (classes,), data_format="channels_last")
        if self._model.calibration.temperature != 1:
            self.scale("temperature", 1 / self._model.calibration.temperature)
        self._activation(self._dialect.softmax, PROBABILITIES, "softmax")

    @property
    def dims(self) -> Dims:
        """The shape of the last output."""
        return self.layers.last.dims

    def add_stage(self, stage: Stage) -> None:
        """The layers of one stage; the one that computes its output has its name."""
        if isinstance(stage.layer, Convolution | Pool):
            self.as_maps(stage)
        _ADD[stage.layer.word](self, stage, stage_arrays(self._model, stage))
        if not isinstance(stage.layer, Pool):
            self._nonnegative = isinstance(stage.layer, Relu)

    def as_maps(self, stage: Stage) -> None:
        """Make maps of one cell of a row of values."""
        if len(self.dims) == 1:
            channels, height, width = stage.input
            target = (height, width, channels)
            self.layers.add("Reshape", f"{stage.name}_maps", target, target_shape=list(target))

    def scale(self, name: str, factor: float) -> None:
        """Multiply all values by a factor."""
        if self._dialect.has_rescaling:
            self.layers.add("Rescaling", name, self.dims, scale=factor, offset=0.0)
            return
        arrays = as_norm(np.array(factor, np.float32), np.zeros((), np.float32), self.dims[-1])
        self._batch_norm(name, arrays)

    def add_pads(self, stage: Stage, after: tuple[int, int]) -> None:
        """Rows and columns of zeros after the last ones."""
        height, width, channels = self.dims
        self.layers.add(
            "ZeroPadding2D", f"{stage.name}_pad", (height + after[0], width + after[1], channels),
            padding=[[0, after[0]], [0, after[1]]], data_format="channels_last",
        )  # fmt: skip

    def normalization(self, name: str, axis: int, mean: Array, deviation: Array) -> None:
        """Subtract and divide by numbers of each row (axis 1) or of each column (axis 2)."""
        self.layers.add(
            "Normalization", name, self.dims, axis=[axis], invert=False,
            mean=[float(one) for one in mean], variance=[float(one) ** 2 for one in deviation],
        )  # fmt: skip

    def lower_padding(self, stage: Stage, axis: int, after: int) -> None:
        """Make the padding of an axis lower than any value."""
        mean = np.zeros(self.dims[axis - 1])
        mean[len(mean) - after :] = -LOWEST
        name = f"{stage.name}_{'rows' if axis == 1 else 'columns'}"
        self.normalization(name, axis, mean, np.ones(len(mean)))

    def windows_pool(self, stage: Stage, kind: str, name: str) -> None:
        """Pooling of complete windows; "Max" or "Average"."""
        rows, columns = stage.layer.windows(stage.input)
        channels, height, width = stage.output
        self.layers.add(
            f"{kind}Pooling2D", name, (height, width, channels), padding="valid",
            pool_size=[rows.window, columns.window], strides=[rows.stride, columns.stride],
            data_format="channels_last",
        )  # fmt: skip

    @property
    def nonnegative(self) -> bool:
        """Whether no value of the last layer is negative."""
        return self._nonnegative

    def _batch_norm(self, name: str, arrays: dict[str, Float32]) -> None:
        variables = {
            "gamma": arrays["weight"],
            "beta": arrays["bias"],
            "moving_mean": arrays["mean"],
            "moving_variance": arrays["variance"],
        }
        self.layers.add(
            "BatchNormalization", name, self.dims, variables, axis=-1, momentum=0.9,
            epsilon=Norm.epsilon, center=True, scale=True,
        )  # fmt: skip

    def _activation(self, kind: str, name: str, activation: str) -> None:
        config: dict[str, Any] = {"activation": activation} if kind == "Activation" else {}
        self.layers.add(kind, name, self.dims, **config)


def overhang(stage: Stage) -> tuple[int, int]:
    """Rows and columns by which the windows of a pooling layer extend past the edge."""
    rows, columns = stage.layer.windows(stage.input)
    return rows.after, columns.after


def _convolution(writer: LayerWriter, stage: Stage, arrays: dict[str, Float32]) -> None:
    layer, layers = stage.layer, writer.layers
    assert isinstance(layer, Convolution)
    channels, height, width = stage.output
    if not isinstance(layer.padding, str) and layer.padding != (0, 0):
        (down, across), dims = layer.padding, writer.dims
        layers.add(
            "ZeroPadding2D", f"{stage.name}_pad",
            (dims[0] + 2 * down, dims[1] + 2 * across, dims[2]),
            padding=[[down, down], [across, across]], data_format="channels_last",
        )  # fmt: skip
    kernel = np.ascontiguousarray(arrays["weight"].transpose(2, 3, 1, 0))
    variables = {"kernel": kernel} | ({"bias": arrays["bias"]} if layer.bias else {})
    layers.add(
        "Conv2D", stage.name, (height, width, channels), variables, filters=channels,
        kernel_size=list(layer.kernel), strides=list(layer.stride),
        padding="same" if layer.padding == "same" else "valid", data_format="channels_last",
        dilation_rate=[1, 1], groups=1, activation="linear", use_bias=layer.bias,
    )  # fmt: skip
    if layer.mean:
        writer.scale(f"{stage.name}_mean", 1 / layer.divisor(stage.input))


def _relu(writer: LayerWriter, stage: Stage, arrays: dict[str, Float32]) -> None:
    writer._activation(writer._dialect.relu, stage.name, "relu")


def _full(writer: LayerWriter, stage: Stage, arrays: dict[str, Float32]) -> None:
    weight, dims = arrays["weight"], writer.dims
    if len(dims) > 1:
        name = f"{stage.name}_values"
        writer.layers.add("Flatten", name, (prod(dims),), data_format="channels_last")
        cells = weight.reshape(len(weight), dims[2], *dims[:2])
        weight = cells.transpose(0, 2, 3, 1).reshape(weight.shape)
    writer.layers.add(
        "Dense", stage.name, (len(weight),),
        {"kernel": np.ascontiguousarray(weight.T), "bias": arrays["bias"]}, units=len(weight),
        activation="linear", use_bias=True,
    )  # fmt: skip


def _norm(writer: LayerWriter, stage: Stage, arrays: dict[str, Float32]) -> None:
    writer._batch_norm(stage.name, arrays)


def _pool(writer: LayerWriter, stage: Stage, arrays: dict[str, Float32]) -> None:
    layer = stage.layer
    assert isinstance(layer, Pool)
    kind = "Max" if layer.kind == "max" else "Average"
    if layer.window == "all":
        name = f"Global{kind}Pooling2D"
        writer.layers.add(name, stage.name, (stage.output.channels,), data_format="channels_last")
        return
    after = overhang(stage)
    if any(after):
        writer.add_pads(stage, after)
    if kind == "Max":
        for axis in (1, 2):
            if after[axis - 1] and not writer.nonnegative:
                writer.lower_padding(stage, axis, after[axis - 1])
        writer.windows_pool(stage, kind, stage.name)
        return
    writer.windows_pool(stage, kind, stage.name)
    for axis, windows in enumerate(layer.windows(stage.input), 1):
        if windows.after:
            name = f"{stage.name}_{'rows' if axis == 1 else 'columns'}"
            fractions = cell_fractions(windows)
            writer.normalization(name, axis, 0 * fractions, fractions)


def cell_fractions(windows: Windows) -> Array:
    """The fraction of cells of each window that exist."""
    cells = [len(windows.cells(index)) for index in range(windows.count)]
    return np.array(cells, np.float64) / windows.window


_Add = Callable[[LayerWriter, Stage, dict[str, Float32]], None]
_ADD: dict[str, _Add] = {
    "conv": _convolution,
    "relu": _relu,
    "pool": _pool,
    "full": _full,
    "norm": _norm,
}
