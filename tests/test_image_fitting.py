"""What is decided from a set of images: levels, backdrop, drawings or photos, place and size."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import piecewise as pw
from piecewise.core.array_types import Array, Uint8
from piecewise.core.errors import DataError, LimitError
from piecewise.data.dataset import read_data
from piecewise.data.images.background import plainness
from piecewise.data.images.decoding import decode_picture, read_picture
from piecewise.data.images.fitting import fit_image_preprocessor
from piecewise.data.images.levels import Extent, fit_backdrop, fit_levels, to_pixels
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.data.inspection.report import inspect_data, warnings
from piecewise.training.defaults import PLACED_AUGMENTATION, augmentation_for


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def decoded(image: Image.Image, kind: str = "PNG") -> Array:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return decode_picture(buffer.getvalue())


def ramp(highest: float, dtype: Any = np.uint16) -> Array:
    levels = np.linspace(0, highest, 64 * 64).reshape(64, 64).astype(dtype)
    return decoded(Image.fromarray(levels), "TIFF")


# Levels of more than 8 bits.


@pytest.mark.parametrize("highest", [[4_095, 4_096], [4_096, 4_095, 3_000], [1_023.0, 1_040]])
def test_set_of_deep_images_has_one_white_level(highest: list[int]) -> None:
    pictures = [ramp(one) for one in highest]
    preprocessor = fit_image_preprocessor(pictures)
    bytes_of = [preprocessor.transform(one).astype(int) for one in pictures]
    means = [one.mean() for one in bytes_of]
    ratios = [mean / one for mean, one in zip(means, highest, strict=True)]
    assert max(ratios) < 1.02 * min(ratios)  # the same level gives the same byte
    assert max(one.max() for one in bytes_of) >= 250


def test_white_level_of_net_is_that_of_its_training_images() -> None:
    preprocessor = fit_image_preprocessor([ramp(highest) for highest in (60_000, 9_000, 300)])
    assert preprocessor.level_range == (0, 65_535)
    dark = preprocessor.transform(ramp(300))
    assert dark.max() == 1  # alone, it would be white
    assert to_pixels(ramp(300)).max() > 50
    saved = ImagePreprocessor.from_json(preprocessor.to_json(), preprocessor.shape)
    assert saved == preprocessor
    assert saved.transform(np.full((64, 64, 1), 200, np.uint8)).max() == 200  # bytes are bytes


def test_floats_just_above_one_are_fractions() -> None:
    one, more = ramp(1.0, np.float32), ramp(1.02, np.float32)
    preprocessor = fit_image_preprocessor([one, more])
    assert preprocessor.level_range == (0, 1)
    apart = np.abs(preprocessor.transform(one).astype(int) - preprocessor.transform(more))
    assert apart.max() <= 6
    alone = [read_picture(file).astype(int) for file in map(_tiff, (1.0, 1.02))]
    assert np.abs(alone[0] - alone[1]).max() <= 6


def _tiff(highest: float) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(ramp(highest, np.float32)[..., 0]).save(buffer, "TIFF")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("extents", "levels"),
    [
        ([], None),
        ([(0, 255, False)], (0, 255)),
        ([(0, 300, False)], (0, 1_023)),
        ([(0, 4_100, False)], (0, 4_095)),
        ([(0, 70_000, False)], (0, 2**20 - 1)),
        ([(-1_024, 3_071, False)], (-1_024, 4_095)),
        ([(-1, 1, True)], (-1, 1)),
        ([(0, 3.5, True)], (0, 3.5)),
        ([(0, 300, True)], (0, 300)),
        ([(0, 60_000, True)], (0, 65_535)),
        ([(0, 4_000, False)] * 18 + [(0, 65_535, False)], (0, 65_535)),
        ([(0, 4_000, False)] * 39 + [(0, 65_535, False)], (0, 4_095)),  # a broken pixel
    ],
)
def test_fit_levels(extents: list[tuple[float, float, bool]], levels: object) -> None:
    assert fit_levels([Extent(*extent) for extent in extents]) == levels


@pytest.mark.parametrize("levels", [(1, 1), (2, 1), (0,), "ab", (0, float("inf"))])
def test_invalid_level_range_is_refused(levels: Any) -> None:
    with pytest.raises(LimitError):
        ImagePreprocessor((1, 9, 9), level_range=levels)
    with pytest.raises(DataError, match="preprocessing: "):
        ImagePreprocessor.from_json(
            {**ImagePreprocessor((1, 9, 9)).to_json(), "level_range": levels}, (1, 9, 9)
        )


# Transparency.


def icon(ink: tuple[int, int, int], shape: str = "ellipse", size: int = 40) -> Array:
    image = Image.new("RGBA", (size, size), (*ink, 0))
    getattr(ImageDraw.Draw(image), shape)((8, 8, size - 8, size - 8), fill=(*ink, 255))
    return decoded(image)


@pytest.mark.parametrize(
    ("inks", "backdrop"),
    [
        ([(0, 0, 0)], "white"),
        ([(255, 255, 255)], "black"),
        ([(255, 255, 0)], "white"),  # yellow differs from white in blue
        ([(200, 30, 30), (20, 90, 200)], "white"),
        ([(0, 0, 0), (255, 255, 255)], "grey"),
    ],
)
def test_backdrop_of_set_shows_every_image(inks: list[tuple[int, int, int]], backdrop: str) -> None:
    pictures = [icon(ink, shape) for ink in inks for shape in ("ellipse", "rectangle")] * 4
    preprocessor = fit_image_preprocessor(pictures)
    assert preprocessor.backdrop == backdrop
    for picture in pictures:
        inputs = preprocessor.transform(picture)
        assert int(inputs.max()) - int(inputs.min()) > 90
    assert ImagePreprocessor.from_json(preprocessor.to_json(), preprocessor.shape) == preprocessor


def test_white_icon_is_seen_by_a_net_that_learned_without_transparency() -> None:
    net = ImagePreprocessor((1, 40, 40), "light")
    black, white = net.transform(icon((0, 0, 0))), net.transform(icon((255, 255, 255)))
    assert net.warning(icon((255, 255, 255))) is None
    assert (black == white).all()  # both are dark ink on a light background


def test_backdrop_needs_transparent_images() -> None:
    assert fit_backdrop([]) is None
    opaque = decoded(Image.new("RGBA", (9, 9), (250, 250, 250, 255)))
    assert opaque.shape == (9, 9, 3)
    assert fit_image_preprocessor([opaque]).backdrop is None
    clear = decoded(Image.new("RGBA", (9, 9), (250, 250, 250, 0)))
    assert (to_pixels(clear) == 255).all()


# Drawings or photos.


def letters(count: int = 60, size: int = 28) -> list[Uint8]:
    made = pw.make_xo(count, size=size, seed=4).inputs
    return [picture.transpose(1, 2, 0) for picture in made]


def scanned(picture: Uint8, noise: float, shade: float) -> Uint8:
    """Ink on paper that is lit from one side."""
    large = np.asarray(Image.fromarray(picture[..., 0]).resize((90, 90)), np.float64) / 255
    rows, columns = np.mgrid[-1:1:90j, -1:1:90j]
    tilt = shade * (rows * rng().normal() + columns)
    levels = 235 + tilt - 170 * large + rng().normal(0, noise, large.shape)
    return np.asarray(np.clip(levels, 0, 255)[..., None], np.uint8)


def full(picture: Uint8) -> Uint8:
    """The ink fills the whole image, as in small scans of digits."""
    image = Image.fromarray(picture[..., 0])
    return np.asarray(image.crop(image.getbbox()).resize((8, 8)))[..., None]


@pytest.mark.parametrize(
    "pictures",
    [
        letters(),
        [255 - one for one in letters()],
        [one if number % 2 else 255 - one for number, one in enumerate(letters())],
        [full(one) for one in letters()],
        [scanned(one, 5, 0) for one in letters()],
        [scanned(one, 25, 0) for one in letters()],
        [scanned(one, 5, 30) for one in letters()],
        [scanned(one, 12, 25) for one in letters()],
    ],
    ids=["dark", "light", "mixed", "full", "scan", "noise", "shade", "both"],
)
def test_ink_on_plain_background_is_drawings_without_warnings(pictures: list[Uint8]) -> None:
    for half in (pictures, pictures[::2], pictures[1::2], pictures[:9]):
        preprocessor = fit_image_preprocessor(half)
        assert preprocessor.kind == "drawings"
        assert sum(preprocessor.warning(one) is not None for one in half) <= len(half) / 100


def test_ink_that_covers_most_of_an_image_is_a_drawing_in_a_set() -> None:
    discs = [disc(24, 24, radius, (48, 48)) for radius in np.linspace(15, 23, 40).tolist()]
    assert (plainness(np.stack(discs)[..., 0]) < 1).mean() > 0.2  # by themselves, they are photos
    for some in (discs, discs[::3], discs[20:]):
        preprocessor = fit_image_preprocessor(some)
        assert (preprocessor.kind, preprocessor.background) == ("drawings", "light")
        assert not [one for one in some if preprocessor.warning(one)]


def scenes(count: int = 40) -> list[Uint8]:
    """Smooth levels everywhere, as in photos."""
    made = []
    for noise in rng().normal(0, 1, (count, 6, 6)):
        small = np.clip(128 + 70 * noise, 0, 255).astype(np.uint8)
        made.append(np.asarray(Image.fromarray(small).resize((32, 32)))[..., None])
    return made


@pytest.mark.parametrize("light", [1, 0.5, 0.3, 0.12, -0.5, -0.3])
def test_dark_and_bright_scenes_are_photos(light: float) -> None:
    pictures = [
        (one * light if light > 0 else 255 + (255.0 - one) * light).astype(np.uint8)
        for one in scenes()
    ]
    preprocessor = fit_image_preprocessor(pictures)
    assert preprocessor.kind == "photos"


def test_drawing_unlike_the_learned_ones_gets_a_warning() -> None:
    preprocessor = fit_image_preprocessor([full(one) for one in letters()])
    assert preprocessor.least_plain < 1
    words = "it is not a drawing on a plain background, unlike the training images"
    assert {preprocessor.warning(one) for one in scenes()} == {words}
    assert preprocessor.warning(np.full((8, 8, 1), 9, np.uint8)) == "there is no ink in it"
    faint = [(one // 9) for one in letters()]  # contrast below what is always ink
    blank = fit_image_preprocessor([*faint[:2], *letters()])
    assert blank.warning(faint[0]) is None
    assert blank.warning(faint[0] * 0) == "there is no ink in it"


# Place and size.


def page(size: tuple[int, int], draw: Any) -> Uint8:
    image = Image.new("L", size, 255)
    draw(ImageDraw.Draw(image))
    return np.asarray(image)[..., None]


def disc(x: float, y: float, radius: float, size: tuple[int, int] = (64, 64)) -> Uint8:
    box = (x - radius, y - radius, x + radius, y + radius)
    return page(size, lambda on: on.ellipse(box, fill=0))


def placed(name: str, count: int = 24) -> tuple[list[Uint8], list[str]]:
    pictures, labels, draw = [], [], rng()
    for number in range(count):
        second = number % 2
        near, far = draw.uniform(8, 24) + 32 * second, draw.uniform(8, 56)
        if name == "left or right":
            picture = disc(near, far, 4)
        elif name == "top or bottom":
            picture = disc(far, near, 4)
        elif name == "small or large":
            picture = disc(32, 32, draw.uniform(4, 8) + 14 * second)
        else:  # on canvases of several sizes
            side = int(draw.choice([50, 100, 200]))
            radius = side * (draw.uniform(0.06, 0.12) + 0.22 * second)
            picture = disc(side / 2, side / 2, radius, (side, side))
        pictures.append(picture)
        labels.append(("one", "two")[second])
    return pictures, labels


@pytest.mark.parametrize(
    "name", ["left or right", "top or bottom", "small or large", "several sizes"]
)
@pytest.mark.parametrize("count", [10, 24])
def test_place_and_size_are_kept_where_they_tell_classes(name: str, count: int) -> None:
    pictures, labels = placed(name, count)
    preprocessor = fit_image_preprocessor(pictures, labels=labels)
    assert preprocessor.framing == "canvas"
    assert preprocessor.description.endswith(", place and size of the ink kept")
    inputs = np.stack([preprocessor.transform(one) for one in pictures])
    of_class = [{one.tobytes() for one in inputs[number::2]} for number in (0, 1)]
    assert of_class[0].isdisjoint(of_class[1])
    assert augmentation_for(inputs, preprocessor) == PLACED_AUGMENTATION
    assert fit_image_preprocessor(pictures, framing="ink", labels=labels).framing == "ink"
    assert fit_image_preprocessor(pictures).framing == "ink"  # nothing is known of classes
    shuffled = rng().permutation(labels).tolist()
    assert fit_image_preprocessor(pictures, labels=shuffled).framing == "ink"


def test_letters_anywhere_are_cropped_to_their_ink() -> None:
    pictures, labels, draw = [], [], rng()
    for number in range(60):
        radius = int(draw.integers(8, 22))
        x, y = draw.integers(radius + 2, 88 - radius, 2).tolist()
        box = (x - radius, y - radius, x + radius, y + radius)
        labels.append("XO"[number % 2])

        def mark(on: Any, box: Any = box, letter: str = labels[-1]) -> None:
            if letter == "O":
                on.ellipse(box, outline=0, width=3)
            else:
                on.line(box, 0, 3)
                on.line((box[0], box[3], box[2], box[1]), 0, 3)

        pictures.append(page((90, 90), mark))
    assert fit_image_preprocessor(pictures, labels=labels).framing == "ink"


def test_canvas_keeps_place_on_any_background_and_proportion() -> None:
    canvas = ImagePreprocessor((1, 20, 20), "dark", 0.1, framing="canvas")
    left = disc(10, 30, 6, (80, 60))
    for picture in (left, 255 - left, left // 2 + 100):
        inputs = canvas.transform(picture)[0]
        rows, columns = np.nonzero(inputs > 127)
        assert inputs.max() == 255
        assert not inputs[:, 8:].any()
        assert abs(columns.mean() - 2) < 1
        assert abs(rows.mean() - (2.5 + 7.5)) < 1  # padded by 2.5 rows, in the colour of the paper


def saved(folder: Path, pictures: list[Uint8], labels: list[str]) -> Path:
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture[..., 0]).save(folder / label / f"{number:03}.png")
    return folder


def test_read_data_keeps_place_and_reports_no_conflicts(tmp_path: Path) -> None:
    pictures, labels = placed("left or right")
    pictures = [disc(16 + 32 * (label == "two"), 32, 4) for label in labels]
    folder = saved(tmp_path, pictures, labels)
    data = read_data(folder)
    assert isinstance(data.preprocessor, ImagePreprocessor)
    assert data.preprocessor.framing == "canvas"
    assert not inspect_data(data).exact.conflict_count
    cropped = read_data(folder, framing="ink")
    (message,) = (one for one in warnings(cropped) if "another class" in one)
    assert message.endswith(", or keep the place and size of their ink (`framing` canvas)")
    with pytest.raises(LimitError, match="got 'place', wanted auto or ink or canvas"):
        read_data(folder, framing="place")


def test_sets_that_may_be_photos_get_a_trial_of_both() -> None:
    for pictures, names in (
        ([full(one) for one in letters()], ["default", "layers and augmentation of photos"]),
        (letters(), ["default"]),
        (scenes(), ["default", "mirrored", "hidden layer"]),
    ):
        preprocessor = fit_image_preprocessor(pictures)
        inputs = np.stack([preprocessor.transform(one) for one in pictures])
        labels = np.arange(len(inputs)) % 2
        splits = np.full(len(inputs), "train")
        plan = pw.plan_training(pw.Dataset(inputs, labels, ("a", "b"), splits, preprocessor))
        assert [one.name for one in plan.candidates] == names
