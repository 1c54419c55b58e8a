"""Effort: the work of a whole training, and how trials, folds and the net share it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.errors import LimitError
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.training.defaults import default_config
from piecewise.training.effort import (
    EFFORTS,
    FOLDS,
    MIN_FOLDS,
    REPEATS,
    cost_per_example,
    fold_runs,
    net_work,
)
from piecewise.training.plan import TrainingPlan


def noise(count: int, shape: tuple[int, int, int], classes: int = 10) -> pw.Dataset:
    images = np.random.default_rng(0).integers(0, 256, (count, *shape)).astype(np.uint8)
    names = tuple(f"class {number}" for number in range(classes))
    background = "any" if shape[0] == 3 else "dark"
    preprocessor = ImagePreprocessor(shape, background)
    labels, splits = np.arange(count) % classes, np.full(count, "train")
    return pw.Dataset(images, labels, names, splits, preprocessor)


def planned_work(plan: TrainingPlan) -> float:
    """The work of all stages, without the linear models."""
    cost = cost_per_example(plan.config.layers, plan.preprocessor.shape, len(plan.classes))
    net = cost * len(plan.splits["train"].labels) * plan.config.recipe.epochs
    folds = net * (1 - 1 / plan.folds) * plan.fold_runs if plan.folds else 0
    return net + folds + plan.trial_work


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize(
    ("count", "shape"),
    [(240, (3, 64, 64)), (120, (1, 40, 48)), (1_500, (1, 28, 28)), (60, (3, 100, 100))],
)
def test_whole_training_stays_within_the_work(
    count: int, shape: tuple[int, int, int], effort: str
) -> None:
    plan = pw.plan_training(noise(count, shape), effort=effort)
    assert plan.folds == FOLDS
    assert plan.fold_runs >= MIN_FOLDS
    assert planned_work(plan) <= 1.05 * EFFORTS[effort].folds_work


@pytest.mark.parametrize("effort", EFFORTS)
def test_training_without_folds_stays_within_the_work(effort: str) -> None:
    plan = pw.plan_training(noise(2_500, (3, 32, 32)), effort=effort)
    assert not plan.folds
    assert planned_work(plan) <= 1.05 * EFFORTS[effort].work


def test_more_effort_is_more_work() -> None:
    works = [planned_work(pw.plan_training(noise(240, (3, 32, 32)), effort=e)) for e in EFFORTS]
    assert works == sorted(works)
    assert works[0] < works[1] / 4
    assert works[2] > 4 * works[1]


def test_many_requested_folds_all_run() -> None:
    plan = pw.plan_training(noise(400, (3, 32, 32)), folds=20)
    assert plan.fold_runs == 20
    assert plan.config.recipe.epochs >= 2


@pytest.mark.parametrize(
    ("remaining", "requested", "runs"),
    [(0, False, MIN_FOLDS), (4.5, False, 4), (5, False, 5), (9.9, False, 5), (10, False, 10),
     (0, True, 5), (10, True, 10)],
)  # fmt: skip
def test_folds_follow_from_the_remaining_work(remaining: float, requested: bool, runs: int) -> None:
    assert fold_runs(remaining, 1.0, FOLDS, requested=requested) == runs
    assert runs <= REPEATS * FOLDS


def test_share_of_the_net() -> None:
    assert net_work(1.0, 0, requested=False) == 1.0
    assert net_work(1.0, 5, requested=False) == pytest.approx(1 / (1 + 3 * 0.8))
    assert net_work(1.0, 5, requested=True) == net_work(1.0, 100, requested=True) == 1.0


def test_folds_that_are_not_trained_are_not_scored() -> None:
    data = noise(60, (1, 9, 9), classes=2)
    plan = pw.plan_training(data, effort="quick", layers="conv 8 3, relu, full", epochs=100_000)
    assert plan.fold_runs == MIN_FOLDS
    shorter = pw.plan_training(data, effort="quick", layers="full", epochs=3)
    assert shorter.fold_runs == REPEATS * FOLDS
    object.__setattr__(shorter, "folds_requested", False)
    some = pw.run_training(_with_runs(shorter, 3))
    assert some.scores["folds"].n == 36
    assert some.scores["folds"].repeats == 1


def _with_runs(plan: TrainingPlan, runs: int) -> TrainingPlan:
    """The plan with just enough work for a number of folds."""

    class Limited(TrainingPlan):
        @property
        def fold_runs(self) -> int:
            return runs

    return Limited(**{name: getattr(plan, name) for name in plan.__dataclass_fields__})


@pytest.mark.parametrize("wrong", ["fast", 1, None, True])
def test_other_effort_raises(wrong: Any) -> None:
    with pytest.raises(LimitError, match=r"effort: got .*quick or normal or thorough"):
        pw.plan_training(noise(60, (1, 9, 9)), effort=wrong)
    with pytest.raises(LimitError, match="effort: got"):
        pw.ConvNetClassifier(effort=wrong).fit(np.zeros((4, 9, 9), np.uint8), [0, 1, 0, 1])


def test_photos_get_more_epochs_and_weaker_augmentation_where_there_are_many() -> None:
    epochs = {n: default_config("photos", (3, 32, 32), 10, n).recipe.epochs
              for n in (1_000, 5_000, 10_000, 50_000)}  # fmt: skip
    assert epochs[1_000] == 150  # the most
    assert epochs[5_000] >= 36  # with half as many, 5,000 photos are predicted 4 points worse
    assert epochs[10_000] >= 18
    assert 4 <= epochs[50_000] <= 6
    layers = {default_config("photos", (3, 32, 32), 10, n).layers for n in epochs}
    assert len(layers) == 1  # the 3x3 blocks, whatever the number
    few, many = (
        pw.plan_training(noise(n, (3, 32, 32)), folds=0, validation_fraction=0)
        for n in (300, 50_000)
    )
    assert few.config.recipe.augmentation.rotation == 12
    assert not many.config.recipe.augmentation.changes_anything
