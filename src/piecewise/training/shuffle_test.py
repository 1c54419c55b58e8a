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

from ..core.array_types import Array, Float64, Labels
from ..core.errors import DataError
from ..core.plain_values import PlainRecord
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

MAX_EXAMPLES = 3_000
"""The largest number of examples, a random sample stratified by class."""
ROUNDS = 5
"""The most rounds; fewer if a round would train on a single class."""
STEPS, MIN_EPOCHS, MAX_EPOCHS = 200, 3, 30
TEXT_STEPS = 400
"""Networks for texts need more steps: they learn their embedding, too."""
WORK = 3e10
"""Multiplications of the forward passes of one training."""
MIN_COLUMNS = 4
EASY, REDUCTION, TRIES = 0.97, 5, 3
"""If both accuracies exceed EASY, the data are too easy to show a difference. The test is then
repeated with a fifth of the training examples, up to three times."""
MIN_EXAMPLES = 20
TOLERANCE = 0.05
"""The largest difference of accuracies that counts as none."""
_STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}
"""The 97.5 % quantiles of Student's t distribution by degrees of freedom (Student 1908)."""

METHOD = (
    "mean of paired differences, 95 % interval by rounds and by examples (variances clustered two "
    "ways, Cameron, Gelbach and Miller 2011, both added in full; Student's t, rounds less one)"
)


@dataclass(frozen=True)
class ShuffleTestResult(PlainRecord):
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
        return {**super().to_json(), "sentence": self.sentence, "method": METHOD}


