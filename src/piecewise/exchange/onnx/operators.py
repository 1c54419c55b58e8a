"""The operators of ONNX that are layers of piecewise, one function each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.array_types import Array
from ...core.errors import shown
from ...core.windows import same_windows
from ..checked_layers import ONE_VALUE
from ..rewriting import PaddedWindows, Pads
from .axes import Axes, sizes_of
from .constants import axes_of, refused
from .input_axes import moved
from .model_proto import NodeProto
from .walker import Walker, Zeros

_LARGEST = 3e38
"""A bound that no activation reaches."""
_FLOATS = {1, 10, 11, 16}


def _convolution(walker: Walker, node: NodeProto) -> None:
    weight, bias = walker.needed(node, 1), walker.constant(node, 2)
    names = _maps(walker, node)
    flat = len(names) == 2
    if weight.ndim != len(names) + 1:
        raise refused(
            node, f"its weight has the shape {weight.shape}, wanted {len(names) + 1} sides"
        )
    if node.attributes.get("auto_pad", "NOTSET").startswith("SAME"):
        walker.flush()
    pads = (0, 0, 0, 0) if walker.pads is None else walker.pads.pads
    walker.pads = None
    walker.flush()
    if flat:
        weight = weight[:, :, None]
    kernel = (int(weight.shape[2]), int(weight.shape[3]))
    if not _fits(node.attributes.get("kernel_shape"), kernel[1:] if flat else kernel):
        raise refused(
            node,
            f"its kernel_shape: got {shown(node.attributes.get('kernel_shape'))}, and its "
            f"weight has the shape {weight.shape}",
        )
    stride, dilation = (_pair(node, one, flat) for one in ("strides", "dilations"))
    own = _pads(walker, node, kernel, stride, dilation)
    top, left, bottom, right = (one + other for one, other in zip(pads, own, strict=True))
    groups = _number(node, "group", 1)
    walker.chain.convolution(
        node.where, weight, bias, stride, (top, left, bottom, right), groups, dilation
    )
    walker.after_layer(names)


def _pool(walker: Walker, node: NodeProto) -> None:
    names = _maps(walker, node)
    walker.flush()
    flat = len(names) == 2
    window = _pair(node, "kernel_shape", flat, None)
    stride, dilation = (_pair(node, one, flat) for one in ("strides", "dilations"))
    if dilation != (1, 1):
        raise refused(node, "its windows have gaps (dilations)")
    pads = _pads(walker, node, window, stride, dilation)
    windows = PaddedWindows(window, stride, pads, bool(_number(node, "ceil_mode", 0)))
    if node.operator == "MaxPool":
        walker.chain.max_pool(node.where, windows)
    else:
        counts = bool(_number(node, "count_include_pad", 0))
        walker.chain.average_pool(node.where, windows, counts_padding=counts)
    walker.after_layer(names)


def _global_pool(walker: Walker, node: NodeProto) -> None:
    names = _maps(walker, node)
    walker.flush()
    walker.chain.global_pool(node.where, "max" if "Max" in node.operator else "average")
    walker.after_layer(names)


def _reduction(walker: Walker, node: NodeProto) -> None:
    """ReduceMean and ReduceMax over all rows and columns."""
    inputs = [walker.constant(node, at) if at else None for at in range(len(node.inputs))]
    axes, before = axes_of(node, inputs), walker.axes
    if axes is None:
        axes = (
            []
            if node.attributes.get("noop_with_empty_axes")
            else list(range(len(before.groups) + 1))
        )
    reduced = {before.axis(axis) for axis in axes}
    spatial = {at for at, group in enumerate(before.groups, 1) if set(group) & {"H", "W"}}
    others = [before.groups[at - 1] for at in reduced - spatial - {0}]
    mixed = any("C" in before.groups[at - 1] for at in reduced - {0})
    if 0 in reduced or not spatial <= reduced or any(others) or mixed:
        raise refused(node, f"it reduces the axes {axes[:8]}; piecewise pools rows and columns")
    walker.flush()
    walker.chain.global_pool(node.where, "max" if "Max" in node.operator else "average")
    kept = Axes(
        tuple(() if at in reduced else group for at, group in enumerate(before.groups, 1)),
        sizes_of(walker.chain.shape),
    )
    walker.axes = kept if _number(node, "keepdims", 1) else kept.squeezed(sorted(reduced))


def _gemm(walker: Walker, node: NodeProto) -> None:
    weight, bias = walker.needed(node, 1), walker.constant(node, 2)
    if weight.ndim != 2 or len(walker.axes.groups) != 1 or _number(node, "transA", 0):
        raise refused(node, "its input is not a flat tensor, or is transposed")
    weight = weight if _number(node, "transB", 0) else weight.T
    if bias is not None and bias.size != 1 and bias.shape not in ((len(weight),), (1, len(weight))):
        raise refused(node, f"what it adds, {bias.shape}, is not a bias of {len(weight)} numbers")
    alpha, beta = (float(node.attributes.get(one, 1.0)) for one in ("alpha", "beta"))
    if alpha != 1:
        weight = weight * np.float32(alpha)
    if bias is not None:
        bias = np.broadcast_to(bias.reshape(-1), len(weight)) * np.float32(beta)
    _fully_connected(walker, node, weight, bias)


def _product(walker: Walker, node: NodeProto) -> None:
    """MatMul: a fully connected layer, or a convolution of one cell where others axes stay."""
    if node.inputs[0] in walker.constants:
        raise refused(node, "its first factor is a constant")
    weight = walker.needed(node, 1)
    groups = walker.axes.groups
    if weight.ndim != 2 or not groups:
        raise refused(node, f"its constant is {weight.shape}, wanted a matrix")
    if not any(groups[:-1]):
        _fully_connected(walker, node, weight.T, None)
    elif groups[-1] == ("C",):
        walker.flush()
        kernel = weight.T[:, :, None, None]
        walker.chain.convolution(node.where, kernel)
        groups = (*groups[:-1], ("C",) if len(kernel) > 1 else ())
        walker.axes = Axes(groups, sizes_of(walker.chain.shape))
    else:
        raise refused(node, "it sums over an axis that is not that of the channels")


def _fully_connected(walker: Walker, node: NodeProto, weight: Array, bias: Array | None) -> None:
    """Add a layer that reads all values, in their order in the tensor."""
    walker.flush()
    before = walker.axes
    if weight.shape[1] == walker.chain.shape.values:
        weight = before.in_order(weight)
    walker.chain.fully_connected(node.where, weight, bias)
    last = Axes.of("C", sizes_of(walker.chain.shape))
    walker.axes = last._replace(groups=(*before.groups[:-1], *last.groups))


def _batch_norm(walker: Walker, node: NodeProto) -> None:
    if _number(node, "training_mode", 0):
        raise refused(node, "it is in training mode; export the model in inference mode")
    if not walker.axes.groups or walker.axes.groups[0] not in (("C",), ()):
        raise refused(node, "its channels are not the second axis")
    weight, bias, mean, variance = (walker.needed(node, at) for at in range(1, 5))
    walker.flush()
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    walker.chain.batch_norm(node.where, weight, bias, mean, variance, epsilon)


def _relu(walker: Walker, node: NodeProto) -> None:
    walker.flush()
    walker.chain.relu(node.where)


def _clip(walker: Walker, node: NodeProto) -> None:
    """Clip to zero and more is ReLU."""
    least, most = (walker.constant(node, at) for at in (1, 2))
    low = node.attributes.get("min", -np.inf) if least is None else float(least.reshape(()))
    high = node.attributes.get("max", np.inf) if most is None else float(most.reshape(()))
    if low != 0 or high < _LARGEST:
        raise refused(node, f"it limits values to {low:g} to {high:g}; piecewise has relu")
    _relu(walker, node)


def _maximum(walker: Walker, node: NodeProto) -> None:
    """The maximum of x and 0 is ReLU."""
    zeros = [walker.constants[name] for name in node.inputs if name in walker.constants]
    if len(node.inputs) != 2 or zeros[0].any() or walker.axes.channel_numbers(zeros[0]) is None:
        raise refused(node, "a maximum of values and numbers other than zero")
    _relu(walker, node)


def _dropout(walker: Walker, node: NodeProto) -> None:
    ratio, training = walker.constant(node, 1), walker.constant(node, 2)
    if training is not None and training.any():
        raise refused(node, "it is in training mode; export the model in inference mode")
    rate = node.attributes.get("ratio", 0.5) if ratio is None else float(ratio.reshape(()))
    walker.flush()
    walker.chain.dropout(node.where, rate)


def _arithmetic(walker: Walker, node: NodeProto) -> None:
    """Add, Sub, Mul, Div and Pow with one constant: a scale and a shift."""
    one, zero = np.array(1.0), np.array(0.0)
    is_first = node.inputs[0] in walker.constants
    number = walker.needed(node, 0 if is_first else 1)
    if number.dtype.kind not in "fiu":
        raise refused(node, "its constant is not a number")
    number = number.astype(np.float64)
    with np.errstate(all="ignore"):
        if node.operator == "Add":
            walker.scale(node, one, number)
        elif node.operator == "Mul":
            walker.scale(node, number, zero)
        elif node.operator == "Sub":
            walker.scale(node, -one if is_first else one, number if is_first else -number)
        elif node.operator == "Div" and not is_first:
            walker.scale(node, 1 / number, zero)
        elif not (node.operator == "Pow" and not is_first and (number == 1).all()):
            raise refused(node, "piecewise has no such function of each value")


def _softmax(walker: Walker, node: NodeProto) -> None:
    """The softmax over all classes."""
    axes = walker.axes
    default = 1 if walker.path.opset < 13 else -1
    axis = axes.axis(_number(node, "axis", default))
    ends_there = walker.path.opset < 13 and axis > 0 and not any(axes.groups[: axis - 1])
    only = {at for at, group in enumerate(axes.groups, 1) if group} <= {axis}
    if axis == 0 or not (only or ends_there):
        raise refused(
            node, f"a softmax over other values than the classes of an example; {ONE_VALUE}"
        )
    _end(walker, node)
    walker.flush()
    walker.chain.softmax(node.where)
    if node.operator == "LogSoftmax":
        walker.chain.notes.append(f"{node.where}: the logarithms of probabilities are left out")


def _sigmoid(walker: Walker, node: NodeProto) -> None:
    """The sigmoid at the end, and the two nodes that make two classes of it."""
    _end(walker, node)
    walker.flush()
    walker.chain.sigmoid_end(node.where)
    readers = walker.path.consumers.get(node.outputs[0], [])
    if len(readers) == 2:
        rest, both = readers
        is_rest = rest.operator == "Sub" and rest.inputs[0] in walker.constants
        is_both = both.operator == "Concat" and both.inputs == [rest.outputs[0], node.outputs[0]]
        if is_rest and is_both and (walker.needed(rest, 0) == 1).all():
            walker.absorb(rest, rest.outputs[0])
            walker.absorb(both, both.outputs[0])


def _end(walker: Walker, node: NodeProto) -> None:
    if walker.is_end:
        raise refused(node, "it comes after a layer that makes probabilities")
    walker.is_end = True


def _embedding(walker: Walker, node: NodeProto) -> None:
    """Gather: the vector of each token, from a table (tokens, channels)."""
    if node.inputs[0] not in walker.constants or walker.axes.groups not in ((("W",),), ((),)):
        raise refused(node, "it selects among activations; piecewise has embeddings of tokens")
    table = walker.needed(node, 0)
    if table.ndim != 2 or _number(node, "axis", 0) not in (0, -2):
        raise refused(node, f"its table, {table.shape}, is not one of vectors of tokens")
    walker.chain.embedding(node.where, table)
    walker.after_layer("WC")


def _moving(walker: Walker, node: NodeProto) -> None:
    """Nodes that move values at most: the layers of piecewise do not notice."""
    walker.axes = moved(node, walker.constants, walker.axes, walker.path.batch)


def _cast(walker: Walker, node: NodeProto) -> None:
    """A cast of the input, or of values to other floats."""
    if walker.is_started and node.attributes.get("to") not in _FLOATS:
        raise refused(node, "it rounds values to whole numbers")


def _pad(walker: Walker, node: NodeProto) -> None:
    """Zeros around a map, which belong to the convolution after it."""
    rank = len(walker.axes.groups) + 1
    pads, value = walker.constant(node, 1), walker.constant(node, 2)
    numbers = node.attributes.get("pads", []) if pads is None else pads.reshape(-1).tolist()
    level = node.attributes.get("value", 0.0) if value is None else float(value.reshape(()))
    if node.attributes.get("mode", "constant") != "constant" or level or walker.constant(node, 3):
        raise refused(node, "piecewise pads with zeros around a map")
    if len(numbers) != 2 * rank or any(not 0 <= one <= 1_024 for one in numbers):
        raise refused(
            node, f"its pads are {numbers[:8]}, wanted {2 * rank} numbers from 0 to 1,024"
        )
    names = _maps(walker, node)
    if numbers[0] or numbers[1] or numbers[rank] or numbers[rank + 1]:
        raise refused(node, f"its pads {numbers[:8]} add examples or channels")
    top, bottom = (0, 0) if len(names) == 2 else (numbers[2], numbers[rank + 2])
    walker.flush()
    walker.pads = Zeros(node.where, names, (top, numbers[rank - 1], bottom, numbers[-1]))


def _maps(walker: Walker, node: NodeProto) -> str:
    """The axes of a tensor of maps, CHW or CW; tensors in another order are refused."""
    names = "CHW" if len(walker.axes.groups) == 3 else "CW"
    if not walker.axes.are(names):
        raise refused(
            node,
            f"its input is {shown(['N', *walker.axes.sides])} with the channels elsewhere, "
            "wanted them second",
        )
    return names


def _number(node: NodeProto, name: str, default: int) -> int:
    value = node.attributes.get(name, default)
    if not isinstance(value, int):
        raise refused(node, f"its {name} is not a whole number")
    return value


def _pair(node: NodeProto, name: str, flat: bool, default: int | None = 1) -> tuple[int, int]:
    """An attribute of rows and columns; of columns alone where the maps have no rows."""
    values: Any = node.attributes.get(name)
    sides = 1 if flat else 2
    if values is None and default is not None:
        values = [default] * sides
    if not isinstance(values, list) or len(values) != sides or not all(
        isinstance(one, int) and 1 <= one <= 1 << 20 for one in values
    ):  # fmt: skip
        raise refused(node, f"its {name}: got {str(values)[:40]}, wanted {sides} numbers from 1")
    return (1, values[0]) if flat else (values[0], values[1])


def _fits(given: Any, kernel: tuple[int, ...]) -> bool:
    return given is None or list(given) == list(kernel)


def _pads(
    walker: Walker,
    node: NodeProto,
    window: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> Pads:
    """The padding of a node: top, left, bottom, right."""
    flat, mode = len(walker.axes.groups) == 2, node.attributes.get("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        both = []
        for axis in (0, 1):
            side = 1 + (window[axis] - 1) * dilation[axis]
            one = same_windows(walker.chain.shape[1 + axis], side, stride[axis])
            both.append(
                (one.before, one.after) if mode == "SAME_UPPER" else (one.after, one.before)
            )
        return both[0][0], both[1][0], both[0][1], both[1][1]
    values = node.attributes.get("pads", [0] * (2 if flat else 4))
    if mode == "VALID":
        return 0, 0, 0, 0
    if mode != "NOTSET" or len(values) != (2 if flat else 4) or not all(
        isinstance(one, int) and 0 <= one <= 1_024 for one in values
    ):  # fmt: skip
        raise refused(
            node,
            f"its pads: got {str(values)[:40]}, wanted {2 if flat else 4} numbers from 0 to 1,024",
        )
    return (0, values[0], 0, values[1]) if flat else (values[0], values[1], values[2], values[3])


OPERATORS: dict[str, Callable[[Walker, NodeProto], None]] = {
    "Conv": _convolution,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalMaxPool": _global_pool,
    "GlobalAveragePool": _global_pool,
    "ReduceMax": _reduction,
    "ReduceMean": _reduction,
    "Gemm": _gemm,
    "MatMul": _product,
    "BatchNormalization": _batch_norm,
    "Relu": _relu,
    "Clip": _clip,
    "Max": _maximum,
    "Dropout": _dropout,
    "Add": _arithmetic,
    "Sub": _arithmetic,
    "Mul": _arithmetic,
    "Div": _arithmetic,
    "Pow": _arithmetic,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "Sigmoid": _sigmoid,
    "Gather": _embedding,
    "Flatten": _moving,
    "Reshape": _moving,
    "Transpose": _moving,
    "Squeeze": _moving,
    "Unsqueeze": _moving,
    "Identity": _moving,
    "Cast": _cast,
    "Pad": _pad,
}
"""The operators that are read, each a function of the walker and the node."""
