"""Which examples caused an answer: nets taught without them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from piecewise.core.errors import DataError, LimitError, TrainingError
from piecewise.core.progress import Progress
from piecewise.data.audio.preprocessor import AudioPreprocessor
from piecewise.data.dataset import Dataset, read_data
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.data.xo import PLAIN, XODataset, make_xo
from piecewise.insight.data_quality.influence import Influence, influential_examples
from piecewise.insight.retraining import cost as module
from piecewise.insight.retraining.cost import retraining_cost
from piecewise.network import Network
from piecewise.spec.augmentation import Augmentation
from piecewise.training.defaults import quick_layers, sound_layers, text_layers
from piecewise.training.plan import plan_training
from piecewise.training.recipe import Recipe
from piecewise.training.train import train

from .real_data import real
from .steps import recording_results

SIZE, COUNT, PLANTED = 12, 40, 13
LITTLE = "conv 6 3, norm, relu, pool 2, dropout 0.1, full"


def taught(drawn: XODataset, labels: npt.NDArray[np.int64], seed: int = 0, **knobs: Any) -> Network:
    net = Network(LITTLE, (1, SIZE, SIZE), drawn.classes, seed, drawn.preprocessor)
    recipe = {"epochs": 20, "batch_size": 16, "learning_rate": 0.05, "seed": seed, **knobs}
    train(net, drawn.inputs, labels, Recipe(**recipe))
    return net


@pytest.fixture(scope="module")
def planted() -> tuple[Network, XODataset, npt.NDArray[np.int64]]:
    """A net, what it learned from, and the labels, one of them wrong."""
    drawn = make_xo(COUNT, size=SIZE, seed=4, variation=PLAIN)
    labels = drawn.labels.copy()
    labels[PLANTED] ^= 1
    return taught(drawn, labels), drawn, labels


def test_influence_wrong_label_ranks_first(
    planted: tuple[Network, XODataset, npt.NDArray[np.int64]],
) -> None:
    net, drawn, labels = planted
    before = net.parameters_sha256
    asked, right = drawn.inputs[PLANTED], drawn.labels[PLANTED]
    names = [f"drawing {index}" for index in range(COUNT)]
    found = influential_examples(net, drawn.inputs, labels, asked, right, names=names, seeds=1)
    first = found[0]
    assert (first.name, first.indices) == (f"drawing {PLANTED}", (PLANTED,))
    assert first.harm == max(one.harm for one in found) > 0.3
    assert first.probability is not None
    assert first.probability_without is not None
    assert first.probability_without > first.probability
    assert first.label_loss > 3 * sorted(one.label_loss for one in found)[COUNT // 2]
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert sorted(one.indices[0] for one in found) == list(range(COUNT))
    assert net.parameters_sha256 == before
    plain = first.to_json()
    assert plain["indices"] == [PLANTED]
    assert plain["changes_prediction"] == (plain["predictions"] != plain["predictions_without"])


def test_influence_without_queries_ranks_by_label_loss(
    planted: tuple[Network, XODataset, npt.NDArray[np.int64]],
) -> None:
    net, drawn, labels = planted
    found = influential_examples(net, drawn.inputs, labels)
    assert found[0].indices == (PLANTED,)
    assert found[0].name == f"example {PLANTED}"
    assert all(one.score == one.label_loss and one.harm == 0 for one in found)
    assert found[0].probability is None
    assert found[0].predictions == ()


def test_influence_left_out_example_changes_no_bit(
    planted: tuple[Network, XODataset, npt.NDArray[np.int64]],
) -> None:
    """Another picture and label in its place: nothing that is asked changes by a bit, though norm
    takes statistics over all pictures of a group."""
    net, drawn, labels = planted
    asked = drawn.inputs[:3], drawn.labels[:3]
    changed, others = drawn.inputs.copy(), labels.copy()
    changed[20], others[20] = 255 - changed[20], 1 - others[20]

    def without(pictures: Any, right: Any, which: int) -> float | None:
        found = influential_examples(net, pictures, right, *asked, epochs=3)
        return next(one.probability_without for one in found if one.indices == (which,))

    assert without(changed, others, 20) == without(drawn.inputs, labels, 20)
    assert without(changed, others, 21) != without(drawn.inputs, labels, 21)


def test_influence_net_on_all_examples_equals_recipe(
    planted: tuple[Network, XODataset, npt.NDArray[np.int64]],
) -> None:
    net, drawn, labels = planted
    asked, right = drawn.inputs[:5], drawn.labels[:5]
    found = influential_examples(net, drawn.inputs, labels, asked, right, seeds=1)
    probabilities = net.probabilities(asked)[np.arange(5), right]
    assert found[0].probability == pytest.approx(float(probabilities.mean()), abs=1e-6)
    assert found[0].predictions == tuple(net.predict(asked))


def test_influence_is_equal_for_any_threads_and_differs_by_seed(
    planted: tuple[Network, XODataset, npt.NDArray[np.int64]],
) -> None:
    net, drawn, labels = planted
    question = drawn.inputs[:2], drawn.labels[:2]
    given = (drawn.inputs, labels, *question)
    alone = influential_examples(net, *given, epochs=3, seeds=1, threads=1)
    assert influential_examples(net, *given, epochs=3, seeds=1, threads=3) == alone
    twice = influential_examples(net, *given, epochs=3, seeds=2)
    assert {one.indices: one.harm for one in twice} != {one.indices: one.harm for one in alone}


def test_influence_groups_are_left_out_together(
    planted: tuple[Network, XODataset, npt.NDArray[np.int64]],
) -> None:
    """All that one hand wrote has the wrong label."""
    _, drawn, _ = planted
    groups = [f"hand {index // 5}" for index in range(COUNT)]
    labels = drawn.labels.copy()
    labels[10:15] ^= 1
    net = taught(drawn, labels)
    reports = list[Progress]()
    found = influential_examples(net, drawn.inputs, labels, drawn.inputs[10:15],
                                 drawn.labels[10:15],
                     groups=groups, on_progress=reports.append)  # fmt: skip
    assert len(found) == COUNT // 5
    assert (found[0].name, found[0].indices) == ("hand 2", (10, 11, 12, 13, 14))
    assert reports[-1] == Progress("training 18 nets, each without some examples", 18 * 20, 18 * 20)
    assert found[0].probability_without is not None
    assert found[0].probability is not None
    assert found[0].probability_without > found[0].probability


def test_retraining_cost_long_recipe_is_shortened() -> None:
    drawn = make_xo(COUNT, size=SIZE, seed=4, variation=PLAIN)
    net = taught(drawn, drawn.labels)
    whole = retraining_cost(net, COUNT, COUNT, seeds=1)
    assert retraining_cost(net, COUNT, COUNT).nets == 2 * whole.nets
    assert (whole.nets, whole.recipe) == (COUNT + 1, Recipe(**net.recipe))
    assert whole.work > 20 * COUNT * (COUNT + 1) * net.architecture.multiplications
    net.recipe = Recipe(epochs=5_000, batch_size=32, learning_rate=0.08, patience=9).to_json()
    short = retraining_cost(net, COUNT, COUNT)
    assert 40 / 3 < short.recipe.epochs < 5_000
    assert (short.recipe.batch_size, short.recipe.patience) == (16, 0)
    assert short.recipe.learning_rate == pytest.approx(0.08 / 2**0.5)
    assert short.work <= 1.2e11
    assert retraining_cost(net, COUNT, COUNT, epochs=5_000).recipe.epochs == 5_000
    assert short.to_json()["recipe"]["batch_size"] == 16
    with pytest.raises(LimitError, match="leave out groups of examples, use fewer examples or"):
        retraining_cost(net, 9_900, 9_900, seeds=1)
    with pytest.raises(LimitError, match=r"nets to train, .* wanted at most 10,000 nets"):
        influential_examples(net, drawn.inputs, drawn.labels, epochs=100_000, seeds=100)
    wider = retraining_cost(net, COUNT, COUNT, layers="conv 200 3, relu, pool 2, full", epochs=1)
    assert wider.work > 2 * retraining_cost(net, COUNT, COUNT, epochs=1).work


def test_influence_invalid_arguments_raise(
    planted: tuple[Network, XODataset, npt.NDArray[np.int64]],
) -> None:
    net, drawn, labels = planted
    given = net, drawn.inputs, labels
    with pytest.raises(DataError, match="got queries or expected only, wanted both"):
        influential_examples(*given, drawn.inputs[0])
    with pytest.raises(DataError, match="got 2 names, wanted 40"):
        influential_examples(*given, names=["a", "b"])
    with pytest.raises(DataError, match="got 1 groups, wanted 40"):
        influential_examples(*given, groups=["a"])
    with pytest.raises(DataError, match="wanted two or more: nets train on the rest"):
        influential_examples(*given, groups=["a"] * COUNT)
    with pytest.raises(
        LimitError, match="influential_examples: seeds: got 0, wanted a whole number from 1"
    ):
        influential_examples(*given, seeds=0)
    with pytest.raises(LimitError, match="influential_examples: epochs: got 0"):
        influential_examples(*given, epochs=0)
    fresh = Network(LITTLE, (1, SIZE, SIZE), 2, 0)
    with pytest.raises(LimitError, match="got a net without a recipe"):
        influential_examples(fresh, drawn.inputs, labels)


def test_influence_keyboard_interrupt_stops_all_trainings(
    planted: tuple[Network, XODataset, npt.NDArray[np.int64]], monkeypatch: pytest.MonkeyPatch
) -> None:
    net, drawn, labels = planted

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    ended, module = list[object](), sys.modules[influential_examples.__module__]
    monkeypatch.setattr(module, "train", recording_results(train, ended))
    with pytest.raises(KeyboardInterrupt):
        influential_examples(net, drawn.inputs, labels, epochs=20_000, on_progress=stop)
    assert ended == []  # of more than forty


def test_influence_diverging_training_raises(
    planted: tuple[Network, XODataset, npt.NDArray[np.int64]],
) -> None:
    net, drawn, labels = planted
    wild = Network(LITTLE, (1, SIZE, SIZE), drawn.classes, 0, drawn.preprocessor)
    wild.recipe = {**net.recipe, "learning_rate": 1e3, "schedule": "constant", "momentum": 0.99}
    with pytest.raises(TrainingError, match="not a finite number"):
        influential_examples(wild, drawn.inputs, labels, epochs=200)


def test_retraining_cost_large_net_is_replaced_by_small_layers() -> None:
    """Where the net's own would have no more than a few steps each."""
    large = (
        "2 * (conv 32 3 pad=same, norm, relu), pool 2, conv 64 3, norm, relu, full 64, relu, full"
    )
    net = Network(large, (1, 28, 28), ("a", "b"), 3)
    tricks = Augmentation(rotation=20)
    net.recipe = Recipe(epochs=150, loss="squared", augmentation=tricks, seed=3).to_json()
    found = retraining_cost(net, 60, 60)
    assert found.layers == quick_layers((1, 28, 28), small=True) != large
    assert (found.recipe.augmentation, found.recipe.loss, found.recipe.seed) == (
        tricks,
        "squared",
        3,
    )
    assert found.recipe.epochs * 4 >= 100
    assert found.work <= 1.2e11
    kept = retraining_cost(net, 60, 60, layers=large)
    assert (kept.layers, kept.recipe.epochs) == (net.notation, 10)  # forty steps of sixteen
    assert retraining_cost(net, 60, 60, epochs=2).layers == net.notation
    net.recipe = Recipe(epochs=1, batch_size=64).to_json()
    assert (retraining_cost(net, 60, 60).layers, retraining_cost(net, 60, 60).recipe.epochs) == (
        net.notation,
        1,
    )
    votes = Network("full", (1, 28, 28), ("a", "b"))
    votes.recipe = Recipe(epochs=50).to_json()
    many = retraining_cost(votes, 4_000, 4_000, seeds=1)
    assert (many.layers, many.recipe.epochs) == ("full", 1)  # nothing that sees more is smaller
    net.recipe = Recipe(epochs=150).to_json()
    for examples in (1_500, 1_600):  # one epoch of which is a hundred steps, and far too much
        assert retraining_cost(net, examples, 60).layers == quick_layers((1, 28, 28), small=True)


