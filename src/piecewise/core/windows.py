"""Sliding windows along one axis: the arithmetic of stride, padding and edges.

Convolution, pooling, shape inference, the reference and the engine all use these numbers. A
two-dimensional window is two `Windows`, one for each axis.

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
        """Cells of padding after the last cell that the last window needs."""
        covered = (self.count - 1) * self.stride + self.window
        return max(0, covered - self.before - self.size)

    def cells(self, index: int) -> range:
        """The input cells that window ``index`` covers, without padding."""
        start = index * self.stride - self.before
        return range(max(0, start), min(self.size, start + self.window))

    def offset(self, cell: int) -> slice:
        """The slice of the padded axis that holds cell ``cell`` of every window, ``count`` long.

        The padded axis is ``before`` cells, the input and ``after`` cells.
        """
        return slice(cell, cell + self.stride * (self.count - 1) + 1, self.stride)


def complete_windows(
    size: int, window: int, stride: int, before: int = 0, after: int = 0
) -> Windows:
    """The windows that lie inside the padded axis (floor mode); the count can be 0."""
    steps = before + size + after - window
    return Windows(size, window, stride, before, steps // stride + 1 if steps >= 0 else 0)


def partial_windows(size: int, window: int, stride: int) -> Windows:
    """Windows up to the last cell (ceil mode); the last one may extend past the edge.

    Every window starts on a cell: where the stride is longer than the window, a window that would
    start past the edge is left out.
    """
    overhanging = max(0, -(-(size - window) // stride)) + 1
    return Windows(size, window, stride, 0, min(overhanging, -(-size // stride)))


def same_windows(size: int, window: int, stride: int) -> Windows:
    """Zero padding for ceil(size / stride) windows; an odd cell of padding goes to the end."""
    count = -(-size // stride)
    padding = max(0, (count - 1) * stride + window - size)
    return Windows(size, window, stride, padding // 2, count)
