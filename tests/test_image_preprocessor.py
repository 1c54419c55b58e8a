"""The preparation: what is decided from a set of pictures, and what every picture then becomes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from piecewise.core.array_types import Uint8
from piecewise.core.errors import DataError, LimitError
from piecewise.data.images.background import background_level, ink_contrast, plainness
from piecewise.data.images.fitting import fit_image_preprocessor
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.data.xo import PLAIN, make_xo

DARK = ImagePreprocessor((1, 28, 28), "dark", 0.125)
LIGHT = ImagePreprocessor((1, 28, 28), "light", 0.125)


def page(size: tuple[int, int], paper: int, ink: int, box: tuple[int, ...], pen: int) -> Uint8:
    """An X from corner to corner of a box (left, top, right, bottom) on a page (width, height)."""
    image = Image.new("L", size, paper)
    left, top, right, bottom = box
    for line in ((left, top, right, bottom), (left, bottom, right, top)):
        ImageDraw.Draw(image).line(line, ink, pen)
    return np.asarray(image)[:, :, None]


def photo(rows: int = 30, columns: int = 40, channels: int = 1) -> Uint8:
    """Every level everywhere, as in no drawing."""
    shape = (rows, columns, channels)
    return np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)


def deck(count: int, light: bool = False) -> list[Uint8]:
    """Drawings of 28x28, white on black or black on white."""
    pictures = make_xo(count, size=28, seed=4, variation=PLAIN).inputs[:, 0, :, :, None]
    return [255 - picture if light else picture for picture in pictures]


def box_of(ink: npt.NDArray[Any]) -> tuple[int, int, int, int]:
    """The first and last row, the first and last column that hold ink."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


# Deciding.


def test_fit_background_follows_ink_colour() -> None:
    dark, light = (
        fit_image_preprocessor(deck(40), None, 32),
        fit_image_preprocessor(deck(40, light=True), None, 32),
    )
    assert (dark.shape, dark.background) == ((1, 28, 28), "dark")
    assert (light.shape, light.background) == ((1, 28, 28), "light")
    assert 0 < dark.margin == light.margin < 0.25


def test_fit_background_majority_wins() -> None:
    assert fit_image_preprocessor(deck(30) + deck(20, light=True), None, 32).background == "dark"
    assert fit_image_preprocessor(deck(20) + deck(30, light=True), None, 32).background == "light"


def test_fit_margin_is_empty_fraction_beside_ink() -> None:
    pictures = [np.zeros((20, 40, 1), np.uint8) for _ in range(3)]
    for picture in pictures:
        picture[4:16, 10:30] = 255  # 12 of 20 rows and 20 of 40 columns: the rows are fuller
    assert fit_image_preprocessor(pictures, None, 64) == ImagePreprocessor(
        (1, 20, 40), "dark", 0.2, padding="border"
    )


def test_photos_keep_frame_and_background() -> None:
    assert fit_image_preprocessor([photo() for _ in range(4)], None, 64) == ImagePreprocessor(
        (1, 30, 40), "any", padding="border"
    )
    assert fit_image_preprocessor([photo(channels=3)], None, 64) == ImagePreprocessor(
        (3, 30, 40), "any", padding="border"
    )


def test_fit_nine_tenths_drawings_are_drawings() -> None:
    grey = photo(28, 28)
    assert fit_image_preprocessor([*deck(18), grey, grey], None, 32).background == "dark"
    assert fit_image_preprocessor([*deck(16), grey, grey], None, 32).background == "any"


@pytest.mark.parametrize(
    ("paper", "background"), [(80, "dark"), (81, "any"), (174, "any"), (175, "light")]
)
def test_fit_background_only_near_black_or_white_is_drawing(paper: int, background: str) -> None:
    drawn = page((60, 60), paper, 255 if paper < 128 else 0, (10, 10, 50, 50), 5)
    assert fit_image_preprocessor([drawn], None, 32).background == background


