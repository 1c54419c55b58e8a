"""The classifier without scikit-learn, whose own checks are in `toolkits/test_sklearn.py`."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from piecewise import ConvNetClassifier
from piecewise.core.errors import DataError, LimitError
from piecewise.core.progress import Progress
from piecewise.data.xo import make_xo
from piecewise.sklearn_api import classifier
from piecewise.sklearn_api.conventions import class_factors
from piecewise.training.splits import validation_mask

from .lessons import ANSWERS, KINDS, LABELS, PICTURES, SMALL, TABLE, UNSEEN, bits, rng, taught


def test_classifier_learns_images_with_defaults() -> None:
    classifier = ConvNetClassifier(effort="quick", random_state=0).fit(PICTURES, LABELS)
    assert classifier.score(UNSEEN.inputs, ANSWERS) > 0.95
    assert classifier.classes_.tolist() == ["O", "X"]
    assert classifier.image_shape_ == (1, 9, 9)
    assert classifier.n_features_in_ == 81
    assert classifier.network_.preprocessor.background == "dark"
    assert classifier.network_.recipe["augmentation"]["rotation"] > 0
    assert len(classifier.loss_curve_) == classifier.recipe_.epochs
    probabilities = classifier.predict_proba(UNSEEN.inputs)
    assert probabilities.shape == (100, 2)
    assert np.allclose(probabilities.sum(axis=1), 1)
    ahead = classifier.decision_function(UNSEEN.inputs) > 0
    assert (classifier.predict(UNSEEN.inputs) == np.where(ahead, "X", "O")).all()


def test_classifier_learns_a_table_without_augmentation() -> None:
    classifier = ConvNetClassifier(random_state=0).fit(TABLE, KINDS)
    assert classifier.score(TABLE, KINDS) > 0.95
    assert classifier.network_.input == (1, 1, 4)
    assert not classifier.recipe_.augmentation.changes_anything
    inputs = classifier.inputs(TABLE)
    assert np.allclose(inputs.mean(axis=0), 0, atol=1e-6)
    assert np.allclose(inputs.std(axis=0), 1, atol=1e-6)
    assert classifier.inputs(TABLE[:1]).tobytes() == inputs[:1].tobytes()  # fixed at fit


def test_classifier_does_not_import_scikit_learn() -> None:
    code = "import sys, piecewise; piecewise.ConvNetClassifier; print('sklearn' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert output.stdout == "False\n"


# The same examples, the same bits.


def test_fit_row_order_does_not_change_bits() -> None:
    order = rng().permutation(len(LABELS))
    assert taught(PICTURES[order], LABELS[order]) == taught()
    assert taught(random_state=1) != taught()


@pytest.mark.parametrize("X", [PICTURES, PICTURES / 7.3 + rng().normal(0, 1, PICTURES.shape)])
def test_fit_sample_weight_equals_repeated_rows(X: Any) -> None:
    weights = rng().integers(0, 4, len(LABELS))
    repeated = taught(np.repeat(X, weights, axis=0), np.repeat(LABELS, weights))
    assert taught(X, LABELS, weights) == repeated
    assert taught(X, LABELS, weights / 7) == taught(X, LABELS, weights * 3.5)
    assert taught(X, LABELS) != repeated
    halves = np.concatenate([weights, weights]) / 2
    assert taught(np.concatenate([X, X]), np.tile(LABELS, 2), halves) == repeated


def test_fit_class_of_zero_weight_raises() -> None:
    weights = (LABELS == "X").astype(float)
    with pytest.raises(DataError, match="only one class, 'X'"):
        taught(PICTURES, LABELS, weights)


def test_fit_n_jobs_does_not_change_bits() -> None:
    layers = "conv 16 3 pad=same, norm, relu, pool 2, dropout 0.3, full 16, relu, full"
    one = taught(layers=layers, augmentation="rotation 10", n_jobs=1)
    assert taught(layers=layers, augmentation="rotation 10", n_jobs=2) == one
    assert taught(layers=layers, augmentation="rotation 10", n_jobs=-1) == one


def test_fit_random_state_seeds_the_result() -> None:
    for made in (np.random.RandomState, np.random.default_rng):
        assert taught(random_state=made(3)) == taught(random_state=made(3))
        assert taught(random_state=made(3)) != taught(random_state=made(4))
    np.random.seed(5)  # noqa: NPY002 - scikit-learn's users do
    first = taught(random_state=None)
    assert first != taught(random_state=None)
    np.random.seed(5)  # noqa: NPY002
    assert taught(random_state=None) == first


# Going on.


def test_partial_fit_trains_one_epoch_per_call() -> None:
    def gone(rounds: int) -> ConvNetClassifier:
        classifier = ConvNetClassifier(**SMALL)
        for _ in range(rounds):
            classifier.partial_fit(PICTURES, LABELS, classes=["X", "O"])
        return classifier

    far = gone(12)
    assert bits(far) == bits(gone(12))
    assert far.score(UNSEEN.inputs, ANSWERS) > 0.95
    assert len(far.loss_curve_) == 12
    assert far.loss_curve_[-1] < 0.5 * far.loss_curve_[0]
    assert far.recipe_.learning_rate == 0.1
    assert far.recipe_.seed == 11  # other orders and draws in every round
    weights = rng().integers(0, 3, len(LABELS))
    weighed, repeated = gone(1), gone(1)
    weighed.partial_fit(PICTURES, LABELS, sample_weight=weights)
    repeated.partial_fit(np.repeat(PICTURES, weights, axis=0), np.repeat(LABELS, weights))
    assert bits(weighed) == bits(repeated)
    few = gone(1).partial_fit(PICTURES[:3], LABELS[:3])  # of fewer classes, even
    assert few.classes_.tolist() == ["O", "X"]


def test_partial_fit_unknown_classes_raise() -> None:
    classifier = ConvNetClassifier(**SMALL)
    with pytest.raises(DataError, match="classes must be passed on the first call"):
        classifier.partial_fit(PICTURES, LABELS)
    classifier.partial_fit(PICTURES, LABELS, classes=["X", "O"])
    with pytest.raises(DataError, match="got the label 'Y', wanted one of the classes"):
        classifier.partial_fit(PICTURES, np.where(LABELS == "X", "Y", LABELS))
    with pytest.raises(DataError, match="others than on the last call"):
        classifier.partial_fit(PICTURES, LABELS, classes=["X", "O", "Y"])
    with pytest.raises(LimitError, match="balanced"):
        classifier.set_params(class_weight="balanced").partial_fit(PICTURES, LABELS)


def test_warm_start_continues_from_current_parameters() -> None:
    warm = ConvNetClassifier(**SMALL, warm_start=True).fit(PICTURES, LABELS)
    first = bits(warm)
    assert first == taught()
    warm.fit(PICTURES, LABELS)
    assert bits(warm) != first
    assert len(warm.loss_curve_) == 6
    assert max(warm.loss_curve_[3:]) < warm.loss_curve_[0]
    with pytest.raises(DataError, match="got the label 'Y'"):
        warm.fit(PICTURES, np.where(LABELS == "X", "Y", LABELS))
    warm.set_params(warm_start=False).fit(PICTURES, LABELS)
    assert bits(warm) == first
    assert len(warm.loss_curve_) == 3


def test_fit_patience_stops_early() -> None:
    said = {**SMALL, "epochs": 200, "patience": 2, "validation_fraction": 0.2}
    classifier = ConvNetClassifier(**said).fit(PICTURES, LABELS)
    assert len(classifier.loss_curve_) < 200
    assert classifier.network_.history[0]["validation_accuracy"] is not None


# Weights of classes.


def test_class_weight_equals_sample_weight() -> None:
    by_row = np.where(LABELS == "X", 3.0, 1.0)
    assert taught(class_weight={"X": 3}) == taught(weights=by_row)
    assert taught(class_weight={"X": 3}) != taught()
    few = np.r_[np.flatnonzero(LABELS == "X")[:20], np.flatnonzero(LABELS == "O")[:60]]
    balanced = taught(PICTURES[few], LABELS[few], class_weight="balanced")
    assert balanced == taught(PICTURES[few], LABELS[few], class_weight={"X": 3, "O": 1})
    counts = np.array([2.0, 6.0, 0.0])
    assert class_factors("balanced", np.arange(3), counts).tolist() == [2, 2 / 3, 4]


@pytest.mark.parametrize(
    "given", [{"Y": 1}, {"X": -1}, {"X": 0, "O": 0}, {"X": np.nan}, "even", [1, 2]]
)
def test_invalid_class_weight_raises(given: Any) -> None:
    with pytest.raises(LimitError, match="class_weight: "):
        taught(class_weight=given)


# Manners.


def test_get_params_set_params_and_repr_agree() -> None:
    classifier = ConvNetClassifier("full", epochs=3)
    assert repr(classifier) == "ConvNetClassifier(layers='full', epochs=3)"
    assert repr(ConvNetClassifier()) == "ConvNetClassifier()"
    assert classifier.set_params(epochs=None, batch_size=16) is classifier
    assert repr(classifier) == "ConvNetClassifier(layers='full', batch_size=16)"
    assert ConvNetClassifier(**classifier.get_params()).get_params() == classifier.get_params()
    with pytest.raises(LimitError, match="Invalid parameter 'epoch' for estimator"):
        classifier.set_params(epoch=3)


def test_pickled_classifier_predicts_and_trains_alike() -> None:
    classifier = ConvNetClassifier(**SMALL).fit(PICTURES, LABELS)
    again = pickle.loads(pickle.dumps(classifier))
    assert bits(again) == bits(classifier)
    probabilities = classifier.predict_proba(UNSEEN.inputs)
    assert again.predict_proba(UNSEEN.inputs).tobytes() == probabilities.tobytes()
    for each in (classifier, again):
        each.partial_fit(PICTURES, LABELS)
    assert bits(again) == bits(classifier)


class DataFrameLike:
    """The part of a data frame that the classifier uses."""

    def __init__(self, table: Any, columns: Any) -> None:
        self.table, self.columns = table, columns

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self.table, dtype)


def test_predict_other_column_names_raise() -> None:
    classifier = ConvNetClassifier(epochs=1, random_state=0).fit(
        DataFrameLike(TABLE, list("abcd")), KINDS
    )
    assert classifier.feature_names_in_.tolist() == list("abcd")
    assert classifier.predict(DataFrameLike(TABLE, list("abcd"))).shape == (60,)
    with pytest.raises(DataError, match="must be in the same order"):
        classifier.predict(DataFrameLike(TABLE, list("abdc")))
    with pytest.raises(DataError, match=r"unseen at fit time:\n- e\nFeature .*\n- d\n"):
        classifier.predict(DataFrameLike(TABLE, list("abce")))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        classifier.predict(TABLE)
    with pytest.warns(UserWarning, match="fitted without feature names"):
        classifier.fit(TABLE, KINDS).predict(DataFrameLike(TABLE, list("abcd")))
    assert not hasattr(classifier, "feature_names_in_")


def test_score_uses_sample_weight() -> None:
    classifier = ConvNetClassifier(**SMALL).fit(PICTURES, LABELS)
    right = classifier.predict(UNSEEN.inputs) == ANSWERS
    weights = np.where(right, 1.0, 3.0)
    share = right.sum() / weights.sum()
    assert classifier.score(UNSEEN.inputs, ANSWERS, weights) == pytest.approx(share)
    assert classifier.score(UNSEEN.inputs, np.full(100, "Y")) == 0


def test_warm_start_keeps_validation_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Early stopping of a second fit must not look at what the first one learned."""
    seen: list[np.ndarray[Any, Any]] = []

    def spy(labels: Any, seed: int, share: float) -> Any:
        seen.append(validation_mask(labels, seed, share))
        return seen[-1]

    monkeypatch.setattr(classifier, "validation_mask", spy)
    drawings = make_xo(60, 9, seed=0)
    net = ConvNetClassifier("full", epochs=2, patience=1, warm_start=True)
    for _ in range(2):
        net.fit(drawings.inputs, drawings.labels)
    assert (seen[0] == seen[1]).all()


