"""Hyperparameter search: `tune` tries layers and recipes, and trains the best."""

from __future__ import annotations

import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.constraints import Integer, Real, checked
from ..core.errors import DataError, LimitError
from ..core.plain_values import PlainRecord
from ..core.progress import OnProgress, in_turn
from ..data.dataset import Dataset, as_dataset
from ..training.candidates import Candidate, TrainingTask
from ..training.effort import FOLDS
from ..training.experiment import TrainingResult, run_training
from ..training.plan import TrainingPlan, plan_training
from ..training.rank_jobs import JobResult, of_first_rank, rank_count, run_jobs
from ..training.trials import STAGE
from .search_space import SearchSpace
from .trial_run import TrialScore, run_trial

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

TRIALS = Integer(1, 100_000)
SECONDS = Real(0, 1e9)
DEFAULT_TRIALS, DEFAULT_STUDY = 30, "piecewise"
FEWEST_FOR_IMPORTANCES = 10
"""Complete trials, at least, to say what matters."""


@dataclass(frozen=True)
class TunedTrial(PlainRecord):
    """A finished trial: its number from 1, its values, its layers, and its score; None if it was
    stopped early."""

    number: int
    values: dict[str, Any]
    layers: str
    loss: float | None
    accuracy: float | None
    n: int


@dataclass
class TuningResult:
    """The trained network with its scores, the trials, and the importance of each
    hyperparameter."""

    training: TrainingResult
    best: TunedTrial
    trials: list[TunedTrial] = field(default_factory=list)
    importances: dict[str, float] = field(default_factory=dict)
    """The fraction of the loss's variance that each hyperparameter explains; empty for few
    trials."""

    @property
    def complete(self) -> list[TunedTrial]:
        """The trials that were not stopped early."""
        return [one for one in self.trials if one.loss is not None]


FEW_EXAMPLES = 500
"""With fewer examples of each class, trials are measured in folds."""
OnTrial = Callable[[TunedTrial], None]
"""Called after each trial with it and the number of finished trials of the study."""


def tune(
    data: Dataset | str | os.PathLike[str],
    trials: int = DEFAULT_TRIALS,
    seconds: float | None = None,
    *,
    storage: str = "tuning.db",
    study: str = DEFAULT_STUDY,
    seed: int = 0,
    on_progress: OnProgress | None = None,
    on_trial: OnTrial | None = None,
    threads: int | None = None,
    **options: Any,
) -> TuningResult:
    """Try layers and hyperparameters, and train the net that is best on held-out examples.

    The first trials are the default nets. Each trial is measured on the validation split, or in
    folds if there is none and each class has fewer than 500 examples; trials that are worse than
    most others are stopped early. The test split is used only at the end, for the net that is
    returned. The trials are kept in ``storage``: the same call resumes where the last one stopped,
    and several processes may work on one study. Needs the extra ``tune``.

    Parameters
    ----------
    data : Dataset or path
        A path is read with the defaults of `read_data`.
    trials : int
        The number of finished trials in the study after which the best net is trained.
    seconds : float, optional
        No trial begins after this time.
    storage : str
        The file of an SQLite database, a journal file (``.log``), or the URL of a database.
    study : str
        The name of the study in the storage.
    seed : int
        One process gets the same trials for the same seed.
    on_progress : callable, optional
        Called with a `Progress`; the stages are "trials", "training" and "folds".
    on_trial : callable, optional
        Called after each trial.
    threads : int, optional
        As for `train`; the results do not depend on it.
    **options
        ``layers``, ``effort``, ``folds`` and hyperparameters, as for `plan_training`. Those that
        are set are not searched.

    Returns
    -------
    TuningResult

    Raises
    ------
    DataError
        If the data or the study cannot be used, or no trial is complete.
    LimitError, NotationError
        As `plan_training`.

    Examples
    --------
    >>> import numpy as np, piecewise as pw
    >>> xo = pw.make_xo(60, size=9, seed=0)
    >>> data = pw.Dataset(xo.inputs, xo.labels, ("X", "O"), np.full(60, "train"), xo.preprocessor)
    >>> result = pw.tune(data, trials=2, storage="xo.db", epochs=2)  # doctest: +SKIP
    """
    from .study import finished_trials, open_study  # noqa: PLC0415 - loads Optuna

    checked("trials", TRIALS, trials)
    if seconds is not None:
        checked("seconds", SECONDS, seconds)
    name = "data" if isinstance(data, Dataset) else str(data)
    dataset = as_dataset(data, on_progress)
    plan = plan_training(dataset, name, seed=seed, **_with_folds(dataset, options))
    if not plan.folds and "validation" not in plan.splits:
        raise LimitError(f"{name}: there is nothing to measure trials on; wanted a validation "
                         "split or folds")  # fmt: skip
    space = SearchSpace(_task(plan, {**options, "seed": seed}), plan.candidates)
    opened = open_study(storage, study, _digest(dataset, options))
    search = _Search(plan, space, opened, seed, on_progress, threads)
    search.run_on_ranks(trials, seconds, on_trial)
    rows = [_row(one) for one in finished_trials(opened)]
    known = of_first_rank([one.number for one in rows])  # other processes may go on
    rows = [one for one in rows if one.number in known]
    best = _best(rows)
    candidate = space.suggest(_Fixed(best.values))
    training = run_training(_final(plan, candidate), on_progress, threads=threads)
    importances = _importances(opened)
    training.net.training_summary["tuning"] = {
        "trials": len(rows), "best": best.to_json(), "importances": importances,
    }  # fmt: skip
    return TuningResult(training, best, rows, importances)


