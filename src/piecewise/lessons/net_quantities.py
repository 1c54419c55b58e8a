"""The quantities of nets, drawings and walks that a lesson can name.

Maps, rows, columns and classes are counted from 1 in lessons.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from ..core.array_types import Array
from ..core.errors import did_you_mean, shown
from ..core.portable_math import exp, log
from ..insight.attribution.receptive_field import receptive_field
from ..insight.evaluation.error_table import error_table
from ..network import Network
from ..spec.architecture import Architecture, Stage
from ..trace.arithmetic import Position, Why
from ..trace.vote_ledger import Ledger, Vote
from ..trace.walk import Walk
from .learner import Learner, LearnerDrawing
from .references import LessonError

INK = 128
"""Pixels that differ from the background by so many grey levels are ink."""


# Numbers that need no net.


def class_name(learner: Learner, number: int) -> str:
    """The name of a class, counted from 1."""
    return learner.classes[counted_index("class", number, len(learner.classes))]


def error(right: float, actual: float) -> float:
    """The deck's error: the difference of two answers without a sign."""
    return abs(right - actual)


def odds(difference: float) -> float:
    """How many times as probable a class is as another one whose score is lower by a difference."""
    return float(exp(difference))


def sigmoid(difference: float) -> float:
    """The probability of a class, of two, whose score is higher by a difference."""
    return odds(difference) / (odds(difference) + 1)


def log_loss(probability: float) -> float:
    """The loss if the right class has this probability; LessonError."""
    if not 0 < probability <= 1:
        raise LessonError(f"probability: got {probability}, wanted a number above 0, up to 1")
    return -float(log(probability))


def match(agreeing: int, pixels: int) -> float:
    """The match of a patch of which so many pixels agree with the feature."""
    _check_positive("pixels", pixels)
    return (2 * agreeing - pixels) / pixels


def window_rows(rows: int, window: int, stride: int) -> int:
    """The number of positions of a window that stays inside."""
    _check_positive("stride", stride)
    return len(range(0, rows - window + 1, stride))


def pooled_rows(rows: int, window: int, stride: int) -> int:
    """The number of positions of a window of pooling, partial ones included."""
    _check_positive("stride", stride)
    return len(range(0, max(rows - window, 0) + stride, stride))


def count_parameters(layers: str, side: int, classes: int) -> int:
    """The number of parameters of a net for images of one channel."""
    return Architecture(layers, (1, side, side), classes).parameter_count


# Drawings.


def ink_pixels(drawing: LearnerDrawing) -> Array:
    """Which pixels are ink, (rows, columns)."""
    levels = np.abs(drawing.pixels[0].astype(int) - drawing.paper)
    return np.asarray(levels >= INK)


def ink(drawing: LearnerDrawing) -> int:
    """The number of ink pixels."""
    return int(ink_pixels(drawing).sum())


def shared_ink(drawing: LearnerDrawing, down: int, right: int) -> int:
    """The ink pixels that lie on ink of the same drawing after a shift."""
    pixels = ink_pixels(drawing)
    return int((pixels & _shifted(pixels, down, right, 0)).sum())


def _shifted(plane: Array, down: int, right: int, paper: int) -> Array:
    """A plane, or planes, moved down and to the right; what leaves the edge is lost."""
    moved = np.full_like(plane, paper)
    rows, columns = plane.shape[-2:]
    moved[..., max(down, 0) : rows + min(down, 0), max(right, 0) : columns + min(right, 0)] = plane[
        ..., max(-down, 0) : rows - max(down, 0), max(-right, 0) : columns - max(right, 0)
    ]
    return moved


def shifted_drawing(drawing: LearnerDrawing, down: int, right: int) -> LearnerDrawing:
    """A drawing that is moved."""
    moved = _shifted(drawing.pixels, down, right, drawing.paper)
    return replace(drawing, pixels=moved)


# Nets.


