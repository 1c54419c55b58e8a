"""Images of other proportions than the net reads: padded, cropped or stretched."""

from __future__ import annotations

import numpy as np
import pytest

from piecewise.core.array_types import Uint8
from piecewise.core.errors import LimitError
from piecewise.data.images.fitting import fit_image_preprocessor
from piecewise.data.images.preprocessor import ImagePreprocessor


def test_resize_modes_fill_other_proportions() -> None:
    thirds = np.repeat(np.array([60, 120, 200], np.uint8), 10)  # from left to right
    wide = np.tile(thirds, (10, 1))[:, :, None]
    padded, cropped, fitted = (
        ImagePreprocessor((1, 10, 10), "any", resize=way).transform(wide)[0]
        for way in ("pad", "crop", "stretch")
    )
    assert (cropped == 120).all()
    assert (padded[[0, -1]] == 0).all()
    assert (padded[5, [0, -1]] == [60, 200]).all()
    assert (fitted[[0, -1]][:, [0, 5, -1]] == [60, 120, 200]).all()
    tall = ImagePreprocessor((1, 10, 10), "any", resize="crop").transform(wide.transpose(1, 0, 2))[
        0
    ]
    assert (tall == 120).all()
    with pytest.raises(LimitError, match="got 'fit', wanted pad or crop or stretch"):
        ImagePreprocessor((1, 10, 10), "any", resize="fit")


def test_resize_is_saved_and_defaults_in_older_files() -> None:
    made = ImagePreprocessor((1, 9, 9), "any", resize="crop")
    assert ImagePreprocessor.from_json(made.to_json(), (1, 9, 9)) == made
    before = {"shape": [1, 9, 9], "background": "any", "margin": 0.0}
    assert ImagePreprocessor.from_json(before, (1, 9, 9)).resize == "pad"


PAPERS = {"white": (255, 255, 255), "cream": (250, 240, 200), "blue": (20, 40, 180)}


def on_paper(paper: tuple[int, int, int], height: int, width: int) -> Uint8:
    """A red disc that touches no border, on paper whose levels vary a little, as in a JPEG."""
    drawn = np.full((height, width, 3), paper, np.int16)
    drawn += np.random.default_rng(0).integers(-3, 4, drawn.shape, np.int16)
    rows, columns = np.ogrid[:height, :width]
    inside = (rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (min(height, width) / 3) ** 2
    drawn[inside] = (220, 30, 30)
    return np.clip(drawn, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("paper", PAPERS.values(), ids=PAPERS)
@pytest.mark.parametrize("size", [(20, 60), (60, 20)])
def test_padding_has_the_colour_of_a_uniform_border(
    paper: tuple[int, int, int], size: tuple[int, int]
) -> None:
    drawn = on_paper(paper, *size)
    fitted = fit_image_preprocessor([drawn], (30, 30))
    assert fitted.padding == "border"
    around = np.moveaxis(fitted.transform(drawn), 0, 2)
    corners = around[[0, 0, -1, -1], [0, -1, 0, -1]].astype(int)
    assert np.abs(corners - paper).max() <= 3
    assert (np.abs(around.astype(int) - paper).max(axis=2) < 200).any()
    black = ImagePreprocessor((3, 30, 30)).transform(drawn)
    assert (black[:, [0, 0, -1, -1], [0, -1, 0, -1]] == 0).all()


def test_padding_of_a_varied_border_is_black() -> None:
    wide = np.tile(np.linspace(0, 255, 60).astype(np.uint8)[None, :, None], (20, 1, 3))
    wide[..., 0] = 90
    padded = ImagePreprocessor((3, 30, 30), padding="border").transform(wide)
    assert (padded[:, [0, -1]] == 0).all()
    assert padded[:, 15].any()


def test_padding_changes_no_image_of_the_right_proportions() -> None:
    for size in ((30, 30), (90, 90)):
        drawn = on_paper(PAPERS["white"], *size)
        plain, coloured = (
            ImagePreprocessor((3, 30, 30), padding=one).transform(drawn)
            for one in ("black", "border")
        )
        assert (plain == coloured).all()


def test_grey_photo_is_padded_with_its_grey_border() -> None:
    page = np.full((20, 60, 1), 128, np.uint8)
    page[5:15, 5:55] = np.random.default_rng(1).integers(0, 256, (10, 50, 1))
    assert set(ImagePreprocessor((1, 30, 30), padding="border").transform(page)[0, 0].tolist()) == {
        128
    }


def test_padding_is_saved_and_defaults_in_older_files() -> None:
    made = ImagePreprocessor((3, 9, 9), padding="border")
    assert ImagePreprocessor.from_json(made.to_json(), (3, 9, 9)) == made
    before = {"shape": [3, 9, 9], "background": "any", "margin": 0.0}
    assert ImagePreprocessor.from_json(before, (3, 9, 9)).padding == "black"
    with pytest.raises(LimitError, match="got 'white', wanted black or border"):
        ImagePreprocessor((3, 9, 9), padding="white")