@dataclass
class _Search:
    """Runs the trials of a study one after another."""

    plan: TrainingPlan
    space: SearchSpace
    study: optuna.Study
    seed: int
    on_progress: OnProgress | None
    threads: int | None

    def run_on_ranks(self, trials: int, seconds: float | None, on_trial: OnTrial | None) -> None:
        """The same on all ranks, each of which runs trials of its own; rank 0 reports."""

        def compute(
            own: Sequence[int], report: OnProgress | None, threads: int | None
        ) -> Iterator[JobResult]:
            alone = replace(self, on_progress=report, threads=threads)
            for rank in own:
                alone.run(trials, seconds, None if rank else on_trial)
                yield ()

        run_jobs(rank_count(), compute, self.on_progress, self.threads)

    def run(self, trials: int, seconds: float | None, on_trial: OnTrial | None) -> None:
        """Run trials until the study has enough of them, or the time is over."""
        from .study import finished_trials  # noqa: PLC0415

        began = time.monotonic()
        while (done := len(finished_trials(self.study))) < trials:
            if seconds is not None and time.monotonic() - began > seconds:
                return
            found = self._run_next(done, trials)
            if on_trial is not None:
                on_trial(found)

    def _run_next(self, done: int, of: int) -> TunedTrial:
        from optuna.exceptions import TrialPruned  # noqa: PLC0415
        from optuna.trial import TrialState  # noqa: PLC0415

        from .study import next_trial  # noqa: PLC0415

        trial = next_trial(self.study, self.seed, self.space.defaults())
        try:
            candidate = self.space.suggest(trial)
            trial.set_user_attr("layers", candidate.layers)
            score = run_trial(self.plan, candidate, _reporter(trial),
                              _overall(self.on_progress, done, of), self.threads)  # fmt: skip
        except TrialPruned:
            score = None
        except BaseException:
            self.study.tell(trial, state=TrialState.FAIL)
            raise
        if score is None:
            self.study.tell(trial, state=TrialState.PRUNED)
        else:
            for key, value in (("accuracy", score.accuracy), ("n", score.n)):
                trial.set_user_attr(key, value)
            self.study.tell(trial, score.loss)
        return _tuned(trial.number, trial.params, candidate.layers, score)


@dataclass(frozen=True)
class _Fixed:
    """Suggests the values of a finished trial again."""

    values: dict[str, Any]

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self.values[name]

    def suggest_int(self, name: str, low: int, high: int) -> int:
        return int(self.values[name])

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return float(self.values[name])


