"""Windows past the edge: recognizes the layers that the exporter writes for them.

`layers.py` says them with padding at the end, with numbers of each row and column that make the
padding lower than any value before a maximum, and with factors of each row and column after an
average.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...core.array_types import Array
from ...core.windows import partial_windows
from ...spec.layer_base import Shape
from ..chain import ChainBuilder
from ..rewriting import Pads
from .layers import LOWEST, cell_fractions
from .settings import Settings

_LOW = 0.1 * -LOWEST
"""What is subtracted from padding, at least."""


class Edges:
    """What a file says about the padding of the next pooling layer, or of the last one."""

    def __init__(self) -> None:
        self.lowered: set[int] = set()
        """The axes (1 rows, 2 columns) whose padding is lower than any value."""
        self.average: _Average | None = None
        """Averages that count padding, unless factors for all axes follow."""

    def lower(
        self, settings: Settings, axis: int, numbers: tuple[Array, Array], shape: Shape, pads: Pads
    ) -> None:
        """Take the numbers (mean, variance) of an axis that make its padding lower."""
        mean, variance = numbers
        size, after = shape[axis], pads[1 + axis]
        is_low = mean.shape == variance.shape == (size + after,) and after > 0
        if not is_low or pads[0] or pads[1] or (variance != 1).any():
            raise settings.refused("it changes zeros in front of a layer")
        if mean[:size].any() or (mean[size:] < _LOW).any():
            raise settings.refused("it changes zeros in front of a layer")
        self.lowered.add(axis)

    def scale(self, settings: Settings, axis: int, numbers: tuple[Array, Array]) -> None:
        """Take the factors (mean, variance) of an axis that make averages of existing cells."""
        mean, variance = numbers
        expected = None if self.average is None else self.average.fractions(axis)
        if expected is None or mean.any() or mean.shape != variance.shape:
            raise settings.refused("it changes rows or columns by different numbers")
        fits = variance.shape == expected.shape and np.allclose(np.sqrt(variance), expected, 1e-5)
        if not fits or self.average is None:
            raise settings.refused("factors of rows or columns that are no averages")
        self.average.axes.discard(axis)

    def flush(self, chain: ChainBuilder) -> None:
        """Add the averages to the chain, once it is known which ones they are."""
        average, self.average = self.average, None
        if average is None:
            return
        where, window, stride, pads = average[:4]
        if not average.axes:
            chain.average_pool(where, window, stride, pads)
        elif average.axes == average.overhanging:
            chain.average_pool(where, window, stride, pads, counts_padding=True)
        else:
            raise chain.refused(where, "its averages count the padding of rows or columns alone")


class _Average(NamedTuple):
    """Averages of padded maps: the layer, its windows, the padding, the input, and the axes with
    padding that no factor has corrected yet."""

    where: str
    window: tuple[int, int]
    stride: tuple[int, int]
    pads: Pads
    shape: Shape
    axes: set[int]

    @property
    def overhanging(self) -> set[int]:
        """The axes with padding."""
        return {axis for axis in (1, 2) if self.pads[axis - 1] or self.pads[axis + 1]}

    def fractions(self, axis: int) -> Array | None:
        """The fraction of each window along an axis that exists; None if its windows are others
        than those of a network."""
        size, after = self.shape[axis], self.pads[axis + 1]
        window, stride = self.window[axis - 1], self.stride[axis - 1]
        windows = partial_windows(size, window, stride)
        same = windows.count == (size + after - window) // stride + 1
        return cell_fractions(windows) if same and not self.pads[axis - 1] else None


def padded_average(
    where: str, window: tuple[int, int], stride: tuple[int, int], pads: Pads, shape: Shape
) -> _Average:
    """Averages that count padding, unless factors follow."""
    average = _Average(where, window, stride, pads, shape, set())
    return average._replace(axes=average.overhanging)
