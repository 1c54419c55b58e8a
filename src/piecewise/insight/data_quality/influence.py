"""Influence of training examples on predictions, by leave-one-out retraining.

Nets are trained, each without one example (or one group of them). Initial weights, shuffling,
dropout and augmentation stay the same. The slot of a left-out example holds another example with a
sample weight of zero, so that batch normalization does not see the left-out example either. The
difference of the predictions is then the influence of the example.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...core.array_types import Array, Float32, Float64, Labels, Strings
from ...core.errors import DataError, shown
from ...core.plain_values import PlainRecord
from ...core.portable_math import exp, log
from ...core.progress import OnProgress
from ...inputs import check_examples
from ...network import Network
from ...reference.losses import shifted_exponentials
from ...training.train import train
from ..retraining.cost import SEEDS, RetrainingCost, retraining_cost
from ..retraining.parallel_training import Job, side_by_side

NOISE_THRESHOLD = 2.0
"""Number of standard deviations of the noise that a harm must exceed to count."""
MIN_PROBABILITY = 0.01
"""Probabilities from 0 to 1 are mapped to the range from this to 1 before the logarithm: the
confidence of a wrong prediction beyond that depends on chance and would hide the influence."""


@dataclass(frozen=True)
class Influence(PlainRecord):
    """The influence of one training example, or of one group of them, on predictions."""

    name: str
    """Name of the example or group."""
    indices: tuple[int, ...]
    """Indices of its training examples."""
    score: float
    """The score that results are sorted by; see `influential_examples`."""
    harm: float
    """Decrease of the mean loss of the queries when the nets train without it. Losses are cut off
    at 4.6, a probability of 1 %."""
    noise: float
    """Standard deviation of ``harm`` over all that was left out, estimated by the median absolute
    deviation."""
    label_loss: float
    """Mean loss of its own labels by nets that did not train on it. It is high for wrong labels and
    for unusual examples."""
    probability: float | None
    """Mean probability of the expected classes by nets trained on all examples."""
    probability_without: float | None
    """The same by nets trained without it."""
    predictions: tuple[str, ...]
    """Classes of the queries, as nets trained on all examples predict them."""
    predictions_without: tuple[str, ...]
    """The same by nets trained without it."""

    @property
    def changes_prediction(self) -> bool:
        """Whether the prediction of any query changes without it."""
        return self.predictions != self.predictions_without

    @property
    def label_probability(self) -> float:
        """Mean probability of its own labels by nets that did not train on it (geometric mean)."""
        return max(0.0, (math.exp(-self.label_loss) - MIN_PROBABILITY) / (1 - MIN_PROBABILITY))

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values, and whether a prediction changes."""
        return {**super().to_json(), "changes_prediction": self.changes_prediction}


class _Queries(NamedTuple):
    """The inputs whose predictions are explained, and their true labels; both may be empty."""

    inputs: Array
    labels: Labels


class _LeftOutResult(NamedTuple):
    """Log-probabilities of the labels of queries and left-out examples, and the predicted classes
    of the queries.
    """

    of_queries: Float64
    of_left_out: Float64
    predicted: Labels