def _with_folds(data: Dataset, options: dict[str, Any]) -> dict[str, Any]:
    """The options, with folds for few examples without a validation split of their own."""
    labels = data.labels[data.splits == "train"]
    is_small = len(labels) and int(np.bincount(labels).max()) < FEW_EXAMPLES
    if "folds" in options or (data.splits == "validation").any() or not is_small:
        return options
    return {"folds": FOLDS, **options}


def _task(plan: TrainingPlan, options: dict[str, Any]) -> TrainingTask:
    """The task of a trial: it may take the work of the default net."""
    chosen = {key: value for key, value in options.items() if key not in ("effort", "folds")}
    work = plan.cost_of(plan.candidates[0])
    return TrainingTask(
        plan.splits["train"], plan.preprocessor, len(plan.classes), plan.effort, work, chosen
    )


def _final(plan: TrainingPlan, candidate: Candidate) -> TrainingPlan:
    """The plan that trains the best candidate."""
    return replace(plan, candidates=(candidate,)).of_candidate(candidate)


def _digest(data: Dataset, options: dict[str, Any]) -> str:
    """What the trials are about: the examples, and the options."""
    digest = hashlib.sha256(json.dumps(options, sort_keys=True, default=str).encode())
    for array in (data.inputs, data.labels, np.asarray(data.splits, np.str_)):
        digest.update(np.ascontiguousarray(array).data)
    digest.update(json.dumps([data.preprocessor.to_json(), list(data.classes)]).encode())
    return digest.hexdigest()


def _reporter(trial: optuna.Trial) -> Callable[[int, float], None]:
    """Tells the study how a trial does, and stops it if most others did better."""
    from optuna.exceptions import TrialPruned  # noqa: PLC0415

    def report(step: int, loss: float) -> None:
        trial.report(loss, step)
        if trial.should_prune():
            raise TrialPruned

    return report


def _overall(on_progress: OnProgress | None, done: int, of: int) -> OnProgress | None:
    """A callback for one of the trials: it reports the progress of all."""
    return in_turn(on_progress, STAGE, done, of, f"trial {done + 1} of {of}")


def _best(trials: Sequence[TunedTrial]) -> TunedTrial:
    """The trial with the smallest loss, the first of equal ones; DataError if none is complete."""
    complete = [(one.loss, one.number, one) for one in trials if one.loss is not None]
    if not complete:
        raise DataError("no trial is complete yet; allow more of them, or more time")
    return min(complete)[2]


def _row(trial: FrozenTrial) -> TunedTrial:
    """A finished trial of a study."""
    attributes, score = trial.user_attrs, None
    if trial.value is not None and "n" in attributes:
        score = TrialScore(trial.value, attributes["accuracy"], attributes["n"])
    return _tuned(trial.number, trial.params, attributes.get("layers", ""), score)


def _tuned(
    number: int, values: dict[str, Any], layers: str, score: TrialScore | None
) -> TunedTrial:
    if score is None:
        return TunedTrial(number + 1, values, layers, None, None, 0)
    return TunedTrial(number + 1, values, layers, score.loss, score.accuracy, score.n)


def _importances(study: optuna.Study) -> dict[str, float]:
    """How much each value that all trials have matters for the loss, as PED-ANOVA measures it
    (Watanabe, Bansal, Hutter 2023)."""
    from optuna.importance import (  # noqa: PLC0415
        PedAnovaImportanceEvaluator,
        get_param_importances,
    )
    from optuna.trial import TrialState  # noqa: PLC0415

    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < FEWEST_FOR_IMPORTANCES:
        return {}
    common = set.intersection(*(set(trial.params) for trial in complete))
    names = [name for name in complete[0].params if name in common]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an experimental part of Optuna
        evaluator = PedAnovaImportanceEvaluator()
        found = get_param_importances(study, evaluator=evaluator, params=names)
    return {name: round(value, 4) for name, value in found.items()}
