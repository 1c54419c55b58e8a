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
from ..ir.llvm_text import GROUP_BYTES, Function, Loop, Module
from .transposition import ROWS_BYTES, store_rows, transpose

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


def transformed_upstream(f: Function, y: Sequence[str]) -> list[str]:
    """Four gradients of output cells -> six values: the transposed `transformed_sums`."""
    values = [y[0]]
    for point, square in ((_NEAR, _NEAR2), (_FAR, _FAR2)):
        even, odd = (f.fma(y[at + 2], f.constant(square), y[at]) for at in (0, 1))
        values += [f.fma(odd, f.constant(sign * point), even) for sign in (1, -1)]
    return [*values, y[3]]


def kernel_gradients(f: Function, u: Sequence[str]) -> list[str]:
    """Six sums -> the gradients of three kernel cells: the transposed `transformed_kernel`."""
    first, last = f.op("fmul", u[0], f.constant(1 / (_NEAR2 * _FAR2))), u[5]
    middle = ""
    for at, point, other in ((1, _NEAR, _FAR2), (3, _FAR, _NEAR2)):
        square = point * point
        scale = 1 / (2 * square * (square - other))
        even, odd = (f.op(operation, u[at], u[at + 1]) for operation in ("fadd", "fsub"))
        first = f.fma(even, f.constant(scale), first)
        last = f.fma(even, f.constant(square * scale), last)
        factor = f.constant(point * scale)
        middle = f.fma(odd, factor, middle) if middle else f.op("fmul", odd, factor)
    return [first, middle, last]


def transform_weights(weight: Array) -> Float32:
    """weight (F, C, 3, 3) -> (36, C, F), with the bits of `transform_weights_kernel`."""
    cells = np.moveaxis(weight.astype(np.float32), (2, 3), (0, 1))

    def transformed(three: Array) -> list[Array]:
        return transformed_kernel([*three], lambda x, y: x * np.float32(y), np.add, np.subtract)

    rows = transformed(cells)
    values = np.array([transformed(row) for row in rows], np.float32)
    return np.ascontiguousarray(values.reshape(POSITIONS, *weight.shape[:2]).swapaxes(1, 2))


WEIGHT_ARGUMENTS = (
    "weight lines output count:features count:channels count:first_cell count:cell "
    "count:feature_bytes count:block_bytes count:channel_bytes count:position"
)
_PARTS = 3 * WINDOW
"""Vectors of a kernel after the first half of the transform."""


def weight_lines_bytes(channels: int) -> int:
    """Bytes of the lines that `transform_weights_kernel` works on."""
    return GROUP_BYTES * (9 * channels + _PARTS) + ROWS_BYTES


def weight_numbers(features: int, channels: int, *, turned: bool) -> list[str]:
    """The integers that `transform_weights_kernel` takes for the output
    [36][block of sixteen features][channel][16], or, with kernels that are ``turned`` by 180
    degrees, as the input gradient needs them, [36][channel][feature]."""
    block = GROUP_BYTES * channels
    if turned:
        size = 4 * features
        numbers = (features, channels, 8 * GROUP_BYTES, -GROUP_BYTES, 4, 0, size, channels * size)
    else:
        blocks = -(-features // 16)
        numbers = (features, channels, 0, GROUP_BYTES, 0, block, GROUP_BYTES, blocks * block)
    return [f"i64 {number}" for number in numbers]


def transform_weights_kernel(f: Function, module: Module) -> None:
    """Write the kernel that transforms weights [feature][channel][3][3]. All sizes are arguments.
    ``first_cell`` and ``cell`` lead from one kernel cell to the next. Features and channels are at
    least 16."""
    numbers = f.op("mul", "%channels", "9", "i64")
    f.note("6x6 values of each of %features x %channels kernels")
    row_bytes = f.op("shl", numbers, "2", "i64")
    parts = f.at("%lines", f.op("mul", numbers, str(GROUP_BYTES), "i64"))
    rows = f.at(parts, GROUP_BYTES * _PARTS)
    blocks, text = sixteens(f, "%features"), "%features / 16 rounded up,"
    with f.loop("blocks", blocks, trip_count=text, remark="16 features at once") as block:
        feature = _start(f, block, "%features")
        pointers = [f.at("%weight", f.op("mul", feature, row_bytes, "i64"))]
        for _ in range(15):
            pointers.append(f.at(pointers[-1], row_bytes))
        store_rows(f, pointers, rows)
        count, text = sixteens(f, numbers), "9 x %channels / 16 rounded up,"
        with f.loop("weights", count, trip_count=text, remark="16 at once") as part:
            offset = f.op("shl", _start(f, part, numbers), "2", "i64")
            line = f.at("%lines", f.op("shl", offset, "4", "i64"))
            transpose(f, module, rows, offset, line)
        by_feature = f.op("mul", feature, "%feature_bytes", "i64")
        by_block = f.op("mul", block.index, "%block_bytes", "i64")
        out = f.at("%output", f.op("add", by_feature, by_block, "i64"))
        lines = f.at("%lines", "%first_cell")
        steps: dict[str, tuple[str, int | str]] = {
            "line": (lines, 9 * GROUP_BYTES), "out": (out, "%channel_bytes")
        }  # fmt: skip
        with f.loop("channels", "%channels", steps, at_least_once=True) as c:
            _transform_kernels(f, c["line"], parts, c["out"])


def _transform_kernels(f: Function, line: str, parts: str, out: str) -> None:
    """The values of sixteen kernels: along the rows, then along the columns."""
    column = f.op("mul", "%cell", "3", "i64")
    with f.loop("kx", 3, {"cell": (line, "%cell"), "part": (parts, GROUP_BYTES)}) as kx:
        pointers = [kx["cell"]]
        for _ in range(2):
            pointers.append(f.at(pointers[-1], column))
        values = _transformed_kernel(f, [f.load(pointer) for pointer in pointers])
        for number, value in enumerate(values):
            f.store(value, kx["part"], 3 * GROUP_BYTES * number)
    six = f.op("mul", "%position", str(WINDOW), "i64")
    with f.loop("rows", WINDOW, {"part": (parts, 3 * GROUP_BYTES), "out": (out, six)}) as row:
        values = _transformed_kernel(f, [f.load(row["part"], GROUP_BYTES * x) for x in range(3)])
        f.note("store 6 values for each of the 16 features")
        pointer = row["out"]
        for at, value in enumerate(values):
            pointer = f.at(pointer, "%position") if at else pointer
            f.store(value, pointer, align=4)


def _transformed_kernel(f: Function, three: Sequence[str]) -> list[str]:
    """Three kernel cells -> six values."""
    return transformed_kernel(
        three,
        lambda x, y: f.op("fmul", x, f.constant(y)),
        lambda x, y: f.op("fadd", x, y),
        lambda x, y: f.op("fsub", x, y),
    )


def sixteens(f: Function, count: str) -> str:
    """How many times sixteen is needed for a count."""
    return f.op("lshr", f.op("add", count, "15", "i64"), "4", "i64")


def _start(f: Function, loop: Loop, count: str) -> str:
    """The start of a loop's sixteen among ``count``; the last sixteen may overlap those before."""
    start, last = f.op("shl", loop.index, "4", "i64"), f.op("sub", count, "16", "i64")
    complete = f.op("icmp slt", start, last, "i64")
    return f.value(f"select i1 {complete}, i64 {start}, i64 {last}")
