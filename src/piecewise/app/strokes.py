"""Drawings: strokes of a pen to a picture, and back from the file of a drawing.

The same strokes give the same pixels on every machine: the page sends strokes, and the picture is
drawn here. A stroke is a line of constant width with round ends. It is black on white paper, with
antialiased edges.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, PngImagePlugin

from ..core.array_types import Float64, Uint8
from ..core.constraints import Real, checked
from ..core.errors import DataError, shown

SIDE = 112
"""Rows and columns of a drawing, in pixels."""
MAX_STROKES, MAX_POINTS = 1_000, 20_000
"""Strokes of a drawing, and points of all its strokes."""
WIDTH = Real(1, 30)
"""The width of a stroke, in pixels."""
_KEY = "piecewise-strokes"


class Drawing(NamedTuple):
    """Strokes, each an array (n, 2) of x and y in pixels, and their width."""

    strokes: list[Float64]
    width: float


def checked_drawing(strokes: object, width: object) -> Drawing:
    """A drawing from the values of a request; DataError if they are none."""
    line: float = checked("width", WIDTH, width)
    if not isinstance(strokes, list) or not 1 <= len(strokes) <= MAX_STROKES:
        raise DataError(f"strokes: got {shown(strokes)}, wanted a list of 1 to {MAX_STROKES:,}")
    if sum(len(one) if isinstance(one, list) else 1 for one in strokes) > MAX_POINTS:
        raise DataError(f"strokes: wanted at most {MAX_POINTS:,} points in all")
    return Drawing([_points(one) for one in strokes], line)


def _points(stroke: object) -> Float64:
    """The points of one stroke, rounded to hundredths of a pixel; DataError."""
    wanted = "points [x, y] of numbers"
    if not isinstance(stroke, list) or not stroke:
        raise DataError(f"strokes: got {shown(stroke)}, wanted {wanted}")
    for point in stroke:
        is_pair = isinstance(point, list) and len(point) == 2
        if not is_pair or not all(type(one) in (int, float) for one in point):
            raise DataError(f"strokes: got {shown(point)}, wanted {wanted}")
    points = np.array(stroke, np.float64)
    if not np.isfinite(points).all() or np.abs(points).max() > 100 * SIDE:
        raise DataError(f"strokes: got {shown(stroke)}, wanted points near the picture")
    return np.asarray(np.round(points * 100) / 100)


def draw(drawing: Drawing, side: int = SIDE) -> Uint8:
    """The picture (side, side) of a drawing: black lines on white paper.

    A pixel is as dark as the line covers it, measured by the distance of its centre from the line,
    so that an edge is one pixel wide.
    """
    ink = np.zeros((side, side))
    for stroke in drawing.strokes:
        starts, ends = (stroke[:-1], stroke[1:]) if len(stroke) > 1 else (stroke, stroke)
        for start, end in zip(starts, ends, strict=True):
            _add_line(ink, start, end, drawing.width / 2)
    return np.asarray(255 - np.rint(255 * ink), np.uint8)


def _add_line(ink: Float64, start: Float64, end: Float64, radius: float) -> None:
    """Draw one line with round ends on ``ink`` (rows, columns), from 0 to 1."""
    reach = radius + 1
    low = np.floor(np.minimum(start, end) - reach).astype(int).clip(0, len(ink))
    high = np.ceil(np.maximum(start, end) + reach).astype(int).clip(0, len(ink))
    if (low >= high).any():
        return
    x = np.arange(low[0], high[0]) + 0.5 - start[0]
    y = (np.arange(low[1], high[1]) + 0.5 - start[1])[:, None]
    along_x, along_y = end - start
    length = along_x * along_x + along_y * along_y
    part = np.clip((x * along_x + y * along_y) / (length or 1.0), 0, 1)
    away_x, away_y = x - part * along_x, y - part * along_y
    distance = np.sqrt(away_x * away_x + away_y * away_y)
    box = ink[low[1] : high[1], low[0] : high[0]]
    np.maximum(box, np.clip(radius + 0.5 - distance, 0, 1), out=box)


def to_png(drawing: Drawing) -> bytes:
    """The file of a drawing: a grey PNG with the strokes in a text chunk."""
    values = {"strokes": [stroke.tolist() for stroke in drawing.strokes], "width": drawing.width}
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt(_KEY, json.dumps(values, separators=(",", ":")), zip=True)
    content = io.BytesIO()
    Image.fromarray(draw(drawing)).save(content, "PNG", pnginfo=chunks)
    return content.getvalue()


def from_png(content: bytes) -> Drawing | None:
    """The drawing of a file that `to_png` made; None for any other file."""
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            image.load()
            text = image.info.get(_KEY)
        values = json.loads(text) if isinstance(text, str) else None
        return checked_drawing(values["strokes"], values["width"]) if values else None
    except (OSError, ValueError, SyntaxError, KeyError, TypeError, RecursionError):
        return None


def scaled_strokes(strokes: Sequence[Sequence[Sequence[float]]], side: int = SIDE) -> list[Float64]:
    """Strokes with coordinates from 0 to 1 in pixels, with a margin of an eighth of the side."""
    margin = side / 8
    return [margin + np.asarray(stroke) * (side - 2 * margin) for stroke in strokes]
