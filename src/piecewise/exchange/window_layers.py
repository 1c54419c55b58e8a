"""Layers with windows in a chain: convolutions and pooling, with the padding of other toolkits."""

from __future__ import annotations

from math import prod

import numpy as np

from ..core.array_types import Array
from ..core.errors import ModelFileError
from ..spec.layers import Convolution, Dropout, Pool, Relu
from .checked_layers import CheckedLayers
from .rewriting import (
    PaddedWindows,
    Pads,
    convolution_padding,
    dense_kernel,
    dilated_kernel,
    pool_edge,
    zeros_for_pool,
)


class WindowLayers(CheckedLayers):
    """Adds convolutions and pooling layers; ``where`` names the layer of the file in errors."""

    def convolution(
        self,
        where: str,
        weight: Array,
        bias: Array | None = None,
        stride: tuple[int, int] = (1, 1),
        pads: Pads = (0, 0, 0, 0),
        groups: int = 1,
        dilation: tuple[int, int] = (1, 1),
    ) -> None:
        """A convolution (cross-correlation): weight (O, C / groups, KH, KW), bias (O), ``pads``
        rows and columns of zeros: top, left, bottom, right."""
        self._check_groups(where, weight, groups)
        if groups > 1:
            self.allow(where, weight.shape[0] * self.shape.channels * weight[0, 0].size)
            weight = dense_kernel(weight, groups)
            self.note(where, f"its {groups} groups became one kernel with zeros between them")
        if dilation != (1, 1):
            sides = [1 + (k - 1) * d for k, d in zip(weight.shape[2:], dilation, strict=True)]
            self.allow(where, weight.shape[0] * weight.shape[1] * sides[0] * sides[1])
            weight = dilated_kernel(weight, dilation)
            self.note(where, "its dilated kernel became a larger one with zeros")
        padding, kernel = convolution_padding(self.shape, weight, stride, pads)
        if kernel.shape != weight.shape:
            self.note(where, "its uneven padding became rows or columns of zeros in its kernel")
        layer = Convolution(
            len(kernel),
            (kernel.shape[2], kernel.shape[3]),
            stride,
            padding,
            False,
            bias is not None,
        )
        self.append(where, layer, {"weight": kernel, "bias": bias})

    def max_pool(self, where: str, windows: PaddedWindows) -> None:
        """Max pooling.

        Padding is lower than any value. Where no value is negative, zeros do the same.
        """
        if pool_edge(self.shape, windows) is not None:
            self._pool(where, "max", windows)
            return
        if not self.is_nonnegative:
            raise self.refused(
                where,
                f"its padding is {_padding(windows.pads)}; piecewise pools without padding, and "
                "zeros can replace it only if the layer before is relu, as no value is negative "
                "then",
            )
        found = zeros_for_pool(self.shape, windows)
        if found is None or self.reads_tokens:
            raise self._padded_pool(where, windows.pads)
        zeros, edge = found
        self.zeros(where, zeros)
        self.append(where, Pool(windows.size, windows.stride, "max", edge))

    def average_pool(
        self, where: str, windows: PaddedWindows, *, counts_padding: bool = False
    ) -> None:
        """Average pooling; with ``counts_padding``, windows divide by their full size."""
        if counts_padding and pool_edge(self.shape, windows) != "drop":  # one is past the edge
            if windows.partial:
                raise self.refused(
                    where,
                    "its averages count padding past the edge, wanted averages of the cells "
                    "that exist",
                )
            channels = self.shape.channels
            cells = prod(windows.size)
            self.allow(where, channels * channels * cells)
            mean = np.full((channels, 1, *windows.size), 1 / cells, np.float32)
            self.note(where, "averages that count padding became a convolution")
            self.convolution(where, mean, None, windows.stride, windows.pads, channels)
            return
        self._pool(where, "average", windows)

    def global_pool(self, where: str, kind: str) -> None:
        """Pooling of whole maps; ``kind`` is max or average."""
        self.append(where, Pool("all", kind=kind))

    def zeros(self, where: str, pads: Pads) -> None:
        """Rows and columns of zeros around the map: a convolution that changes no value."""
        if not any(pads):
            return
        channels = self.shape.channels
        self.allow(where, channels * channels)
        kernel = np.eye(channels, dtype=np.float32)[:, :, None, None]
        self.note(where, "its padding became a convolution that puts zeros around the map")
        self.convolution(where, kernel, None, (1, 1), pads)

    @property
    def is_nonnegative(self) -> bool:
        """Whether no value of the last layer is negative."""
        self.flush()
        for layer in reversed(self._layers):
            if isinstance(layer, Relu):
                return True
            if not isinstance(layer, Pool | Dropout):
                return False
        return False

    def _pool(self, where: str, kind: str, windows: PaddedWindows) -> None:
        edge = pool_edge(self.shape, windows)
        if edge is None:
            raise self._padded_pool(where, windows.pads)
        self.append(where, Pool(windows.size, windows.stride, kind, edge))

    def _padded_pool(self, where: str, pads: Pads) -> ModelFileError:
        return self.refused(
            where, f"its padding is {_padding(pads)}; piecewise pools without padding"
        )

    def _check_groups(self, where: str, weight: Array, groups: int) -> None:
        fits = weight.ndim == 4 and groups >= 1 and weight.shape[1] * groups == self.shape.channels
        if not fits or weight.shape[0] % groups:
            raise self.refused(
                where,
                f"its weight has the shape {weight.shape}, which does not fit {groups} groups "
                f"of {self.shape}",
            )


def _padding(pads: Pads) -> str:
    """Padding in words."""
    top, left, bottom, right = pads
    return f"{top} and {bottom} rows, {left} and {right} columns"
