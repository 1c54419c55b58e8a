"""Toolkits that are compared have to compute the same first."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from piecewise.core.array_types import Array

STEPS, RATE = 4, 0.001
"""The steps on one batch whose losses are compared."""

SLOPES = 3
"""Batches on which slopes are compared; the nearest counts. Where two values of a window are the
same within rounding either may win, and that batch's slope moves by far more than rounding."""

CLOSE = {"logits": 1e-4, "slope": 1e-3, "losses": 1e-3}
"""How far apart they may be, as a share of the length of the vector."""


@dataclass(frozen=True)
class Distance:
    """How far another toolkit is from this package, each as a share of the vector's length."""

    logits: float
    slope: float | None = None
    losses: float | None = None

    def to_json(self) -> dict[str, float]:
        return {name: far for name, far in asdict(self).items() if far is not None}


def write_steps(
    path: str, logits: Array, slopes: list[dict[str, Array]], losses: list[float]
) -> None:
    """What a toolkit found, into a file: logits and losses on the first batch, slopes on the first
    ones; only logits if it does not learn."""
    arrays: dict[str, Any] = {
        f"slope {number}.{name}": array
        for number, slope in enumerate(slopes)
        for name, array in slope.items()
    }
    np.savez(path, logits=logits, losses=np.array(losses), **arrays)


def distance(mine: Path, theirs: Path, what: str) -> Distance:
    """How far two toolkits are apart; AssertionError, saying where, if it is too far."""
    with np.load(mine) as one, np.load(theirs) as other:
        found = {"logits": _apart(one["logits"], other["logits"])}
        if len(other["losses"]):
            found["slope"] = min(
                _apart(_slope(one, number), _slope(other, number)) for number in range(SLOPES)
            )
            found["losses"] = _apart(one["losses"], other["losses"])
    for name, far in found.items():
        if not far <= CLOSE[name]:
            raise AssertionError(f"{what}: {name} are {far:.1e} apart, wanted {CLOSE[name]:.0e}")
    return Distance(**found)


def _slope(file: Any, number: int) -> Array:
    """All slopes of a batch as one vector."""
    names = [name for name in file.files if name.startswith(f"slope {number}.")]
    return np.concatenate([file[name].ravel() for name in names])


def _apart(mine: Array, theirs: Array) -> float:
    assert mine.shape == theirs.shape
    wide, other = mine.astype(np.float64), theirs.astype(np.float64)
    return float(np.linalg.norm(wide - other) / np.linalg.norm(other))
