"""The classes of Keras layers that can be imported, each with its conversion to layers of a
chain."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from ...core.array_types import Array, Float32
from ..checked_layers import ONE_VALUE
from ..rewriting import PaddedWindows, Pads
from .edges import padded_average
from .model_path import FileLayer
from .settings import Settings
from .walker import NO_PADS, KerasWalker

_KERAS_1 = ("border_mode", "subsample", "subsample_length", "dim_ordering", "nb_filter", "mode")
"""Settings of the first version, whose defaults are others."""
_Operator = Callable[[KerasWalker, FileLayer], None]


def add_layer(walker: KerasWalker, layer: FileLayer) -> None:
    """Add a layer and its activation; ModelFileError, with its name, if that is not possible."""
    if layer.is_custom or layer.kind not in OPERATORS:
        raise layer.settings.refused(_why_not(layer))
    if any(layer.settings.get(key) is not None for key in _KERAS_1):
        raise layer.settings.refused("its settings are those of Keras 1; save it with Keras 2")
    axis = _axis_of_cells(walker, layer)
    if axis is None:
        walker.edges.flush(walker.chain)
        if walker.pads != NO_PADS and layer.kind not in _TAKE_PADS | _NOTHING.keys():
            walker.chain.zeros(layer.settings.where, walker.take_pads(layer))
        if walker.edges.lowered and not layer.kind.startswith("MaxPooling"):
            raise layer.settings.refused("padding in front of it that is lower than zeros")
    OPERATORS[layer.kind](walker, layer)
    if layer.kind not in _NOTHING | {"InputLayer": None}:
        walker.count()


def _why_not(layer: FileLayer) -> str:
    if layer.kind == "Lambda":
        return "a Lambda holds code, which is never run"
    if layer.is_custom:
        return f"a class of its own, {layer.kind}, whose code is not in the file"
    return f"{layer.kind} has no counterpart in piecewise"


def _axis_of_cells(walker: KerasWalker, layer: FileLayer) -> int | None:
    """The axis of a Normalization of rows (1) or columns (2) of maps; None for other layers."""
    axis = layer.settings.get("axis")
    if layer.kind != "Normalization" or walker.rank != 3 or axis not in ([1], [2]):
        return None
    return int(axis[0])


def _activate(walker: KerasWalker, settings: Settings) -> None:
    """Apply the activation of a layer."""
    name = settings.activation
    if name == "relu":
        walker.chain.relu(settings.where)
    elif name == "softmax":
        _softmax_end(walker, settings)
    elif name == "sigmoid":
        walker.chain.sigmoid_end(settings.where)
    elif name != "linear":
        raise settings.refused(
            f"the activation {name[:40]!r}; piecewise has relu, and softmax or sigmoid at the end"
        )


def _softmax_end(walker: KerasWalker, settings: Settings) -> None:
    settings.require("axis", -1)
    positions = prod(walker.chain.shape[1:])
    if positions > 1:
        raise settings.refused(f"a softmax at each of {positions:,} positions; {ONE_VALUE}")
    walker.chain.softmax(settings.where)


def _convolve(
    walker: KerasWalker, layer: FileLayer, kernel: Float32, bias: Array | None, groups: int
) -> None:
    """A convolution with a kernel (O, C / groups, KH, KW)."""
    settings, rank = layer.settings, walker.rank - 1
    settings.require("data_format", "channels_last")
    window: tuple[int, int] = (kernel.shape[2], kernel.shape[3])
    if settings.sizes("kernel_size", rank, window[2 - rank :]) != window:
        raise settings.refused(f"its kernel has {window[0]}x{window[1]} cells")
    stride = settings.sizes("strides", rank, (1, 1)[:rank])
    dilation = settings.sizes("dilation_rate", rank, (1, 1)[:rank])
    down, across = (1 + (k - 1) * d for k, d in zip(window, dilation, strict=True))
    pads = walker.window_pads(settings, (down, across), stride, walker.take_pads(layer))
    walker.chain.convolution(settings.where, kernel, bias, stride, pads, groups, dilation)


def _as_2d(walker: KerasWalker, layer: FileLayer, kernels: list[Float32]) -> list[Float32]:
    """Kernels with two axes of cells; those of sequences get a first one."""
    if walker.rank == 1:
        raise layer.settings.refused("it reads values, wanted maps or sequences")
    return [kernel[None] if walker.rank == 2 else kernel for kernel in kernels]


def _convolution(walker: KerasWalker, layer: FileLayer) -> None:
    settings = layer.settings
    has_bias = settings.flag("use_bias", True)
    rank = walker.rank + 1
    kernel, *bias = walker.weights.of(layer, rank, *([1] * has_bias))
    (kernel,) = _as_2d(walker, layer, [kernel])
    groups = settings.integer("groups", 1)
    _convolve(walker, layer, kernel.transpose(3, 2, 0, 1), bias[0] if bias else None, groups)
    _activate(walker, settings)


def _depthwise_kernel(kernel: Float32) -> Float32:
    """(KH, KW, C, M) as the kernel of C groups: (C * M, 1, KH, KW)."""
    height, width, channels, times = kernel.shape
    return kernel.transpose(2, 3, 0, 1).reshape(channels * times, 1, height, width)


def _depthwise(walker: KerasWalker, layer: FileLayer) -> None:
    has_bias = layer.settings.flag("use_bias", True)
    kernel, *bias = walker.weights.of(layer, walker.rank + 1, *([1] * has_bias))
    (kernel,) = _as_2d(walker, layer, [kernel])
    groups = kernel.shape[2]
    _convolve(walker, layer, _depthwise_kernel(kernel), bias[0] if bias else None, groups)
    _activate(walker, layer.settings)


def _separable(walker: KerasWalker, layer: FileLayer) -> None:
    has_bias, rank = layer.settings.flag("use_bias", True), walker.rank + 1
    depthwise, pointwise, *bias = walker.weights.of(layer, rank, rank, *([1] * has_bias))
    depthwise, pointwise = _as_2d(walker, layer, [depthwise, pointwise])
    _convolve(walker, layer, _depthwise_kernel(depthwise), None, depthwise.shape[2])
    weight = pointwise.transpose(3, 2, 0, 1)
    walker.chain.convolution(layer.settings.where, weight, bias[0] if bias else None)
    _activate(walker, layer.settings)


def _dense(walker: KerasWalker, layer: FileLayer) -> None:
    settings = layer.settings
    has_bias = settings.flag("use_bias", True)
    kernel, *bias = walker.weights.of(layer, 2, *([1] * has_bias))
    if walker.rank == 1:
        walker.chain.fully_connected(settings.where, kernel.T, bias[0] if bias else None)
    else:  # at every position
        weight = kernel.T[:, :, None, None]
        walker.chain.convolution(settings.where, weight, bias[0] if bias else None)
    _activate(walker, settings)


def _relu(walker: KerasWalker, layer: FileLayer) -> None:
    settings = layer.settings
    if settings.get("max_value") is not None:
        raise settings.refused(
            f"it is a ReLU up to {settings.number('max_value', 0):g}; piecewise has relu "
            "without a limit"
        )
    if settings.number("negative_slope", 0) or settings.number("threshold", 0):
        raise settings.refused(
            "it is a leaky ReLU, or one with a threshold; piecewise has relu alone"
        )
    walker.chain.relu(settings.where)


def _pool(kind: str) -> _Operator:
    def add(walker: KerasWalker, layer: FileLayer) -> None:
        settings, rank = layer.settings, walker.rank - 1
        settings.require("data_format", "channels_last")
        if rank == 0:
            raise settings.refused("it reads values, wanted maps or sequences")
        window = settings.sizes("pool_size", rank, (2, 2)[:rank])
        stride = settings.sizes("strides", rank, window[2 - rank :])
        zeros = walker.take_pads(layer)
        pads = walker.window_pads(settings, window, stride, zeros)
        if zeros not in (NO_PADS, pads) or (kind == "max" and not _stand_for_edge(walker, zeros)):
            walker.chain.zeros(settings.where, zeros)
            zeros, pads = NO_PADS, walker.window_pads(settings, window, stride, NO_PADS)
        windows = PaddedWindows(window, stride, pads)
        if kind == "max":
            walker.chain.max_pool(settings.where, windows)
        elif zeros == NO_PADS:
            walker.chain.average_pool(settings.where, windows)
        else:
            average = padded_average(settings.where, windows, walker.chain.shape)
            walker.edges.average = average

    return add


def _stand_for_edge(walker: KerasWalker, zeros: Pads) -> bool:
    """Whether zeros around a map are no maximum of a window, so that they stand for its edge."""
    lowered, walker.edges.lowered = walker.edges.lowered, set()
    return walker.chain.is_nonnegative or all(
        axis in lowered or not (zeros[axis - 1] or zeros[axis + 1]) for axis in (1, 2)
    )


def _global_pool(kind: str) -> _Operator:
    def add(walker: KerasWalker, layer: FileLayer) -> None:
        layer.settings.require("data_format", "channels_last")
        walker.chain.global_pool(layer.settings.where, kind)
        if not layer.settings.flag("keepdims", False):
            walker.rank = 1

    return add


def _batch_norm(walker: KerasWalker, layer: FileLayer) -> None:
    settings, channels = layer.settings, walker.chain.shape.channels
    _require_last_axis(walker, settings, [walker.rank])
    scale, center = settings.flag("scale", True), settings.flag("center", True)
    arrays = walker.weights.of(layer, *([1] * (2 + scale + center)))
    weight = arrays.pop(0) if scale else np.ones(channels, np.float32)
    bias = arrays.pop(0) if center else np.zeros(channels, np.float32)
    mean, variance = arrays
    epsilon = settings.number("epsilon", 1e-3)
    walker.chain.batch_norm(settings.where, weight, bias, mean, variance, epsilon)


def _require_last_axis(walker: KerasWalker, settings: Settings, default: object) -> None:
    """Refuse any axis but that of the channels."""
    axis = settings.get("axis", default)
    axes = axis if isinstance(axis, list) else [axis]
    if axes not in ([-1], [walker.rank]):
        raise settings.refused(f"its axis is {axis!r:.40}, wanted the last one")


def _zero_padding(walker: KerasWalker, layer: FileLayer) -> None:
    settings, rank = layer.settings, walker.rank - 1
    settings.require("data_format", "channels_last")
    value = settings.get("padding", 1)
    sides = value if isinstance(value, list) else [value] * rank
    if rank == 1 and len(sides) == 2:
        sides = [sides]  # before and after
    pairs = [side if isinstance(side, list) else [side, side] for side in sides]
    numbers = [number for pair in pairs for number in pair]
    allowed = all(type(one) is int and 0 <= one <= 1_024 for one in numbers)
    if not allowed or len(pairs) != rank or len(numbers) != 2 * rank:
        raise settings.refused(f"its padding is {value!r:.80}, wanted numbers of rows and columns")
    before_after = [[0, 0], *pairs][-2:]
    (top, bottom), (left, right) = before_after
    before = walker.pads
    walker.pads = (before[0] + top, before[1] + left, before[2] + bottom, before[3] + right)


def _flatten(walker: KerasWalker, layer: FileLayer) -> None:
    layer.settings.require("data_format", "channels_last")
    walker.rank = 1


def _reshape(walker: KerasWalker, layer: FileLayer) -> None:
    """A reshape that moves no value to another channel, row or column."""
    settings, shape = layer.settings, walker.chain.shape
    value = settings.get("target_shape")
    if not isinstance(value, list) or not all(type(one) is int for one in value):
        raise settings.refused(f"its target_shape is {value!r:.80}, wanted whole numbers")
    known = -prod(value) if -1 in value else 0
    if value.count(-1) == 1 and known > 0 and shape.values % known == 0:
        value = [shape.values // known if one == -1 else one for one in value]
    if not 1 <= len(value) <= 3 or prod(value) != shape.values or min(value) < 1:
        raise settings.refused(
            f"its target_shape is {value!r:.80}, wanted 1 to 3 sides for the {shape.values:,} "
            f"values of {shape}"
        )
    target = (value[-1], *((1, 1, *value[:-1])[-2:]))
    if len(value) == 1:
        walker.rank = 1
    elif target == tuple(shape):
        walker.rank = len(value)
    elif walker.is_start and walker.rank == 1:  # values in the order row, column, channel
        walker.rank = len(value)
        walker.restart(target)
    else:
        raise settings.refused(
            f"it reshapes {shape} to {value!r:.80}; piecewise can only flatten maps"
        )


def _dropout(walker: KerasWalker, layer: FileLayer) -> None:
    rate = layer.settings.number("rate", 0)
    if not 0 <= rate < 1:
        raise layer.settings.refused(f"its rate is {rate:g}, wanted 0 to 1")
    if not walker.is_start:
        walker.chain.dropout(layer.settings.where, rate)


def _nothing(walker: KerasWalker, layer: FileLayer) -> None:
    """A layer that does nothing at inference."""


def _rescaling(walker: KerasWalker, layer: FileLayer) -> None:
    settings = layer.settings
    walker.rescale(settings, settings.numbers("scale", 1), settings.numbers("offset", 0))


def _normalization(walker: KerasWalker, layer: FileLayer) -> None:
    settings = layer.settings
    if settings.flag("invert", False):
        raise settings.refused("it multiplies by the deviation")
    if settings.get("mean") is not None:
        mean = np.array(settings.numbers("mean", 0))
        variance = np.array(settings.numbers("variance", 1))
    else:
        mean, variance = walker.weights.of(layer, 1, 1)
    axis = _axis_of_cells(walker, layer)
    if axis is not None and walker.pads != NO_PADS:
        numbers = np.asarray(mean), np.asarray(variance)
        walker.edges.lower(settings, axis, numbers, walker.chain.shape, walker.pads)
        return
    if axis is not None:
        walker.edges.scale(settings, axis, (np.asarray(mean), np.asarray(variance)))
        return
    if settings.get("axis") is not None and mean.size > 1:
        _require_last_axis(walker, settings, -1)
    if mean.shape != variance.shape or not np.isfinite(variance).all() or variance.min() < 0:
        raise settings.refused("its variance is negative or not finite")
    factor = 1 / np.maximum(np.sqrt(variance.astype(np.float64)), 1e-7)
    walker.rescale(settings, factor.tolist(), (-mean * factor).tolist())


def _softmax(walker: KerasWalker, layer: FileLayer) -> None:
    _softmax_end(walker, layer.settings)


def _embedding(walker: KerasWalker, layer: FileLayer) -> None:
    settings = layer.settings
    if settings.flag("mask_zero", False):
        raise settings.refused(
            "its mask_zero leaves out token 0 anywhere in a text; wanted mask_zero=False"
        )
    (table,) = walker.weights.of(layer, 2)
    if walker.rank != 1 or not walker.is_start:
        raise settings.refused("an embedding can only be the first layer, of (N, positions)")
    if len(table) != settings.integer("input_dim"):
        raise settings.refused(f"its table has {len(table):,} rows")
    walker.chain.embedding(settings.where, table)
    walker.rank = 2


def _activation(walker: KerasWalker, layer: FileLayer) -> None:
    _activate(walker, layer.settings)


_NOTHING: dict[str, _Operator] = dict.fromkeys(
    ("SpatialDropout1D", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout",
     "ActivityRegularization", "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation",
     "RandomContrast", "RandomBrightness", "Identity"),
    _nothing,
)  # fmt: skip
_PADDED: dict[str, _Operator] = {
    "Conv2D": _convolution,
    "Conv1D": _convolution,
    "DepthwiseConv2D": _depthwise,
    "DepthwiseConv1D": _depthwise,
    "SeparableConv2D": _separable,
    "SeparableConv1D": _separable,
    "MaxPooling2D": _pool("max"),
    "MaxPooling1D": _pool("max"),
    "AveragePooling2D": _pool("average"),
    "AveragePooling1D": _pool("average"),
    "ZeroPadding2D": _zero_padding,
    "ZeroPadding1D": _zero_padding,
}
_TAKE_PADS = _PADDED.keys()
OPERATORS: dict[str, _Operator] = {
    "InputLayer": _nothing,
    **_NOTHING,
    **_PADDED,
    "Dropout": _dropout,
    "Dense": _dense,
    "ReLU": _relu,
    "Activation": _activation,
    "Softmax": _softmax,
    "GlobalMaxPooling2D": _global_pool("max"),
    "GlobalMaxPooling1D": _global_pool("max"),
    "GlobalAveragePooling2D": _global_pool("average"),
    "GlobalAveragePooling1D": _global_pool("average"),
    "BatchNormalization": _batch_norm,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Rescaling": _rescaling,
    "Normalization": _normalization,
    "Embedding": _embedding,
}
"""By class, without the classes of nested models."""