def influential_examples(
    net: Network,
    inputs: npt.ArrayLike,
    labels: npt.ArrayLike,
    queries: npt.ArrayLike | None = None,
    expected: npt.ArrayLike | None = None,
    *,
    groups: Sequence[str] | Strings | None = None,
    names: Sequence[str] = (),
    layers: str | None = None,
    epochs: int | None = None,
    seeds: int = SEEDS,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
) -> list[Influence]:
    """Find the training examples that caused predictions, by leave-one-out retraining.

    New nets are trained, each without one example or group (``net`` is not changed). The score is
    the decrease of the queries' loss that exceeds the noise of training, in units of this noise,
    plus the loss of the left-out labels themselves: among equally harmful examples, one with a
    doubtful label is the likelier cause. Without queries, the score is the label loss alone. Basu
    et al. (2021) show why faster approximations by influence functions (Koh and Liang, 2017) are
    fragile for deep nets.

    Parameters
    ----------
    net : Network
        The net whose layers, recipe and preprocessor are used.
    inputs : array (N, channels, height, width) or (N, positions)
        The training examples.
    labels : array of int or str (N,)
        The numbers or names of their classes.
    queries : array (M, ...) or one example, optional
        Inputs whose predictions are to be explained, such as mistakes.
    expected : array of int or str (M,), or one of them, optional
        The true labels of the queries.
    groups : sequence of str (N,), optional
        Leaves out one group at a time instead of one example.
    names : sequence of str (N,), optional
        Names of the examples.
    layers, epochs : str, int, optional
        Layers and epochs of the nets that are trained. By default those of ``net``, or fewer
        epochs and small layers where the cost is high (`retraining_cost`).
    seeds : int, default 2
        Number of seeds that results are averaged over.
    on_progress, threads
        See `train`. The result does not depend on them.

    Returns
    -------
    list of Influence
        The highest score first.

    Raises
    ------
    DataError
        If the arrays do not fit the net or each other.
    LimitError
        If the net has no recipe, or the cost is too high.
    TrainingError
        If training diverges.

    References
    ----------
    P. W. Koh and P. Liang, "Understanding Black-box Predictions via Influence Functions", ICML
    2017.
    S. Basu, P. Pope and S. Feizi, "Influence Functions in Deep Learning Are Fragile", ICLR 2021.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(12, 9, seed=0)
    >>> net = pw.Network("conv 2 3, relu, full", (1, 9, 9), xo.classes, 0, xo.preprocessor)
    >>> history = pw.train(net, xo.inputs, xo.labels, pw.Recipe(epochs=2, batch_size=4))
    >>> ranking = pw.influential_examples(net, xo.inputs, xo.labels, epochs=2, seeds=1)
    >>> len(ranking)
    12
    """
    checked_inputs, targets = check_examples(net, inputs, labels)
    checked_queries = _checked_queries(net, queries, expected)
    left_out = _left_out(len(targets), groups, names)
    budget = retraining_cost(
        net, len(targets), len(left_out), layers=layers, epochs=epochs, seeds=seeds
    )
    trainer = _LeaveOneOut(net, checked_inputs, targets, checked_queries, budget)
    sets: list[tuple[int, ...]] = [(), *left_out.values()]
    jobs = [
        trainer.job(out, budget.recipe.seed + number) for number in range(seeds) for out in sets
    ]
    small = "small " if layers is None and budget.layers != net.notation else ""
    stage = f"training {len(jobs):,} {small}nets, each without some examples"
    found = side_by_side(jobs, budget.recipe.epochs, stage, on_progress, threads)
    results = [_LeftOutResult(*one) for one in found]
    by_set = [results[number :: len(sets)] for number in range(len(sets))]
    return _ranked(net.classes, left_out, by_set, checked_queries)


class _LeaveOneOut:
    """Trains nets without some of the examples, and applies them to the queries."""

    def __init__(
        self,
        net: Network,
        pictures: Array,
        labels: Labels,
        queries: _Queries,
        budget: RetrainingCost,
    ) -> None:
        self.net, self.pictures, self.labels = net, pictures, labels
        self.queries, self.budget = queries, budget

    def job(self, out: tuple[int, ...], seed: int) -> Job:
        """A function that trains a net without these examples."""

        def train_and_predict(report: OnProgress) -> _LeftOutResult:
            net, pictures = self.net, self.pictures
            new = Network(self.budget.layers, net.input, net.classes, seed, net.preprocessor)
            weights = np.ones(len(self.labels), np.float32)
            if out:
                pictures, weights[list(out)] = self._without(out), 0
            recipe = replace(self.budget.recipe, seed=seed)
            train(
                new, pictures, self.labels, recipe, None, report, 1,
                sample_weight=weights, keep_digests=False,
            )  # fmt: skip
            return self._result(new, out)

        return train_and_predict

    def _without(self, out: tuple[int, ...]) -> Array:
        """The inputs, with these replaced by the next ones that remain."""
        pictures, gone = self.pictures.copy(), set(out)
        stay = [index for index in range(len(pictures)) if index not in gone]
        for number, index in enumerate(out):
            pictures[index] = self.pictures[stay[(index + number) % len(stay)]]
        return pictures

    def _result(self, new: Network, out: tuple[int, ...]) -> _LeftOutResult:
        """The log-probabilities and predictions of a new net."""
        queries, targets = self.queries
        nothing = np.empty(0)
        own, predicted, probabilities = nothing, np.empty(0, np.int64), nothing
        if len(targets):
            logits = new.logits(queries, 1)
            probabilities, predicted = _log_probabilities(logits, targets), logits.argmax(axis=1)
        if out:
            left_out = list(out)
            labels = self.labels[left_out]
            own = _log_probabilities(new.logits(self.pictures[left_out], 1), labels)
            # A class without another training example cannot be learned.
            own[~np.isin(labels, np.delete(self.labels, left_out))] = 0.0
        return _LeftOutResult(probabilities, own, predicted)


