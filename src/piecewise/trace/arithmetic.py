"""The arithmetic of one activation: its terms, each a weight times a value.

Values and weights are those of the walk, and the result equals the activation. Numbers are printed
with nine digits, which distinguish all float32 numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from math import inf, nextafter
from typing import Any, NamedTuple

import numpy as np

from ..core.array_types import Array
from ..reference.reductions import Arrays
from ..spec.architecture import Stage
from ..spec.layer_base import PADDING, Layer
from ..spec.layers import Convolution, Dropout, Embed, Full, Norm, Pool, Relu
from ..spec.text_lengths import length_table


class Position(NamedTuple):
    """The position of a value: layer name ("input" for the input), feature map, row, column.

    For the gradient of a parameter, ``feature`` is -1 and ``layer`` holds a description of the
    parameter.
    """

    layer: str
    feature: int
    row: int
    column: int

    def __str__(self) -> str:
        if self.feature < 0:
            return self.layer
        return f"{self.layer}[{self.feature}, {self.row}, {self.column}]"


class Term(NamedTuple):
    """A weight times a value at a position.

    ``name`` is the name of the weight. A bias has no position, and the value 1. In the backward
    pass, ``source`` is the position of the error that is the weight.
    """

    weight: float
    value: float
    name: str = ""
    position: Position | None = None
    source: Position | None = None

    @property
    def product(self) -> float:
        return self.weight * self.value + 0.0  # -0.0 becomes 0.0

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values, positions as lists; ``source`` only if there is one."""
        plain: dict[str, Any] = {
            "weight": self.weight,
            "value": self.value,
            "name": self.name,
            "position": None if self.position is None else list(self.position),
        }
        return plain | ({} if self.source is None else {"source": list(self.source)})


class NormSteps(NamedTuple):
    """The steps of batch normalization: subtract the mean, multiply by ``scale`` (1 / deviation)
    and by the weight, add the bias."""

    mean: float
    scale: float
    weight: float
    bias: float

    def apply(self, value: float) -> float:
        """The steps, rounded as in the engine: each to float32, the last two fused."""
        centered = np.float32(value) - np.float32(self.mean)
        return fused(float(centered * np.float32(self.scale)), self.weight, self.bias)


