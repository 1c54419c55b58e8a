"""Cross-validation: networks that are trained as the final one is, each without one fold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..core.array_types import Bool, Float32, Int64, Labels
from ..core.progress import OnProgress, in_turn
from .candidates import Candidate
from .defaults import without_small_rest
from .linear_baseline import LinearBaseline, linear_predictions
from .metrics import Scores, scores_from_logits
from .plan import TrainingPlan
from .splits import Split, assign_folds
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
    """Train the folds of a plan, and the linear model for each fold of the first repeat."""
    results, part, runs = FoldResults(plan), plan.splits["train"], plan.fold_runs
    recipe, so_far = plan.config.recipe, ""
    for run in range(runs):
        repeat, number = divmod(run, plan.folds)
        fold = assign_folds(
            part.labels, recipe.seed, repeat, plan.folds, plan.groups, part.recordings
        )
        out = fold == number
        if not out.any():
            continue
        report = in_turn(on_progress, STAGE, run, runs, f"{_title(plan, run)}{so_far}")
        net, training, held_out = plan.network(), part.where(~out), part.where(out & part.is_first)
        batch = without_small_rest(recipe.batch_size, len(training.labels))
        train(net, training.inputs, training.labels, replace(recipe, batch_size=batch), None,
              report, threads, keep_digests=False)  # fmt: skip
        results.rows.append(np.flatnonzero(out & part.is_first))
        results.logits_by_fold.append(net.logits(held_out.inputs))
        if linear and repeat == 0:
            _add_linear(results, linear, training, held_out, threads)
        so_far = f", {100 * float(results.correct.mean()):.1f} % right so far"
    return results


def _title(plan: TrainingPlan, run: int) -> str:
    repeat, number = divmod(run, plan.folds)
    title = f"fold {number + 1} of {min(plan.folds, plan.fold_runs)}"
    return f"{title}, repeat {repeat + 1} of {plan.repeats}" if plan.repeats > 1 else title


def _add_linear(
    results: FoldResults,
    linear: Candidate,
    training: Split,
    held_out: Split,
    threads: int | None,
) -> None:
    plan = results.plan
    predictions = linear_predictions(
        linear, training, [held_out], plan.classes, plan.preprocessor, threads
    )
    correct = None if predictions is None else np.asarray(predictions[0] == held_out.labels)
    results.linear_correct.append(correct)
