"""The confusion matrix with its examples, the most confident mistakes.

The nearest training examples of a mistake are measured by the activations that the last layer
reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.array_types import Array, Examples, Float32, Int64, Labels
from ...core.constraints import MAX_CLASSES, Integer, checked
from ...core.errors import DataError, shown
from ...core.plain_values import PlainRecord
from ...engine.runtime import program_registry
from ...inputs import check_examples, engine_inputs
from ...network import Network
from ...spec.architecture import Architecture, Stage
from ...spec.class_numbers import class_number

MOST = 20
"""Default number of mistakes that are returned."""
NEAREST = 3
MAX_VALUES = 1 << 24
"""Activations of the training examples that are stored; beyond it, examples are subsampled."""
MOST_WALKS = 2_000
"""Training examples that are walked through one by one, where the layers before the last are no
net by themselves."""


@dataclass(frozen=True)
class Neighbor(PlainRecord):
    """A training example near a mistake. ``distance``: the Euclidean distance of the activations
    that the last layer reads.
    """

    index: int
    name: str
    label: str
    distance: float


@dataclass(frozen=True)
class Mistake(PlainRecord):
    """A wrong prediction."""

    index: int
    """The number of the example."""
    name: str
    """Its name."""
    label: str
    """The true class."""
    predicted: str
    """The predicted class."""
    probability: float
    """Probability of the predicted class."""
    label_probability: float
    """Probability of the true class."""
    neighbors: tuple[Neighbor, ...] = ()
    """The nearest training examples."""


@dataclass(frozen=True)
class Mistakes:
    """All predictions for ``n`` examples, and the most confident mistakes."""

    classes: tuple[str, ...]
    """Names of the classes."""
    n: int
    """Number of examples."""
    cells: dict[tuple[int, int], tuple[int, ...]]
    """The examples of each cell (label, predicted) of the confusion matrix that is not empty, the
    most confident predictions first."""
    mistakes: tuple[Mistake, ...]
    """The most confident mistakes."""
    layer: str
    """The layer whose activations define the neighbors."""
    compared: int = 0
    """Number of training examples that were compared."""

    @property
    def confusion(self) -> Int64:
        """The confusion matrix: true classes in rows, predicted classes in columns."""
        counts = np.zeros((len(self.classes), len(self.classes)), np.int64)
        for cell, indices in self.cells.items():
            counts[cell] = len(indices)
        return counts

    def cell(self, label: str | int, answer: str | int) -> tuple[int, ...]:
        """The indices of the examples of a class, by name or number, with this prediction."""
        return self.cells.get((self._number(label), self._number(answer)), ())

    def _number(self, one: str | int) -> int:
        return class_number(self.classes, one, "class")

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the fields, with the confusion matrix."""
        return {
            "n": self.n,
            "classes": list(self.classes),
            "confusion": self.confusion.tolist(),
            "cells": [
                {
                    "label": self.classes[label],
                    "predicted": self.classes[predicted],
                    "indices": list(indices),
                }
                for (label, predicted), indices in sorted(self.cells.items())
            ],
            "mistakes": [one.to_json() for one in self.mistakes],
            "layer": self.layer,
            "compared": self.compared,
        }


def mistakes(
    net: Network,
    inputs: npt.ArrayLike,
    labels: npt.ArrayLike,
    names: Sequence[str] = (),
    train: Examples | None = None,
    train_names: Sequence[str] = (),
    *,
    most: int = MOST,
    nearest: int = NEAREST,
) -> Mistakes:
    """Find the mistakes of a net, the most confident first.

    Parameters
    ----------
    net, inputs, labels, names
        See `error_table`.
    train : (inputs, labels), optional
        Training examples, to find the nearest ones of each mistake.
    train_names : sequence of str, optional
        Names of the training examples.
    most : int, default 20
        Maximum number of mistakes.
    nearest : int, default 3
        Number of neighbors of each mistake.

    Returns
    -------
    Mistakes
        The confusion matrix with its examples, and the mistakes.

    Raises
    ------
    DataError
        If the arrays do not fit the net or each other.
    LimitError
        If ``most`` or ``nearest`` is out of range.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(8, 9, seed=0)
    >>> net = pw.Network("conv 2 3, relu, full", (1, 9, 9), ["X", "O"])
    >>> int(pw.mistakes(net, xo.inputs, xo.labels).confusion.sum())
    8
    """
    inputs, targets = check_examples(net, inputs, labels)
    called = _names(names, len(targets), "names")
    for name, value, low in (("most", most, 0), ("nearest", nearest, 1)):
        checked(f"mistakes: {name}", Integer(low, 100_000), value)
    probabilities = net.probabilities_of(logits := net.logits(inputs))
    answers = logits.argmax(axis=1)
    confidence = probabilities[np.arange(len(targets)), answers]
    order = np.argsort(-confidence, kind="stable")
    cells: dict[tuple[int, int], list[int]] = {}
    for index in order.tolist():
        cells.setdefault((int(targets[index]), int(answers[index])), []).append(index)
    chosen = order[answers[order] != targets[order]][:most]
    layer = _LastLayerInputs(net).layer
    near: list[tuple[Neighbor, ...]] = [()] * len(chosen)
    compared = 0
    if train is not None:
        if not isinstance(train, tuple | list) or len(train) != 2:
            raise DataError(f"train: got {shown(train)}, wanted two: inputs and their labels")
        examples = NearestExamples(net, *check_examples(net, *train), train_names)
        near, compared = examples.of(inputs[chosen], nearest), len(examples.indices)
    chosen_mistakes = tuple(
        Mistake(
            index,
            called[index],
            net.classes[targets[index]],
            net.classes[answers[index]],
            float(confidence[index]),
            float(probabilities[index, targets[index]]),
            some,
        )
        for index, some in zip(chosen.tolist(), near, strict=True)
    )
    by_cell = {cell: tuple(indices) for cell, indices in cells.items()}
    return Mistakes(net.classes, len(targets), by_cell, chosen_mistakes, layer, compared)