def _log_probabilities(logits: Float32, labels: Labels) -> Float64:
    """The bounded log-probability of each label: (N, classes) and (N,) to (N,)."""
    _, exponentials, _ = shifted_exponentials(logits.astype(np.float64))
    sums = np.array([math.fsum(row) for row in exponentials.tolist()])
    probabilities = exponentials[np.arange(len(labels)), labels] / sums
    return np.asarray(log(MIN_PROBABILITY + (1 - MIN_PROBABILITY) * probabilities))


def _ranked(
    classes: tuple[str, ...],
    left_out: dict[str, tuple[int, ...]],
    by_set: list[list[_LeftOutResult]],
    queries: _Queries,
) -> list[Influence]:
    """Scores from means over the seeds, highest first."""
    with_all, *without = by_set
    has_queries = bool(len(queries.labels))
    doubts = [-_mean([one.of_left_out for one in some]) for some in without]
    harms = [0.0] * len(without)
    if has_queries:
        before = _mean([one.of_queries for one in with_all])
        harms = [_mean([one.of_queries for one in some]) - before for some in without]
    noise, median = _scatter(harms), _median(harms)
    influences = []
    for (name, indices), some, harm, label_loss in zip(
        left_out.items(), without, harms, doubts, strict=True
    ):
        score = label_loss + (max(0.0, (harm - median) / noise - NOISE_THRESHOLD) if noise else 0.0)
        influences.append(
            Influence(
                name,
                indices,
                score,
                harm,
                noise,
                label_loss,
                _mean_probability(with_all) if has_queries else None,
                _mean_probability(some) if has_queries else None,
                _predictions(classes, with_all),
                _predictions(classes, some),
            )
        )
    return sorted(influences, key=lambda one: -one.score)


def _mean(columns: list[Float64]) -> float:
    """The mean of all values of all seeds."""
    numbers = [number for column in columns for number in column.tolist()]
    return math.fsum(numbers) / len(numbers)


def _mean_probability(results: list[_LeftOutResult]) -> float:
    shares = [(exp(one.of_queries) - MIN_PROBABILITY) / (1 - MIN_PROBABILITY) for one in results]
    return _mean(
        [np.maximum(share, 0) for share in shares]
    )  # rounding of the logarithm may give less than 0


def _predictions(classes: tuple[str, ...], results: list[_LeftOutResult]) -> tuple[str, ...]:
    """The class that most seeds predict for each query."""
    columns = zip(*(one.predicted.tolist() for one in results), strict=True)
    return tuple(classes[max(sorted(set(column)), key=column.count)] for column in columns)


def _median(numbers: list[float]) -> float:
    ordered = sorted(numbers)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


_TO_DEVIATION = 1.4826
"""Ratio of the standard deviation of a normal distribution to its median absolute deviation."""


def _scatter(numbers: list[float]) -> float:
    """The standard deviation, estimated robustly by the median absolute deviation."""
    median = _median(numbers)
    return _TO_DEVIATION * _median([abs(number - median) for number in numbers])


def _checked_queries(
    net: Network, queries: npt.ArrayLike | None, labels: npt.ArrayLike | None
) -> _Queries:
    """The queries, checked; a single input gets a batch axis."""
    if (queries is None) != (labels is None):
        raise DataError(
            "influential_examples: got queries or expected only, wanted both or neither"
        )
    if queries is None or labels is None:
        return _Queries(np.empty(0), np.empty(0, np.int64))
    inputs = np.asarray(queries)
    if inputs.ndim == (1 if net.architecture.reads_texts else 3) and np.ndim(labels) == 0:
        inputs, labels = inputs[None], np.asarray(labels)[None]
    return _Queries(*check_examples(net, inputs, labels))


def _left_out(
    count: int, groups: Sequence[str] | Strings | None, names: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """The sets of indices to leave out, by name: one per example or group."""
    if len(names) not in (0, count):
        raise DataError(
            f"influential_examples: got {len(names)} names, wanted {count}, one per example"
        )
    sets: dict[str, tuple[int, ...]]
    if groups is None:
        unique_names = list(names) or [f"example {index}" for index in range(count)]
        if len(set(unique_names)) < count:
            unique_names = [f"{name} (example {index})" for index, name in enumerate(unique_names)]
        sets = {name: (index,) for index, name in enumerate(unique_names)}
    else:
        if len(groups) != count:
            raise DataError(
                f"influential_examples: got {len(groups)} groups, wanted {count}, one per example"
            )
        members: dict[str, list[int]] = {}
        for index, group in enumerate(groups):
            members.setdefault(str(group), []).append(index)
        sets = {name: tuple(indices) for name, indices in members.items()}
    if len(sets) < 2:
        raise DataError(
            f"influential_examples: got {shown(sorted(sets))} to leave out, wanted two or more: "
            "nets train on the rest"
        )
    return sets
