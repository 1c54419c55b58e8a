"""Calibration: temperature and confidence thresholds, measured on held-out examples.

`training/calibrate.py` computes these numbers.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..core.constraints import Integer, Real, checked
from ..core.errors import LimitError, shown

MAX_THRESHOLDS = 100

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
    """

    temperature: float = 1.0
    n: int = 0
    thresholds: tuple[ConfidenceThreshold, ...] = ()

    def __post_init__(self) -> None:
        checked("calibration: temperature", Real(0.01, 100), self.temperature)
        checked("calibration: n", Integer(0, 2**53), self.n)
        if len(self.thresholds) > MAX_THRESHOLDS:
            raise LimitError(
                f"calibration: got {len(self.thresholds)} thresholds, "
                f"wanted at most {MAX_THRESHOLDS}"
            )

    def threshold_for(self, coverage: float) -> float:
        """The confidence threshold that about the fraction ``coverage`` of all examples reaches.

        Raises LimitError if there are no thresholds: too few examples were held out in training.
        """
        checked("calibration: coverage", _FRACTION, coverage)
        if coverage in (0, 1):
            return 0.0 if coverage else math.inf
        thresholds = [one for one in self.thresholds if one.coverage <= coverage] or list(
            self.thresholds[-1:]
        )
        if not thresholds:
            raise LimitError(
                f"coverage: got {coverage:g}, but this net has no confidence thresholds, because "
                "it had no or too few validation examples; train it with a larger validation split"
            )
        return thresholds[0].probability

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Any) -> Calibration:
        """From the plain values of a file; LimitError if they are invalid."""
        try:
            thresholds = tuple(
                ConfidenceThreshold(**one) for one in plain["thresholds"][: MAX_THRESHOLDS + 1]
            )
            return cls(plain["temperature"], plain["n"], thresholds)
        except (KeyError, TypeError):
            raise LimitError(f"calibration: got {shown(plain)}, wanted its plain values") from None
