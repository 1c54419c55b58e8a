"""Defaults by trial: what is tried, who judges, what is chosen, and that nobody cheats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import piecewise as pw
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.training import candidates as listed
from piecewise.training.candidates import TRIAL_EPOCHS, Candidate, TrainingTask, candidates_for
from piecewise.training.plan import TrainingPlan
from piecewise.training.recipe import Recipe
from piecewise.training.splits import Split
from piecewise.training.trials import NEAR, mirrored_twins, run_trials

PHOTO = (3, 16, 16)
LAYERS = "conv 8 3 pad=same, norm, relu, pool 4, full"
SHORT: dict[str, Any] = {"layers": LAYERS, "epochs": TRIAL_EPOCHS, "batch_size": 32}


def arrows(count: int, seed: int, *, right: bool = True) -> tuple[Any, Any]:
    """Bars at the top or at the bottom, with noise; if ``right``, at the left or at the right, so
    that the classes are mirror images."""
    noise = np.random.default_rng(seed)
    images = noise.integers(60, 160, (count, *PHOTO)).astype(np.uint8)
    labels = np.arange(count) % 2
    for image, label in zip(images, labels, strict=True):
        side = slice(0, 6) if label else slice(10, 16)
        image[(slice(None), slice(None), side) if right else (slice(None), side)] += 60
    return images, labels


def photos(count: int = 400, *, right: bool = True, splits: Any = None) -> pw.Dataset:
    images, labels = arrows(count, 0, right=right)
    splits = np.full(count, "train") if splits is None else splits
    return pw.Dataset(images, labels, ("a", "b"), splits, ImagePreprocessor(PHOTO, "any"))


def task_of(data: pw.Dataset, effort: str = "normal", **chosen: Any) -> TrainingTask:
    split = Split(*data.subset("train"), None)
    return TrainingTask(split, data.preprocessor, len(data.classes), effort, 1e12, chosen)


def names(task: TrainingTask) -> list[str]:
    return [candidate.name for candidate in candidates_for(task)]


def test_first_candidate_is_the_default() -> None:
    assert names(task_of(photos())) == ["default", "mirrored", "hidden layer"]
    assert names(task_of(photos(), "quick")) == ["default"]
    assert names(task_of(photos(), "thorough"))[:2] == ["default", "mirrored"]
    first, second, _ = candidates_for(task_of(photos()))
    assert not first.recipe.augmentation.horizontal_flip
    assert second.recipe.augmentation.horizontal_flip
    assert replace(second.recipe, augmentation=first.recipe.augmentation) == first.recipe


def test_candidates_keep_what_the_user_set() -> None:
    chosen: dict[str, Any] = {"layers": "conv 4 3, relu, pool 4, full", "learning_rate": 0.01}
    for candidate in candidates_for(task_of(photos(), "thorough", **chosen)):
        assert candidate.layers == "conv 4 3, relu, pool 4, full"
        assert candidate.recipe.learning_rate == 0.01
    both = task_of(photos(), layers="full", augmentation=pw.Augmentation(rotation=3))
    assert names(both) == ["default"]


def test_classes_that_are_mirror_images_are_not_mirrored() -> None:
    plan = pw.choose_by_trial(pw.plan_training(photos(), folds=0, **SHORT))
    by_name = {trial.candidate.name: trial for trial in plan.trials}
    assert by_name["default"].chosen
    assert by_name["default"].accuracy > 0.9
    assert not by_name["mirrored"].chosen
    assert by_name["mirrored"].note in ("mirrored, a looks like b", "mirrored, b looks like a")
    assert not plan.config.recipe.augmentation.horizontal_flip


def test_other_classes_may_be_mirrored() -> None:
    plan = pw.choose_by_trial(pw.plan_training(photos(right=False), folds=0, **SHORT))
    assert [trial.note for trial in plan.trials] == ["", ""]
    assert sum(trial.chosen for trial in plan.trials) == 1


def test_photos_with_few_epochs_have_no_trial() -> None:
    for epochs, count in ((TRIAL_EPOCHS - 1, 1), (TRIAL_EPOCHS, 2)):
        task = task_of(photos(), layers=LAYERS, epochs=epochs)
        assert len(candidates_for(task)) == count
    assert TRIAL_EPOCHS == 48  # with fewer, the net needs all of the work


def test_twins_need_two_examples_and_a_majority() -> None:
    labels = np.repeat([0, 1], 4)
    right = np.eye(2, dtype=np.float32)[labels]
    assert mirrored_twins(right, right, labels) is None
    assert mirrored_twins(right, right[::-1], labels) == (0, 1)
    half = right.copy()
    half[:2] = right[::-1][:2]  # two of four: no majority
    assert mirrored_twins(right, half, labels) is None
    assert mirrored_twins(right[:1], right[::-1][:1], labels[:1]) is None


def made(
    training: Split, held_out: Split, candidates: list[Candidate], threads: int = 1
) -> tuple[Any, ...]:
    preprocessor = ImagePreprocessor(PHOTO, "any")
    return run_trials(
        candidates, training, held_out, ("a", "b"), preprocessor, 1e9, threads=threads
    )


GOOD = Candidate("good", "conv 4 3, norm, relu, pool 4, full", Recipe(epochs=6, learning_rate=0.05))
IDLE = Candidate("idle", "full", Recipe(epochs=1, learning_rate=1e-9))


def test_best_candidate_is_chosen_wherever_it_stands() -> None:
    training, held_out = Split(*arrows(160, 0)), Split(*arrows(80, 1))
    for candidates in ([GOOD, IDLE], [IDLE, GOOD]):
        results = made(training, held_out, candidates)
        assert [one.candidate.name for one in results if one.chosen] == ["good"]
        losses = {one.candidate.name: one.loss for one in results}
        assert losses["good"] < losses["idle"]


def test_near_tie_goes_to_the_first_candidate() -> None:
    """Labels by chance: nothing can be better than anything else by more than chance."""
    images, _ = arrows(160, 0)
    labels = np.random.default_rng(0).integers(0, 2, 160)
    training, held_out = Split(images[:80], labels[:80]), Split(images[80:], labels[80:])
    same = replace(IDLE, name="same", recipe=replace(IDLE.recipe, learning_rate=2e-9))
    results = made(training, held_out, [IDLE, same])
    assert results[0].chosen
    assert NEAR > 0
    assert results[0].loss == pytest.approx(results[1].loss, abs=1e-4)


def test_trials_do_not_depend_on_threads() -> None:
    training, held_out = Split(*arrows(160, 0)), Split(*arrows(80, 1))
    one, four = (made(training, held_out, [GOOD, IDLE], threads) for threads in (1, 4))
    assert [each.to_json() for each in one] == [each.to_json() for each in four]


def test_candidate_that_diverges_is_left_out() -> None:
    recipe = replace(GOOD.recipe, learning_rate=1e3, loss="squared")
    wild = replace(GOOD, name="wild", recipe=recipe)
    results = made(Split(*arrows(160, 0)), Split(*arrows(80, 1)), [wild, GOOD])
    assert [one.candidate.name for one in results if one.chosen] == ["good"]


def test_trials_never_see_the_test_split() -> None:
    splits = np.array(["train"] * 300 + ["test"] * 100)
    plan = pw.plan_training(photos(splits=splits), **SHORT)
    other = photos(splits=splits)
    other.inputs[300:] = 0
    other.labels[300:] = 0
    trials = [
        [trial.to_json() for trial in pw.choose_by_trial(one).trials]
        for one in (plan, pw.plan_training(other, **SHORT))
    ]
    assert trials[0] == trials[1]
    assert trials[0][0]["n"] == len(plan.splits["validation"].labels)


def test_result_and_model_file_hold_the_trials(tmp_path: Path) -> None:
    notes: list[str] = []
    plan = pw.plan_training(photos(), folds=0, **SHORT)
    result = pw.run_training(plan, lambda progress: notes.append(progress.note))
    assert {"1 of 2: default", "2 of 2: mirrored"} <= set(notes)
    result.net.save(tmp_path / "net.safetensors")
    summary = pw.load(tmp_path / "net.safetensors").training_summary
    assert [trial["name"] for trial in summary["trials"]] == ["default", "mirrored"]
    assert [trial["chosen"] for trial in summary["trials"]].count(True) == 1
    assert summary["effort"] == "normal"
    assert summary["scores"]["validation"]["accuracy"] == result.scores["validation"].accuracy
    again = pw.run_training(pw.plan_training(photos(), folds=0, **SHORT))
    assert again.net.parameters_sha256 == result.net.parameters_sha256
    assert again.net.training_summary == result.net.training_summary


def test_small_data_judge_the_trials_by_a_fold() -> None:
    plan = pw.plan_training(photos(100), **SHORT)
    assert plan.folds == 5
    assert [trial.n for trial in pw.choose_by_trial(plan).trials] == [20, 20]


def test_no_trials_if_nothing_can_judge() -> None:
    plan = pw.plan_training(photos(), folds=0, validation_fraction=0, **SHORT)
    assert len(plan.candidates) == 1


def test_resumed_run_repeats_the_trials_and_ends_with_the_same_bits(tmp_path: Path) -> None:
    def stop(progress: pw.Progress) -> None:
        if progress.stage == "training" and progress.done > 40:
            raise KeyboardInterrupt

    plan = pw.plan_training(photos(), folds=0, **SHORT)
    with pytest.raises(KeyboardInterrupt):
        pw.run_training(plan, stop, run_dir=tmp_path / "run")
    resumed = pw.run_training(plan, run_dir=tmp_path / "run")
    assert resumed.net.parameters_sha256 == pw.run_training(plan).net.parameters_sha256


def sentences(count: int) -> tuple[list[str], list[int]]:
    """Words that no text repeats, of letters that tell the classes."""
    draw = np.random.default_rng(0)
    letters = ("aeiou", "bcdfg")
    labels = [number % 2 for number in range(count)]
    return ["".join(draw.choice(list(letters[label]), 6)) for label in labels], labels


def test_candidate_with_another_tokenization_reads_the_texts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, labels = sentences(400)
    rows = [f"{text},{'xy'[label]}" for text, label in zip(texts, labels, strict=True)]
    (tmp_path / "words.csv").write_text("\n".join(["text,label", *rows]))
    letters = TextPreprocessor("letters", tuple("aeioubcdfg"), 8)
    words = TextPreprocessor("words", ("aaaaaa",), 8)

    def both(task: TrainingTask) -> list[Candidate]:
        knobs = {"layers": "embed 4, pool all, full", "epochs": 20}
        return [
            Candidate.of(units.units, task.config(units, **knobs), units)
            for units in (words, letters)
        ]

    monkeypatch.setitem(listed.CANDIDATES, "texts", both)
    data = pw.read_data(tmp_path / "words.csv")
    assert data.texts is not None
    assert list(data.texts) == texts
    result = pw.run_training(pw.plan_training(data, folds=0))
    assert result.net.preprocessor == letters
    assert result.scores["validation"].accuracy == 1.0


def test_data_hold_no_texts_if_they_are_images() -> None:
    assert photos(10).texts is None


@pytest.mark.parametrize("stage", ["trials", "folds"])
def test_interrupt_leaves_a_trained_net_only_after_the_training(stage: str) -> None:
    def stop(progress: pw.Progress) -> None:
        if progress.stage == stage:
            raise KeyboardInterrupt

    plan: TrainingPlan = pw.plan_training(photos(100), **SHORT)
    if stage == "trials":
        with pytest.raises(KeyboardInterrupt):
            pw.choose_by_trial(plan, stop)
        return
    plan = pw.choose_by_trial(plan)
    net = plan.network()
    with pytest.raises(KeyboardInterrupt):
        pw.run_training(plan, stop, net=net)
    assert len(net.history) == SHORT["epochs"]
    assert not net.calibration.n
    assert len(net.training_summary["trials"]) == 2