def stage(net: Network, layer: str) -> Stage:
    """A layer of a net by its name; LessonError."""
    stages = {one.name: one for one in net.architecture.stages}
    if layer not in stages:
        raise LessonError(f"layer: got {shown(layer)}{did_you_mean(layer, stages)}")
    return stages[layer]


def output(net: Network, layer: str) -> tuple[int, ...]:
    """The maps, rows and columns that a layer gives."""
    return tuple(net.input) if layer == "input" else tuple(stage(net, layer).output)


def value_count(net: Network, layer: str) -> int:
    """The number of values that a layer gives."""
    return prod(output(net, layer))


def weight_count(net: Network, layer: str) -> int:
    """The number of parameters of a layer."""
    return sum(row.size for row in stage(net, layer).parameters)


def field_rows(net: Network, layer: str) -> int:
    """The rows of the input that a value in the first row of a layer can depend on."""
    output(net, layer)  # LessonError for an unknown layer
    return receptive_field(net.architecture, layer, 0, 0).shape[0]


def walk(net: Network, drawing: LearnerDrawing) -> Walk:
    """The walk of a drawing; LessonError if the net reads other images."""
    if drawing.pixels.shape != net.input:
        got, wanted = ("x".join(map(str, shape)) for shape in (drawing.pixels.shape, net.input))
        raise LessonError(f"drawing: got {got}, wanted {wanted}; use small or first")
    return net.walk(drawing.pixels)


def answer(net: Network, drawing: LearnerDrawing) -> str:
    """The class that a net names."""
    return net.classes[int(walk(net, drawing).logits.argmax())]


def probability(net: Network, drawing: LearnerDrawing) -> float:
    """The probability of the drawing's own class."""
    return float(walk(net, drawing).probabilities[drawing.label])


def total_error(learner: Learner, net: Network) -> float:
    """The errors of a net's answers for all drawings of the learner, added up."""
    return error_table(net, learner.data.inputs, learner.data.labels).total


def loss(net: Network, drawing: LearnerDrawing) -> float:
    """The loss of a net on one drawing."""
    return net.gradients(drawing.pixels[None], [drawing.label])[0]


def voting_weight(net: Network, name: str, row: int, column: int) -> float:
    """A weight of a fully connected layer."""
    return float(_array(net, name)[_index(net, name, row, column)])


def gradient(net: Network, drawing: LearnerDrawing, name: str, row: int, column: int) -> float:
    """The gradient of the loss on one drawing by a voting weight, by backpropagation."""
    index = _index(net, name, row, column)
    _, gradients = net.gradients(drawing.pixels[None], [drawing.label])
    return float(gradients[name][index])


def nudged_gradient(
    net: Network, drawing: LearnerDrawing, name: str, row: int, column: int
) -> float:
    """The same gradient by nudging."""
    index = _index(net, name, row, column)
    _, gradients = net.numerical_gradients(drawing.pixels[None], [drawing.label])
    return float(gradients[name][index])


def loss_at(
    net: Network, drawing: LearnerDrawing, name: str, row: int, column: int, change: float
) -> float:
    """The loss on one drawing after a change of a voting weight; the net stays as it is."""
    changed, index = copy.deepcopy(net), _index(net, name, row, column)
    array = changed.parameters[name].copy()
    array[index] += np.float32(change)
    changed.parameters[name] = array
    return loss(changed, drawing)


def stepped(
    net: Network, drawing: LearnerDrawing, name: str, row: int, column: int, rate: float
) -> float:
    """A voting weight after one step of gradient descent."""
    step = rate * gradient(net, drawing, name, row, column)
    return voting_weight(net, name, row, column) - step


def _array(net: Network, name: str) -> Array:
    arrays = dict(net.parameters.items())
    if name not in arrays or arrays[name].ndim != 2:
        known = [one for one, array in arrays.items() if array.ndim == 2]
        raise LessonError(f"weight: got {shown(name)}{did_you_mean(name, known)}")
    return arrays[name]


