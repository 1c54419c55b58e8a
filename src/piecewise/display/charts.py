"""Line charts as SVG, and bar charts as text, for pages, notebooks and terminals.

Text and axes have the colour of the surrounding text, so that a chart is readable in light and dark
themes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

ORANGE, BLUE, GREY = "#c85000", "#2a6fd6", "#888888"
_WIDTH, _HEIGHT = 440, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 40, 40  # margins around the plot area
_BLOCKS = " ▁▂▃▄▅▆▇█"


class Line(NamedTuple):
    """A polyline with a label. A ``dashed`` line does not extend the axes and is clipped."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    colour: str = ORANGE
    dashed: bool = False


class Mark(NamedTuple):
    """A point of a chart, with its label."""

    label: str
    x: float
    y: float


def chart_svg(
    title: str, x_title: str, y_title: str, lines: Sequence[Line], mark: Mark | None = None
) -> str:
    """Lines as an inline <svg>, y upwards. Lines have gaps at points that are not finite. All text
    is escaped."""
    solid = [line for line in lines if not line.dashed]
    plane = _Plane(
        _span([x for line in solid for x in line.xs]), _span([y for line in solid for y in line.ys])
    )
    name = escape(title)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{name}" '
        'style="max-width:100%;font:11px sans-serif" fill="currentColor">',
        f'<title>{name}</title><text x="{_LEFT}" y="12" font-weight="bold">{name}</text>',
        *plane.axes(x_title, y_title),
        f'<svg x="{_LEFT}" y="{_TOP}" width="{plane.width}" height="{plane.height}" '
        'overflow="hidden">',
        *(plane.line(line) for line in lines),
        "</svg>",
        plane.mark(mark) if mark else "",
        _legend(lines),
        "</svg>",
    ]
    return "".join(parts)


def bars(heights: Sequence[float], rows: int = 8) -> list[str]:
    """Values as columns of block characters, one character wide; rows from top to bottom.

    The smallest value is an eighth of a row high. A value that is not finite is an empty column.
    """
    low, high = _span(heights)
    tall = [
        1 + round((one - low) / (high - low) * (8 * rows - 1)) if math.isfinite(one) else 0
        for one in heights
    ]
    return [
        "".join(_BLOCKS[min(8, max(0, one - 8 * row))] for one in tall).rstrip()
        for row in reversed(range(rows))
    ]


class _Plane:
    """The plot area: converts coordinates and draws lines, marks and axes."""

    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def __init__(self, x_span: tuple[float, float], y_span: tuple[float, float]) -> None:
        self._x, self._y = x_span, y_span

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The position of a point in pixels, from the upper left corner of the plot area."""
        (left, right), (low, high) = self._x, self._y
        return (
            (x - left) / (right - left) * self.width,
            (high - y) / (high - low) * self.height,
        )

    def line(self, line: Line) -> str:
        pieces, pen = [], "M"
        for x, y in zip(line.xs, line.ys, strict=True):
            if not (math.isfinite(x) and math.isfinite(y)):
                pen = "M"
                continue
            across, down = self.at(x, y)
            dot = "h0" if pen == "M" else ""  # shows a single point between gaps
            pieces.append(f"{pen}{across:.2f} {down:.2f}{dot}")
            pen = "L"
        dashes = ' stroke-dasharray="5 4"' if line.dashed else ""
        return (
            f'<path d="{"".join(pieces)}" fill="none" stroke="{escape(line.colour)}" '
            f'stroke-width="2" stroke-linecap="round" stroke-linejoin="round"{dashes}/>'
        )

    def mark(self, mark: Mark) -> str:
        if not (math.isfinite(mark.x) and math.isfinite(mark.y)):
            return ""
        across, down = self.at(mark.x, mark.y)
        across, down = across + _LEFT, down + _TOP
        end = _TOP + self.height
        anchor = "start" if across < _WIDTH * 2 / 3 else "end"
        aside = 7 if anchor == "start" else -7
        return (
            f'<path d="M{across:.2f} {down:.2f}V{end}" stroke="currentColor" '
            'stroke-dasharray="2 3"/>'
            f'<circle cx="{across:.2f}" cy="{down:.2f}" r="4.5" stroke="currentColor" '
            f'fill="{ORANGE}"><title>{escape(mark.label)}</title></circle>'
            f'<text x="{across + aside:.2f}" y="{max(_TOP + 9, down - 7):.2f}" '
            f'text-anchor="{anchor}">{escape(mark.label)}</text>'
        )

    def axes(self, x_title: str, y_title: str) -> list[str]:
        """The two axes, with ticks at round numbers."""
        end = _TOP + self.height
        parts = [
            f'<path d="M{_LEFT} {_TOP}V{end}H{_WIDTH - _RIGHT}" fill="none" '
            'stroke="currentColor" stroke-opacity=".6"/>'
        ]
        for x in ticks(*self._x):
            across = _LEFT + self.at(x, 0)[0]
            parts.append(
                f'<path d="M{across:.2f} {end}v4" stroke="currentColor"/>'
                f'<text x="{across:.2f}" y="{end + 15}" text-anchor="middle">{x:.6g}</text>'
            )
        for y in ticks(*self._y):
            down = _TOP + self.at(0, y)[1]
            parts.append(
                f'<path d="M{_LEFT} {down:.2f}h-4" stroke="currentColor"/>'
                f'<text x="{_LEFT - 7}" y="{down + 4:.2f}" text-anchor="end">{y:.6g}</text>'
            )
        middle = _LEFT + self.width / 2
        return [
            *parts,
            f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(x_title)}</text>',
            f'<text x="12" y="{_TOP + self.height / 2}" text-anchor="middle" '
            f'transform="rotate(-90 12 {_TOP + self.height / 2})">{escape(y_title)}</text>',
        ]


def _legend(lines: Sequence[Line]) -> str:
    """The labels and colours of the lines, if there is more than one."""
    if len(lines) < 2:
        return ""
    names = "".join(
        f'<tspan fill="{escape(line.colour)}" dx="{10 if number else 0}">&#9644;</tspan> '
        f"{escape(line.label)}"
        for number, line in enumerate(lines)
    )
    return f'<text x="{_LEFT}" y="28">{names}</text>'


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Ticks from ``low`` to ``high``, 1, 2 or 5 times a power of ten apart; at most ``most``."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * one for one in (1, 2, 5, 10, 20) if power * one >= rough * 1.000001)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _span(values: Sequence[float]) -> tuple[float, float]:
    """The range of finite values, widened if it is so small that all tick labels would be equal."""
    finite = [one for one in values if math.isfinite(one)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    if high - low > 1e-6 * max(abs(low), abs(high)):
        return low, high
    margin = abs(low) / 10 or 0.5
    return low - margin, high + margin
