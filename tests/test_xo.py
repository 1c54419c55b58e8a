"""X's and O's: the deck's own, and the generator."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from piecewise.core.errors import LimitError
from piecewise.data.xo import (
    DECK_O,
    DECK_TRICKY_X,
    DECK_X,
    FEATURES,
    PLAIN,
    TRICKY,
    VARIATION_NAMES,
    XOVariation,
    make_xo,
)


def test_deck_x_is_both_diagonals() -> None:
    wanted = np.full((9, 9), -1.0)
    for place in range(1, 8):
        wanted[place, place] = wanted[place, 8 - place] = 1
    assert (wanted == DECK_X).all()
    assert (DECK_X > 0).sum() == 13


def test_tricky_x_shares_five_ink_pixels_with_x() -> None:
    assert ((DECK_X > 0) & (DECK_TRICKY_X > 0)).sum() == 5
    assert DECK_TRICKY_X.shape == DECK_O.shape == (9, 9)


def test_features_are_the_decks() -> None:
    assert FEATURES["\\"].tolist() == [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
    assert FEATURES["x"].tolist() == [[1, -1, 1], [-1, 1, -1], [1, -1, 1]]
    assert FEATURES["/"].tolist() == [[-1, -1, 1], [-1, 1, -1], [1, -1, -1]]


def digest(pictures: np.ndarray[Any, Any]) -> str:
    return hashlib.sha256(pictures.tobytes()).hexdigest()


def test_make_xo_same_seed_gives_same_bytes() -> None:
    assert (
        digest(make_xo(64, 28, seed=0).inputs)
        == "77e4744d84b554023b13c6e9161fe9333956b7d925987194f3c20ecdf24635c2"
    )
    assert (
        digest(make_xo(64, 9, seed=0).inputs)
        == "e24190d9f7620796d4f26df8fe60632bda0c88e2395da88908e73fb4692d4bbb"
    )


def test_make_xo_image_does_not_depend_on_count() -> None:
    many = make_xo(600, 28, seed=4)
    later = make_xo(10, 28, seed=4, first=300)
    assert (many.inputs[300:310] == later.inputs).all()
    assert (many.labels[300:310] == later.labels).all()
    for name, values in many.variations.items():
        assert (values[300:310] == later.variations[name]).all(), name


@pytest.mark.parametrize("size", [9, 10, 17, 28, 64])
def test_make_xo_images_are_grey_ink_on_dark_background(size: int) -> None:
    drawings = make_xo(100, size, seed=2, variation=PLAIN)
    assert drawings.inputs.shape == (100, 1, size, size)
    assert drawings.inputs.dtype == np.uint8
    assert drawings.labels.tolist() == [0, 1] * 50
    ink = drawings.inputs.mean(axis=(1, 2, 3)) / 255
    assert (ink > 0.05).all()
    assert (ink < 0.4).all()
    assert len(np.unique(drawings.inputs)) > 100  # edges fade: they are not cut out
    assert len(np.unique(drawings.inputs[drawings.labels == 0], axis=0)) == 50  # no two alike


def centre_of_ink(pictures: np.ndarray[Any, Any]) -> Any:
    ink = pictures[:, 0].astype(float)
    cells = np.arange(ink.shape[1])
    whole = ink.sum(axis=(1, 2))
    return np.stack([(ink.sum(axis=1) * cells).sum(axis=1), (ink.sum(axis=2) * cells).sum(axis=1)],
                    axis=1) / whole[:, None]  # fmt: skip


def test_translation_moves_ink_as_stated() -> None:
    still = make_xo(200, 28, seed=1, variation=PLAIN)
    moved = make_xo(200, 28, seed=1, variation=TRICKY.only("translation"))
    shift = centre_of_ink(moved.inputs) - centre_of_ink(still.inputs)
    said = np.stack([moved.variations["translation_x"], moved.variations["translation_y"]], axis=1)
    assert np.abs(said).max() > 0.9 * 0.12 * 28
    away = np.abs(shift - said).max(axis=1)
    assert np.median(away) < 0.05
    assert np.quantile(away, 0.95) < 0.5  # some arms are cut off at the edge


def spread_of_ink(pictures: np.ndarray[Any, Any]) -> Any:
    middle = centre_of_ink(pictures)
    ink = pictures[:, 0].astype(float)
    y, x = np.mgrid[: ink.shape[1], : ink.shape[2]]
    away = (x - middle[:, 0, None, None]) ** 2 + (y - middle[:, 1, None, None]) ** 2
    return np.sqrt((ink * away).sum(axis=(1, 2)) / ink.sum(axis=(1, 2)))


def test_scale_and_stroke_width_act_as_stated() -> None:
    still = make_xo(200, 64, seed=1, variation=PLAIN)
    scaled = make_xo(200, 64, seed=1, variation=TRICKY.only("scale"))
    ratio = spread_of_ink(scaled.inputs) / spread_of_ink(still.inputs)
    assert np.corrcoef(ratio, scaled.variations["scale"])[0, 1] > 0.99
    heavy = make_xo(200, 64, seed=1, variation=TRICKY.only("stroke_width"))
    more = heavy.inputs.mean(axis=(1, 2, 3)) / still.inputs.mean(axis=(1, 2, 3))
    said = heavy.variations["stroke_width"] / still.variations["stroke_width"]
    assert np.corrcoef(more, said)[0, 1] > 0.99
    assert said.min() < 0.7
    assert said.max() > 1.5


def test_rotation_is_clockwise() -> None:
    turned = make_xo(100, 65, seed=1, variation=XOVariation(0, (1, 1), 45, 1, 0))
    still = make_xo(100, 65, seed=1, variation=PLAIN)
    quarter = np.argmax(turned.variations["rotation"] * (turned.labels == 0))
    # An X turned by almost 45 degrees is a plus: its middle column holds ink that it had not.
    assert turned.variations["rotation"][quarter] > 40
    column = slice(30, 35)
    assert turned.inputs[quarter, 0, :15, column].max() > 200
    assert still.inputs[quarter, 0, :15, column].max() < 50


def test_noise_only_adds_noise() -> None:
    still = make_xo(50, 28, seed=1, variation=PLAIN).inputs.astype(int)
    noisy = make_xo(50, 28, seed=1, variation=XOVariation(0, (1, 1), 0, 1, 0.1))
    change = (noisy.inputs - still)[(still > 100) & (still < 150)] / 255
    assert 0.04 < change.std() < 0.08  # each picture's deviation is drawn from 0 to 0.1
    assert abs(change.mean()) < 0.01


def test_only_keeps_one_variation() -> None:
    assert TRICKY.only("plain") == PLAIN
    for name in VARIATION_NAMES:
        alone = TRICKY.only(name)
        changed = [
            other for other in VARIATION_NAMES if getattr(alone, other) != getattr(PLAIN, other)
        ]
        assert changed == [name]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: make_xo(0), "make_xo: count: got 0, wanted a whole number from 1"),
        (lambda: make_xo(3, size=8), "make_xo: size: got 8, wanted a whole number from 9 to 512"),
        (lambda: make_xo(3, first=-1), "make_xo: first: got -1"),
        (lambda: make_xo(3, seed=-1), "make_xo: seed: got -1"),
        (
            lambda: XOVariation(translation=0.6),
            "variation: translation: got 0.6, wanted a number from 0",
        ),
        (lambda: XOVariation(scale=(0.1, 1)), "variation: smallest scale: got 0.1"),
        (lambda: XOVariation(stroke_width=float("nan")), "variation: stroke width: got nan"),
    ],
)
def test_values_outside_limits_are_refused(make: Any, words: str) -> None:
    with pytest.raises(LimitError) as caught:
        make()
    assert words in str(caught.value)
