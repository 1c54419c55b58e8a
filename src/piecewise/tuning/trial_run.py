"""One trial of a hyperparameter search: train a net, and measure it on held-out examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..core.array_types import Float32, Labels
from ..core.errors import TrainingError
from ..core.progress import OnProgress, Progress, in_turn
from ..network import Network
from ..training.candidates import Candidate
from ..training.defaults import without_small_rest
from ..training.effort import MIN_FOLDS
from ..training.plan import TrainingPlan
from ..training.splits import Split, assign_folds
from ..training.train import train
from ..training.trials import STAGE, log_losses, mean

_QUARTERS = 4
Report = Callable[[int, float], None]
"""Gets a step and the loss there; it may raise to stop the trial."""


@dataclass(frozen=True)
class TrialScore:
    """How a trial did on ``n`` held-out examples: the accuracy, and the mean log loss at the
    temperature that fits them best."""

    loss: float
    accuracy: float
    n: int


def run_trial(
    plan: TrainingPlan,
    candidate: Candidate,
    report: Report,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
) -> TrialScore | None:
    """Train a candidate without the held-out examples, and measure it on them: on the validation
    split, or in the first folds. None if the training diverges. The test split is not used."""
    own = plan.of_candidate(candidate)
    parts, logits, labels = list(_parts(own)), list[Float32](), list[Labels]()
    for number, (training, held_out) in enumerate(parts):
        recipe = replace(
            candidate.recipe,
            batch_size=without_small_rest(candidate.recipe.batch_size, len(training.labels)),
        )
        net = Network(candidate.layers, own.preprocessor.shape, own.classes, recipe.seed,
                      own.preprocessor)  # fmt: skip
        progress = in_turn(on_progress, STAGE, number, len(parts), candidate.layers)
        watched = _Watched(net, held_out, report, progress) if len(parts) == 1 else progress
        try:
            train(net, training.inputs, training.labels, recipe, None, watched, threads,
                  keep_digests=False)  # fmt: skip
        except TrainingError:
            return None
        logits.append(net.logits(held_out.inputs))
        labels.append(held_out.labels)
        if number + 1 < len(parts):
            report(number + 1, _score(logits, labels).loss)
    return _score(logits, labels)


def _parts(plan: TrainingPlan) -> Iterator[tuple[Split, Split]]:
    """The examples to train on and those to measure on: the validation split, or folds."""
    training, held_out = plan.splits["train"], plan.splits.get("validation")
    if held_out is not None:
        yield training, held_out
        return
    folds = plan.folds
    fold = assign_folds(training.labels, plan.config.recipe.seed, 0, folds, plan.groups,
                        training.recordings)  # fmt: skip
    for number in range(min(folds, MIN_FOLDS)):
        out = fold == number
        if (out & training.is_first).any():
            yield training.where(~out), training.where(out & training.is_first)


class _Watched:
    """A progress callback that reports the loss on the held-out examples after each quarter."""

    def __init__(
        self, net: Network, held_out: Split, report: Report, on_progress: OnProgress | None
    ) -> None:
        self._net, self._held_out, self._report = net, held_out, report
        self._on_progress, self._quarter = on_progress, 0

    def __call__(self, progress: Progress) -> None:
        if self._on_progress is not None:
            self._on_progress(progress)
        quarter = _QUARTERS * progress.done // max(1, progress.total)
        if progress.epoch is None or not self._quarter < quarter < _QUARTERS:
            return
        self._quarter = quarter
        logits = self._net.logits(self._held_out.inputs)
        self._report(quarter, mean(log_losses(logits, self._held_out.labels)))


def _score(logits: list[Float32], labels: list[Labels]) -> TrialScore:
    all_logits, all_labels = np.concatenate(logits), np.concatenate(labels)
    accuracy = float((all_logits.argmax(axis=1) == all_labels).mean())
    return TrialScore(mean(log_losses(all_logits, all_labels)), accuracy, len(all_labels))
