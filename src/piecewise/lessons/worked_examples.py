"""Worked examples whose steps disappear from the end backwards, stage by stage.

The first stage shows all steps. In each later stage, more of the last ones are left for the learner
to calculate, of another place of the same drawing. Steps are calculated with the digits that are
shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..core.array_types import Bool
from ..data.xo import FEATURES
from . import net_quantities as nets
from .learner import Learner, LearnerDrawing, generated_learner
from .question_parts import EXACT, HALF_DIGIT, added, shown_value
from .questions import Draw

_SIDE = 3
_LEAST_INK = 2
"""Ink pixels of a patch that is asked about."""
_RATE = Decimal("0.1")
_KERNELS = "conv1.weight"
_CLEAR = 0.05
"""The least difference of the two largest terms."""
STAGES = 5
"""The first one shows all steps, the last one none."""


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
    planes: Mapping[str, Sequence[Sequence[int | str]]]

    @property
    def asked(self) -> Sequence[WorkedStep]:
        """The steps that the learner calculates."""
        return self.steps[len(self.steps) - self.missing :]


def one_cell(learner: Learner, stage: int, draw: Draw) -> WorkedExample:
    """A cell of the map of one of the deck's features: nine products, their sum, and the match. The
    last stage is about a kernel of the small net."""
    if stage == STAGES - 1:
        return _learned_cell(learner, draw)
    ink = nets.ink_pixels(learner.drawings[0])
    pixels = ink.astype(int) * 2 - 1
    name, row, column = _inked_place(FEATURES, ink, draw)
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
    text = f"The feature {name} on {_patch_name(row, column)} of your drawing."
    return WorkedExample(text, steps, (0, 1, 2, 5)[stage], planes)


Owner = TypeVar("Owner")


def _inked_place(owners: Iterable[Owner], ink: Bool, draw: Draw) -> tuple[Owner, int, int]:
    """A feature or kernel, and the place of a patch (rows, columns) with some ink under it; with
    the most there is if that is less."""
    counts = sliding_window_view(ink, (_SIDE, _SIDE)).sum(axis=(2, 3))
    least = min(_LEAST_INK, int(counts.max()))
    inked = np.argwhere(counts >= least).tolist()
    places = [(one, row, column) for one, (row, column) in product(owners, inked)]
    return places[draw.index(len(places))]


def _patch_name(row: int, column: int) -> str:
    return f"rows {row + 1} to {row + _SIDE}, columns {column + 1} to {column + _SIDE}"


def _learned_cell(learner: Learner, draw: Draw) -> WorkedExample:
    """A cell of a learned kernel with two decimals: nothing but the patch, the kernel and the bias
    is shown."""
    drawing, kernels = learner.drawings[0], learner.small.parameters["conv1.weight"]
    places = range(len(kernels)), nets.ink_pixels(drawing)
    number, row, column = _inked_place(*places, draw)
    why = nets.walk(learner.small, drawing).why("conv1", number, row, column)
    terms = [term for term in why.terms if term.position]
    pairs = [(shown_value(term.value), shown_value(term.weight)) for term in terms]
    products = [shown_value(float(pixel * weight)) for pixel, weight in pairs]
    total, bias = sum(products, Decimal(0)), shown_value(nets.bias(why))
    rounding = HALF_DIGIT * (len(products) + 1)
    steps = [
        WorkedStep(f"Product {at}", f"{pixel} x {weight}", value, HALF_DIGIT * 2)
        for at, ((pixel, weight), value) in enumerate(zip(pairs, products, strict=True), 1)
    ]
    steps += [
        WorkedStep("Sum", added(products), total, rounding),
        WorkedStep("Value", added([total, bias]), total + bias, rounding),
    ]
    text = (f"Kernel {number + 1} of your small net on {_patch_name(row, column)} of your drawing. "
            f"Its bias is {bias}. Round to two decimals.")  # fmt: skip
    patch, kernel = ([[str(pair[which]) for pair in pairs[at : at + _SIDE]]
                      for at in range(0, len(pairs), _SIDE)] for which in (0, 1))  # fmt: skip
    return WorkedExample(text, steps, len(steps), {"patch": patch, "kernel": kernel})


def one_weight(learner: Learner, stage: int, draw: Draw) -> WorkedExample:
    """A voting weight of the untrained net: the probability minus the right answer, the
    gradient, and the weight after a step.
    The last stage is about a weight of a kernel."""
    if stage == STAGES - 1:
        return _kernel_weight(learner, draw)
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
        WorkedStep("Probability minus right answer", f"{p} - {right}", signal),
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


def _kernel_weight(learner: Learner, draw: Draw) -> WorkedExample:
    """A weight of a kernel of the untrained net: the largest of the terms that add up to its
    gradient, and the sign of their sum."""
    start = draw.index(len(learner.drawings))
    found = _kernel_gradients(learner, start) or _kernel_gradients(generated_learner(), 0)
    drawing, index, pairs = found[draw.index(len(found))]
    products = [shown_value(float(error * pixel)) for error, pixel in pairs]
    total = sum(products, Decimal(0))
    largest = max(products, key=abs)
    error, pixel = pairs[products.index(largest)]
    sign = Decimal(1 if total > 0 else -1)
    steps = [
        WorkedStep("Largest term, without regard to its sign", f"{error} x {pixel}", largest,
                   HALF_DIGIT),
        WorkedStep("Sign of the gradient: 1 or -1", f"{added(products)} = {total}, its sign",
                   sign),
    ]  # fmt: skip
    number, _, row, column = index
    text = (
        f"Kernel {number + 1} was laid over every patch of drawing {drawing + 1}. The gradient of "
        f"its weight in row {row + 1}, column {column + 1} adds up a term for each patch: how fast "
        "the loss changes with the cell, times the pixel under this weight. All terms are 0 but "
        f"these: {'; '.join(f'{one} x {other}' for one, other in pairs)}."
    )
    return WorkedExample(text, steps, len(steps), {})


KernelGradient = tuple[int, tuple[int, ...], list[tuple[Decimal, Decimal]]]
"""The number of a drawing, the index of a weight, and the errors and pixels of its terms."""


def _kernel_gradients(learner: Learner, start: int) -> list[KernelGradient]:
    """The weights of kernels whose gradients have a largest term and a sign that rounding cannot
    change, for the first drawing from ``start`` on that has some."""
    count = len(learner.drawings)
    for number in (at % count for at in range(start, start + count)):
        drawing, found = learner.drawings[number], []
        back = nets.walk(learner.first, drawing).backprop(drawing.label)
        for index in np.ndindex(back.gradients[_KERNELS].shape):
            why = back.why(_KERNELS, *index)
            pairs = [(shown_value(term.weight), shown_value(term.value)) for term in why.terms]
            pairs = [pair for pair in pairs if pair[0] * pair[1]]
            if _is_clear([float(error * pixel) for error, pixel in pairs], why.value):
                found.append((number, index, pairs))
        if found:
            return found
    return []


def _is_clear(products: list[float], gradient: float) -> bool:
    """Whether two terms or more have a largest one, and a sum with the sign of the gradient."""
    if len(products) < 2:
        return False
    *_, second, largest = sorted(map(abs, products))
    total, rounding = sum(products), HALF_DIGIT * (len(products) + 1)
    return largest - second > _CLEAR and abs(total) > rounding and total * gradient > 0


def _nudged(learner: Learner, drawing: LearnerDrawing, neuron: int, at: int) -> Decimal:
    gradient = nets.nudged_gradient(learner.first, drawing, "full1.weight", neuron, at)
    return shown_value(gradient)


EXAMPLES: Mapping[str, Callable[[Learner, int, Draw], WorkedExample]] = {
    "worked_cell": one_cell,
    "error_table": one_weight,
}
"""By the name of the interactive part."""
