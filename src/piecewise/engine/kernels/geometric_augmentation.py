"""Geometric augmentation: shift, scale, rotation, flip and stroke width, while images are packed
into lanes.

Each channel of a group is copied into frames: sixteen images one after the other, each with a
border of background. Every output pixel is then interpolated between four pixels of its frame,
gathered for all sixteen images at once. Stroke width is changed afterwards, on the packed images.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, factorial, pi

import numpy as np
import numpy.typing as npt

from ...core.rng import AUGMENTATION_DRAWS, derive_key
from ...spec.augmentation import BACKGROUND, Augmentation
from ...spec.layer_base import Shape
from ..ir.llvm_text import GROUP_BYTES, Function, splat, vector_of
from .input_packing import scale_bytes, to_float
from .threefry import example_keys, threefry

_INTS = "<16 x i32>"

# Word offsets of the parameters; the first two words are the key.
_RIGHT, _DOWN, _SMALLEST, _SPAN, _ROTATION, _STROKE_WIDTH, _FLIP, _BORDER_X, _BORDER_Y, _PASSES = (
    range(2, 12)
)


def geometry_parameters(
    augmentation: Augmentation, shape: Shape, ground: str, seed: int, epoch: int
) -> npt.NDArray[np.uint32]:
    """The kernel's parameters for an epoch: a key and the strength of each transformation."""
    words = np.zeros(12, np.uint32)
    words[:2] = derive_key(seed, AUGMENTATION_DRAWS, epoch)
    floats = words.view(np.float32)
    low, high = augmentation.scale
    down, right = augmentation.shift
    floats[_RIGHT], floats[_DOWN] = right * shape[2], down * shape[1]
    floats[_SMALLEST], floats[_SPAN] = low, high - low
    floats[_ROTATION] = augmentation.rotation / 90 if min(shape[1:]) > 1 else 0  # in quarters
    floats[_STROKE_WIDTH] = augmentation.stroke_width
    floats[_FLIP] = 0.5 * augmentation.horizontal_flip
    # How far outside the image a pixel may look.
    floats[_BORDER_X], floats[_BORDER_Y] = (
        ground != "any" and side > 1 for side in (shape[2], shape[1])
    )
    words[_PASSES] = ceil(augmentation.stroke_width)
    return words


def geometry_arguments() -> list[str]:
    """The declared arguments of the kernel of `augment_geometry`."""
    names = ("images", "byte_scaling", "parameters", "numbers", "frames", "output")
    return [f"ptr noalias %{name}" for name in names]


def frames_size(shape: Shape) -> int:
    """Bytes of sixteen framed images of one channel, in full vectors. The last gather may read up
    to a row and a pixel more, with weight zero."""
    return GROUP_BYTES * _blocks(shape)


def _frame(shape: Shape) -> int:
    """Pixels of an image with a border of one background pixel."""
    return (shape.height + 2) * (shape.width + 2)


