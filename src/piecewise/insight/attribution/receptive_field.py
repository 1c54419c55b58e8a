"""Receptive fields: the input cells that an activation can depend on.

They are computed backwards through the windows of convolution and pooling (`core.windows`).
"""

from __future__ import annotations

from typing import NamedTuple

from ...core.array_types import Array
from ...core.constraints import is_integer
from ...core.errors import LimitError, did_you_mean, shown
from ...spec.architecture import Architecture, Stage
from ...spec.layer_base import Connectivity


class ReceptiveField(NamedTuple):
    """Cells of the input: rows ``top`` to ``bottom - 1`` and columns ``left`` to ``right - 1``.

    In a text for an embedding, a column is a position, and there is one row.
    """

    top: int
    bottom: int
    left: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top, self.right - self.left

    def cut(self, example: Array) -> Array:
        """The patch of an example (C, H, W) or (positions) in this field, as a view."""
        if example.ndim == 1:
            return example[self.left : self.right]
        return example[:, self.top : self.bottom, self.left : self.right]


def receptive_field(
    architecture: Architecture, layer: str, row: int = 0, column: int = 0
) -> ReceptiveField:
    """The input cells that a layer's activations at ``row`` and ``column`` can depend on.

    It is clipped to the input and is the same for all feature maps. Cells that a stride skips
    within the field are included. LimitError if there is no such activation.
    """
    stages = _until(architecture, layer)
    shape = stages[-1].output if stages else architecture.input
    for name, index, side in zip(("row", "column"), (row, column), shape[1:], strict=True):
        if not is_integer(index) or not 0 <= index < side:
            wanted = f"a whole number from 0 to {side - 1}"
            raise LimitError(f"{name}: got {shown(index)}, wanted {wanted}")
    sides: list[int] = []
    for axis, index in enumerate((int(row), int(column))):
        low, high = index, index + 1
        for stage in reversed(stages):
            low, high = _input_range(stage, axis, low, high)
        sides += [low, high]
    return ReceptiveField(*sides)


def centres(architecture: Architecture, layer: str, axis: int) -> list[float]:
    """The centres of a layer's receptive fields along an axis (0: rows, 1: columns) of the input.

    The unit is cells, padding included; the centre of the first cell is 0.
    """
    stages = _until(architecture, layer)
    count = stages[-1].output[1 + axis] if stages else architecture.input[1 + axis]
    positions = [float(index) for index in range(count)]
    for stage in reversed(stages):
        match stage.layer.connectivity:
            case Connectivity.WINDOWED:
                windows = stage.layer.windows(stage.input)[axis]
                half = (windows.window - 1) / 2 - windows.before
                positions = [position * windows.stride + half for position in positions]
            case Connectivity.GLOBAL:
                positions = [(stage.input[1 + axis] - 1) / 2] * len(positions)
            case Connectivity.POINTWISE:
                pass
    return positions


def _until(architecture: Architecture, layer: str) -> tuple[Stage, ...]:
    """The stages up to a layer, by its name, with it; of "input" none."""
    names = ["input", *(stage.name for stage in architecture.stages)]
    if layer not in names:
        guess = did_you_mean(str(layer), names)
        raise LimitError(f"layer: got {shown(layer)}, wanted one of {', '.join(names)}{guess}")
    return architecture.stages[: names.index(layer)]


def _input_range(stage: Stage, axis: int, low: int, high: int) -> tuple[int, int]:
    """The range of input cells of a layer for its output cells ``low`` to ``high - 1``; it is
    half-open, and empty if there is only padding."""
    match stage.layer.connectivity:
        case Connectivity.POINTWISE:
            return low, high
        case Connectivity.GLOBAL:
            return 0, stage.input[1 + axis]
    windows = stage.layer.windows(stage.input)[axis]
    first, last = windows.cells(low), windows.cells(high - 1)
    start = min(first.start, windows.size)
    return (start, max(start, last.stop)) if high > low else (start, start)
