"""Torch7's modules, each converted to layers of piecewise or refused by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from ...core.array_types import Array, Float32
from ...core.errors import ModelFileError, shown
from ..chain import ChainBuilder
from ..checked_layers import ONE_VALUE
from ..formats.t7 import Table, TorchModule
from ..rewriting import PaddedWindows, Pads

NO_PADS: Pads = (0, 0, 0, 0)
_MAX_SIDE = 1 << 20


class ModuleReader:
    """Adds the modules of an nn.Sequential to a chain, one after another."""

    def __init__(self, chain: ChainBuilder) -> None:
        self.chain = chain
        self._pads = NO_PADS  # zeros that a module before put around the map
        self._flat = False  # whether the values are in a row, without rows and columns

    def add(self, module: TorchModule, where: str) -> None:
        """Add a module; ModelFileError, which names it, if that is not possible."""
        method = _METHODS.get(module.kind)
        if method is None:
            raise self.chain.refused(where, f"piecewise has no layer for the module {module.kind}")
        if self._pads != NO_PADS and module.kind not in _TAKE_PADS:
            self._flush_pads(where)
        try:
            method(self, ModuleFields(module.fields, where))
        except ModelFileError:
            raise
        except ValueError as error:
            raise self.chain.refused(where, str(error)) from None

    # One method per kind of module.

    def _convolution(self, fields: ModuleFields) -> None:
        self._need_maps()
        window, stride = fields.sides("k"), fields.sides("d")
        weight = fields.tensor("weight")
        groups = fields.integer("groups", 1)
        _need(groups >= 1, f"its groups are {groups}")
        channels = self.chain.shape.channels // groups
        if weight.ndim == 2 and weight.shape[1] == channels * prod(window):
            weight = weight.reshape(len(weight), channels, *window)
        fits = weight.ndim == 4 and weight.shape[2:] == window
        _need(
            fits,
            f"its weight has the shape {weight.shape}, and its kernel is {window[0]}x{window[1]}",
        )
        rows, columns = fields.sides("pad", default=fields.integer("padding", 0))
        dilation = fields.sides("dilation", default=1)
        _need(min(*stride, *dilation) >= 1, f"a stride of {stride} and a dilation of {dilation}")
        _need(min(rows, columns) >= 0, f"its padding is {rows} and {columns}")
        top, left, bottom, right = self._taken_pads()
        pads = (top + rows, left + columns, bottom + rows, right + columns)
        bias = fields.optional_tensor("bias")
        self.chain.convolution(fields.where, weight, bias, stride, pads, groups, dilation)

    def _padding(self, fields: ModuleFields) -> None:
        self._need_maps()
        pads = tuple(fields.integer(f"pad_{side}", 0) for side in "tlbr")
        _need(min(pads) >= 0 and max(pads) <= 4_096, f"its padding is {pads}")
        top, left, bottom, right = (a + b for a, b in zip(self._pads, pads, strict=True))
        self._pads = top, left, bottom, right

    def _max_pool(self, fields: ModuleFields) -> None:
        windows = self._windows(fields)
        if self._is_whole_map(windows):
            self.chain.global_pool(fields.where, "max")
        else:
            self.chain.max_pool(fields.where, windows)

    def _average_pool(self, fields: ModuleFields) -> None:
        windows = self._windows(fields)
        _need(fields.flag("divide", True), "it adds without dividing (divide is false)")
        counts = fields.flag("count_include_pad", True) and windows.pads != NO_PADS
        if self._is_whole_map(windows):
            self.chain.global_pool(fields.where, "average")
        else:
            self.chain.average_pool(fields.where, windows, counts_padding=counts)

    def _is_whole_map(self, windows: PaddedWindows) -> bool:
        return windows.size == self.chain.shape[1:] and windows.pads == NO_PADS

    def _windows(self, fields: ModuleFields) -> PaddedWindows:
        """The windows of a pooling module."""
        self._need_maps()
        window, stride = fields.sides("k"), fields.sides("d")
        rows, columns = fields.sides("pad", default=0)
        _need(min(*window, *stride) >= 1, f"a window of {window} and a stride of {stride}")
        _need(min(rows, columns) >= 0, f"its padding is {rows} and {columns}")
        partial = fields.flag("ceil_mode", False)
        for side, size, step, pad in zip(
            self.chain.shape[1:], window, stride, (rows, columns), strict=True
        ):
            steps = side + 2 * pad - size
            last = -(-steps // step) * step if partial else 0
            _need(steps >= 0, f"a window of {window} is larger than its input")
            _need(
                pad > 0 or last < side,
                f"its last window starts past the edge of {self.chain.shape}",
            )
        return PaddedWindows(window, stride, (rows, columns, rows, columns), partial)

    def _linear(self, fields: ModuleFields) -> None:
        cells = self.chain.shape.values // self.chain.shape.channels
        _need(
            self._flat or cells == 1,
            f"it reads maps of {self.chain.shape}, wanted a row of values; put an nn.View "
            "before it",
        )
        weight, bias = fields.tensor("weight"), fields.optional_tensor("bias")
        self.chain.fully_connected(fields.where, weight, bias)
        self._flat = False  # its values are maps of one cell

    def _relu(self, fields: ModuleFields) -> None:
        limits = fields.real("threshold", 0), fields.real("val", 0)
        _need(
            limits == (0, 0),
            f"its threshold and val are {limits[0]:g} and {limits[1]:g}, wanted 0 and 0; "
            "piecewise has relu alone",
        )
        self.chain.relu(fields.where)

    def _dropout(self, fields: ModuleFields) -> None:
        rate = fields.real("p", 0.5)
        self.chain.dropout(fields.where, rate)
        if not fields.flag("v2", False):  # the first version scales after training
            self.chain.scale(fields.where, 1 - rate)

    def _batch_norm(self, fields: ModuleFields) -> None:
        _need(not self._flat, f"its input of {self.chain.shape} is flattened")
        mean, variance = fields.tensor("running_mean"), fields.tensor("running_var")
        weight, bias = fields.optional_tensor("weight"), fields.optional_tensor("bias")
        weight = np.ones(mean.shape, np.float32) if weight is None else weight
        bias = np.zeros(mean.shape, np.float32) if bias is None else bias
        epsilon = fields.real("eps", 1e-5)
        self.chain.batch_norm(fields.where, weight, bias, mean, variance, epsilon)

    def _multiply(self, fields: ModuleFields) -> None:
        self.chain.scale(fields.where, fields.real("constant_scalar", 1))

    def _reshape(self, fields: ModuleFields) -> None:
        size = fields.sizes("size")
        own = list(self.chain.shape)
        values = self.chain.shape.values
        if len(size) > 1 and size[0] == -1:
            size = size[1:]  # the batch
        if size.count(-1) == 1 and min(side for side in [*size, 1] if side != -1) > 0:
            size[size.index(-1)] = values // -prod(size)
        _need(
            size in (own, [values]),
            f"it reshapes {self.chain.shape} to {tuple(size)}; piecewise can only flatten maps",
        )
        self._flat = size != own

    def _softmax(self, fields: ModuleFields) -> None:
        cells = self.chain.shape.values // self.chain.shape.channels
        _need(self._flat or cells == 1, f"a softmax at each of {cells:,} positions; {ONE_VALUE}")
        self.chain.softmax(fields.where)

    def _sigmoid(self, fields: ModuleFields) -> None:
        self.chain.sigmoid_end(fields.where)

    def _nothing(self, fields: ModuleFields) -> None:
        """A module that returns its input."""

    # Helpers.

    def _need_maps(self) -> None:
        _need(not self._flat, "its input is flattened, without rows and columns")

    def finish(self) -> None:
        """Check the end of the modules."""
        self._flush_pads("the end")
        self.chain.check_end(self._flat)

    def _flush_pads(self, where: str) -> None:
        self.chain.zeros(where, self._taken_pads())

    def _taken_pads(self) -> Pads:
        pads, self._pads = self._pads, NO_PADS
        return pads


_TAKE_PADS = {
    "SpatialConvolution", "SpatialConvolutionMM", "SpatialDilatedConvolution", "SpatialZeroPadding",
}  # fmt: skip
_METHODS: dict[str, Callable[[ModuleReader, ModuleFields], None]] = {
    "BatchNormalization": ModuleReader._batch_norm,
    "Contiguous": ModuleReader._nothing,
    "Copy": ModuleReader._nothing,
    "Dropout": ModuleReader._dropout,
    "Identity": ModuleReader._nothing,
    "Linear": ModuleReader._linear,
    "LogSoftMax": ModuleReader._softmax,
    "MulConstant": ModuleReader._multiply,
    "ReLU": ModuleReader._relu,
    "Reshape": ModuleReader._reshape,
    "Sigmoid": ModuleReader._sigmoid,
    "SoftMax": ModuleReader._softmax,
    "SpatialAveragePooling": ModuleReader._average_pool,
    "SpatialBatchNormalization": ModuleReader._batch_norm,
    "SpatialConvolution": ModuleReader._convolution,
    "SpatialConvolutionMM": ModuleReader._convolution,
    "SpatialDilatedConvolution": ModuleReader._convolution,
    "SpatialDropout": ModuleReader._dropout,
    "SpatialMaxPooling": ModuleReader._max_pool,
    "SpatialSoftMax": ModuleReader._softmax,
    "SpatialZeroPadding": ModuleReader._padding,
    "Threshold": ModuleReader._relu,
    "View": ModuleReader._reshape,
}
"""The modules that are read."""


class ModuleFields:
    """The fields of a module, with the type that each must have."""

    def __init__(self, fields: Table, where: str) -> None:
        self._fields = fields
        self.where = where

    def real(self, name: str, default: float) -> float:
        """A number."""
        value = self._fields.get(name)
        if value is None:
            return float(default)
        if isinstance(value, bool) or not isinstance(value, float) or not np.isfinite(value):
            raise ValueError(f"its {name} is {shown(value)}, wanted a number")
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        if default is None and name not in self._fields:
            raise ValueError(f"it has no {name}")
        value = self.real(name, default or 0)
        if not value.is_integer() or abs(value) > _MAX_SIDE:
            raise ValueError(f"its {name} is {value:g}, wanted a whole number")
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self._fields.get(name, default)
        if not isinstance(value, bool):
            raise ValueError(f"its {name} is {shown(value)}, wanted true or false")
        return value

    def sides(self, prefix: str, default: int | None = None) -> tuple[int, int]:
        """A number for rows and one for columns: kH and kW, say."""
        return self.integer(f"{prefix}H", default), self.integer(f"{prefix}W", default)

    def sizes(self, name: str) -> list[int]:
        """The whole numbers of a torch.LongStorage."""
        value = self._fields.get(name)
        if not isinstance(value, np.ndarray) or value.dtype.kind != "i" or not 0 < value.size <= 8:
            raise ValueError(f"its {name} is {shown(value)}, wanted a few whole numbers")
        return [int(side) for side in value.reshape(-1)]

    def tensor(self, name: str) -> Float32:
        """A tensor of numbers, as float32."""
        value = self.optional_tensor(name)
        if value is None:
            raise ValueError(f"it has no {name}")
        return value

    def optional_tensor(self, name: str) -> Float32 | None:
        """A tensor of numbers, as float32, or None."""
        value: Array | None = self._fields.get(name)
        if value is None:
            return None
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            raise ValueError(f"its {name} is {shown(value)}, wanted a tensor of real numbers")
        with np.errstate(over="ignore"):  # the chain refuses infinite numbers
            return np.asarray(value, np.float32)


def _need(condition: bool, why: str) -> None:
    if not condition:
        raise ValueError(why)


def listed(table: object) -> Sequence[object]:
    """The values of a table with the keys 1, 2, ...; ValueError if it has others."""
    if not isinstance(table, dict) or set(table) != set(range(1, len(table) + 1)):
        raise ValueError("wanted a table with the keys 1, 2, ...")
    return [table[number] for number in range(1, len(table) + 1)]
