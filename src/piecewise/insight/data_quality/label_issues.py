"""Label errors, by confident learning: each example is judged by nets that did not train on it.

A net repeats wrong labels that it was trained on, so its own predictions for its training examples
say little. The examples are therefore predicted by cross-validation, and those with a low predicted
probability of their label are likely mislabelled (Northcutt, Jiang and Chuang, 2021). A second
round trains without the examples whose labels the first round contradicts confidently.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.array_types import Float64, Labels
from ...core.constraints import SEED, Integer, checked
from ...core.errors import DataError
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
from ..retraining.parallel_training import side_by_side

FOLDS, REPEATS = 5, 2
CONFIDENT = 0.9
"""How sure the first round must be of another label, for the second not to learn from an example.
"""


@dataclass(frozen=True)
class LabelIssue:
    """An example whose label is likely wrong.

    Attributes
    ----------
    index : int
        Index in the data set.
    name : str
        Name of the example.
    split : str
        Its split.
    label, predicted : str
        The label in the data, and the class that the nets predict.
    error_probability : float
        One minus the predicted probability of the label.
    probability : float
        Predicted probability of the predicted class.
    """

    index: int
    name: str
    split: str
    label: str
    predicted: str
    error_probability: float
    probability: float

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the fields."""
        return dict(vars(self))


