"""A training experiment: try the candidates, train the net, and measure it on held-out examples."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..core.array_types import Bool, Float32, Labels
from ..core.errors import LimitError, TrainingError, shown
from ..core.progress import OnProgress
from ..data.dataset import Dataset, as_dataset
from ..network import Network
from .calibrate import calibrate
from .candidates import Candidate, TrainingTask, linear_candidate
from .cross_validation import FoldResults, cross_validate
from .linear_baseline import LinearBaseline, linear_predictions
from .metrics import Scores, score_record, scores_from_logits
from .plan import TrainingPlan, plan_training
from .ranks import RankStoppedError
from .splits import Split, assign_folds
from .train import train
from .trials import run_trials


@dataclass
class TrainingResult:
    """The trained network, its scores by split ("folds", "validation", "test"), and the seconds of
    each stage."""

    net: Network
    scores: dict[str, Scores] = field(default_factory=dict)
    groups: dict[str, float] = field(default_factory=dict)
    """The accuracy of each group, by networks that were not trained on it."""
    seconds: dict[str, float] = field(default_factory=dict)
    fold_error: str = ""
    """Why there is no score of folds, if the training of one diverged."""
    linear: dict[str, LinearBaseline] = field(default_factory=dict)
    """By split: the scores of a linear model on the same examples, if there is one."""

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds of a stage."""
        began = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - began


def choose_by_trial(
    plan: TrainingPlan, on_progress: OnProgress | None = None, *, threads: int | None = None
) -> TrainingPlan:
    """Try the candidates of a plan, and return a plan with the best one.

    Each is trained briefly on the training split and measured on the validation split; with folds,
    it is trained without the first fold and measured on that fold. A plan with one candidate, or
    whose trials have run, is returned unchanged.

    Parameters
    ----------
    plan : TrainingPlan
        As `plan_training` returns it.
    on_progress : callable, optional
        Called with a `Progress`; the stage is "trials".
    threads : int, optional
        As for `train`; the choice does not depend on it.

    Returns
    -------
    TrainingPlan
        Its ``trials`` hold the results.

    Examples
    --------
    >>> import numpy as np, piecewise as pw
    >>> xo = pw.make_xo(60, size=9, seed=0)
    >>> data = pw.Dataset(xo.inputs, xo.labels, ("X", "O"), np.full(60, "train"), xo.preprocessor)
    >>> plan = pw.plan_training(data, layers="full", epochs=3)
    >>> pw.choose_by_trial(plan).trials              # there is nothing to choose
    ()
    """
    if len(plan.candidates) < 2 or plan.trials:
        return plan
    training, held_out = plan.splits["train"], plan.splits.get("validation")
    if held_out is None:
        seed = plan.config.recipe.seed
        recordings = training.recordings
        out = assign_folds(training.labels, seed, 0, plan.folds, plan.groups, recordings) == 0
        training, held_out = training.where(~out), training.where(out & training.is_first)
    return plan.after_trials(
        run_trials(
            plan.candidates, training, held_out, plan.classes, plan.preprocessor,
            plan.trial_work, on_progress, threads,
        )
    )  # fmt: skip


def run_training(
    plan: TrainingPlan | Dataset | str | os.PathLike[str],
    on_progress: OnProgress | None = None,
    *,
    net: Network | None = None,
    threads: int | None = None,
    run_dir: str | os.PathLike[str] | None = None,
    tensorboard: bool = False,
) -> TrainingResult:
    """Train the network of a plan, calibrate it on held-out examples, and evaluate it.

    First the trials run (see `choose_by_trial`), then the network is trained, then the folds. So
    Ctrl-C in the folds leaves a trained network in ``net``, without scores. Ctrl-C raises
    KeyboardInterrupt; ``net`` then has the parameters of its last complete step.

    Parameters
    ----------
    plan : TrainingPlan, Dataset or path
        Data without a plan get that of `plan_training` with its defaults.
    on_progress : callable, optional
        Called with a `Progress`; the stages are "trials", "training" and "folds".
    net : Network, optional
        The network to train, as `TrainingPlan.network` returns it. With it, no trials run.
    threads, run_dir, tensorboard
        See `train`. Trials and folds are not saved in ``run_dir``; a resumed run repeats them, with
        the same results.

    Returns
    -------
    TrainingResult

    Raises
    ------
    CheckpointError, TrainingError
        As `train`.
    DataError, LimitError, NotationError
        As `plan_training`, if data have no plan.

    Examples
    --------
    >>> import numpy as np, piecewise as pw
    >>> xo = pw.make_xo(60, size=9, seed=0)
    >>> data = pw.Dataset(xo.inputs, xo.labels, ("X", "O"), np.full(60, "train"), xo.preprocessor)
    >>> result = pw.run_training(pw.plan_training(data, layers="full", epochs=3, folds=0))
    >>> list(result.scores)
    ['validation']
    """
    if not isinstance(plan, TrainingPlan):
        name = "data" if isinstance(plan, Dataset) else str(plan)
        plan = plan_training(as_dataset(plan, on_progress), name)
    began = time.perf_counter()
    if net is None:
        plan = choose_by_trial(plan, on_progress, threads=threads)
    result = TrainingResult(net or plan.network())
    if plan.trials and net is None:
        result.seconds["trials"] = time.perf_counter() - began
    if (result.net.input, result.net.classes) != (plan.preprocessor.shape, plan.classes):
        raise LimitError(f"net: got {shown(result.net, 120)}, wanted one for the plan's inputs")
    try:
        with result.timed("training"):
            part, validation = plan.splits["train"], plan.splits.get("validation")
            train(
                result.net, part.inputs, part.labels, plan.config.recipe,
                validation and (validation.inputs, validation.labels), on_progress, threads,
                run_dir=run_dir, tensorboard=tensorboard,
            )  # fmt: skip
        _measure(plan, result, on_progress, threads)
    finally:
        result.net.training_summary = _summary(plan, result)
    return result


