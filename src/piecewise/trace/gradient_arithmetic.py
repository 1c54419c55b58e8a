"""The arithmetic of the backward pass: the terms of one error or gradient.

The error of an activation is the gradient of the loss with respect to it. The gradient
of a parameter is the sum of the errors of the activations it contributes to, times the values that
it is multiplied by. Terms are in the order in which the layers' ``backward`` adds them, which
rounds products and sums separately.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ..core.array_types import Array
from ..core.windows import Windows
from ..reference.reductions import Arrays
from ..spec.architecture import Stage
from ..spec.layer_base import PADDING, Layer
from ..spec.layers import Convolution, Dropout, Embed, Full, Norm, Pool, Relu
from .arithmetic import Position, Term, Why, length_after, one_over_deviation

ERROR = "error of "
"""The prefix of a layer's name for the errors of its activations."""


class BackwardInputs(NamedTuple):
    """The inputs of the backward pass of a stage: the name of the layer before it, its activations
    (C, H, W) or tokens (positions), the stage's arrays, the errors of its output, and the positions
    of its input before the padding of a text (all columns of an image)."""

    before: str
    x: Array
    arrays: Arrays
    stage: Stage
    upstream: Array
    length: int

    @property
    def output_length(self) -> int:
        """The positions of the output before the padding."""
        return length_after(self.stage, self.length)

    def value(self, at: tuple[int, ...]) -> tuple[float, Position]:
        """An input value of the stage, and its position."""
        return float(self.x[at]), Position(self.before, *map(int, at))

    def error(self, at: tuple[int, ...]) -> tuple[float, Position]:
        """The error of an output value of the stage, and its position."""
        return float(self.upstream[at]), Position(ERROR + self.stage.name, *map(int, at))

    def error_term(self, at: tuple[int, ...], weight: float = 1.0, name: str = "") -> Term:
        """An output's error times a weight: a term of the error of an input value."""
        error, position = self.error(at)
        return Term(float(weight), error, name, position)

    def gradient_term(
        self, at: tuple[int, ...], value: float = 1.0, position: Position | None = None
    ) -> Term:
        """An output's error times an input value: a term of the gradient of a parameter."""
        error, source = self.error(at)
        return Term(error, value, str(source), position, source)


def error(position: Position, value: float, back: BackwardInputs) -> Why:
    """The arithmetic of the error of an input value of the stage; without terms in padding."""
    if position.column >= back.length:
        return Why(position, value, "sum", fused=False)
    terms, count = _ERRORS[type(back.stage.layer)](back.stage.layer, back, tuple(position[1:]))
    return Why(position, value, "sum", tuple(terms), count, fused=False)


def gradient(name: str, index: tuple[int, ...], value: float, back: BackwardInputs) -> Why:
    """The arithmetic of the gradient of one parameter; ``name`` is the short name of its array."""
    terms, count = _GRADIENTS[type(back.stage.layer)](back.stage.layer, back, name, index)
    position = Position(f"gradient of {back.stage.name}.{name}{list(index)}", -1, -1, -1)
    return Why(position, value, "sum", tuple(terms), count, fused=False)


Terms = tuple[list[Term], int]
"""Terms, and the divisor of their sum."""


def _windows_over(windows: Windows, cell: int) -> list[tuple[int, int]]:
    """The windows that cover a cell, each with the offset of the cell in it, by offset."""
    covering = [(cell - start, i) for i, start in enumerate(_starts(windows))]
    return [(i, inside) for inside, i in sorted(covering) if 0 <= inside < windows.window]


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
        for row, ky in _windows_over(rows, y):
            for column, kx in _windows_over(columns, x):
                if column >= back.output_length:
                    continue
                cell = (feature, channel, ky, kx)
                name = f"{stage.name}.weight{list(cell)}"
                terms.append(back.error_term((feature, row, column), weight[cell], name))
    return terms, layer.divisor(stage.input)


