"""Calibration: the temperature, and confidence thresholds exact to one example."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from piecewise.core.errors import LimitError, ModelFileError
from piecewise.data.xo import make_xo
from piecewise.network import Network, load
from piecewise.reference.losses import softmax
from piecewise.spec.calibration import MAX_CONFIDENCES, Calibration, ConfidenceThreshold
from piecewise.storage import model_file
from piecewise.training.calibrate import COVERAGES, calibrate


def test_calibrate_recovers_temperature() -> None:
    random = np.random.default_rng(0)
    right = random.integers(0, 3, 4_000)
    logits = random.normal(size=(4_000, 3)).astype(np.float32)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    right = np.array([random.choice(3, p=row / row.sum()) for row in probabilities])
    for factor in (0.5, 1.0, 3.0):
        found = calibrate(logits * np.float32(factor), right)
        assert found.temperature == pytest.approx(factor, rel=0.1)
        assert found.n == 4_000


def test_calibrate_thresholds_state_coverage_and_accuracy() -> None:
    logits = np.zeros((100, 2), np.float32)
    logits[:, 0] = np.linspace(0.1, 5, 100)
    right = np.zeros(100, int)
    right[:10] = 1  # the least sure answers are wrong
    found = calibrate(logits, right)
    assert [step.coverage for step in found.thresholds] == list(COVERAGES)
    by = {step.coverage: step.accuracy for step in found.thresholds}
    assert by[1.0] == pytest.approx(0.9)
    assert by[0.9] == by[0.5] == 1.0
    assert calibrate(logits[:5], right[:5]) == Calibration()


def test_calibration_is_saved_and_changes_predictions(tmp_path: Any) -> None:
    net = Network("full", (1, 9, 9), ("X", "O"), seed=3)
    pictures = make_xo(40, 9, seed=0).inputs
    before = net.probabilities(pictures)
    net.calibration = Calibration(
        2.0,
        40,
        (ConfidenceThreshold(1.0, 0.5, 0.9), ConfidenceThreshold(0.5, 0.6, 1.0)),
        (0.9, 0.6, 0.55, 0.5),
    )
    assert (net.probabilities(pictures) != before).any()
    net.save(tmp_path / "net")
    other = load(tmp_path / "net")
    assert other.calibration == net.calibration
    assert (other.probabilities(pictures) == net.probabilities(pictures)).all()
    assert (other.compile().probabilities(pictures) == net.probabilities(pictures)).all()
    assert (net.walk(pictures[0]).probabilities == net.probabilities(pictures[:1])[0]).all()
    sure = net.predict(pictures, coverage=0.5)
    probabilities = net.probabilities(pictures).max(axis=1)
    assert [name is None for name in sure] == (probabilities < 0.6).tolist()
    assert None not in net.predict(pictures)
    with pytest.raises(LimitError, match="calibration: coverage: got 7"):
        net.predict(pictures, coverage=7)
    with pytest.raises(LimitError, match="this net has no confidence thresholds"):
        Network("full", (1, 9, 9), 2).predict(pictures, coverage=0.9)


@pytest.mark.parametrize(
    "plain",
    [
        {"temperature": 0, "n": 1, "thresholds": []},
        {"temperature": 1, "n": -1, "thresholds": []},
        {
            "temperature": 1,
            "n": 1,
            "thresholds": [{"coverage": 2, "probability": 0, "accuracy": 0}],
        },
        {"temperature": 1, "n": 1, "thresholds": [{}]},
        {
            "temperature": 1,
            "n": 1,
            "thresholds": [{"coverage": 1, "probability": 0, "accuracy": 0}] * 101,
        },
        {"temperature": 1, "n": 1, "thresholds": 3},
        {"temperature": 1, "n": 1, "thresholds": [], "confidences": [2]},
        {"temperature": 1, "n": 1, "thresholds": [], "confidences": [0.5] * 8_193},
        {},
    ],
)
def test_load_invalid_calibration_raises(
    plain: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = Network("full", (1, 2, 2), 2)
    with monkeypatch.context() as patch:
        patch.setattr(Calibration, "file_values", lambda _: plain)
        patch.setattr(Calibration, "from_json", classmethod(lambda cls, _: cls()))
        net.save(tmp_path / "net")
    with pytest.raises(ModelFileError, match="calibration"):
        model_file.read(tmp_path / "net")


@pytest.mark.parametrize("repeats", [1, 2])
def test_threshold_is_exact_to_one_example_for_every_size(repeats: int) -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 4, 3_000 * repeats)
    all_logits = random.normal(0, 1, (3_000 * repeats, 4)).astype(np.float32)
    for n in [*range(30, 130), *range(130, 3_000, 97), 3_000]:
        logits = all_logits[: n * repeats]
        found = calibrate(logits, labels[: n * repeats], repeats)
        confidence = softmax(logits / np.float32(found.temperature)).max(axis=1)
        for coverage in (0.999, 0.95, 0.9, 0.85, 0.5, 0.333, 0.1, 0.01):
            wanted = max(1, round(coverage * n * repeats))
            threshold = found.threshold_for(coverage)
            above, reached = (confidence > threshold).sum(), (confidence >= threshold).sum()
            assert above < wanted <= reached <= wanted + 2, (n, coverage)  # two may be equal


def test_threshold_of_many_examples_uses_evenly_spaced_confidences() -> None:
    logits = np.zeros((50_000, 2), np.float32)
    logits[:, 0] = np.linspace(0.01, 5, 50_000)
    found = calibrate(logits, (np.random.default_rng(0).random(50_000) < 0.2).astype(int))
    assert len(found.confidences) == MAX_CONFIDENCES
    confidence = softmax(logits / np.float32(found.temperature)).max(axis=1)
    for coverage in (0.99, 0.5, 0.123):
        answered = (confidence >= found.threshold_for(coverage)).mean()
        assert answered == pytest.approx(coverage, abs=2 / MAX_CONFIDENCES)


def test_threshold_includes_equal_confidences() -> None:
    logits = np.tile(np.array([[2, 0]], np.float32), (40, 1))
    found = calibrate(logits, np.zeros(40, int))
    confidence = softmax(logits / np.float32(found.temperature)).max(axis=1)
    assert (confidence >= found.threshold_for(0.3)).all()


def test_printed_calibration_leaves_out_the_confidences() -> None:
    found = calibrate(np.eye(20, 2, dtype=np.float32), np.zeros(20, int))
    assert len(found.confidences) == 20
    assert set(found.to_json()) == {"temperature", "n", "thresholds"}
    assert Calibration.from_json(found.file_values()) == found
