"""Pictures in ONNX: raw pixels of any size as the input of a network, bit by bit as piecewise.

The input is uint8 (N, height, width, channels), with 1 channel or 3. The graph does what
`ImagePreprocessor.transform` does with decoded images of 8 bits.
"""

from __future__ import annotations

import numpy as np

from ...data.images.preprocessor import ImagePreprocessor
from .drawings import Background, InkBox, stretch_contrast
from .graph import BATCH, Graph, Value
from .resizing import Axis, framed
from .terms import Term, Terms

PIXELS = "pixels"
_GREY = (19_595.0, 38_470.0, 7_471.0)
"""The shares of red, green and blue in grey, of 65,536."""


def reads_pixels(preprocessor: ImagePreprocessor) -> bool:
    """Whether pictures can be preprocessed: piecewise reads grey and coloured ones."""
    return preprocessor.shape[0] in (1, 3)


def add_pictures(graph: Graph, preprocessor: ImagePreprocessor) -> Value:
    """Add the raw input, and the nodes from there to bytes (N, C, rows, columns)."""
    pixels = graph.input(PIXELS, np.uint8, (BATCH, "height", "width", "channels"))
    return _Pictures(Terms(graph, "picture"), preprocessor, pixels).cells().value


class _Pictures:
    """The nodes of one graph."""

    image: Term
    grey: Term

    def __init__(self, terms: Terms, preprocessor: ImagePreprocessor, pixels: Value) -> None:
        self.terms, self.preprocessor = terms, preprocessor
        self.channels, self.height, self.width = preprocessor.shape
        sides = terms.add("Shape", [pixels], (4,), np.int64).cast(np.float64)
        self.rows, self.columns = sides.take(1, 0), sides.take(2, 0)
        self.row_numbers = self._numbers(self.rows, "height")
        self.column_numbers = self._numbers(self.columns, "width")
        self.zero = terms.number(0.0)
        self._read(pixels)

    def cells(self) -> Term:
        """The bytes of the network's input."""
        own = self.preprocessor
        image = self.image
        resized = self._resized(image, self._padding(image))
        if own.background == "any":
            return resized.cast(np.uint8)
        is_other = (abs_difference(self.rows, self.height) > 0.0) | (
            abs_difference(self.columns, self.width) > 0.0
        )
        background = Background.of(self.terms, self.grey)
        is_redrawn = background.is_drawing(self.grey, own.least_plain) & is_other
        redrawn = self._redrawn(image, background)
        return self.terms.select(is_redrawn, redrawn, self._aligned(resized)).cast(np.uint8)

    def _read(self, pixels: Value) -> None:
        """The image as the network has it, and grey; float64 (N, C, H, W)."""
        terms = self.terms
        three = terms.add("Expand", [pixels, terms.whole([1, 1, 1, 3])],
                          (BATCH, "height", "width", 3), np.uint8)  # fmt: skip
        planes = terms.add("Transpose", [three.value], (BATCH, 3, "height", "width"), np.uint8,
                           perm=[0, 3, 1, 2]).cast(np.float64)  # fmt: skip
        if self.channels == 3:
            self.image = planes
        if self.channels == 1 or self.preprocessor.background != "any":
            shares = terms.number(np.array(_GREY).reshape(3, 1, 1))
            self.grey = (((planes * shares).sum([1]) + 32_768.0) / 65_536.0).floor()
        if self.channels == 1:
            self.image = self.grey

    def _numbers(self, count: Term, side: str) -> Term:
        """0, 1, 2 ... up to a side."""
        zero, one = (self.terms.number(float(number)).value for number in (0, 1))
        return self.terms.add("Range", [zero, count.value, one], (side,))

    def _padding(self, image: Term) -> Term:
        """What is added to a photo of other proportions."""
        own = self.preprocessor
        if own.resize != "pad" or own.padding == "black":
            return self.zero
        return Background.of(self.terms, image).colour()

    def _resized(self, image: Term, fill: Term) -> Term:
        """Resized as the preprocessor says."""
        make = {"pad": self._padded_axes, "crop": self._cropped_axes,
                "stretch": self._stretched_axes}[self.preprocessor.resize]  # fmt: skip
        down, across = make()
        return framed(self.terms, image, down, across, fill)

    def _stretched_axes(self) -> tuple[Axis, Axis]:
        down, across = (
            Axis(numbers, self.zero, size, self.zero, size, self.terms.number(float(frame)),
                 self.zero, frame)
            for numbers, size, frame in self._sides()
        )  # fmt: skip
        return down, across

    def _sides(self) -> tuple[tuple[Term, Term, int], tuple[Term, Term, int]]:
        return (
            (self.row_numbers, self.rows, self.height),
            (self.column_numbers, self.columns, self.width),
        )

    def _cropped_axes(self) -> tuple[Axis, Axis]:
        """The centre of the image; Pillow keeps its box in single precision."""
        axes = []
        sides = self._sides()
        for (numbers, own, side), (_, other, beside) in (sides, sides[::-1]):
            crop = own.at_most(other * float(side) / float(beside))
            left = (own - crop) / 2.0
            start, stop = left.cast(np.float32), (left + crop).cast(np.float32)
            length = self.terms.binary("Sub", stop, start, np.float32).cast(np.float64)
            axes.append(Axis(numbers, self.zero, own, start.cast(np.float64), length,
                             self.terms.number(float(side)), self.zero, side))  # fmt: skip
        return axes[0], axes[1]

    def _padded_axes(self) -> tuple[Axis, Axis]:
        return self._framed_axes(self.zero, self.zero, self.rows, self.columns, 0.0)

    def _framed_axes(
        self, top: Term, left: Term, rows: Term, columns: Term, margin: float
    ) -> tuple[Axis, Axis]:
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
            axes.append(Axis(numbers, first, size, self.zero, size, inner, offset, frame))
        return axes[0], axes[1]

    def _aligned(self, cells: Term) -> Term:
        """Drawings on the other background inverted; (N, C, rows, columns)."""
        own = self.preprocessor
        first = cells.take([0], 1)
        background = Background.of(self.terms, first)
        light = background.is_light()
        is_wrong = ~light if own.background == "light" else light
        is_wrong &= background.is_drawing(first, own.least_plain)
        return self.terms.select(is_wrong, 255.0 - cells, cells)

    def _redrawn(self, image: Term, background: Background) -> Term:
        """Drawings resized, with this background."""
        terms, own = self.terms, self.preprocessor
        light, paper = background.is_light(), background.level
        ink = terms.select(light, 255.0 - self.grey, self.grey)
        level = terms.select(light, ((510.0 - background.twice) / 2.0).floor(), paper)
        box = InkBox.of(ink, level, self.row_numbers, self.column_numbers)
        if own.framing == "ink":
            axes = self._framed_axes(box.top, box.left, box.height, box.width, own.margin)
            pixels = framed(terms, image, *axes, paper)
        else:
            pixels = self._resized(image, paper)
        lit = terms.select(light, 255.0 - pixels, pixels)
        stretched = stretch_contrast(terms, lit, terms.select(light, 255.0 - paper, paper))
        drawn = terms.select(box.has_ink, stretched, 0.0)
        return 255.0 - drawn if own.background == "light" else drawn


def abs_difference(side: Term, wanted: int) -> Term:
    """How far a side is from that of the network."""
    return (side - float(wanted)).abs()
