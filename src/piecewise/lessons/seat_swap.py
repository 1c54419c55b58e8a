"""Swapped seats: what the small net of a learner says to the drawings of a partner, and whether a
repair helps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..core.array_types import Array, Labels
from ..core.errors import DataError
from ..data.images.preprocessor import ImagePreprocessor
from ..insight.evaluation.mistakes import NearestExamples
from ..network import Network
from ..spec.augmentation import Augmentation
from ..spec.calibration import Calibration
from ..training.recipe import Recipe
from ..training.train import train
from .knob_trial import held_out_logits
from .learner import SMALL_NET, SMALL_RECIPE, Learner, LearnerDrawing, project_learner
from .partner import LabelledDrawings, Partner, seat_partner

SURE = 0.9
"""From this probability on, the net counts as sure."""
COVERAGE = 0.9
"""The fraction of the learner's own drawings that reach the threshold of "I don't know"."""
NEAREST = 3
AS_IT_WAS, WITH_PARTNER, AUGMENTED = "before", "partner", "augmentation"
_DRAWN = Augmentation(translation=0.1, scale=(0.8, 1.2), rotation=30.0, stroke_width=0.5)
_SPREAD = Augmentation(translation=(0.0, 0.15))
"""Of sounds and texts, which move along the columns only."""
_LONGER = 4
"""How many times as many epochs augmented drawings are learned in."""


class SwapAnswer(NamedTuple):
    """What the net says to a drawing: the class and its probability, and the numbers of the nearest
    own drawings."""

    label: int
    predicted: int
    probability: float
    nearest: tuple[int, ...]

    @property
    def is_right(self) -> bool:
        return self.predicted == self.label


class RepairTrial(NamedTuple):
    """A net, and how many drawings of the partner it names right.

    Attributes
    ----------
    name : str
        `AS_IT_WAS`, `WITH_PARTNER` or `AUGMENTED`.
    asked : int, optional
        Of the drawings that the net was asked first; None if it learned from them.
    kept : int
        Of the drawings that no net learned from.
    """

    name: str
    asked: int | None
    kept: int


class SeatSwap:
    """A learner and a partner; everything is computed when it is first asked for."""

    def __init__(self, learner: Learner, partner: Partner) -> None:
        self.learner, self.partner = learner, partner

    @cached_property
    def answers(self) -> tuple[SwapAnswer, ...]:
        """What the small net says to the drawings that it is asked about."""
        net, (inputs, labels) = self.learner.small, self.partner.asked
        probabilities = net.probabilities_of(net.logits(inputs))
        data = self.learner.data
        nearest = NearestExamples(net, data.inputs, data.labels).of(inputs, NEAREST)
        return tuple(
            SwapAnswer(label, int(row.argmax()), float(row.max()), tuple(one.index for one in near))
            for label, row, near in zip(labels.tolist(), probabilities, nearest, strict=True)
        )

    @property
    def right(self) -> int:
        """How many drawings are named right."""
        return sum(one.is_right for one in self.answers)

    @property
    def mistakes(self) -> list[SwapAnswer]:
        """The wrong answers, the surest first."""
        wrong = [one for one in self.answers if not one.is_right]
        return sorted(wrong, key=lambda one: -one.probability)

    @property
    def sure_mistakes(self) -> int:
        """How many wrong answers are sure."""
        return sum(one.probability >= SURE for one in self.mistakes)

    @cached_property
    def _held_out(self) -> Array:
        """The logits of the own drawings, each by a net that never saw it."""
        return held_out_logits(self.learner, SMALL_NET)

    @property
    def own_right(self) -> int:
        """How many of the own drawings are named right by nets that never saw them."""
        return int((self._held_out.argmax(axis=1) == self.learner.data.labels).sum())

    @cached_property
    def threshold(self) -> float:
        """The probability below which an answer counts as "I don't know"."""
        confidences = self.learner.small.probabilities_of(self._held_out).max(axis=1)
        ordered = tuple(sorted(map(float, confidences), reverse=True))
        return Calibration(n=len(ordered), confidences=ordered).threshold_for(COVERAGE)

    @property
    def doubtful(self) -> int:
        """How many answers to the partner's drawings are below the threshold."""
        return sum(one.probability < self.threshold for one in self.answers)

    @cached_property
    def repairs(self) -> tuple[RepairTrial, ...]:
        """The net as it was, and after each repair."""
        learner, asked, kept = self.learner, self.partner.asked, self.partner.kept
        inputs, labels = learner.data.inputs, learner.data.labels
        both = np.concatenate([inputs, asked.inputs]), np.concatenate([labels, asked.labels])
        taught = _trained(learner, *both, SMALL_RECIPE)
        is_drawn = isinstance(learner.data.preprocessor, ImagePreprocessor) and not learner.rows
        recipe = replace(SMALL_RECIPE, epochs=_LONGER * SMALL_RECIPE.epochs,
                         augmentation=_DRAWN if is_drawn else _SPREAD)  # fmt: skip
        augmented = _trained(learner, inputs, labels, recipe)
        small = learner.small
        return (
            RepairTrial(AS_IT_WAS, self.right, _right(small, kept)),
            RepairTrial(WITH_PARTNER, None, _right(taught, kept)),
            RepairTrial(AUGMENTED, _right(augmented, asked), _right(augmented, kept)),
        )

    @property
    def asked_drawings(self) -> Sequence[LearnerDrawing]:
        """The drawings that the net is asked about."""
        inputs, labels = self.partner.asked
        pairs = zip(inputs, labels.tolist(), strict=True)
        return [LearnerDrawing(pixels, label, self.learner.paper) for pixels, label in pairs]


class SwapRow(NamedTuple):
    """A row about a seat and its partner: how many drawings the small net of the seat was asked
    about, and named right; its mistakes, and those it was sure of; and what the nets name right of
    the drawings that no net learned from."""

    seat: str
    partner: str
    asked: int
    right: int
    mistakes: int
    sure_mistakes: int
    kept: int
    kept_right: int
    with_partner: int
    augmented: int


def swap_row(seat: str, swap: SeatSwap) -> SwapRow:
    """The row of the seat with this name."""
    kept = [one.kept for one in swap.repairs]
    return SwapRow(seat, swap.partner.name, len(swap.answers), swap.right, len(swap.mistakes),
                   swap.sure_mistakes, len(swap.partner.kept.labels), *kept)  # fmt: skip


def swapped_seats(seat: Path, other: Path, name: str) -> SeatSwap:
    """A seat and its partner, each a folder or an archive; DataError if one cannot be shown in the
    lessons."""
    learner = project_learner(seat)
    if learner.name != str(seat):
        raise DataError(f"{seat}: its samples cannot be shown in the lessons")
    return SeatSwap(learner, seat_partner(learner, other, name))


def _trained(learner: Learner, inputs: Array, labels: Labels, recipe: Recipe) -> Network:
    net = learner.untrained(SMALL_NET)
    train(net, inputs, labels, recipe)
    return net


def _right(net: Network, drawings: LabelledDrawings) -> int:
    inputs, labels = drawings
    return int((net.logits(inputs).argmax(axis=1) == labels).sum())
