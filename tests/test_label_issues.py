"""Likely wrong labels: planted ones are found, and what is for testing is left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from piecewise.core.errors import DataError, LimitError
from piecewise.core.progress import Progress
from piecewise.core.rng import derive_key, permutation
from piecewise.data.dataset import Dataset, read_data
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.data.xo import PLAIN, make_xo
from piecewise.insight.data_quality import label_issues
from piecewise.insight.data_quality.label_issues import LabelIssue, find_label_issues
from piecewise.training.train import train

from .real_data import real
from .steps import recording_results

SIZE, LITTLE = 12, "conv 6 3, relu, pool 2, full"


def data_of(count: int, planted: int, tested: int = 0, seed: int = 0) -> tuple[Dataset, set[int]]:
    """Drawn X's and O's, the last ones for testing; labels planted in the others, and where."""
    drawn = make_xo(count, size=SIZE, seed=seed, variation=PLAIN)
    parts = np.where(np.arange(count) >= count - tested, "test", "train")
    wrong = permutation(derive_key(seed, 99), count - tested)[:planted]
    labels = drawn.labels.copy()
    labels[wrong] = 1 - labels[wrong]
    names = [f"drawing {index}" for index in range(count)]
    given = Dataset(drawn.inputs, labels, drawn.classes, parts, drawn.preprocessor, names=names)
    return given, set(wrong.tolist())


@pytest.fixture(scope="module")
def found() -> tuple[Dataset, set[int], list[LabelIssue]]:
    data, wrong = data_of(240, 10, tested=40)
    return data, wrong, find_label_issues(data, layers=LITTLE)


def test_label_issues_planted_wrong_labels_rank_first(
    found: tuple[Dataset, set[int], list[LabelIssue]],
) -> None:
    data, wrong, issues = found
    assert {one.index for one in issues[:10]} == wrong
    for one in issues[:10]:
        given, other = (
            data.classes[data.labels[one.index]],
            data.classes[1 - data.labels[one.index]],
        )
        assert (one.label, one.predicted) == (given, other)
        assert one.name == f"drawing {one.index}"
        assert one.split == "train"
        assert one.error_probability == pytest.approx(
            one.probability
        )  # of two classes, what one has not, the other has
        assert one.error_probability > 0.6
    assert all(one.label != one.predicted for one in issues)
    assert len(issues) < 30


def test_label_issues_are_equal_for_any_threads_and_test_split(
    found: tuple[Dataset, set[int], list[LabelIssue]],
) -> None:
    data, _, issues = found
    changed = replace(data, inputs=data.inputs.copy(), labels=data.labels.copy())
    changed.inputs[data.splits == "test"] = 255
    changed.labels[data.splits == "test"] = 0
    again = find_label_issues(changed, layers=LITTLE, threads=1)
    assert again == issues
    assert [one.to_json() for one in again] == [one.to_json() for one in issues]
    assert find_label_issues(data, 3, layers=LITTLE, seed=1) != issues[:3]


def test_label_issues_validation_split_is_searched(
    found: tuple[Dataset, set[int], list[LabelIssue]],
) -> None:
    data, wrong, _ = found
    parts = data.splits.astype("<U10")
    parts[:100] = "validation"
    issues = find_label_issues(replace(data, splits=parts), 10, layers=LITTLE)
    assert len(wrong & {one.index for one in issues}) >= 9
    assert {one.split for one in issues} == {"train", "validation"}


def test_label_issues_limit_bounds_result_and_progress_is_reported() -> None:
    data, _ = data_of(60, 2)
    seen = list[Progress]()
    issues = find_label_issues(data, 60, layers=LITTLE, on_progress=seen.append)
    assert len({one.index for one in issues}) == 60
    assert {one.stage for one in seen} == {f"cross-validation, round {n} of 2" for n in (1, 2)}
    assert seen[-1].done == seen[-1].total > 0


def test_label_issues_texts_rank_planted_labels_first() -> None:
    """Words 2 and 3 determine the class; the others are noise."""
    random = np.random.default_rng(0)
    labels = np.arange(120) % 2
    words = random.integers(4, 9, (120, 5))
    words[np.arange(120), random.integers(0, 5, 120)] = 2 + labels
    labels[[7, 30, 77]] ^= 1
    preprocessor = TextPreprocessor("words", tuple("abcdefgh"), 5)
    data = Dataset(words, labels, ("no", "yes"), np.full(120, "train"), preprocessor)
    issues = find_label_issues(data)
    assert {one.index for one in issues[:3]} == {7, 30, 77}
    assert issues[0].name == f"example {issues[0].index}"


def test_label_issues_groups_stay_in_one_fold() -> None:
    """Every picture is there five times. Of two of them all five labels are wrong: nets that
    learned from some of the five believe them, others do not."""
    drawn = make_xo(30, size=SIZE, seed=3, variation=PLAIN)
    labels, wrong = drawn.labels.copy(), [4, 21]
    labels[wrong] ^= 1
    data = Dataset(drawn.inputs.repeat(5, axis=0), labels.repeat(5), drawn.classes,
                   np.full(150, "train"), drawn.preprocessor)  # fmt: skip
    apart = replace(data, groups=np.array([f"hand {index // 5}" for index in range(150)]))

    def hits(given: Dataset) -> int:
        return sum(
            one.index // 5 in wrong
            for one in find_label_issues(given, 10, layers="full 30, relu, full")
        )

    assert hits(apart) == 10 > hits(data)


@pytest.mark.parametrize("grouped", [False, True])
def test_label_issues_class_missing_from_training_is_skipped(grouped: bool) -> None:
    """One example alone, or all of one hand: nets that learned nothing of it cannot doubt it."""
    data, wrong = data_of(120, 4)
    lonely = [3] if not grouped else list(range(24, 30))
    labels = data.labels.copy()
    labels[lonely] = 2
    groups = np.array([f"hand {index // 12}" for index in range(120)]) if grouped else None
    given = replace(data, labels=labels, classes=("X", "O", "?"), groups=groups)
    issues = find_label_issues(given, 120, layers=LITTLE)
    assert {one.index for one in issues} == set(range(120)) - set(lonely)
    assert len(wrong & {one.index for one in issues[:8]}) >= len(wrong - set(lonely)) - 1


def test_label_issues_invalid_arguments_raise() -> None:
    data, _ = data_of(20, 0)
    anything: Any = [1]
    with pytest.raises(DataError, match="wanted a data set from read_data, or its path"):
        find_label_issues(anything)
    with pytest.raises(
        LimitError, match="find_label_issues: limit: got 0, wanted a whole number from 1"
    ):
        find_label_issues(data, 0)
    with pytest.raises(LimitError, match="find_label_issues: seed: got -1"):
        find_label_issues(data, seed=-1)
    with pytest.raises(DataError, match="at least 2 classes with several examples"):
        find_label_issues(replace(data, labels=np.zeros(20, int)))
    with pytest.raises(DataError, match="all training examples are of one group"):
        find_label_issues(replace(data, groups=np.full(20, "me")))
    with pytest.raises(LimitError, match="threads: got 0"):
        find_label_issues(data, layers=LITTLE, threads=0)


def test_label_issues_exception_of_callback_stops_all_trainings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, _ = data_of(200, 0)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    ended = list[object]()
    monkeypatch.setattr(label_issues, "train", recording_results(train, ended))
    with pytest.raises(KeyboardInterrupt):
        find_label_issues(
            data, layers="conv 32 5, relu, conv 32 5, relu, pool 2, full", on_progress=stop
        )
    assert ended == []  # of ten


@pytest.mark.long
def test_label_issues_real_letters_with_wrong_labels_are_ranked_first() -> None:
    data = read_data(real("xo-unipen.npz"))
    train = np.flatnonzero(data.splits == "train")
    wrong = train[permutation(derive_key(7, 99), len(train))[: round(0.05 * len(train))]]
    labels = data.labels.copy()
    labels[wrong] ^= 1
    issues = find_label_issues(replace(data, labels=labels), 2 * len(wrong))
    assert len({one.index for one in issues} & set(wrong.tolist())) >= 0.8 * len(wrong)
    assert all(one.split == "train" for one in issues)
