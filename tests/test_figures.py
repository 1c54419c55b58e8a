"""Figures as SVG and PNG."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from piecewise.display.figures import (
    Bar,
    Figure,
    Stroke,
    Style,
    Words,
    figure_png,
    figure_svg,
)

STYLES = {"line": Style("#ff0000", 4), "bar": Style("#0000ff")}
FIGURE = Figure(60, 40, [Stroke("line", [(10, 5), (50, 5)], "<a>"), Bar("bar", 20, 15, 10, 20),
                           Words(58, 20, "<&>", "end")])  # fmt: skip


def pixels(*figures: Figure) -> np.ndarray:
    with Image.open(io.BytesIO(figure_png(figures, STYLES))) as image:
        assert image.info["Software"] == "piecewise"
        return np.asarray(image.convert("RGB"))


def test_svg_holds_all_shapes_and_escapes_texts() -> None:
    root = ElementTree.fromstring(figure_svg(FIGURE, "<label>"))
    assert [one.tag for one in root] == ["polyline", "rect", "text"]
    assert root.get("aria-label") == "<label>"
    assert root[2].text == "<&>"
    assert root[0][0].text == "<a>"


def test_png_has_twice_the_size_and_shapes_in_their_places() -> None:
    found = pixels(FIGURE)
    assert found.shape == (80, 120, 3)
    assert found[10, 60].tolist() == [255, 0, 0]
    assert found[50, 50].tolist() == [0, 0, 255]
    assert found[10, 4].tolist() == found[75, 75].tolist() == [255, 255, 255]
    right = np.flatnonzero((found[:, 62:] < 128).all(axis=2).any(axis=0)) + 62
    assert len(right)
    assert 110 <= right.max() <= 116  # words end at their place


def test_drawings_are_below_each_other() -> None:
    found = pixels(FIGURE, FIGURE)
    assert found.shape == (160, 120, 3)
    assert (found[:80] == found[80:]).all()
