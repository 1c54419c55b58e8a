"""Pictures in ONNX: raw pixels of any size as the input of a network, with the bits of piecewise.

The input is uint8 (N, height, width, channels), with 1 channel or 3. The graph does what
`ImagePreprocessor.transform` does with decoded images of 8 bits.
"""

from __future__ import annotations

import numpy as np

from ...data.images.preprocessor import ImagePreprocessor
from .drawings import Background, InkBox, stretch_contrast
from .expressions import Expression, Expressions
from .graph import BATCH, Graph, Value
from .resizing import ResizedAxis, framed

PIXELS = "pixels"
_GREY = (19_595.0, 38_470.0, 7_471.0)
"""The shares of red, green and blue in grey, of 65,536."""


def reads_pixels(preprocessor: ImagePreprocessor) -> bool:
    """Whether pictures can be preprocessed: piecewise reads grey and coloured ones."""
    return preprocessor.shape[0] in (1, 3)


def add_pictures(graph: Graph, preprocessor: ImagePreprocessor) -> Value:
    """Add the raw input, and the nodes from there to bytes (N, C, rows, columns)."""
    pixels = graph.input(PIXELS, np.uint8, (BATCH, "height", "width", "channels"))
    return _Pictures(Expressions(graph, "picture"), preprocessor, pixels).cells().value