def _names(names: Sequence[str], count: int, what: str) -> Sequence[str]:
    if len(names) not in (0, count):
        raise DataError(f"{what}: got {len(names)}, wanted {count}, one per example")
    return names if len(names) else [f"example {index}" for index in range(count)]


class _LastLayerInputs:
    """Computes the activations that the last layer reads."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.before = _before_the_last(net.architecture.stages)
        """The layers before the last."""
        self.layer = self.before[-1].name if self.before else "input"
        self.shape = self.before[-1].output if self.before else net.architecture.input
        self.is_net = bool(self.before) and prod(self.shape) <= MAX_CLASSES

    def values(self, pictures: Array) -> Float32:
        """Inputs (N, ...) -> activations (N, values): in batches by the engine where the layers
        before the last are a net by themselves, else by one walk each."""
        net = self.net
        if not len(pictures):
            return np.zeros((0, prod(self.shape)), np.float32)
        if not self.is_net:
            return np.stack([np.ravel(net.walk(one)[self.layer]) for one in pictures])
        first = Architecture([one.layer for one in self.before], net.input, prod(self.shape))
        flat = net.parameters.flat[: sum(row.size for row in first.parameters)]
        running_stats = net.running_stats.flat[: sum(row.size for row in first.running_stats)]
        inputs = engine_inputs(net, pictures)
        return program_registry.logits(first, flat, running_stats, inputs, net.preprocessor.scaling)


def _before_the_last(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """The layers before the last full one, or before the last one if none is full, without a
    trailing dropout, which is the identity here."""
    last = len(stages) - 1
    number = next((at for at in range(last, -1, -1) if stages[at].layer.fully_connected), last)
    while number and stages[number - 1].layer.identity_at_inference:
        number -= 1
    return stages[:number]


class NearestExamples:
    """Finds the training examples nearest to an input, by the activations that the last layer
    reads. Of very many examples, some are left out, evenly spaced.

    Parameters
    ----------
    net : Network
        The net.
    pictures : array (N, ...)
        Checked inputs, see `check_examples`.
    labels : int64 array (N,)
        The numbers of their classes.
    names : sequence of str (N,), optional
        Their names.
    """

    def __init__(
        self, net: Network, pictures: Array, labels: Labels, names: Sequence[str] = ()
    ) -> None:
        self.reader, self.labels = (reader := _LastLayerInputs(net)), labels
        self.names = _names(names, len(labels), "train_names")
        count = min(len(labels), max(1, MAX_VALUES // prod(reader.shape)))
        if not reader.is_net:
            count = min(count, MOST_WALKS)
        self.indices = np.arange(count) * len(labels) // count
        self.columns = reader.values(pictures[self.indices]).astype(np.float64).T.copy()

    def of(self, pictures: Array, count: int) -> list[tuple[Neighbor, ...]]:
        """The ``count`` nearest examples of each of some checked inputs; ties in the order of the
        examples."""
        return [self._nearest(row, count) for row in self.reader.values(pictures).tolist()]

    def _nearest(self, row: list[float], count: int) -> tuple[Neighbor, ...]:
        squares = np.zeros(len(self.indices))
        for column, value in zip(self.columns, row, strict=True):  # in this order on every machine
            away = column - value
            squares += away * away
        order = np.argsort(squares, kind="stable")[:count]
        classes = self.reader.net.classes
        return tuple(
            Neighbor(
                index, self.names[index], classes[self.labels[index]], float(squares[at]) ** 0.5
            )
            for at, index in zip(order.tolist(), self.indices[order].tolist(), strict=True)
        )
