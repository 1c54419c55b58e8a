"""Scikit-learn as the judge: its battery of checks, its searches, pipelines and ensembles."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest

from piecewise import ConvNetClassifier

sklearn = pytest.importorskip("sklearn")
pytest.importorskip("pandas")  # for the checks of data frames

from sklearn.base import clone, is_classifier  # noqa: E402
from sklearn.calibration import CalibratedClassifierCV  # noqa: E402
from sklearn.datasets import load_digits, load_iris  # noqa: E402
from sklearn.ensemble import VotingClassifier  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split  # noqa: E402
from sklearn.pipeline import Pipeline, make_pipeline  # noqa: E402
from sklearn.preprocessing import FunctionTransformer, StandardScaler  # noqa: E402
from sklearn.utils import estimator_html_repr, get_tags  # noqa: E402
from sklearn.utils.estimator_checks import (  # noqa: E402
    check_dataframe_column_names_consistency,
)

BATTERY = """
import json, sys, warnings
warnings.simplefilter("ignore")
from sklearn.utils.estimator_checks import check_estimator
from piecewise import ConvNetClassifier
found = check_estimator(ConvNetClassifier(**json.loads(sys.argv[1])), on_skip=None, on_fail=None)
print(json.dumps([
    [one["check_name"], one["status"], repr(one["exception"]), one["expected_to_fail"]]
    for one in found
]))
"""

FOLDS = """
import numpy as np
from sklearn.model_selection import cross_val_score
from piecewise import ConvNetClassifier
noise = np.random.default_rng(0).normal(size=(60, 10, 10))
rows = noise[:, 2:] + noise[:, 1:-1] + noise[:, :-2]
flat = (rows[:, :, 2:] + rows[:, :, 1:-1] + rows[:, :, :-2]).reshape(60, -1)
for fold in range(2):
    cross_val_score(ConvNetClassifier(epochs=1), flat, np.arange(60) % 2, cv=3)
"""

CHECKS = 63
"""That scikit-learn 1.9 has for a classifier that takes weights, class weights and partial_fit; it
passes over most of them where a tag says that no flat rows are taken."""


@pytest.mark.parametrize(
    "said", [{}, {"layers": "conv 8 1x2 pad=same, norm, relu, dropout 0.1, full"}]
)
def test_check_estimator_passes_all_checks(said: dict[str, Any]) -> None:
    """In a process of its own: SciPy looks at the variable as it is loaded, and without it one
    check, of arrays of other libraries, would be skipped."""
    output = subprocess.run(
        [sys.executable, "-c", BATTERY, json.dumps(said)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
    )
    found = json.loads(output.stdout)
    assert [one for one in found if one[1] != "passed"] == []
    assert not any(expected for *_, expected in found)
    names = {name for name, *_ in found}
    assert {
        "check_sample_weight_equivalence_on_dense_data",
        "check_class_weight_classifiers",
        "check_estimators_partial_fit_n_features",
        "check_classifiers_train",
        "check_methods_subset_invariance",
        "check_fit2d_predict1d",
    } <= names
    if sklearn.__version__.startswith("1.9."):
        assert len(found) == CHECKS
    assert len(found) >= 54


def test_data_frame_columns_pass_check_of_scikit_learn() -> None:
    """The battery leaves this one to estimators of scikit-learn itself."""
    check_dataframe_column_names_consistency("ConvNetClassifier", ConvNetClassifier(effort="quick"))


@pytest.fixture(scope="module")
def digits() -> Any:
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)


def test_grid_search_over_pipeline_learns_digits(digits: Any) -> None:
    X, unseen, y, answers = digits
    pipeline = Pipeline(
        [
            ("scale", FunctionTransformer(lambda rows: rows / 16)),
            ("net", ConvNetClassifier(image_shape=(8, 8), random_state=0)),
        ]
    )
    grid = {
        "net__epochs": [5, 20],
        "net__layers": ["conv 16 3 pad=same, norm, relu, pool 2, full 64, relu, full", "full"],
    }
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_params_["net__epochs"] == 20
    assert search.best_params_["net__layers"].startswith("conv")
    assert search.score(unseen, answers) > 0.97
    assert len(search.cv_results_["mean_test_score"]) == 4
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()


def test_pipeline_with_standard_scaler_learns_digits(digits: Any) -> None:
    X, unseen, y, answers = digits
    net = ConvNetClassifier(image_shape=(8, 8), random_state=0)
    assert make_pipeline(StandardScaler(), net).fit(X, y).score(unseen, answers) > 0.96


def test_cross_validation_in_processes_gives_same_scores() -> None:
    X, y = load_iris(return_X_y=True)
    net = ConvNetClassifier(random_state=0, n_jobs=1)
    scores = cross_val_score(net, X, y, cv=5)
    assert scores.mean() > 0.93
    assert (cross_val_score(net, X, y, cv=5, n_jobs=2) == scores).all()


def test_clone_keeps_parameters_and_is_not_fitted() -> None:
    X, y = load_iris(return_X_y=True)
    net = ConvNetClassifier(epochs=2, random_state=0, class_weight={0: 2.0}).fit(X, y)
    again = clone(net)
    assert again.get_params() == net.get_params()
    with pytest.raises(NotFittedError):
        again.predict(X)
    assert again.fit(X, y).network_.parameters_sha256 == net.network_.parameters_sha256
    pickled = pickle.loads(pickle.dumps(make_pipeline(StandardScaler(), net).fit(X, y)))
    assert (pickled.predict(X) == net.predict(StandardScaler().fit_transform(X))).all()


def test_voting_and_calibrated_classifiers_accept_classifier() -> None:
    X, y = load_iris(return_X_y=True)
    net = ConvNetClassifier(random_state=0)
    named = [("net", net), ("line", LogisticRegression(max_iter=1_000))]
    assert VotingClassifier(named, voting="soft").fit(X, y).score(X, y) > 0.95
    calibrated = CalibratedClassifierCV(net, cv=3).fit(X, y)
    assert np.allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    assert calibrated.score(X, y) > 0.9


def test_tags_and_html_identify_a_classifier() -> None:
    net = ConvNetClassifier(epochs=3)
    assert is_classifier(net)
    tags = get_tags(net)
    assert tags.input_tags.two_d_array
    assert tags.input_tags.three_d_array
    assert not tags.non_deterministic
    assert not tags.no_validation
    assert "ConvNetClassifier" in estimator_html_repr(make_pipeline(StandardScaler(), net))


def test_warnings_and_errors_are_scikit_learns_if_loaded() -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.raises(NotFittedError), warnings.catch_warnings():
        ConvNetClassifier().predict(X)
    with pytest.warns(sklearn.exceptions.DataConversionWarning, match="column-vector"):
        ConvNetClassifier(epochs=1).fit(X, y[:, None])


def test_cross_validation_of_flat_images_warns_once_at_the_users_line() -> None:
    """In a process of its own, where the filters of warnings are Python's."""
    done = subprocess.run([sys.executable, "-c", FOLDS], capture_output=True, text=True, check=True)
    assert done.stderr.count("look like the pixels") == 1
    assert done.stderr.startswith("<string>:9: UserWarning: X: the 64 columns")