def test_fit_colour_needs_enough_coloured_pixels() -> None:
    tinted = np.repeat(deck(1)[0], 3, axis=2)
    assert fit_image_preprocessor([tinted], None, 32).shape == (1, 28, 28)
    tinted[0, :3] = (0, 0, 60)  # 3 of 784 pixels: a scanner's
    assert fit_image_preprocessor([tinted], None, 32).shape == (1, 28, 28)
    tinted[0] = (0, 0, 60)
    assert fit_image_preprocessor([tinted], None, 32) == ImagePreprocessor(
        (3, 28, 28), "any", padding="border"
    )


def test_fit_size_is_given_or_limited_median() -> None:
    pictures = [photo(rows, 100) for rows in (10, 50, 51)]
    assert fit_image_preprocessor(pictures, (7, 9), 32).shape == (1, 7, 9)
    assert fit_image_preprocessor(pictures, None, 200).shape == (1, 50, 100)
    assert fit_image_preprocessor(pictures, None, 32).shape == (1, 16, 32)
    assert fit_image_preprocessor([photo(1, 500)], None, 32).shape == (1, 1, 32)


def test_fit_blank_images_are_drawings_without_margin() -> None:
    assert fit_image_preprocessor([np.zeros((9, 9, 1), np.uint8)], None, 32) == ImagePreprocessor(
        (1, 9, 9), "dark", 0.0, least_contrast=0, padding="border"
    )


def test_fit_reads_images_one_by_one() -> None:
    assert fit_image_preprocessor(iter(deck(9)), None, 32) == fit_image_preprocessor(
        deck(9), None, 32
    )


def test_fit_default_photos_are_larger_than_drawings() -> None:
    large = np.repeat(np.repeat(photo(channels=3), 5, axis=0), 5, axis=1)
    height, width = large.shape[:2]
    assert fit_image_preprocessor([large]).shape == (3, round(64 * height / width), 64)
    drawn = [np.repeat(np.repeat(one, 9, axis=0), 9, axis=1) for one in deck(9)]
    assert max(fit_image_preprocessor(drawn).shape) == 32


# Fitting.


@pytest.mark.parametrize("pen", [1, 3, 8])
@pytest.mark.parametrize("extent", [100, 1_800])
def test_transform_corner_drawing_is_centred_at_full_contrast(pen: int, extent: int) -> None:
    drawn = page((3_000, 2_000), 255, 0, (20, 20, 20 + extent, 20 + extent), pen)
    found = DARK.transform(drawn)
    assert found.shape == (1, 28, 28)
    assert found.dtype == np.uint8
    top, bottom, left, right = box_of(found[0] > 64)
    assert 3 <= top <= left + 1 <= 5  # an eighth of 28 is left free
    assert 3 <= 27 - bottom <= 5
    assert 3 <= 27 - right <= 5
    assert not found[0, :3].any()
    diagonals = [found[0, row, max(0, row - 1) : row + 2].max() for row in range(5, 23)]
    assert min(diagonals) >= 200
    assert np.median(found) == 0
    assert (255 - LIGHT.transform(drawn) == found).all()


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (190, 40), (230, 150), (0, 255), (60, 200)])
def test_transform_grey_paper_becomes_even_background(paper: int, ink: int) -> None:
    found = DARK.transform(page((200, 150), paper, ink, (40, 30, 120, 110), 9))[0]
    assert found.max() == 255
    assert found[13:15, 13:15].min() >= 240  # where the strokes cross
    outside = np.ones((28, 28), bool)
    outside[3:25, 3:25] = False
    assert not found[outside].any()
    assert not found[13, [4, 5, 22, 23]].any()  # inside the box too, beside the strokes


def test_transform_ink_that_fills_its_box_is_not_background() -> None:
    image = Image.new("L", (300, 200), 255)
    ImageDraw.Draw(image).rectangle((50, 50, 130, 130), outline=0, width=12)
    found = ImagePreprocessor((1, 20, 20), "dark", 0.0).transform(np.asarray(image)[:, :, None])[0]
    assert found[[0, -1]].min() == found[:, [0, -1]].min() == 255
    assert not found[5:15, 5:15].any()
    same = ImagePreprocessor((1, 20, 20), "dark", 0.0).transform(
        255 - np.asarray(image)[:, :, None]
    )[0]
    assert (same == found).all()


