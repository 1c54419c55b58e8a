"""A training plan: the splits of the data, the candidates to try, and the work of each stage."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

import numpy as np

from ..core.constraints import checked
from ..core.errors import DataError, LimitError, shown
from ..data.dataset import Dataset, as_dataset
from ..data.preprocessing import Preprocessor
from ..network import Network
from ..spec.architecture import Architecture
from ..spec.frozen_layers import frozen_part
from .candidates import Candidate, TrainingTask, candidates_for
from .defaults import TrainingConfig
from .effort import (
    CHEAP_TRIALS,
    EFFORT,
    EFFORTS,
    LINEAR,
    MIN_FOLDS,
    TRIALS,
    cost_per_example,
    fold_runs,
    net_work,
)
from .fold_count import default_folds, fold_count
from .knob_checks import check_knobs_apply
from .recipe import Recipe, check_knob_names
from .splits import Groups, Split, validation_mask
from .transfer import data_for, next_candidate, seen_held_out, unseen
from .trials import TrialResult


@dataclass(frozen=True)
class TrainingPlan:
    """The splits of the data, the layers and recipe, and the number of folds (0: none)."""

    classes: tuple[str, ...]
    preprocessor: Preprocessor
    splits: dict[str, Split]
    """"train", and "validation" and "test" if the data have them."""
    config: TrainingConfig
    """The layers and the recipe: those of the first candidate until the trials have run."""
    folds: int
    groups: Groups = None
    """The group of each training example, if the data have groups."""
    effort: str = "normal"
    candidates: tuple[Candidate, ...] = ()
    """The candidates of the trials; with a single one there are no trials."""
    trials: tuple[TrialResult, ...] = ()
    """The results of the trials, when they have run."""
    folds_requested: bool = False
    """Whether the user set the number of folds."""
    start: Network | None = None
    """The trained network to start from, if any."""
    seen_by_start: dict[str, int] = field(default_factory=dict)
    """By split: the number of held-out examples that the network to start from was trained on."""

    def __repr__(self) -> str:
        splits = {name: len(split.labels) for name, split in self.splits.items()}
        return (
            f'TrainingPlan("{self.config.layers}", epochs={self.config.recipe.epochs}, '
            f"splits={splits}, candidates={len(self.candidates)}, folds={self.folds}, "
            f"effort={self.effort!r})"
        )

    @property
    def work(self) -> float:
        """The largest work of all stages together."""
        level = EFFORTS[self.effort]
        return level.folds_work if self.folds else level.work

    @property
    def trial_work(self) -> float:
        """The largest work of all trials together: never more than that of the net, except for
        texts, whose first candidate is much cheaper than the others."""
        if len(self.candidates) < 2:
            return 0.0
        least = CHEAP_TRIALS * self.work if self.preprocessor.modality == "texts" else 0.0
        return min(TRIALS * self.work, max(self._cost, least))

    @property
    def linear_work(self) -> float:
        """The largest work of all linear models together."""
        return LINEAR * self.work

    @property
    def _cost(self) -> float:
        """The work of the net."""
        return self.cost_of(Candidate.of("net", self.config))

    def cost_of(self, candidate: Candidate) -> float:
        """The work of training a candidate."""
        shape = (candidate.preprocessor or self.preprocessor).shape
        cost = cost_per_example(candidate.layers, shape, len(self.classes))
        return float(cost * len(self.splits["train"].labels) * candidate.recipe.epochs)

    @property
    def fold_runs(self) -> int:
        """How many folds are trained, over all repeats."""
        if not self.folds:
            return 0
        remaining = self.work - self.trial_work - self.linear_work - self._cost
        per_fold = self._cost * (1 - 1 / self.folds)
        group_per_fold = self.groups is not None and self.folds == len(np.unique(self.groups))
        runs = fold_runs(remaining, per_fold, self.folds, requested=self.folds_requested)
        if group_per_fold:  # repeats would be equal
            return min(runs, self.folds)
        # With a test split, the folds only choose and calibrate: a few of them are enough.
        has_test = "test" in self.splits and not self.folds_requested
        return min(runs, MIN_FOLDS) if has_test else runs

    @property
    def repeats(self) -> int:
        """How often each example is held out in the folds, at most."""
        return max(1, ceil(self.fold_runs / max(1, self.folds)))

    def network(self) -> Network:
        """The network before its training."""
        seed, shape = self.config.recipe.seed, self.preprocessor.shape
        if self.start is not None:
            return self.start.with_classes(self.classes, seed)
        return Network(self.config.layers, shape, self.classes, seed, self.preprocessor)

    def after_trials(self, trials: tuple[TrialResult, ...]) -> TrainingPlan:
        """The plan with the results of the trials and the chosen candidate."""
        chosen = next((one.candidate for one in trials if one.chosen), None)
        if chosen is None:
            return replace(self, trials=trials)
        return replace(self, trials=trials).of_candidate(chosen)

    def of_candidate(self, candidate: Candidate) -> TrainingPlan:
        """The plan with the layers, the recipe and the preprocessor of a candidate."""
        plan, preprocessor = replace(self, config=candidate.config), candidate.preprocessor
        if preprocessor is None:
            return plan
        splits = {name: part.prepared(preprocessor) for name, part in self.splits.items()}
        return replace(plan, preprocessor=preprocessor, splits=splits)


def plan_training(
    data: Dataset | str | os.PathLike[str],
    name: str | None = None,
    *,
    layers: str | None = None,
    effort: str = "normal",
    folds: int | str | None = None,
    start: Network | None = None,
    **knobs: Any,
) -> TrainingPlan:
    """Split the data and choose the candidates for layers and recipe; nothing is trained yet.

    The test split is used only for the final scores. Without a validation split, a fraction of each
    class is held out. If there is no test split either and some class has fewer than 200 examples,
    the data are cross-validated instead. So are up to 10,000 texts with a test split, and the net
    trains on all of them. Groups stay together.

    Parameters
    ----------
    data : Dataset or path
        A path is read with the defaults of `read_data`.
    name : str, optional
        The name of the data in error messages.
    layers : str, optional
        The layers; computed from the data (`training/defaults.py`) if left out.
    effort : {"quick", "normal", "thorough"}
        The largest work of the whole training: "quick" is about a sixth of "normal" (an eighth with
        folds), "thorough" is ten times as much.
    folds : int or "groups", optional
        The number of cross-validation folds, 0 for none; "groups" makes each group a fold. At most
        as many as the examples of the largest class, or the groups.
    start : Network, optional
        A trained network to start from. Its layers, preprocessor and parameters are used; see
        `Network.with_classes` for classes that it does not have. It is not changed.
    **knobs
        Hyperparameters of `Recipe`; those that you leave out are computed from the data.

    Returns
    -------
    TrainingPlan

    Raises
    ------
    DataError
        If the data cannot be read, or have fewer than two classes to train on.
    LimitError, NotationError
        If an option is not allowed, or has no effect on these data.

    Examples
    --------
    >>> import numpy as np, piecewise as pw
    >>> xo = pw.make_xo(60, size=9, seed=0)
    >>> data = pw.Dataset(xo.inputs, xo.labels, ("X", "O"), np.full(60, "train"), xo.preprocessor)
    >>> pw.plan_training(data, layers="full", epochs=3).folds
    5
    """
    if name is None:
        name = "data" if isinstance(data, Dataset) else str(data)
    effort = checked("effort", EFFORT, effort)
    data = _prepared(data, start, name, layers, knobs)
    parts, groups = _checked_splits(data, name)
    check_knob_names(knobs)
    if folds is None:
        count, requested = default_folds(parts, groups, len(data.classes), knobs), False
    else:
        count, requested = fold_count(folds, parts, groups, len(data.classes)), True
    chosen = knobs if layers is None else {"layers": layers, **knobs}
    level = EFFORTS[effort]
    if count:
        work = net_work((1 - LINEAR) * level.folds_work, count, requested=requested)
    else:
        work = level.work / _training_fraction(parts, chosen)
    task = TrainingTask(parts["train"], data.preprocessor, len(data.classes), effort, work, chosen)
    candidates = _candidates(task, data.classes, start)
    config = candidates[0].config
    recipes = [candidate.recipe for candidate in candidates]
    check_knobs_apply(knobs, recipes, data.preprocessor.modality, parts, folds=count)
    if not count:
        parts = _with_validation_split(parts, config.recipe, groups, start)
    _check_patience(config.recipe, parts)
    if not count and "validation" not in parts:
        candidates = candidates[:1]  # nothing could judge a trial
    plan = TrainingPlan(
        data.classes, data.preprocessor, parts, config, count, groups, effort, candidates, (),
        requested, start, {} if start is None else seen_held_out(start, parts, count),
    )  # fmt: skip
    return plan.of_candidate(candidates[0]) if len(candidates) == 1 else plan


def _prepared(
    data: Dataset | str | os.PathLike[str],
    start: Network | None,
    name: str,
    layers: str | None,
    knobs: dict[str, Any],
) -> Dataset:
    """The data, prepared for the network to start from, if there is one."""
    if start is None:
        if knobs.get("freeze_until") is not None:
            raise LimitError(
                f"freeze_until: got {shown(knobs['freeze_until'])} without a network to start "
                "from, whose layers it could freeze"
            )
        return as_dataset(data)
    if not isinstance(start, Network):
        raise LimitError(f"start: got {shown(start)}, wanted a network, as load returns it")
    if layers is not None:
        raise LimitError(
            "layers: cannot be set together with start, the network whose layers are used"
        )
    frozen_part(start.architecture, Recipe(freeze_until=knobs.get("freeze_until")).freeze_until)
    return data_for(start, as_dataset(data, preprocessor=start.preprocessor), name)


def _checked_splits(data: Dataset, name: str) -> tuple[dict[str, Split], Groups]:
    """The splits that are not empty, and the groups of the training split; DataError if a network
    cannot learn from it."""
    whole = Split(data.inputs, data.labels, data.texts, data.recordings)
    parts = {
        kind: whole.where((data.splits == kind) & (whole.is_first | (kind == "train")))
        for kind in ("train", "validation", "test")
    }
    labels = parts["train"].labels
    if not len(labels):
        raise DataError(f"{name}: every example is in the test split, wanted training examples")
    if len(np.unique(labels)) < 2:
        raise DataError(
            f"{name}: training examples of only one class, wanted 2 or more; give each class a "
            "folder, or a label, of its own"
        )
    groups = None if data.groups is None else data.groups[data.splits == "train"]
    if groups is not None and len(np.unique(groups)) < 2:
        raise DataError(f"{name}: groups: all training examples are of one group, wanted 2 or more")
    return {kind: part for kind, part in parts.items() if len(part.labels)}, groups


def _training_fraction(parts: dict[str, Split], chosen: dict[str, Any]) -> float:
    """The fraction of the training examples that stay there when a validation split is held out."""
    limit = Recipe.knob("validation_fraction")
    fraction = chosen.get("validation_fraction", Recipe().validation_fraction)
    fraction = checked("recipe: validation_fraction", limit, fraction)
    return 1.0 if "validation" in parts else 1 - float(fraction)


def _candidates(
    task: TrainingTask, classes: tuple[str, ...], start: Network | None
) -> tuple[Candidate, ...]:
    """The candidates; if there are several, the trials take a part of the work of the net."""
    if start is not None:
        return (next_candidate(task, start),)
    candidates = candidates_for(task)
    if len(candidates) > 1:
        candidates = candidates_for(replace(task, work=(1 - TRIALS) * task.work))
    for candidate in candidates:
        own = candidate.preprocessor or task.preprocessor
        architecture = Architecture(candidate.layers, own.shape, classes)
        if architecture.reads_texts and own.modality != "texts":
            raise LimitError("layers: got embed, which reads texts; wanted layers for images")
    return candidates


def _check_patience(recipe: Recipe, parts: dict[str, Split]) -> None:
    """LimitError if early stopping lacks a validation split."""
    if recipe.patience and "validation" not in parts:
        wanted = "a validation split, or `folds` 0 and `validation_fraction` above 0"
        raise LimitError(
            f"patience: got {recipe.patience}, but there is no validation split; wanted {wanted}"
        )


def _with_validation_split(
    parts: dict[str, Split], recipe: Recipe, groups: Groups, start: Network | None
) -> dict[str, Split]:
    """The splits with a validation split: if there is none, it is held out from training. Nothing
    is held out that the network to start from was trained on."""
    if "validation" in parts:
        return parts
    train_split = parts["train"]
    new = np.ones(len(train_split.labels), bool)
    if start is not None:
        new = unseen(start, train_split, groups)
    if not new.any():
        return parts
    out, recordings = np.zeros_like(new), train_split.recordings
    out[new] = validation_mask(
        train_split.labels[new],
        recipe.seed,
        recipe.validation_fraction,
        None if groups is None else groups[new],
        None if recordings is None else recordings[new],
    )
    if not out.any():
        return parts
    held_out = train_split.where(out & train_split.is_first)
    return {**parts, "train": train_split.where(~out), "validation": held_out}