class _Pictures:
    """The nodes of one graph."""

    image: Expression
    grey: Expression

    def __init__(self, make: Expressions, preprocessor: ImagePreprocessor, pixels: Value) -> None:
        self.make, self.preprocessor = make, preprocessor
        self.channels, self.height, self.width = preprocessor.shape
        sides = make.add("Shape", [pixels], (4,), np.int64).cast(np.float64)
        self.rows, self.columns = sides.take(1, 0), sides.take(2, 0)
        self.row_numbers = self._numbers(self.rows, "height")
        self.column_numbers = self._numbers(self.columns, "width")
        self.zero = make.number(0.0)
        self._read(pixels)

    def cells(self) -> Expression:
        """The bytes of the network's input."""
        own = self.preprocessor
        image = self.image
        resized = self._resized(image, self._padding(image))
        if own.background == "any":
            return resized.cast(np.uint8)
        is_other = (abs_difference(self.rows, self.height) > 0.0) | (
            abs_difference(self.columns, self.width) > 0.0
        )
        background = Background.of(self.make, self.grey)
        is_redrawn = background.is_drawing(self.grey, own.least_plain) & is_other
        redrawn = self._redrawn(image, background)
        return self.make.select(is_redrawn, redrawn, self._aligned(resized)).cast(np.uint8)

    def _read(self, pixels: Value) -> None:
        """The image as the network has it, and grey; float64 (N, C, H, W)."""
        make = self.make
        three = make.add("Expand", [pixels, make.whole([1, 1, 1, 3])],
                          (BATCH, "height", "width", 3), np.uint8)  # fmt: skip
        planes = make.add("Transpose", [three.value], (BATCH, 3, "height", "width"), np.uint8,
                           perm=[0, 3, 1, 2]).cast(np.float64)  # fmt: skip
        if self.channels == 3:
            self.image = planes
        if self.channels == 1 or self.preprocessor.background != "any":
            shares = make.number(np.array(_GREY).reshape(3, 1, 1))
            self.grey = (((planes * shares).sum([1]) + 32_768.0) / 65_536.0).floor()
        if self.channels == 1:
            self.image = self.grey

    def _numbers(self, count: Expression, side: str) -> Expression:
        """0, 1, 2 ... up to a side."""
        zero, one = (self.make.number(float(number)).value for number in (0, 1))
        return self.make.add("Range", [zero, count.value, one], (side,))

    def _padding(self, image: Expression) -> Expression:
        """The border that is added to a photo with another aspect ratio."""
        own = self.preprocessor
        if own.resize != "pad" or own.padding == "black":
            return self.zero
        return Background.of(self.make, image).colour()

    def _resized(self, image: Expression, fill: Expression) -> Expression:
        """Resized as the preprocessor says."""
        axes_of = {"pad": self._padded_axes, "crop": self._cropped_axes,
                "stretch": self._stretched_axes}[self.preprocessor.resize]  # fmt: skip
        down, across = axes_of()
        return framed(self.make, image, down, across, fill)

    def _stretched_axes(self) -> tuple[ResizedAxis, ResizedAxis]:
        down, across = (
            ResizedAxis(numbers, self.zero, size, self.zero, size, self.make.number(float(frame)),
                 self.zero, frame)
            for numbers, size, frame in self._sides()
        )  # fmt: skip
        return down, across

    def _sides(
        self,
    ) -> tuple[tuple[Expression, Expression, int], tuple[Expression, Expression, int]]:
        return (
            (self.row_numbers, self.rows, self.height),
            (self.column_numbers, self.columns, self.width),
        )

    def _cropped_axes(self) -> tuple[ResizedAxis, ResizedAxis]:
        """The centre of the image; Pillow keeps its box in single precision."""
        axes = []
        sides = self._sides()
        for (numbers, own, side), (_, other, beside) in (sides, sides[::-1]):
            crop = own.at_most(other * float(side) / float(beside))
            left = (own - crop) / 2.0
            start, stop = left.cast(np.float32), (left + crop).cast(np.float32)
            length = self.make.binary("Sub", stop, start, np.float32).cast(np.float64)
            axes.append(ResizedAxis(numbers, self.zero, own, start.cast(np.float64), length,
                             self.make.number(float(side)), self.zero, side))  # fmt: skip
        return axes[0], axes[1]

    def _padded_axes(self) -> tuple[ResizedAxis, ResizedAxis]:
        return self._framed_axes(self.zero, self.zero, self.rows, self.columns, 0.0)

    def _framed_axes(
        self,
        top: Expression,
        left: Expression,
        rows: Expression,
        columns: Expression,
        margin: float,
    ) -> tuple[ResizedAxis, ResizedAxis]:
        """A part of the image, as large as fits into the frame with a margin, in the middle."""
        room = [side * (1 - 2 * margin) for side in (self.width, self.height)]
        factor = (room[0] / columns).at_most(room[1] / rows)
        axes = []
        for numbers, first, size, frame in (
            (self.row_numbers, top, rows, self.height),
            (self.column_numbers, left, columns, self.width),
        ):
            inner = (size * factor).round().at_least(1.0)
            offset = ((float(frame) - inner) / 2.0).floor()
            axes.append(ResizedAxis(numbers, first, size, self.zero, size, inner, offset, frame))
        return axes[0], axes[1]

    def _aligned(self, cells: Expression) -> Expression:
        """Drawings on the other background inverted; (N, C, rows, columns)."""
        own = self.preprocessor
        first = cells.take([0], 1)
        background = Background.of(self.make, first)
        light = background.is_light()
        is_wrong = ~light if own.background == "light" else light
        is_wrong &= background.is_drawing(first, own.least_plain)
        return self.make.select(is_wrong, 255.0 - cells, cells)

    def _redrawn(self, image: Expression, background: Background) -> Expression:
        """Drawings resized, with this background."""
        make, own = self.make, self.preprocessor
        light, paper = background.is_light(), background.level
        ink = make.select(light, 255.0 - self.grey, self.grey)
        level = make.select(light, ((510.0 - background.twice) / 2.0).floor(), paper)
        box = InkBox.of(ink, level, self.row_numbers, self.column_numbers)
        if own.framing == "ink":
            axes = self._framed_axes(box.top, box.left, box.height, box.width, own.margin)
            pixels = framed(make, image, *axes, paper)
        else:
            pixels = self._resized(image, paper)
        lit = make.select(light, 255.0 - pixels, pixels)
        stretched = stretch_contrast(make, lit, make.select(light, 255.0 - paper, paper))
        drawn = make.select(box.has_ink, stretched, 0.0)
        return 255.0 - drawn if own.background == "light" else drawn


def abs_difference(side: Expression, wanted: int) -> Expression:
    """How far a side is from that of the network."""
    return (side - float(wanted)).abs()
