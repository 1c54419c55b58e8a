"""The main job: a data set in, a trained network and the truth about it out."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..core.array_types import Labels
from ..core.constraints import Integer, checked
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

SMALL = 200
"""With fewer pictures of some class, one part held out would say too little: folds say more."""
FOLDS, REPEATS = 5, 2


class Split(NamedTuple):
    """Pictures (N, C, H, W) and their class numbers (N,)."""

    inputs: npt.NDArray[Any]
    labels: Labels

    def those(self, chosen: npt.NDArray[np.bool_]) -> Split:
        """Those that are chosen (N,)."""
        return Split(select_rows(self.inputs, chosen), self.labels[chosen])


@dataclass(frozen=True)
class TrainingPlan:
    """What is going to be taught: the parts of the data, the plan, and the folds (0: none)."""

    classes: tuple[str, ...]
    preprocessor: Preprocessor
    splits: dict[str, Split]
    """"train", and "validation" and "test" where there are such parts."""
    config: TrainingConfig
    folds: int
    groups: Groups = None
    """Of the training part, where examples are grouped."""

    @property
    def repeats(self) -> int:
        """How often all take turns: once where each group is a fold, as it would be the same."""
        alone = self.groups is not None and self.folds == len(np.unique(self.groups))
        return 1 if alone else REPEATS

    def network(self) -> Network:
        """The network before it has learned anything."""
        seed, shape = self.config.recipe.seed, self.preprocessor.shape
        return Network(self.config.layers, shape, self.classes, seed, self.preprocessor)


@dataclass
class TrainingResult:
    """What came of a lesson: the network; its scores by what they were measured on ("folds",
    "validation", "test"); and how many seconds each part took."""

    net: Network
    scores: dict[str, Scores] = field(default_factory=dict)
    groups: dict[str, float] = field(default_factory=dict)
    """The accuracy of each group, by nets that learned from none of its examples."""
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
    """Choose what to train on the data and what to measure it on.

    ``data``: a data set, or its path, which is read with the defaults of `read_data`. ``name``: its
    name in error messages. The test split is used only for the last score. Without a validation
    split, the recipe's share of each class is held out; or, where there is no test split either and
    some class has fewer than 200 examples, the data are cross-validated in ``folds`` (5 if left
    out, 0: none). Groups stay together; with "groups", each group is a fold. ``layers``, and
    ``knobs`` of the recipe: those that you leave out get defaults computed from the data
    (`training/defaults.py`). Raises DataError, LimitError, NotationError.
    """
    if name is None:
        name = "data" if isinstance(data, Dataset) else str(data)
    data = as_dataset(data)
    parts, groups = _checked_parts(data, name)
    count = _fold_count(folds, parts, groups, len(data.classes))
    plan = _planned(data, parts["train"], layers=layers, quick=quick, **knobs)
    if not count:
        parts = _with_validation(parts, plan.recipe, groups)
    if plan.recipe.patience and "validation" not in parts:
        wanted = "a validation part, or a share held out (folds 0, validation_share above 0)"
        raise LimitError(
            f"patience: got {plan.recipe.patience}, but nothing to watch; wanted {wanted}"
        )
    return TrainingPlan(data.classes, data.preprocessor, parts, plan, count, groups)


def _checked_parts(data: Dataset, name: str) -> tuple[dict[str, Split], Groups]:
    """The splits that are not empty, and the groups of the training split; DataError if a network
    cannot learn from it."""
    parts = {kind: Split(*data.subset(kind)) for kind in ("train", "validation", "test")}
    labels = parts["train"].labels
    if not len(labels):
        raise DataError(f"{name}: every example is for testing, wanted some to learn from")
    if len(np.unique(labels)) < 2:
        raise DataError(
            f"{name}: examples of one class to learn from, wanted 2 or more; give each class a "
            "folder, or a label, of its own"
        )
    groups = None if data.groups is None else data.groups[data.splits == "train"]
    if groups is not None and len(np.unique(groups)) < 2:
        raise DataError(f"{name}: groups: all there is to learn from is of one, wanted 2 or more")
    return {kind: part for kind, part in parts.items() if len(part.labels)}, groups


def _fold_count(folds: object, parts: dict[str, Split], groups: Groups, classes: int) -> int:
    """The number of folds: at most the examples of a class, or the groups; 0 for no folds."""
    counts = np.bincount(parts["train"].labels, minlength=classes)
    most = int(counts.max()) if groups is None else len(np.unique(groups))
    if folds is None:
        folds = FOLDS if int(counts.min()) < SMALL and len(parts) == 1 else 0
    if folds == "groups":
        if groups is None:
            raise LimitError("folds: got 'groups', but the data have none; wanted a number")
        folds = most
    count: int = min(checked("folds", Integer(0, 1_000), folds), most)
    return count if count > 1 else 0


def _planned(data: Dataset, train_part: Split, **chosen: Any) -> TrainingConfig:
    """Layers and recipe: those chosen by the caller, and defaults computed from the data."""
    preprocessor = data.preprocessor
    chosen = {"augmentation": augmentation_for(train_part.inputs, preprocessor), **chosen}
    count = len(train_part.labels)
    plan = default_config(preprocessor.kind, preprocessor.shape, len(data.classes), count, **chosen)
    architecture = Architecture(plan.layers, preprocessor.shape, data.classes)
    if architecture.reads_texts and preprocessor.modality != "texts":
        raise LimitError("layers: got embed, which reads texts; wanted layers for pictures")
    return plan


def _with_validation(parts: dict[str, Split], recipe: Recipe, groups: Groups) -> dict[str, Split]:
    """The splits with a validation split: if there is none, it is held out from training."""
    if "validation" in parts:
        return parts
    train_part = parts["train"]
    out = validation_mask(train_part.labels, recipe.seed, recipe.validation_fraction, groups)
    if not out.any():
        return parts
    return {**parts, "train": train_part.those(~out), "validation": train_part.those(out)}


def run_training(
    given: TrainingPlan | Dataset | str | os.PathLike[str],
    on_progress: OnProgress | None = None,
    *,
    net: Network | None = None,
    threads: int | None = None,
    run_dir: str | os.PathLike[str] | None = None,
    tensorboard: bool = False,
) -> TrainingResult:
    """Train the network of a lesson (or ``net``, made by it), calibrate it on what was held out,
    and measure it.

    A data set, or its path, gets the plan of `plan_training` with its defaults. ``threads``,
    ``run`` and ``events``: see `train`; folds are not saved in the run's folder, and a
    resumed run repeats them. ``on_progress`` gets the stages "fold 1 of 10" and so on,
    then "training". Ctrl-C raises KeyboardInterrupt; ``net`` then has the
    parameters of its last whole step.
    """
    if not isinstance(given, TrainingPlan):
        name = "data" if isinstance(given, Dataset) else str(given)
        given = plan_training(as_dataset(given, on_progress), name)
    taught, clock = TrainingResult(net or given.network()), time.perf_counter()
    if (taught.net.input, taught.net.classes) != (given.preprocessor.shape, given.classes):
        raise LimitError(f"net: got {shown(taught.net, 120)}, wanted one for the lesson's pictures")
    logits, right = None, None
    if given.folds:
        logits, right = _over_folds(given, on_progress, threads)
        taught.scores["folds"] = scores_from_logits(
            taught.net.classes, logits, right, given.repeats
        )
        taught.groups = _by_group(given, logits.argmax(axis=1) == right)
        clock = _mark(taught, "folds", clock)
    validation = given.splits.get("validation")
    recipe, part = given.config.recipe, given.splits["train"]
    train(
        taught.net, *part, recipe, validation, on_progress, threads,
        run_dir=run_dir, tensorboard=tensorboard,
    )  # fmt: skip
    clock = _mark(taught, "training", clock)
    if validation:
        logits, right = taught.net.logits(validation.inputs), validation.labels
        taught.scores["validation"] = scores_from_logits(taught.net.classes, logits, right)
    if logits is not None and right is not None:
        taught.net.calibration = calibrate(logits, right, given.repeats if given.folds else 1)
    if "test" in given.splits:
        taught.scores["test"] = evaluate(taught.net, *given.splits["test"])
    _mark(taught, "measuring", clock)
    return taught


def _mark(taught: TrainingResult, name: str, began: float) -> float:
    now = time.perf_counter()
    taught.seconds[name] = now - began
    return now


def _over_folds(
    given: TrainingPlan, on_progress: OnProgress | None, threads: int | None
) -> tuple[npt.NDArray[np.float32], Labels]:
    """The logits of every picture by networks that did not learn from it, once for each repeat,
    and the right classes."""
    part = given.splits["train"]
    labels = part.labels
    logits = np.empty((given.repeats, len(labels), len(given.classes)), np.float32)
    recipe = given.config.recipe
    for repeat in range(given.repeats):
        fold = assign_folds(labels, recipe.seed, repeat, given.folds, given.groups)
        for number in range(given.folds):
            out = fold == number
            title = f"fold {repeat * given.folds + number + 1} of {given.repeats * given.folds}"
            net = given.network()
            train(net, *part.those(~out), recipe, None, in_stage(on_progress, title), threads)
            logits[repeat, out] = net.logits(part.those(out).inputs)
    return logits.reshape(-1, logits.shape[2]), np.tile(labels, given.repeats)


def _by_group(given: TrainingPlan, is_right: npt.NDArray[np.bool_]) -> dict[str, float]:
    """The share that is right of each group, over all repeats."""
    if given.groups is None:
        return {}
    names, number = np.unique(given.groups, return_inverse=True)
    right = np.bincount(np.tile(number, given.repeats), is_right)
    counts = given.repeats * np.bincount(number)
    return dict(zip(names.tolist(), (right / counts).tolist(), strict=True))
