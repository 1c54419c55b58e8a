"""The constants of a graph: initializers, Constant nodes, and what the graph computes from them.

Files compute constants with nodes: a transposed weight, the sides of a reshape. What moves numbers
is done as a view; what computes new ones has a budget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ...core.array_types import Array
from ...core.constraints import MAX_PARAMETERS
from ...core.errors import ModelFileError, shown
from .axes import BATCH
from .model_proto import NodeProto, TensorProto

_CASTS = {1: "float32", 6: "int32", 7: "int64", 9: "bool", 10: "float16", 11: "float64"}
_SMALL = 1 << 20
"""Numbers that an operator may make of fewer."""


class Constants:
    """The arrays of a graph by name.

    Parameters
    ----------
    initializers : dict of TensorProto
        Decoded on first use.
    """

    def __init__(self, initializers: dict[str, TensorProto]) -> None:
        self._initializers = initializers
        self._arrays: dict[str, Array] = {}
        self._budget = MAX_PARAMETERS

    def __contains__(self, name: str) -> bool:
        return name in self._arrays or name in self._initializers

    def __getitem__(self, name: str) -> Array:
        if name not in self._arrays:
            self._arrays[name] = self._initializers[name].array()
        return self._arrays[name]

    def __setitem__(self, name: str, array: Array) -> None:
        self._arrays[name] = array

    def of(self, node: NodeProto) -> list[Array | None]:
        """The inputs of a node that are constants; None for the others."""
        return [self.get(name) for name in node.inputs]

    def get(self, name: str) -> Array | None:
        """The array of a name; None if it is not a constant."""
        return self[name] if name in self else None  # noqa: SIM401 - this is that method

    def evaluate(self, node: NodeProto) -> None:
        """Compute a node whose inputs are all constants; ModelFileError."""
        operator = _OPERATORS.get(node.operator)
        if operator is None or node.domain:
            what = "computes a constant, and piecewise does not compute this operator"
            raise refused(node, f"it {what}; simplify the graph, as with onnxsim")
        inputs = [self[name] if name else None for name in node.inputs]
        try:
            array = np.asarray(operator(node, inputs))
        except (
            ValueError, TypeError, LookupError, OverflowError, AttributeError
        ) as error:  # fmt: skip
            if isinstance(error, ModelFileError):
                raise
            raise refused(node, "its constants do not fit each other") from None
        known = sum(one.size for one in inputs if one is not None)
        if not any(one is not None and np.shares_memory(array, one) for one in inputs):
            self._spend(node, array, known)
        self[node.outputs[0] if node.outputs else ""] = array

    def follow(self, node: NodeProto, sides: Sequence[int]) -> bool:
        """Compute a node if it needs no more than constants and ``sides``, those of the tensor that
        it reads without the batch: a computation of the target of a reshape."""
        if node.operator == "Shape" and node.outputs:
            start, end = (node.attributes.get(one) for one in ("start", "end"))
            self[node.outputs[0]] = np.array([BATCH, *sides][start:end], np.int64)
            return True
        if all(name in self for name in node.inputs if name):
            self.evaluate(node)
            return True
        return False

    def _spend(self, node: NodeProto, array: Array, known: int) -> None:
        self._budget -= array.size
        if self._budget < 0 or array.size > max(_SMALL, known):
            raise refused(node, "it computes too many constants")


def refused(node: NodeProto, why: str) -> ModelFileError:
    """The error for a node that cannot be imported."""
    return ModelFileError(f"layer {shown(node.where, 80)}: {why}")


def axes_of(node: NodeProto, inputs: Sequence[Any]) -> list[int] | None:
    """The axes of a node, which older versions have as an attribute and later ones as an input."""
    if len(inputs) > 1 and inputs[1] is not None:
        return [int(axis) for axis in np.atleast_1d(inputs[1])[:16]]
    axes = node.attributes.get("axes")
    return None if axes is None else list(axes)


Inputs = list[Any]


def constant_value(node: NodeProto, inputs: Inputs) -> Array:
    """The array of a Constant node."""
    value = node.attributes.get("value")
    if isinstance(value, TensorProto):
        return value.array()
    for name, dtype in (("value_float", "f4"), ("value_int", "i8"), ("value_floats", "f4"),
                        ("value_ints", "i8")):  # fmt: skip
        if name in node.attributes:
            return np.array(node.attributes[name], dtype)
    raise refused(node, "its value is not read")


def _cast(node: NodeProto, inputs: Inputs) -> Array:
    kind = _CASTS.get(node.attributes.get("to", 0))
    if kind is None:
        raise refused(node, "it casts a constant to a type that is not read")
    array = inputs[0]
    if _has_batch(array):
        if kind not in ("int32", "int64"):
            raise refused(node, "it computes with the number of examples")
        return np.asarray(array)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(array.astype(kind, copy=False))


def _transposed(node: NodeProto, inputs: Inputs) -> Array:
    return np.asarray(np.transpose(inputs[0], node.attributes.get("perm")))


def _reshaped(node: NodeProto, inputs: Inputs) -> Array:
    shape = [int(side) for side in inputs[1][:17]]
    if not node.attributes.get("allowzero"):
        shape = [inputs[0].shape[at] if side == 0 else side for at, side in enumerate(shape)]
    return np.asarray(inputs[0].reshape(shape))


def _squeezed(node: NodeProto, inputs: Inputs) -> Array:
    axes = axes_of(node, inputs)
    return np.asarray(np.squeeze(inputs[0], None if axes is None else tuple(axes)))


def _unsqueezed(node: NodeProto, inputs: Inputs) -> Array:
    return np.asarray(np.expand_dims(inputs[0], tuple(axes_of(node, inputs) or ())))


def _concatenated(node: NodeProto, inputs: Inputs) -> Array:
    return np.asarray(np.concatenate(inputs, node.attributes["axis"]))


def _gathered(node: NodeProto, inputs: Inputs) -> Array:
    array, indices = inputs
    if indices.size > _SMALL or array.size > _SMALL or indices.size * array.size > 16 * _SMALL:
        raise refused(node, "it gathers too many constants")
    return np.asarray(np.take(array, indices, node.attributes.get("axis", 0)))


def _sliced(node: NodeProto, inputs: Inputs) -> Array:
    attributes = node.attributes
    starts = inputs[1] if len(inputs) > 1 else attributes["starts"]
    ends = inputs[2] if len(inputs) > 2 else attributes["ends"]
    axes = inputs[3] if len(inputs) > 3 else attributes.get("axes")
    steps = inputs[4] if len(inputs) > 4 else [1] * len(starts)
    index = [slice(None)] * inputs[0].ndim
    for at, (start, end, step) in enumerate(zip(starts, ends, steps, strict=True)):
        axis = at if axes is None else int(axes[at])
        index[axis] = slice(int(start), int(end), int(step))
    return np.asarray(inputs[0][tuple(index)])


def _filled(node: NodeProto, inputs: Inputs) -> Array:
    """ConstantOfShape: one number, repeated."""
    sides, value = inputs[0], node.attributes.get("value")
    if _has_batch(sides):
        raise refused(node, "it computes with the number of examples")
    shape = [int(side) for side in sides[:17]]
    if len(shape) > 16 or prod(max(0, side) for side in shape) > _SMALL:
        raise refused(node, "it computes too many constants")
    number = value.array() if isinstance(value, TensorProto) else np.zeros(1, np.float32)
    return np.full(shape, number.reshape(()))


def _same(node: NodeProto, inputs: Inputs) -> Array:
    return np.asarray(inputs[0])


def _computed(function: Callable[..., Array]) -> Callable[[NodeProto, Inputs], Array]:
    """Arithmetic, checked before it is done."""

    def compute(node: NodeProto, inputs: Inputs) -> Array:
        if any(_has_batch(one) for one in inputs):
            raise refused(node, "it computes with the number of examples")
        size = 1
        for side in np.broadcast_shapes(*(one.shape for one in inputs)):
            size *= side
        if size > max(_SMALL, sum(one.size for one in inputs)):
            raise refused(node, "it computes too many constants")
        with np.errstate(all="ignore"):
            return np.asarray(function(*inputs))

    return compute


def _has_batch(array: Array) -> bool:
    """Whether a short list of whole numbers has the number of examples in it."""
    return array.dtype.kind == "i" and array.size < 64 and bool((array == BATCH).any())


def _divided(one: Array, other: Array) -> Array:
    if one.dtype.kind in "iu":
        return np.asarray(np.trunc(one / other).astype(one.dtype))
    return np.asarray(one / other)


_OPERATORS: dict[str, Callable[[NodeProto, Inputs], Array]] = {
    "Constant": constant_value,
    "ConstantOfShape": _filled,
    "Identity": _same,
    "Cast": _cast,
    "Transpose": _transposed,
    "Reshape": _reshaped,
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
    "Concat": _concatenated,
    "Gather": _gathered,
    "Slice": _sliced,
    "Add": _computed(np.add),
    "Sub": _computed(np.subtract),
    "Mul": _computed(np.multiply),
    "Div": _computed(_divided),
    "Pow": _computed(np.power),
    "Mod": _computed(np.mod),
    "Sqrt": _computed(np.sqrt),
    "Less": _computed(np.less),
    "Not": _computed(np.logical_not),
    "Where": _computed(np.where),
    "Neg": _computed(np.negative),
    "Reciprocal": _computed(np.reciprocal),
}
