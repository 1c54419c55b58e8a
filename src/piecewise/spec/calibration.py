"""Calibration: temperature and confidence thresholds, measured on held-out examples.

`training/calibrate.py` computes these numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..core.constraints import Integer, Real, checked
from ..core.errors import LimitError, shown

MAX_THRESHOLDS = 100
MAX_CONFIDENCES = 8_192
"""Confidences that are kept, at most; of more held-out examples, evenly spaced ones."""

_FRACTION = Real(0, 1)


@dataclass(frozen=True)
class ConfidenceThreshold:
    """A confidence threshold and what it gives on the held-out examples.

    Parameters
    ----------
    coverage : float
        The fraction of the examples whose largest probability reaches the threshold.
    probability : float
        The threshold.
    accuracy : float
        The accuracy on those examples.
    """

    coverage: float
    probability: float
    accuracy: float

    def __post_init__(self) -> None:
        for field in fields(self):
            checked(f"calibration: thresholds: {field.name}", _FRACTION, getattr(self, field.name))


@dataclass(frozen=True)
class Calibration:
    """Temperature scaling (Guo, Pleiss, Sun, Weinberger 2017) and confidence thresholds.

    Parameters
    ----------
    temperature : float
        Logits are divided by it before the softmax; above 1 for an overconfident network.
    n : int
        The number of held-out examples on which it was measured; 0 if there were none.
    thresholds : tuple of ConfidenceThreshold
        From the largest to the smallest coverage.
    confidences : tuple of float
        The largest probability of each held-out example, the highest first.
    """

    temperature: float = 1.0
    n: int = 0
    thresholds: tuple[ConfidenceThreshold, ...] = ()
    confidences: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        checked("calibration: temperature", Real(0.01, 100), self.temperature)
        checked("calibration: n", Integer(0, 2**53), self.n)
        _check_count(self.thresholds, MAX_THRESHOLDS, "thresholds")
        _check_count(self.confidences, MAX_CONFIDENCES, "confidences")
        for confidence in self.confidences:
            checked("calibration: confidences", _FRACTION, confidence)

    def threshold_for(self, coverage: float) -> float:
        """The confidence threshold that the fraction ``coverage`` of the held-out examples reaches,
        exact to one example unless confidences are equal.

        Raises LimitError if there are no confidences: too few examples were held out in training.
        """
        checked("calibration: coverage", _FRACTION, coverage)
        if coverage in (0, 1):
            return 0.0 if coverage else math.inf
        if not self.confidences:
            raise LimitError(
                f"coverage: got {coverage:g}, but this net has no confidence thresholds, because "
                "it had no or too few validation examples; train it with a larger validation split"
            )
        answered = round(coverage * len(self.confidences))
        return self.confidences[max(1, answered) - 1]

    def to_json(self) -> dict[str, Any]:
        """Plain values: temperature, n, thresholds. `file_values` has the confidences, too."""
        values = self.file_values()
        del values["confidences"]
        return values

    def file_values(self) -> dict[str, Any]:
        """Plain values of all fields, for a model file."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Any) -> Calibration:
        """From the plain values of a file; LimitError if they are invalid."""
        try:
            thresholds = tuple(
                ConfidenceThreshold(**one) for one in plain["thresholds"][: MAX_THRESHOLDS + 1]
            )
            confidences = tuple(plain["confidences"][: MAX_CONFIDENCES + 1])
            return cls(plain["temperature"], plain["n"], thresholds, confidences)
        except (KeyError, TypeError):
            raise LimitError(f"calibration: got {shown(plain)}, wanted its plain values") from None


def _check_count(values: Sequence[object], most: int, name: str) -> None:
    if len(values) > most:
        raise LimitError(f"calibration: got {len(values)} {name}, wanted at most {most}")
