"""Teaching tricks: a net is taught anew, by its own recipe, with tricks as far as their dials go.

Whoever learns to know turned pictures may forget thin strokes, and has more to learn in the same
time. Both is seen on pictures held out from learning, never on a part for testing: what would be
forgotten is then taught as well, no further than it takes, and a net that knows less of pictures
as they are is given more epochs.
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
from ...training.experiment import Split, TrainingPlan, plan_training, run_training
from ...training.recipe import Recipe
from ...training.splits import validation_mask
from .curves import DatasetRobustness, Perturbation, dataset_robustness, perturbations

ALL = "all"
AS_IT_IS = "as it is"
FALLS = 0.02
"""How much of a trick's area may be lost before something is done about it."""
STEP = 0.5
"""How much further, of its dial, a trick that would be forgotten is taught each time."""
LONGEST = 4
"""Times as many epochs, at most, as the recipe says."""
MOST_EPOCHS = 100_000  # that a recipe can hold
ROUNDS = 4
"""Nets that are tried, at most."""
FRACTION = 0.2
"""Held out to choose on, where nothing is held out for validation."""
MOST = 1_000
"""Pictures held out that are looked at, evenly many of more."""


@dataclass(frozen=True)
class AreaChange:
    """What teaching did to the area of one trick."""

    kind: str
    before: float
    after: float

    @property
    def gained(self) -> float | None:
        """The share of what was missing that was gained; below 0 where something was lost, None
        where nothing was missing."""
        return (self.after - self.before) / (1 - self.before) if self.before < 1 else None

    @property
    def risen(self) -> float | None:
        """How much larger the area became, as a share of itself; below 0 where it fell; None if it
        was nothing."""
        return self.after / self.before - 1 if self.before else None

    def to_json(self) -> dict[str, Any]:
        """Plain values: before, after, gained, risen."""
        areas = {"before": self.before, "after": self.after}
        return {**areas, "gained": self.gained, "risen": self.risen}


def area_changes(before: DatasetRobustness, after: DatasetRobustness) -> list[AreaChange]:
    """By trick, what became of the areas of the same set."""
    areas = after.areas
    return [AreaChange(trick, area, areas[trick]) for trick, area in before.areas.items()]


@dataclass(frozen=True)
class AugmentationResult:
    """The net that was taught; the ``tricks`` that were asked for; how far each was taught, as a
    share of its dial: 1 if asked for, and as much as it took of those that would have been
    forgotten; and how many times as many epochs as before it took (``longer``)."""

    net: Network
    kinds: tuple[str, ...]
    ranges: dict[str, float]
    epochs_factor: int

    def to_json(self) -> dict[str, Any]:
        """Plain values: tricks, shares, longer, and the recipe and digest of the net."""
        return {
            "kinds": list(self.kinds),
            "ranges": self.ranges,
            "epochs_factor": self.epochs_factor,
            "recipe": self.net.recipe,
            "parameters_sha256": self.net.parameters_sha256,
        }


def checked_kinds(net: Network, tricks: Sequence[str]) -> tuple[str, ...]:
    """The names of tricks, each once, in the order of the dials; "all" stands for every one there
    is. LimitError where a net cannot be taught them."""
    known = list(
        dict.fromkeys(perturbation.kind for perturbation in perturbations(net.preprocessor))
    )
    for name in tricks:
        if name not in (*known, ALL):
            wanted = f"one of {', '.join(known)}, or {ALL}"
            raise LimitError(f"tricks: got {shown(name)}, wanted {wanted}")
    if not tricks:
        raise LimitError("tricks: got none to teach, wanted one or more")
    if not net.recipe:
        raise LimitError(
            "tricks: this net holds no recipe to be taught by, as it has learned nothing yet; "
            "wanted one that `piecewise train` wrote"
        )
    asked = tuple(name for name in known if name in tricks or ALL in tricks)
    recipe = Recipe(**net.recipe)
    if (
        widened(recipe.augmentation, perturbations(net.preprocessor), dict.fromkeys(asked, 1.0))
        == recipe.augmentation
    ):
        told = Recipe.knob("augmentation").write(recipe.augmentation)
        raise LimitError(
            f"tricks: this net was taught {' and '.join(asked)} as far as it goes here, or "
            f"further, already ({told}); wanted another trick"
        )
    return asked


def widened(
    tricks: Augmentation, turning: Sequence[Perturbation], shares: Mapping[str, float]
) -> Augmentation:
    """The tricks of a recipe, each as far as it goes already, or as this share of its dials."""
    far = {
        perturbation.name: shares.get(perturbation.kind, 0.0) * perturbation.training_range
        for perturbation in turning
    }
    smallest, largest = tricks.scale
    down, right = tricks.shift
    return replace(
        tricks,
        translation=(max(down, far.get("down", 0.0)), max(right, far.get("right", 0.0))),
        scale=(
            min(smallest, 1 - far.get("scale", 0.0)),
            max(largest, 1 + far.get("scale", 0.0)),
        ),
        rotation=max(tricks.rotation, far.get("rotation", 0.0)),
        stroke_width=max(tricks.stroke_width, far.get("stroke_width", 0.0)),
    )


