"""Cross-validation: networks that are trained as the final one is, each without one fold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..core.array_types import Array, Bool, Float32, Int64, Labels
from ..core.progress import OnProgress, in_turn
from .candidates import Candidate
from .defaults import without_small_rest
from .linear_baseline import LinearBaseline, linear_predictions
from .metrics import Scores, scores_from_logits
from .plan import TrainingPlan
from .rank_jobs import JobResult, run_jobs
from .splits import assign_folds
from .train import train

STAGE = "folds"
"""The stage that progress reports of folds name."""


@dataclass
class FoldResults:
    """The predictions for the examples of each fold, by networks that were not trained on them."""

    plan: TrainingPlan
    rows: list[Int64] = field(default_factory=list)
    """By fold: the rows of its examples in the training split."""
    logits_by_fold: list[Float32] = field(default_factory=list)
    linear_correct: list[Bool | None] = field(default_factory=list)
    """By fold of the first repeat: which of its examples the linear model gets right; None if its
    training diverged."""

    def add(self, found: JobResult, *, has_linear: bool) -> None:
        """Add the results of a fold: its rows, their logits, and which of them the linear model
        gets right; the last one is missing if its training diverged."""
        rows, logits, *correct = found
        self.rows.append(rows)
        self.logits_by_fold.append(logits)
        if has_linear:
            self.linear_correct.append(correct[0] if correct else None)

    @property
    def logits(self) -> Float32:
        """The logits of all predictions (M, classes)."""
        return np.concatenate(self.logits_by_fold)

    @property
    def labels(self) -> Labels:
        """The label of each prediction (M,)."""
        return self.plan.splits["train"].labels[np.concatenate(self.rows)]

    @property
    def correct(self) -> Bool:
        """Which predictions (M,) are right."""
        return np.asarray(self.logits.argmax(axis=1) == self.labels)

    @property
    def scores(self) -> Scores:
        return scores_from_logits(self.plan.classes, self.logits, self.labels, self.plan.repeats)

    def group_accuracies(self) -> dict[str, float]:
        """The accuracy of each group over all repeats, as far as its folds were trained."""
        if self.plan.groups is None:
            return {}
        names, number = np.unique(self.plan.groups, return_inverse=True)
        number = number[np.concatenate(self.rows)]
        hits = np.bincount(number, self.correct, minlength=len(names))
        counts = np.bincount(number, minlength=len(names))
        measured = counts > 0
        accuracies = hits[measured] / counts[measured]
        return dict(zip(names[measured].tolist(), accuracies.tolist(), strict=True))

    def linear(self, model: str) -> LinearBaseline | None:
        """The linear model on the examples of the first repeat."""
        measured = [correct for correct in self.linear_correct if correct is not None]
        if not measured or len(measured) < len(self.linear_correct):
            return None
        linear = np.concatenate(measured)
        return LinearBaseline.of(model, self.correct[: len(linear)], linear)


def cross_validate(
    plan: TrainingPlan,
    linear: Candidate | None,
    on_progress: OnProgress | None,
    threads: int | None,
) -> FoldResults:
    """Train the folds of a plan, and the linear model for each fold of the first repeat. Ranks
    share the folds."""
    runs, results = _FoldRuns(plan, linear), FoldResults(plan)
    for run, found in enumerate(run_jobs(plan.fold_runs, runs.train, on_progress, threads)):
        if found:
            results.add(found, has_linear=linear is not None and run < plan.folds)
    return results


@dataclass(frozen=True)
class _FoldRuns:
    """Trains nets, each without one fold."""

    plan: TrainingPlan
    linear: Candidate | None

    def train(
        self, runs: Sequence[int], on_progress: OnProgress | None, threads: int | None
    ) -> Iterator[JobResult]:
        """For each run, the rows of the held-out examples, their logits, and which of them the
        linear model gets right, if it is measured and does not diverge. Nothing for an empty
        fold."""
        plan, correct = self.plan, list[Bool]()
        for run in runs:
            right = 100 * float(np.concatenate(correct).mean()) if correct else None
            so_far = "" if right is None else f", {right:.1f} % right so far"
            report = in_turn(on_progress, STAGE, run, plan.fold_runs, _title(plan, run) + so_far)
            found = self._train(run, report, threads)
            if found:
                labels = plan.splits["train"].labels[found[0]]
                correct.append(np.asarray(found[1].argmax(axis=1) == labels))
            yield found

    def _train(self, run: int, report: OnProgress | None, threads: int | None) -> list[Array]:
        plan, part, recipe = self.plan, self.plan.splits["train"], self.plan.config.recipe
        repeat, number = divmod(run, plan.folds)
        fold = assign_folds(
            part.labels, recipe.seed, repeat, plan.folds, plan.groups, part.recordings
        )
        out = fold == number
        if not out.any():
            return []
        net, training, held_out = plan.network(), part.where(~out), part.where(out & part.is_first)
        batch = without_small_rest(recipe.batch_size, len(training.labels))
        train(net, training.inputs, training.labels, replace(recipe, batch_size=batch), None,
              report, threads, keep_digests=False)  # fmt: skip
        found: list[Array] = [
            np.flatnonzero(out & part.is_first),
            net.logits(held_out.inputs, threads),
        ]
        if self.linear and repeat == 0:
            predictions = linear_predictions(
                self.linear, training, [held_out], plan.classes, plan.preprocessor, threads
            )
            found += [np.asarray(one == held_out.labels) for one in predictions or ()]
        return found


def _title(plan: TrainingPlan, run: int) -> str:
    repeat, number = divmod(run, plan.folds)
    title = f"fold {number + 1} of {min(plan.folds, plan.fold_runs)}"
    return f"{title}, repeat {repeat + 1} of {plan.repeats}" if plan.repeats > 1 else title
