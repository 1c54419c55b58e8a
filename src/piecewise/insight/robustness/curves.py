"""Robustness curves: predictions for inputs that are shifted, scaled, rotated or redrawn."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import fsum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...core.array_types import Examples, Float32, Float64, Labels
from ...core.errors import DataError, shown
from ...core.progress import OnProgress, Progress
from ...data.loading.ordered_map import ordered_map
from ...inputs import check_examples, layer_inputs
from ...network import Network
from ...spec.class_numbers import class_number
from ...trace.walk import Walk
from ..retraining.parallel_training import checked_threads
from .literal_matching import LiteralMatcher, as_bytes, unchanged_fraction
from .perturbations import Perturbation, perturbations_of

_BLOCK = 1 << 19  # values of inputs that are changed at a time


def area(heights: Sequence[float]) -> float:
    """The mean height of a curve over evenly spaced sizes of a perturbation, by trapezoids; it is 1
    if the curve is 1 everywhere."""
    return fsum([*heights[1:-1], heights[0] / 2, heights[-1] / 2]) / (len(heights) - 1)


class LostMatch(NamedTuple):
    """The map of the voting layer whose votes for the label fell most, from ``before`` to
    ``after``, and the row and column of its largest value before the change.
    """

    layer: str
    feature: int
    before: float
    after: float
    row: int
    column: int


class Break(NamedTuple):
    """The size nearest to the unchanged input at which another class is predicted. ``lost_match``
    is None if the unchanged input itself is predicted as another class.
    """

    size: float
    size_index: int
    """Index of the size in the perturbation's sizes."""
    predicted: int
    lost_match: LostMatch | None

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the fields."""
        return {**self._asdict(), "lost_match": self.lost_match and self.lost_match._asdict()}


@dataclass(frozen=True)
class Curve:
    """Predictions for one input over the sizes of a perturbation."""

    perturbation: Perturbation
    """The perturbation."""
    label: int
    """The class whose probability is observed."""
    logits: Float32
    """Outputs of the net (sizes, classes)."""
    probabilities: Float32
    """The probabilities of the classes (sizes, classes)."""
    equal_pixels: tuple[float, ...]
    """Fraction of the pixels that equal those of the unchanged input."""
    below: Break | None
    """The nearest smaller size at which the label is no longer predicted."""
    above: Break | None
    """The nearest larger one."""

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the fields, including those of the perturbation."""
        return {
            **self.perturbation.to_json(),
            "label": self.label,
            "logits": self.logits.tolist(),
            "probabilities": self.probabilities.tolist(),
            "equal_pixels": list(self.equal_pixels),
            "below": self.below and self.below.to_json(),
            "above": self.above and self.above.to_json(),
        }


def example_robustness(
    net: Network, example: npt.ArrayLike, label: int | str | None = None
) -> list[Curve]:
    """Compute the robustness curves of one input.

    Parameters
    ----------
    net : Network
        The net.
    example : array (channels, height, width)
        A preprocessed input.
    label : int or str, optional
        Class number whose probability is observed; the predicted class by default.

    Returns
    -------
    list of Curve
        One per perturbation.

    Raises
    ------
    DataError
        If the example does not fit the net.
    LimitError
        If the net reads texts, or there is no such class.

    References
    ----------
    D. Hendrycks and T. Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions
    and Perturbations", ICLR 2019.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(1, 9, seed=0)
    >>> net = pw.Network("conv 2 3, relu, full", (1, 9, 9), ["X", "O"])
    >>> [curve.perturbation.name for curve in pw.example_robustness(net, xo.inputs[0])]
    ['right', 'down', 'scale', 'rotation', 'stroke_width']
    """
    turning = perturbations_of(net)
    picture = layer_inputs(net, np.asarray(example)[None])
    if label is None:
        label = int(net.logits(picture)[0].argmax())
    as_it_is = _Votes(net.walk(picture[0]), class_number(net.classes, label))
    return [_curve(net, picture, perturbation, as_it_is) for perturbation in turning]


def _curve(net: Network, picture: Float32, perturbation: Perturbation, as_it_is: _Votes) -> Curve:
    background, middle = net.preprocessor.background, perturbation.unchanged_index
    turned = [
        perturbation.apply(picture, number, background) for number in range(len(perturbation.sizes))
    ]
    logits = net.logits(np.concatenate(turned))
    was = as_bytes(picture)
    same = tuple(unchanged_fraction(was, as_bytes(one)) for one in turned)
    answers, label = logits.argmax(axis=1).tolist(), as_it_is.label

    def broken(outwards: range) -> Break | None:
        number = next((one for one in outwards if answers[one] != label), None)
        if number is None:
            return None
        lost = None if number == middle else as_it_is.lost(net.walk(turned[number][0]))
        return Break(perturbation.sizes[number], number, answers[number], lost)

    below, above = broken(range(middle, -1, -1)), broken(range(middle, len(answers)))
    return Curve(perturbation, label, logits, net.probabilities_of(logits), same, below, above)


@dataclass(frozen=True)
class _Votes:
    """The walk of the unchanged input, and the class whose votes are compared."""

    walk: Walk
    label: int

    @cached_property
    def by_map(self) -> Float64:
        return self._by_map(self.walk)

    def _by_map(self, walk: Walk) -> Float64:
        return walk.vote_arrays(self.label, self.walk.voting_layer).by_map()

    def lost(self, after: Walk) -> LostMatch:
        """The map whose votes for the class fell most from this walk to another."""
        stack, was, became = self.walk.voting_layer, self.by_map, self._by_map(after)
        feature = int((became - was).argmin())
        values = self.walk[stack][feature]
        row, column = divmod(int(values.argmax()), values.shape[1])
        return LostMatch(stack, feature, float(was[feature]), float(became[feature]), row, column)


