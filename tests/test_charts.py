"""Charts: the positions of points, lines and ticks, and the escaping of text."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from piecewise.display.charts import BLUE, Line, Mark, bars, chart_svg, ticks

from .naughty import naughty

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def points(svg: str, number: int = 0) -> list[tuple[float, float]]:
    """The points of a line, in the coordinates of the plot area."""
    inner = parsed(svg).findall(f"{SVG}svg/{SVG}path")[number]
    coordinates = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", inner.attrib["d"])
    return [(float(x), float(y)) for x, y in coordinates]


def test_chart_points_are_even_and_upward() -> None:
    svg = chart_svg("t", "x", "y", [Line("", [0, 1, 2], [5, 15, 10])])
    plane = parsed(svg).find(f"{SVG}svg")
    assert plane is not None
    width, height = float(plane.attrib["width"]), float(plane.attrib["height"])
    assert points(svg) == [(0, height), (width / 2, 0), (width, height / 2)]


def test_chart_lines_share_axes_dashed_ignored() -> None:
    lines = [Line("a", [0, 1], [0, 1]), Line("b", [1, 4], [3, 2], BLUE)]
    wide = chart_svg("t", "x", "y", [*lines, Line("c", [0, 4], [-900, 900], dashed=True)])
    assert points(wide, 0) == points(chart_svg("t", "x", "y", lines), 0)
    assert points(wide, 0)[0][0] == 0
    assert points(wide, 1)[1][0] == max(x for x, _ in points(wide, 1))
    assert min(y for _, y in points(wide, 2)) < 0  # outside, where it is cut off
    assert [text for text in parsed(wide).itertext() if text.strip() in {"a", "b", "c"}]


@pytest.mark.parametrize("gap", [math.nan, math.inf])
def test_chart_nan_or_infinity_breaks_line(gap: float) -> None:
    svg = chart_svg("t", "x", "y", [Line("", [0, 1, 2, 3, 4], [1, 2, gap, 4, 5])])
    path = parsed(svg).findall(f"{SVG}svg/{SVG}path")[0].attrib["d"]
    assert len(points(svg)) == 4
    assert path.count("M") == 2
    assert "nan" not in svg
    assert "inf" not in svg


@pytest.mark.parametrize("ys", [[3.0], [0.0, 0.0], [1e9, 1e9 + 1], [math.nan], []])
def test_chart_constant_line_is_centered(ys: list[float]) -> None:
    svg = chart_svg("t", "x", "y", [Line("", range(len(ys)), ys)])
    heights = {y for _, y in points(svg)}
    assert len(heights) <= 1 or max(heights) - min(heights) < 1
    assert all(0 < y < 150 for y in heights)


def test_chart_mark_lies_on_line() -> None:
    line = Line("", [0, 1, 2], [5, 15, 10])
    svg = parsed(chart_svg("t", "x", "y", [line], Mark("today", 1, 15)))
    circle, plane = svg.find(f"{SVG}circle"), svg.find(f"{SVG}svg")
    assert circle is not None
    assert plane is not None
    left, top, width = (float(plane.attrib[name]) for name in ("x", "y", "width"))
    assert float(circle.attrib["cx"]) == left + width / 2
    assert float(circle.attrib["cy"]) == top
    assert "today" in svg.itertext()
    nowhere = chart_svg("t", "x", "y", [line], Mark("today", 1, math.nan))
    assert parsed(nowhere).find(f"{SVG}circle") is None


def test_chart_markup_in_names_is_escaped() -> None:
    safe = [name for name in naughty() if name.isprintable()][:150]
    for name in safe:
        svg = chart_svg(
            name, name, name, [Line(name, [0], [1]), Line("", [0], [1])], Mark(name, 0, 1)
        )
        root = parsed(svg)
        assert {element.tag for element in root.iter()} == {
            SVG + tag for tag in ("svg", "title", "text", "path", "circle", "tspan")
        }
        assert name in list(root.itertext())
        assert root.attrib["aria-label"] == name


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-1.3, 0.84, [-1, -0.5, 0, 0.5]),
        (98, 100, [98, 98.5, 99, 99.5, 100]),
        (0.0038, 0.0242, [0.005, 0.01, 0.015, 0.02]),
        (1, 30, [5, 10, 15, 20, 25, 30]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_ticks_any_range_gives_two_to_six() -> None:
    for number in range(200):
        high = 1.37**number * 1e-12
        values = ticks(-0.3 * high, high)
        assert 2 <= len(values) <= 6
        assert all(-0.31 * high <= value <= 1.01 * high for value in values)


def test_bars_heights_in_eighths() -> None:
    assert bars([0, 1, 2, 3, 4, 5, 6, 7], rows=1) == ["▁▂▃▄▅▆▇█"]
    assert bars([0, 15, math.nan, 7], rows=2) == [" █", "▁█ █"]
    for flat in (0.0, 2.0, -9e9):
        assert bars([flat] * 3, rows=1)[0] in {"▄▄▄", "▅▅▅"}