def test_partial_fit_batch_of_zero_weight_raises() -> None:
    net = ConvNetClassifier("full", epochs=2, class_weight={0: 0, 1: 1})
    drawings = make_xo(20, 9, seed=0)
    of_first = drawings.labels == 0
    with pytest.raises(DataError, match="every example has the weight 0"):
        net.partial_fit(drawings.inputs[of_first], drawings.labels[of_first], classes=[0, 1])


def test_fit_validation_and_progress_reach_training() -> None:
    drawn, other = make_xo(60, size=9, seed=0), make_xo(20, size=9, seed=1)
    names = np.array(["cross", "nought"])
    reports: list[Progress] = []
    model = ConvNetClassifier("full", epochs=30, patience=1, random_state=0)
    model.fit(
        drawn.inputs,
        names[drawn.labels],
        validation=(other.inputs, names[other.labels]),
        on_progress=reports.append,
    )
    epochs = [one.epoch for one in reports if one.epoch]
    assert len(epochs) == len(model.loss_curve_) < 30  # stopped early
    best = max(epoch.validation_accuracy or 0 for epoch in epochs)
    assert best == model.score(other.inputs, names[other.labels])
    with pytest.raises(DataError, match="circle"):
        model.fit(drawn.inputs, names[drawn.labels], validation=(other.inputs, ["circle"] * 20))
