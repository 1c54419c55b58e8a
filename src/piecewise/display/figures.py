"""Figures of lines, bars and words, as SVG for pages and as PNG for everything else."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple

SOFTWARE = "piecewise"
"""What a PNG says about the program that has drawn it."""
_SAMPLES = 2
"""Points of a PNG, across and down, that are averaged to one: so lines have no steps."""
_FONT_SIZE, _BASELINE = 12, 4
"""The size of words, and how far their middle is above the place that they are given."""


class Stroke(NamedTuple):
    """A line through points; ``kind`` is its class in SVG and its style in PNG."""

    kind: str
    points: Sequence[tuple[float, float]]
    title: str = ""


class Bar(NamedTuple):
    """A filled rectangle."""

    kind: str
    x: float
    y: float
    width: float
    height: float


class Words(NamedTuple):
    """A line of text; ``anchor`` (start, middle or end) is what lies at ``x``."""

    x: float
    y: float
    text: str
    anchor: str = "start"


class Style(NamedTuple):
    """The colour and the width of a kind of stroke in PNG."""

    colour: str
    width: float = 1.5


class Figure(NamedTuple):
    """Shapes on a plane, y downwards; later ones cover earlier ones."""

    width: int
    height: int
    shapes: Sequence[Stroke | Bar | Words]


def figure_svg(figure: Figure, label: str) -> str:
    """The figure as an <svg>, whose style sheet knows the kinds; all text is escaped."""
    size = f"0 0 {figure.width} {figure.height}"
    shapes = "".join(map(_svg, figure.shapes))
    return f'<svg viewBox="{size}" role="img" aria-label="{escape(label)}">{shapes}</svg>'


def _svg(shape: Stroke | Bar | Words) -> str:
    match shape:
        case Stroke(kind, points, title):
            joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            inner = f"<title>{escape(title)}</title>" if title else ""
            return f'<polyline class="{escape(kind)}" points="{joined}">{inner}</polyline>'
        case Bar(kind, x, y, width, height):
            return (f'<rect class="{escape(kind)}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                    f'height="{height:.1f}"/>')  # fmt: skip
        case Words(x, y, text, anchor):
            return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def figure_png(figures: Iterable[Figure], styles: Mapping[str, Style]) -> bytes:
    """Figures below each other as a PNG file, black on white."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - whoever draws nothing needs it not
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415

    every = list(figures)
    width, height = max(one.width for one in every), sum(one.height for one in every)
    scale = 2 * _SAMPLES  # twice as many points as in SVG, for screens with small points
    sheet = Image.new("RGB", (scale * width, scale * height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(scale * _FONT_SIZE)
    anchors, top = {"start": "lm", "middle": "mm", "end": "rm"}, 0
    for figure in every:
        for shape in figure.shapes:
            match shape:
                case Stroke(kind, points, _):
                    style = styles[kind]
                    flat = [(scale * x, scale * (top + y)) for x, y in points]
                    pen.line(flat, style.colour, round(scale * style.width), joint="curve")
                case Bar(kind, x, y, across, down):
                    corner = scale * (x + across), scale * (top + y + down)
                    pen.rectangle((scale * x, scale * (top + y), *corner), styles[kind].colour)
                case Words(x, y, text, anchor):
                    place = scale * x, scale * (top + y - _BASELINE)
                    pen.text(place, text, "black", font, anchors[anchor])
        top += figure.height
    info, file = PngInfo(), io.BytesIO()
    info.add_text("Software", SOFTWARE)
    sheet.reduce(_SAMPLES).save(file, "PNG", pnginfo=info, optimize=True)
    return file.getvalue()
