"""Evaluation: the scores of a network on arrays or on a data set.

Examples that the network was trained on say little about new data, so in a data set they are
counted apart. Examples of classes that the network does not have are left out and counted.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.array_types import Float32, Int64, Labels
from ..core.errors import DataError, shown
from ..core.progress import OnProgress
from ..data.dataset import Dataset, read_data
from ..data.loading.subset import select_rows
from ..inputs import check_examples
from ..network import Network
from ..raw_inputs import mean_logits, raw_inputs
from .metrics import Scores, scores_from_logits
from .splits import Split

ALL, UNSEEN, TRAINING = "all", "unseen", "training"
"""Which examples a headline counts: all; those that the network was not trained on; or all, and
all of them are training examples."""


@dataclass(frozen=True)
class DatasetScores(Scores):
    """The scores of a data set, and apart those of training examples in it.

    Parameters
    ----------
    split : str
        "test", or "all" if the data set has no test split.
    counted : str
        Which examples of the split the scores count: "all"; "unseen", those that the network was
        not trained on; or "training" if it was trained on all of them.
    seen, unseen : Scores, optional
        The scores of the examples that the network was trained on, and of the others.
    unknown_classes : dict of str to int
        The classes that the network does not have, with the number of examples left out.
    """

    split: str = "all"
    counted: str = ALL
    seen: Scores | None = None
    unseen: Scores | None = None
    unknown_classes: dict[str, int] = field(default_factory=dict)

    @property
    def is_partial(self) -> bool:
        """Whether some examples were seen in training, or left out."""
        return self.seen is not None or bool(self.unknown_classes)

    def to_json(self) -> dict[str, Any]:
        """The metrics as JSON values.

        Returns
        -------
        dict
            The values of `Scores.to_json`; split, counted and unknown_classes; seen and unseen: the
            values of `Scores.to_json`, or None.
        """
        return {
            **super().to_json(),
            "split": self.split,
            "counted": self.counted,
            "seen": self.seen and self.seen.to_json(),
            "unseen": self.unseen and self.unseen.to_json(),
            "unknown_classes": self.unknown_classes,
        }


@dataclass(frozen=True)
class DatasetPredictions:
    """The logits (n, classes) for the examples ``indices`` (n,) of a data set, with their labels as
    the network numbers them, and the scores."""

    indices: Int64
    labels: Labels
    logits: Float32
    scores: DatasetScores


def evaluate(
    net: Network,
    inputs: npt.ArrayLike | Dataset | str | os.PathLike[str],
    labels: npt.ArrayLike | None = None,
    on_progress: OnProgress | None = None,
) -> Scores:
    """Measure a network on labelled inputs.

    Parameters
    ----------
    net : Network
        The network to measure.
    inputs : array (N, C, H, W) or (N, positions), Dataset or path
        An array as for `Network.logits`; or a data set, or its path, whose test split is measured,
        or all examples if it has none.
    labels : array of int or str (N,), optional
        The number or the name of the class of each input of an array.
    on_progress : callable, optional
        Called with a `Progress` while a path is read.

    Returns
    -------
    Scores
        For a data set, a `DatasetScores`, which scores the examples that the network was trained on
        separately.

    Raises
    ------
    DataError
        If the inputs do not fit the network, or the data cannot be read.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(20, size=9, seed=0)
    >>> pw.evaluate(pw.Network("full", (1, 9, 9), ("X", "O")), xo.inputs, xo.labels).n
    20
    """
    if isinstance(inputs, str | os.PathLike):
        inputs = read_data(
            inputs,
            net.preprocessor,
            classes=net.classes,
            skip_unknown_classes=True,
            on_progress=on_progress,
        )
    if isinstance(inputs, Dataset):
        if labels is not None:
            raise DataError("labels: a data set has its own labels; leave out this argument")
        return predict_dataset(net, inputs).scores
    if labels is None:
        raise DataError("labels: got none, wanted the class number of each input")
    checked_inputs, checked_labels = check_examples(net, inputs, labels)
    is_raw = raw_inputs(inputs) is not None  # of a long sound, all windows count
    logits = net.logits(inputs if is_raw else checked_inputs)
    return scores_from_logits(net.classes, logits, checked_labels)


def predict_dataset(net: Network, data: Dataset) -> DatasetPredictions:
    """Predict and score the test split of a data set, or all examples if it has none; DataError.

    Texts are prepared again if the network reads other units than those of the data set.
    """
    data = _prepared(net, data)
    split = "test" if (data.splits == "test").any() else ALL
    chosen = (data.splits == "test") | (split == ALL)
    numbers, unknown = _class_numbers(net, data, chosen)
    mask = chosen & (numbers >= 0)
    if not mask.any():
        raise DataError(
            f"data set: none of its classes is known: got {shown(list(unknown), 100)}, wanted "
            f"{shown(list(net.classes), 100)}"
        )
    inputs, labels = select_rows(data.inputs, mask), numbers[mask]
    logits, indices = net.logits(inputs), np.flatnonzero(mask)
    is_seen = net.training_digests.contain(inputs)
    if data.recordings is not None:  # one answer for all windows of a recording
        recordings = data.recordings[mask]
        _, first, number = np.unique(recordings, return_index=True, return_inverse=True)
        logits = mean_logits(logits, recordings)
        is_seen = np.bincount(number, is_seen) > 0
        labels, indices = labels[first], indices[first]
    seen, unseen = (
        scores_from_logits(net.classes, logits[mask], labels[mask]) if mask.any() else None
        for mask in (is_seen, ~is_seen)
    )
    counted = _counted(split, len(labels), seen, unseen)
    headline = unseen if counted == UNSEEN else scores_from_logits(net.classes, logits, labels)
    assert headline is not None
    scores = DatasetScores(
        net.classes, headline.confusion, 1, split, counted, seen, unseen, unknown
    )
    return DatasetPredictions(indices, labels, logits, scores)


def _prepared(net: Network, data: Dataset) -> Dataset:
    """The data set with inputs as the network reads them; DataError if it has others."""
    if data.texts is not None and net.preprocessor.modality == "texts":
        texts = Split(data.inputs, data.labels, data.texts).prepared(net.preprocessor)
        data = replace(data, inputs=texts.inputs, preprocessor=net.preprocessor)
    if data.preprocessor.to_json() != net.preprocessor.to_json():
        raise DataError(
            "data set: got inputs that were preprocessed differently than those of the network; "
            "read it with read_data(path, net.preprocessor, classes=net.classes)"
        )
    return data


def _counted(split: str, count: int, seen: Scores | None, unseen: Scores | None) -> str:
    """Which examples the headline counts.

    A test split with a few examples that occur in training, too, as short texts do, is scored
    whole, as `run_training` does.
    """
    if seen is None:
        return ALL
    if unseen is None:
        return TRAINING
    return ALL if split == "test" and 2 * seen.n < count else UNSEEN


def _class_numbers(net: Network, data: Dataset, chosen: Any) -> tuple[Labels, dict[str, int]]:
    """The number of each example's class in the network, -1 if it has none; and the number of
    chosen examples, and of those left out before, by unknown class."""
    numbers = {name: number for number, name in enumerate(net.classes)}
    table = np.array([numbers.get(name, -1) for name in data.classes], np.int64)
    unknown = dict(data.unknown_classes)
    counts = np.bincount(data.labels[chosen], minlength=len(data.classes)).tolist()
    for name, count in zip(data.classes, counts, strict=True):
        if name not in numbers and count:
            unknown[name] = unknown.get(name, 0) + count
    return table[data.labels], unknown
