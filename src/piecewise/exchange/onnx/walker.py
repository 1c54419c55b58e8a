"""A walk along the path of a graph, which adds its layers to a chain, one node after another.

Constants that follow a layer are merged into it where that is exact: a bias, a scale and a shift.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ...core.array_types import Array
from ...core.errors import shown
from ...spec.layer_base import Shape
from ..chain import ChainBuilder
from ..input_scale import BYTES, InputLevels
from ..rewriting import Pads
from .axes import Axes, AxesError, sizes_of
from .constants import Constants, refused
from .model_proto import NodeProto
from .path import Path

UINT8 = 2
"""The element type of inputs that are bytes."""
LABELS = {"ArgMax", "ZipMap"}
"""Operators that name the class; only a change of their form may follow."""
_AFTER_LABELS = {"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze"}


class Affine(NamedTuple):
    """factor * x + shift, one number each or one per channel, which no layer has taken yet."""

    where: str
    factor: Array
    shift: Array


class Zeros(NamedTuple):
    """Zeros around a map, which the next layer takes if it is a convolution."""

    where: str
    names: str
    """The axes of the map: CHW or CW."""
    pads: Pads


Operators = dict[str, Callable[["Walker", NodeProto], None]]


class Walker:
    """Adds the nodes of a path to a chain.

    Attributes
    ----------
    chain : ChainBuilder
    axes, input_axes : Axes
        Where channels, rows and columns are in the tensor at this node, and in the input.
    """

    def __init__(
        self,
        path: Path,
        constants: Constants,
        shape: Shape,
        axes: Axes,
        levels: InputLevels | None = None,
    ) -> None:
        self.path, self.constants, self.axes = path, constants, axes
        self.input_axes = axes
        self.chain = ChainBuilder(shape, levels=levels)
        self.pads: Zeros | None = None
        self.is_end = False  # whether probabilities are computed
        self._affine: Affine | None = None
        self.is_started = False  # whether anything computes with the input
        self._has_labels = False
        self._absorbed: dict[int, str] = {}
        self._current = path.input.name
        if path.input.type == UINT8:
            self._read_bytes()

    def walk(self, operators: Operators) -> None:
        """Add all nodes; ModelFileError names the one that cannot be added."""
        for node in self.path.nodes:
            if id(node) in self._absorbed:
                self._current = self._absorbed[id(node)]
                continue
            if node.operator != "Shape":
                self._check_input(node)
            if self.constants.follow(node, self.axes.sides):
                continue
            self._add(node, operators)
            self._current = node.outputs[0]
        self.flush()

    def _add(self, node: NodeProto, operators: Operators) -> None:
        """Add one node."""
        if node.operator in LABELS or self._has_labels:
            if self._has_labels and node.operator not in _AFTER_LABELS:
                raise refused(node, "it comes after the labels of the classes")
            self._has_labels = True
            return
        operator = operators.get(node.operator)
        if operator is None:
            raise refused(node, "piecewise has no layer that computes it")
        if self.pads is not None and node.operator not in ("Conv", "Pad"):
            self.flush()
        try:
            operator(self, node)
        except AxesError as error:
            raise refused(node, str(error)) from None
        except (TypeError, KeyError, IndexError, OverflowError):  # an attribute of another type
            raise refused(node, "its attributes or constants are of another type") from None

    def absorb(self, node: NodeProto, output: str) -> None:
        """Do not add a later node: the layers so far compute its output."""
        self._absorbed[id(node)] = output

    def constant(self, node: NodeProto, index: int) -> Array | None:
        """An input of a node that is a constant; None if it is left out."""
        if index >= len(node.inputs) or not node.inputs[index]:
            return None
        name = node.inputs[index]
        if name not in self.constants:
            raise refused(node, f"its input {shown(name)} is not a constant")
        return self.constants[name]

    def needed(self, node: NodeProto, index: int) -> Array:
        """An input of a node that has to be a constant."""
        array = self.constant(node, index)
        if array is None:
            raise refused(node, f"its input {index + 1} is missing")
        return array

    def scale(self, node: NodeProto, factor: Array, shift: Array) -> None:
        """Multiply by a constant and add another one: joined with those before."""
        self.is_started = True
        numbers = []
        for array in (factor, shift):
            if array.dtype.kind not in "fiu":
                raise refused(node, "its constant is not a number")
            one = self.axes.channel_numbers(array)
            if one is None:
                raise refused(
                    node,
                    f"its constant, {array.shape}, has neither one number nor one per channel",
                )
            numbers.append(one.astype(np.float64))
        before = self._affine or Affine(node.where, np.array(1.0), np.array(0.0))
        self._affine = Affine(
            before.where, before.factor * numbers[0], before.shift * numbers[0] + numbers[1]
        )

    def flush(self) -> None:
        """Add what no layer has taken, before a layer is added."""
        self.is_started = True
        if self._affine is not None:
            where, factor, shift = self._affine
            self._affine = None
            self.chain.scale(where, factor, shift)
        if self.pads is not None:
            where, names, pads = self.pads
            self.pads = None
            self.chain.zeros(where, pads)
            self.after_layer(names)

    def after_layer(self, names: str) -> None:
        """The output of a layer that was added has these axes, one side each."""
        self.axes = Axes.of(names, sizes_of(self.chain.shape))

    def _check_input(self, node: NodeProto) -> None:
        """Refuse a node that reads another tensor than the output of the node before."""
        read = [name for name in node.inputs if name and name not in self.constants]
        if not read:
            return
        if len(set(read)) > 1 or len(read) > 1:
            raise refused(node, "it joins two branches; piecewise has chains of layers")
        if read[0] != self._current:
            raise refused(
                node, f"it reads {shown(read[0])}, where the graph branches, or which comes later"
            )

    def _read_bytes(self) -> None:
        """Inputs are bytes here and numbers from -1 to 1 in piecewise."""
        if self.chain.inputs is not None and self.chain.inputs.is_pictures:
            self.chain.inputs.known_range = BYTES
            return
        self._affine = Affine(self.path.input.name, np.array(127.5), np.array(127.5))
        self.chain.notes.append(
            f"{self.path.input.name}: its bytes are numbers from -1 to 1 here, as in all "
            "networks of piecewise"
        )
