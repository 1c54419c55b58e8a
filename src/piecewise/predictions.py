"""Predictions of raw inputs: what the command line prints and the prediction server answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .core.array_types import Float32
from .data.decoding.prepared_input import PreparedInput
from .network import Network
from .raw_inputs import mean_logits

NAME_SHOWN = 200
"""Characters of a text that stands for its own name."""


class Prediction(NamedTuple):
    """The answer about one input."""

    name: str
    text: str | None
    warning: str | None
    logits: Float32
    probabilities: Float32
    threshold: float
    """The probability below which there is no answer."""
    best: int
    """The number of the class with the largest logit."""

    @property
    def short_name(self) -> str:
        name = self.name
        return name if len(name) <= NAME_SHOWN else f"{name[:NAME_SHOWN]}..."

    @property
    def is_blank(self) -> bool:
        """Whether it is about a text of spaces only, or none."""
        return self.text is not None and not self.text.strip()

    def answer(self, classes: Sequence[str]) -> str | None:
        """The predicted class; None if the probability is below the threshold, or for no text."""
        if self.is_blank:
            return None
        is_sure = self.probabilities[self.best] >= self.threshold
        return classes[self.best] if is_sure else None

    def to_json(self, net: Network) -> dict[str, Any]:
        text = {} if self.text is None or self.text == self.name else {"text": self.text}
        return {
            "input": self.name,
            **text,
            "predicted": self.answer(net.classes),
            "classes": list(net.classes),
            "probabilities": self.probabilities.tolist(),
            "logits": self.logits.tolist(),
            "warning": self.warning,
        }


def predictions_of(
    names: Iterable[str],
    inputs: Sequence[PreparedInput],
    logits: Float32,
    probabilities: Float32,
    threshold: float,
) -> list[Prediction]:
    """The predictions of prepared inputs, whose logits and probabilities are (N, classes)."""
    numbers = zip(logits, probabilities, logits.argmax(axis=1).tolist(), strict=True)
    return [
        Prediction(name, one.text, one.warning, scores, shares, threshold, best)
        for name, one, (scores, shares, best) in zip(names, inputs, numbers, strict=True)
    ]


def logits_of_inputs(inputs: Sequence[PreparedInput], logits: Float32) -> Float32:
    """The logits (N, classes) of prepared inputs, of those of all their examples."""
    owners = np.repeat(np.arange(len(inputs)), [len(one.examples) for one in inputs])
    return mean_logits(logits, owners)
