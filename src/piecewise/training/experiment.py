"""A training experiment: split the data, train, calibrate and evaluate a network."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..core.array_types import Array, Bool, Float32, Labels
from ..core.constraints import Integer, checked, constraint_error
from ..core.errors import DataError, LimitError, shown
from ..core.progress import OnProgress, in_stage
from ..data.dataset import Dataset, as_dataset
from ..data.loading.subset import select_rows
from ..data.preprocessing import Preprocessor
from ..network import Network
from ..spec.architecture import Architecture
from .calibrate import calibrate
from .defaults import TrainingConfig, augmentation_for, default_config
from .metrics import Scores, evaluate, scores_from_logits
from .recipe import Recipe
from .splits import Groups, assign_folds, validation_mask
from .train import train

SMALL_CLASS = 200
"""With fewer examples of some class, cross-validation replaces the validation split."""
FOLDS, REPEATS = 5, 2


class FoldCount(Integer):
    """The number of cross-validation folds. One fold would leave nothing to train on."""

    @property
    def description(self) -> str:
        return f"0, or a whole number from 2 to {self.high:,}"

    def check(self, value: object) -> int | None:
        checked_value = super().check(value)
        if checked_value == 1:
            raise constraint_error(value, self)
        return checked_value


FOLD_COUNTS = FoldCount(0, 1_000)


class Split(NamedTuple):
    """Inputs (N, C, H, W) and class numbers (N,)."""

    inputs: Array
    labels: Labels

    def where(self, mask: Bool) -> Split:
        """The examples where ``mask`` (N,) is True."""
        return Split(select_rows(self.inputs, mask), self.labels[mask])


@dataclass(frozen=True)
class TrainingPlan:
    """The splits of the data, the layers and recipe, and the number of folds (0: none)."""

    classes: tuple[str, ...]
    preprocessor: Preprocessor
    splits: dict[str, Split]
    """"train", and "validation" and "test" if the data have them."""
    config: TrainingConfig
    folds: int
    groups: Groups = None
    """The group of each training example, if the data have groups."""

    @property
    def repeats(self) -> int:
        """The repeats of cross-validation: 1 if each group is a fold, as repeats would be equal."""
        group_per_fold = self.groups is not None and self.folds == len(np.unique(self.groups))
        return 1 if group_per_fold else REPEATS

    def network(self) -> Network:
        """The untrained network."""
        seed, shape = self.config.recipe.seed, self.preprocessor.shape
        return Network(self.config.layers, shape, self.classes, seed, self.preprocessor)


@dataclass
class TrainingResult:
    """The trained network, its scores by split ("folds", "validation", "test"), and the seconds of
    each stage."""

    net: Network
    scores: dict[str, Scores] = field(default_factory=dict)
    groups: dict[str, float] = field(default_factory=dict)
    """The accuracy of each group, by networks that were not trained on it."""
    seconds: dict[str, float] = field(default_factory=dict)


def plan_training(
    data: Dataset | str | os.PathLike[str],
    name: str | None = None,
    *,
    layers: str | None = None,
    quick: bool = False,
    folds: int | str | None = None,
    **knobs: Any,
) -> TrainingPlan:
    """Split the data and choose layers and recipe; nothing is trained yet.

    The test split is used only for the final scores. Without a validation split, a fraction of each
    class is held out. If there is no test split either and some class has fewer than 200 examples,
    the data are cross-validated instead. Groups stay together.

    Parameters
    ----------
    data : Dataset or path
        A path is read with the defaults of `read_data`.
    name : str, optional
        The name of the data in error messages.
    layers : str, optional
        The layers; computed from the data (`training/defaults.py`) if left out.
    quick : bool
        Whether to choose layers and a recipe that take about an eighth of the time.
    folds : int or "groups", optional
        The number of cross-validation folds, 0 for none; "groups" makes each group a fold.
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
        If an option is not allowed.

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
    data = as_dataset(data)
    parts, groups = _checked_splits(data, name)
    count = _fold_count(folds, parts, groups, len(data.classes))
    plan = _choose_config(data, parts["train"], layers=layers, quick=quick, **knobs)
    if not count:
        parts = _with_validation_split(parts, plan.recipe, groups)
    if plan.recipe.patience and "validation" not in parts:
        wanted = "a validation split, or folds 0 and validation_fraction above 0"
        raise LimitError(
            f"patience: got {plan.recipe.patience}, but there is no validation split; "
            f"wanted {wanted}"
        )
    return TrainingPlan(data.classes, data.preprocessor, parts, plan, count, groups)


def _checked_splits(data: Dataset, name: str) -> tuple[dict[str, Split], Groups]:
    """The splits that are not empty, and the groups of the training split; DataError if a network
    cannot learn from it."""
    parts = {kind: Split(*data.subset(kind)) for kind in ("train", "validation", "test")}
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


def _fold_count(folds: object, parts: dict[str, Split], groups: Groups, classes: int) -> int:
    """The number of folds: at most the examples of a class, or the groups; 0 for no folds."""
    counts = np.bincount(parts["train"].labels, minlength=classes)
    most = int(counts.max()) if groups is None else len(np.unique(groups))
    if folds is None:
        folds = FOLDS if int(counts.min()) < SMALL_CLASS and len(parts) == 1 else 0
    if folds == "groups":
        if groups is None:
            raise LimitError("folds: got 'groups', but the data have none; wanted a number")
        folds = most
    count: int = min(checked("folds", FOLD_COUNTS, folds), most)
    return count if count > 1 else 0