def _blocks(shape: Shape) -> int:
    return _frame(shape) + -(-(shape.width + 3) // 16)


def augment_geometry(f: Function, shape: Shape, kind: str) -> None:
    """Write the kernel (images, byte_scaling, parameters, numbers, frames, output): `pack_input`
    with geometric augmentation. ``numbers`` are the image numbers, sixteen i64."""
    scaling = (
        [f.load_splat("%byte_scaling", offset) for offset in (0, 4, 8)] if kind == "i8" else []
    )
    drawn = _draws(f)
    sampler = _Sampler(f, shape, drawn)
    weight = f.op("fmul", _centered(f, drawn[4]), _parameter(f, _STROKE_WIDTH))
    passes = f.value(f"zext i32 {f.load('%parameters', 4 * _PASSES, 'i32')} to i64")
    plane = GROUP_BYTES * shape.height * shape.width
    size = shape.height * shape.width * (1 if kind == "i8" else 4)
    with f.loop("channels", shape.channels, {"out": ("%output", plane)}) as channel:
        with f.loop("blocks", _blocks(shape), {"out": ("%frames", GROUP_BYTES)}) as block:
            f.store(f.constant(BACKGROUND), block["out"])
        _frame_images(f, shape, kind, scaling, f.op("mul", channel.index, str(size), "i64"))
        sampler.sample(channel["out"])
        _stroke_width(f, shape, channel["out"], weight, passes)


def _parameter(f: Function, offset: int) -> str:
    return f.load_splat("%parameters", 4 * offset)


def _draws(f: Function) -> list[str]:
    """Six random numbers from [0, 1) for each image."""
    keys = example_keys(f, "%parameters", "%numbers")
    words: list[str] = []
    for counter in range(3):
        words += threefry(f, keys, splat(16, counter, "i32"), "zeroinitializer")
    drawn = [f.op("lshr", word, splat(16, 8, "i32"), _INTS) for word in words]
    floats = [f.value(f"sitofp {_INTS} {word} to {f.vector}") for word in drawn]
    return [f.op("fmul", value, f.constant(2.0**-24)) for value in floats]


def _centered(f: Function, drawn: str) -> str:
    """A random number from [0, 1) rescaled to [-1, 1)."""
    return f.fma(drawn, f.constant(2), f.constant(-1))


def _sine_cosine(f: Function, turn: str) -> tuple[str, str]:
    """Sine and cosine of an angle in quarter turns, from -2 to 2: rounded to a multiple of a
    quarter turn, and a Taylor series of the remainder."""
    nearest = f.nearest(turn)
    rest = f.op("fsub", turn, nearest)
    square = f.op("fmul", rest, rest)
    series_values = []
    for first in (1, 0):
        series = f.constant(_taylor(first + 10))
        for power in range(first + 8, -1, -2):
            series = f.fma(series, square, f.constant(_taylor(power)))
        series_values.append(series)
    sine, cosine = f.op("fmul", series_values[0], rest), series_values[1]
    quarter = f.value(f"fptosi {f.vector} {nearest} to {_INTS}")
    odd = _bit(f, quarter, 1)
    back = _bit(f, quarter, 2)  # sines of half a turn and more
    ahead = _bit(f, f.op("add", quarter, splat(16, 1, "i32"), _INTS), 2)
    return (
        _signed(f, back, f.select(odd, cosine, sine)),
        _signed(f, ahead, f.select(odd, sine, cosine)),
    )


def _taylor(power: int) -> float:
    """The Taylor coefficient of sine (odd) or cosine (even) of an angle in quarter turns."""
    return float((-1) ** (power // 2) * (pi / 2) ** power / factorial(power))


def _bit(f: Function, value: str, bit: int) -> str:
    masked = f.op("and", value, splat(16, bit, "i32"), _INTS)
    return f.value(f"icmp ne {_INTS} {masked}, zeroinitializer")


def _signed(f: Function, minus: str, value: str) -> str:
    return f.select(minus, f.value(f"fneg {f.vector} {value}"), value)


class _Sampler:
    """Computes the source coordinates of all pixels of sixteen images and interpolates there."""

    def __init__(self, f: Function, shape: Shape, drawn: Sequence[str]) -> None:
        self.f, self.shape = f, shape
        self.shift = [
            f.op("fmul", _centered(f, drawn[axis]), _parameter(f, offset))
            for axis, offset in ((0, _RIGHT), (1, _DOWN))
        ]
        scaling = f.fma(drawn[2], _parameter(f, _SPAN), _parameter(f, _SMALLEST))
        turned = _sine_cosine(f, f.op("fmul", _centered(f, drawn[3]), _parameter(f, _ROTATION)))
        sine, cosine = (f.op("fdiv", part, scaling) for part in turned)
        mirrored = f.value(f"fcmp olt {f.vector} {drawn[5]}, {_parameter(f, _FLIP)}")
        self.x_by_x, self.x_by_y = (_signed(f, mirrored, part) for part in (cosine, sine))
        self.y_by_x, self.y_by_y = f.value(f"fneg {f.vector} {sine}"), cosine
        self.bounds = [
            (f.op("fsub", f.constant(1), out), f.op("fadd", f.constant(side), out))
            for side, out in (
                (shape.width, _parameter(f, _BORDER_X)),
                (shape.height, _parameter(f, _BORDER_Y)),
            )
        ]
        starts = [lane * _frame(shape) for lane in range(16)]
        self.starts = f"<{', '.join(f'i32 {start}' for start in starts)}>"

    def sample(self, output: str) -> None:
        """Write all pixels of one channel."""
        f, shape = self.f, self.shape
        row_size = GROUP_BYTES * shape.width
        middle = [(side - 1) / 2 for side in (shape.width, shape.height)]
        first = [(f.vector, f.constant(-half)) for half in middle]
        with f.loop("rows", shape.height, {"out": (output, row_size)}, first[1:]) as row:
            y = f.op("fsub", row.carried[0], self.shift[1])
            from_x = f.fma(self.x_by_y, y, f.constant(middle[0] + 1))  # counted in the frame
            from_y = f.fma(self.y_by_y, y, f.constant(middle[1] + 1))
            with f.loop(
                "columns", shape.width, {"out": (row["out"], GROUP_BYTES)}, first[:1]
            ) as column:
                x = f.op("fsub", column.carried[0], self.shift[0])
                coordinates = f.fma(self.x_by_x, x, from_x), f.fma(self.y_by_x, x, from_y)
                f.store(self._between(*coordinates), column["out"])
                column.carried = [f.op("fadd", column.carried[0], f.constant(1))]
            row.carried = [f.op("fadd", row.carried[0], f.constant(1))]

    def _between(self, x: str, y: str) -> str:
        """Bilinear interpolation at these coordinates."""
        f, width = self.f, self.shape.width + 2
        left, across = self._cell(x, *self.bounds[0])
        top, along = self._cell(y, *self.bounds[1])
        cell = f.op("add", left, f.op("mul", top, splat(16, width, "i32"), _INTS), _INTS)
        cell = f.op("add", cell, self.starts, _INTS)
        corners = [self._gather(cell, step) for step in (0, 1, width, width + 1)]
        upper, lower = (f.fma(across, f.op("fsub", b, a), a) for a, b in (corners[:2], corners[2:]))
        return f.fma(along, f.op("fsub", lower, upper), upper)

    def _cell(self, coordinate: str, low: str, high: str) -> tuple[str, str]:
        """The pixel before a coordinate, clamped to bounds, and the fraction beyond it."""
        f = self.f
        coordinate = _smallest(f, _largest(f, coordinate, low), high)
        cell = f.value(f"fptosi {f.vector} {coordinate} to {_INTS}")
        return cell, f.op("fsub", coordinate, f.value(f"sitofp {_INTS} {cell} to {f.vector}"))

    def _gather(self, cell: str, step: int) -> str:
        f = self.f
        start = f.at("%frames", 4 * step)
        pointers = f.value(f"getelementptr float, ptr {start}, {_INTS} {cell}")
        everywhere = splat(16, 1, "i1")
        return f.value(
            f"call {f.vector} @llvm.masked.gather.v16f32.v16p0(<16 x ptr> align 4 {pointers}, "
            f"<16 x i1> {everywhere}, {f.vector} poison)"
        )


def _frame_images(f: Function, shape: Shape, kind: str, scaling: list[str], offset: str) -> None:
    """Copy one channel of the sixteen images, ``offset`` bytes into each, into the frames."""
    size, width = 1 if kind == "i8" else 4, shape.width
    inside = f.at("%frames", 4 * (width + 3))
    strided = {"image": ("%images", 8), "out": (inside, 4 * _frame(shape))}
    with f.loop("lanes", 16, strided) as lane:
        start = f.at(f.load(lane["image"], 0, "ptr"), offset)
        rows = {"in": (start, size * width), "out": (lane["out"], 4 * (width + 2))}
        with f.loop("rows", shape.height, rows) as row:
            lanes = 16 if width >= 16 else 1
            moves = {"in": (row["in"], size * lanes), "out": (row["out"], 4 * lanes)}
            with f.loop("blocks", width // lanes, moves) as block:
                _copy(f, block["in"], block["out"], kind, scaling, lanes)
            if width % lanes:  # some of them a second time
                last = width - lanes
                ends = f.at(row["in"], size * last), f.at(row["out"], 4 * last)
                _copy(f, *ends, kind, scaling, lanes)


def _copy(f: Function, source: str, out: str, kind: str, scaling: list[str], lanes: int) -> None:
    """Copy one or sixteen numbers of a row."""
    if lanes == 16:
        value = f.load(source, 0, vector_of(16, kind), align=1 if kind == "i8" else 4)
        if kind == "i8":
            value = f.value(f"uitofp <16 x i8> {value} to {f.vector}")
            value = scale_bytes(f, value, scaling)
        f.store(value, out, align=4)
        return
    value = to_float(f, f.load(source, 0, kind), kind)
    if kind == "i8":
        wide = scale_bytes(f, f.broadcast(value), scaling)
        value = f.value(f"extractelement {f.vector} {wide}, i64 0")
    f.store(value, out, 0, "float")


def _stroke_width(f: Function, shape: Shape, output: str, weight: str, passes: str) -> None:
    """Dilate or erode strokes in ``output`` [row][column][16], in place. The frames hold the
    maximum of three columns in between. Erosion is dilation of the negative image."""
    negative = f.value(f"fcmp olt {f.vector} {weight}, zeroinitializer")
    side = f.select(negative, f.constant(-1), f.constant(1))
    row_size = GROUP_BYTES * shape.width
    with f.loop("passes", passes, carried=[(f.vector, f.op("fmul", weight, side))]) as dilation:
        step = _smallest(f, _largest(f, dilation.carried[0], "zeroinitializer"), f.constant(1))
        rows = {"in": (output, row_size), "out": ("%frames", row_size)}
        with f.loop("rows", shape.height, rows) as row:
            _along_row(f, row["in"], row["out"], shape.width, side)
        with f.loop("rows", shape.height, {"out": (output, row_size)}) as row:
            _across_rows(f, shape, row.index, row["out"], step, side)
        dilation.carried = [f.op("fsub", dilation.carried[0], f.constant(1))]


def _along_row(f: Function, source: str, out: str, width: int, side: str) -> None:
    """The maximum of each cell of a row and its two neighbors."""
    first = f.op("fmul", f.load(source), side)
    strided = {"out": (out, GROUP_BYTES)}
    with f.loop("columns", width, strided, [(f.vector, first)] * 2) as column:
        after = f.at(source, _times(f, _beside(f, column.index, width)[1], GROUP_BYTES))
        before, here = column.carried
        following = f.op("fmul", f.load(after), side)
        f.store(_largest(f, _largest(f, before, here), following), column["out"])
        column.carried = [here, following]


def _across_rows(f: Function, shape: Shape, row: str, out: str, step: str, side: str) -> None:
    """Move each pixel by a fraction towards the maximum of three rows of the frames."""
    above, below = _beside(f, row, shape.height)
    strided = {
        name: (f.at("%frames", _times(f, index, GROUP_BYTES * shape.width)), GROUP_BYTES)
        for name, index in (("above", above), ("here", row), ("below", below))
    }
    with f.loop("columns", shape.width, {"out": (out, GROUP_BYTES)} | strided) as column:
        largest = f.load(column["above"])
        for name in ("here", "below"):
            largest = _largest(f, largest, f.load(column[name]))
        x = f.load(column["out"])
        difference = f.op("fsub", f.op("fmul", largest, side), x)
        f.store(f.fma(step, difference, x), column["out"])


def _beside(f: Function, index: str, count: int) -> tuple[str, str]:
    """The index before and the one after, clamped."""
    inside = f.op("icmp sgt", index, "0", "i64")
    before = f.value(f"select i1 {inside}, i64 {f.op('sub', index, '1', 'i64')}, i64 0")
    after = f.op("add", index, "1", "i64")
    inside = f.op("icmp slt", after, str(count), "i64")
    return before, f.value(f"select i1 {inside}, i64 {after}, i64 {count - 1}")


def _times(f: Function, index: str, size: int) -> str:
    return f.op("mul", index, str(size), "i64")


def _largest(f: Function, a: str, b: str) -> str:
    return f.select(f.value(f"fcmp ogt {f.vector} {a}, {b}"), a, b)


def _smallest(f: Function, a: str, b: str) -> str:
    return f.select(f.value(f"fcmp olt {f.vector} {a}, {b}"), a, b)
