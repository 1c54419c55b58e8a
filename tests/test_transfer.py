"""Going on from a trained net: `Network.with_classes`, `plan_training(start=...)`, `--from`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.transfer import few
from PIL import Image

import piecewise as pw
from piecewise.cli.main import status
from piecewise.core.array_types import Array
from piecewise.core.errors import CheckpointError, DataError, LimitError
from piecewise.data.dataset import Dataset
from piecewise.network import Network
from piecewise.spec.augmentation import Augmentation
from piecewise.training.experiment import run_training
from piecewise.training.plan import plan_training
from piecewise.training.recipe import Recipe
from piecewise.training.train import train
from piecewise.training.transfer import RATE

Printed = pytest.CaptureFixture[str]

XO = pw.make_xo(160, size=9, seed=0)
LAYERS = "conv 4 3, norm, relu, pool 2, full"


@pytest.fixture(scope="module")
def trained() -> Network:
    """A net for X and O that was trained on the first 80 examples."""
    net = Network(LAYERS, (1, 9, 9), ("X", "O"), preprocessor=XO.preprocessor)
    train(net, XO.inputs[:80], XO.labels[:80], Recipe(epochs=3))
    return net


def data_of(classes: tuple[str, ...], rows: slice = slice(80, 160), **more: Any) -> Dataset:
    inputs = XO.inputs[rows]
    splits = np.full(len(inputs), "train")
    return Dataset(inputs, XO.labels[rows], classes, splits, XO.preprocessor, **more)


def arrays(net: Network, *names: str) -> list[bytes]:
    return [net.state[name].tobytes() for name in names]


FEATURES = [
    *("conv1.weight", "conv1.bias"),
    *("norm1.weight", "norm1.bias", "norm1.mean", "norm1.variance"),
]


# New classes.


def test_known_classes_keep_their_rows_and_new_ones_get_initial_values(trained: Network) -> None:
    before = trained.parameters_sha256
    other = trained.with_classes(("T", "O", "U", "X"), seed=5)
    fresh = Network(LAYERS, (1, 9, 9), ("T", "O", "U", "X"), 5)
    assert trained.parameters_sha256 == before
    assert other.classes == ("T", "O", "U", "X")
    assert other.preprocessor is trained.preprocessor
    assert other.calibration.n == 0
    assert arrays(other, *FEATURES) == arrays(trained, *FEATURES)
    for name in ("full1.weight", "full1.bias"):
        values: Array = other.parameters[name]
        assert values[[3, 1]].tobytes() == trained.parameters[name].tobytes()
        assert values[[0, 2]].tobytes() == fresh.parameters[name][[0, 2]].tobytes()
    weights = other.parameters["full1.weight"]
    assert not np.array_equal(weights[0], weights[2])


def test_same_classes_give_the_same_net_and_another_order_the_same_answers(
    trained: Network,
) -> None:
    assert trained.with_classes(("X", "O")).parameters_sha256 == trained.parameters_sha256
    turned = trained.with_classes(("O", "X"))
    assert turned.predict(XO.inputs) == trained.predict(XO.inputs)
    assert turned.logits(XO.inputs)[:, ::-1].tobytes() == trained.logits(XO.inputs).tobytes()


def test_layers_after_the_last_full_follow_their_classes() -> None:
    net = Network("conv 4 3, relu, full 6, relu, full, norm", (1, 9, 9), ("X", "O"))
    train(net, XO.inputs[:64], XO.labels[:64], Recipe(epochs=1))
    turned = net.with_classes(("O", "T", "X"))
    for name in ("full2.weight", "full2.bias", "norm1.weight", "norm1.mean", "norm1.variance"):
        assert turned.state[name][[2, 0]].tobytes() == net.state[name].tobytes()
    assert turned.running_stats["norm1.variance"][1] == 1
    assert arrays(turned, "full1.weight") == arrays(net, "full1.weight")
    assert turned.architecture.notation == net.architecture.notation


@pytest.mark.parametrize("layers", ["conv 2 3, pool all", "full 2, pool 1", "full, conv 2 1, norm"])
def test_nets_without_a_last_full_layer_are_refused(layers: str) -> None:
    net = Network(layers, (1, 9, 9), ("X", "O"))
    with pytest.raises(LimitError, match="wanted full as the last layer, which is replaced for"):
        net.with_classes(("X", "O", "T"))


def test_digests_of_training_examples_stay(trained: Network) -> None:
    other = trained.with_classes(("T", "U"))
    assert other.training_digests.contain(XO.inputs[:80]).all()
    train(other, XO.inputs[80:], XO.labels[80:], Recipe(epochs=1))
    assert other.training_digests.contain(XO.inputs).all()


# Plans.


def test_plan_goes_on_from_the_net(trained: Network) -> None:
    plan = plan_training(data_of(("O", "T")), start=trained, folds=0)
    new = plan_training(data_of(("O", "T")), layers=LAYERS, folds=0).config.recipe
    assert plan.classes == ("O", "T")  # known ones first
    assert plan.config.layers == trained.notation
    assert len(plan.candidates) == 1
    recipe = plan.config.recipe
    assert recipe.learning_rate < new.learning_rate
    assert recipe.epochs < new.epochs
    assert recipe.augmentation == new.augmentation
    chosen = plan_training(data_of(("O", "T")), start=trained, epochs=7, learning_rate=0.5)
    assert (chosen.config.recipe.epochs, chosen.config.recipe.learning_rate) == (7, 0.5)
    assert arrays(plan.network(), *FEATURES) == arrays(trained, *FEATURES)


def recipe_after(net: Network, **knobs: Any) -> Recipe:
    return plan_training(data_of(("X", "O")), start=net, folds=0, **knobs).config.recipe


def test_recipe_of_the_net_goes_on_and_its_rate_falls_only_once(trained: Network) -> None:
    net, weak = trained.with_classes(trained.classes), {"weight_decay": 0.25, "loss": "squared"}
    taught = Recipe(learning_rate=0.08, batch_size=32, optimizer="adamw", **weak)  # type: ignore[arg-type]
    net.recipe = taught.to_json()
    after = recipe_after(net)
    assert (after.optimizer, after.weight_decay, after.loss) == ("adamw", 0.25, "squared")
    assert (after.batch_size, after.learning_rate) == (32, RATE * 0.08)
    net.training_summary = {"start": {"classes": ["X", "O"]}}
    assert recipe_after(net).learning_rate == 0.08
    larger = recipe_after(net, batch_size=128)
    assert larger.learning_rate == pytest.approx(2 * 0.08)
    other = recipe_after(net, optimizer="sgd", weight_decay=0.0)
    assert (other.optimizer, other.weight_decay) == ("sgd", 0.0)
    assert other.learning_rate < 0.05


def test_mirrored_augmentation_goes_on(trained: Network) -> None:
    net = trained.with_classes(trained.classes)
    assert not recipe_after(net).augmentation.horizontal_flip
    net.recipe = Recipe(augmentation=Augmentation(horizontal_flip=True)).to_json()
    assert recipe_after(net).augmentation.horizontal_flip
    assert not recipe_after(net, augmentation=Augmentation(rotation=5)).augmentation.horizontal_flip


def test_net_with_a_recipe_of_another_version_gets_that_of_a_new_net(trained: Network) -> None:
    net = trained.with_classes(trained.classes)
    wanted = recipe_after(net)
    for recipe in ({"no such": 1}, {"epochs": -1}):
        net.recipe = recipe
        assert recipe_after(net) == wanted


def test_net_that_ends_with_another_layer_learns_more_of_its_classes() -> None:
    net = Network("conv 2 3, pool all", (1, 9, 9), ("X", "O"), preprocessor=XO.preprocessor)
    plan = plan_training(data_of(("X", "O")), start=net)
    assert plan.network().parameters_sha256 == net.parameters_sha256
    plan = plan_training(data_of(("O", "X")), start=net)
    assert plan.classes == ("X", "O")
    with pytest.raises(LimitError, match="wanted full as the last layer"):
        plan_training(data_of(("O", "T")), start=net)


def test_labels_follow_the_order_of_classes(trained: Network) -> None:
    data = data_of(("T", "O"))
    plan = plan_training(data, start=trained, folds=0, validation_fraction=0.0)
    assert plan.classes == ("O", "T")
    assert plan.splits["train"].labels.tolist() == (1 - data.labels).tolist()
    same = plan_training(data_of(("X", "O")), start=trained, folds=0, validation_fraction=0.0)
    assert same.classes == ("X", "O")
    assert same.splits["train"].labels.tolist() == data.labels.tolist()


def test_training_freezes_and_records_its_start(trained: Network) -> None:
    before = trained.parameters_sha256
    result = run_training(
        plan_training(data_of(("X", "T")), start=trained, freeze_until="pool1", epochs=2, folds=2)
    )
    assert trained.parameters_sha256 == before
    assert arrays(result.net, *FEATURES) == arrays(trained, *FEATURES)
    assert result.net.recipe["freeze_until"] == "pool1"
    summary = result.net.training_summary["start"]
    assert summary == {"parameters_sha256": before, "classes": ["X", "O"], "seen": {}}


def test_nothing_is_held_out_that_the_net_was_trained_on(trained: Network) -> None:
    plan = plan_training(data_of(("X", "O"), slice(None)), start=trained, folds=0)
    held_out, training = plan.splits["validation"].inputs, plan.splits["train"].inputs
    assert len(held_out) == 8  # a tenth of the new ones
    assert not trained.training_digests.contain(held_out).any()
    assert trained.training_digests.contain(training).sum() == 80
    assert plan.seen_by_start == {}
    folds = plan_training(data_of(("X", "O"), slice(None)), start=trained, folds=5)
    assert folds.seen_by_start == {"folds": 80}
    only_seen = plan_training(data_of(("X", "O"), slice(0, 80)), start=trained, folds=0)
    assert "validation" not in only_seen.splits


def test_groups_of_seen_examples_are_not_held_out(trained: Network) -> None:
    groups = np.array([f"writer {number // 2 % 8}" for number in range(160)])
    data = data_of(("X", "O"), slice(None), groups=groups)  # everyone drew seen and new ones
    plan = plan_training(data, start=trained, folds=0, validation_fraction=0.4)
    assert "validation" not in plan.splits
    groups[120:140], groups[140:] = "new writer", "another one"
    plan = plan_training(data, start=trained, folds=0, validation_fraction=0.5)
    assert len(plan.splits["validation"].inputs) == 20


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        (
            {"layers": "full"},
            "layers: cannot be set together with start, the network whose layers are used",
        ),
        ({"freeze_until": "pol1"}, "freeze_until: no layer 'pol1'; did you mean 'pool1'?"),
        ({"freeze_until": "full1"}, "freeze_until: got 'full1', which leaves no parameters"),
    ],
)
def test_plans_refuse_options_that_do_not_fit(
    trained: Network, knobs: dict[str, Any], said: str
) -> None:
    with pytest.raises(LimitError) as caught:
        plan_training(data_of(("X", "O")), start=trained, **knobs)
    assert str(caught.value).startswith(said)


def test_plans_refuse_other_preprocessing_and_freezing_a_new_net(trained: Network) -> None:
    xo = pw.make_xo(20, size=12, seed=0)
    data = Dataset(xo.inputs, xo.labels, ("X", "O"), np.full(20, "train"), xo.preprocessor)
    with pytest.raises(DataError, match=r"^data: prepared by another preprocessor .*read_data\("):
        plan_training(data, start=trained)
    with pytest.raises(LimitError, match=r"^freeze_until: got 'conv1' without a network to start"):
        plan_training(data, freeze_until="conv1")
    with pytest.raises(LimitError, match=r"^start: got 'net', wanted a network"):
        plan_training(data, start="net")  # type: ignore[arg-type]


def test_runs_resume_only_from_the_same_start(trained: Network, tmp_path: Path) -> None:
    plan = plan_training(data_of(("X", "T")), start=trained, epochs=2, folds=0)
    wanted = run_training(plan, run_dir=tmp_path / "run").net.parameters_sha256
    assert run_training(plan, run_dir=tmp_path / "run").net.parameters_sha256 == wanted
    frozen = plan_training(
        data_of(("X", "T")), start=trained, epochs=2, folds=0, freeze_until="norm1"
    )
    with pytest.raises(CheckpointError, match="has recipe freeze_until None, got 'norm1'"):
        run_training(frozen, run_dir=tmp_path / "run")
    moved = trained.with_classes(trained.classes)
    moved.parameters.flat[0] += 1
    moved.recipe = trained.recipe
    other = plan_training(data_of(("X", "T")), start=moved, epochs=2, folds=0)
    with pytest.raises(CheckpointError, match="has other initial parameters"):
        run_training(other, run_dir=tmp_path / "run")


# The command line.


def command(*arguments: object) -> int:
    return status(["train", *map(str, arguments)])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`first` with X and O, `second` with O and T, and net.safetensors, trained on `first`."""
    root = tmp_path_factory.mktemp("transfer")
    for name, classes, rows in (("first", "XO", range(80)), ("second", "TO", range(80, 160))):
        for row in rows:
            folder = root / name / classes[XO.labels[row]]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(XO.inputs[row, 0]).save(folder / f"{row}.png")
    options = ("--layers", LAYERS, "--epochs", 3, "--folds", 0)
    assert command(root / "first", "-o", root / "net.safetensors", *options) == 0
    return root


