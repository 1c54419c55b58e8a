"""The memory layout of feature maps."""

from __future__ import annotations

from typing import NamedTuple

from ...spec.layer_base import Shape
from .llvm_text import GROUP_BYTES


class FeatureMapLayout(NamedTuple):
    """The layout of one layer's feature maps for a group: [channel][row][column][16],
    contiguous."""

    shape: Shape
    cell_bytes: int = GROUP_BYTES
    """Bytes of a cell's sixteen values: 64 for float32, 128 for float64."""

    @property
    def channels(self) -> int:
        return self.shape.channels

    @property
    def values(self) -> int:
        """The number of cells in all channels."""
        return self.shape.values

    @property
    def cells(self) -> int:
        """The number of cells in one channel."""
        return self.shape.height * self.shape.width

    @property
    def row_bytes(self) -> int:
        """Bytes from one row to the next."""
        return self.shape.width * self.cell_bytes

    @property
    def channel_bytes(self) -> int:
        """Bytes from one channel to the next."""
        return self.cells * self.cell_bytes

    @property
    def size(self) -> int:
        """Bytes of all channels."""
        return self.channels * self.channel_bytes
