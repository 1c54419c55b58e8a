"""A builder for ONNX graphs: nodes, constants and shapes, written as protocol buffers.

The shape and type of every tensor are given where its node is added, and are written into the file.
The same calls give the same bytes. (ONNX: onnx.proto, fields as in IR version 8.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...core.array_types import Array
from ...core.version import __version__
from ..formats.protobuf import message, packed_floats, packed_integers, real, text, varint

OPSET, IR_VERSION = 17, 8
BATCH = "N"
"""The name of the batch dimension, which is open."""

Dimensions = tuple[int | str, ...]
"""Sides of a tensor; an open one has a name."""

_ELEMENT_TYPES = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7,
    "bool": 9, "float64": 11,
}  # fmt: skip
_FLOAT, _INTEGER, _STRING, _TENSOR, _FLOATS, _INTEGERS = 1, 2, 3, 4, 6, 7  # kinds of attribute


class Value(NamedTuple):
    """A tensor of a graph: its name, type and sides."""

    name: str
    dtype: np.dtype[Any]
    dims: Dimensions


class _Node(NamedTuple):
    """A node: its first output has its name, and a second one is not read."""

    operator: str
    inputs: tuple[str, ...]
    name: str
    attributes: bytes
    unread: tuple[str, ...] = ()


class Graph:
    """An ONNX graph under construction. Nodes are added in the order in which they run.

    Parameters
    ----------
    name : str
        The name of the graph.
    opset, ir_version : int
        The version of the operators and of the file format.
    lists_constants : bool
        Whether constants are listed among the inputs, too, as IR version 3 requires.

    Examples
    --------
    >>> graph = Graph("example")
    >>> x = graph.input("x", "float32", ("N", 3))
    >>> y = graph.add("Mul", [x, graph.constant("two", np.float32(2))], "doubled")
    >>> y.name, y.dims
    ('doubled', ('N', 3))
    >>> graph.output(y, "twice")
    >>> content = graph.to_bytes({"author": "me"})
    """

    def __init__(
        self,
        name: str,
        opset: int = OPSET,
        ir_version: int = IR_VERSION,
        lists_constants: bool = False,
    ) -> None:
        self.name, self.opset, self.ir_version = name, opset, ir_version
        self._lists_constants = lists_constants
        self._nodes: list[_Node] = []
        self._inputs: list[Value] = []
        self._outputs: dict[str, str] = {}  # names of values: names as outputs
        self._inner: dict[str, Value] = {}
        self._constants: dict[str, Array] = {}

    def input(self, name: str, dtype: npt.DTypeLike, dims: Sequence[int | str]) -> Value:
        """Add an input of the graph."""
        value = self._new(Value(name, np.dtype(dtype), tuple(dims)))
        self._inputs.append(value)
        return value

    def constant(self, name: str, array: npt.ArrayLike) -> Value:
        """Add a constant (an initializer), or return the equal one of this name."""
        array = np.asarray(array)
        known = self._constants.get(name)
        if known is None:
            self._new(Value(name, array.dtype, array.shape))
            self._constants[name] = array
        elif known.dtype != array.dtype or not np.array_equal(known, array):
            raise ValueError(f"{name}: another constant has this name")
        return Value(name, array.dtype, array.shape)

    def add(
        self,
        operator: str,
        inputs: Sequence[Value],
        name: str,
        dims: Sequence[int | str] | None = None,
        dtype: npt.DTypeLike | None = None,
        unread: npt.DTypeLike | None = None,
        **attributes: Any,
    ) -> Value:
        """Add a node, and return its output.

        Parameters
        ----------
        operator : str
            The operator's name in ONNX.
        inputs : sequence of Value
            Earlier outputs, inputs and constants.
        name : str
            The name of the node and of its output.
        dims, dtype : optional
            Sides and type of the output; those of the first input if left out.
        unread : optional
            The type of a second output of the same sides, which is not read.
        **attributes : int, float, str, sequence of int or float, or array
            The attributes of the node.

        Raises
        ------
        ValueError
            If an input does not exist yet, or the name does already.
        """
        for one in inputs:
            if self._known(one.name) != one:
                raise ValueError(f"{name}: its input {one.name} is not in the graph")
        value = Value(
            name,
            inputs[0].dtype if dtype is None else np.dtype(dtype),
            inputs[0].dims if dims is None else tuple(dims),
        )
        self._inner[name] = self._new(value)
        encoded = b"".join(_attribute(key, attributes[key]) for key in sorted(attributes))
        second = () if unread is None else (f"{name}_unread",)
        for other in second:
            self._inner[other] = self._new(Value(other, np.dtype(unread), value.dims))
        self._nodes.append(
            _Node(operator, tuple(one.name for one in inputs), name, encoded, second)
        )
        return value

    def output(self, value: Value, name: str) -> None:
        """Make the output of a node an output of the graph, under another name."""
        self._new(value._replace(name=name))
        self._outputs[value.name] = name

    def to_bytes(self, metadata: Mapping[str, str]) -> bytes:
        """The file, with these names and texts as metadata."""
        operators = message(8, [varint(2, self.opset)])
        entries = (message(14, [text(1, key), text(2, metadata[key])]) for key in metadata)
        return b"".join(
            [
                varint(1, self.ir_version),
                text(2, "piecewise"),
                text(3, __version__),
                self._graph(),
                operators,
                *entries,
            ]
        )

    def _graph(self) -> bytes:
        constants = [Value(name, one.dtype, one.shape) for name, one in self._constants.items()]
        inputs = self._inputs + (constants if self._lists_constants else [])
        inner = [one for one in self._inner.values() if one.name not in self._outputs]
        outputs = [
            self._inner[name]._replace(name=output) for name, output in self._outputs.items()
        ]
        return message(
            7,
            [
                *map(self._node, self._nodes),
                text(2, self.name),
                *(_tensor(5, name, array) for name, array in self._constants.items()),
                *(_value_info(11, one) for one in inputs),
                *(_value_info(12, one) for one in outputs),
                *(_value_info(13, one) for one in inner),
            ],
        )

    def _node(self, node: _Node) -> bytes:
        names = self._outputs
        return message(
            1,
            [
                *(text(1, names.get(name, name)) for name in node.inputs),
                text(2, names.get(node.name, node.name)),
                *(text(2, name) for name in node.unread),
                text(3, node.name),
                text(4, node.operator),
                node.attributes,
            ],
        )

    def _new(self, value: Value) -> Value:
        if self._known(value.name) is not None or value.name in self._outputs.values():
            raise ValueError(f"{value.name}: another tensor has this name")
        return value

    def _known(self, name: str) -> Value | None:
        if name in self._constants:
            array = self._constants[name]
            return Value(name, array.dtype, array.shape)
        return self._inner.get(name) or next(
            (one for one in self._inputs if one.name == name), None
        )


def _attribute(name: str, value: Any) -> bytes:
    """An attribute of a node."""
    if isinstance(value, np.ndarray):
        kind, content = _TENSOR, _tensor(5, "", value)
    elif isinstance(value, str):
        kind, content = _STRING, text(4, value)
    elif isinstance(value, float):
        kind, content = _FLOAT, real(2, value)
    elif isinstance(value, int):
        kind, content = _INTEGER, varint(3, value)
    elif value and all(isinstance(one, float) for one in value):
        kind, content = _FLOATS, packed_floats(7, np.array(value, np.float32))
    else:
        kind, content = _INTEGERS, packed_integers(8, value)
    return message(5, [text(1, name), content, varint(20, kind)])


def _tensor(number: int, name: str, array: Array) -> bytes:
    """A field of an array, little-endian."""
    stored = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return message(
        number,
        [
            packed_integers(1, array.shape) if array.shape else b"",
            varint(2, _ELEMENT_TYPES[array.dtype.name]),
            text(8, name),
            text(9, stored.tobytes()),
        ],
    )


def _value_info(number: int, value: Value) -> bytes:
    """A field of the name, type and sides of a tensor."""
    sides = (
        message(1, [text(2, side) if isinstance(side, str) else varint(1, side)])
        for side in value.dims
    )
    kind = message(1, [varint(1, _ELEMENT_TYPES[value.dtype.name]), message(2, sides)])
    return message(number, [text(1, value.name), message(2, [kind])])
