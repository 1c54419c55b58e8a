"""Label errors, by confident learning: each example is judged by nets that did not train on it.

A net repeats wrong labels that it was trained on, so its own predictions for its training examples
say little. The examples are therefore predicted by cross-validation, and those with a low predicted
probability of their label are likely mislabelled (Northcutt, Jiang and Chuang, 2021). A second
round trains without the examples whose labels the first round contradicts confidently.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np

from ...core.array_types import Array, Bool, Float64, Labels, Strings
from ...core.constraints import SEED, Integer, checked
from ...core.errors import DataError
from ...core.plain_values import PlainRecord
from ...core.portable_math import exp
from ...core.progress import OnProgress
from ...data.dataset import Dataset, as_dataset
from ...data.loading.subset import select_rows
from ...network import Network
from ...reference.losses import log_softmax
from ...training.calibrate import calibrate
from ...training.defaults import TrainingConfig, augmentation_for, default_config
from ...training.splits import assign_folds
from ...training.train import train
from ..retraining.parallel_training import Job, side_by_side

FOLDS, REPEATS = 5, 2
CONFIDENT = 0.9
"""Probability of another label above which the second round leaves an example out."""


@dataclass(frozen=True)
class LabelIssue(PlainRecord):
    """An example whose label is likely wrong."""

    index: int
    """Index in the data set."""
    name: str
    """Name of the example."""
    split: str
    """Its split."""
    label: str
    """The label in the data."""
    predicted: str
    """The class that the nets predict."""
    error_probability: float
    """One minus the predicted probability of the label."""
    probability: float
    """Predicted probability of the predicted class."""


def find_label_issues(
    data: Dataset | str | os.PathLike[str],
    limit: int | None = None,
    *,
    layers: str | None = None,
    seed: int = 0,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
) -> list[LabelIssue]:
    """Find the examples whose labels are most likely wrong.

    Ten small nets are trained in two rounds of cross-validation. The test split is not used.
    Members of a group are in the same fold, as one person's mistakes are alike.

    Parameters
    ----------
    data : Dataset or path
        The data, or where to read them.
    limit : int, optional
        The number of examples to return. By default those whose prediction differs from the label.
    layers : str, optional
        Layers of the nets; small ones for the kind of data by default.
    seed : int, default 0
        Seeds the folds and the training.
    on_progress, threads
        See `train`. The result does not depend on them.

    Returns
    -------
    list of LabelIssue
        The least probable label first.

    Raises
    ------
    DataError
        If the data cannot be read, or have fewer than two classes or groups to train on.
    LimitError
        If an argument is out of range.
    NotationError
        If ``layers`` is not a valid notation.

    References
    ----------
    C. Northcutt, L. Jiang and I. Chuang, "Confident Learning: Estimating Uncertainty in Dataset
    Labels", Journal of Artificial Intelligence Research 70, 2021.
    """
    for name, constraint, value in (
        ("limit", Integer(1, 1_000_000_000, optional=True), limit),
        ("seed", SEED, seed),
    ):
        checked(f"find_label_issues: {name}", constraint, value)
    data = as_dataset(data, on_progress)
    examples = _CrossValidation.of(data, layers, seed)
    logits = examples.logits(on_progress, threads)
    return _ranked(data, examples, logits, limit)


@dataclass(frozen=True)
class _CrossValidation:
    """The examples outside the test split, and the configuration of the nets."""

    data: Dataset
    indices: Labels
    """Indices in the data set (N,)."""
    inputs: Array
    labels: Labels
    groups: Strings | None
    folds: int
    config: TrainingConfig

    @classmethod
    def of(cls, data: Dataset, layers: str | None, seed: int) -> _CrossValidation:
        """DataError where there are too few examples to train on."""
        chosen = data.splits != "test"
        inputs, labels = select_rows(data.inputs, chosen), data.labels[chosen]
        groups = None if data.groups is None else np.asarray(data.groups)[chosen]
        counts = np.bincount(labels, minlength=len(data.classes))
        least = counts[counts > 0]
        if len(least) < 2 or int(least.max()) < 2:
            raise DataError(
                f"data: the data outside the test split have {len(labels)} examples of "
                f"{len(least)} classes; at least 2 classes with several examples each are needed"
            )
        folds = min(FOLDS, int(counts.max()) if groups is None else len(np.unique(groups)))
        if folds < 2:
            raise DataError(
                "data: groups: all training examples are of one group, wanted 2 or more"
            )
        n_train = len(labels) - -(-len(labels) // folds)
        config = default_config(
            data.preprocessor.kind,
            data.preprocessor.shape,
            len(data.classes),
            n_train,
            layers=layers,
            effort="quick",
            seed=seed,
        )
        augmentation = augmentation_for(inputs, data.preprocessor, config.recipe.epochs)
        config = replace(config, recipe=replace(config.recipe, augmentation=augmentation))
        return cls(data, np.flatnonzero(chosen), inputs, labels, groups, folds, config)

    @property
    def rated(self) -> Bool:
        """Mask (N,) of the examples whose class occurred in the training data of every round: a net
        cannot predict a class that it was not trained on."""
        rated = np.ones(len(self.labels), bool)
        for repeat in range(REPEATS):
            fold = self._fold(repeat)
            for number in range(self.folds):
                out = fold == number
                rated[out] &= np.isin(self.labels[out], self.labels[~out])
        return rated

    def _fold(self, repeat: int) -> Labels:
        """The fold (N,) of each example in a round."""
        recordings = self.data.recordings
        return assign_folds(
            self.labels, self.config.recipe.seed, repeat, self.folds, self.groups,
            None if recordings is None else recordings[self.indices],
        )  # fmt: skip

    def logits(self, on_progress: OnProgress | None, threads: int | None) -> Float64:
        """The logits (repeats, N, classes) of nets that did not train on these examples."""
        rounds, selected = [], np.ones(len(self.labels), bool)
        for repeat in range(REPEATS):
            stage = f"cross-validation, round {repeat + 1} of {REPEATS}"
            fold = self._fold(repeat)
            jobs = [self._job(fold == number, selected) for number in range(self.folds)]
            logits = np.empty((len(self.labels), len(self.data.classes)))
            of_folds = side_by_side(jobs, self.config.recipe.epochs, stage, on_progress, threads)
            for number, (some,) in enumerate(of_folds):
                logits[fold == number] = some
            rounds.append(logits)
            selected = self._selected(logits)
        return np.stack(rounds)

    def _job(self, out: Bool, selected: Bool) -> Job:
        """Trains a net without the fold ``out`` and computes the logits of this fold."""

        def train_and_predict(report: OnProgress) -> list[Array]:
            preprocessor = self.data.preprocessor
            recipe = self.config.recipe
            net = Network(
                self.config.layers, preprocessor.shape, self.data.classes, recipe.seed, preprocessor
            )
            training = ~out & selected
            train(
                net,
                select_rows(self.inputs, training),
                self.labels[training],
                recipe,
                None,
                report,
                1,
                keep_digests=False,
            )
            return [net.logits(select_rows(self.inputs, out), 1)]

        return train_and_predict

    def _selected(self, logits: Float64) -> Bool:
        """The examples (N,) to train on in the next round: all but those with a confident
        prediction of another label. A class that would lose more than half of its examples keeps
        all of them."""
        probabilities = exp(log_softmax(logits / _temperature(logits, self.labels)))
        others = probabilities.copy()
        others[np.arange(len(others)), self.labels] = 0
        selected = others.max(axis=1) <= CONFIDENT
        for label in np.unique(self.labels).tolist():
            of_class = self.labels == label
            if 2 * selected[of_class].sum() < of_class.sum():
                selected[of_class] = True
        return np.asarray(selected)


def _temperature(logits: Float64, labels: Labels) -> float:
    return calibrate(logits.astype(np.float32), labels).temperature


def _ranked(
    data: Dataset, examples: _CrossValidation, logits: Float64, limit: int | None
) -> list[LabelIssue]:
    """The examples by the mean probability of their labels over the rounds, lowest first; ties in
    the order of the data."""
    labels = examples.labels
    rounds = [log_softmax(one / _temperature(one, labels)) for one in logits]
    probabilities = np.add.reduce([exp(one) for one in rounds]) / len(rounds)
    of_labels = probabilities[np.arange(len(labels)), labels]
    order = np.argsort(of_labels, kind="stable")
    order = order[examples.rated[order]]
    predicted = probabilities.argmax(axis=1)
    order = order[predicted[order] != labels[order]] if limit is None else order[:limit]
    return [_issue(data, examples, index, probabilities[index]) for index in order.tolist()]


def _issue(
    data: Dataset, examples: _CrossValidation, index: int, probabilities: Float64
) -> LabelIssue:
    position, label = int(examples.indices[index]), int(examples.labels[index])
    return LabelIssue(
        position,
        data.names[position] if len(data.names) else f"example {position}",
        str(data.splits[position]),
        data.classes[label],
        data.classes[int(probabilities.argmax())],
        float(1 - probabilities[label]),
        float(probabilities.max()),
    )
