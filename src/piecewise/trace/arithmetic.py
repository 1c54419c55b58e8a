"""The arithmetic of one number in a walk: which values it is made of, by which weights, how.

Nothing is computed anew: values and weights are those that the walk holds, and what they come to
is the number that stands there. Numbers are told in nine digits, which no two float32 share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from math import inf, nextafter
from typing import Any, NamedTuple

import numpy as np

from ..core.array_types import Array
from ..reference.reductions import Arrays
from ..spec.architecture import Stage
from ..spec.layer import Layer
from ..spec.layers import Convolution, Dropout, Embed, Full, Norm, Pool, Relu


class Position(NamedTuple):
    """Where a value stands: the layer's name ("input" for the picture), map, row, column. (A map
    below 0: it stands in no stack, and ``layer`` says all.)"""

    layer: str
    feature: int
    row: int
    column: int

    def __str__(self) -> str:
        if self.feature < 0:
            return self.layer
        return f"{self.layer}[{self.feature}, {self.row}, {self.column}]"


class Term(NamedTuple):
    """A weight, by name, times a value that stands somewhere; a bias has no place, and the value
    1. ``source``: where the weight itself stands, if it is a number that can be opened, too."""

    weight: float
    value: float
    name: str = ""
    position: Position | None = None
    source: Position | None = None

    @property
    def product(self) -> float:
        return self.weight * self.value + 0.0  # nothing is nothing, whatever its sign

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the fields, places as lists; a source where there is one."""
        plain: dict[str, Any] = {
            "weight": self.weight,
            "value": self.value,
            "name": self.name,
            "position": None if self.position is None else list(self.position),
        }
        return plain | ({} if self.source is None else {"source": list(self.source)})


class NormSteps(NamedTuple):
    """What norm does to a value, one step after the other: the mean is taken off, it is multiplied
    by ``scale`` (1 / deviation) and by the weight, and the bias is added."""

    mean: float
    scale: float
    weight: float
    bias: float

    def of(self, value: float) -> float:
        """As the engine rounds: each step to float32, the last two at once."""
        away = np.float32(value) - np.float32(self.mean)
        return fused(float(away * np.float32(self.scale)), self.weight, self.bias)


@dataclass(frozen=True)
class Why:
    """Why a number is what it is. ``how``: "sum" (of the products; divided by ``count``, if that is
    not 1), "largest" (of the products), "value" (one that is looked up or let through), or "input".
    ``normal``: of norm, the same in its own steps. ``fused``: whether a product and its sum are
    rounded once, as the engine does, or each for itself, as the way back does.
    """

    position: Position
    value: float
    operation: str
    terms: tuple[Term, ...] = ()
    divisor: int = 1
    normal: NormSteps | None = None
    fused: bool = True

    @property
    def recomputed(self) -> float:
        """What the terms come to, each sum rounded to float32 as it is where the number is made.
        It is a walk's number itself, bit by bit; an error or a gradient, some of which are put
        together in more steps, it is within its last digits."""
        if self.operation == "input":
            return self.value
        if self.normal:
            return self.normal.of(self.terms[0].value)
        if self.operation == "largest":
            return max(term.product for term in self.terms)
        total = 0.0  # all there is where a patch lies on nothing but padding, without a bias
        for term in self.terms:
            total = self._added(term, total)
        return float(np.float32(total) / np.float32(self.divisor))

    def _added(self, term: Term, total: float) -> float:
        if self.fused:
            return fused(term.weight, term.value, total)
        return float(np.float32(np.float32(term.product) + np.float32(total)))

    @property
    def summary(self) -> str:
        """What the terms come to, in words; nothing where there is one, or none."""
        if self.operation == "largest":
            return "the largest of them"
        divided = f", divided by {self.divisor:,}" if self.divisor > 1 else ""
        return f"their sum{divided}" if self.operation == "sum" else ""

    def lines(self) -> Iterator[str]:
        """The arithmetic, a line a term."""
        yield f"{self.position} = {self.value:.9g}"
        for term in self.terms:
            yield f"  {term.weight:>16.9g}{_times(term)}"
        if self.summary:
            yield f"  {self.recomputed:>16.9g}  {self.summary}"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the fields; places as lists."""
        return {
            "position": list(self.position),
            "value": self.value,
            "operation": self.operation,
            "divisor": self.divisor,
            "terms": [term.to_json() for term in self.terms],
        }

    def _repr_html_(self) -> str:
        """A table, a row a term."""
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
            rows.append(_row("", "", f"<b>{self.recomputed:.9g}</b>", self.summary, plain=False))
        head = "".join(f"<th>{title}</th>" for title in ("weight", "value", "product", "of"))
        return (
            f"<table><caption>{escape(str(self.position))} = {self.value:.9g}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        )


def _row(*cells: str, plain: bool = True) -> str:
    shown = (escape(cell) if plain else cell for cell in cells)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in shown) + "</tr>"


def fused(a: float, b: float, c: float) -> float:
    """a * b + c of three float32 numbers, rounded once to float32.

    In float64 the product is exact. Where the sum is not, its last bit is made odd, so that
    rounding it to float32 cannot mistake it for a tie.
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
    """What a layer got: the name of the layer before it, that one's stack, the layer's arrays."""

    before: str
    x: Array
    arrays: Arrays

    def term(self, at: tuple[int, ...], weight: float = 1.0, name: str = "") -> Term:
        """The value at a cell (channel, row, column) of the stack before, weighed."""
        return Term(float(weight), float(self.x[at]), name, Position(self.before, *map(int, at)))


def why(stage: Stage, position: Position, value: float, source: LayerInput) -> Why:
    """The arithmetic of the number at a place of what a stage gave."""
    return _BY_KIND[type(stage.layer)](stage.layer, stage, position, value, source)


def _convolution(
    layer: Convolution, stage: Stage, position: Position, value: float, source: LayerInput
) -> Why:
    rows, columns = layer.windows(stage.input)
    weight, terms = source.arrays["weight"], []
    for channel in range(stage.input.channels):
        for y in rows.cells(position.row):
            for x in columns.cells(position.column):
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
        for x in columns.cells(position.column)
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
    """Only while training does anything sit out."""
    return Why(position, value, "value", (source.term(position[1:]),))


def _norm(layer: Norm, stage: Stage, position: Position, value: float, source: LayerInput) -> Why:
    """(x - mean) / deviation, times the weight, plus the bias: a weight for x, one for the mean."""
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
    """What norm multiplies a map by, before its weight; rounded as the net rounds it."""
    variance = arrays["variance"]
    return float(1 / np.sqrt(variance[feature] + variance.dtype.type(layer.epsilon)))


def _embed(layer: Embed, stage: Stage, position: Position, value: float, source: LayerInput) -> Why:
    word = int(source.x[position.column])
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
