"""Resizing in ONNX, with the bits of Pillow: bilinear with antialiasing, in two passes.

Pillow weighs pixels by whole numbers of 22 fractional bits and rounds to bytes after each pass.
The weights are a matrix for each pass, computed in the graph from the sides of the image.
(Pillow: src/libImaging/Resample.c.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .expressions import Expression, Expressions

_BITS = 22


class ResizedAxis(NamedTuple):
    """What is resized along one axis: single numbers, or one for each image (N, 1, 1, 1)."""

    pixels: Expression
    """The numbers of all pixels of the image: 0, 1, 2 ..."""
    first: Expression
    """The pixel at which the part begins that is resized."""
    size: Expression
    """The pixels of that part."""
    start: Expression
    """Where the sampled interval begins, from ``first``."""
    length: Expression
    """The length of the sampled interval."""
    inner: Expression
    """The pixels that it becomes."""
    offset: Expression
    """Where they begin in the frame."""
    frame: int
    """The pixels of the frame."""

    def targets(self, make: Expressions, *, as_row: bool) -> Expression:
        """The numbers of the pixels of the frame, from ``offset``; (1, frame) or (frame, 1)."""
        numbers = np.arange(self.frame, dtype=np.float64)
        return make.number(numbers[None] if as_row else numbers[:, None]) - self.offset

    def is_inside(self, make: Expressions, *, as_row: bool) -> Expression:
        """Which pixels of the frame belong to the image."""
        target = self.targets(make, as_row=as_row)
        return (target >= 0.0) & (target < self.inner)


def framed(
    make: Expressions, image: Expression, down: ResizedAxis, across: ResizedAxis, fill: Expression
) -> Expression:
    """An image (N, C, H, W) resized into a frame that is filled with ``fill``."""
    columns = _weights(make, across, as_row=True)
    rows = _weights(make, down, as_row=False)
    fewer, narrower = down.size - down.inner, across.size - across.inner
    down_first = _pass(_pass(rows @ image) @ columns)
    across_first = _pass(rows @ _pass(image @ columns))
    # Pillow starts with the axis after which there is less left to do.
    is_down_first = (fewer > 0.0) & (fewer > narrower * 2.0)
    resized = make.select(is_down_first, down_first, across_first)
    inside = down.is_inside(make, as_row=False) & across.is_inside(make, as_row=True)
    return make.select(inside, resized, fill)


def _pass(sums: Expression) -> Expression:
    """Sums of weights and bytes as bytes."""
    half = float(1 << (_BITS - 1))
    return ((sums + half) / float(1 << _BITS)).floor().at_least(0.0).at_most(255.0)


def _weights(make: Expressions, axis: ResizedAxis, *, as_row: bool) -> Expression:
    """The weights: (pixels, frame) with targets as a row, else (frame, pixels)."""
    target = axis.targets(make, as_row=as_row)
    side = axis.pixels.dims[0]
    shape, dims = ([-1, 1], (side, 1)) if as_row else ([1, -1], (1, side))
    pixel = axis.pixels.reshape(shape, dims) - axis.first
    scale = axis.length / axis.inner
    support = scale.at_least(1.0)
    centre = (target + 0.5) * scale + axis.start
    low = (centre - support + 0.5).floor().at_least(0.0)
    high = (centre + support + 0.5).floor().at_most(axis.size)
    distance = ((pixel - centre + 0.5) * (1.0 / support)).abs()
    used = (pixel >= low) & (pixel < high)
    weight = make.select(used, (1.0 - distance).at_least(0.0), 0.0)
    total = weight.sum([len(weight.dims) - (2 if as_row else 1)]).at_least(2.0**-1000)
    return (weight / total * float(1 << _BITS) + 0.5).floor()
