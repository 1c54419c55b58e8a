"""Receptive fields: the input cells that an activation can depend on.

They are computed backwards through the windows of convolution and pooling (`core.windows`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...core.constraints import is_integer
from ...core.errors import LimitError, did_you_mean, shown
from ...spec.architecture import Architecture, Stage
from ...spec.layer import Connectivity


class Field(NamedTuple):
    """Cells of the input: rows from ``top`` to before ``bottom``, columns from ``left`` to before
    ``right``. Of a text that is looked up, a column is a position, and there is one row."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top, self.right - self.left

    def cut(self, example: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """An example's cells in it: of (C, H, W) all channels, of words (positions) some of them.
        A view."""
        if example.ndim == 1:
            return example[self.left : self.right]
        return example[:, self.top : self.bottom, self.left : self.right]


def receptive_field(architecture: Architecture, layer: str, row: int = 0, column: int = 0) -> Field:
    """The cells of the input that a layer's numbers at ``row`` and ``column`` can depend on, cut to
    the input; the same for all its maps. Where windows leave cells between them out, those are
    counted, too. LimitError where there is no such number."""
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
            low, high = _back(stage, axis, low, high)
        sides += [low, high]
    return Field(*sides)


def centres(architecture: Architecture, layer: str, axis: int) -> list[float]:
    """Where the middles of a layer's receptive fields stand along an axis (0: rows, 1: columns) of
    the input, padding counted, in cells; the middle of the first cell is 0."""
    stages = _until(architecture, layer)
    count = stages[-1].output[1 + axis] if stages else architecture.input[1 + axis]
    places = [float(index) for index in range(count)]
    for stage in reversed(stages):
        match stage.layer.connectivity:
            case Connectivity.WINDOWED:
                windows = stage.layer.windows(stage.input)[axis]
                half = (windows.window - 1) / 2 - windows.before
                places = [place * windows.stride + half for place in places]
            case Connectivity.GLOBAL:
                places = [(stage.input[1 + axis] - 1) / 2] * len(places)
            case Connectivity.POINTWISE:
                pass
    return places


def _until(architecture: Architecture, layer: str) -> tuple[Stage, ...]:
    """The stages up to a layer, by its name, with it; of "input" none."""
    names = ["input", *(stage.name for stage in architecture.stages)]
    if layer not in names:
        guess = did_you_mean(str(layer), names)
        raise LimitError(f"layer: got {shown(layer)}, wanted one of {', '.join(names)}{guess}")
    return architecture.stages[: names.index(layer)]


def _back(stage: Stage, axis: int, low: int, high: int) -> tuple[int, int]:
    """Cells of what a layer gives, from ``low`` to before ``high`` -> those of what it gets; two
    equal numbers where there is nothing but padding."""
    match stage.layer.connectivity:
        case Connectivity.POINTWISE:
            return low, high
        case Connectivity.GLOBAL:
            return 0, stage.input[1 + axis]
    windows = stage.layer.windows(stage.input)[axis]
    first, last = windows.cells(low), windows.cells(high - 1)
    start = min(first.start, windows.size)
    return (start, max(start, last.stop)) if high > low else (start, start)
