"""Training-time tricks: what they mean, and what they hang on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from piecewise.errors import LimitError
from piecewise.groups import Moment
from piecewise.reference import tricks as reference
from piecewise.reference.tricks import Draws, draws, trick
from piecewise.tricks import Augmentation

Array = npt.NDArray[Any]

ALL = Augmentation(0.2, (0.6, 1.4), 60, 2.3, flip=True)
ALONE = [
    Augmentation(translation=0.5),
    Augmentation(scaling=(0.2, 2)),
    Augmentation(rotation=180),
    Augmentation(weight=3),
    Augmentation(flip=True),
]
NONE = np.zeros(1)
STILL = Draws(NONE, NONE, np.ones(1), NONE, NONE, np.array([False]))


def moment(count: int, seed: int = 5, epoch: int = 3) -> Moment:
    return Moment(seed, epoch, np.arange(count))


def as_drawn(
    monkeypatch: pytest.MonkeyPatch, picture: Array, ground: str = "dark", **drawn: float
) -> Array:
    """One picture (H, W) after exactly these tricks."""
    chosen = STILL._replace(**{name: np.array([value]) for name, value in drawn.items()})
    monkeypatch.setattr(reference, "draws", lambda *_: chosen)
    stack = np.asarray(picture, np.float32)[None, None]
    return np.asarray(trick(Augmentation(), stack, ground, moment(1))[0, 0])


def random_picture(height: int, width: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)


def test_a_shift_by_whole_pixels_moves_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = random_picture(5, 7)
    moved = as_drawn(monkeypatch, picture, right=2.0, down=-1.0)
    assert (moved[:-1, 2:] == picture[1:, :-2]).all()
    assert (moved[-1] == -1).all()
    assert (moved[:, :2] == -1).all()
    photo = as_drawn(monkeypatch, picture, "any", right=2.0, down=-1.0)
    assert (photo[:-1, 2:] == picture[1:, :-2]).all()
    assert (photo[:-1, :2] == picture[1:, :1]).all()
    assert (photo[-1, 2:] == picture[-1, :-2]).all()


def test_half_a_pixel_is_half_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = as_drawn(monkeypatch, np.array([[0, 1, 5], [0, 1, 5]]), right=0.5)
    assert moved[0].tolist() == [-0.5, 0.5, 3.0]
    photo = as_drawn(monkeypatch, np.array([[0, 1, 5], [0, 1, 5]]), "any", right=0.5)
    assert photo[0].tolist() == [0.0, 0.5, 3.0]


def test_a_quarter_turn_is_clockwise(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = random_picture(6, 6)
    turned = as_drawn(monkeypatch, picture, rotation=90.0)
    assert turned == pytest.approx(np.rot90(picture, -1), abs=1e-6)


def test_a_flip_mirrors_left_and_right_before_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = random_picture(4, 7)
    assert (as_drawn(monkeypatch, picture, mirrored=True) == picture[:, ::-1]).all()
    moved = as_drawn(monkeypatch, picture, mirrored=True, right=1.0)
    assert (moved[:, 1:] == picture[:, ::-1][:, :-1]).all()


def test_twice_the_size_is_every_pixel_twice_as_far_out(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = random_picture(9, 9)
    larger = as_drawn(monkeypatch, picture, scaling=2.0)
    assert larger[::2, ::2] == pytest.approx(picture[2:7, 2:7], abs=1e-6)
    smaller = as_drawn(monkeypatch, picture, scaling=0.5)
    assert smaller[2:7, 2:7] == pytest.approx(picture[::2, ::2], abs=1e-6)
    assert (smaller[:1] == -1).all()


def test_a_dot_grows_and_a_block_shrinks(monkeypatch: pytest.MonkeyPatch) -> None:
    dot = -np.ones((7, 7))
    dot[3, 3] = 1
    block = -np.ones((7, 7))
    block[2:5, 2:5] = 1
    assert (as_drawn(monkeypatch, dot, weight=1.0) == block).all()
    assert (as_drawn(monkeypatch, block, weight=-1.0) == dot).all()
    assert (as_drawn(monkeypatch, dot, weight=3.0) == 1).all()
    between = as_drawn(monkeypatch, dot, weight=1.25)
    assert (between[2:5, 2:5] == 1).all()
    assert between[1, 1:6].tolist() == [-0.5] * 5  # a quarter of the way from -1 to 1
    assert (between[0] == -1).all()


def test_no_tricks_leave_every_number_as_it_is() -> None:
    pictures = np.random.default_rng(0).normal(size=(20, 3, 9, 12)).astype(np.float32)
    for ground in ("dark", "light", "any"):
        assert (trick(Augmentation(), pictures, ground, moment(20)) == pictures).all()


@pytest.mark.parametrize("shape", [(1, 12), (12, 1)])
def test_a_line_is_never_left(shape: tuple[int, int]) -> None:
    line = np.ones((30, 1, *shape), np.float32)
    tricks = Augmentation(0.1, (1, 2), 180, flip=True)
    changed = trick(tricks, line, "dark", moment(30))
    assert np.abs(draws(tricks, *shape, moment(30)).rotation).max() == 0
    middle = changed.reshape(30, 12)[:, 3:9]
    assert (middle == 1).all()


def test_draws_are_spread_over_all_that_is_allowed() -> None:
    drawn = draws(ALL, 10, 20, moment(20_000))
    for values, low, high in (
        (drawn.right, -4, 4),
        (drawn.down, -2, 2),
        (drawn.scaling, 0.6, 1.4),
        (drawn.rotation, -60, 60),
        (drawn.weight, -2.3, 2.3),
    ):
        counts, _ = np.histogram(values, bins=8, range=(low, high))
        assert counts.sum() == 20_000
        assert np.abs(counts - 2_500).max() < 250
    assert abs(drawn.mirrored.sum() - 10_000) < 300
    parts = np.corrcoef(np.stack(drawn).astype(float))
    assert np.abs(parts - np.eye(6)).max() < 0.03


def test_a_picture_s_tricks_hang_on_seed_epoch_and_its_number() -> None:
    pictures = np.random.default_rng(0).normal(size=(40, 1, 8, 8)).astype(np.float32)
    whole = trick(ALL, pictures, "dark", moment(40))
    chosen = np.array([31, 2, 17])
    assert (trick(ALL, pictures[chosen], "dark", Moment(5, 3, chosen)) == whole[chosen]).all()
    for other in (moment(40, seed=6), moment(40, epoch=4), Moment(5, 3, np.arange(1, 41))):
        changed = trick(ALL, pictures, "dark", other) != whole
        assert changed.any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Augmentation(translation=0.6), "translation: got 0.6, wanted a number from 0 to"),
        (lambda: Augmentation(scaling=(0.1, 1)), "smallest scaling: got 0.1, wanted"),
        (lambda: Augmentation(scaling=(1, 2.5)), "largest scaling: got 2.5, wanted"),
        (lambda: Augmentation(scaling=1.5), "scaling: got 1.5, wanted the smallest and"),  # type: ignore[arg-type]
        (lambda: Augmentation(rotation=181), "rotation: got 181, wanted"),
        (lambda: Augmentation(weight=float("nan")), "weight: got nan, wanted"),
        (lambda: Augmentation(flip=1), "flip: got 1, wanted True or False"),  # type: ignore[arg-type]
    ],
)
def test_what_is_outside_a_limit_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(LimitError, match=f"augmentation: {words}"):
        make()


def test_an_augmentation_says_whether_it_changes_anything() -> None:
    assert not Augmentation().changes
    assert all(one.changes for one in (ALL, *ALONE))
    assert Augmentation(scaling=[0.5, 1]) == Augmentation(scaling=(0.5, 1))  # type: ignore[arg-type]