@pytest.mark.parametrize("level", [0, 10, 240, 255])
def test_transform_empty_page_becomes_background(level: int) -> None:
    blank = np.full((90, 60, 1), level, np.uint8)
    blank[40:50, 20:30] = level + 15 if level < 128 else level - 15  # a shade, not ink
    assert not DARK.transform(blank).any()
    assert LIGHT.transform(blank).min() == 255


def test_transform_drawing_keeps_proportions() -> None:
    tall = np.zeros((100, 100, 1), np.uint8)
    tall[10:90, 40:60] = 255
    found = ImagePreprocessor((1, 40, 40), "dark", 0.1).transform(tall)[0]
    assert box_of(found > 127) == (4, 35, 16, 23)


def test_transform_photo_is_padded_with_black() -> None:
    bright = np.full((20, 40, 1), 128, np.uint8)
    bright[:, ::2] = 160
    found = ImagePreprocessor((1, 16, 16), "any").transform(bright)[0]
    assert not found[:4].any()
    assert not found[12:].any()
    assert found[4:12].min() >= 128
    colour = ImagePreprocessor((3, 8, 8), "any").transform(
        np.full((4, 4, 3), (10, 20, 30), np.uint8)
    )
    assert colour.shape == (3, 8, 8)
    assert colour[:, 4, 4].tolist() == [10, 20, 30]


def test_transform_converts_colour_and_grey() -> None:
    grey = np.array([[[0], [200]], [[100], [90]]], np.uint8)
    as_colour = ImagePreprocessor((3, 2, 2), "any").transform(grey)
    assert (as_colour == grey[:, :, 0]).all()
    assert as_colour.shape == (3, 2, 2)
    again = ImagePreprocessor((1, 2, 2), "any").transform(as_colour.transpose(1, 2, 0))
    assert (again[0] == grey[:, :, 0]).all()


@pytest.mark.parametrize("light", [False, True])
def test_transform_image_of_same_size_and_background_is_unchanged(light: bool) -> None:
    preprocessor = fit_image_preprocessor(deck(20, light), None, 32)
    for picture in deck(20, light):
        once = preprocessor.transform(picture)
        assert (once[0] == picture[:, :, 0]).all()
        assert (preprocessor.transform(once.transpose(1, 2, 0)) == once).all()
    for picture in deck(20, not light):  # the other ground: inverted and nothing else
        assert (preprocessor.transform(picture)[0] == 255 - picture[:, :, 0]).all()


def test_align_equals_transform_for_batches() -> None:
    mixed = [*deck(1_005), *deck(1_005, light=True), photo(28, 28)]
    given = np.stack([picture.transpose(2, 0, 1) for picture in mixed])
    kept = given.copy()
    aligned = DARK.align(given)
    assert (given == kept).all()
    assert (aligned == np.stack([DARK.transform(picture) for picture in mixed])).all()
    assert (aligned[:1_005] == aligned[1_005:-1]).all()
    assert (aligned[-1] == given[-1]).all()
    assert ImagePreprocessor((1, 28, 28), "any").align(given) is given


def test_transform_other_channel_counts_are_refused() -> None:
    with pytest.raises(DataError, match="pictures: got grey or colour, wanted arrays of 2 channel"):
        ImagePreprocessor((2, 9, 9)).transform(photo())


# Scaling.


def test_to_float_ink_is_1_and_background_is_minus_1() -> None:
    levels = np.array([[[[0, 51, 255]]]], np.uint8)
    dark, light = (
        ImagePreprocessor((1, 1, 3), ground).to_float(levels) for ground in ("dark", "light")
    )
    assert dark.dtype == light.dtype == np.float32
    assert dark.shape == (1, 1, 1, 3)
    assert dark.ravel().tolist() == [-1, np.float32(-0.6), 1]
    assert light.ravel().tolist() == [1, np.float32(0.6), -1]


# In a file.


def test_json_round_trip() -> None:
    for made in (
        DARK,
        LIGHT,
        ImagePreprocessor((3, 20, 31), "any"),
        fit_image_preprocessor(deck(9), (5, 6), 32),
    ):
        text = json.dumps(made.to_json())
        assert ImagePreprocessor.from_json(json.loads(text), made.shape) == made