def test_command_goes_on_from_a_net(folders: Path, capsys: Printed) -> None:
    start, output = folders / "net.safetensors", folders / "next.safetensors"
    options = ("--epochs", 2, "--folds", 0, "--freeze-until", "norm1", "--json")
    assert command(folders / "second", "--from", start, "-o", output, *options) == 0
    printed = capsys.readouterr()
    assert "from       known: O; new: T; left out: X" in printed.err
    before, after, report = pw.load(start), pw.load(output), json.loads(printed.out)
    kept = "conv1, norm1: 48 of 178 parameters are not trained"  # 4 kernels of 9, biases, norm
    assert f"\nfrozen     {kept}\n" in printed.err
    assert report["start"]["parameters_sha256"] == before.parameters_sha256
    assert report["classes"] == ["O", "T"]
    assert after.preprocessor == before.preprocessor
    assert arrays(after, *FEATURES) == arrays(before, *FEATURES)
    assert status(["show", str(output)]) == 0
    wanted = f"a net for {', '.join(before.classes)}, sha256 {before.parameters_sha256}"
    assert wanted in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--layers", "full"], "--layers and --from: the net keeps its layers; leave one out"),
        (["--image-size", "9"], "--image-size and --from: the net keeps its size of images"),
        (["--resize", "crop"], "--resize and --from: the net keeps its way of resizing"),
        (["--framing", "ink"], "--framing and --from: the net keeps its framing"),
        (["--run-dir", "run", "--force"], "--run-dir: --output would replace the net of --from"),
    ],
)
def test_command_refuses_what_the_net_decides(
    folders: Path, options: list[str], said: str, capsys: Printed
) -> None:
    net = folders / "net.safetensors"
    assert command(folders / "second", "--from", net, "-o", net, *options) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_command_refuses_freezing_a_new_net(folders: Path, capsys: Printed) -> None:
    options = ("-o", folders / "x.safetensors", "--freeze-until", "conv1")
    assert command(folders / "second", *options) == 2
    wanted = "--freeze-until needs --from NET, whose layers it freezes"
    assert wanted in " ".join(capsys.readouterr().err.split())


