"""Progress reports: what every function that takes long passes to its ``on_progress``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Epoch:
    """The results of one training epoch: the mean training loss; accuracy and mean loss on the
    validation split at its end (None without one); and the seconds it took."""

    epoch: int
    loss: float
    validation_accuracy: float | None
    validation_loss: float | None
    seconds: float


@dataclass(frozen=True)
class Progress:
    """The progress of a function that takes long; reported several times a second."""

    stage: str
    """What runs: "reading", "trials", "training", "folds"."""
    done: int
    """Units done so far: files, steps, nets."""
    total: int
    loss: float | None = None
    """The mean loss over the last training steps; None outside training."""
    epoch: Epoch | None = None
    """The epoch that has just ended, if one has."""
    resumed: bool = False
    """Whether this is the first report of a resumed run; `done` is then the step it starts from."""
    note: str = ""
    """Which piece of the stage runs, and its result so far: "fold 3 of 5, 91.2 % right so far"."""


OnProgress = Callable[[Progress], None]
"""A progress callback. An exception that it raises stops the work and reaches the caller."""


def in_stage(on_progress: OnProgress | None, stage: str) -> OnProgress | None:
    """A callback that passes reports on under another stage name; None if there is none."""
    if on_progress is None:
        return None
    return lambda progress: on_progress(replace(progress, stage=stage))


_UNITS = 1_000  # of a piece of work that is one of several


def in_turn(
    on_progress: OnProgress | None, stage: str, number: int, count: int, note: str
) -> OnProgress | None:
    """A callback for one of ``count`` equal pieces of a stage, ``number`` from 0: it reports the
    progress of the whole stage."""
    if on_progress is None:
        return None

    def report(progress: Progress) -> None:
        within = _UNITS * progress.done // max(1, progress.total)
        done, total = _UNITS * number + within, _UNITS * count
        on_progress(Progress(stage, done, total, progress.loss, None, progress.resumed, note))

    return report
