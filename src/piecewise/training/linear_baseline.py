"""The linear baseline: the scores of logistic regression on the same inputs and examples.

If it is as good as the network, a ConvNet has no advantage on these data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..core.array_types import Bool, Labels
from ..core.errors import TrainingError
from ..data.preprocessing import Preprocessor
from ..network import Network
from .candidates import Candidate
from .metrics import wilson_interval
from .splits import Split
from .train import train

_NORMAL_QUANTILE = 1.959963984540054


@dataclass(frozen=True)
class LinearBaseline:
    """The accuracy of a linear model on a split, and how much better the network is."""

    model: str
    """What it is: "logistic regression on pixels"."""
    accuracy: float
    n: int
    difference: float
    """The accuracy of the network on the same examples, minus that of the linear model."""
    difference_interval: tuple[float, float]
    """The 95 % confidence interval of the difference."""

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the accuracy (Wilson 1927)."""
        return wilson_interval(self.accuracy, self.n)

    @property
    def as_good(self) -> bool:
        """Whether the network is not better: the interval of the difference begins at or below
        0."""
        return self.difference_interval[0] <= 0

    @classmethod
    def of(cls, model: str, network_correct: Bool, linear_correct: Bool) -> LinearBaseline:
        """From which examples (N,) the network and the linear model get right."""
        difference = float(network_correct.mean() - linear_correct.mean())
        return cls(
            model,
            float(linear_correct.mean()),
            len(linear_correct),
            difference,
            paired_interval(network_correct, linear_correct),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file.

        Returns
        -------
        dict
        """
        return {
            "model": self.model,
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.interval),
            "n": self.n,
            "difference": self.difference,
            "difference_interval": list(self.difference_interval),
            "as_good": self.as_good,
        }


def paired_interval(first: Bool, second: Bool) -> tuple[float, float]:
    """The 95 % confidence interval of the difference of two accuracies on the same examples (N,):
    Wald's with one more example for each side (Agresti and Min 2005)."""
    only_first = int((first & ~second).sum()) + 1
    only_second = int((second & ~first).sum()) + 1
    count = len(first) + 2
    middle = (only_first - only_second) / count
    variance = (only_first + only_second - count * middle * middle) / count**2
    margin = _NORMAL_QUANTILE * math.sqrt(max(0.0, variance))
    return max(-1.0, middle - margin), min(1.0, middle + margin)


def linear_predictions(
    candidate: Candidate,
    training: Split,
    held_out: Sequence[Split],
    classes: tuple[str, ...],
    preprocessor: Preprocessor,
    threads: int | None = None,
) -> list[Labels] | None:
    """Train a linear model; its predictions for splits. None if its training diverges."""
    own = candidate.preprocessor or preprocessor
    if candidate.preprocessor:
        training = training.prepared(own)
        held_out = [split.prepared(own) for split in held_out]
    net = Network(candidate.layers, own.shape, classes, candidate.recipe.seed, own)
    try:
        train(net, training.inputs, training.labels, candidate.recipe, None, None, threads,
              keep_digests=False)  # fmt: skip
    except TrainingError:
        return None
    return [net.logits(split.inputs, threads).argmax(axis=1) for split in held_out]
