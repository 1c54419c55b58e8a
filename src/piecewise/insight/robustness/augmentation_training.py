"""Retraining with data augmentation, by a net's own recipe.

Augmentation of one kind may reduce the robustness against another kind, or the accuracy on
unchanged inputs. Both are measured on a validation split, never on the test split. Where another
kind suffers, it is added to the augmentation; where the accuracy falls, the number of epochs is
raised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ...core.errors import DataError, LimitError, shown
from ...core.progress import OnProgress, in_stage
from ...data.dataset import Dataset
from ...network import Network
from ...spec.augmentation import Augmentation
from ...training.calibrate import calibrate
from ...training.experiment import run_training
from ...training.plan import TrainingPlan, plan_training
from ...training.recipe import Recipe
from ...training.splits import Split, validation_mask
from .curves import DatasetRobustness, dataset_robustness
from .perturbations import Perturbation, perturbations

ALL = "all"
AS_IT_IS = "as it is"
FALLS = 0.02
"""Largest relative decrease of an area or of the accuracy that is tolerated."""
STEP = 0.5
"""Fraction of the range by which the augmentation of another kind is raised each time."""
LONGEST = 4
"""Maximum number of epochs, relative to the recipe."""
MAX_EPOCHS = 100_000  # the limit of a recipe
ROUNDS = 4
"""Maximum number of nets that are trained."""
FRACTION = 0.2
"""Fraction of the training split that is held out if there is no validation split."""
MAX_EXAMPLES = 1_000
"""Maximum number of validation examples that are measured; of more, every n-th."""


@dataclass(frozen=True)
class AreaChange:
    """The area under a robustness curve before and after retraining."""

    kind: str
    before: float
    after: float

    @property
    def gained(self) -> float | None:
        """The fraction of the missing area that was gained; negative if the area decreased, None if
        nothing was missing."""
        return (self.after - self.before) / (1 - self.before) if self.before < 1 else None

    @property
    def risen(self) -> float | None:
        """The relative change of the area; None if it was zero."""
        return self.after / self.before - 1 if self.before else None

    def to_json(self) -> dict[str, Any]:
        """Plain values: before, after, gained, risen."""
        areas = {"before": self.before, "after": self.after}
        return {**areas, "gained": self.gained, "risen": self.risen}


def area_changes(before: DatasetRobustness, after: DatasetRobustness) -> list[AreaChange]:
    """The change of the area for each kind of augmentation, measured on the same examples."""
    areas = after.areas
    return [AreaChange(kind, area, areas[kind]) for kind, area in before.areas.items()]


@dataclass(frozen=True)
class AugmentationResult:
    """The result of `train_with_augmentation`."""

    net: Network
    """The new net."""
    kinds: tuple[str, ...]
    """The kinds of augmentation that were requested."""
    ranges: dict[str, float]
    """For each kind that was trained, the fraction of the measured range; 1 for requested ones."""
    epochs_factor: int
    """Number of epochs, relative to the recipe."""

    def to_json(self) -> dict[str, Any]:
        """Plain values: kinds, ranges, epochs_factor, and the recipe and digest of the net."""
        return {
            "kinds": list(self.kinds),
            "ranges": self.ranges,
            "epochs_factor": self.epochs_factor,
            "recipe": self.net.recipe,
            "parameters_sha256": self.net.parameters_sha256,
        }


def checked_kinds(net: Network, kinds: Sequence[str]) -> tuple[str, ...]:
    """The kinds of augmentation without duplicates, in the order of the perturbations; "all" stands
    for every kind. LimitError if the net cannot be trained with them."""
    known = list(
        dict.fromkeys(perturbation.kind for perturbation in perturbations(net.preprocessor))
    )
    for name in kinds:
        if name not in (*known, ALL):
            wanted = f"one of {', '.join(known)}, or {ALL}"
            raise LimitError(f"augmentation: got {shown(name)}, wanted {wanted}")
    if not kinds:
        raise LimitError("augmentation: the list is empty; pass at least one kind")
    if not net.recipe:
        raise LimitError(
            "augmentation: the net has not been trained, so it has no recipe; use a net saved by "
            "`piecewise train`"
        )
    requested = tuple(name for name in known if name in kinds or ALL in kinds)
    recipe = Recipe(**net.recipe)
    if (
        widened(recipe.augmentation, perturbations(net.preprocessor), dict.fromkeys(requested, 1.0))
        == recipe.augmentation
    ):
        text = Recipe.knob("augmentation").write(recipe.augmentation)
        raise LimitError(
            f"augmentation: the net is already trained with {' and '.join(requested)} over this "
            f"range or a larger one ({text}); choose another kind"
        )
    return requested


def widened(
    augmentation: Augmentation, measured: Sequence[Perturbation], ranges: Mapping[str, float]
) -> Augmentation:
    """The augmentation of a recipe, extended to these fractions of the measured ranges."""
    far = {
        perturbation.name: ranges.get(perturbation.kind, 0.0) * perturbation.training_range
        for perturbation in measured
    }
    smallest, largest = augmentation.scale
    down, right = augmentation.shift
    return replace(
        augmentation,
        translation=(max(down, far.get("down", 0.0)), max(right, far.get("right", 0.0))),
        scale=(
            min(smallest, 1 - far.get("scale", 0.0)),
            max(largest, 1 + far.get("scale", 0.0)),
        ),
        rotation=max(augmentation.rotation, far.get("rotation", 0.0)),
        stroke_width=max(augmentation.stroke_width, far.get("stroke_width", 0.0)),
    )


def train_with_augmentation(
    net: Network,
    data: Dataset,
    kinds: Sequence[str],
    *,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
) -> AugmentationResult:
    """Train a new net by the recipe of ``net``, with additional data augmentation.

    The new net is compared with the old one on the validation split, or on a fifth of the training
    split. If the accuracy on unchanged inputs or the area of a requested kind falls by more than 2
    %, the net is trained again with twice as many epochs. If the area of another kind falls, this
    kind is added over half of its range, then over all of it. Of at most four nets, the one with
    the smallest loss is returned. The test split is not used.

    Parameters
    ----------
    net : Network
        A trained net; it is not changed.
    data : Dataset
        Data with the classes and the preprocessor of the net.
    kinds : sequence of str
        Kinds of augmentation: "translation", "scale", "rotation", "stroke_width" or "all".
    on_progress, threads
        See `train`. The result does not depend on them.

    Returns
    -------
    AugmentationResult
        The new net, and how it was trained.

    Raises
    ------
    LimitError
        If a kind is unknown, the net has no recipe, or it is already trained with this
        augmentation.
    DataError
        If the data have other classes or another preprocessor than the net.
    """
    requested = checked_kinds(net, kinds)
    if (data.classes, data.preprocessor) != (net.classes, net.preprocessor):
        raise DataError(
            "the data have other classes or another preprocessor than the net; use "
            "read_data(path, net.preprocessor, classes=net.classes)"
        )
    retraining = _Retraining(net, data, on_progress, threads)
    trained = retraining.chosen(requested)
    return AugmentationResult(
        retraining.finished(trained),
        requested,
        trained.attempt.ranges,
        trained.attempt.epochs_factor,
    )


class _Attempt(NamedTuple):
    """The augmentation ranges and the number of epochs of a net."""

    ranges: dict[str, float]
    epochs_factor: int = 1

    @property
    def stage(self) -> str:
        """The name of this training stage in progress reports."""
        times = "" if self.epochs_factor == 1 else f", {self.epochs_factor} times as long"
        return f"training with {' and '.join(self.ranges)}{times}"

    def after(self, fallen: Sequence[str], requested: Sequence[str]) -> _Attempt:
        """The next attempt: more epochs, or augmentation of the kinds that decreased."""
        if {AS_IT_IS, *requested} & set(fallen):
            return self._replace(epochs_factor=min(LONGEST, 2 * self.epochs_factor))
        more = {trick: min(1.0, self.ranges.get(trick, 0.0) + STEP) for trick in fallen}
        return self._replace(ranges=self.ranges | more)


class _TrainedNet(NamedTuple):
    """A net, its attempt, and its largest relative decrease."""

    net: Network
    attempt: _Attempt
    fall: float


class _Retraining:
    """Trains new nets by the recipe of a net, with additional augmentation."""

    def __init__(
        self, net: Network, data: Dataset, on_progress: OnProgress | None, threads: int | None
    ) -> None:
        self.net, self.on_progress, self.threads = net, on_progress, threads
        self.perturbations = perturbations(net.preprocessor)
        given = plan_training(data, layers=net.notation, **net.recipe)
        learned = {name: part for name, part in given.splits.items() if name != "test"}
        self.complete_plan = replace(given, splits=learned, folds=0)
        self.has_validation = "validation" in learned
        self.plan = (
            self.complete_plan if self.has_validation else _with_validation(self.complete_plan)
        )

    def train(self, plan: TrainingPlan, attempt: _Attempt, stage: str) -> Network:
        """A new net of a training plan, with the augmentation and epochs of an attempt."""
        net = self.net
        new = Network(net.layers, net.input, net.classes, net.seed, net.preprocessor)
        recipe = plan.config.recipe
        augmentation = widened(recipe.augmentation, self.perturbations, attempt.ranges)
        epochs = min(MAX_EPOCHS, attempt.epochs_factor * recipe.epochs)
        config = replace(
            plan.config, recipe=replace(recipe, augmentation=augmentation, epochs=epochs)
        )
        report = in_stage(self.on_progress, stage)
        run_training(replace(plan, config=config), report, net=new, threads=self.threads)
        return new

    def chosen(self, requested: tuple[str, ...]) -> _TrainedNet:
        """Train with the requested augmentation; repeat with more as long as an area decreases."""
        before = self._robustness(self.net if self.has_validation else self._control())
        attempt, trained = _Attempt(dict.fromkeys(requested, 1.0)), list[_TrainedNet]()
        while len(trained) < ROUNDS:
            new = self.train(self.plan, attempt, attempt.stage)
            after = self._robustness(new)
            falls = {name: 1 - after[name] / share for name, share in before.items() if share}
            trained.append(_TrainedNet(new, attempt, max(falls.values(), default=0.0)))
            attempt = attempt.after(
                [name for name, fall in falls.items() if fall > FALLS], requested
            )
            if attempt == trained[-1].attempt:
                break
        return min(trained, key=lambda one: max(one.fall, FALLS))  # of equally good ones the first

    def finished(self, trained: _TrainedNet) -> Network:
        """The net of the chosen attempt; without a validation split, a net that is trained again on
        all training examples."""
        if self.has_validation:
            return trained.net
        new = self.train(
            self.complete_plan, trained.attempt, f"{trained.attempt.stage}, all examples"
        )
        pictures, labels, *_ = self.plan.splits["validation"]
        new.calibration = calibrate(trained.net.logits(pictures), labels)
        return new

    def _control(self) -> Network:
        """The original recipe without the held-out examples, for a fair comparison."""
        return self.train(self.plan, _Attempt({}), "training without the validation examples")

    def _robustness(self, net: Network) -> dict[str, float]:
        """Areas by kind, and the accuracy on unchanged inputs, of the validation split."""
        pictures, labels, *_ = self.plan.splits["validation"]
        some = slice(None, None, -(-len(labels) // MAX_EXAMPLES))
        report = in_stage(self.on_progress, "measuring on the validation examples")
        found = dataset_robustness(
            net, pictures[some], labels[some], on_progress=report, threads=self.threads
        )
        first = found.curves[0]
        return {**found.areas, AS_IT_IS: first.accuracies[first.perturbation.unchanged_index]}


def _with_validation(plan: TrainingPlan) -> TrainingPlan:
    """The same plan with a fifth of the training split as validation split."""
    train = plan.splits["train"]
    seed = plan.config.recipe.seed
    out = validation_mask(train.labels, seed, FRACTION, plan.groups, train.recordings)
    if not out.any():
        raise DataError(
            f"data: got {len(train.labels)} pictures to learn from, wanted two or more of some "
            "class, so that one can be held out"
        )
    splits: dict[str, Split] = {
        "train": train.where(~out),
        "validation": train.where(out & train.is_first),
    }
    groups = plan.groups
    return replace(plan, splits=splits, groups=None if groups is None else np.asarray(groups)[~out])
