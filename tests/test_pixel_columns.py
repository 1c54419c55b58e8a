"""Tables whose columns are pixels: seen, and signals and other tables not taken for them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from piecewise import ConvNetClassifier
from piecewise.data.pixel_columns import image_layout

from .lessons import KINDS, LABELS, PICTURES, TABLE


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def smooth(count: int, side: int, channels: int = 1) -> Any:
    """Images (N, side, side, channels) whose pixels resemble their neighbours."""
    noise = rng().normal(size=(count, side + 2, side + 2, channels)) + rng().normal(
        size=(count, side + 2, side + 2, 1)
    )
    rows = noise[:, 2:] + noise[:, 1:-1] + noise[:, :-2]
    return rows[:, :, 2:] + rows[:, :, 1:-1] + rows[:, :, :-2]


IMAGES = [
    (smooth(200, 8).reshape(200, -1), "image_shape=(8, 8)"),
    (smooth(30, 9).reshape(30, -1), "image_shape=(9, 9)"),
    (smooth(200, 10, 3).reshape(200, -1), "X.reshape(-1, 10, 10, 3)"),
    (smooth(200, 10, 3).transpose(0, 3, 1, 2).reshape(200, -1), "image_shape=(3, 10, 10)"),
    (PICTURES.reshape(-1, 81), "image_shape=(9, 9)"),
]
TIMES = np.arange(64)
TABLES = {
    "shuffled": smooth(200, 8).reshape(200, -1)[:, rng().permutation(64)],
    "noise": rng().normal(size=(200, 64)),
    "common": rng().normal(size=(200, 64)) + 2 * rng().normal(size=(200, 1)),
    "walk": np.cumsum(rng().normal(size=(200, 64)), axis=1),
    "waves": np.sin(TIMES / rng().uniform(2, 20, (200, 1)) + rng().uniform(0, 6, (200, 1))),
    "blocks": np.repeat(rng().normal(size=(200, 8)), 8, axis=1) + rng().normal(size=(200, 64)),
    "repeated": np.tile(rng().normal(size=(200, 8)), 8) + rng().normal(size=(200, 64)),
    "one-hot": np.eye(64)[rng().integers(0, 64, 200)],
    "constant": np.ones((200, 64)),
    "few rows": smooth(10, 8).reshape(10, -1),
    "no square": smooth(200, 8).reshape(200, -1)[:, :-1],
    "small": smooth(200, 4).reshape(200, -1),
}


@pytest.mark.parametrize(("rows", "layout"), IMAGES, ids=[layout for _, layout in IMAGES])
def test_pixels_are_seen(rows: Any, layout: str) -> None:
    assert image_layout(rows) == layout


@pytest.mark.parametrize("name", TABLES)
def test_table_is_not_taken_for_pixels(name: str) -> None:
    assert image_layout(TABLES[name]) is None


def test_classifier_warns_of_flat_images_once() -> None:
    words = (
        r"X: the 81 columns look like the pixels of square images, but are learned as a table, "
        r"without convolution; pass image_shape=\(9, 9\)$"
    )
    flat = PICTURES.reshape(-1, 81)
    with pytest.warns(UserWarning, match=words) as caught:
        classifier = ConvNetClassifier(epochs=1, warm_start=True).fit(flat, LABELS)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.fit(flat, LABELS)  # it goes on
        classifier.predict(flat)
        ConvNetClassifier("full", image_shape=(9, 9), epochs=1).fit(flat, LABELS)
        ConvNetClassifier(epochs=1).fit(TABLE, KINDS)