@dataclass(frozen=True)
class DatasetCurve:
    """Accuracies on a data set over the sizes of a perturbation.

    ``literal``: the accuracies of the nearest training example, pixel by pixel, as a baseline; None
    if there were no training examples.
    """

    perturbation: Perturbation
    accuracies: tuple[float, ...]
    literal: tuple[float, ...] | None = None

    @property
    def area(self) -> float:
        """The area under the curve of accuracy, see `area`."""
        return area(self.accuracies)

    @property
    def literal_area(self) -> float | None:
        return None if self.literal is None else area(self.literal)

    def to_json(self) -> dict[str, Any]:
        """Plain values: the perturbation, accuracies and areas."""
        return {
            **self.perturbation.to_json(),
            "accuracies": list(self.accuracies),
            "area": self.area,
            "literal_accuracies": None if self.literal is None else list(self.literal),
            "literal_area": self.literal_area,
        }


@dataclass(frozen=True)
class DatasetRobustness:
    """Robustness curves of ``n`` examples. ``literal_n``: the number of training examples of the
    baseline, or 0.
    """

    n: int
    literal_n: int
    curves: tuple[DatasetCurve, ...]

    @property
    def areas(self) -> dict[str, float]:
        """The area for each kind of augmentation; for translation, the mean of both directions."""
        return self._by_kind([curve.area for curve in self.curves])

    @property
    def literal_areas(self) -> dict[str, float] | None:
        found = [curve.literal_area for curve in self.curves]
        known = [one for one in found if one is not None]
        return self._by_kind(known) if len(known) == len(found) else None

    def _by_kind(self, found: list[float]) -> dict[str, float]:
        of: dict[str, list[float]] = {}
        for curve, one in zip(self.curves, found, strict=True):
            of.setdefault(curve.perturbation.kind, []).append(one)
        return {kind: fsum(areas) / len(areas) for kind, areas in of.items()}

    def to_json(self) -> dict[str, Any]:
        """Plain values: n, literal_n, areas and literal_areas by kind, curves."""
        return {
            "n": self.n,
            "literal_n": self.literal_n,
            "areas": self.areas,
            "literal_areas": self.literal_areas,
            "curves": [curve.to_json() for curve in self.curves],
        }


def dataset_robustness(
    net: Network,
    inputs: npt.ArrayLike,
    labels: npt.ArrayLike,
    literal_to: Examples | None = None,
    *,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
) -> DatasetRobustness:
    """Measure the accuracy on a data set under every perturbation.

    Each perturbation is measured on its own, in every size, on all inputs.

    Parameters
    ----------
    net, inputs, labels
        See `error_table`.
    literal_to : (inputs, labels), optional
        Training examples for the baseline: the label of the nearest one, pixel by pixel.
    on_progress, threads
        See `train`. The progress counts predictions.

    Returns
    -------
    DatasetRobustness
        Curves of accuracy, and the areas under them.

    Raises
    ------
    DataError
        If the inputs do not fit the net or the labels.
    LimitError
        If the net reads texts.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(8, 9, seed=0)
    >>> net = pw.Network("conv 2 3, relu, full", (1, 9, 9), ["X", "O"])
    >>> sorted(pw.dataset_robustness(net, xo.inputs, xo.labels).areas)
    ['rotation', 'scale', 'stroke_width', 'translation']
    """
    turning = perturbations_of(net)
    given, right = check_examples(net, inputs, labels)
    literal = None if literal_to is None else _literal(net, literal_to)
    block = max(1, _BLOCK // given[0].size)
    starts = range(0, len(given), block)
    every = [
        (perturbation, number, start)
        for perturbation, start in product(range(len(turning)), starts)
        for number in range(len(turning[perturbation].sizes))
    ]

    def turned(one: tuple[int, int, int]) -> tuple[Float32, Labels | None]:
        perturbation, number, start = one
        some = layer_inputs(net, given[start : start + block])
        changed = turning[perturbation].apply(some, number, net.preprocessor.background)
        return changed, literal.answers(changed) if literal else None

    counts = [np.zeros((2, len(perturbation.sizes)), np.int64) for perturbation in turning]
    done, of = 0, len(given) * sum(len(perturbation.sizes) for perturbation in turning)
    with closing(ordered_map([[one] for one in every], turned, checked_threads(threads))) as coming:
        for (perturbation, number, start), (changed, compared) in zip(every, coming, strict=True):
            wanted = right[start : start + block]
            counts[perturbation][0, number] += int(
                (net.logits(changed).argmax(axis=1) == wanted).sum()
            )
            if compared is not None:
                counts[perturbation][1, number] += int((compared == wanted).sum())
            done += len(wanted)
            if on_progress:
                on_progress(Progress("measuring", done, of))
    curves = [
        _set_curve(perturbation, found / len(given), literal is not None)
        for perturbation, found in zip(turning, counts, strict=True)
    ]
    return DatasetRobustness(len(given), len(literal) if literal else 0, tuple(curves))


def _set_curve(perturbation: Perturbation, found: Float64, is_compared: bool) -> DatasetCurve:
    accuracies, literal = (tuple(row) for row in found.tolist())
    return DatasetCurve(perturbation, accuracies, literal if is_compared else None)


def _literal(net: Network, literal_to: Examples) -> LiteralMatcher:
    if not isinstance(literal_to, tuple | list) or len(literal_to) != 2:
        raise DataError(f"literal_to: got {shown(literal_to)}, wanted two: inputs and labels")
    given, right = check_examples(net, *literal_to)
    block = max(1, _BLOCK // given[0].size)
    blocks = (given[start : start + block] for start in range(0, len(given), block))
    return LiteralMatcher(
        np.concatenate([as_bytes(layer_inputs(net, some)) for some in blocks]), right
    )