def _choose_config(data: Dataset, train_split: Split, **chosen: Any) -> TrainingConfig:
    """Layers and recipe: those chosen by the caller, and defaults computed from the data."""
    preprocessor = data.preprocessor
    chosen = {"augmentation": augmentation_for(train_split.inputs, preprocessor), **chosen}
    count = len(train_split.labels)
    plan = default_config(preprocessor.kind, preprocessor.shape, len(data.classes), count, **chosen)
    architecture = Architecture(plan.layers, preprocessor.shape, data.classes)
    if architecture.reads_texts and preprocessor.modality != "texts":
        raise LimitError("layers: got embed, which reads texts; wanted layers for images")
    return plan


def _with_validation_split(
    parts: dict[str, Split], recipe: Recipe, groups: Groups
) -> dict[str, Split]:
    """The splits with a validation split: if there is none, it is held out from training."""
    if "validation" in parts:
        return parts
    train_split = parts["train"]
    out = validation_mask(train_split.labels, recipe.seed, recipe.validation_fraction, groups)
    if not out.any():
        return parts
    return {**parts, "train": train_split.where(~out), "validation": train_split.where(out)}


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

    Ctrl-C raises KeyboardInterrupt; ``net`` then has the parameters of its last complete step.

    Parameters
    ----------
    plan : TrainingPlan, Dataset or path
        Data without a plan get that of `plan_training` with its defaults.
    on_progress : callable, optional
        Called with a `Progress`; the stages are "fold 1 of 5, repeat 1 of 2" and
        so on, then "training".
    net : Network, optional
        The network to train, as `TrainingPlan.network` returns it.
    threads, run_dir, tensorboard
        See `train`. Folds are not saved in ``run_dir``; a resumed run repeats them.

    Returns
    -------
    TrainingResult

    Raises
    ------
    DataError, LimitError, NotationError
        As `plan_training`.
    CheckpointError, TrainingError
        As `train`.

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
    result, clock = TrainingResult(net or plan.network()), time.perf_counter()
    if (result.net.input, result.net.classes) != (plan.preprocessor.shape, plan.classes):
        raise LimitError(f"net: got {shown(result.net, 120)}, wanted one for the plan's inputs")
    logits, labels = None, None
    if plan.folds:
        logits, labels = _cross_validate(plan, on_progress, threads)
        result.scores["folds"] = scores_from_logits(
            result.net.classes, logits, labels, plan.repeats
        )
        result.groups = _group_accuracies(plan, logits.argmax(axis=1) == labels)
        clock = _record_seconds(result, "folds", clock)
    validation = plan.splits.get("validation")
    recipe, part = plan.config.recipe, plan.splits["train"]
    train(
        result.net, *part, recipe, validation, on_progress, threads,
        run_dir=run_dir, tensorboard=tensorboard,
    )  # fmt: skip
    clock = _record_seconds(result, "training", clock)
    if validation:
        logits, labels = result.net.logits(validation.inputs), validation.labels
        result.scores["validation"] = scores_from_logits(result.net.classes, logits, labels)
    if logits is not None and labels is not None:
        result.net.calibration = calibrate(logits, labels, plan.repeats if plan.folds else 1)
    if "test" in plan.splits:
        result.scores["test"] = evaluate(result.net, *plan.splits["test"])
    _record_seconds(result, "measuring", clock)
    return result


def _record_seconds(result: TrainingResult, name: str, began: float) -> float:
    now = time.perf_counter()
    result.seconds[name] = now - began
    return now


def _cross_validate(
    plan: TrainingPlan, on_progress: OnProgress | None, threads: int | None
) -> tuple[Float32, Labels]:
    """The out-of-fold logits of every example, once for each repeat, and the labels."""
    part = plan.splits["train"]
    labels = part.labels
    logits = np.empty((plan.repeats, len(labels), len(plan.classes)), np.float32)
    recipe = plan.config.recipe
    for repeat in range(plan.repeats):
        fold = assign_folds(labels, recipe.seed, repeat, plan.folds, plan.groups)
        for number in range(plan.folds):
            out = fold == number
            title = f"fold {number + 1} of {plan.folds}"
            if plan.repeats > 1:
                title += f", repeat {repeat + 1} of {plan.repeats}"
            net = plan.network()
            train(net, *part.where(~out), recipe, None, in_stage(on_progress, title), threads)
            logits[repeat, out] = net.logits(part.where(out).inputs)
    return logits.reshape(-1, logits.shape[2]), np.tile(labels, plan.repeats)


def _group_accuracies(plan: TrainingPlan, correct: Bool) -> dict[str, float]:
    """The accuracy of each group over all repeats."""
    if plan.groups is None:
        return {}
    names, number = np.unique(plan.groups, return_inverse=True)
    hits = np.bincount(np.tile(number, plan.repeats), correct)
    counts = plan.repeats * np.bincount(number)
    return dict(zip(names.tolist(), (hits / counts).tolist(), strict=True))
