"""Learning: the same seed gives the same net, nudging steps as backpropagation does, and what goes
wrong leaves the last good weights."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piecewise.core.constraints import LOSS
from piecewise.core.errors import DataError, LimitError, TrainingError
from piecewise.core.progress import Progress
from piecewise.data.xo import DECK_TRICKY_X, make_xo
from piecewise.network import Network
from piecewise.reference.losses import LOSSES
from piecewise.reference.optimizers import adamw, sgd
from piecewise.spec.augmentation import Augmentation
from piecewise.training.evaluation import evaluate
from piecewise.training.metrics import Scores
from piecewise.training.recipe import Recipe, knobs
from piecewise.training.train import train

LESSONS = make_xo(320, size=9, seed=0)
UNSEEN = make_xo(400, size=9, seed=1)
SMALL = "conv 4 3, relu, pool 2, full"


def taught(layers: str = SMALL, seed: int = 0, recipe_seed: int = 0) -> Network:
    net = Network(layers, (1, 9, 9), ("X", "O"), seed=seed)
    recipe = Recipe(epochs=3, learning_rate=0.1, seed=recipe_seed)
    train(net, LESSONS.inputs, LESSONS.labels, recipe)
    return net


def test_train_small_network_learns_x_from_o() -> None:
    net = Network(SMALL, (1, 9, 9), ("X", "O"), seed=0)
    before = evaluate(net, UNSEEN.inputs, UNSEEN.labels).accuracy
    recipe = Recipe(epochs=8, learning_rate=0.1)
    history = train(net, LESSONS.inputs, LESSONS.labels, recipe,
                    (UNSEEN.inputs, UNSEEN.labels))  # fmt: skip
    assert before < 0.8
    assert evaluate(net, UNSEEN.inputs, UNSEEN.labels).accuracy > 0.95
    assert net.predict(DECK_TRICKY_X[None, None]) == ["X"]
    assert history.losses[-1] < 0.2 * history.losses[0]
    assert history.epochs[-1].validation_accuracy is not None
    assert [epoch["epoch"] for epoch in net.history] == list(range(1, 9))
    assert net.recipe == recipe.to_json()


def test_train_same_seed_gives_pinned_bits() -> None:
    layers = "conv 4 3, norm, relu, pool 2, dropout 0.2, full"
    assert taught(layers).parameters_sha256 == (
        "4d741c6fdeafbddb135d2f8ca1d87cd75755c35604c7981f84bdf8510445a2d4"
    )


def test_train_without_simd_extensions_gives_same_bits() -> None:
    """The same net from NumPy as it is, and from NumPy kept from the wider vectors it found."""
    code = "from tests.test_train import taught; print(taught().parameters_sha256)"
    found = np.show_config("dicts")["SIMD Extensions"].get("found", [])
    for features in ("", " ".join(found)):
        environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": features}
        run = subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=Path(__file__).parents[1],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert run.stdout.strip() == taught().parameters_sha256, features


def test_train_both_seeds_change_the_result() -> None:
    nets = [taught(), taught(seed=1), taught(recipe_seed=1), taught()]
    digests = [net.parameters_sha256 for net in nets]
    assert len(set(digests)) == 3
    assert digests[0] == digests[3]


def test_loss_words_equal_loss_functions() -> None:
    assert tuple(LOSSES) == LOSS.words


@pytest.mark.parametrize("loss", LOSS.words)
def test_train_every_loss_decreases(loss: str) -> None:
    net = Network(SMALL, (1, 9, 9), ("X", "O"))
    recipe = Recipe(epochs=4, learning_rate=0.02, loss=loss)
    losses = train(net, LESSONS.inputs, LESSONS.labels, recipe).losses
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize(
    "layers",
    [
        "conv 3 3 mean, relu, pool 2, pool 2, full",
        "conv 2 3, norm, relu, pool 3, dropout 0.3, full",
    ],
)
def test_train_nudging_takes_same_steps_as_backpropagation(layers: str) -> None:
    one, other = (Network(layers, (1, 9, 9), ("X", "O"), seed=2) for _ in range(2))
    knobs: dict[str, Any] = {"epochs": 1, "batch_size": 8, "learning_rate": 0.05}
    train(one, LESSONS.inputs[:16], LESSONS.labels[:16], Recipe(**knobs))
    before = Network(one.notation, (1, 9, 9), ("X", "O"), seed=2).parameters.flat
    train(other, LESSONS.inputs[:16], LESSONS.labels[:16], Recipe(method="nudging", **knobs))
    moved = np.abs(one.parameters.flat - before).max()
    assert moved > 1e-3
    assert np.abs(one.parameters.flat - other.parameters.flat).max() < 1e-5 * moved + 1e-6
    assert np.abs(one.running_stats.flat - other.running_stats.flat).max(initial=0) < 1e-6


@pytest.mark.parametrize(
    "knobs",
    [{"nesterov": True, "learning_rate": 0.1}, {"optimizer": "adamw", "learning_rate": 0.03}],
)
def test_train_other_optimizers_learn_x_from_o(knobs: dict[str, Any]) -> None:
    nets = [Network(SMALL, (1, 9, 9), ("X", "O")) for _ in range(3)]
    for net, given in zip(nets, (knobs, knobs, {**knobs, "weight_decay": 0.0}), strict=True):
        train(net, LESSONS.inputs, LESSONS.labels, Recipe(epochs=8, **given))
    assert evaluate(nets[0], UNSEEN.inputs, UNSEEN.labels).accuracy > 0.95
    digests = [net.parameters_sha256 for net in nets]
    assert digests[0] == digests[1] != digests[2]


def test_sgd_step_equals_hand_calculation() -> None:
    given = (0.5, 0.5, 2)  # rate, momentum, decay: gradient 2 + 2 * 1 = 4, velocity 1 + 4 = 5
    one, two = np.ones(1, np.float32), np.full(1, 2, np.float32)
    assert [*sgd(one, two, two, *given)] == [1 - 0.5 * 5, 5]
    assert [*sgd(one, two, two, *given, nesterov=True)] == [1 - 0.5 * (4 + 0.5 * 5), 5]
    assert [*one, *two] == [1, 2]  # nothing given is written into


def test_adamw_two_steps_equal_hand_calculation() -> None:
    given: dict[str, Any] = {"rate": 0.5, "decay": 0.5, "beta1": 0.5, "beta2": 0.75, "epsilon": 1.0}
    zero, three, weights = np.zeros(1), np.full(1, 3.0), np.full(1, 2.0)
    # 2 less a quarter is 1.5; means 1.5 and 9/4, scaled up 3 and 9; 1.5 - 0.5 * 3 / (3 + 1)
    found = adamw(weights, zero, zero, three, step=1, **given)
    assert [*found] == [1.125, 1.5, 2.25]
    # 0.84375; means 0.75 and 27/16 of gradient 0, scaled up by 1 - 1/4 and 1 - 9/16: 1 and 27/7
    found = adamw(*found, zero, step=2, **given)
    wanted = 0.84375 - 0.5 * 1 / (np.sqrt(27 / 7) + 1)
    assert [*found] == [pytest.approx(wanted, rel=1e-15), 0.75, 27 / 16]


def test_train_nonfinite_loss_raises_and_keeps_last_parameters() -> None:
    net = Network(SMALL, (1, 9, 9), ("X", "O"))
    with pytest.raises(TrainingError) as caught:
        train(net, LESSONS.inputs, LESSONS.labels,
              Recipe(epochs=50, learning_rate=1000.0, loss="squared"))  # fmt: skip
    assert "the loss is not a finite number; try a learning rate below 1000" in str(caught.value)
    assert np.isfinite(net.parameters.flat).all()


def test_train_update_beyond_float32_is_not_applied() -> None:
    net = Network("full", (1, 9, 9), ("X", "O"))
    net.parameters["full1.weight"] = np.full((2, 81), 1e36)
    before = net.parameters_sha256
    recipe = Recipe(epochs=1, learning_rate=1000.0, schedule="constant", weight_decay=1.0,
                    loss="absolute")  # fmt: skip
    with pytest.raises(TrainingError, match="at step 1 of 10"):
        train(net, LESSONS.inputs, LESSONS.labels, recipe)
    assert net.parameters_sha256 == before


def test_train_interrupted_keeps_parameters_of_last_step() -> None:
    net = Network(SMALL, (1, 9, 9), ("X", "O"))
    recipe = Recipe(epochs=400, batch_size=64)

    def stop(progress: Progress) -> None:
        if progress.done > 5:  # after the first epoch of five
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(net, LESSONS.inputs, LESSONS.labels, recipe, on_progress=stop)
    assert 1 <= len(net.history) < 400
    assert np.isfinite(net.parameters.flat).all()
    assert net.parameters_sha256 != Network(SMALL, (1, 9, 9), ("X", "O")).parameters_sha256


def test_train_reports_progress_at_every_epoch_end() -> None:
    output: list[Progress] = []
    net = Network("full", (1, 9, 9), ("X", "O"))
    train(net, LESSONS.inputs[:50], LESSONS.labels[:50], Recipe(epochs=2, batch_size=16),
          on_progress=output.append)  # fmt: skip
    steps = [progress.done for progress in output]
    assert steps == sorted(set(steps))
    assert {4, 8} <= set(steps)
    assert {progress.total for progress in output} == {8}
    assert [progress.done for progress in output if progress.epoch] == [4, 8]


def test_train_invalid_inputs_or_labels_raise() -> None:
    net = Network(SMALL, (1, 9, 9), ("X", "O"))
    with pytest.raises(DataError, match="labels: got 3, wanted 320"):
        train(net, LESSONS.inputs, [0, 1, 0])
    with pytest.raises(DataError, match=r"wanted \(N, 1, 9, 9\)"):
        train(net, LESSONS.inputs[:, :, :5], LESSONS.labels)
    with pytest.raises(DataError, match=r"wanted \(N, 1, 9, 9\)"):
        train(net, LESSONS.inputs, LESSONS.labels,
              validation=(LESSONS.inputs[:, :, :5], LESSONS.labels))  # fmt: skip
    spoiled = np.zeros((320, 1, 9, 9), np.float32)
    spoiled[300, 0, 4, 4] = np.nan
    before = net.parameters_sha256
    with pytest.raises(DataError, match="not finite numbers"):
        train(net, spoiled, LESSONS.labels)
    assert net.parameters_sha256 == before
    assert not net.history


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_train_copied_network_leaves_original_unchanged(copied: Any) -> None:
    net = taught()
    other = copied(net)
    assert other.parameters_sha256 == net.parameters_sha256
    before = net.parameters_sha256
    train(other, LESSONS.inputs, LESSONS.labels, Recipe(epochs=1))
    assert net.parameters_sha256 == before != other.parameters_sha256
    assert (other.logits(UNSEEN.inputs) != net.logits(UNSEEN.inputs)).any()


def test_one_cycle_schedule_rises_for_a_quarter_then_falls() -> None:
    rates = [Recipe(learning_rate=0.4).learning_rate_at(step, 100) for step in range(100)]
    assert max(rates) == rates[24] == 0.4
    assert all(a < b for a, b in pairwise(rates[:25]))
    assert all(a > b for a, b in pairwise(rates[24:]))
    assert 0 < rates[-1] < 0.01
    assert Recipe(schedule="constant", learning_rate=0.4).learning_rate_at(2, 3) == 0.4
    assert Recipe(learning_rate=0.4).learning_rate_at(0, 1) == 0.4


@pytest.mark.parametrize("name", [knob.name for knob in knobs()])
def test_recipe_invalid_value_raises(name: str) -> None:
    wrong: tuple[Any, ...] = (None, -1, "none", float("nan"), float("inf"), [], 10**30, True)
    if isinstance(getattr(Recipe(), name), bool):
        wrong = (*wrong[:-1], 1)
    if name == "freeze_until":  # None freezes nothing, and any text may name a layer
        wrong = tuple(value for value in wrong if value is not None and value != "none")
    if name == "token_scaling":
        wrong = tuple(value for value in wrong if value != "none")
    for value in wrong:
        with pytest.raises(LimitError, match=f"^recipe: {name}: got .*, wanted "):
            Recipe(**{name: value})


def test_scores_equal_hand_calculation() -> None:
    scores = Scores(("a", "b", "c"), np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]]))
    assert scores.n == 10
    assert scores.accuracy == 0.7
    assert scores.precision.tolist() == pytest.approx([3 / 5, 4 / 5, 0])
    assert scores.recall.tolist() == pytest.approx([3 / 4, 4 / 6, 0])
    assert scores.f1.tolist() == pytest.approx([6 / 9, 8 / 11, 0])
    assert scores.macro_f1 == pytest.approx((6 / 9 + 8 / 11) / 2)  # c was never met
    output = scores.to_json()
    assert list(output) == [
        "n", "classes", "accuracy", "accuracy_interval", "baseline_accuracy", "macro_f1",
        "confusion", "per_class",
    ]  # fmt: skip
    assert output["per_class"]["b"]["n"] == 6


def test_evaluate_confusion_rows_are_true_labels() -> None:
    net = Network("full", (1, 9, 9), ("X", "O"))
    net.parameters["full1.weight"] = np.zeros((2, 81))
    net.parameters["full1.bias"] = [0.0, 1.0]  # always O
    scores = evaluate(net, UNSEEN.inputs[:10], UNSEEN.labels[:10])
    assert scores.confusion.tolist() == [[0, 5], [0, 5]]


def test_train_network_without_parameters_has_loss_zero() -> None:
    net = Network("pool 5x9 edge=drop, relu", (1, 9, 9), ("only",))
    history = train(net, LESSONS.inputs[:20], [0] * 20, Recipe(epochs=1))
    assert history.losses == [0.0]


def test_train_augmentation_changes_result_and_is_in_recipe() -> None:
    tricks = Augmentation(translation=0.1, scale=(0.8, 1.2), rotation=20, stroke_width=0.5)
    nets = []
    for given, threads in ((tricks, 1), (tricks, 2), (Augmentation(), 1), (Augmentation(), 2)):
        net = Network(SMALL, (1, 9, 9), ("X", "O"))
        recipe = Recipe(epochs=2, augmentation=given)
        train(net, LESSONS.inputs, LESSONS.labels, recipe, threads=threads)
        nets.append(net)
    digests = [net.parameters_sha256 for net in nets]
    assert digests[0] == digests[1] != digests[2] == digests[3]
    assert nets[0].recipe["augmentation"]["rotation"] == 20
    assert Recipe(**nets[0].recipe).augmentation == tricks


@pytest.mark.parametrize(
    "tricks",
    [
        Augmentation(translation=0.1, rotation=20, stroke_width=0.5, horizontal_flip=True),
        Augmentation(contrast=0.5),
        Augmentation(brightness=0.5),
        Augmentation(noise=0.5),
        Augmentation(band_masking=0.5),
    ],
    ids=str,
)
def test_train_nudging_with_augmentation_takes_same_steps(tricks: Augmentation) -> None:
    one, other, plain = (Network("conv 2 3, relu, full", (1, 9, 9), 2, seed=2) for _ in range(3))
    few = LESSONS.inputs[:16], LESSONS.labels[:16]
    for net, method, given in ((one, "nudging", tricks), (other, "backpropagation", tricks),
                               (plain, "backpropagation", Augmentation())):  # fmt: skip
        knobs: dict[str, Any] = {"epochs": 1, "batch_size": 8, "learning_rate": 0.05}
        train(net, *few, Recipe(method=method, augmentation=given, **knobs))
    apart = np.abs(plain.parameters.flat - other.parameters.flat).max()
    assert np.abs(one.parameters.flat - other.parameters.flat).max() < 0.01 * apart


@pytest.mark.parametrize("method", ["backpropagation", "nudging"])
def test_train_sample_weight_changes_the_result(method: str) -> None:
    count = 24 if method == "nudging" else 320
    few, labels = LESSONS.inputs[:count], LESSONS.labels[:count]
    recipe = Recipe(epochs=1, method=method)
    weights = np.random.default_rng(0).integers(0, 3, count)

    def digest(given: Any, right: Any = labels) -> str:
        net = Network("conv 2 3, relu, full", (1, 9, 9), ("X", "O"))
        train(net, few, right, recipe, sample_weight=given)
        return net.parameters_sha256

    ones = digest(np.ones(count))
    if method == "backpropagation":
        assert ones == digest(None)
    assert digest(weights) not in (ones, digest(weights[::-1]))
    others = np.where(weights == 0, 1 - labels, labels)  # what counts nothing may be anything
    assert digest(weights, others) == digest(weights)
    for wrong in (np.ones(3), -np.ones(count), np.full(count, np.nan), np.full(count, "1")):
        with pytest.raises(DataError, match="sample_weight: got"):
            digest(wrong)


def test_train_augmentation_of_texts_raises() -> None:
    net = Network("embed 2, full", (1, 5, 4), 2)
    recipe = Recipe(augmentation=Augmentation(horizontal_flip=True))
    with pytest.raises(LimitError, match="augmentation: got one for a network that reads texts"):
        train(net, np.zeros((3, 4), int), [0, 1, 0], recipe)


def test_train_on_one_class_warns() -> None:
    net = Network("full", (1, 9, 9), ("X", "O"))
    with pytest.warns(UserWarning, match="train: all examples are of the class 'O'; wanted two"):
        train(net, make_xo(8, 9).inputs, np.ones(8, int), Recipe(epochs=1))
