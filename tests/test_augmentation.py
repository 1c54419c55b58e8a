"""Data augmentation: the effect of each option, and the random draws."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.core.errors import LimitError
from piecewise.core.ghost_batch import StepContext
from piecewise.reference import augmentation as reference
from piecewise.reference.augmentation import (
    GeometricDraws,
    augment,
    geometric_draws,
    intensity_draws,
)
from piecewise.spec.augmentation import AUGMENTATION, Augmentation
from piecewise.training.recipe import Recipe

ALL_GEOMETRIC = Augmentation(0.2, (0.6, 1.4), 60, 2.3, horizontal_flip=True)
SINGLE_GEOMETRIC = [
    Augmentation(translation=0.5),
    Augmentation(scale=(0.2, 2)),
    Augmentation(rotation=180),
    Augmentation(stroke_width=3),
    Augmentation(horizontal_flip=True),
]
ALL_INTENSITY = Augmentation(contrast=0.6, brightness=0.3, noise=0.5, band_masking=0.4)
SINGLE_INTENSITY = [
    Augmentation(contrast=0.9),
    Augmentation(brightness=1),
    Augmentation(noise=1),
    Augmentation(band_masking=0.9),
]
ZERO = np.zeros(1)
IDENTITY = GeometricDraws(ZERO, ZERO, np.ones(1), ZERO, ZERO, np.array([False]))


def step_context(count: int, seed: int = 5, epoch: int = 3) -> StepContext:
    return StepContext(seed, epoch, np.arange(count))


def apply_geometric(
    monkeypatch: pytest.MonkeyPatch, picture: Array, background: str = "dark", **options: float
) -> Array:
    """One image (H, W) after an augmentation with exactly these draws."""
    draws = IDENTITY._replace(**{name: np.array([value]) for name, value in options.items()})
    monkeypatch.setattr(reference, "geometric_draws", lambda *_: draws)
    batch = np.asarray(picture, np.float32)[None, None]
    return np.asarray(augment(Augmentation(), batch, background, step_context(1))[0, 0])


def random_picture(height: int, width: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)


def test_translation_by_integer_moves_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = random_picture(5, 7)
    moved = apply_geometric(monkeypatch, picture, right=2.0, down=-1.0)
    assert (moved[:-1, 2:] == picture[1:, :-2]).all()
    assert (moved[-1] == -1).all()
    assert (moved[:, :2] == -1).all()
    photo = apply_geometric(monkeypatch, picture, "any", right=2.0, down=-1.0)
    assert (photo[:-1, 2:] == picture[1:, :-2]).all()
    assert (photo[:-1, :2] == picture[1:, :1]).all()
    assert (photo[-1, 2:] == picture[-1, :-2]).all()


def test_translation_by_half_pixel_averages_neighbors(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = apply_geometric(monkeypatch, np.array([[0, 1, 5], [0, 1, 5]]), right=0.5)
    assert moved[0].tolist() == [-0.5, 0.5, 3.0]
    photo = apply_geometric(monkeypatch, np.array([[0, 1, 5], [0, 1, 5]]), "any", right=0.5)
    assert photo[0].tolist() == [0.0, 0.5, 3.0]


def test_rotation_by_90_is_clockwise(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = random_picture(6, 6)
    turned = apply_geometric(monkeypatch, picture, rotation=90.0)
    assert turned == pytest.approx(np.rot90(picture, -1), abs=1e-6)


def test_horizontal_flip_comes_before_translation(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = random_picture(4, 7)
    assert (apply_geometric(monkeypatch, picture, flipped=True) == picture[:, ::-1]).all()
    moved = apply_geometric(monkeypatch, picture, flipped=True, right=1.0)
    assert (moved[:, 1:] == picture[:, ::-1][:, :-1]).all()


def test_scale_by_two_doubles_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = random_picture(9, 9)
    larger = apply_geometric(monkeypatch, picture, scale=2.0)
    assert larger[::2, ::2] == pytest.approx(picture[2:7, 2:7], abs=1e-6)
    smaller = apply_geometric(monkeypatch, picture, scale=0.5)
    assert smaller[2:7, 2:7] == pytest.approx(picture[::2, ::2], abs=1e-6)
    assert (smaller[:1] == -1).all()


def test_stroke_width_dilates_and_erodes(monkeypatch: pytest.MonkeyPatch) -> None:
    dot = -np.ones((7, 7))
    dot[3, 3] = 1
    block = -np.ones((7, 7))
    block[2:5, 2:5] = 1
    assert (apply_geometric(monkeypatch, dot, stroke_width=1.0) == block).all()
    assert (apply_geometric(monkeypatch, block, stroke_width=-1.0) == dot).all()
    assert (apply_geometric(monkeypatch, dot, stroke_width=3.0) == 1).all()
    between = apply_geometric(monkeypatch, dot, stroke_width=1.25)
    assert (between[2:5, 2:5] == 1).all()
    assert between[1, 1:6].tolist() == [-0.5] * 5  # a quarter between -1 and 1
    assert (between[0] == -1).all()


def test_augment_without_options_changes_nothing() -> None:
    pictures = np.random.default_rng(0).normal(size=(20, 3, 9, 12)).astype(np.float32)
    for background in ("dark", "light", "any"):
        assert (augment(Augmentation(), pictures, background, step_context(20)) == pictures).all()


@pytest.mark.parametrize("shape", [(1, 12), (12, 1)])
def test_augment_single_row_keeps_line(shape: tuple[int, int]) -> None:
    line = np.ones((30, 1, *shape), np.float32)
    augmentation = Augmentation(0.1, (1, 2), 180, horizontal_flip=True)
    changed = augment(augmentation, line, "dark", step_context(30))
    assert np.abs(geometric_draws(augmentation, *shape, step_context(30)).rotation).max() == 0
    middle = changed.reshape(30, 12)[:, 3:9]
    assert (middle == 1).all()


def test_geometric_draws_are_uniform_and_independent() -> None:
    draws = geometric_draws(ALL_GEOMETRIC, 10, 20, step_context(20_000))
    for values, low, high in (
        (draws.right, -4, 4),
        (draws.down, -2, 2),
        (draws.scale, 0.6, 1.4),
        (draws.rotation, -60, 60),
        (draws.stroke_width, -2.3, 2.3),
    ):
        counts, _ = np.histogram(values, bins=8, range=(low, high))
        assert counts.sum() == 20_000
        assert np.abs(counts - 2_500).max() < 250
    assert abs(draws.flipped.sum() - 10_000) < 300
    correlations = np.corrcoef(np.stack(draws).astype(float))
    assert np.abs(correlations - np.eye(6)).max() < 0.03


def test_augment_depends_on_seed_epoch_and_index() -> None:
    pictures = np.random.default_rng(0).normal(size=(40, 1, 8, 8)).astype(np.float32)
    augmented = augment(ALL_GEOMETRIC, pictures, "dark", step_context(40))
    chosen = np.array([31, 2, 17])
    assert (
        augment(ALL_GEOMETRIC, pictures[chosen], "dark", StepContext(5, 3, chosen))
        == augmented[chosen]
    ).all()
    for other in (
        step_context(40, seed=6),
        step_context(40, epoch=4),
        StepContext(5, 3, np.arange(1, 41)),
    ):
        changed = augment(ALL_GEOMETRIC, pictures, "dark", other) != augmented
        assert changed.any(axis=(1, 2, 3)).all()


def test_translation_pair_limits_each_axis() -> None:
    down, right = (Augmentation(translation=pair) for pair in ((0.3, 0), (0, 0.3)))
    both = geometric_draws(Augmentation(translation=0.3), 10, 20, step_context(100))
    for augmentation, expected in (
        (down, (0 * both.right, both.down)),
        (right, (both.right, ZERO)),
    ):
        draws = geometric_draws(augmentation, 10, 20, step_context(100))
        assert (draws.right == expected[0]).all()
        assert (draws.down == expected[1]).all()
    assert np.abs(both.right).max() > 5.5
    assert 2.5 < np.abs(both.down).max() <= 3


def uniform_pictures(count: int, shape: tuple[int, int, int], limit: float = 1) -> Array:
    """Images of uniform random values from -limit to limit."""
    rng = np.random.default_rng(0)
    return rng.uniform(-limit, limit, (count, *shape)).astype(np.float32)


def test_contrast_and_brightness_are_affine_per_picture() -> None:
    pictures, augmentation = (
        uniform_pictures(40, (3, 5, 6), 0.3),
        Augmentation(contrast=0.5, brightness=0.2),
    )
    changed = augment(augmentation, pictures, "any", step_context(40))
    draws = intensity_draws(augmentation, 5, 6, step_context(40))
    for x, y, factor, brightness in zip(
        pictures, changed, draws.contrast, draws.brightness, strict=True
    ):
        assert y == pytest.approx(factor * x + brightness, abs=1e-6)
        assert 0.5 <= factor <= 1.5
        assert abs(brightness) <= 0.2
    clipped = augment(
        Augmentation(brightness=1), uniform_pictures(40, (3, 5, 6)), "any", step_context(40)
    )
    assert (clipped.min(), clipped.max()) == (-1, 1)


def test_noise_is_uniform_and_independent_per_pixel() -> None:
    augmentation, zeros = Augmentation(noise=0.8), np.zeros((2_000, 2, 2, 3), np.float32)
    noise = augment(augmentation, zeros, "any", step_context(2_000))
    amplitude = intensity_draws(augmentation, 2, 3, step_context(2_000)).noise
    assert np.histogram(amplitude, 8, (0, 0.8))[0] == pytest.approx([250] * 8, abs=80)
    unit_noise = noise.reshape(2_000, 12) / amplitude[:, None]
    assert np.abs(unit_noise).max() <= 1 + 1e-6
    assert np.histogram(unit_noise, 8, (-1, 1))[0] == pytest.approx([3_000] * 8, abs=250)
    correlations = np.corrcoef(np.concatenate([unit_noise.T, amplitude[None]]))
    assert np.abs(correlations - np.eye(13)).max() < 0.1


def test_band_masking_fills_rows_and_columns() -> None:
    pictures, augmentation = uniform_pictures(4_000, (2, 7, 10), 3), Augmentation(band_masking=0.3)
    changed = augment(augmentation, pictures, "any", step_context(4_000))
    masked = changed == -1
    assert (masked[:, 0] == masked[:, 1]).all()
    assert (changed == pictures)[~masked].all()  # other pixels are unchanged and not clipped
    for masked_lines, max_width in ((masked[:, 0].all(axis=2), 2), (masked[:, 0].all(axis=1), 3)):
        widths = masked_lines.sum(axis=1)
        assert np.bincount(widths) == pytest.approx(
            [4_000 / (max_width + 1)] * (max_width + 1), rel=0.1
        )
        starts = np.diff(np.pad(masked_lines.astype(int), ((0, 0), (1, 1))), axis=1) == 1
        assert (starts.sum(axis=1) == (widths > 0)).all()  # one contiguous band
        start_counts = starts[widths == max_width].sum(axis=0)[
            : masked_lines.shape[1] - max_width + 1
        ]
        assert (
            start_counts.min() > 0.7 * start_counts.mean()
        )  # every position occurs, including both edges
    rows, columns = masked[:, 0].all(axis=2), masked[:, 0].all(axis=1)
    assert (masked[:, 0] == (rows[:, :, None] | columns[:, None, :])).all()


def test_band_masking_comes_last_and_keeps_geometry() -> None:
    pictures, augmentation = (
        uniform_pictures(40, (1, 8, 9)),
        replace(ALL_GEOMETRIC, band_masking=0.4),
    )
    moved = augment(ALL_GEOMETRIC, pictures, "dark", step_context(40))
    changed = augment(augmentation, pictures, "dark", step_context(40))
    assert ((changed == moved) | (changed == -1)).all()
    assert (changed != moved).any()
    noisy = augment(replace(augmentation, noise=1), pictures, "dark", step_context(40))
    assert (noisy[(changed == -1) & (moved != -1)] == -1).all()


def test_intensity_draws_are_independent() -> None:
    draws = intensity_draws(ALL_INTENSITY, 900, 900, step_context(20_000))
    variables = [*geometric_draws(ALL_GEOMETRIC, 9, 9, step_context(20_000)), *draws[:3]]
    for band in (draws.rows, draws.columns):
        start, stop = band
        variables += [stop - start, start / (900 - stop + start)]
    correlations = np.corrcoef(np.stack(variables).astype(float))
    assert np.abs(correlations - np.eye(13)).max() < 0.03


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Augmentation(translation=0.6), "translation: got 0.6, wanted a number from 0 to"),
        (lambda: Augmentation(translation=(0, -0.1)), "translation: right: got -0.1, wanted a n"),
        (lambda: Augmentation(translation=(0.6, 0)), "translation: down: got 0.6, wanted a number"),
        (lambda: Augmentation(translation=(0.1,)), "translation: got .*, wanted one number from"),  # type: ignore[arg-type]
        (lambda: Augmentation(scale=(0.1, 1)), "scale: smallest: got 0.1, wanted"),
        (lambda: Augmentation(scale=(1, 2.5)), "scale: largest: got 2.5, wanted"),
        (lambda: Augmentation(scale=1.5), "scale: got 1.5, wanted the smallest and"),  # type: ignore[arg-type]
        (lambda: Augmentation(rotation=181), "rotation: got 181, wanted"),
        (lambda: Augmentation(stroke_width=float("nan")), "stroke_width: got nan, wanted"),
        (lambda: Augmentation(horizontal_flip=1), "horizontal_flip: got 1, wanted True or False"),  # type: ignore[arg-type]
        (lambda: Augmentation(contrast=1), "contrast: got 1, wanted a number from 0 to 0.9"),
        (
            lambda: Augmentation(brightness=-0.1),
            "brightness: got -0.1, wanted a number from 0 to 1",
        ),
        (lambda: Augmentation(noise=1.5), "noise: got 1.5, wanted a number from 0 to 1"),
        (
            lambda: Augmentation(band_masking=1),
            "band_masking: got 1, wanted a number from 0 to 0.9",
        ),
    ],
)
def test_augmentation_option_outside_limit_raises(make: Callable[[], object], words: str) -> None:
    with pytest.raises(LimitError, match=f"augmentation: {words}"):
        make()


def test_augmentation_changes_anything_matches_options() -> None:
    assert not Augmentation().changes_anything
    assert all(
        augmentation.changes_anything and augmentation.changes_geometry
        for augmentation in (ALL_GEOMETRIC, *SINGLE_GEOMETRIC)
    )
    assert all(
        augmentation.changes_anything and not augmentation.changes_geometry
        for augmentation in (ALL_INTENSITY, *SINGLE_INTENSITY)
    )
    assert Augmentation(translation=0.5) == Augmentation(translation=(0.5, 0.5))
    assert Augmentation(scale=[0.5, 1]) == Augmentation(scale=(0.5, 1))  # type: ignore[arg-type]


def test_recipe_json_round_trips_augmentation() -> None:
    for augmentation in (
        Augmentation(),
        ALL_GEOMETRIC,
        ALL_INTENSITY,
        Augmentation(translation=(0, 0.1)),
    ):
        fields = json.loads(json.dumps(Recipe(augmentation=augmentation).to_json()))
        assert fields == Recipe(augmentation=augmentation).to_json()
        assert Recipe(**fields).augmentation == augmentation
    one_number = {
        "translation": 0.2, "scale": [0.6, 1.4], "rotation": 60, "stroke_width": 2.3,
        "horizontal_flip": True,
    }  # fmt: skip
    assert Recipe(augmentation=one_number).augmentation == ALL_GEOMETRIC  # type: ignore[arg-type]


def test_max_band_is_integer() -> None:
    augmentation = Augmentation(band_masking=0.29)
    assert [augmentation.max_band(side) for side in (1, 3, 4, 40, 100)] == [0, 0, 1, 11, 29]
    assert Augmentation(band_masking=0.9).max_band(1) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "bogus",
            "there is no 'bogus'; known names: band_masking, brightness, contrast, "
            "horizontal_flip,",
        ),
        ("rotatoin 3, horizontal_flip", "there is no 'rotatoin'; did you mean 'rotation'?"),
    ],
)
def test_augmentation_unknown_name_lists_known_names(text: str, words: str) -> None:
    with pytest.raises(LimitError, match=f"augmentation: {re.escape(words)}"):
        AUGMENTATION.read(text)
