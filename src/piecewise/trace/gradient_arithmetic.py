"""The arithmetic of the way back: which errors and values a slope is made of.

The error of a number is how fast the loss changes with it; the gradient of a parameter is made of
the errors of the numbers it is in, times what it is multiplied by there. Terms come in the order in
which the layers' ``backward`` adds them, which rounds products and sums apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core.array_types import Array
from ..core.windows import Windows
from ..reference.reductions import Arrays
from ..spec.architecture import Stage
from ..spec.layer import Layer
from ..spec.layers import Convolution, Dropout, Embed, Full, Norm, Pool, Relu
from .arithmetic import Position, Term, Why, one_over_deviation

ERROR = "error of "
"""Before a layer's name: the errors of its numbers."""


class BackwardInputs(NamedTuple):
    """What the way back through a stage is made of: what it got (C, H, W), or words (positions), by
    name; its arrays; and the errors of what it gave."""

    before: str
    x: Array
    arrays: Arrays
    stage: Stage
    upstream: Array

    def value(self, at: tuple[int, ...]) -> tuple[float, Position]:
        """A value that the stage got, and where it stands."""
        return float(self.x[at]), Position(self.before, *map(int, at))

    def error(self, at: tuple[int, ...]) -> tuple[float, Position]:
        """The error of a number that the stage gave, and where it stands."""
        return float(self.upstream[at]), Position(ERROR + self.stage.name, *map(int, at))

    def passed(self, at: tuple[int, ...], weight: float = 1.0, name: str = "") -> Term:
        """What a number's error gives to one before it, through a weight."""
        error, position = self.error(at)
        return Term(float(weight), error, name, position)

    def met(
        self, at: tuple[int, ...], value: float = 1.0, position: Position | None = None
    ) -> Term:
        """What a number's error gives to a parameter that met a value there."""
        error, source = self.error(at)
        return Term(error, value, str(source), position, source)


def error(position: Position, value: float, back: BackwardInputs) -> Why:
    """The error of a number at a place of what the stage got."""
    found, count = _ERRORS[type(back.stage.layer)](back.stage.layer, back, tuple(position[1:]))
    return Why(position, value, "sum", tuple(found), count, fused=False)


def gradient(name: str, index: tuple[int, ...], value: float, back: BackwardInputs) -> Why:
    """The gradient of one parameter of the stage: ``name`` is its array's short name."""
    found, count = _GRADIENTS[type(back.stage.layer)](back.stage.layer, back, name, index)
    position = Position(f"gradient of {back.stage.name}.{name}{list(index)}", -1, -1, -1)
    return Why(position, value, "sum", tuple(found), count, fused=False)


Terms = tuple[list[Term], int]
"""Terms, and what their sum is divided by."""


def _meetings(windows: Windows, cell: int) -> list[tuple[int, int]]:
    """The windows that cover a cell, each with the place of the cell in it, that place from the
    first on."""
    met = [(cell - start, i) for i, start in enumerate(_starts(windows))]
    return [(i, inside) for inside, i in sorted(met) if 0 <= inside < windows.window]


def _starts(windows: Windows) -> range:
    first = -windows.before
    return range(first, first + windows.count * windows.stride, windows.stride)


def _conv_error(layer: Convolution, back: BackwardInputs, at: tuple[int, ...]) -> Terms:
    """Feature by feature, kernel row by kernel row, cell by cell."""
    stage = back.stage
    channel, y, x = at
    rows, columns = layer.windows(stage.input)
    weight, terms = back.arrays["weight"], []
    for feature in range(len(weight)):
        for row, ky in _meetings(rows, y):
            for column, kx in _meetings(columns, x):
                cell = (feature, channel, ky, kx)
                name = f"{stage.name}.weight{list(cell)}"
                terms.append(back.passed((feature, row, column), weight[cell], name))
    return terms, layer.divisor(stage.input)


def _conv_gradient(
    layer: Convolution, back: BackwardInputs, name: str, index: tuple[int, ...]
) -> Terms:
    """Patch by patch: a weight meets one cell of each, if it is not padding."""
    rows, columns = layer.windows(back.stage.input)
    terms = []
    for row, column in np.ndindex(rows.count, columns.count):
        if name == "bias":
            terms.append(back.met((index[0], row, column)))
            continue
        feature, channel, ky, kx = index
        y, x = _starts(rows)[row] + ky, _starts(columns)[column] + kx
        if 0 <= y < rows.size and 0 <= x < columns.size:
            terms.append(back.met((feature, row, column), *back.value((channel, y, x))))
    return terms, layer.divisor(back.stage.input)


