"""Which sides of a graph's input are channels, rows and columns, from the layers that read it.

Files do not say it. The first layer with windows does: its input is (N, C, H, W) or (N, C, W), and
the transposes and reshapes before it are followed back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from ...core.array_types import Array
from ...core.constraints import MAX_AXIS, MAX_VALUES
from ...core.errors import ModelFileError, shown
from ...spec.architecture import input_shape
from ...spec.layer_base import Shape
from .axes import Axes, AxesError, Group, sizes_of
from .constants import Constants, axes_of
from .model_proto import NodeProto
from .path import Path

_READS_MAPS = {
    "Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization",
}  # fmt: skip
_READS_ALL = {"Gemm", "MatMul", "Gather"}
_COLOURS = (1, 3)
Sides = Sequence[int | None]


def input_axes(path: Path, constants: Constants, wanted: Shape | None) -> tuple[Shape, Axes]:
    """The input of the network, and where its axes are in that of the graph.

    ``wanted`` is what the user says; it is needed where the graph leaves sides open.
    """
    sides = _known_sides((path.input.dims or [])[1:], wanted)
    if len(sides) == 1 and wanted is not None and wanted.values == sides[0]:
        return wanted, Axes.of("CHW", sizes_of(wanted)).flattened(1)
    sizes = {f"{at}": side for at, side in enumerate(sides)}
    start = Axes.of("".join(sizes), sizes)
    start, end = _followed(path, constants, start)
    if end is not None and len(end.groups) in (2, 3):
        named = dict(zip(end.groups, "CHW" if len(end.groups) == 3 else "CW", strict=True))
    else:
        named = _guessed(start, sides, wanted)
    return _named(start, named, wanted)


def _named(start: Axes, named: Mapping[Group, str], wanted: Shape | None) -> tuple[Shape, Axes]:
    """The input and its axes, with these names of axes."""
    names = {group[0]: name for group, name in named.items() if len(group) == 1}
    if any(axis not in names for axis in start.order) or any(len(group) > 1 for group in named):
        raise ModelFileError(
            "its layers do not show which axes of its input are channels, rows and columns"
        )
    sizes = {"C": 1, "H": 1, "W": 1}
    sizes |= {names[axis]: start.sizes[axis] for axis in start.order}
    shape = input_shape((sizes["C"], sizes["H"], sizes["W"]))
    if wanted is not None and shape != wanted:
        raise ModelFileError(f"its input is {shape}, and `input` says {wanted}")
    groups = tuple(tuple(names[axis] for axis in group) for group in start.groups)
    return shape, Axes(groups, sizes)


def _known_sides(dims: Sides, wanted: Shape | None) -> list[int]:
    """The sides of the input after the batch; open ones follow from what is wanted."""
    if not 1 <= len(dims) <= 3:
        raise ModelFileError(f"its input is {len(dims) + 1}-dimensional, wanted 2 to 4 axes")
    if None in dims and wanted is not None:
        c, h, w = wanted
        shapes: dict[int, list[tuple[int, ...]]] = {
            1: [(c * h * w,)],
            2: [(c, w), (w, c), (h, w)],
            3: [(c, h, w), (h, w, c)],
        }
        fitting = (sides for sides in shapes[len(dims)] if prod(sides) == c * h * w and all(
            side in (None, own) for side, own in zip(dims, sides, strict=True)
        ))  # fmt: skip
        dims = next(fitting, dims)
    sides = [side for side in dims if side is not None]
    if len(sides) < len(dims):
        raise ModelFileError(
            f"its input has the shape {shown(['N', *dims])}, of which some sizes are open; give "
            "channels, rows and columns with `input`"
        )
    if any(side > MAX_AXIS for side in sides) or prod(sides) > MAX_VALUES:
        raise ModelFileError(f"its input has the shape {shown(sides)}, which is too large")
    return sides


def _followed(path: Path, constants: Constants, start: Axes) -> tuple[Axes, Axes | None]:
    """The axes of the input, and of what the first layer with windows reads; None without one."""
    axes = start
    for node in path.nodes:
        if node.operator in _READS_MAPS and len(axes.groups) > 1:
            return start, axes
        if node.operator in _READS_ALL or node.operator in _READS_MAPS:
            break
        if constants.follow(node, axes.sides):
            continue
        try:
            axes = moved(node, constants, axes, path.batch)
        except AxesError:
            if axes.order != start.order:
                break
            try:
                axes = _split(node, constants, axes, path.batch)
                start = axes.reshaped([-1, *start.sides])
            except AxesError:
                break
    return start, None


def moved(node: NodeProto, constants: Constants, axes: Axes, batch: int | None) -> Axes:
    """The axes after a node that moves values at most; AxesError if it cannot be followed."""
    try:
        return _moved(node, constants, axes, batch)
    except (TypeError, KeyError, IndexError):  # an attribute of another type
        raise AxesError("its attributes or constants are of another type") from None


def _moved(node: NodeProto, constants: Constants, axes: Axes, batch: int | None) -> Axes:
    inputs = constants.of(node)
    if node.operator == "Transpose":
        backwards = range(len(axes.groups), -1, -1)
        return axes.transposed(node.attributes.get("perm") or list(backwards))
    if node.operator == "Unsqueeze":
        return axes.unsqueezed(axes_of(node, inputs) or ())
    if node.operator == "Squeeze":
        return axes.squeezed(axes_of(node, inputs))
    if node.operator == "Flatten":
        return axes.flattened(node.attributes.get("axis", 1))
    if node.operator == "Reshape":
        return axes.reshaped(_target(inputs), batch)
    return axes


def _target(inputs: Sequence[Array | None]) -> list[int]:
    """The sides that a reshape asks for."""
    target = inputs[1] if len(inputs) == 2 else None
    if target is None or target.ndim != 1 or target.dtype.kind != "i":
        raise AxesError("its shape is not a constant")
    return [int(side) for side in target[:9]]


def _split(node: NodeProto, constants: Constants, axes: Axes, batch: int | None) -> Axes:
    """New axes, which a reshape makes of those of the input; AxesError if it cannot."""
    inputs = constants.of(node)
    sides = axes.target_sides(_target(inputs), batch)
    if node.operator != "Reshape" or len(sides) > 3:
        raise AxesError(f"its output is {len(sides)}-dimensional")
    sizes = {f"{at}": side for at, side in enumerate(sides)}
    return Axes.of("".join(sizes), sizes)


def _guessed(start: Axes, sides: Sequence[int], wanted: Shape | None) -> dict[Group, str]:
    """Names of the axes where no layer has windows: fully connected layers read all values."""
    groups = start.groups
    if len(groups) == 1:
        return dict(zip(groups, "C", strict=True))
    if len(groups) == 2:
        return dict(zip(groups, "HW", strict=True))
    first = tuple(sides) == wanted
    last = sides[2] in _COLOURS and sides[0] not in _COLOURS
    return dict(zip(groups, "HWC" if last and not first else "CHW", strict=True))
