"""Trials of nets with the columns of computed data in order and shuffled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from threading import Lock, Thread

import numpy as np

from ..core.array_types import Array, Labels
from ..core.errors import did_you_mean, shown
from ..data.dataset import Dataset
from ..data.xo import CLASSES, PLAIN, TRICKY, XOVariation, make_xo
from ..training.shuffle_test import ShuffleTestResult, shuffle_test
from .column_order import SOUNDS, TEXTS, sentence_data, tone_data
from .computed_samples import measurements
from .own_samples import SIDE
from .references import LessonError

SAMPLES = 600
"""Of each data set, half of them of each class."""
SHOWN = (SOUNDS, TEXTS, "table")
"""The trials that the lesson about other data shows."""
_LOCK = Lock()


def computed_trial(name: str) -> ShuffleTestResult:
    """A trial of computed data, which is made once; ``name`` is a key of `TRIALS`, or
    LessonError."""
    if name not in TRIALS:
        raise LessonError(f"trial: got {shown(name)}{did_you_mean(name, TRIALS)}")
    with _LOCK:
        return _trial(name)


@cache
def _trial(name: str) -> ShuffleTestResult:
    return shuffle_test(TRIALS[name]())


def begin_trials() -> Thread:
    """Make the trials that a lesson shows in the background: they take some seconds."""
    thread = Thread(target=lambda: [computed_trial(name) for name in SHOWN], daemon=True)
    thread.start()
    return thread


def _letters(variation: XOVariation) -> Dataset:
    xo = make_xo(SAMPLES, SIDE, 0, variation)
    return _drawings(xo.inputs, xo.labels, xo.classes)


def _table() -> Dataset:
    return _drawings(*measurements(SAMPLES, SIDE), ("low", "high"))


def _drawings(inputs: Array, labels: Labels, classes: tuple[str, ...] = CLASSES) -> Dataset:
    preprocessor = make_xo(1, SIDE, 0).preprocessor
    return Dataset(inputs, labels, classes, np.full(len(labels), "train"), preprocessor)


TRIALS: Mapping[str, Callable[[], Dataset]] = {
    "tricky": lambda: _letters(TRICKY),
    "centered": lambda: _letters(PLAIN),
    SOUNDS: lambda: tone_data(SAMPLES // 2),
    TEXTS: lambda: sentence_data(SAMPLES // 2),
    "table": _table,
}
"""The computed data sets, by name."""