@dataclass(frozen=True)
class Why:
    """The arithmetic of a number: its terms and the operation that combines them.

    Examples
    --------
    >>> import piecewise as pw
    >>> net = pw.Network("conv 1 3, full", input=(1, 9, 9), classes=2)
    >>> why = net.walk(pw.make_xo(1, size=9, seed=0).inputs[0].astype("float32")).why("conv1", 0)
    >>> why.operation, len(why.terms), why.recomputed == why.value
    ('sum', 10, True)
    """

    position: Position
    value: float
    """The number itself."""
    operation: str
    """One of "sum" (of the products, divided by ``divisor``), "largest" (product), "value" (looked
    up or unchanged) and "input" (an input value)."""
    terms: tuple[Term, ...] = ()
    divisor: int = 1
    normal: NormSteps | None = None
    """For batch normalization, the same arithmetic in its own steps."""
    fused: bool = True
    """Whether a product and its sum are rounded once (forward pass) or separately (backward
    pass)."""

    @property
    def recomputed(self) -> float:
        """The number, computed from the terms with the roundings of the engine.

        It equals the activation bit by bit. An error or a gradient, some of which the backward pass
        sums in more steps, is equal up to the last digits.
        """
        if self.operation == "input":
            return self.value
        if self.normal:
            return self.normal.apply(self.terms[0].value)
        total = self.running[-1] if self.terms else 0.0  # 0: a patch of padding without a bias
        if self.operation == "largest":
            return total
        return float(np.float32(total) / np.float32(self.divisor))

    @property
    def running(self) -> tuple[float, ...]:
        """The result so far after each term, rounded as in the engine, before the division.

        Of batch normalization, whose steps are not a sum, the sums are those of its three terms.
        """
        if self.operation == "largest":
            return tuple(accumulate((term.product for term in self.terms), max))
        sums = accumulate(self.terms, lambda total, term: self._added(term, total), initial=0.0)
        return tuple(sums)[1:]

    def _added(self, term: Term, total: float) -> float:
        if self.fused:
            return fused(term.weight, term.value, total)
        return float(np.float32(np.float32(term.product) + np.float32(total)))

    @property
    def summary(self) -> str:
        """The operation in words; empty for a single value."""
        if self.operation == "largest":
            return "the largest of them"
        if self.operation == "sum" and not self.terms:
            return "padding, after the end of the text or of the input"
        divided = f", divided by {self.divisor:,}" if self.divisor > 1 else ""
        return f"their sum{divided}" if self.operation == "sum" else ""

    def lines(self) -> Iterator[str]:
        """Lines of text, one for each term."""
        yield f"{self.position} = {self.value:.9g}"
        for term in self.terms:
            yield f"  {term.weight:>16.9g}{_times(term)}"
        if self.summary:
            yield f"  {self.recomputed:>16.9g}  {self.summary}"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values, positions as lists."""
        return {
            "position": list(self.position),
            "value": self.value,
            "operation": self.operation,
            "divisor": self.divisor,
            "terms": [term.to_json() for term in self.terms],
        }

    def _repr_html_(self) -> str:
        """A table with one row for each term."""
        rows = [
            _row(
                f"{term.weight:.9g}",
                "" if term.position is None else f"{term.value:.9g}",
                f"{term.product:.9g}",
                " x ".join(filter(None, [term.name, term.position and str(term.position)])),
            )
            for term in self.terms
        ]
        if self.summary:
            rows.append(_row("", "", f"<b>{self.recomputed:.9g}</b>", self.summary, escaped=False))
        head = "".join(f"<th>{title}</th>" for title in ("weight", "value", "product", "of"))
        return (
            f"<table><caption>{escape(str(self.position))} = {self.value:.9g}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        )


def _row(*cells: str, escaped: bool = True) -> str:
    shown = (escape(cell) if escaped else cell for cell in cells)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in shown) + "</tr>"


def fused(a: float, b: float, c: float) -> float:
    """a * b + c of three float32 numbers, rounded once to float32.

    In float64 the product is exact. Where the sum is not, its last bit is made odd (round to
    odd), so that the second rounding, to float32, does not mistake it for a tie.
    """
    product = a * b
    total = product + c
    back = total - product
    error = (product - (total - back)) + (c - back)
    if error and not np.float64(total).view(np.int64) & 1:
        total = nextafter(total, inf if error > 0 else -inf)
    return float(np.float32(total))


def _times(term: Term) -> str:
    if term.position is None:
        return f"  {term.name}"
    named = f" ({term.name})" if term.name else ""
    return f" x {term.value:<16.9g} = {term.product:>16.9g}  {term.position}{named}"


class LayerInput(NamedTuple):
    """The input of a layer: name and activations of the layer before it, and its own arrays.
    ``length``: the positions of its input before the padding of a text; all columns of an image."""

    before: str
    x: Array
    arrays: Arrays
    length: int

    def filled(self, columns: range) -> range:
        """Those of some columns that hold no padding."""
        return range(columns.start, min(columns.stop, self.length))

    def term(self, at: tuple[int, ...], weight: float = 1.0, name: str = "") -> Term:
        """A weight times the input value at (channel, row, column)."""
        return Term(float(weight), float(self.x[at]), name, Position(self.before, *map(int, at)))


def why(stage: Stage, position: Position, value: float, source: LayerInput) -> Why:
    """The arithmetic of the activation of a stage at a position; without terms in padding."""
    if position.column >= length_after(stage, source.length):
        return Why(position, value, "sum")
    return _BY_KIND[type(stage.layer)](stage.layer, stage, position, value, source)


def length_after(stage: Stage, length: int) -> int:
    """The positions of the output of a stage before the padding, for those of its input."""
    return int(length_table(stage.layer, stage.input)[length])


def _convolution(
    layer: Convolution, stage: Stage, position: Position, value: float, source: LayerInput
) -> Why:
    rows, columns = layer.windows(stage.input)
    weight, terms = source.arrays["weight"], []
    for channel in range(stage.input.channels):
        for y in rows.cells(position.row):
            for x in source.filled(columns.cells(position.column)):
                at = (
                    position.feature,
                    channel,
                    y - position.row * rows.stride + rows.before,
                    x - position.column * columns.stride + columns.before,
                )
                name = f"{stage.name}.weight{list(at)}"
                terms.append(source.term((channel, y, x), weight[at], name))
    if layer.bias:
        terms.insert(0, _bias(stage, position, source))
    return Why(position, value, "sum", tuple(terms), layer.divisor(stage.input))


def _full(layer: Full, stage: Stage, position: Position, value: float, source: LayerInput) -> Why:
    votes = source.arrays["weight"][position.feature]
    places = np.ndindex(*stage.input)
    terms = [
        source.term(at, votes[number], f"{stage.name}.weight[{position.feature}, {number}]")
        for number, at in enumerate(places)
    ]
    return Why(position, value, "sum", (_bias(stage, position, source), *terms))


def _bias(stage: Stage, position: Position, source: LayerInput) -> Term:
    bias = float(source.arrays["bias"][position.feature])
    return Term(bias, 1.0, f"{stage.name}.bias[{position.feature}]")


def _pool(layer: Pool, stage: Stage, position: Position, value: float, source: LayerInput) -> Why:
    rows, columns = layer.windows(stage.input)
    terms = tuple(
        source.term((position.feature, y, x))
        for y in rows.cells(position.row)
        for x in source.filled(columns.cells(position.column))
    )
    if layer.kind == "max":
        return Why(position, value, "largest", terms)
    return Why(position, value, "sum", terms, len(terms))


def _relu(layer: Relu, stage: Stage, position: Position, value: float, source: LayerInput) -> Why:
    zero = Term(0.0, 1.0, "zero")
    return Why(position, value, "largest", (zero, source.term(position[1:])))


def _dropout(
    layer: Dropout, stage: Stage, position: Position, value: float, source: LayerInput
) -> Why:
    """At inference, dropout returns its input."""
    return Why(position, value, "value", (source.term(position[1:]),))


def _norm(layer: Norm, stage: Stage, position: Position, value: float, source: LayerInput) -> Why:
    """(x - mean) / deviation, times the weight, plus the bias, as a sum of three terms."""
    feature, arrays = position.feature, source.arrays
    normal = NormSteps(
        float(arrays["mean"][feature]),
        one_over_deviation(layer, arrays, feature),
        float(arrays["weight"][feature]),
        float(arrays["bias"][feature]),
    )
    scale = normal.weight * normal.scale
    return Why(position, value, "sum", (
        source.term(position[1:], scale, f"{stage.name}.weight[{feature}] / deviation"),
        Term(-scale * normal.mean, 1.0, f"{stage.name}.mean[{feature}], scaled and subtracted"),
        _bias(stage, position, source),
    ), normal=normal)  # fmt: skip


def one_over_deviation(layer: Norm, arrays: Arrays, feature: int) -> float:
    """1 / deviation of a map, rounded as in the network."""
    variance = arrays["variance"]
    return float(1 / np.sqrt(variance[feature] + variance.dtype.type(layer.epsilon)))


def _embed(layer: Embed, stage: Stage, position: Position, value: float, source: LayerInput) -> Why:
    word = int(source.x[position.column])
    if word == PADDING:
        return Why(position, value, "sum")
    at = Position(source.before, 0, word, position.column)
    number = float(source.arrays["weight"][word, position.feature])
    name = f"{stage.name}.weight[{word}, {position.feature}]"
    return Why(position, value, "value", (Term(number, 1.0, name, at),))


_BY_KIND: dict[type[Layer], Callable[[Any, Stage, Position, float, LayerInput], Why]] = {
    Convolution: _convolution,
    Relu: _relu,
    Pool: _pool,
    Full: _full,
    Dropout: _dropout,
    Norm: _norm,
    Embed: _embed,
}
