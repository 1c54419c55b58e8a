"""Pooling windows along one axis, for toolkits that only have windows up to the edge or past it."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.windows import Windows
from ..spec.architecture import Stage
from ..spec.layers import Pool


@dataclass(frozen=True)
class PoolAxis:
    """The windows along one axis, of which the first starts at the first cell."""

    size: int
    window: int
    stride: int
    count: int

    @property
    def used(self) -> int:
        """The cells from the first to the last that a window covers."""
        return min(self.size, (self.count - 1) * self.stride + self.window)

    @property
    def overhangs(self) -> bool:
        """Whether the last window extends past the edge."""
        return (self.count - 1) * self.stride + self.window > self.size

    @property
    def is_floor(self) -> bool:
        """Whether these are the windows of floor mode: all that lie inside the axis."""
        return not self.overhangs and (self.size - self.window) // self.stride + 1 == self.count

    @property
    def is_ceil(self) -> bool:
        """Whether these are the windows of ceil mode: up to the last cell, or past it."""
        return -(-(self.size - self.window) // self.stride) + 1 == self.count


def pool_axes(stage: Stage) -> tuple[PoolAxis, PoolAxis]:
    """The windows of a pooling stage along the rows and columns. A window is not larger than the
    map, because toolkits refuse larger ones."""
    assert isinstance(stage.layer, Pool)
    rows, columns = stage.layer.windows(stage.input)
    return _axis(rows), _axis(columns)


def _axis(windows: Windows) -> PoolAxis:
    window = min(windows.window, windows.size)
    return PoolAxis(windows.size, window, windows.stride, windows.count)
