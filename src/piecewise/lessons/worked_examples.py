"""Worked examples whose steps disappear from the end backwards, stage by stage.

The first stage shows all steps. In each later stage, more of the last ones are left for the learner
to calculate, of another place of the same drawing. Steps are calculated with the digits that are
shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import NamedTuple

from ..data.xo import FEATURES
from . import net_quantities as nets
from .learner import Learner, LearnerDrawing
from .question_parts import EXACT, HALF_DIGIT, added, shown_value
from .questions import Draw

_SIDE = 3
_LEAST_INK = 2
"""Ink pixels of a patch that is asked about."""
_RATE = Decimal("0.1")


class WorkedStep(NamedTuple):
    """A step: what it computes, how, the value, and how far a typed value may be off."""

    label: str
    work: str
    value: Decimal
    tolerance: float = EXACT

    def is_right(self, typed: float) -> bool:
        """Whether a typed value is accepted."""
        return abs(typed - float(self.value)) <= self.tolerance + 1e-12


@dataclass(frozen=True)
class WorkedExample:
    """A worked example of one place.

    Attributes
    ----------
    text : str
        What it is about.
    steps : sequence of WorkedStep
        In their order.
    missing : int
        How many of the last steps the learner calculates.
    planes : dict
        Small tables by name, such as the patch.
    """

    text: str
    steps: Sequence[WorkedStep]
    missing: int
    planes: Mapping[str, list[list[int]]]

    @property
    def asked(self) -> Sequence[WorkedStep]:
        """The steps that the learner calculates."""
        return self.steps[len(self.steps) - self.missing :]


def one_cell(learner: Learner, stage: int, draw: Draw) -> WorkedExample:
    """A cell of the map of one of the deck's features: nine products, their sum, and the match."""
    pixels = nets.ink_pixels(learner.drawings[0]).astype(int) * 2 - 1
    rows, columns = (range(side - _SIDE + 1) for side in pixels.shape)
    places = [(name, row, column) for name, row, column in product(FEATURES, rows, columns)
              if (pixels[row : row + _SIDE, column : column + _SIDE] > 0).sum()
              >= _LEAST_INK]  # fmt: skip
    name, row, column = places[draw.index(len(places))]
    patch = pixels[row : row + _SIDE, column : column + _SIDE]
    feature = FEATURES[name].astype(int)
    pairs = list(zip(patch.ravel().tolist(), feature.ravel().tolist(), strict=True))
    products = [Decimal(pixel * weight) for pixel, weight in pairs]
    total = sum(products, Decimal(0))
    steps = [
        WorkedStep(f"Product {number}", f"{pixel} x {weight}", value)
        for number, ((pixel, weight), value) in enumerate(zip(pairs, products, strict=True), 1)
    ]
    steps += [
        WorkedStep("Sum", added(products), total),
        WorkedStep("Match", f"{total} / {len(products)}", total / len(products), HALF_DIGIT),
    ]
    planes = {"patch": patch.tolist(), "feature": feature.tolist()}
    text = (f"The feature {name} on rows {row + 1} to {row + _SIDE}, columns {column + 1} to "
            f"{column + _SIDE} of your drawing.")  # fmt: skip
    return WorkedExample(text, steps, (0, 1, 2, 5)[stage], planes)


def one_weight(learner: Learner, stage: int, draw: Draw) -> WorkedExample:
    """A voting weight of the untrained net: the signal, the gradient, and the weight after a
    step."""
    drawing = learner.drawings[draw.index(len(learner.drawings))]
    walk, values = nets.walk(learner.first, drawing), range(1, 13)
    places = [(neuron, at) for neuron, at in product((1, 2), values)
              if walk["pool2"].ravel()[at - 1] > HALF_DIGIT]  # fmt: skip
    neuron, at = places[draw.index(len(places))]
    p = shown_value(walk.probabilities[neuron - 1].item())
    right = Decimal(int(neuron - 1 == drawing.label))
    value = shown_value(walk["pool2"].ravel()[at - 1].item())
    weight = shown_value(nets.voting_weight(learner.first, "full1.weight", neuron, at))
    signal, gradient = p - right, (p - right) * value
    shown = shown_value(float(gradient))
    steps = [
        WorkedStep("Signal", f"{p} - {right}", signal),
        WorkedStep("Gradient", f"{signal} x {value}", gradient, HALF_DIGIT),
        WorkedStep("Weight after a step", f"{weight} - 0.1 x {shown}", weight - _RATE * shown,
                   HALF_DIGIT),
    ]  # fmt: skip
    named, drawn = learner.classes[neuron - 1], learner.classes[drawing.label]
    text = (f"The weight of value {at} for {named} is {weight}. For a drawing of class {drawn}, "
            f"the probability of {named} is {p}, the right answer {right}, the value "
            f"{value}.")  # fmt: skip
    if stage == 0:
        text += f" By nudging, the gradient is {_nudged(learner, drawing, neuron, at)}."
    return WorkedExample(text, steps[: 3 if stage == 3 else 2], (0, 1, 2, 3)[stage], {})


def _nudged(learner: Learner, drawing: LearnerDrawing, neuron: int, at: int) -> Decimal:
    gradient = nets.nudged_gradient(learner.first, drawing, "full1.weight", neuron, at)
    return shown_value(gradient)


EXAMPLES: Mapping[str, Callable[[Learner, int, Draw], WorkedExample]] = {
    "worked_cell": one_cell,
    "error_table": one_weight,
}
"""By the name of the interactive part."""
STAGES = 4
