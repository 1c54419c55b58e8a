"""The shuffle test: do small networks learn worse when the columns of the inputs are shuffled?

Convolutions use neighbouring values. If a network does as well with shuffled columns, the order of
the columns carries no information, and a ConvNet is not suited to the data (the deck's rule). Two
networks are trained per round: one on the inputs as they are, and one on inputs with their columns
(of images, also their rows) in a random order, the same for all examples.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.array_types import Labels
from ..core.errors import DataError
from ..core.progress import OnProgress, Progress
from ..core.rng import COLUMNS, derive_key, permutation
from ..data.dataset import Dataset, as_dataset
from ..network import Network
from ..spec.architecture import Architecture
from ..spec.augmentation import Augmentation
from .defaults import Shape, TrainingConfig, default_config
from .metrics import wilson_interval
from .splits import Groups, assign_folds, validation_mask
from .train import train

MOST = 3_000
"""The largest number of examples, a random sample stratified by class."""
ROUNDS = 5
STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 200, 3, 30
TEXT_STEPS = 400
"""Networks for texts need more steps: they learn their embedding, too."""
WORK = 3e10
"""Multiplications of the forward passes of one training."""
FEWEST_COLUMNS = 4
EASY, FEWER, TRIES = 0.97, 5, 3
"""Where so much is right both ways, nothing is told: then nets learn from a fifth as many, if these
are `FEWEST` or more; and so on."""
FEWEST = 20
TOLERANCE = 0.05
"""The largest difference that counts as none."""
_STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}
"""Deviations that hold 95 of 100, by degrees of freedom (Student 1908)."""

METHOD = (
    "mean of paired differences, 95 % interval by rounds and by examples (variances clustered two "
    "ways, Cameron, Gelbach and Miller 2011, both added in full; Student's t, rounds less one)"
)


@dataclass(frozen=True)
class ShuffleTestResult:
    """The accuracies with and without shuffled columns, and the verdict.

    ``verdict``: "columns matter", "no difference", "too little" (data), "nothing learned" or "too
    few columns". ``axes``: what was shuffled, "columns" or "columns and rows". ``train_size``: the
    training examples of each network. ``interval``: the 95 % confidence interval of the difference.
    ``baseline``: the accuracy of always predicting the most frequent class.
    """

    verdict: str
    n: int
    axes: str
    columns: int
    rounds: int = 0
    train_size: int = 0
    accuracy: float = 0.0
    shuffled_accuracy: float = 0.0
    difference: float = 0.0
    interval: tuple[float, float] = (-1.0, 1.0)
    baseline: float = 0.0

    @property
    def sentence(self) -> str:
        """The verdict as a sentence."""
        return _SENTENCES[self.verdict]

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values, with the sentence and the method."""
        values = {**vars(self), "interval": list(self.interval)}
        return {**values, "sentence": self.sentence, "method": METHOD}


_SENTENCES = {
    "columns matter": "columns matter: a ConvNet suits these data",
    "no difference": (
        "no difference found: the data are as useful with their columns swapped, so a ConvNet is "
        "not for them; a method for tables, or one that counts the words of texts, may do as well"
    ),
    "too little": (
        "too little to tell: the difference may be nothing, and may be large; more examples would "
        "say which"
    ),
    "nothing learned": (
        "nothing to tell: neither way did the small nets do better than always naming the largest "
        "class"
    ),
    "too few columns": (
        f"fewer than {FEWEST_COLUMNS} columns: there are no neighbours that a ConvNet could look at"
    ),
}