def test_influence_progress_stage_names_small_nets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PLENTY", 1)
    drawn, reports = make_xo(COUNT, size=SIZE, seed=4, variation=PLAIN), list[Progress]()
    large = "conv 64 5, relu, pool 2, full"
    net = Network(large, (1, SIZE, SIZE), drawn.classes, 0, drawn.preprocessor)
    net.recipe = Recipe(epochs=20, learning_rate=0.005).to_json()
    groups = ["one", "other"] * (COUNT // 2)

    def doing(**said: Any) -> str:
        influential_examples(net, drawn.inputs, drawn.labels, groups=groups, seeds=1,
                 on_progress=reports.append, **said)  # fmt: skip
        return reports[-1].stage

    assert doing() == "training 3 small nets, each without some examples"
    assert doing(layers=large.replace(", ", ","), epochs=1) == doing(layers="full", epochs=1)
    assert reports[-1].stage == "training 3 nets, each without some examples"


def test_retraining_cost_small_layers_suit_the_input_kind() -> None:
    texts = TextPreprocessor("words", ("free", "win"), 64)
    sounds = AudioPreprocessor((1, 40, 64))
    words, picture = (
        "embed 64, conv 256 1x3, relu, pool all, full",
        "conv 128 3, relu, pool 4, full",
    )
    for layers, preprocessor, small in (
        (words, texts, text_layers),
        (words, None, text_layers),
        (picture, sounds, sound_layers),
        (picture, None, quick_layers),
    ):
        shape = (1, 4, 64) if layers == words else (1, 40, 64)
        net = Network(layers, shape, 2, preprocessor=preprocessor)
        net.recipe = Recipe(epochs=500).to_json()
        found = retraining_cost(net, 60, 60)
        assert found.layers == small(shape, small=True)
        assert Network(found.layers, shape, 2).architecture.reads_texts == (layers == words)


def planted_set(path: Path, name: str, make_xo: int) -> tuple[Dataset, int]:
    """Sixty pictures of a training part, as many of each class, one of them with a wrong label, and
    two hundred others of it as the part for testing; and which is the one."""
    arrays, drawn = np.load(real(name)), np.random.default_rng(7_000 + make_xo)
    chosen = ~arrays["is_test"] if "is_test" in arrays else slice(None)
    pictures = arrays["images" if "images" in arrays else "x_train"][chosen]
    labels = arrays["labels" if "labels" in arrays else "y_train"][chosen].astype(np.int64)
    classes = np.unique(labels)
    places = [np.flatnonzero(labels == one) for one in classes]
    sixty = np.concatenate([drawn.choice(some, 60 // len(classes), False) for some in places])
    sixty, wrong = drawn.permutation(sixty), int(drawn.integers(60))
    others = drawn.choice(np.setdiff1d(np.arange(len(labels)), sixty), 200, replace=False)
    all_of_it = np.concatenate([sixty, others])
    changed = labels[all_of_it]
    changed[wrong] = (changed[wrong] + drawn.integers(1, len(classes))) % len(classes)
    np.savez(path, images=pictures[all_of_it], labels=changed, class_names=classes.astype(str),
             is_test=np.arange(260) >= 60)  # fmt: skip
    return read_data(path), wrong


@pytest.mark.long
@pytest.mark.parametrize("name", ["mnist.npz", "xo-unipen.npz"])
def test_influence_real_data_with_wrong_label_ranks_it_in_first_three(
    name: str, tmp_path: Path
) -> None:
    """By what is chosen where nothing is said, in nine of ten draws: asked about
    mistakes of the net."""
    places = list[int]()
    for draw_number in range(10):
        data, wrong = planted_set(tmp_path / "set.npz", name, draw_number)
        plan = plan_training(data, seed=draw_number)
        net = plan.network()
        train(net, *data.subset("train"), plan.config.recipe)
        pictures, right = data.subset("test")
        missed = net.logits(pictures).argmax(axis=1) != right
        asked = (pictures[missed], right[missed]) if missed.any() else (pictures, right)
        found = influential_examples(net, *data.subset("train"), *asked)
        places.append([one.indices for one in found].index((wrong,)))
    assert sum(place < 3 for place in places) >= 9, places


@pytest.mark.long
def test_influence_sixty_examples_rank_wrong_label_in_first_three() -> None:
    """In nine of ten draws, whatever is asked: the mistakes about others, or nothing."""
    hits = {"mistakes": 0, "nothing": 0}
    for seed in range(10):
        drawn = make_xo(60, size=20, seed=100 + seed)
        others = make_xo(200, size=20, seed=200 + seed)
        labels = drawn.labels.copy()
        labels[7 * seed % 60] ^= 1
        net = Network("conv 8 5, relu, pool 2, conv 16 3, relu, pool 2, full",
                      (1, 20, 20), drawn.classes, seed, drawn.preprocessor)  # fmt: skip
        train(net, drawn.inputs, labels, Recipe(epochs=60, batch_size=16, seed=seed))
        wrong = net.logits(others.inputs).argmax(axis=1) != others.labels
        for what, asked in (
            ("nothing", ()),
            ("mistakes", (others.inputs[wrong], others.labels[wrong])),
        ):
            if what == "mistakes" and not wrong.any():
                asked = others.inputs, others.labels
            found: list[Influence] = influential_examples(net, drawn.inputs, labels, *asked)
            hits[what] += (7 * seed % 60,) in [one.indices for one in found[:3]]
    assert min(hits.values()) >= 9