def train_with_augmentation(
    net: Network,
    data: Dataset,
    tricks: Sequence[str],
    *,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
) -> AugmentationResult:
    """A new net with the layers, the seed and the recipe of ``net``, taught on the part of the data
    that is for training, and ``tricks`` with it (translation, scale, rotation, stroke_width,
    or all), as far as the dials go. ``net`` stays as it is.

    The net is compared with what it was on the validation part, or else on a fifth that is held out
    first. Where it knows less of pictures as they are, or of a trick that was asked for, by more
    than 2 %, it is taught once more with twice as many epochs; where the area of another trick
    fell, with that trick, too, half as far as its dial goes, then all the way. Of four nets at most
    that of the smallest fall is taken. A test part is not looked at. The same net, data
    and tricks give the same bits, for any number of threads. ``on_progress``: see `run_training`.

    LimitError where the net cannot be taught these, DataError where the data are not such as it
    learned from.
    """
    asked = checked_kinds(net, tricks)
    if (data.classes, data.preprocessor) != (net.classes, net.preprocessor):
        raise DataError(
            "data: got other classes, or another preparation, than the net has; wanted what "
            "read_data gives with its preparation and classes"
        )
    school = _School(net, data, on_progress, threads)
    tried = school.chosen(asked)
    return AugmentationResult(
        school.finished(tried), asked, tried.effort.shares, tried.effort.longer
    )


class _Effort(NamedTuple):
    """How far tricks are taught, and for how many times as many epochs."""

    shares: dict[str, float]
    longer: int = 1

    @property
    def stage(self) -> str:
        """The stage that is reported meanwhile."""
        times = "" if self.longer == 1 else f", {self.longer} times as long"
        return f"teaching {' and '.join(self.shares)}{times}"

    def after(self, fallen: Sequence[str], asked: Sequence[str]) -> _Effort:
        """What to try when so much has fallen: more epochs, or more tricks."""
        if {AS_IT_IS, *asked} & set(fallen):
            return self._replace(longer=min(LONGEST, 2 * self.longer))
        more = {trick: min(1.0, self.shares.get(trick, 0.0) + STEP) for trick in fallen}
        return self._replace(shares=self.shares | more)


class _Tried(NamedTuple):
    """A net, what it was taught with, and the largest share that it lost of anything."""

    net: Network
    effort: _Effort
    fall: float


class _School:
    """Where a net is taught anew, with this trick and that."""

    def __init__(
        self, net: Network, data: Dataset, on_progress: OnProgress | None, threads: int | None
    ) -> None:
        self.net, self.on_progress, self.threads = net, on_progress, threads
        self.perturbations = perturbations(net.preprocessor)
        given = plan_training(data, layers=net.notation, **net.recipe)
        learned = {name: part for name, part in given.splits.items() if name != "test"}
        self.whole = replace(given, splits=learned, folds=0)
        self.holds_out = "validation" in learned
        self.plan_training = self.whole if self.holds_out else _divided(self.whole)

    def taught(self, given: TrainingPlan, effort: _Effort, stage: str) -> Network:
        """A net of a lesson, with these tricks added to its recipe, and epochs."""
        net = self.net
        new = Network(net.layers, net.input, net.classes, net.seed, net.preprocessor)
        recipe = given.config.recipe
        tricks = widened(recipe.augmentation, self.perturbations, effort.shares)
        epochs = min(MOST_EPOCHS, effort.longer * recipe.epochs)
        plan = replace(given.config, recipe=replace(recipe, augmentation=tricks, epochs=epochs))
        report = in_stage(self.on_progress, stage)
        run_training(replace(given, config=plan), report, net=new, threads=self.threads)
        return new

    def chosen(self, asked: tuple[str, ...]) -> _Tried:
        """Teach what is asked for; and again, as long as something falls, with more effort."""
        before = self._known(self.net if self.holds_out else self._control())
        effort, tried = _Effort(dict.fromkeys(asked, 1.0)), list[_Tried]()
        while len(tried) < ROUNDS:
            new = self.taught(self.plan_training, effort, effort.stage)
            after = self._known(new)
            falls = {name: 1 - after[name] / share for name, share in before.items() if share}
            tried.append(_Tried(new, effort, max(falls.values(), default=0.0)))
            effort = effort.after([name for name, fall in falls.items() if fall > FALLS], asked)
            if effort == tried[-1].effort:
                break
        return min(tried, key=lambda one: max(one.fall, FALLS))  # of equally good ones the first

    def finished(self, tried: _Tried) -> Network:
        """The net to keep: the one that was tried, or, where that had to leave out pictures which
        would not have been held out, one taught all of them."""
        if self.holds_out:
            return tried.net
        new = self.taught(self.whole, tried.effort, f"{tried.effort.stage}, all pictures")
        pictures, labels = self.plan_training.splits["validation"]
        new.calibration = calibrate(tried.net.logits(pictures), labels)
        return new

    def _control(self) -> Network:
        """The net as it would be without the pictures that are held out now."""
        return self.taught(
            self.plan_training, _Effort({}), "teaching without the pictures held out"
        )

    def _known(self, net: Network) -> dict[str, float]:
        """Of the pictures held out: the areas by trick, and the accuracy as they are."""
        pictures, labels = self.plan_training.splits["validation"]
        some = slice(None, None, -(-len(labels) // MOST))
        report = in_stage(self.on_progress, "comparing on pictures held out")
        found = dataset_robustness(
            net, pictures[some], labels[some], on_progress=report, threads=self.threads
        )
        first = found.curves[0]
        return {**found.areas, AS_IT_IS: first.accuracies[first.perturbation.unchanged_index]}


def _divided(given: TrainingPlan) -> TrainingPlan:
    """The same, with a fifth held out to choose on."""
    part = given.splits["train"]
    out = validation_mask(part.labels, given.config.recipe.seed, FRACTION, given.groups)
    if not out.any():
        raise DataError(
            f"data: got {len(part.labels)} pictures to learn from, wanted two or more of some "
            "class, so that one can be held out"
        )
    parts: dict[str, Split] = {"train": part.those(~out), "validation": part.those(out)}
    groups = given.groups
    return replace(given, splits=parts, groups=None if groups is None else np.asarray(groups)[~out])