def _index(net: Network, name: str, row: int, column: int) -> tuple[int, int]:
    rows, columns = _array(net, name).shape
    return counted_index("neuron", row, rows), counted_index("value", column, columns)


# Walks.


def activation(walk: Walk, layer: str) -> Array:
    """The values of a layer; LessonError."""
    if layer not in walk:
        raise LessonError(f"layer: got {shown(layer)}{did_you_mean(layer, walk)}")
    return walk[layer]


def map_values(walk: Walk, layer: str, number: int) -> Array:
    """A map of a layer, counted from 1."""
    values = activation(walk, layer)
    plane: Array = values[counted_index("map", number, len(values))]
    return plane


def class_probability(walk: Walk, number: int) -> float:
    """The probability of a class, counted from 1."""
    return float(walk.probabilities[counted_index("class", number, len(walk.probabilities))])


def class_ledger(walk: Walk, number: int) -> Ledger:
    """The votes for a class, counted from 1."""
    return walk.ledger(counted_index("class", number, len(walk.probabilities)))


def cell(walk: Walk, layer: str, feature: int, row: int, column: int) -> Position:
    """A position, counted from 1."""
    sides = activation(walk, layer).shape
    indices = (
        counted_index(what, index, side)
        for what, index, side in zip(
            ("map", "row", "column"), (feature, row, column), sides, strict=True
        )
    )
    return Position(layer, *indices)


def extreme(walk: Walk, layer: str, sign: int) -> Position:
    """The position of the largest value of a layer, or of the smallest."""
    values = sign * activation(walk, layer)
    return Position(layer, *(int(at) for at in np.unravel_index(values.argmax(), values.shape)))


def zeros(walk: Walk, layer: str) -> int:
    """The number of values that are 0."""
    return int((activation(walk, layer) == 0).sum())


def negatives(walk: Walk, layer: str) -> int:
    """The number of values below 0."""
    return int((activation(walk, layer) < 0).sum())


def changed(walk: Walk, other: Walk, layer: str) -> int:
    """The number of values of a layer that differ in two walks."""
    return int((activation(walk, layer) != activation(other, layer)).sum())


def change(walk: Walk, other: Walk, layer: str) -> float:
    """The differences of two walks, added up without signs, as a fraction of all values of both;
    0 if all values are 0."""
    values, others = activation(walk, layer), activation(other, layer)
    total = float((np.abs(values) + np.abs(others)).sum())
    return float(np.abs(others - values).sum()) / total if total else 0.0


# Arithmetic.


def product_count(why: Why) -> int:
    """The number of products, without the bias."""
    return sum(term.position is not None for term in why.terms)


def product(why: Why, number: int) -> float:
    """A product, counted from 1."""
    products = [term.product for term in why.terms if term.position]
    return products[counted_index("product", number, len(products))]


def bias(why: Why) -> float:
    """The bias; 0 if there is none."""
    return next((term.weight for term in why.terms if term.position is None), 0.0)


def sum_without_bias(why: Why) -> float:
    """The sum of the products."""
    return float(sum(term.product for term in why.terms if term.position))


def vote(ledger: Ledger, number: int) -> Vote:
    """A vote, counted from 1."""
    return ledger.votes[counted_index("vote", number, len(ledger.votes))]


def map_votes(ledger: Ledger, number: int) -> float:
    """The sum of the votes of one map."""
    sums = ledger.by_map().tolist()
    return float(sums[counted_index("map", number, len(sums))])


def without_map(ledger: Ledger, number: int) -> float:
    """The logit if one map does not vote."""
    return ledger.logit - map_votes(ledger, number)


def _check_positive(what: str, number: int) -> None:
    if number < 1:
        raise LessonError(f"{what}: got {number}, wanted a number from 1")


def counted_index(what: str, number: Any, count: int) -> int:
    """The index of a number that is counted from 1; LessonError."""
    if not 1 <= number <= count:
        raise LessonError(f"{what}: got {number}, wanted a number from 1 to {count}")
    return int(number) - 1