GOOD: dict[str, Any] = {"shape": [1, 28, 28], "background": "dark", "margin": 0.1}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "got None, wanted its shape, background and margin"),
        ([1, 28, 28], "got [1, 28, 28], wanted its shape"),
        ({}, "got {}, wanted its shape"),
        ({"shape": [1, 28, 28], "background": "dark"}, "wanted its shape, background and margin"),
        ({**GOOD, "more": 1}, "wanted its shape, background and margin"),
        ({**GOOD, "modality": "sounds"}, "wanted its shape, background and margin"),
        ({**GOOD, "shape": [1, 28, 27]}, "got [1, 28, 27], wanted [1, 28, 28]"),
        ({**GOOD, "shape": None}, "got None, wanted [1, 28, 28]"),
        ({**GOOD, "background": "blue"}, "got 'blue', wanted dark or light or any"),
        ({**GOOD, "background": ["dark"]}, "got ['dark'], wanted dark or light or any"),
        ({**GOOD, "margin": 0.46}, "got 0.46, wanted a number from 0 to 0.45"),
        ({**GOOD, "margin": -0.1}, "got -0.1, wanted a number from 0 to 0.45"),
        ({**GOOD, "margin": "0.1"}, "got '0.1', wanted a number from 0 to 0.45"),
        ({**GOOD, "margin": True}, "got True, wanted a number from 0 to 0.45"),
        ({**GOOD, "margin": float("nan")}, "got nan, wanted a number from 0 to 0.45"),
        ({**GOOD, "margin": 10**400}, "wanted a number from 0 to 0.45"),
    ],
)
def test_json_invalid_is_refused(value: object, words: str) -> None:
    assert ImagePreprocessor.from_json(GOOD, (1, 28, 28)).margin == 0.1
    with pytest.raises(DataError) as caught:
        ImagePreprocessor.from_json(value, (1, 28, 28))
    assert str(caught.value).startswith("preprocessing: ")
    assert words in str(caught.value)


def test_invalid_background_or_margin_is_refused() -> None:
    with pytest.raises(LimitError, match="got 'Dark', wanted dark or light or any"):
        ImagePreprocessor((1, 2, 2), "Dark")
    with pytest.raises(LimitError, match=r"got 0\.5, wanted a number from 0 to 0\.45"):
        ImagePreprocessor((1, 2, 2), "dark", 0.5)


def test_transform_same_bytes_on_every_platform() -> None:
    drawings = make_xo(24, size=40, seed=5)
    preprocessor = ImagePreprocessor((1, 28, 28), "light", 0.1)
    fitted = [preprocessor.transform(picture.transpose(1, 2, 0)) for picture in drawings.inputs]
    digest = hashlib.sha256(np.stack(fitted).tobytes()).hexdigest()
    assert digest == "d2055192260a72bc442c49f73fc0c1781d42d9b85d035e90e3381a80680cd0fb"


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 2), (28, 28), (3, 30)])
def test_background_and_plainness_are_those_of_medians_and_means(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        low = int(rng.integers(0, 200))
        grey = rng.integers(low, min(256, low + 120), shape).astype(np.uint8)
        sides = [grey[0], grey[-1], grey[:, 0], grey[:, -1]]
        level = int(np.median(np.concatenate(sides)))
        assert background_level(grey) == level
        near = abs(grey.astype(int) - level) <= 48
        border = np.concatenate([near[0], near[-1], near[:, 0], near[:, -1]])
        wanted = min(border.mean() / 0.75, near.mean() / 0.5)
        is_extreme = level <= 80 or level >= 175
        assert plainness(grey[None])[0] == (wanted if is_extreme else 0.0)
        assert ink_contrast(grey, level) == abs(grey.astype(int) - level).max()


@pytest.mark.parametrize("background", ["any", "dark", "light"])
def test_transform_of_the_same_size_returns_pixels_of_its_own(background: str) -> None:
    picture = np.zeros((8, 8, 1), np.uint8)
    preprocessor = ImagePreprocessor((1, 8, 8), background)
    made = preprocessor.transform(picture)
    assert made.flags.writeable
    assert made.flags.c_contiguous
    made[:] = 7
    assert not picture.any()
