"""Agreement of the toolkits: logits, gradients and losses are compared before any timing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from piecewise.core.array_types import Array

STEPS, RATE = 4, 0.001
"""The steps on one batch whose losses are compared."""

GRADIENTS = 3
"""Batches on which gradients are compared; the closest counts. Where the two largest values of a
pooling window are equal within rounding, either may be chosen, and that batch's gradient differs by
far more than rounding."""

TOLERANCES = {"logits": 1e-4, "gradient": 1e-3, "losses": 1e-3}
"""The largest allowed difference, relative to the norm of the vector."""


@dataclass(frozen=True)
class Distance:
    """The differences between another toolkit and piecewise, relative to the vectors' norms."""

    logits: float
    gradient: float | None = None
    losses: float | None = None

    def to_json(self) -> dict[str, float]:
        return {
            name: difference for name, difference in asdict(self).items() if difference is not None
        }


def write_steps(
    path: str, logits: Array, gradients: list[dict[str, Array]], losses: list[float]
) -> None:
    """Write a toolkit's results to a file: logits and losses on the first batch, gradients on the
    first few batches; logits alone if the toolkit does not train."""
    arrays: dict[str, Any] = {
        f"gradient {number}.{name}": array
        for number, gradient in enumerate(gradients)
        for name, array in gradient.items()
    }
    np.savez(path, logits=logits, losses=np.array(losses), **arrays)


def distance(mine: Path, theirs: Path, what: str) -> Distance:
    """The differences between two toolkits. Raises AssertionError if one is too large."""
    with np.load(mine) as one, np.load(theirs) as other:
        results = {"logits": _relative_difference(one["logits"], other["logits"])}
        if len(other["losses"]):
            results["gradient"] = min(
                _relative_difference(_gradient_of(one, number), _gradient_of(other, number))
                for number in range(GRADIENTS)
            )
            results["losses"] = _relative_difference(one["losses"], other["losses"])
    for name, difference in results.items():
        if not difference <= TOLERANCES[name]:
            raise AssertionError(
                f"{what}: {name} differ by {difference:.1e}, wanted at most {TOLERANCES[name]:.0e}"
            )
    return Distance(**results)


def _gradient_of(file: Any, number: int) -> Array:
    """The gradient of a batch as one vector."""
    names = [name for name in file.files if name.startswith(f"gradient {number}.")]
    return np.concatenate([file[name].ravel() for name in names])


def _relative_difference(mine: Array, theirs: Array) -> float:
    assert mine.shape == theirs.shape
    wide, other = mine.astype(np.float64), theirs.astype(np.float64)
    return float(np.linalg.norm(wide - other) / np.linalg.norm(other))
