"""Exact rewritings of foreign layers as layers of piecewise: the same sums in other kernels and
windows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..core.array_types import Array, Float32
from ..core.windows import Windows, complete_windows, partial_windows, same_windows
from ..spec.layer_base import Shape
from ..spec.layers import Norm

Pads = tuple[int, int, int, int]
"""Rows and columns of zeros: top, left, bottom, right."""


def convolution_padding(
    shape: Shape, weight: Float32, stride: tuple[int, int], pads: Pads
) -> tuple[tuple[int, int] | str, Float32]:
    """The padding of a convolution in the notation's terms, and its kernel (O, C, KH, KW).

    Padding that is the same on both sides is said as it is; uneven padding as "same" if that gives
    these pads; any other by rows or columns of zeros in the kernel.
    """
    top, left, bottom, right = pads
    if (top, left) == (bottom, right):
        return (top, left), weight
    same = [same_windows(shape[1 + axis], weight.shape[2 + axis], stride[axis]) for axis in (0, 1)]
    if [(one.before, one.after) for one in same] == [(top, bottom), (left, right)]:
        return "same", weight
    around = [(0, 0), (0, 0), *((max(0, b - a), max(0, a - b)) for a, b in zip(
        (top, left), (bottom, right), strict=True
    ))]  # fmt: skip
    return (max(top, bottom), max(left, right)), np.pad(weight, around)


def even_padding(
    windows: tuple[Windows, Windows], weight: Float32
) -> tuple[tuple[int, int], Float32]:
    """The same convolution with equal padding on both sides of each axis, and its kernel.

    Where there is a cell more of padding at the end, the kernel begins with zeros for a cell more
    in front. `without_zeros_in_front` reverses that.
    """
    front = [int(axis.after > axis.before) for axis in windows]
    if any(front):
        weight = np.pad(weight, [(0, 0), (0, 0), (front[0], 0), (front[1], 0)])
    return (windows[0].before + front[0], windows[1].before + front[1]), weight


def without_zeros_in_front(
    shape: Shape, weight: Float32, stride: tuple[int, int], pads: Pads
) -> tuple[Float32, Pads]:
    """A kernel (O, C, KH, KW) without the zeros of `even_padding`, and its padding."""
    sides = list(pads)
    for axis in (0, 1):
        before, after = sides[axis], sides[2 + axis]
        first = weight[:, :, 0] if axis == 0 else weight[:, :, :, 0]
        window = weight.shape[2 + axis] - 1
        if before != after or not before or not window or first.any():
            continue
        same = same_windows(shape[1 + axis], window, stride[axis])
        if (same.before, same.after) == (before - 1, after):
            weight = weight[:, :, 1:] if axis == 0 else weight[:, :, :, 1:]
            sides[axis] = before - 1
    return weight, (sides[0], sides[1], sides[2], sides[3])


def dense_kernel(weight: Float32, groups: int) -> Float32:
    """The kernel (O, C, KH, KW) of a grouped convolution (O, C / groups, KH, KW): zeros where an
    output does not read a channel."""
    features, channels = weight.shape[:2]
    dense = np.zeros((features, channels * groups, *weight.shape[2:]), np.float32)
    each = features // groups
    for group in range(groups):
        rows = slice(group * each, (group + 1) * each)
        dense[rows, group * channels : (group + 1) * channels] = weight[rows]
    return dense


def dilated_kernel(weight: Float32, dilation: tuple[int, int]) -> Float32:
    """A kernel (O, C, KH, KW) with zeros between its cells."""
    down, across = dilation
    height, width = (1 + (side - 1) * step for side, step in zip(
        weight.shape[2:], dilation, strict=True
    ))  # fmt: skip
    dilated = np.zeros((*weight.shape[:2], height, width), np.float32)
    dilated[:, :, ::down, ::across] = weight
    return dilated


class PaddedWindows(NamedTuple):
    """The windows of a pooling layer of another toolkit; with ``partial``, also those past the edge
    (ceil mode)."""

    size: tuple[int, int]
    stride: tuple[int, int]
    pads: Pads = (0, 0, 0, 0)
    partial: bool = False


def pool_edge(shape: Shape, windows: PaddedWindows) -> str | None:
    """The edge of a pooling layer that has the windows of this padding: "drop" or "partial"; None
    if neither has. Only padding after the last row and column can be said."""
    if windows.pads[0] or windows.pads[1]:
        return None
    wanted = _window_counts(shape, windows)
    return None if wanted is None else _edge(shape, windows, wanted)


def zeros_for_pool(shape: Shape, windows: PaddedWindows) -> tuple[Pads, str] | None:
    """The zeros around a map, and the edge of a pooling layer behind them, that have the windows of
    this padding; None if there are none."""
    wanted, pads = _window_counts(shape, windows), windows.pads
    if wanted is None:
        return None
    for zeros in (pads, (pads[0], pads[1], 0, 0)):
        height, width = shape.height + zeros[0] + zeros[2], shape.width + zeros[1] + zeros[3]
        edge = _edge(Shape(shape.channels, height, width), windows, wanted)
        if edge is not None:
            return zeros, edge
    return None


def _window_counts(shape: Shape, windows: PaddedWindows) -> list[int] | None:
    """The windows along both axes; None if one of them has padding alone."""
    window, stride, pads, partial = windows
    counts = []
    for axis in (0, 1):
        size, before, after = shape[1 + axis], pads[axis], pads[2 + axis]
        steps = size + before + after - window[axis]
        if steps < 0 or before >= window[axis]:
            return None
        count = (-(-steps // stride[axis]) if partial else steps // stride[axis]) + 1
        if (count - 1) * stride[axis] >= size + before:
            if after:
                return None
            count -= 1  # no toolkit starts a window past the edge in ceil mode
        counts.append(count)
    return counts


def _edge(shape: Shape, windows: PaddedWindows, wanted: list[int]) -> str | None:
    """The edge of a pooling layer with so many windows along both axes."""
    axes = list(zip(shape[1:], windows.size, windows.stride, strict=True))
    for edge, along in (("drop", complete_windows), ("partial", partial_windows)):
        if wanted == [along(side, size, stride).count for side, size, stride in axes]:
            return edge
    return None


def rows_for_channels_first(weight: Float32, shape: Shape) -> Float32:
    """The weight (neurons, inputs) of a layer that reads values in the order row, column, channel,
    for the order channel, row, column."""
    channels, height, width = shape
    if height == width == 1:
        return weight
    cells = weight.reshape(len(weight), height, width, channels)
    return np.ascontiguousarray(cells.transpose(0, 3, 1, 2).reshape(weight.shape))


def is_own_epsilon(epsilon: float) -> bool:
    """Whether an epsilon is that of `Norm`; files hold it in single precision."""
    return bool(np.float32(epsilon) == np.float32(Norm.epsilon))


def for_epsilon(weight: Array, variance: Array, epsilon: float) -> dict[str, Float32]:
    """The weight and variance of a batch normalization with another epsilon, for that of `Norm`.

    The difference goes into the variance; where the variance would become negative, it is zero, and
    the rest goes into the weight.
    """
    if is_own_epsilon(epsilon):
        return {"weight": weight, "variance": variance}
    own = np.asarray(variance, np.float64) + epsilon
    moved = own - Norm.epsilon
    factor = np.where(moved < 0, np.sqrt(Norm.epsilon / np.where(own > 0, own, 1)), 1.0)
    return {
        "weight": np.asarray(weight * factor, np.float32),
        "variance": np.asarray(np.maximum(moved, 0), np.float32),
    }


def as_norm(factor: Array, shift: Array, channels: int) -> dict[str, Float32]:
    """The arrays of a norm layer that computes factor * x + shift."""
    full = np.ones(channels, np.float32)
    return {
        "weight": full * factor,
        "bias": full * shift,
        "mean": 0 * full,
        "variance": full - np.float32(Norm.epsilon),
    }
