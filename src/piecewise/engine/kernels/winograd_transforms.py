"""The transforms of Winograd's convolution F(4x4, 3x3) (Lavin and Gray, 2016), which takes fewer
multiplications for 3x3 kernels.

A tile of 4x4 output cells depends on 6x6 source cells. Kernel and source cells are both transformed
to 6x6 values: the values of polynomials at six points. At each of these 36 positions, the product
is then a sum over the channels alone, and a transform of the 36 sums gives the 16 output cells.
Per channel, a tile takes 36 multiplications instead of 144.

The points are 0, 3/4, -3/4, 3/2, -3/2 and infinity. In float32, their rounding error is half of
that of the usual points 0, 1, -1, 2, -2. All transforms work lane by lane, so the same operations
in the same order run for vectors of examples and for vectors of channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.array_types import Array, Float32
from ..ir.llvm_text import Function, Loop

TILE, WINDOW, POSITIONS = 4, 6, 36
"""The output cells of a tile along one axis, its source cells, and its transformed values."""
_NEAR, _FAR = 0.75, 1.5
"""The points, besides 0 and infinity, without their signs."""
_NEAR2, _FAR2 = _NEAR**2, _FAR**2


def transformed_kernel(
    cells: Sequence[Any],
    multiply: Callable[[Any, float], Any],
    add: Callable[[Any, Any], Any],
    subtract: Callable[[Any, Any], Any],
) -> list[Any]:
    """Three kernel cells -> six values: the kernel's polynomial at the points, divided by the
    product of the point's distances from the others. Products and sums are rounded separately, so
    that NumPy and machine code give the same bits."""
    first, second, third = cells
    values = [multiply(first, 1 / (_NEAR2 * _FAR2))]
    for point, other in ((_NEAR, _FAR2), (_FAR, _NEAR2)):
        square = point * point
        scale = 1 / (2 * square * (square - other))
        even = add(multiply(first, scale), multiply(third, square * scale))
        odd = multiply(second, point * scale)
        values += [add(even, odd), subtract(even, odd)]
    return [*values, third]


def transformed_source(f: Function, d: Sequence[str]) -> list[str]:
    """Six source cells -> six values."""
    total, product = f.constant(-(_NEAR2 + _FAR2)), f.constant(_NEAR2 * _FAR2)
    values = [f.fma(d[0], product, f.fma(d[2], total, d[4]))]
    for point, other in ((_NEAR, _FAR2), (_FAR, _NEAR2)):
        even = f.fma(d[2], f.constant(-other), d[4])
        odd = f.fma(d[1], f.constant(-other), d[3])
        values += [f.fma(odd, f.constant(sign * point), even) for sign in (1, -1)]
    return [*values, f.fma(d[1], product, f.fma(d[3], total, d[5]))]


def transformed_sums(f: Function, m: Sequence[str]) -> list[str]:
    """Six sums -> four output cells."""
    (near_sum, near_difference), (far_sum, far_difference) = (
        (f.op("fadd", m[at], m[at + 1]), f.op("fsub", m[at], m[at + 1])) for at in (1, 3)
    )
    last = f.fma(near_difference, f.constant(_NEAR**3), m[5])
    return [
        f.op("fadd", f.op("fadd", m[0], near_sum), far_sum),
        f.fma(
            far_difference,
            f.constant(_FAR),
            f.op("fmul", near_difference, f.constant(_NEAR)),
        ),
        f.fma(far_sum, f.constant(_FAR2), f.op("fmul", near_sum, f.constant(_NEAR2))),
        f.fma(far_difference, f.constant(_FAR**3), last),
    ]


def transform_weights(weight: Array) -> Float32:
    """weight (F, C, 3, 3) -> (36, C, F), with the bits of `transform_weights_kernel`."""
    cells = np.moveaxis(weight.astype(np.float32), (2, 3), (0, 1))

    def transformed(three: Array) -> list[Array]:
        return transformed_kernel([*three], lambda x, y: x * np.float32(y), np.add, np.subtract)

    rows = transformed(cells)
    values = np.array([transformed(row) for row in rows], np.float32)
    return np.ascontiguousarray(values.reshape(POSITIONS, *weight.shape[:2]).swapaxes(1, 2))


def transform_weights_kernel(f: Function, features: int, channels: int, *, turned: bool) -> None:
    """Write the kernel (weight, lines, output): weights [feature][channel][3][3] -> [36][block of
    sixteen features][channel][16]. If they are ``turned``, as the input gradient needs them, the
    kernels are rotated by 180 degrees, and the output is [36][channel][feature]. Both counts are
    at least 16."""
    numbers, blocks = 9 * channels, -(-features // 16)
    rotated = ", rotated by 180 degrees" * turned
    f.note(f"6x6 values of each of {features} x {channels} kernels{rotated}")
    with f.loop("blocks", blocks, remark="16 features at once") as block:
        feature = _start(f, block, features)
        size = f.op("mul", feature, str(4 * numbers), "i64")
        rows = f.at("%weight", size)
        with f.loop("weights", -(-numbers // 16), remark="16 at once") as part:
            offset = f.op("shl", _start(f, part, numbers), "2", "i64")
            pointers = [f.at(f.at(rows, 4 * numbers * row), offset) for row in range(16)]
            line = f.at("%lines", f.op("shl", offset, "4", "i64"))
            for at, vector in enumerate(f.transpose([f.load(row, align=4) for row in pointers])):
                f.store(vector, line, 64 * at)
        steps = {"line": ("%lines", 9 * 64)}
        position = 64 * blocks * channels
        if turned:
            steps["out"] = (f.at("%output", f.op("shl", feature, "2", "i64")), 4 * features)
            position = 4 * features * channels
        else:
            offset = f.op("mul", block.index, str(64 * channels), "i64")
            steps["out"] = (f.at("%output", offset), 64)
        with f.loop("channels", channels, steps) as c:
            cells = [f.load(c["line"], 64 * at) for at in range(9)]
            cells = cells[::-1] if turned else cells
            f.note("store 36 values for each of the 16 features")
            for at, value in enumerate(_transformed_kernels(f, cells)):
                f.store(value, c["out"], position * at, align=4 if turned else 64)


def _start(f: Function, loop: Loop, count: int) -> str:
    """The start of a loop's sixteen among ``count``; the last sixteen may overlap those before."""
    start = f.op("shl", loop.index, "4", "i64")
    complete = f.op("icmp slt", start, str(count - 16), "i64")
    return f.value(f"select i1 {complete}, i64 {start}, i64 {count - 16}")


def _transformed_kernels(f: Function, cells: Sequence[str]) -> list[str]:
    """3x3 cells -> 6x6 values."""

    def transformed(three: Sequence[str]) -> list[str]:
        return transformed_kernel(
            three,
            lambda x, y: f.op("fmul", x, f.constant(y)),
            lambda x, y: f.op("fadd", x, y),
            lambda x, y: f.op("fsub", x, y),
        )

    columns = [transformed(cells[x::3]) for x in range(3)]
    rows = [[column[y] for column in columns] for y in range(WINDOW)]
    return [value for row in rows for value in transformed(row)]