def shuffle_test(
    data: Dataset | str | os.PathLike[str],
    seed: int = 0,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
) -> ShuffleTestResult:
    """Test whether the order of columns matters. The test split is never used.

    In each of five rounds, two networks are trained on a fifth of at most 3,000 examples, with the
    columns as they are and shuffled, and measured on the rest. Groups stay together.

    Parameters
    ----------
    data : Dataset or path
        A path is read with the defaults of `read_data`.
    seed : int
        Seeds the rounds, the shuffling and the training.
    on_progress : callable, optional
        Called with a `Progress` after each training.
    threads : int, optional
        See `train`. The result does not depend on it.

    Returns
    -------
    ShuffleTestResult

    Raises
    ------
    DataError
        If there are not two classes with two examples each.
    """
    data = as_dataset(data, on_progress)
    pictures, labels, groups = _chosen(data, seed)
    columns = pictures.shape[-1]
    axes = "columns and rows" if _swaps_rows(data) else "columns"
    if columns < FEWEST_COLUMNS:
        return ShuffleTestResult("too few columns", len(labels), axes, columns)
    fold = assign_folds(labels, seed, 0, _rounds(labels, groups), groups)
    test = _Rounds(data, pictures, labels, fold, seed, threads)
    baseline = float(np.bincount(labels).max() / len(labels))
    for trial in range(TRIES):
        count = len(labels) // test.rounds // FEWER**trial
        right = test.right(count, on_progress)
        fewer = count // FEWER
        if np.nanmean(right, axis=(0, 2)).min() < EASY or fewer < max(FEWEST, len(data.classes)):
            break
    return replace(_result(right, count, baseline), axes=axes, columns=columns)


@dataclass(frozen=True)
class _Rounds:
    """The examples, and the round (N,) in which each is a training example."""

    data: Dataset
    pictures: npt.NDArray[Any]
    labels: Labels
    fold: Labels
    seed: int
    threads: int | None

    @property
    def rounds(self) -> int:
        return int(self.fold.max()) + 1

    def right(self, count: int, on_progress: OnProgress | None) -> npt.NDArray[np.float64]:
        """Whether each is answered rightly, (rounds, 2, N), by nets that learned from ``count``
        others, columns as they are and swapped; no number where it might be learned from."""
        plan = _plan(self.data, count, self.seed)
        right = np.full((self.rounds, 2, len(self.labels)), np.nan)
        for number in range(self.rounds):
            for way, pictures in enumerate((self.pictures, self._shuffle(number))):
                answered = self.fold != number
                answers = self._train(plan, pictures, number, count).logits(pictures[answered])
                right[number, way, answered] = answers.argmax(axis=1) == self.labels[answered]
                if on_progress:
                    done = 2 * number + way + 1
                    on_progress(Progress("shuffle test", done, 2 * self.rounds))
        return right

    def _shuffle(self, number: int) -> npt.NDArray[Any]:
        """All examples with their columns, and the rows of pictures, in the order of a round."""
        swapped = self.pictures[..., _order(self.seed, number, self.pictures.shape[-1], 0)]
        if _swaps_rows(self.data):
            swapped = swapped[..., _order(self.seed, number, self.pictures.shape[-2], 1), :]
        return swapped

    def _train(
        self, plan: TrainingConfig, pictures: npt.NDArray[Any], number: int, count: int
    ) -> Network:
        """A network trained on about ``count`` of a round's examples."""
        learned, seed = np.flatnonzero(self.fold == number), self.seed + number
        if count < len(learned):
            kept = validation_mask(self.labels[learned], seed, count / len(learned))
            learned = learned[kept]
        preprocessor = self.data.preprocessor
        net = Network(plan.layers, preprocessor.shape, self.data.classes, seed, preprocessor)
        recipe = replace(plan.recipe, seed=seed)
        train(net, pictures[learned], self.labels[learned], recipe, threads=self.threads)
        return net


def _chosen(data: Dataset, seed: int) -> tuple[npt.NDArray[Any], Labels, Groups]:
    """At most `MOST` examples that are not for testing, of every class its share."""
    usable = np.flatnonzero(data.splits != "test")
    if len(usable) > MOST:
        usable = usable[validation_mask(data.labels[usable], seed, MOST / len(usable))]
    labels = data.labels[usable]
    if (np.bincount(labels, minlength=1) > 1).sum() < 2:
        raise DataError("shuffle test: wanted two classes or more with two examples each, at least")
    return data.inputs[usable], labels, None if data.groups is None else data.groups[usable]


