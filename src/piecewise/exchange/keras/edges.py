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
from ..rewriting import PaddedWindows, Pads
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
        where = average.where
        if not average.axes:
            chain.average_pool(where, average.windows)
        elif average.axes == average.overhanging:
            chain.average_pool(where, average.windows, counts_padding=True)
        else:
            raise chain.refused(where, "its averages count the padding of rows or columns alone")


class _Average(NamedTuple):
    """Averages of padded maps: the layer, its windows, the padding, the input, and the axes with
    padding that no factor has corrected yet."""

    where: str
    windows: PaddedWindows
    shape: Shape
    axes: set[int]

    @property
    def overhanging(self) -> set[int]:
        """The axes with padding."""
        pads = self.windows.pads
        return {axis for axis in (1, 2) if pads[axis - 1] or pads[axis + 1]}

    def fractions(self, axis: int) -> Array | None:
        """The fraction of each window along an axis that exists; None if its windows are others
        than those of a network."""
        window, stride = self.windows.size[axis - 1], self.windows.stride[axis - 1]
        before, after = self.windows.pads[axis - 1], self.windows.pads[axis + 1]
        windows = partial_windows(self.shape[axis], window, stride)
        same = windows.count == (self.shape[axis] + after - window) // stride + 1
        return cell_fractions(windows) if same and not before else None


def padded_average(where: str, windows: PaddedWindows, shape: Shape) -> _Average:
    """Averages that count padding, unless factors follow."""
    average = _Average(where, windows, shape, set())
    return average._replace(axes=average.overhanging)