def find_label_issues(
    data: Dataset | str | os.PathLike[str],
    most: int | None = None,
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
    most : int, optional
        The number of examples to return. By default those whose prediction differs from the label.
    layers : str, optional
        Layers of the nets; small ones for the kind of data by default.
    seed : int, default 0
        Seeds the folds and the training.
    on_progress : callable, optional
        Receives `Progress`.
    threads : int, optional
        Number of threads; all processors by default. The result is the same for any number.

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
    for name, limit, value in (
        ("most", Integer(1, 1_000_000_000, optional=True), most),
        ("seed", SEED, seed),
    ):
        checked(f"find_label_issues: {name}", limit, value)
    data = as_dataset(data, on_progress)
    asked = _Asked.of(data, layers, seed)
    logits = asked.answers(on_progress, threads)
    return _ranked(data, asked, logits, most)


@dataclass(frozen=True)
class _Asked:
    """What is not for testing, and the plan of the nets that are asked about it."""

    data: Dataset
    places: Labels
    """In the data set."""
    pictures: npt.NDArray[Any]
    labels: Labels
    groups: npt.NDArray[np.str_] | None
    folds: int
    plan: TrainingConfig

    @classmethod
    def of(cls, data: Dataset, layers: str | None, seed: int) -> _Asked:
        """DataError where there is too little to learn from."""
        chosen = data.splits != "test"
        pictures, labels = select_rows(data.inputs, chosen), data.labels[chosen]
        groups = None if data.groups is None else np.asarray(data.groups)[chosen]
        counts = np.bincount(labels, minlength=len(data.classes))
        least = counts[counts > 0]
        if len(least) < 2 or int(least.max()) < 2:
            raise DataError(
                f"data: got {len(labels)} examples of {len(least)} classes that are not for "
                "testing, wanted 2 classes or more with some examples each"
            )
        folds = min(FOLDS, int(counts.max()) if groups is None else len(np.unique(groups)))
        if folds < 2:
            raise DataError("data: groups: all there is to learn from is of one, wanted 2 or more")
        learned = len(labels) - -(-len(labels) // folds)
        plan = default_config(
            data.preprocessor.kind,
            data.preprocessor.shape,
            len(data.classes),
            learned,
            layers=layers,
            quick=True,
            augmentation=augmentation_for(pictures, data.preprocessor),
            seed=seed,
        )
        return cls(data, np.flatnonzero(chosen), pictures, labels, groups, folds, plan)

    @property
    def judged(self) -> npt.NDArray[np.bool_]:
        """Which examples (N,) had others of their class among what was learned from, in all rounds:
        of a class that it never met, a net has nothing to say."""
        judged = np.ones(len(self.labels), bool)
        for repeat in range(REPEATS):
            fold = self._fold(repeat)
            for number in range(self.folds):
                out = fold == number
                judged[out] &= np.isin(self.labels[out], self.labels[~out])
        return judged

    def _fold(self, repeat: int) -> Labels:
        """The fold (N,) of each example in a round."""
        return assign_folds(self.labels, self.plan.recipe.seed, repeat, self.folds, self.groups)

    def answers(self, on_progress: OnProgress | None, threads: int | None) -> Float64:
        """The logits (repeats, N, classes) by nets that did not learn from them."""
        found, kept = [], np.ones(len(self.labels), bool)
        for repeat in range(REPEATS):
            stage = f"cross-validation, round {repeat + 1} of {REPEATS}"
            fold = self._fold(repeat)
            jobs = [self._job(fold == number, kept) for number in range(self.folds)]
            logits = np.empty((len(self.labels), len(self.data.classes)))
            made = side_by_side(jobs, self.plan.recipe.epochs, stage, on_progress, threads)
            for number, some in enumerate(made):
                logits[fold == number] = some
            found.append(logits)
            kept = self._kept(logits)
        return np.stack(found)

    def _job(
        self, out: npt.NDArray[np.bool_], kept: npt.NDArray[np.bool_]
    ) -> Callable[[OnProgress], npt.NDArray[np.float32]]:
        """Answers about what is left out."""

        def asked(report: OnProgress) -> npt.NDArray[np.float32]:
            preprocessor = self.data.preprocessor
            recipe = self.plan.recipe
            net = Network(
                self.plan.layers, preprocessor.shape, self.data.classes, recipe.seed, preprocessor
            )
            learned = ~out & kept
            train(
                net,
                select_rows(self.pictures, learned),
                self.labels[learned],
                recipe,
                None,
                report,
                1,
            )
            return net.logits(select_rows(self.pictures, out), 1)

        return asked

    def _kept(self, logits: Float64) -> npt.NDArray[np.bool_]:
        """Which to learn from after these answers: all but those whose label is surely another;
        of a class of which less than half would be left, all."""
        chances = exp(log_softmax(logits / _temperature(logits, self.labels)))
        others = chances.copy()
        others[np.arange(len(others)), self.labels] = 0
        kept = others.max(axis=1) <= CONFIDENT
        for label in np.unique(self.labels).tolist():
            of_class = self.labels == label
            if 2 * kept[of_class].sum() < of_class.sum():
                kept[of_class] = True
        return np.asarray(kept)


def _temperature(logits: Float64, labels: Labels) -> float:
    return calibrate(logits.astype(np.float32), labels).temperature


def _ranked(data: Dataset, asked: _Asked, logits: Float64, most: int | None) -> list[LabelIssue]:
    """By the mean chance of the given label over the rounds, the least first; of equal ones, in the
    order of the data."""
    labels = asked.labels
    rounds = [log_softmax(one / _temperature(one, labels)) for one in logits]
    chances = np.add.reduce([exp(one) for one in rounds]) / len(rounds)
    given = chances[np.arange(len(labels)), labels]
    order = np.argsort(given, kind="stable")
    order = order[asked.judged[order]]
    likely = chances.argmax(axis=1)
    order = order[likely[order] != labels[order]] if most is None else order[:most]
    return [_issue(data, asked, index, chances[index]) for index in order.tolist()]


def _issue(data: Dataset, asked: _Asked, index: int, chances: Float64) -> LabelIssue:
    place, label = int(asked.places[index]), int(asked.labels[index])
    return LabelIssue(
        place,
        data.names[place] if len(data.names) else f"example {place}",
        str(data.splits[place]),
        data.classes[label],
        data.classes[int(chances.argmax())],
        float(1 - chances[label]),
        float(chances.max()),
    )
