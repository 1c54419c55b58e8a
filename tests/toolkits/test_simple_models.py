"""The simple models of scikit-learn that the benchmark of accuracy shows beside the nets."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.simple_models import NAMES, _recordings, simple_score

import piecewise as pw
from piecewise.data.audio.preprocessor import AudioPreprocessor
from piecewise.data.text.preprocessor import fit_text_preprocessor

pytest.importorskip("sklearn")


def drawings(*, tested: bool) -> pw.Dataset:
    drawn = pw.make_xo(300, size=12, seed=0)
    last = "test" if tested else "train"
    splits = np.repeat(["validation", "train", last], [20, 180, 100])
    return pw.Dataset(drawn.inputs, drawn.labels, drawn.classes, splits, drawn.preprocessor)


def test_pictures_are_scored_on_the_test_split() -> None:
    data = drawings(tested=True)
    score = simple_score(data, 0)
    assert score is not None
    assert score.model == NAMES["pictures"]
    assert 0.9 < score.accuracy <= 1
    assert score.seconds > 0
    data.labels[200:] = 1 - data.labels[200:]  # the model never sees the labels of the test split
    swapped = simple_score(data, 0)
    assert swapped is not None
    assert swapped.accuracy == pytest.approx(1 - score.accuracy)


def test_folds_score_each_training_example_once() -> None:
    score = simple_score(drawings(tested=False), 5)
    assert score is not None
    assert 0.9 < score.accuracy <= 1
    assert (score.accuracy * 280) % 1 == pytest.approx(0, abs=1e-6)


def test_texts_are_read_as_words_and_characters() -> None:
    texts = [f"{'good' if row % 2 else 'bad'} film number {row}" for row in range(60)]
    reader = fit_text_preprocessor(texts)
    inputs = np.array([reader.transform(text) for text in texts])
    splits = np.where(np.arange(60) < 40, "train", "test")
    data = pw.Dataset(inputs, np.arange(60) % 2, ("bad", "good"), splits, reader, texts=texts)
    score = simple_score(data, 0)
    assert score is not None
    assert (score.model, score.accuracy) == (NAMES["texts"], 1)


def test_statistics_of_sounds_leave_out_silence_and_count_a_recording_once() -> None:
    inputs = np.zeros((3, 1, 2, 4), np.uint8)
    inputs[0, 0] = [[10, 20, 0, 0], [5, 5, 0, 0]]
    inputs[1, 0] = [[30, 0, 0, 0], [5, 0, 0, 0]]
    data = pw.Dataset(inputs, np.array([0, 0, 1]), ("a", "b"), np.full(3, "train"),
                      AudioPreprocessor((1, 2, 4)),
                      recordings=np.array([0, 0, 1]))  # fmt: skip
    features, labels, splits = _recordings(data)
    assert features.tolist() == [[20, 5, np.std([10, 20, 30]), 0], [0, 0, 0, 0]]
    assert labels.tolist() == [0, 1]
    assert splits.tolist() == ["train", "train"]
