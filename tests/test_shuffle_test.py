"""The deck's test whether data are for a ConvNet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.core.errors import DataError
from piecewise.core.progress import Progress
from piecewise.data.dataset import Dataset, read_data
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.data.xo import make_xo
from piecewise.network import Network
from piecewise.training import shuffle_test as module
from piecewise.training.shuffle_test import interval, shuffle_test


def tricky(count: int) -> Dataset:
    """Drawings of X and O that a few examples do not teach."""
    drawn = make_xo(count, 16, seed=2)
    parts = np.full(count, "train")
    return Dataset(drawn.inputs, drawn.labels, drawn.classes, parts, drawn.preprocessor)


def table(path: Path, count: int, *, waves: bool = False) -> Dataset:
    """A table as pictures of one row: independent columns whose means hang on the class; or, with
    ``waves``, one ramp up or down, wherever it stands."""
    rng = np.random.default_rng(1)
    labels = np.arange(count) % 2
    if waves:
        start = rng.integers(0, 24, count)[:, None]
        at = (np.arange(32) - start).clip(-1, 8)
        ramp = np.where(labels[:, None], at, 7 - at) * 30.0
        values = np.where((at >= 0) & (at < 8), ramp, 0) + rng.uniform(0, 20, (count, 32))
    else:
        means = 128 + 9 * rng.choice([-1, 1], (2, 20))
        values = means[labels] + rng.normal(size=(count, 20)) * 30
    images = values.clip(0, 255).astype(np.uint8)[:, None, :]
    np.savez(path, images=images, labels=labels, class_names=["sick", "well"])
    return read_data(path)


def drawings_of(counts: tuple[int, ...]) -> Dataset:
    """So many drawings of each class, in the order of the classes."""
    drawn = make_xo(sum(counts), 9, seed=0)
    labels = np.repeat(np.arange(len(counts)), counts)
    names = tuple(f"class {number}" for number in range(len(counts)))
    parts = np.full(len(labels), "train")
    return Dataset(drawn.inputs, labels, names, parts, drawn.preprocessor)


@pytest.fixture
def trained_classes(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    """The classes of the examples of each training, which is left out."""
    seen = list[set[int]]()

    def spy(net: Network, inputs: Array, labels: Array, *_: object, **__: object) -> None:
        seen.append(set(labels.tolist()))

    monkeypatch.setattr(module, "train", spy)
    return seen


def test_shuffle_test_table_finds_no_difference(tmp_path: Path) -> None:
    found = shuffle_test(table(tmp_path / "table.npz", 2000))
    assert found.verdict == "no difference"
    assert found.axes == "columns"
    assert found.accuracy > 0.7  # it is learned, as well
    assert found.interval[0] < 0 < found.interval[1]
    assert "a ConvNet does not suit these data" in found.sentence


def test_shuffle_test_signals_in_one_row_need_column_order(tmp_path: Path) -> None:
    found = shuffle_test(table(tmp_path / "waves.npz", 1000, waves=True))
    assert found.verdict == "columns matter"
    assert found.interval[0] > 0


def test_shuffle_test_drawings_need_column_order_and_result_is_reproducible() -> None:
    heard: list[Progress] = []
    found = shuffle_test(tricky(600), on_progress=heard.append)
    assert found.verdict == "columns matter"
    assert found.axes == "columns and rows"
    assert found.difference == pytest.approx(found.accuracy - found.shuffled_accuracy)
    assert found.n == 600
    assert heard[:10] == [Progress("shuffle test", done, 10) for done in range(1, 11)]
    assert shuffle_test(tricky(600), threads=1) == found
    assert shuffle_test(tricky(600), seed=1) != found


def test_shuffle_test_ignores_test_split() -> None:
    data = tricky(300)
    parts = np.where(np.arange(300) < 200, "train", "test")
    one = replace(data, splits=parts)
    spoiled = data.inputs.copy()
    spoiled[200:] = 255 - spoiled[200:]
    labels = np.where(parts == "test", 0, data.labels)
    other = replace(data, inputs=spoiled, labels=labels, splits=parts)
    assert shuffle_test(one) == shuffle_test(other)
    assert shuffle_test(one).n == 200


def test_shuffle_test_few_examples_are_inconclusive() -> None:
    assert shuffle_test(tricky(20)).verdict in ("too little", "nothing learned")
    noise = tricky(200)
    labels = np.random.default_rng(0).integers(0, 2, 200)
    found = shuffle_test(replace(noise, labels=labels))
    assert found.verdict in ("nothing learned", "too little")
    assert found.interval[0] < 0 < found.interval[1]


@pytest.mark.parametrize(
    ("counts", "rounds"), [((7, 5), 5), ((7, 4), 4), ((12, 2), 2), ((9, 2, 2), 4)]
)
def test_shuffle_test_trains_every_round_on_two_classes(
    counts: tuple[int, ...], rounds: int, trained_classes: list[set[int]]
) -> None:
    found = shuffle_test(drawings_of(counts))
    assert found.rounds == rounds
    assert len(trained_classes) == 2 * rounds
    assert min(len(classes) for classes in trained_classes) == 2


def test_shuffle_test_with_groups_trains_every_round_on_two_classes(
    trained_classes: list[set[int]],
) -> None:
    data = drawings_of((15, 10))  # the groups a, b and c have one class each
    groups = np.array([*"aaaaabbbbbddeee", *"cccccddeee"])
    assert shuffle_test(replace(data, groups=groups)).rounds == 2
    assert trained_classes == [{0, 1}] * 4
    one_class_each = np.array(["x", "o"])[data.labels]
    with pytest.raises(DataError, match="groups that leave a part with a single class"):
        shuffle_test(replace(data, groups=one_class_each))


def test_shuffle_test_too_few_columns_classes_or_groups() -> None:
    data = tricky(40)
    narrow = replace(data, inputs=data.inputs[..., :3], preprocessor=ImagePreprocessor((1, 16, 3)))
    assert shuffle_test(narrow).verdict == "too few columns"
    with pytest.raises(DataError, match="two classes or more"):
        shuffle_test(replace(data, labels=np.zeros(40, np.int64)))
    with pytest.raises(DataError, match="a single group"):
        shuffle_test(replace(data, groups=np.array(["me"] * 40)))


def test_shuffle_test_large_dataset_is_sampled_with_groups() -> None:
    data = tricky(3500)
    groups = np.array([f"writer {number // 100}" for number in range(3500)])
    found = shuffle_test(replace(data, groups=groups))
    assert 2900 < found.n <= 3000
    assert found.to_json()["method"].startswith("mean of paired differences")


def test_interval_covers_the_difference_95_times_of_100() -> None:
    rng = np.random.default_rng(4)
    met = 0
    for _ in range(300):
        examples, rounds = rng.normal(size=400) * 0.2, rng.normal(size=5) * 0.02
        probabilities = 0.1 + rounds[:, None] + examples  # of a difference, around one of 0.1
        apart = np.clip(np.rint(probabilities + rng.uniform(-0.5, 0.5, (5, 400))), -1, 1)
        apart[np.arange(400) % 5 == np.arange(5)[:, None]] = np.nan
        low, high = interval(apart)
        met += low <= 0.1 <= high
    assert met >= 280


def test_interval_of_few_equal_differences_is_wide() -> None:
    low, high = interval(np.zeros((5, 20)))
    assert low == -high
    assert high > 0.1
    assert interval(np.zeros((5, 3000)))[1] < 0.005
    assert interval(np.ones((5, 50)))[1] == 1


def test_interval_does_not_depend_on_order() -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        apart = rng.normal(size=(5, 300)) * 0.2
        apart[np.arange(300) % 5 == np.arange(5)[:, None]] = np.nan
        mixed = apart[rng.permutation(5)][:, rng.permutation(300)]
        assert interval(mixed) == interval(apart)