def _measure(
    plan: TrainingPlan,
    result: TrainingResult,
    on_progress: OnProgress | None,
    threads: int | None,
) -> None:
    """Calibrate the trained network and compute all scores."""
    linear = _linear_candidate(plan)
    if plan.folds:
        with result.timed("folds"):
            try:
                folds = cross_validate(plan, linear, on_progress, threads)
            except RankStoppedError:
                raise
            except TrainingError as error:  # the net itself is trained
                result.fold_error = str(error)
            else:
                _add_folds(result, folds, plan.repeats, linear)
    with result.timed("measuring"):
        correct: dict[str, Bool] = {}
        for name in ("validation", "test"):
            if name in plan.splits:
                logits, labels = _logits(result.net, plan.splits[name])
                result.scores[name] = scores_from_logits(result.net.classes, logits, labels)
                correct[name] = logits.argmax(axis=1) == labels
                if name == "validation":
                    result.net.calibration = calibrate(logits, labels)
        if linear and correct:
            splits = {name: plan.splits[name] for name in correct}
            _add_linear(plan, result, linear, splits, correct, threads)


def _add_folds(
    result: TrainingResult, folds: FoldResults, repeats: int, linear: Candidate | None
) -> None:
    """Add the scores of the folds, and calibrate the network by their logits."""
    result.scores["folds"], result.groups = folds.scores, folds.group_accuracies()
    result.net.calibration = calibrate(folds.logits, folds.labels, repeats)
    if linear and (baseline := folds.linear(linear.name)):
        result.linear["folds"] = baseline


def _logits(net: Network, split: Split) -> tuple[Float32, Labels]:
    return net.logits(split.inputs), split.labels


def _linear_candidate(plan: TrainingPlan) -> Candidate | None:
    """The linear model to compare with, which gets an equal share of the work for each fold; None
    if the network itself is this model."""
    nets = max(1, min(plan.fold_runs, plan.folds))
    task = TrainingTask(
        plan.splits["train"],
        plan.preprocessor,
        len(plan.classes),
        plan.effort,
        plan.linear_work / nets,
        {"seed": plan.config.recipe.seed},
    )
    linear = linear_candidate(task)
    return None if linear and linear.layers == plan.config.layers else linear


def _add_linear(
    plan: TrainingPlan,
    result: TrainingResult,
    linear: Candidate,
    splits: dict[str, Split],
    correct: dict[str, Bool],
    threads: int | None,
) -> None:
    """Compare the network with the linear model on the validation and test splits."""
    predictions = linear_predictions(
        linear, plan.splits["train"], list(splits.values()), plan.classes, plan.preprocessor,
        threads,
    )  # fmt: skip
    for (name, split), predicted in zip(splits.items(), predictions or [], strict=False):
        baseline = LinearBaseline.of(linear.name, correct[name], predicted == split.labels)
        result.linear[name] = baseline


def _summary(plan: TrainingPlan, result: TrainingResult) -> dict[str, Any]:
    """What the model file keeps: the network that it started from, the trials, and the scores as
    far as they are known."""
    start = plan.start and {
        "parameters_sha256": plan.start.parameters_sha256,
        "classes": list(plan.start.classes),
        "seen": plan.seen_by_start,
    }
    return {
        "start": start,
        "effort": plan.effort,
        "trials": [trial.to_json() for trial in plan.trials],
        "scores": {
            name: score_record(score.accuracy, score.interval, score.n, score.baseline)
            for name, score in result.scores.items()
        },
        "linear": {name: baseline.to_json() for name, baseline in result.linear.items()},
    }
