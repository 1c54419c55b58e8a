"""Arithmetic as nodes of an ONNX graph, written as arithmetic in Python.

Numbers are float64, so that sums of whole numbers are exact and every rounding is that of NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.array_types import Array
from .graph import Dimensions, Graph, Value


class Expressions:
    """Makes expressions in a graph.

    Parameters
    ----------
    graph : Graph
        The graph.
    prefix : str
        The beginning of the names of all its new nodes.
    """

    def __init__(self, graph: Graph, prefix: str) -> None:
        self.graph, self._prefix = graph, prefix
        self._count = 0

    def of(self, value: Value) -> Expression:
        """A tensor of the graph."""
        return Expression(self, value)

    def number(self, number: float | Array) -> Expression:
        """A constant of float64."""
        array = np.asarray(number, np.float64)
        sides = "x".join(str(side) for side in array.shape)
        label = f"{float(array)!r}" if array.ndim == 0 else f"{sides}_to_{array.flat[-1]:g}"
        return self.of(self.graph.constant(f"{self._prefix}.{label}", array))

    def whole(self, numbers: int | Sequence[int]) -> Value:
        """A constant of int64: axes, indices and sides."""
        array = np.asarray(numbers, np.int64)
        label = "_".join(str(one) for one in array.reshape(-1))
        kind = "index" if array.ndim == 0 else "indices"
        return self.graph.constant(f"{self._prefix}.{kind}_{label}", array)

    def add(
        self,
        operator: str,
        inputs: Sequence[Value],
        dims: Sequence[int | str],
        dtype: Any = np.float64,
        **attributes: Any,
    ) -> Expression:
        """A node with the next name."""
        self._count += 1
        name = f"{self._prefix}{self._count}_{operator}"
        return self.of(self.graph.add(operator, inputs, name, dims, dtype, **attributes))

    def select(
        self, condition: Expression, yes: Expression | float, no: Expression | float
    ) -> Expression:
        """One of two numbers, by a condition."""
        values = [condition.value, self._expression(yes).value, self._expression(no).value]
        return self.add("Where", values, _broadcast([one.dims for one in values]))

    def binary(
        self,
        operator: str,
        one: Expression | float,
        other: Expression | float,
        dtype: Any = np.float64,
    ) -> Expression:
        """An operator of two numbers."""
        values = [self._expression(one).value, self._expression(other).value]
        return self.add(operator, values, _broadcast([value.dims for value in values]), dtype)

    def _expression(self, number: Expression | float) -> Expression:
        return number if isinstance(number, Expression) else self.number(number)


Operator = Callable[["Expression", "Expression | float"], "Expression"]


def _operator(name: str, dtype: Any = np.float64, *, swapped: bool = False) -> Operator:
    """The method that adds an operator of two numbers; ``swapped``: of the other number first."""

    def method(own: Expression, other: Expression | float) -> Expression:
        first, second = (other, own) if swapped else (own, other)
        return own.make.binary(name, first, second, dtype)

    return method


class Expression:
    """A tensor of numbers, or of conditions."""

    def __init__(self, make: Expressions, value: Value) -> None:
        self.make, self.value = make, value

    @property
    def dims(self) -> Dimensions:
        """Its sides."""
        return self.value.dims

    __add__ = _operator("Add")
    __sub__ = _operator("Sub")
    __rsub__ = _operator("Sub", swapped=True)
    __mul__ = _operator("Mul")
    __truediv__ = _operator("Div")
    __rtruediv__ = _operator("Div", swapped=True)
    __lt__ = _operator("Less", np.bool_)
    __gt__ = _operator("Greater", np.bool_)
    __le__ = _operator("LessOrEqual", np.bool_)
    __ge__ = _operator("GreaterOrEqual", np.bool_)
    __and__ = _operator("And", np.bool_)
    __or__ = _operator("Or", np.bool_)

    def __matmul__(self, other: Expression) -> Expression:
        dims = (*_broadcast([self.dims[:-2], other.dims[:-2]]), self.dims[-2], other.dims[-1])
        return self.make.add("MatMul", [self.value, other.value], dims)

    def __invert__(self) -> Expression:
        return self._unary("Not", np.bool_)

    def floor(self) -> Expression:
        """The largest whole number that is not larger."""
        return self._unary("Floor")

    def round(self) -> Expression:
        """The nearest whole number, the even one of two."""
        return self._unary("Round")

    def abs(self) -> Expression:
        """Without the sign."""
        return self._unary("Abs")

    def at_least(self, other: Expression | float) -> Expression:
        """The larger number."""
        return self.make.binary("Max", self, other)

    def at_most(self, other: Expression | float) -> Expression:
        """The smaller number."""
        return self.make.binary("Min", self, other)

    def cast(self, dtype: Any) -> Expression:
        """As another type."""
        kinds = {np.float32: 1, np.uint8: 2, np.int64: 7, np.bool_: 9, np.float64: 11}
        return self.make.add("Cast", [self.value], self.dims, dtype, to=kinds[dtype])

    def sum(self, axes: Sequence[int]) -> Expression:
        """The sums over these axes, which stay with one entry."""
        values = [self.value, self.make.whole(list(axes))]
        return self.make.add("ReduceSum", values, self._reduced(axes), keepdims=1)

    def largest(self, axes: Sequence[int]) -> Expression:
        """The largest numbers over these axes, which stay with one entry."""
        reduced = self._reduced(axes)
        return self.make.add("ReduceMax", [self.value], reduced, axes=list(axes), keepdims=1)

    def smallest(self, axes: Sequence[int]) -> Expression:
        """The smallest numbers over these axes, which stay with one entry."""
        reduced = self._reduced(axes)
        return self.make.add("ReduceMin", [self.value], reduced, axes=list(axes), keepdims=1)

    def take(self, indices: int | Sequence[int], axis: int) -> Expression:
        """Entries of an axis, which goes if there is one index."""
        index = self.make.whole(indices)
        dims = (*self.dims[:axis], *index.dims, *self.dims[axis + 1 :])
        return self.make.add("Gather", [self.value, index], dims, self.value.dtype, axis=axis)

    def reshape(self, shape: Sequence[int], dims: Sequence[int | str]) -> Expression:
        """With other sides."""
        values = [self.value, self.make.whole(list(shape))]
        return self.make.add("Reshape", values, dims, self.value.dtype)

    def _unary(self, operator: str, dtype: Any = np.float64) -> Expression:
        return self.make.add(operator, [self.value], self.dims, dtype)

    def _reduced(self, axes: Sequence[int]) -> list[int | str]:
        return [1 if axis in axes else side for axis, side in enumerate(self.dims)]


def _broadcast(shapes: Sequence[Dimensions]) -> Dimensions:
    """The sides of what is broadcast."""
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(
        next((side for side in sides if side != 1), 1) for sides in zip(*padded, strict=True)
    )
