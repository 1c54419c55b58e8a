"""The main job: what is chosen from the data, what is held out, and how sure the net may be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piecewise.core.errors import DataError, LimitError, TrainingError
from piecewise.data.dataset import Dataset, read_data
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.data.xo import PLAIN, TRICKY, XODataset, make_xo
from piecewise.insight.data_quality.label_issues import find_label_issues
from piecewise.network import Network
from piecewise.spec.augmentation import AUGMENTATION, Augmentation
from piecewise.training import cross_validation, experiment
from piecewise.training.defaults import (
    SMALLEST_REST,
    augmentation_for,
    batch_size_for,
    default_config,
    sound_layers,
    without_small_rest,
)
from piecewise.training.effort import REPEATS
from piecewise.training.experiment import run_training
from piecewise.training.metrics import Scores, wilson_interval
from piecewise.training.plan import plan_training
from piecewise.training.recipe import Recipe
from piecewise.training.shuffle_test import shuffle_test
from piecewise.training.splits import assign_folds, validation_mask
from piecewise.training.train import train


def data_of(drawings: XODataset, parts: Sequence[str] = ()) -> Dataset:
    """Drawings as a data set; the parts one after the other, by tenths."""
    names = np.array(list(parts) or ["train"] * 10)
    part = np.repeat(names, len(drawings.labels) // 10)
    return Dataset(drawings.inputs, drawings.labels, ("X", "O"), part, drawings.preprocessor)


SMALL: dict[str, Any] = {"layers": "conv 4 3, relu, pool 2, full", "epochs": 4, "batch_size": 16}


@pytest.mark.parametrize("effort", ["quick", "normal", "thorough"])
@pytest.mark.parametrize("side", [1, 2, 3, 5, 6, 9, 12, 20, 28, 32, 64, 100, 200])
@pytest.mark.parametrize("channels", [1, 3])
def test_default_layers_fit_every_input_size(side: int, channels: int, effort: str) -> None:
    for shape in ((channels, side, side), (channels, side, 2 * side + 1)):
        for kind in ("drawings", "photos", "sounds"):
            plan = default_config(kind, shape, 10, 1_000, effort=effort)
            assert Network(plan.layers, shape, 10).architecture.parameter_count < 10_000_000


def test_default_epochs_decrease_with_the_number_of_inputs() -> None:
    digits = "drawings", (1, 28, 28)
    epochs = {
        n: default_config(*digits, 10, n).recipe.epochs for n in (50, 400, 3_000, 60_000, 1_000_000)
    }
    assert list(epochs.values()) == sorted(epochs.values(), reverse=True)
    assert epochs[50] == 150
    assert epochs[1_000_000] == 2
    quick, thorough = (
        default_config(*digits, 10, 60_000, effort=effort) for effort in ("quick", "normal")
    )
    assert quick.recipe.epochs * 5 < thorough.recipe.epochs
    assert default_config(*digits, 2, 2_500).layers != thorough.layers


@pytest.mark.parametrize("positions", [1, 2, 40])
def test_default_layers_of_texts_begin_with_embedding(positions: int) -> None:
    plan = default_config("texts", (1, 500, positions), 2, 4_000)
    net = Network(plan.layers, (1, 500, positions), 2)
    assert net.architecture.reads_texts
    assert plan.recipe.optimizer == "adamw"
    words = np.random.default_rng(0).integers(0, 500, (64, positions))
    train(net, words, words[:, 0] % 2, Recipe(**{**plan.recipe.to_json(), "epochs": 30}))
    assert (net.logits(words).argmax(axis=1) == words[:, 0] % 2).mean() > 0.9


def test_default_config_keeps_chosen_options() -> None:
    digits = "drawings", (1, 28, 28)
    plan = default_config(*digits, 10, 3_000, layers="full", batch_size=32, momentum=0.5, epochs=3)
    assert plan.layers == "full"
    assert (plan.recipe.batch_size, plan.recipe.momentum, plan.recipe.epochs) == (32, 0.5, 3)
    assert plan.recipe.learning_rate == pytest.approx(0.05)


def test_augmentation_grows_with_variation_of_images() -> None:
    tidy, untidy = (make_xo(300, 28, seed=0, variation=tricks) for tricks in (PLAIN, TRICKY))
    small, large = (augmentation_for(one.inputs, one.preprocessor) for one in (tidy, untidy))
    assert small.rotation < large.rotation
    assert small.shift < large.shift
    assert not augmentation_for(tidy.inputs, ImagePreprocessor((1, 28, 28), "any")).horizontal_flip


def test_augmentation_text_round_trip() -> None:
    for tricks in (
        Augmentation(),
        Augmentation(
            translation=0.1, scale=(0.8, 1.25), rotation=15, stroke_width=0.5, horizontal_flip=True
        ),
        Augmentation(rotation=3.5),
        Augmentation(
            translation=(0, 0.1), contrast=0.3, brightness=0.25, noise=0.1, band_masking=0.2
        ),
        Augmentation(translation=(0.1, 0)),
        Augmentation(translation=0.124, scale=(0.845, 1.183), stroke_width=0.1234),
    ):
        assert AUGMENTATION.read(AUGMENTATION.write(tricks)) == tricks
    for text in (
        "rotation", "turn 3", "rotation x", "scale 1", "horizontal_flip 2", ",", "rotation 1 2",
        "translation 0 0 0", "translation 0.1 0.6", "noise", "band_masking 1",
    ):  # fmt: skip
        with pytest.raises(LimitError):
            AUGMENTATION.read(text)


def test_folds_are_stratified() -> None:
    labels = np.repeat([0, 1, 2], [50, 23, 4])
    fold = assign_folds(labels, 1, 0, 5)
    counts = np.array([np.bincount(labels[fold == each], minlength=3) for each in range(5)])
    assert (counts.max(axis=0) - counts.min(axis=0)).tolist() <= [1, 1, 1]
    assert counts.sum(axis=1).max() - counts.sum(axis=1).min() <= 1
    assert (fold != assign_folds(labels, 1, 1, 5)).any()
    assert (fold == assign_folds(labels, 1, 0, 5)).all()


def test_small_dataset_is_cross_validated_and_trained_in_full() -> None:
    data = data_of(make_xo(60, 9, seed=0))
    plan = plan_training(data, **SMALL)
    assert plan.folds == 5
    assert len(plan.splits["train"].labels) == 60
    notes: list[tuple[str, str]] = []
    taught = run_training(plan, lambda progress: notes.append((progress.stage, progress.note)))
    pieces = [", ".join([stage, *note.split(", ")[:2]]).strip(", ") for stage, note in notes]
    folds = [f"folds, fold {n} of 5, repeat {r} of 2" for r in (1, 2) for n in range(1, 6)]
    assert list(dict.fromkeys(pieces)) == ["training", *folds]
    assert re.fullmatch(r"fold 5 of 5, repeat 2 of 2, \d+\.\d % right so far", notes[-1][1])
    scores = taught.scores["folds"]
    assert scores.confusion.sum() == 60 * REPEATS
    assert scores.n == 60
    low, high = scores.interval
    assert low < scores.accuracy < high
    assert taught.net.calibration.n == 60
    alone = plan.network()
    same = run_training(plan_training(data, folds=0, validation_fraction=0, **SMALL), net=alone)
    assert same.net.parameters_sha256 == taught.net.parameters_sha256
    assert not same.scores


def test_fold_predictions_come_from_networks_not_trained_on_the_example() -> None:
    """Labels by chance: a net that had seen a picture would know its label."""
    drawings = make_xo(60, 9, seed=0)
    drawings.labels[:] = np.random.default_rng(0).integers(0, 2, 60)
    data = data_of(drawings)
    knobs: dict[str, Any] = {"epochs": 60, "learning_rate": 0.02, "augmentation": Augmentation()}
    taught = run_training(plan_training(data, layers="full 40, relu, full", **knobs))
    known = (taught.net.logits(data.inputs).argmax(axis=1) == data.labels).mean()
    assert known > 0.9
    assert taught.scores["folds"].accuracy < 0.7


def test_larger_dataset_validates_on_a_tenth_and_never_trains_on_test() -> None:
    data = data_of(make_xo(1_000, 9, seed=0), ["train"] * 8 + ["test"] * 2)
    plan = plan_training(data, **SMALL)
    assert {name: len(part.labels) for name, part in plan.splits.items()} == {
        "train": 720, "validation": 80, "test": 200,
    }  # fmt: skip
    taught = run_training(plan)
    assert set(taught.scores) == {"validation", "test"}
    changed = data_of(make_xo(1_000, 9, seed=0), ["train"] * 8 + ["test"] * 2)
    changed.inputs[800:] = 0
    changed.labels[800:] = 0
    other = run_training(plan_training(changed, **SMALL))
    assert other.net.parameters_sha256 == taught.net.parameters_sha256
    assert other.net.calibration == taught.net.calibration


@pytest.mark.parametrize("folds", [-1, 1.5, 2_000])
def test_folds_out_of_range_raise(folds: Any) -> None:
    with pytest.raises(LimitError, match="folds: got"):
        plan_training(data_of(make_xo(60, 9, seed=0)), folds=folds, **SMALL)


def test_no_folds_disables_cross_validation() -> None:
    plan = plan_training(data_of(make_xo(60, 9, seed=0)), folds=0, **SMALL)
    assert plan.folds == 0
    assert "validation" in plan.splits
    pair = make_xo(2, 9, seed=0)
    of_pair = np.array(["train", "train"])
    two = Dataset(pair.inputs, pair.labels, ("X", "O"), of_pair, pair.preprocessor)
    taught = run_training(plan_training(two, **SMALL))
    assert not taught.scores
    assert len(taught.net.history) == 4


def test_validation_mask_leaves_an_example_of_every_class() -> None:
    labels = np.repeat([0, 1], [2, 3])
    assert np.bincount(labels[validation_mask(labels, 0, 0.9)]).tolist() == [1, 2]


def test_default_learning_rate_depends_on_optimizer() -> None:
    of = "drawings", (1, 28, 28), 2, 10_000
    assert default_config(*of).recipe.learning_rate == 0.1
    assert default_config(*of, optimizer="adamw").recipe.learning_rate == 4e-3
    assert default_config(*of, optimizer="sgd").recipe.learning_rate == 0.1
    with pytest.raises(LimitError, match="batch_size: got 'many'"):
        default_config(*of, batch_size="many")


@pytest.mark.parametrize("parts", [["test"] * 10, ["train"] * 10])
def test_data_without_training_classes_raise(parts: list[str]) -> None:
    data = data_of(make_xo(20, 9, seed=0), parts)
    data.labels[:] = 0
    with pytest.raises(DataError, match=r"^here: "):
        plan_training(data, "here")
    with pytest.raises(DataError, match=r"^data: "):
        plan_training(data)
    with pytest.raises(DataError, match=r"^data: "):
        run_training(data)


def test_plan_training_path_equals_read_data(tmp_path: Path) -> None:
    drawn, path = make_xo(40, 9, seed=0), tmp_path / "drawn.npz"
    np.savez(path, images=drawn.inputs[:, 0], labels=drawn.labels, classes=drawn.classes,
             split=["train", "validation"] * 20)  # fmt: skip
    by_data, by_path = plan_training(read_data(path), **SMALL), plan_training(str(path), **SMALL)
    assert by_path.config == by_data.config
    assert by_path.preprocessor == by_data.preprocessor
    assert list(by_path.splits) == list(by_data.splits)
    for name, part in by_path.splits.items():
        assert part.inputs.tobytes() == by_data.splits[name].inputs.tobytes()
        assert part.labels.tolist() == by_data.splits[name].labels.tolist()


def test_run_training_path_equals_read_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, stages = make_xo(40, 9, seed=0), set[str]()
    np.savez(tmp_path / "drawn.npz", images=drawn.inputs[:, 0], labels=drawn.labels)
    quick = partial(plan_training, effort="quick", epochs=1)
    monkeypatch.setattr(experiment, "plan_training", quick)
    taught = run_training(tmp_path / "drawn.npz", lambda progress: stages.add(progress.stage))
    assert {"folds", "training"} <= stages
    same = run_training(read_data(tmp_path / "drawn.npz"))
    assert same.net.parameters_sha256 == taught.net.parameters_sha256


@pytest.mark.parametrize("wrong", [5, None, b"folder", [1, 2]])
def test_other_object_as_data_raises(wrong: Any) -> None:
    for entry in (plan_training, run_training, shuffle_test):
        with pytest.raises(DataError, match=r"^data: got .*, wanted a data set from read_data"):
            entry(wrong)


def test_missing_path_raises_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "nowhere"
    for entry in (plan_training, run_training, shuffle_test, find_label_issues):
        with pytest.raises(DataError, match=re.escape(str(path))):
            entry(path)


def test_wilson_interval_equals_published_values() -> None:
    # 81 of 263 (Newcombe 1998, Statistics in Medicine 17, table I): 0.2553 to 0.3662
    assert wilson_interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20)[0] == 0
    assert wilson_interval(1, 20) == pytest.approx((0.8389, 1), abs=5e-5)


def test_scores_over_folds_count_each_example_once() -> None:
    scores = Scores(("a", "b"), np.array([[6, 2], [0, 12]]), repeats=2)
    assert scores.n == 10
    assert scores.accuracy == 0.9
    assert scores.baseline == 0.6
    assert scores.interval == wilson_interval(0.9, 10)


def test_early_stopping_restores_best_epoch() -> None:
    lessons, unseen = make_xo(200, 9, seed=0), make_xo(100, 9, seed=1)
    data = Dataset(
        np.concatenate([lessons.inputs, unseen.inputs]),
        np.concatenate([lessons.labels, unseen.labels]),
        ("X", "O"),
        np.repeat(["train", "validation"], [200, 100]),
        lessons.preprocessor,
    )
    knobs: dict[str, Any] = {"layers": "full", "learning_rate": 1.0, "schedule": "constant"}
    taught = run_training(plan_training(data, epochs=60, patience=4, **knobs))
    history = taught.net.history
    best = max(epoch["validation_accuracy"] for epoch in history)
    first = next(e for e in history if e["validation_accuracy"] == best)
    assert len(history) < 60
    assert taught.scores["validation"].accuracy == best
    assert len(history) >= first["epoch"] + 4
    assert Recipe(**taught.net.recipe).patience == 4


@pytest.mark.parametrize("steps", [16, 64, 96])
def test_default_layers_of_sounds_pool_all_time_steps(steps: int) -> None:
    plan = default_config("sounds", (1, 40, steps), 3, 2_000)
    net = Network(plan.layers, (1, 40, steps), 3)
    last = [stage for stage in net.architecture.stages if stage.name.startswith("pool")][-1]
    assert last.output.width == 1
    assert last.output.height > 1


@pytest.mark.parametrize(
    ("work", "batch", "epochs"),
    [(0.8e12, 128, 38), (2e11, 64, 14), (1.2e11, 32, 8), (1, 32, 2)],
)
def test_sounds_get_smaller_batches_if_the_work_allows_few_steps(
    work: float, batch: int, epochs: int
) -> None:
    options: dict[str, Any] = {"layers": sound_layers((1, 40, 56)), "work": work}
    recipe = default_config("sounds", (1, 40, 56), 10, 2_400, **options).recipe
    assert (recipe.batch_size, recipe.epochs) == (batch, epochs)
    own = default_config("sounds", (1, 40, 56), 10, 2_400, **options, batch_size=96).recipe
    assert own.batch_size == 96
    photos = default_config("photos", (1, 40, 56), 10, 2_400, work=work).recipe
    assert photos.batch_size == 128


@pytest.mark.parametrize("count", [42, 33, 65, 130])
def test_last_batch_of_net_and_folds_is_not_tiny(count: int) -> None:
    batch = batch_size_for(count)
    for examples in (count, count - count // 5, count - -(-count // 5)):
        rest = examples % without_small_rest(batch, examples)
        assert rest == 0 or rest >= SMALLEST_REST


def test_diverging_fold_keeps_the_net(monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(*_: Any, **__: Any) -> None:
        raise TrainingError("training diverged")

    monkeypatch.setattr(cross_validation, "train", diverge)
    plan = plan_training(data_of(make_xo(40, 9)), layers="full", epochs=2)
    result = run_training(plan)
    assert (result.fold_error, result.scores) == ("training diverged", {})
    assert len(result.net.history) == 2