_SENTENCES = {
    "columns matter": "columns matter: a ConvNet suits these data",
    "no difference": (
        "no difference found: the accuracy is the same with shuffled columns, so a ConvNet does "
        "not suit these data; a method for tables, or one that counts words, may do as well"
    ),
    "too little": (
        "too few examples to decide: the interval includes no difference and a large one; more "
        "examples would narrow it"
    ),
    "nothing learned": (
        "nothing learned: neither network was more accurate than always predicting the most "
        "frequent class"
    ),
    "too few columns": (
        f"fewer than {MIN_COLUMNS} columns: a ConvNet has no neighbouring values to use"
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
    columns as they are and shuffled, and measured on the rest. Groups stay together. There are
    fewer rounds, with more examples each, if a round would train on a single class.

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
        If there are not two classes with two examples each, or if the groups, divided by size,
        leave a part with a single class.

    Examples
    --------
    >>> import numpy as np
    >>> import piecewise as pw
    >>> xo = pw.make_xo(40, size=9, seed=0)
    >>> splits = np.full(40, "train")
    >>> preprocessor = pw.ImagePreprocessor((1, 9, 3))
    >>> data = pw.Dataset(xo.inputs[..., :3], xo.labels, xo.classes, splits, preprocessor)
    >>> pw.shuffle_test(data).verdict
    'too few columns'
    """
    data = as_dataset(data, on_progress)
    inputs, labels, groups = _sample(data, seed)
    columns = inputs.shape[-1]
    axes = "columns and rows" if _shuffles_rows(data) else "columns"
    if columns < MIN_COLUMNS:
        return ShuffleTestResult("too few columns", len(labels), axes, columns)
    fold = _assign_rounds(labels, seed, groups)
    test = _Rounds(data, inputs, labels, fold, seed, threads)
    baseline = float(np.bincount(labels).max() / len(labels))
    for trial in range(TRIES):
        count = len(labels) // test.rounds // REDUCTION**trial
        correct = test.correct(count, on_progress)
        fewer = count // REDUCTION
        if np.nanmean(correct, axis=(0, 2)).min() < EASY or fewer < max(
            MIN_EXAMPLES, len(data.classes)
        ):
            break
    return replace(_result(correct, count, baseline), axes=axes, columns=columns)


@dataclass(frozen=True)
class _Rounds:
    """The examples, and the round in which each is a training example (``fold``, (N,))."""

    data: Dataset
    inputs: Array
    labels: Labels
    fold: Labels
    seed: int
    threads: int | None

    @property
    def rounds(self) -> int:
        return int(self.fold.max()) + 1

    def correct(self, count: int, on_progress: OnProgress | None) -> Float64:
        """Whether each prediction is correct, (rounds, 2, N), without and with shuffled columns.

        The networks are trained on ``count`` examples. NaN for the training examples of a round.
        """
        plan = _plan(self.data, count, self.seed)
        correct = np.full((self.rounds, 2, len(self.labels)), np.nan)
        for number in range(self.rounds):
            for column_order, inputs in enumerate((self.inputs, self._shuffle(number))):
                tested = self.fold != number
                logits = self._train(plan, inputs, number, count).logits(inputs[tested])
                is_correct = logits.argmax(axis=1) == self.labels[tested]
                correct[number, column_order, tested] = is_correct
                if on_progress:
                    done = 2 * number + column_order + 1
                    on_progress(Progress("shuffle test", done, 2 * self.rounds))
        return correct

    def _shuffle(self, number: int) -> Array:
        """All inputs with the columns, and of images the rows, in the random order of a round."""
        shuffled = self.inputs[..., _order(self.seed, number, self.inputs.shape[-1], 0)]
        if _shuffles_rows(self.data):
            shuffled = shuffled[..., _order(self.seed, number, self.inputs.shape[-2], 1), :]
        return shuffled

    def _train(self, plan: TrainingConfig, inputs: Array, number: int, count: int) -> Network:
        """A network trained on about ``count`` of a round's examples, some of each class."""
        indices, seed = np.flatnonzero(self.fold == number), self.seed + number
        if count < len(indices):
            labels = self.labels[indices]
            chosen = validation_mask(labels, seed, count / len(indices))
            is_alone = np.bincount(labels)[labels] == 1  # in its class; never in such a mask
            indices = indices[chosen | is_alone]
        preprocessor = self.data.preprocessor
        net = Network(plan.layers, preprocessor.shape, self.data.classes, seed, preprocessor)
        recipe = replace(plan.recipe, seed=seed)
        train(
            net,
            inputs[indices],
            self.labels[indices],
            recipe,
            threads=self.threads,
            keep_digests=False,
        )
        return net


def _sample(data: Dataset, seed: int) -> tuple[Array, Labels, Groups]:
    """At most `MAX_EXAMPLES` examples outside the test split, stratified by class."""
    usable = np.flatnonzero(data.splits != "test")
    if len(usable) > MAX_EXAMPLES:
        usable = usable[validation_mask(data.labels[usable], seed, MAX_EXAMPLES / len(usable))]
    labels = data.labels[usable]
    if (np.bincount(labels, minlength=1) > 1).sum() < 2:
        raise DataError("shuffle test: wanted two classes or more with two examples each, at least")
    return data.inputs[usable], labels, None if data.groups is None else data.groups[usable]


def _assign_rounds(labels: Labels, seed: int, groups: Groups) -> Labels:
    """The round (N,) in which each example is a training example, of as many rounds as possible,
    each with two classes or more; DataError."""
    if groups is not None and len(np.unique(groups)) < 2:
        raise DataError("shuffle test: got a single group, wanted two or more")
    for rounds in range(ROUNDS, 1, -1):
        fold = assign_folds(labels, seed, 0, rounds, groups)
        if all(len(np.unique(labels[fold == number])) > 1 for number in range(rounds)):
            return fold
    raise DataError(
        "shuffle test: got groups that leave a part with a single class, wanted groups with two "
        "classes each, or no groups"
    )


def _plan(data: Dataset, count: int, seed: int) -> TrainingConfig:
    """Quick layers and a short recipe, without augmentation."""
    kind, shape = data.preprocessor.kind, data.preprocessor.shape
    layers: dict[str, Any] = {"layers": _line_layers(shape)} if _is_line(kind, shape) else {}
    plan = default_config(
        kind,
        shape,
        len(data.classes),
        count,
        effort="quick",
        augmentation=Augmentation(),
        seed=seed,
        **layers,
    )
    multiplications = Architecture(plan.layers, shape, data.classes).multiplications
    steps = TEXT_STEPS if kind == "texts" else STEPS
    affordable = int(WORK / max(1, count * multiplications))
    useful = min(MAX_EPOCHS, steps * plan.recipe.batch_size // max(1, count))
    epochs = max(MIN_EPOCHS, min(useful, affordable))
    return TrainingConfig(plan.layers, replace(plan.recipe, epochs=epochs))


def _is_line(kind: str, shape: Shape) -> bool:
    """Whether there are too few rows for the layers of images."""
    return kind != "texts" and min(shape[1:]) < 6


def _line_layers(shape: Shape) -> str:
    """Layers whose kernels cover all rows and slide along the columns."""
    height, width = shape[1:]
    kernel = f"{height}x{min(5, width - 1)}"
    return f"conv 16 {kernel}, norm, relu, pool 1x2, full 32, relu, full"


def _shuffles_rows(data: Dataset) -> bool:
    return data.preprocessor.modality == "pictures" and data.preprocessor.shape[1] >= MIN_COLUMNS


def _order(seed: int, number: int, count: int, axis: int) -> Labels:
    """A random order of columns (axis 0) or rows (1) for a round, not their own or its reverse."""
    for trial in range(100):
        order = permutation(derive_key(seed, COLUMNS, number, axis, trial), count)
        if (np.abs(np.diff(order)) > 1).any():
            return order
    return np.arange(count)[::-1]


def _result(correct: Float64, train_size: int, baseline: float) -> ShuffleTestResult:
    """The verdict on the result of `_Rounds.correct`."""
    rounds, _, count = correct.shape
    accuracy, shuffled = (float(np.nanmean(correct[:, index])) for index in (0, 1))
    low, high = interval(correct[:, 0] - correct[:, 1])
    if wilson_interval(max(accuracy, shuffled), count)[0] <= baseline:
        verdict = "nothing learned"
    elif low > 0:
        verdict = "columns matter"
    elif max(-low, high) > TOLERANCE:
        verdict = "too little"
    else:
        verdict = "no difference"
    return ShuffleTestResult(
        verdict, count, "columns", 0, rounds, train_size, accuracy, shuffled,
        accuracy - shuffled, (low, high), baseline,
    )  # fmt: skip


def interval(differences: Float64) -> tuple[float, float]:
    """The 95 % confidence interval of the mean of differences (rounds, N), by `METHOD`.

    NaN is ignored. Two examples are added, one for each side, so that the interval of a few equal
    differences is not too narrow (Bonett and Price 2012). Sums are exact and rounded once, so the
    order of the differences does not matter.
    """
    mean = _mean(differences.reshape(-1))
    by_round = [_mean(row) - mean for row in differences]
    by_example = [_mean(column) - mean for column in differences.T]
    rounds, count = differences.shape
    variance = math.fsum(deviation * deviation for deviation in by_round) / (rounds - 1) / rounds
    example_sum = math.fsum(deviation * deviation for deviation in by_example)
    variance += (example_sum + 2) / (count + 2) ** 2
    half_width = _STUDENT[rounds - 1] * math.sqrt(variance)
    return max(-1.0, mean - half_width), min(1.0, mean + half_width)


def _mean(values: Float64) -> float:
    """The mean of the values that are not NaN."""
    known = values[~np.isnan(values)]
    return math.fsum(known) / len(known)
