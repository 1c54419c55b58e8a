"""Trials of nets with the columns of computed data in order and shuffled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np

from ..core.array_types import Array, Labels
from ..data.dataset import Dataset
from ..data.xo import CLASSES, PLAIN, TRICKY, XOVariation, make_xo
from ..training.shuffle_test import ShuffleTestResult, shuffle_test
from .column_order import SOUNDS, TEXTS, sentence_data, tone_data
from .computed_samples import EACH, measurements
from .own_samples import SIDE

SAMPLES = 600
"""Drawings, and rows of the table of measurements."""


@cache
def computed_trial(name: str) -> ShuffleTestResult:
    """A trial of computed data; ``name`` is a key of `TRIALS`."""
    return shuffle_test(TRIALS[name]())


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
    SOUNDS: lambda: tone_data(EACH),
    TEXTS: sentence_data,
    "table": _table,
}
"""The computed data sets, by name."""