def test_command_warns_of_scores_on_seen_examples(folders: Path, capsys: Printed) -> None:
    options = ("-o", folders / "same.safetensors", "--epochs", 1, "--folds", 2)
    assert command(folders / "first", "--from", folders / "net.safetensors", *options) == 0
    wanted = "the score of folds will be too high: the net to start from was trained on 72 of its"
    assert wanted in " ".join(capsys.readouterr().err.split())


# The benchmark.


@pytest.mark.parametrize("has_test", [True, False])
def test_benchmark_draws_few_training_examples_and_tests_on_others(has_test: bool) -> None:
    inputs = np.arange(60, dtype=np.uint8).repeat(81).reshape(60, 1, 9, 9)
    splits = np.where((np.arange(60) % 5 == 0) & has_test, "test", "train")
    data = Dataset(inputs, np.arange(60) % 3, ("a", "b", "c"), splits, XO.preprocessor)
    for seed in range(3):
        drawn = few(data, np.array([1, 2]), 4, seed)
        assert drawn.classes == ("b", "c")
        assert np.bincount(drawn.labels[drawn.splits == "train"]).tolist() == [4, 4]
        rows = drawn.inputs[:, 0, 0, 0].astype(int)
        assert len(set(rows.tolist())) == len(rows)
        assert (rows % 3 == drawn.labels + 1).all()
        tested = rows[drawn.splits == "test"]
        wanted = {row for row in range(60) if row % 3 and (row % 5 == 0 or not has_test)}
        assert set(tested.tolist()) == wanted - (set() if has_test else set(rows[:8].tolist()))
    other = few(data, np.array([1, 2]), 4, 3).inputs
    assert not np.array_equal(other, few(data, np.array([1, 2]), 4, 4).inputs)