def _full_error(layer: Full, back: BackwardInputs, at: tuple[int, ...]) -> Terms:
    number = int(np.ravel_multi_index(at, back.stage.input))
    weight, name = back.arrays["weight"], back.stage.name
    return [
        back.passed((n, 0, 0), weight[n, number], f"{name}.weight[{n}, {number}]")
        for n in range(len(weight))
    ], 1


def _full_gradient(layer: Full, back: BackwardInputs, name: str, index: tuple[int, ...]) -> Terms:
    at = (index[0], 0, 0)
    if name == "bias":
        return [back.met(at)], 1
    cell = tuple(int(side) for side in np.unravel_index(index[1], back.stage.input))
    return [back.met(at, *back.value(cell))], 1


def _relu_error(layer: Relu, back: BackwardInputs, at: tuple[int, ...]) -> Terms:
    through = float(back.x[at] > 0)
    return [back.passed(at, through, "it was above zero" if through else "it was cut off")], 1


def _dropout_error(layer: Dropout, back: BackwardInputs, at: tuple[int, ...]) -> Terms:
    return [back.passed(at)], 1


def _pool_error(layer: Pool, back: BackwardInputs, at: tuple[int, ...]) -> Terms:
    """The windows that a cell lies in: all of a window's error to its winner, or equal shares."""
    rows, columns = layer.windows(back.stage.input)
    terms = []
    for row, _ in _meetings(rows, at[1]):
        for column, _ in _meetings(columns, at[2]):
            cells = [(y, x) for y in rows.cells(row) for x in columns.cells(column)]
            if layer.kind == "max":
                winner = max(cells, key=lambda cell: back.x[(at[0], *cell)])  # of equals the first
                share, name = float(winner == at[1:]), ""
            else:
                share, name = 1 / len(cells), f"one of {len(cells)} cells"
            terms.append(back.passed((at[0], row, column), share, name))
    return terms, 1


def _norm_error(layer: Norm, back: BackwardInputs, at: tuple[int, ...]) -> Terms:
    name = f"{back.stage.name}.weight[{at[0]}] / deviation"
    scale = one_over_deviation(layer, back.arrays, at[0])
    return [back.passed(at, scale * float(back.arrays["weight"][at[0]]), name)], 1


def _norm_gradient(layer: Norm, back: BackwardInputs, name: str, index: tuple[int, ...]) -> Terms:
    """Of the bias the errors; of the weight, errors times values brought to mean 0, deviation 1."""
    (feature,) = index
    scale = one_over_deviation(layer, back.arrays, feature)
    mean = float(back.arrays["mean"][feature])
    terms = []
    for row, column in np.ndindex(*back.stage.output[1:]):
        at = (feature, row, column)
        value, position = back.value(at)
        normal = ((value - mean) * scale, position) if name == "weight" else (1.0, None)
        terms.append(back.met(at, *normal))
    return terms, 1


def _embed_error(layer: Embed, back: BackwardInputs, at: tuple[int, ...]) -> Terms:
    return [], 1  # a word is looked up: there is nothing between it and another


def _embed_gradient(layer: Embed, back: BackwardInputs, name: str, index: tuple[int, ...]) -> Terms:
    """The errors of the positions where the word stands."""
    word, feature = index
    stands = np.flatnonzero(back.x == word).tolist()
    return [
        back.met((feature, 0, position), 1.0, Position(back.before, 0, word, position))
        for position in stands
    ], 1


_ERRORS: dict[type[Layer], Callable[[Any, BackwardInputs, tuple[int, ...]], Terms]] = {
    Convolution: _conv_error,
    Relu: _relu_error,
    Pool: _pool_error,
    Full: _full_error,
    Dropout: _dropout_error,
    Norm: _norm_error,
    Embed: _embed_error,
}
_GRADIENTS: dict[type[Layer], Callable[[Any, BackwardInputs, str, tuple[int, ...]], Terms]] = {
    Convolution: _conv_gradient,
    Full: _full_gradient,
    Norm: _norm_gradient,
    Embed: _embed_gradient,
}