def _rounds(labels: Labels, groups: Groups) -> int:
    if groups is None:
        return ROUNDS
    count = len(np.unique(groups))
    if count < 2:
        raise DataError("shuffle test: got a single group, wanted two or more")
    return min(ROUNDS, count)


def _plan(data: Dataset, count: int, seed: int) -> TrainingConfig:
    """Quick layers and a short recipe, without augmentation."""
    kind, shape = data.preprocessor.kind, data.preprocessor.shape
    said: dict[str, Any] = {"layers": _line_layers(shape)} if _is_line(kind, shape) else {}
    plan = default_config(
        kind,
        shape,
        len(data.classes),
        count,
        quick=True,
        augmentation=Augmentation(),
        seed=seed,
        **said,
    )
    multiplications = Architecture(plan.layers, shape, data.classes).multiplications
    steps = TEXT_STEPS if kind == "texts" else STEPS
    affordable = int(WORK / max(1, count * multiplications))
    useful = min(MOST_EPOCHS, steps * plan.recipe.batch_size // max(1, count))
    epochs = max(FEWEST_EPOCHS, min(useful, affordable))
    return TrainingConfig(plan.layers, replace(plan.recipe, epochs=epochs))


def _is_line(kind: str, shape: Shape) -> bool:
    """Whether there are too few rows for layers of pictures, which would look at no neighbours."""
    return kind != "texts" and min(shape[1:]) < 6


def _line_layers(shape: Shape) -> str:
    """Layers that look at neighbours along one row, or a few."""
    height, width = shape[1:]
    kernel = f"{height}x{min(5, width - 1)}"
    return f"conv 16 {kernel}, norm, relu, pool 1x2, full 32, relu, full"


def _swaps_rows(data: Dataset) -> bool:
    return data.preprocessor.modality == "pictures" and data.preprocessor.shape[1] >= FEWEST_COLUMNS


def _order(seed: int, number: int, count: int, axis: int) -> Labels:
    """Another order of columns (axis 0) or rows (1) than their own, drawn for a round."""
    for trial in range(100):
        order = permutation(derive_key(seed, COLUMNS, number, axis, trial), count)
        if (np.abs(np.diff(order)) > 1).any():  # neither as they are nor backwards
            return order
    return np.arange(count)[::-1]


def _result(right: npt.NDArray[np.float64], learned: int, baseline: float) -> ShuffleTestResult:
    """The verdict on which answers (rounds, 2, N) were right, with the columns as they are and
    swapped; no number where an example was learned from."""
    rounds, _, count = right.shape
    accuracy, swapped = (float(np.nanmean(right[:, way])) for way in (0, 1))
    low, high = interval(right[:, 0] - right[:, 1])
    if wilson_interval(max(accuracy, swapped), count)[0] <= baseline:
        verdict = "nothing learned"
    elif low > 0:
        verdict = "columns matter"
    elif max(-low, high) > TOLERANCE:
        verdict = "too little"
    else:
        verdict = "no difference"
    return ShuffleTestResult(
        verdict, count, "columns", 0, rounds, learned, accuracy, swapped, accuracy - swapped,
        (low, high), baseline,
    )  # fmt: skip


def interval(apart: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Where the mean of differences (rounds, N), some of them no numbers, lies 95 times of 100; see
    `METHOD`. As if there were two examples more, one for each side, so that a few that are all
    alike do not seem to say everything (Bonett and Price 2012). Sums are exact until they are
    rounded once, so that no order of adding shows in them."""
    mean = _mean(apart.reshape(-1))
    by_round = [_mean(row) - mean for row in apart]
    by_example = [_mean(column) - mean for column in apart.T]
    rounds, count = apart.shape
    variance = math.fsum(one * one for one in by_round) / (rounds - 1) / rounds
    variance += (math.fsum(one * one for one in by_example) + 2) / (count + 2) ** 2
    reach = _STUDENT[rounds - 1] * math.sqrt(variance)
    return max(-1.0, mean - reach), min(1.0, mean + reach)


def _mean(values: npt.NDArray[np.float64]) -> float:
    """Of those that are numbers."""
    known = values[~np.isnan(values)]
    return math.fsum(known) / len(known)