def _conv_gradient(
    layer: Convolution, back: BackwardInputs, name: str, index: tuple[int, ...]
) -> Terms:
    """Patch by patch: the error times the cell under the weight, without padding."""
    rows, columns = layer.windows(back.stage.input)
    terms = []
    for row, column in np.ndindex(rows.count, back.output_length):
        if name == "bias":
            terms.append(back.gradient_term((index[0], row, column)))
            continue
        feature, channel, ky, kx = index
        y, x = _starts(rows)[row] + ky, _starts(columns)[column] + kx
        if 0 <= y < rows.size and 0 <= x < back.length:
            terms.append(back.gradient_term((feature, row, column), *back.value((channel, y, x))))
    return terms, layer.divisor(back.stage.input)


def _full_error(layer: Full, back: BackwardInputs, at: tuple[int, ...]) -> Terms:
    number = int(np.ravel_multi_index(at, back.stage.input))
    weight, name = back.arrays["weight"], back.stage.name
    return [
        back.error_term((n, 0, 0), weight[n, number], f"{name}.weight[{n}, {number}]")
        for n in range(len(weight))
    ], 1


def _full_gradient(layer: Full, back: BackwardInputs, name: str, index: tuple[int, ...]) -> Terms:
    at = (index[0], 0, 0)
    if name == "bias":
        return [back.gradient_term(at)], 1
    cell = tuple(int(side) for side in np.unravel_index(index[1], back.stage.input))
    return [back.gradient_term(at, *back.value(cell))], 1


def _relu_error(layer: Relu, back: BackwardInputs, at: tuple[int, ...]) -> Terms:
    through = float(back.x[at] > 0)
    return [back.error_term(at, through, "it was above zero" if through else "it was cut off")], 1


def _dropout_error(layer: Dropout, back: BackwardInputs, at: tuple[int, ...]) -> Terms:
    return [back.error_term(at)], 1


def _pool_error(layer: Pool, back: BackwardInputs, at: tuple[int, ...]) -> Terms:
    """The terms from all windows that contain the cell.

    In max pooling the maximum gets the whole error; in average pooling each cell gets an equal
    share.
    """
    rows, columns = layer.windows(back.stage.input)
    terms = []
    for row, _ in _windows_over(rows, at[1]):
        for column, _ in _windows_over(columns, at[2]):
            if column >= back.output_length:
                continue
            across = (x for x in columns.cells(column) if x < back.length)
            cells = list(product(rows.cells(row), across))
            if layer.kind == "max":
                winner = max(cells, key=lambda cell: back.x[(at[0], *cell)])  # of equals the first
                share, name = float(winner == at[1:]), ""
            else:
                share, name = 1 / len(cells), f"one of {len(cells)} cells"
            terms.append(back.error_term((at[0], row, column), share, name))
    return terms, 1


def _norm_error(layer: Norm, back: BackwardInputs, at: tuple[int, ...]) -> Terms:
    name = f"{back.stage.name}.weight[{at[0]}] / deviation"
    scale = one_over_deviation(layer, back.arrays, at[0])
    return [back.error_term(at, scale * float(back.arrays["weight"][at[0]]), name)], 1


def _norm_gradient(layer: Norm, back: BackwardInputs, name: str, index: tuple[int, ...]) -> Terms:
    """Of the bias, the errors; of the weight, the errors times the normalized values."""
    (feature,) = index
    scale = one_over_deviation(layer, back.arrays, feature)
    mean = float(back.arrays["mean"][feature])
    terms = []
    for row, column in np.ndindex(back.stage.output.height, back.length):
        at = (feature, row, column)
        value, position = back.value(at)
        normal = ((value - mean) * scale, position) if name == "weight" else (1.0, None)
        terms.append(back.gradient_term(at, *normal))
    return terms, 1


def _embed_error(layer: Embed, back: BackwardInputs, at: tuple[int, ...]) -> Terms:
    return [], 1  # tokens have no gradient


def _embed_gradient(layer: Embed, back: BackwardInputs, name: str, index: tuple[int, ...]) -> Terms:
    """The errors of the positions that hold the token; padding has none."""
    word, feature = index
    positions = np.flatnonzero((back.x == word) & (word != PADDING)).tolist()
    return [
        back.gradient_term((feature, 0, position), 1.0, Position(back.before, 0, word, position))
        for position in positions
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
