"""Robustness: perturbations, curves of an example and of a data set, and literal comparison."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.core.errors import DataError, LimitError
from piecewise.core.progress import Progress
from piecewise.data.audio.preprocessor import AudioPreprocessor
from piecewise.data.dataset import Dataset
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.data.xo import DECK_TRICKY_X, DECK_X, PLAIN, make_xo
from piecewise.inputs import layer_inputs
from piecewise.insight.robustness import curves, literal_matching
from piecewise.insight.robustness.augmentation_training import widened
from piecewise.insight.robustness.curves import Curve, area, dataset_robustness, example_robustness
from piecewise.insight.robustness.literal_matching import (
    LiteralMatcher,
    as_bytes,
    unchanged_fraction,
    worth,
)
from piecewise.insight.robustness.perturbations import Perturbation, perturbations
from piecewise.network import Network
from piecewise.reference.augmentation import (
    GeometricDraws,
    apply_geometric,
    augment,
    geometric_draws,
)
from piecewise.spec.augmentation import Augmentation
from piecewise.training.experiment import run_training
from piecewise.training.plan import plan_training
from tests.test_augmentation import ALL_GEOMETRIC, step_context

SIZE = 12
LAYERS = "conv 6 3, relu, pool 2, full"
DRAWN = make_xo(300, size=SIZE, seed=0, variation=PLAIN)
KNOBS: dict[str, Any] = {
    "epochs": 6,
    "batch_size": 16,
    "learning_rate": 0.05,
    "augmentation": "none",
}


def data_of(count: int = 300, tested: int = 100) -> Dataset:
    """Drawings with no tricks, the last ones for testing."""
    parts = np.where(np.arange(count) < count - tested, "train", "test")
    some = slice(count)
    return Dataset(DRAWN.inputs[some], DRAWN.labels[some], DRAWN.classes, parts, DRAWN.preprocessor)


def taught(data: Dataset, seed: int = 0, **knobs: Any) -> Network:
    said = {**KNOBS, "augmentation": Augmentation(), "seed": seed, **knobs}
    given = plan_training(data, layers=LAYERS, folds=0, **said)
    return run_training(
        replace(given, splits={k: v for k, v in given.splits.items() if k != "test"})
    ).net


@pytest.fixture(scope="module")
def net() -> Network:
    return taught(data_of())


def named(net: Network) -> dict[str, Perturbation]:
    return {perturbation.name: perturbation for perturbation in perturbations(net.preprocessor)}


# Dials.


def test_perturbations_sizes_are_symmetric_and_trainable() -> None:
    for side, other in [(2, 2), (3, 7), (9, 9), (28, 28), (33, 20), (100, 100), (1, 40), (200, 64)]:
        for perturbation in perturbations(ImagePreprocessor((1, side, other), "dark")):
            sizes = np.array(perturbation.sizes)
            middle = sizes[perturbation.unchanged_index]
            assert middle == (1 if perturbation.name == "scale" else 0)
            assert sizes - middle == pytest.approx(middle - sizes[::-1])
            assert np.diff(sizes) == pytest.approx(sizes[1] - sizes[0])
            assert sizes[1] > sizes[0]
        wide = widened(Augmentation(), perturbations(ImagePreprocessor((1, side, other))), {})
        assert wide == Augmentation()


def test_perturbations_of_28_pixels_have_expected_sizes() -> None:
    by_name = {
        perturbation.name: perturbation
        for perturbation in perturbations(ImagePreprocessor((1, 28, 28), "dark"))
    }
    assert list(by_name) == ["right", "down", "scale", "rotation", "stroke_width"]
    assert by_name["right"].sizes == tuple(range(-7, 8))
    assert by_name["right"].training_range == 7 / 28
    assert by_name["scale"].sizes == (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
    assert by_name["rotation"].sizes[::9] == (-45, 0, 45)
    assert by_name["stroke_width"].sizes[::8] == (-1, 0, 1)
    assert [perturbation.kind for perturbation in by_name.values()][:3] == [
        "translation",
        "translation",
        "scale",
    ]


def test_perturbations_large_images_shift_by_integer_pixels() -> None:
    right, down = perturbations(ImagePreprocessor((3, 64, 100)))[:2]
    assert right.sizes == tuple(range(-24, 25, 4))
    assert down.sizes == tuple(range(-16, 17, 2))


def test_perturbations_single_row_is_only_shifted() -> None:
    assert [perturbation.name for perturbation in perturbations(ImagePreprocessor((1, 1, 40)))] == [
        "right"
    ]
    with pytest.raises(LimitError, match="1 x 1, wanted two pixels or more"):
        perturbations(ImagePreprocessor((1, 1, 1)))


def test_perturbations_sounds_shift_in_time_and_texts_raise() -> None:
    (time,) = perturbations(AudioPreprocessor((1, 40, 64), rate=8_000, hop=160))
    assert (time.name, time.kind, time.unit) == ("right", "translation", "seconds")
    assert time.drawn[-1] == 16  # a quarter of 64 steps, of 20 ms each
    assert time.sizes[-1] == pytest.approx(0.32)
    texts = TextPreprocessor("words", ("a", "b"), 3)
    with pytest.raises(LimitError, match="got a net that reads texts, wanted one for pictures"):
        perturbations(texts)


def test_perturbation_apply_equals_augmentation_of_training() -> None:
    pictures = np.random.default_rng(0).normal(size=(20, 2, 9, 12)).astype(np.float32)
    drawn = geometric_draws(ALL_GEOMETRIC, 9, 12, step_context(20))
    for ground in ("dark", "any"):
        found = apply_geometric(drawn, pictures, ground).astype(np.float32)
        assert (found == augment(ALL_GEOMETRIC, pictures, ground, step_context(20))).all()
        for perturbation in perturbations(ImagePreprocessor((2, 9, 12))):
            for number, size in enumerate(perturbation.drawn):
                turned = perturbation.apply(pictures, number, ground)
                none, changed = np.zeros(20), {perturbation.name: np.full(20, size)}
                same = GeometricDraws(none, none, none + 1, none, none, none > 0)
                same = same._replace(**changed)
                assert (turned == apply_geometric(same, pictures, ground).astype(np.float32)).all()
                assert (turned == pictures).all() == (number == perturbation.unchanged_index)


# Literal comparison.


def test_unchanged_fraction_deck_images_equal_counted_pixels() -> None:
    first, second = (as_bytes(picture[None]) for picture in (DECK_X, DECK_TRICKY_X))
    differ = int((DECK_X != DECK_TRICKY_X).sum())
    assert unchanged_fraction(first, second) == 1 - differ / 81
    assert ((DECK_X > 0) & (DECK_TRICKY_X > 0)).sum() == 5  # of 13 pixels of ink
    assert unchanged_fraction(first, first) == 1
    assert unchanged_fraction(first, 255 - first) == 0
    half = np.full((1, 2, 2), 51, np.uint8)
    assert unchanged_fraction(half, np.zeros_like(half)) == 0.8


def test_as_bytes_inverts_to_float_for_any_background() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    for ground, wanted in (("dark", every), ("light", 255 - every), ("any", every)):
        scaled = ImagePreprocessor((1, 16, 16), ground).to_float(every)
        assert (as_bytes(scaled) == wanted).all()
    assert as_bytes(np.array([-9.0, 9.0])).tolist() == [0, 255]


@pytest.mark.parametrize("cached", [1 << 24, 0])
@pytest.mark.parametrize("block", [1 << 21, 40])
def test_literal_matcher_equals_brute_force_nearest_neighbor(
    monkeypatch: pytest.MonkeyPatch, cached: int, block: int
) -> None:
    monkeypatch.setattr(literal_matching, "_CACHED", cached)
    monkeypatch.setattr(literal_matching, "_BLOCK", block)
    rng = np.random.default_rng(0)
    lessons = rng.integers(0, 4, (50, 1, 3, 3)).astype(np.uint8) * 85
    asked = rng.integers(0, 4, (40, 1, 3, 3)).astype(np.uint8) * 85
    lessons[30:40] = lessons[:10]  # of equally near ones the first
    found = LiteralMatcher(lessons, np.arange(50)).answers((asked / 127.5 - 1).astype(np.float32))
    apart = [
        [sum((int(a) - int(b)) ** 2 for a, b in zip(x.flat, y.flat, strict=True)) for y in lessons]
        for x in asked
    ]
    assert found.tolist() == [row.index(min(row)) for row in apart]
    with pytest.raises(DataError, match="got 0 pictures and 0 labels, wanted one or more"):
        LiteralMatcher(lessons[:0], np.arange(0))


def test_worth_limits_number_of_compared_images() -> None:
    assert worth(5, 10, 10).tolist() == [0, 1, 2, 3, 4]
    few = worth(60_000, 750_000, 784)
    assert len(few) == int(literal_matching.WORK / 750_000 / 784) < 60_000
    assert few[0] == 0
    assert set(np.diff(few).tolist()) <= {60_000 // len(few), 60_000 // len(few) + 1}
    assert len(worth(3, 10**9, 10**9)) == 1
    assert len(worth(0, 10, 10)) == 0


# Curves of one picture.


def test_example_robustness_shifted_dot_equals_hand_computed_values() -> None:
    """A net that asks which half the ink is in, all its numbers known."""
    net = Network("conv 2 1, full", (1, 8, 8), ("left", "right"))
    net.parameters["conv1.weight"] = np.array([1, -1], np.float32).reshape(2, 1, 1, 1)
    net.parameters["conv1.bias"] = np.zeros(2, np.float32)
    votes = np.zeros((2, 2, 8, 8), np.float32)
    votes[0, 0, :, :4], votes[1, 0, :, 4:] = 3, 3  # by the first map of the convolution
    votes[:, 1] = 0.25  # the second says the same of both
    net.parameters["full1.weight"] = votes.reshape(2, -1)
    net.parameters["full1.bias"] = np.zeros(2, np.float32)
    picture = -np.ones((1, 8, 8), np.float32)
    picture[0, 5, 2] = 1
    right = example_robustness(net, picture)[0]
    assert right.perturbation.sizes == (-2, -1, 0, 1, 2)
    assert right.label == 0
    assert right.logits.argmax(axis=1).tolist() == [0, 0, 0, 0, 1]
    assert right.below is None
    assert right.above is not None
    assert (right.above.size, right.above.size_index, right.above.predicted) == (2, 4, 1)
    # 31 pixels of ground and one of ink, three votes each; then 32 of ground.
    assert right.above.lost_match == ("conv1", 0, -90, -96, 5, 2)
    assert right.equal_pixels == (1 - 2 / 64, 1 - 2 / 64, 1, 1 - 2 / 64, 1 - 2 / 64)
    watched = example_robustness(net, picture, 1)[0]  # never its answer while it lies on the left
    assert watched.below == watched.above
    assert watched.above is not None
    assert (watched.above.size, watched.above.lost_match) == (0, None)


def test_example_robustness_equals_logits_of_perturbed_images(net: Network) -> None:
    example = DRAWN.inputs[290]
    for given in (example, net.preprocessor.to_float(example)):
        curves = example_robustness(net, given)
        assert [curve.perturbation for curve in curves] == list(perturbations(net.preprocessor))
        for curve in curves:
            picture = net.preprocessor.to_float(example)[None]
            for number in range(len(curve.perturbation.sizes)):
                turned = curve.perturbation.apply(picture, number, "dark")
                assert (curve.logits[number] == net.logits(turned)[0]).all()
                assert (curve.probabilities[number] == net.probabilities(turned)[0]).all()
            assert curve.equal_pixels[curve.perturbation.unchanged_index] == 1
            assert min(curve.equal_pixels) > 0.5
            assert curve.label == int(net.logits(picture)[0].argmax())


def test_example_robustness_breaks_equal_changes_of_walks(net: Network) -> None:
    broken = 0
    for number in range(10):
        picture = net.preprocessor.to_float(DRAWN.inputs[number])
        for curve in example_robustness(net, picture, int(DRAWN.labels[number])):
            broken += check_breaks(net, picture, curve)
    assert broken >= 5


def check_breaks(net: Network, picture: Array, curve: Curve) -> int:
    """How many breaks a curve has, each looked at."""
    wins, middle, found = (
        curve.logits.argmax(axis=1) == curve.label,
        curve.perturbation.unchanged_index,
        0,
    )
    for broken, outwards in ((curve.below, wins[middle::-1]), (curve.above, wins[middle:])):
        if broken is None:
            assert outwards.all()
            continue
        assert abs(broken.size_index - middle) == int(outwards.argmin())
        assert curve.perturbation.sizes[broken.size_index] == broken.size
        assert broken.predicted == int(curve.logits[broken.size_index].argmax()) != curve.label
        if broken.size_index == middle:
            continue
        found += 1
        turned = curve.perturbation.apply(picture[None], broken.size_index, "dark")[0]
        before, after = net.walk(picture), net.walk(turned)
        lost = broken.lost_match
        assert lost is not None
        assert lost.layer == "pool1"
        votes = [walk.ledger(curve.label, back_to="pool1").by_map() for walk in (before, after)]
        assert (lost.before, lost.after) == (votes[0][lost.feature], votes[1][lost.feature])
        assert lost.before - lost.after == max(votes[0] - votes[1]) > 0
        assert before["pool1"][lost.feature, lost.row, lost.column] == max(
            before["pool1"][lost.feature].flat
        )
    return found


def test_example_robustness_to_json_returns_plain_values(net: Network) -> None:
    curves = example_robustness(net, DRAWN.inputs[0])
    plain = json.loads(json.dumps([curve.to_json() for curve in curves], allow_nan=False))
    for curve, values in zip(curves, plain, strict=True):
        assert values["name"] == curve.perturbation.name
        assert len(values["sizes"]) == len(values["logits"]) == len(values["equal_pixels"])
        assert (values["below"] is None) == (curve.below is None)
        if curve.above and curve.above.lost_match:
            assert values["above"]["lost_match"]["feature"] == curve.above.lost_match.feature


def test_robustness_mismatched_examples_raise(net: Network) -> None:
    with pytest.raises(LimitError, match="label: got True, wanted a class number"):
        example_robustness(net, DRAWN.inputs[0], True)
    with pytest.raises(LimitError, match="label: got 2, wanted a class number from 0 to 1"):
        example_robustness(net, DRAWN.inputs[0], 2)
    with pytest.raises(DataError, match="wanted \\(N, 1, 12, 12\\)"):
        example_robustness(net, DRAWN.inputs[0, :, :9])
    with pytest.raises(LimitError, match="threads"):
        dataset_robustness(net, DRAWN.inputs, DRAWN.labels, threads=0)
    texts = TextPreprocessor("words", ("a", "b"), 3)
    words = Network("embed 2, pool all, full", texts.shape, ("a", "b"), 0, texts)
    with pytest.raises(LimitError, match="reads texts"):
        example_robustness(words, np.zeros(3, int))


# Curves of a set.


def test_area_equals_mean_height() -> None:
    assert area([1, 1, 1]) == 1
    assert area([0, 1, 0]) == 0.5
    assert area([0, 1]) == 0.5
    heights = np.random.default_rng(0).random(9)
    assert area(heights.tolist()) == pytest.approx(np.trapezoid(heights, np.linspace(0, 1, 9)))


def test_dataset_robustness_equals_counted_accuracy(
    net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested, right = DRAWN.inputs[200:], DRAWN.labels[200:]
    lessons = DRAWN.inputs[:40], DRAWN.labels[:40]
    reports: list[Progress] = []
    found = dataset_robustness(net, tested, right, lessons, on_progress=reports.append)
    compared = LiteralMatcher(as_bytes(layer_inputs(net, lessons[0])), lessons[1])
    for curve in found.curves:
        assert curve.literal is not None
        for number, accuracy in enumerate(curve.accuracies):
            turned = curve.perturbation.apply(layer_inputs(net, tested), number, "dark")
            assert accuracy == (net.logits(turned).argmax(axis=1) == right).mean()
            assert curve.literal[number] == (compared.answers(turned) == right).mean()
        assert curve.accuracies[curve.perturbation.unchanged_index] >= 0.97
    assert (found.n, found.literal_n) == (100, 40)
    sizes = sum(len(curve.perturbation.sizes) for curve in found.curves)
    assert reports[-1] == Progress("measuring", 100 * sizes, 100 * sizes)
    assert [one.done for one in reports] == sorted(one.done for one in reports)
    monkeypatch.setattr(curves, "_BLOCK", 30 * SIZE * SIZE)
    for threads in (1, 3):
        assert dataset_robustness(net, tested, right, lessons, threads=threads) == found
    alone = dataset_robustness(net, layer_inputs(net, tested), right)
    assert alone.literal_areas is None
    assert alone.literal_n == 0
    assert alone.areas == found.areas


def test_dataset_robustness_areas_are_keyed_by_perturbation(net: Network) -> None:
    found = dataset_robustness(net, DRAWN.inputs[:20], DRAWN.labels[:20])
    of = {curve.perturbation.name: curve.area for curve in found.curves}
    assert list(found.areas) == ["translation", "scale", "rotation", "stroke_width"]
    assert found.areas["translation"] == (of["right"] + of["down"]) / 2
    assert found.areas["translation"] < 1
    assert found.areas["rotation"] == of["rotation"]
    plain = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert plain["areas"] == found.areas
    assert plain["literal_areas"] is None
    for curve, values in zip(found.curves, plain["curves"], strict=True):
        assert values["accuracies"] == list(curve.accuracies)
        assert values["area"] == curve.area
        assert values["sizes"][values["unchanged_index"]] in (0, 1)


def test_dataset_robustness_exception_of_callback_leaves_no_thread(net: Network) -> None:
    before = threading.active_count()

    def enough(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dataset_robustness(net, DRAWN.inputs, DRAWN.labels, on_progress=enough, threads=3)
    assert threading.active_count() == before
