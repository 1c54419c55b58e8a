"""Where a sliding window stands: the arithmetic of stride, padding and edges, along one axis.

Convolution and pooling, shape inference, the reference, the engine and every exporter take their
numbers from here. Two axes are two `Windows`.

    size 7, window 3, stride 2, before 1        cells     . 0 1 2 3 4 5 6 .
                                                window 0  [-----]
                                                window 1      [-----]
                                                window 2          [-----]
                                                window 3              [-----]
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows along one axis of ``size`` cells.

    Window ``i`` covers the cells ``i * stride - before`` to ``i * stride - before + window - 1``;
    those below 0 or not below ``size`` are padding.
    """

    size: int
    window: int
    stride: int
    before: int
    count: int

    @property
    def after(self) -> int:
        """Cells of padding needed past the last cell so that every window is whole."""
        reach = (self.count - 1) * self.stride + self.window
        return max(0, reach - self.before - self.size)

    def cells(self, index: int) -> range:
        """The input cells that window ``index`` really covers (padding left out)."""
        start = index * self.stride - self.before
        return range(max(0, start), min(self.size, start + self.window))

    def offset(self, cell: int) -> slice:
        """For cell ``cell`` of the window: what each window has there, as a slice of the padded
        axis (``before`` cells, the input, ``after`` cells), ``count`` long."""
        return slice(cell, cell + self.stride * (self.count - 1) + 1, self.stride)


def complete_windows(
    size: int, window: int, stride: int, before: int = 0, after: int = 0
) -> Windows:
    """The windows that lie wholly inside the padded axis; the count is 0 if not one does."""
    room = before + size + after - window
    return Windows(size, window, stride, before, room // stride + 1 if room >= 0 else 0)


def partial_windows(size: int, window: int, stride: int) -> Windows:
    """The windows that reach every cell a stride allows; the last may hang over the edge.

    A window always starts on a cell: with a stride longer than the window, one that would start
    past the edge is left out.
    """
    overhanging = max(0, -(-(size - window) // stride)) + 1
    return Windows(size, window, stride, 0, min(overhanging, -(-size // stride)))


def same_windows(size: int, window: int, stride: int) -> Windows:
    """Zero padding that gives ceil(size / stride) windows, an odd cell of it at the end."""
    count = -(-size // stride)
    padding = max(0, (count - 1) * stride + window - size)
    return Windows(size, window, stride, padding // 2, count)
