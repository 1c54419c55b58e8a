"""The part of a picture that the input of a net shows."""

from __future__ import annotations

import numpy as np
import pytest

from piecewise.data.images.preprocessor import ImagePreprocessor


def marked(shape: tuple[int, int], row: int, column: int) -> np.ndarray:
    """A photo that is dark but for a light square around a point."""
    picture = np.zeros((*shape, 1), np.uint8)
    picture[row - 4 : row + 4, column - 4 : column + 4] = 255
    return picture


@pytest.mark.parametrize("resize", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("shape", [(40, 90), (90, 40), (64, 64), (32, 32)])
def test_point_of_a_photo_is_where_its_box_says(resize: str, shape: tuple[int, int]) -> None:
    preprocessor = ImagePreprocessor((1, 32, 32), resize=resize)
    row, column = shape[0] // 2 + 3, shape[1] // 2 - 5
    picture = marked(shape, row, column)
    left, top, right, bottom = preprocessor.source_box(picture)
    values = preprocessor.transform(picture)[0].astype(float)
    centre_y = (values.sum(axis=1) @ (np.arange(32) + 0.5)) / values.sum()
    centre_x = (values.sum(axis=0) @ (np.arange(32) + 0.5)) / values.sum()
    assert (row - top) / (bottom - top) * 32 == pytest.approx(centre_y, abs=0.6)
    assert (column - left) / (right - left) * 32 == pytest.approx(centre_x, abs=0.6)


@pytest.mark.parametrize("framing", ["ink", "canvas"])
def test_ink_of_a_drawing_is_where_its_box_says(framing: str) -> None:
    preprocessor = ImagePreprocessor((1, 28, 28), "dark", 0.1, framing=framing)
    picture = np.full((112, 112, 1), 255, np.uint8)
    picture[20:60, 50:62] = 0
    left, top, right, bottom = preprocessor.source_box(picture)
    ink = preprocessor.transform(picture)[0] > 127
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    for value, start, end, cell in (
        (20, top, bottom, rows[0]), (60, top, bottom, rows[-1] + 1),
        (50, left, right, columns[0]), (62, left, right, columns[-1] + 1),
    ):  # fmt: skip
        assert (value - start) / (end - start) * 28 == pytest.approx(cell, abs=0.9)
