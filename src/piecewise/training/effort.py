"""Effort: how much work a training may do, and how its trials, its folds and the net share it.

Work is counted in multiplications of forward passes. It does not depend on the machine, so that
the same data give the same net everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..core.constraints import Choice
from ..spec.architecture import Architecture


@dataclass(frozen=True)
class Effort:
    """The limits of one level of effort."""

    work: float
    """The largest work of the whole training: trials, folds and the net."""
    folds_work: float
    """The same if folds are trained, too: they compile more programs and read few examples."""
    steps: float
    """The factor of the number of steps after which more of them change little."""
    photos: float
    """The factor of the work after which more of it changes little for photos."""
    max_epochs: int
    min_epochs: int


EFFORTS = {
    "quick": Effort(1.4e11, 1e11, 0.5, 0.1, 150, 1),
    "normal": Effort(0.8e12, 0.8e12, 1, 1, 150, 2),
    "thorough": Effort(8e12, 8e12, 3, 10, 300, 2),
}
"""The levels of effort: about a sixth of the default work (an eighth with folds), the default, and
ten times the default."""
EFFORT = Choice(tuple(EFFORTS))

TRIALS = 0.25
"""The fraction of the work that trials may take, if there is a choice."""
CHEAP_TRIALS = 0.05
"""The fraction that the trials of texts may take in any case."""
LINEAR = 0.05
"""The fraction of the work that the linear models of `training/linear_model.py` may take."""
FOLDS, REPEATS = 5, 2
MIN_FOLDS = 3
"""Of the default five folds, at least as many are trained, even if all of them are too much."""
_PER_EXAMPLE, _PER_VALUE = 100_000, 64
"""What reading and augmenting an example cost, in multiplications: in all, and per value."""


def cost_per_example(layers: str, shape: tuple[int, int, int], classes: int) -> int:
    """The work of one example in one epoch of training."""
    channels, rows, columns = shape
    architecture = Architecture(layers, shape, classes)
    values = columns if architecture.reads_texts else channels * rows * columns
    return architecture.multiplications + _PER_EXAMPLE + _PER_VALUE * values


def net_work(work: float, folds: int, *, requested: bool) -> float:
    """The share of one net in the work for a net and its folds. A fold costs as much as the net,
    without the examples it leaves out. Folds that the user asked for are all trained in full, so
    the net keeps all of the work."""
    if not folds or requested:
        return work
    return work / (1 + min(folds, MIN_FOLDS) * (1 - 1 / folds))


def fold_runs(remaining: float, per_fold: float, folds: int, *, requested: bool) -> int:
    """How many folds are trained: all of them twice or once if the remaining work allows it, else
    as many as it allows, or `MIN_FOLDS`."""
    affordable = int(remaining / max(1.0, per_fold))
    if affordable >= REPEATS * folds:
        return REPEATS * folds
    if requested or affordable >= folds:
        return folds
    return min(folds, max(MIN_FOLDS, affordable))
