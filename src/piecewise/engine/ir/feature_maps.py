"""How a stack lies in memory."""

from __future__ import annotations

from typing import NamedTuple

from ...spec.layer import Shape
from .llvm_text import GROUP_BYTES


class FeatureMapLayout(NamedTuple):
    """[channel][row][column][16] numbers, one after the other."""

    shape: Shape
    cell_bytes: int = GROUP_BYTES
    """Of the sixteen numbers of a cell: 64, or 128 in float64."""

    @property
    def channels(self) -> int:
        return self.shape.channels

    @property
    def values(self) -> int:
        """Cells of all channels."""
        return self.shape.values

    @property
    def cells(self) -> int:
        """Cells of one channel."""
        return self.shape.height * self.shape.width

    @property
    def row_bytes(self) -> int:
        """From one row to the next."""
        return self.shape.width * self.cell_bytes

    @property
    def channel_bytes(self) -> int:
        """From one channel to the next."""
        return self.cells * self.cell_bytes

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self.channels * self.channel_bytes
