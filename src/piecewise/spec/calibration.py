"""How sure a network may be: what was found on pictures that it did not learn from.

What chooses these numbers stands in `training/calibrate.py`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..core.constraints import Integer, Real, checked
from ..core.errors import LimitError, shown

MOST_STEPS = 100

_FRACTION = Real(0, 1)


@dataclass(frozen=True)
class ConfidenceThreshold:
    """A step of sureness: where only answers of at least this ``probability`` count, the share
    ``coverage`` of the held-out pictures got one, and of those the share ``accuracy`` was right."""

    coverage: float
    probability: float
    accuracy: float

    def __post_init__(self) -> None:
        for field in fields(self):
            checked(f"calibration: sure {field.name}", _FRACTION, getattr(self, field.name))


@dataclass(frozen=True)
class Calibration:
    """``temperature``: what logits are divided by before they become probabilities (Guo, Pleiss,
    Sun, Weinberger 2017); above 1 for a network that is surer than it is right. ``n``: on how many
    held-out pictures it was chosen; 0 if it was not. ``sure``: steps from most to least answers."""

    temperature: float = 1.0
    n: int = 0
    thresholds: tuple[ConfidenceThreshold, ...] = ()

    def __post_init__(self) -> None:
        checked("calibration: temperature", Real(0.01, 100), self.temperature)
        checked("calibration: n", Integer(0, 2**53), self.n)
        if len(self.thresholds) > MOST_STEPS:
            raise LimitError(f"calibration: got {len(self.thresholds)} steps, wanted {MOST_STEPS}")

    def threshold_for(self, coverage: float) -> float:
        """The least probability of an answer, so that about the share ``coverage`` is answered."""
        checked("calibration: coverage", _FRACTION, coverage)
        if coverage in (0, 1):
            return 0.0 if coverage else math.inf
        steps = [step for step in self.thresholds if step.coverage <= coverage] or list(
            self.thresholds[-1:]
        )
        if not steps:
            raise LimitError(
                f"coverage: got {coverage:g}, but nothing is known of how sure this net may be; "
                "too little was held out while it learned, or nothing"
            )
        return steps[0].probability

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Any) -> Calibration:
        """From the plain values of a file; LimitError if they are not such."""
        try:
            steps = tuple(
                ConfidenceThreshold(**step) for step in plain["thresholds"][: MOST_STEPS + 1]
            )
            return cls(plain["temperature"], plain["n"], steps)
        except (KeyError, TypeError):
            raise LimitError(f"calibration: got {shown(plain)}, wanted its plain values") from None
