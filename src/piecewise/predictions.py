"""Predictions of raw inputs: what the command line prints and the prediction server answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .core.array_types import Array, Float32
from .data.preprocessing import Preprocessor
from .network import Network
from .raw_inputs import mean_logits

NAME_SHOWN = 200
"""Characters of a text that stands for its own name."""


class PreparedInput(NamedTuple):
    """The examples for the net (several for a long sound), what makes an answer about them
    doubtful, how it is found if that is special, and the text if it is one."""

    examples: Array
    warning: str | None
    note: str | None
    text: str | None


class Prediction(NamedTuple):
    """The answer about one input."""

    name: str
    text: str | None
    warning: str | None
    logits: Float32
    probabilities: Float32
    threshold: float
    """The probability below which there is no answer."""

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
        best = int(self.logits.argmax())
        return classes[best] if self.probabilities[best] >= self.threshold else None

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


def prepare_input(preprocessor: Preprocessor, decoded: Any) -> PreparedInput:
    """The examples of one decoded input."""
    text = decoded if isinstance(decoded, str) else None
    examples = preprocessor.windows(decoded)
    note = None
    if (count := len(examples)) > 1:
        seconds = preprocessor.size(decoded)[1]
        note = f"it lasts {seconds:.1f} s; the answer is the mean of {count} windows"
    return PreparedInput(examples, preprocessor.warning(decoded), note, text)


def logits_of_inputs(inputs: Sequence[PreparedInput], logits: Float32) -> Float32:
    """The logits (N, classes) of prepared inputs, of those of all their examples."""
    owners = np.repeat(np.arange(len(inputs)), [len(one.examples) for one in inputs])
    return mean_logits(logits, owners)
