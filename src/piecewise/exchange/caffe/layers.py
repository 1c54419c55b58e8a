"""Caffe's kinds of layer, each converted to layers of piecewise or refused by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...core.array_types import Float32
from ...core.errors import ModelFileError
from ...core.windows import complete_windows, partial_windows
from ..chain import ChainBuilder
from ..checked_layers import ONE_VALUE
from ..rewriting import PaddedWindows, without_zeros_in_front
from .blobs import blob_array
from .definition import LayerRecord, MessageFields


class LayerReader:
    """Adds the layers of a Caffe file to a chain, one after another."""

    def __init__(self, chain: ChainBuilder) -> None:
        self.chain = chain
        self._flat = False
        self._statistics: tuple[str, Float32, Float32, float] | None = None
        self._cut: dict[int, int] = {}  # the cells that are left of an axis that was sliced

    def add(self, layer: LayerRecord) -> None:
        """Add a layer; ModelFileError, which names it, if that is not possible."""
        method = _METHODS.get(layer.type)
        if method is None:
            raise self._refused(layer, f"piecewise has no layer for the type {layer.type}")
        if layer.type != "Scale":
            self.finish()
        if self._cut and layer.type not in ("Slice", "Pooling"):
            raise self._refused(
                layer, "there is a Slice before it, which is read before Pooling only"
            )
        try:
            method(self, layer)
        except ModelFileError:
            raise
        except ValueError as error:
            raise self._refused(layer, str(error)) from None

    @property
    def is_flat(self) -> bool:
        """Whether the values are in a row, without rows and columns."""
        return self._flat

    def finish(self) -> None:
        """Add the batch normalization that waits for a Scale."""
        if self._statistics is not None:
            name, mean, variance, epsilon = self._statistics
            self._statistics = None
            ones = np.ones(mean.shape, np.float32)
            self.chain.batch_norm(name, ones, 0 * ones, mean, variance, epsilon)

    # One method per type.

    def _convolution(self, layer: LayerRecord) -> None:
        fields = layer.fields.message("convolution_param")
        self._need_maps(layer)
        self._need(layer, fields.integer("axis", 1) == 1, "its axis is not 1")
        weight, bias = self._weight_and_bias(layer, fields, 4)
        kernel = _pair(fields, "kernel", None)
        if weight.ndim != 4 or weight.shape[2:] != kernel:
            raise self._refused(
                layer,
                f"its weight has the shape {weight.shape}, and its kernel is "
                f"{kernel[0]}x{kernel[1]}",
            )
        pad, stride = _pair(fields, "pad", 0), _pair(fields, "stride", 1)
        dilation = _several(fields.integers("dilation"), 1)
        for name, sides in (("pad", pad), ("stride", stride), ("dilation", dilation)):
            fits = min(sides) >= (name != "pad") and max(sides) <= 4_096
            self._need(layer, fits, f"its {name} is {sides}, wanted numbers up to 4,096")
        pads = (*pad, *pad)
        groups = fields.integer("group", 1)
        if groups == 1 and dilation == (1, 1):
            weight, pads = without_zeros_in_front(self.chain.shape, weight, stride, pads)
        self.chain.convolution(layer.name, weight, bias, stride, pads, groups, dilation)

    def _inner_product(self, layer: LayerRecord) -> None:
        fields = layer.fields.message("inner_product_param")
        self._need(layer, fields.integer("axis", 1) == 1, "its axis is not 1")
        weight, bias = self._weight_and_bias(layer, fields, 2)
        if fields.flag("transpose", False):
            weight = weight.T
        self.chain.fully_connected(layer.name, weight, bias)
        self._flat = False  # its values are maps of one cell

    def _pooling(self, layer: LayerRecord) -> None:
        fields = layer.fields.message("pooling_param")
        self._need_maps(layer)
        kind = fields.text("pool", "MAX")
        self._need(layer, kind in ("MAX", "AVE"), f"its pool is {kind}, wanted MAX or AVE")
        if fields.flag("global_pooling", False):
            self._need(layer, not self._cut, "it pools a whole map after a Slice")
            self.chain.global_pool(layer.name, "max" if kind == "MAX" else "average")
            return
        window, stride = _pair(fields, "kernel", None), _pair(fields, "stride", 1)
        pad = _pair(fields, "pad", 0)
        fit = min(window) >= 1 and min(stride) >= 1 and min(pad) >= 0 and max(pad) < max(window)
        self._need(
            layer,
            fit,
            f"its window is {window}, its stride {stride} and its pad {pad}; wanted a pad "
            "below the window",
        )
        partial = _is_ceil(fields)
        if not any(pad):
            partial = self._uses_partial_windows(layer, window, stride, partial)
        pads = (*pad, *pad)
        if kind == "MAX":
            self.chain.max_pool(layer.name, PaddedWindows(window, stride, pads, partial))
            return
        exact = all((self.chain.shape[1 + a] + 2 * pad[a] - window[a]) % stride[a] == 0
                    for a in (0, 1))  # fmt: skip
        windows = PaddedWindows(window, stride, pads, partial and not (any(pad) and exact))
        self.chain.average_pool(layer.name, windows, counts_padding=any(pad))

    def _uses_partial_windows(
        self, layer: LayerRecord, window: tuple[int, int], stride: tuple[int, int], ceil: bool
    ) -> bool:
        """Whether windows overhang the map. A map that was sliced is taken as it was before, if
        piecewise leaves out the same cells."""
        sides = self.chain.shape[1:]
        given = [self._cut.pop(axis, side) for axis, side in enumerate(sides)]
        steps = [(-(-(g - w) // s) if ceil else (g - w) // s)
                 for g, w, s in zip(given, window, stride, strict=True)]  # fmt: skip
        counts = [step + 1 for step in steps]
        for axis in (0, 1):
            last = steps[axis] * stride[axis]
            inside = steps[axis] >= 0 and last < given[axis]
            if given[axis] < sides[axis]:
                inside &= last + window[axis] <= given[axis]
            self._need(
                layer,
                inside,
                f"its last window starts past the edge of a map of {given[0]}x{given[1]}",
            )
        for partial, windows in ((False, complete_windows), (True, partial_windows)):
            if counts == [windows(*one).count for one in zip(sides, window, stride, strict=True)]:
                return partial
        raise self._refused(layer, f"the Slice before it leaves {tuple(given)} of {sides}")

    def _relu(self, layer: LayerRecord) -> None:
        factor = layer.fields.message("relu_param").real("negative_slope", 0)
        self._need(
            layer,
            factor == 0,
            f"its negative_slope is {factor:g}, wanted 0; piecewise has relu alone",
        )
        self.chain.relu(layer.name)

    def _dropout(self, layer: LayerRecord) -> None:
        rate = layer.fields.message("dropout_param").real("dropout_ratio", 0.5)
        self.chain.dropout(layer.name, rate)

    def _batch_norm(self, layer: LayerRecord) -> None:
        self._need_channels(layer)
        if len(layer.blobs) != 3:
            raise self._refused(
                layer, f"it has {len(layer.blobs)} blobs, wanted 3: mean, variance and their factor"
            )
        mean, variance, factor = (blob_array(blob).reshape(-1) for blob in layer.blobs)
        self._need(
            layer, factor.size == 1, f"it has {factor.size} factors of its statistics, wanted 1"
        )
        with np.errstate(all="ignore"):  # the chain refuses infinite numbers
            scale = np.float32(0 if factor[0] == 0 else 1 / factor[0])
            if scale != 1:
                mean, variance = mean * scale, variance * scale
        epsilon = layer.fields.message("batch_norm_param").real("eps", 1e-5)
        self._statistics = layer.name, mean, variance, epsilon

    def _scale(self, layer: LayerRecord) -> None:
        fields = layer.fields.message("scale_param")
        self._need_channels(layer)
        fits = fields.integer("axis", 1) == 1 and fields.integer("num_axes", 1) in (0, 1)
        self._need(layer, fits, "it scales other axes than the channels")
        if not layer.blobs:
            raise self._refused(
                layer,
                "it has no parameters; piecewise has chains of layers, which multiply no two blobs",
            )
        factor = blob_array(layer.blobs[0]).reshape(-1)
        shift = np.zeros(factor.shape, np.float32)
        if fields.flag("bias_term", False):
            self._need(
                layer,
                len(layer.blobs) == 2,
                f"it has {len(layer.blobs)} blobs, wanted 2: factors and a bias",
            )
            shift = blob_array(layer.blobs[1]).reshape(-1)
        if self._statistics is None or factor.size != self._statistics[1].size:
            self.finish()
            self.chain.scale(layer.name, factor, shift)
            return
        name, mean, variance, epsilon = self._statistics
        self._statistics = None
        self.chain.batch_norm(name, factor, shift, mean, variance, epsilon)

    def _bias(self, layer: LayerRecord) -> None:
        self._need_channels(layer)
        fits = layer.fields.message("bias_param").integer("axis", 1) == 1 and len(layer.blobs) == 1
        self._need(layer, fits, "it adds to other axes than the channels")
        self.chain.scale(layer.name, 1.0, blob_array(layer.blobs[0]).reshape(-1))

    def _power(self, layer: LayerRecord) -> None:
        fields = layer.fields.message("power_param")
        power = fields.real("power", 1)
        self._need(layer, power == 1, f"its power is {power:g}, wanted 1")
        shift = fields.real("shift", 0)
        if shift:
            self._need_channels(layer)
        self.chain.scale(layer.name, fields.real("scale", 1), shift)

    def _flatten(self, layer: LayerRecord) -> None:
        fields = layer.fields.message("flatten_param")
        whole = fields.integer("axis", 1) in (1, -3) and fields.integer("end_axis", -1) in (-1, 3)
        self._need(layer, whole or self._flat, "it flattens a part of the axes")
        self._flat = True

    def _reshape(self, layer: LayerRecord) -> None:
        fields = layer.fields.message("reshape_param")
        shape, axis = fields.message("shape").integers("dim"), fields.integer("axis", 0)
        known = fields.integer("num_axes", -1) == -1 and axis in (0, 1)
        self._need(layer, known and 1 - axis < len(shape) <= 4, "a shape of a part of the axes")
        own = [self.chain.shape.values] if self._flat else list(self.chain.shape)
        wanted = shape[1 - axis :]
        wanted = [own[n] if side == 0 and n < len(own) else side for n, side in enumerate(wanted)]
        if wanted.count(-1) == 1 and min((side for side in wanted if side != -1), default=1) > 0:
            rest = 1
            for side in wanted:
                rest *= abs(side)
            wanted[wanted.index(-1)] = self.chain.shape.values // rest
        while len(wanted) > 1 and wanted[-1] == 1 and wanted != list(self.chain.shape):
            wanted.pop()
        fits = wanted in (list(self.chain.shape), [self.chain.shape.values])
        self._need(
            layer,
            fits,
            f"it reshapes {self.chain.shape} to {tuple(shape)}; piecewise can only flatten maps",
        )
        self._flat = wanted != list(self.chain.shape)

    def _slice(self, layer: LayerRecord) -> None:
        fields = layer.fields.message("slice_param")
        self._need_maps(layer)
        axis = fields.integer("axis", fields.integer("slice_dim", 1))
        points = fields.integers("slice_point")
        axis = axis + 4 if axis < 0 else axis
        fits = axis in (2, 3) and len(points) == 1 and axis - 2 not in self._cut
        self._need(
            layer, fits, "wanted a Slice that cuts off the last rows or columns, before Pooling"
        )
        self._need(layer, 0 < points[0] < self.chain.shape[axis - 1], f"it cuts at {points[0]}")
        self._cut[axis - 2] = points[0]

    def _softmax(self, layer: LayerRecord) -> None:
        if layer.type == "Softmax":
            axis = layer.fields.message("softmax_param").integer("axis", 1)
            self._need(layer, axis in (1, -1), f"its axis is {axis}")
        self._need_channels(layer)
        self.chain.softmax(layer.name)

    def _sigmoid(self, layer: LayerRecord) -> None:
        self.chain.sigmoid_end(layer.name)

    # Helpers.

    def _weight_and_bias(
        self, layer: LayerRecord, fields: MessageFields, axes: int
    ) -> tuple[Float32, Float32 | None]:
        """The weight with this number of axes, and the bias (outputs) or None."""
        has_bias = fields.flag("bias_term", True)
        if len(layer.blobs) != 1 + has_bias:
            raise self._refused(
                layer, f"it has {len(layer.blobs)} blobs of parameters, wanted {1 + has_bias}; "
                "are the names of the layers the same in both files?"
            )  # fmt: skip
        weight = blob_array(layer.blobs[0])
        outputs = fields.integer("num_output", len(weight) if weight.ndim else 0)
        if weight.ndim > axes and weight.shape[: weight.ndim - axes] == (1,) * (weight.ndim - axes):
            weight = weight.reshape(weight.shape[weight.ndim - axes :])  # of the old format
        transposed = axes == 2 and fields.flag("transpose", False)
        if weight.ndim != axes or weight.shape[1 if transposed else 0] != outputs:
            raise self._refused(
                layer,
                f"its weight has the shape {weight.shape}, wanted {axes} sides for {outputs:,} "
                "outputs",
            )
        return weight, blob_array(layer.blobs[1]).reshape(-1) if has_bias else None

    def _need_maps(self, layer: LayerRecord) -> None:
        self._need(layer, not self._flat, "its input is flattened, without rows and columns")

    def _need_channels(self, layer: LayerRecord) -> None:
        """Refuse what is done per channel or across channels where these are lost, or many cells
        stay at the softmax."""
        cells = self.chain.shape.values // self.chain.shape.channels
        is_end = layer.type.startswith("Softmax")
        fits = cells == 1 or self._flat == is_end
        self._need(layer, fits, f"its input of {self.chain.shape} is flattened" if self._flat
                   else f"a softmax at each of {cells:,} positions; {ONE_VALUE}")  # fmt: skip

    def _need(self, layer: LayerRecord, condition: bool, why: str) -> None:
        if not condition:
            raise self._refused(layer, why)

    def _refused(self, layer: LayerRecord, why: str) -> ModelFileError:
        return self.chain.refused(layer.name, why)


_METHODS: dict[str, Callable[[LayerReader, LayerRecord], None]] = {
    "BatchNorm": LayerReader._batch_norm,
    "Bias": LayerReader._bias,
    "Convolution": LayerReader._convolution,
    "Dropout": LayerReader._dropout,
    "Flatten": LayerReader._flatten,
    "InnerProduct": LayerReader._inner_product,
    "Pooling": LayerReader._pooling,
    "Power": LayerReader._power,
    "ReLU": LayerReader._relu,
    "Reshape": LayerReader._reshape,
    "Scale": LayerReader._scale,
    "Sigmoid": LayerReader._sigmoid,
    "SigmoidCrossEntropyLoss": LayerReader._sigmoid,
    "Slice": LayerReader._slice,
    "Softmax": LayerReader._softmax,
    "SoftmaxWithLoss": LayerReader._softmax,
}
"""The types of layer that are read."""


def _several(values: Sequence[int], default: int) -> tuple[int, int]:
    """A number for rows and columns, from a field that may hold one or two."""
    if len(values) > 2:
        raise ValueError(f"got {len(values)} numbers for rows and columns")
    return (values[0], values[-1]) if values else (default, default)


def _pair(fields: MessageFields, name: str, default: int | None) -> tuple[int, int]:
    """The numbers for rows and columns of a kernel, a stride or a pad."""
    if f"{name}_h" in fields or f"{name}_w" in fields:
        return fields.integer(f"{name}_h", default or 0), fields.integer(f"{name}_w", default or 0)
    values = fields.integers("kernel_size" if name == "kernel" else name)
    if not values and default is None:
        raise ValueError("it has no kernel_size")
    return _several(values, default or 0)


def _is_ceil(fields: MessageFields) -> bool:
    """Whether windows may extend past the edge, as they do unless a later version says FLOOR."""
    return fields.text("round_mode", "CEIL") == "CEIL" and fields.flag("ceil_mode", True)
