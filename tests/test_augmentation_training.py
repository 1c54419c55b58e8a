"""Teaching tricks: what is taught with what was asked for, for how long, and on which pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from piecewise.core.errors import DataError, LimitError
from piecewise.core.progress import Progress
from piecewise.data.audio.preprocessor import AudioPreprocessor
from piecewise.data.dataset import read_data
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.insight.robustness import augmentation_training
from piecewise.insight.robustness.augmentation_training import (
    AreaChange,
    area_changes,
    checked_kinds,
    train_with_augmentation,
    widened,
)
from piecewise.insight.robustness.curves import DatasetCurve, DatasetRobustness, dataset_robustness
from piecewise.insight.robustness.perturbations import perturbations
from piecewise.network import Network
from piecewise.spec.augmentation import Augmentation
from piecewise.training.experiment import run_training
from piecewise.training.plan import plan_training
from piecewise.training.recipe import Recipe
from piecewise.training.splits import Split
from tests.real_data import real
from tests.test_robustness_curves import DRAWN, KNOBS, LAYERS, data_of, taught


@pytest.fixture(scope="module")
def net() -> Network:
    return taught(data_of())


def test_widened_augmentation_is_never_narrower() -> None:
    turning = perturbations(ImagePreprocessor((1, 28, 56), "dark"))
    every = dict.fromkeys(("translation", "scale", "rotation", "stroke_width"), 1.0)
    wide = widened(Augmentation(horizontal_flip=True, noise=0.1), turning, every)
    assert wide == Augmentation(0.25, (0.5, 1.5), 45, 1, horizontal_flip=True, noise=0.1)
    half = widened(Augmentation(), turning, {"scale": 0.5, "rotation": 0.5})
    assert half == Augmentation(0, (0.75, 1.25), 22.5, 0)
    wider = Augmentation(0.4, (0.3, 1.9), 90, 2)
    assert widened(wider, turning, every) == wider
    (time,) = perturbations(AudioPreprocessor((1, 40, 64)))
    assert widened(Augmentation(), (time,), {"translation": 1.0}).shift == (0, 0.25)


def test_augmentation_training_raises_area_and_forgets_nothing(net: Network) -> None:
    data = data_of()
    tested = data.subset("test")
    digest, before = net.parameters_sha256, dataset_robustness(net, *tested)
    reports: list[Progress] = []
    found = train_with_augmentation(
        net, data, ["translation"], on_progress=reports.append, threads=1
    )
    assert net.parameters_sha256 == digest
    changed = {
        one.kind: one for one in area_changes(before, dataset_robustness(found.net, *tested))
    }
    gained = changed["translation"].gained
    assert gained is not None
    assert gained >= 0.3
    assert min(one.risen or 0.0 for one in changed.values()) > -0.05
    assert found.ranges["translation"] == 1
    assert found.net.recipe["augmentation"]["translation"] == [0.25, 0.25]
    assert found.net.recipe["epochs"] == KNOBS["epochs"]
    assert {one.stage for one in reports} >= {"measuring on the validation examples"}
    assert any(one.stage.startswith("training with translation") for one in reports)

    # The same on two threads, and whatever the test part holds.
    data.inputs = data.inputs.copy()
    data.inputs[data.splits == "test"] = 0
    again = train_with_augmentation(net, data, ["translation"], threads=2)
    assert again.net.parameters_sha256 == found.net.parameters_sha256
    assert again.to_json() == found.to_json()


def scripted(monkeypatch: pytest.MonkeyPatch, areas: list[dict[str, float]]) -> None:
    """Have the lab measure these areas, one after the other. "as it is" belongs to the first."""
    coming = iter(areas)
    turning = {
        perturbation.kind: perturbation for perturbation in perturbations(DRAWN.preprocessor)
    }

    def measured(*_: object, **__: object) -> DatasetRobustness:
        given = {"translation": 0.5, "scale": 0.9, "rotation": 0.5, "stroke_width": 0.8} | next(
            coming
        )
        whole = given.pop("as it is", 0.5)
        curves = [
            DatasetCurve(turning[trick], (height,) * len(turning[trick].sizes))
            for trick, height in given.items()
        ]
        heights = list(curves[0].accuracies)
        middle = curves[0].perturbation.unchanged_index
        heights[middle - 1] += heights[middle] - whole  # the area stays
        heights[middle] = whole
        return DatasetRobustness(1, 0, (replace(curves[0], accuracies=tuple(heights)), *curves[1:]))

    monkeypatch.setattr(augmentation_training, "dataset_robustness", measured)


def test_augmentation_training_adds_what_would_be_forgotten(
    net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = data_of()
    scripted(monkeypatch, [{}, {"scale": 0.6}, {"scale": 0.7, "stroke_width": 0.7}, {}])
    found = train_with_augmentation(net, data, ["rotation"])
    assert found.kinds == ("rotation",)
    assert found.ranges == {"rotation": 1, "scale": 1, "stroke_width": 0.5}
    assert found.net.recipe["augmentation"]["scale"] == [0.5, 1.5]
    scripted(monkeypatch, [{}, {"scale": 0.89}])  # a fall of 1 % is none
    assert train_with_augmentation(net, data, ["rotation"]).ranges == {"rotation": 1}
    falls = [{"scale": height} for height in (0.6, 0.8, 0.7)]  # the least fall is taken
    scripted(monkeypatch, [{}, *falls])
    assert train_with_augmentation(net, data, ["rotation"]).ranges == {
        "rotation": 1,
        "scale": 0.5,
    }


def test_augmentation_training_lower_accuracy_gets_more_epochs(
    net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = data_of()
    scripted(monkeypatch, [{}, {"scale": 0.1, "rotation": 0.9, "stroke_width": 0.1}, {}])
    both = train_with_augmentation(net, data, ["scale", "rotation", "scale"])
    assert both.ranges == {"scale": 1, "rotation": 1}
    assert both.epochs_factor == 2
    assert both.net.recipe["epochs"] == 2 * KNOBS["epochs"]
    falls = [{"as it is": 0.4}, {"as it is": 0.4}, {"stroke_width": 0.7}, {}]
    scripted(monkeypatch, [{}, *falls])
    found = train_with_augmentation(net, data, ["rotation"])
    assert found.ranges == {"rotation": 1, "stroke_width": 0.5}
    assert found.epochs_factor == 4
    scripted(monkeypatch, [{}, *[{"as it is": height} for height in (0.3, 0.2, 0.1)]])
    found = train_with_augmentation(
        net, data, ["rotation"]
    )  # no longer than that; the first was best
    assert (found.epochs_factor, found.net.recipe["epochs"]) == (1, KNOBS["epochs"])


def test_augmentation_training_small_set_is_split_then_trained_in_full() -> None:
    data = data_of(60, tested=0)
    small = taught(data)
    reports: list[Progress] = []
    found = train_with_augmentation(small, data, ["rotation"], on_progress=reports.append)
    titles = [one.stage for one in reports]
    assert "training without the validation examples" in titles
    assert titles[-1].endswith("all examples")
    assert found.net.calibration.n == 12  # a fifth of 60
    whole = replace(
        Recipe(**small.recipe),
        augmentation=widened(Augmentation(), perturbations(data.preprocessor), found.ranges),
    )
    given = plan_training(data, layers=LAYERS, folds=0, **vars(whole))
    given = replace(given, splits={"train": Split(data.inputs, data.labels)})
    assert run_training(given).net.parameters_sha256 == found.net.parameters_sha256


def test_augmentation_training_invalid_arguments_raise(net: Network) -> None:
    for tricks, words in (
        (
            ["turning"],
            "got 'turning', wanted one of translation, scale, rotation, stroke_width, or all",
        ),
        ([], "the list is empty"),
    ):
        with pytest.raises(LimitError, match=words):
            checked_kinds(net, tricks)
    assert checked_kinds(net, ["stroke_width", "scale", "stroke_width"]) == (
        "scale",
        "stroke_width",
    )
    assert checked_kinds(net, ["all"]) == ("translation", "scale", "rotation", "stroke_width")
    with pytest.raises(LimitError, match="has no recipe"):
        checked_kinds(Network(LAYERS, net.input, net.classes), ["all"])
    turned = taught(data_of(60, 0), augmentation=Augmentation(rotation=90), epochs=1)
    with pytest.raises(LimitError, match=r"already trained with rotation over.*rotation 90"):
        checked_kinds(turned, ["rotation"])
    with pytest.raises(DataError, match="other classes or another preprocessor"):
        train_with_augmentation(net, replace(data_of(), classes=("O", "X")), ["all"])


def test_augmentation_training_describes_changes() -> None:
    change = AreaChange("rotation", 0.8, 0.9)
    assert change.gained == pytest.approx(0.5)
    assert change.risen == pytest.approx(0.125)
    assert change.to_json().keys() == {"before", "after", "gained", "risen"}
    assert AreaChange("rotation", 0.8, 0.76).risen == pytest.approx(-0.05)
    assert AreaChange("rotation", 1.0, 0.9).gained is None
    assert AreaChange("rotation", 0.0, 0.9).risen is None


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_augmentation_training_real_letters_raise_each_area(seed: int) -> None:
    data = read_data(real("xo-unipen.npz"))
    tested = data.subset("test")
    net = run_training(plan_training(data, augmentation=Augmentation(), seed=seed)).net
    before = dataset_robustness(net, *tested)
    for name in before.areas:
        found = train_with_augmentation(net, data, [name])
        changed = {
            one.kind: one for one in area_changes(before, dataset_robustness(found.net, *tested))
        }
        gained = changed[name].gained
        assert gained is not None
        assert gained >= 0.3, (name, changed)
        assert min(one.risen or 0.0 for one in changed.values()) > -0.05, (name, changed)
