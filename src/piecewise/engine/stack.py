"""How a stack lies in memory."""

from __future__ import annotations

from typing import NamedTuple

from ..layers import Shape
from .ir import GROUP_BYTES


class Stack(NamedTuple):
    """[channel][row][column][16] float32, one after the other."""

    shape: Shape

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
        return self.shape.width * GROUP_BYTES

    @property
    def channel_bytes(self) -> int:
        """From one channel to the next."""
        return self.cells * GROUP_BYTES

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self.channels * self.channel_bytes
