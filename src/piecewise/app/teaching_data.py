"""What a net of the app is taught from, and the nets that are trained from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.array_types import Array, Labels
from ..core.errors import LimitError, TrainingError
from ..core.progress import Progress
from ..data.preprocessing import Preprocessor
from ..lessons.seats import seats_of
from ..network import Network
from ..training.defaults import TrainingConfig
from ..training.metrics import scores_from_logits
from ..training.splits import assign_folds
from ..training.train import train
from .mistakes import HeldOut

FOLDS = 5
Report = Callable[[Progress], None]


@dataclass(frozen=True)
class TeachingData:
    """What a net is taught from: inputs, labels and the names of the classes, and the knobs."""

    inputs: Array
    labels: Labels
    classes: tuple[str, ...]
    preprocessor: Preprocessor
    config: TrainingConfig
    data_sha256: str
    ids: list[str]
    may_retry: bool
    """Whether a lower learning rate may replace one that diverges: nobody chose one."""
    threads: int | None
    """Threads of a training; all processors if None."""

    def trained(self, report: Report) -> Network:
        """A net that is trained on all samples; TrainingError if it diverges."""
        net = self._network()
        self._train(net, np.arange(len(self.labels)), report)
        return net

    def folds(self, attempt: int, report: Report) -> Iterator[tuple[dict[str, Any], HeldOut]]:
        """Train a net without each of the folds. After each, the score so far and the answers of
        the nets to the samples that they did not learn from; ``attempt`` is the net that is
        scored. The answers of a net that diverged count as they are, since the score is that of the
        recipe."""
        counts = np.bincount(self.labels, minlength=len(self.classes))
        seats = seats_of([one.rpartition("/")[2] for one in self.ids], self.labels)
        count = min(FOLDS, int(counts.min()) if seats is None else len(np.unique(seats)))
        fold = assign_folds(self.labels, 0, 0, count, seats)
        logits = np.zeros((len(self.labels), len(self.classes)), np.float32)
        measured = np.zeros(len(self.labels), bool)
        for number in range(count):
            out = fold == number
            net, logits[out] = self._fold(out, report)
            measured |= out
            scores = scores_from_logits(self.classes, logits[measured], self.labels[measured])
            probabilities = net.probabilities_of(logits[measured])
            ids = [one for one, known in zip(self.ids, measured, strict=True) if known]
            score = {
                "done": number + 1, "of": count, "n": len(ids),
                "right": round(scores.accuracy * len(ids)),
                "low": scores.interval[0], "high": scores.interval[1],
                "base": scores.baseline, "by_seat": seats is not None,
            }  # fmt: skip
            yield score, HeldOut(attempt, self.classes, ids, self.labels[measured], probabilities)

    def _fold(self, out: Array, report: Report) -> tuple[Network, Array]:
        """A net that is trained without some samples, and its logits for them."""
        net = self._network()
        with suppress(TrainingError):
            self._train(net, np.flatnonzero(~out), report)
        try:
            return net, net.logits(self.inputs[out])
        except LimitError:  # beyond float32
            return net, np.zeros((int(out.sum()), len(self.classes)), np.float32)

    def _network(self) -> Network:
        return Network(self.config.layers, self.preprocessor.shape, self.classes,
                       self.config.recipe.seed, self.preprocessor)  # fmt: skip

    def _train(self, net: Network, rows: Array, report: Report) -> None:
        train(net, self.inputs[rows], self.labels[rows], self.config.recipe, None, report,
              self.threads)  # fmt: skip


def is_complete(score: dict[str, Any]) -> bool:
    """Whether all folds of a score of `TeachingData.folds` are measured."""
    return bool(score["done"] == score["of"])
