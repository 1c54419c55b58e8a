"""The tricks lab: what becomes of votes when a picture is shifted, scaled, turned, or drawn bolder
or finer; where they break, and the match that was lost there; and the same for a whole set.

A *dial* turns one of the deck's trickier cases from one side to the other, evenly, with "as it is"
in its middle. How far it goes follows from the shape of the net's pictures alone: as far as a
person still knows most of them. What a size of a dial does to a picture is what training's tricks
do (`reference/augmentation.py`), and what the net says of it the engine computes.
"""

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

from ...core.array_types import Float32, Float64, Labels
from ...core.errors import DataError, LimitError, shown
from ...core.progress import OnProgress, Progress
from ...data.audio.preprocessor import AudioPreprocessor
from ...data.loading.ordered_map import ordered_map
from ...data.preprocessing import Preprocessor
from ...inputs import check_examples, check_labels, layer_inputs
from ...network import Network
from ...reference.augmentation import GeometricDraws, apply_geometric
from ...trace.walk import Walk
from ..retraining.parallel_training import checked_threads
from .literal_matching import LiteralMatcher, as_bytes, unchanged_fraction

SHIFT = 0.25
"""How far a picture is shifted to each side, of that side: in whole pixels."""
STEPS = 8
"""Sizes to each side of "as it is", at most, of shifts and of stroke weights."""
SCALINGS = tuple(number / 10 for number in range(5, 16))
"""From half the size to half as large again."""
ROTATIONS = tuple(float(5 * number) for number in range(-9, 10))
"""Degrees, clockwise: at 45 an X is a plus."""
WEIGHT = 1 / 28
"""How much thicker or thinner strokes become on each of their sides, of the picture's shorter side:
a pixel of 28. More would leave nothing of a pen's stroke."""
MOST_WEIGHT = 3.0
_BLOCK = 1 << 19  # numbers of pictures that are changed at a time


@dataclass(frozen=True)
class Perturbation:
    """One way to change pictures. ``name``: "right", "down", "scale", "rotation" or "stroke_width";
    ``trick``: which of the knobs of `Augmentation` it belongs to; ``sizes``, evenly apart, in its
    ``unit``; ``drawn``: the same as `reference.tricks.Draws` counts them; ``reach``: what the knob
    has to be for training to go as far as the dial."""

    name: str
    kind: str
    unit: str
    sizes: tuple[float, ...]
    drawn: tuple[float, ...]
    training_range: float

    @property
    def unchanged_index(self) -> int:
        """The number of the size that changes nothing: the middle one."""
        return len(self.sizes) // 2

    def apply(self, pictures: Float32, number: int, ground: str) -> Float32:
        """Prepared pictures (N, C, H, W) at one of the sizes, by its number; the same shape."""
        none, size = np.zeros(1), np.array([self.drawn[number]])
        still = GeometricDraws(none, none, np.ones(1), none, none, np.array([False]))
        changed = still._replace(**{self.name: size})
        return apply_geometric(changed, pictures, ground).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Plain values: what a curve stands over."""
        return {
            "name": self.name,
            "kind": self.kind,
            "unit": self.unit,
            "sizes": list(self.sizes),
            "unchanged_index": self.unchanged_index,
        }


def perturbations(preprocessor: Preprocessor) -> tuple[Perturbation, ...]:
    """The dials there are for what is prepared like this: of pictures a shift to the right and one
    down, scaling, rotation and stroke weight; of sounds a shift in time; LimitError for texts."""
    _, height, width = preprocessor.shape
    if preprocessor.kind == "texts":
        raise LimitError("tricks: got a net that reads texts, wanted one for pictures or sounds")
    if isinstance(preprocessor, AudioPreprocessor):
        seconds = preprocessor.hop / preprocessor.rate
        found = [_shift("right", width, "seconds", seconds)]
    else:
        found = [_shift("right", width, "pixels"), _shift("down", height, "pixels")]
        if min(height, width) > 1:  # a line cannot be turned, and has no strokes
            reach = round(min(MOST_WEIGHT, WEIGHT * min(height, width)), 2)
            weights = tuple(reach * number / STEPS for number in range(-STEPS, STEPS + 1))
            found += [
                _dial("scale", "times", SCALINGS),
                _dial("rotation", "degrees", ROTATIONS),
                _dial("stroke_width", "pixels", weights),
            ]
    found = [perturbation for perturbation in found if len(perturbation.sizes) > 1]
    if not found:
        raise LimitError(f"tricks: got inputs of {width} x {height}, wanted two pixels or more")
    return tuple(found)


def _dials_of(net: Network) -> tuple[Perturbation, ...]:
    """The dials there are for a net; words without their preparation are texts, too."""
    if net.architecture.reads_texts:
        raise LimitError("tricks: got a net that reads texts, wanted one for pictures or sounds")
    return perturbations(net.preprocessor)


def _shift(name: str, side: int, unit: str, per_pixel: float = 1.0) -> Perturbation:
    """Whole pixels, so that nothing is blurred on the way."""
    reach = max(1, round(SHIFT * side)) if side > 1 else 0
    step = -(-reach // STEPS) or 1
    most = reach // step
    pixels = tuple(float(step * number) for number in range(-most, most + 1))
    sizes = tuple(round(one * per_pixel, 6) for one in pixels)
    return Perturbation(name, "translation", unit, sizes, pixels, pixels[-1] / side)


def _dial(name: str, unit: str, sizes: tuple[float, ...]) -> Perturbation:
    return Perturbation(name, name, unit, sizes, sizes, (sizes[-1] - sizes[0]) / 2)


def area(heights: Sequence[float]) -> float:
    """The area under a curve over the evenly spaced sizes of a dial, by the trapezoid rule, as the
    mean height: 1 if it is 1 all along."""
    return fsum([*heights[1:-1], heights[0] / 2, heights[-1] / 2]) / (len(heights) - 1)


class LostMatch(NamedTuple):
    """The match that was lost: the map of the ``stack`` that votes, whose votes for the label fell
    most, from ``before`` to ``after``; and where the map's strongest value stood, before."""

    layer: str
    feature: int
    before: float
    after: float
    row: int
    column: int


class Break(NamedTuple):
    """Where a curve breaks: the first size, from "as it is" outwards, at which another class wins.
    ``lost`` is None if it is the picture as it is that is taken for another class."""

    size: float
    size_index: int
    """Of the size, among the dial's."""
    predicted: int
    lost_match: LostMatch | None

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the fields."""
        return {**self._asdict(), "lost_match": self.lost_match and self.lost_match._asdict()}


@dataclass(frozen=True)
class Curve:
    """What a net says of one picture over the sizes of a dial: ``logits`` and ``probabilities``
    (sizes, classes); ``same``: the share of pixels that are as they were, by literal comparison;
    and where ``label`` no longer wins, below and above "as it is" (None: nowhere)."""

    perturbation: Perturbation
    label: int
    logits: Float32
    probabilities: Float32
    equal_pixels: tuple[float, ...]
    below: Break | None
    above: Break | None

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the fields, those of the dial among them."""
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
    net: Network, example: npt.ArrayLike, label: int | None = None
) -> list[Curve]:
    """The curves of one example, as `Network.read` or a data set gives it, a curve a dial;
    ``label``: the number of the class that is watched, the net's answer if it is left out.

    Raises DataError where the example does not fit the net or there is no such class, and
    LimitError for a net that reads texts.
    """
    turning = _dials_of(net)
    picture = layer_inputs(net, np.asarray(example)[None])
    if label is None:
        label = int(net.logits(picture)[0].argmax())
    check_labels(net, np.array([label]))
    as_it_is = _Votes(net.walk(picture[0]), int(label))
    return [_curve(net, picture, perturbation, as_it_is) for perturbation in turning]


def _curve(net: Network, picture: Float32, perturbation: Perturbation, as_it_is: _Votes) -> Curve:
    ground, middle = net.preprocessor.background, perturbation.unchanged_index
    turned = [
        perturbation.apply(picture, number, ground) for number in range(len(perturbation.sizes))
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
    """The picture as it is, walked through, and the class whose votes are watched."""

    walk: Walk
    label: int

    @cached_property
    def by_map(self) -> Float64:
        return self._by_map(self.walk)

    def _by_map(self, walk: Walk) -> Float64:
        return walk.ledger(self.label, back_to=self.walk.voting_layer).by_map()

    def lost(self, after: Walk) -> LostMatch:
        """The map whose votes for the class fell most from this walk to another."""
        stack, was, became = self.walk.voting_layer, self.by_map, self._by_map(after)
        feature = int((became - was).argmin())
        values = self.walk[stack][feature]
        row, column = divmod(int(values.argmax()), values.shape[1])
        return LostMatch(stack, feature, float(was[feature]), float(became[feature]), row, column)


@dataclass(frozen=True)
class DatasetCurve:
    """Of a whole set, the share that is answered rightly at each size of a dial; ``literal``: by
    literal comparison with the pictures learned from (None: there was nothing to compare with)."""

    perturbation: Perturbation
    accuracies: tuple[float, ...]
    literal: tuple[float, ...] | None = None

    @property
    def area(self) -> float:
        """Under the curve of accuracy over the dial, see `area`."""
        return area(self.accuracies)

    @property
    def literal_area(self) -> float | None:
        return None if self.literal is None else area(self.literal)

    def to_json(self) -> dict[str, Any]:
        """Plain values: the dial, accuracies and areas."""
        return {
            **self.perturbation.to_json(),
            "accuracies": list(self.accuracies),
            "area": self.area,
            "literal_accuracies": None if self.literal is None else list(self.literal),
            "literal_area": self.literal_area,
        }


@dataclass(frozen=True)
class DatasetRobustness:
    """The curves of a set of ``n`` pictures; and with how many others, ``literal_n``, they were
    compared pixel by pixel (0: not)."""

    n: int
    literal_n: int
    curves: tuple[DatasetCurve, ...]

    @property
    def areas(self) -> dict[str, float]:
        """By trick; that of translation is the mean of its two dials."""
        return self._by_trick([curve.area for curve in self.curves])

    @property
    def literal_areas(self) -> dict[str, float] | None:
        found = [curve.literal_area for curve in self.curves]
        known = [one for one in found if one is not None]
        return self._by_trick(known) if len(known) == len(found) else None

    def _by_trick(self, found: list[float]) -> dict[str, float]:
        of: dict[str, list[float]] = {}
        for curve, one in zip(self.curves, found, strict=True):
            of.setdefault(curve.perturbation.kind, []).append(one)
        return {trick: fsum(areas) / len(areas) for trick, areas in of.items()}

    def to_json(self) -> dict[str, Any]:
        """Plain values: n, literal_n, areas and literal_areas by trick, curves."""
        return {
            "n": self.n,
            "literal_n": self.literal_n,
            "areas": self.areas,
            "literal_areas": self.literal_areas,
            "curves": [curve.to_json() for curve in self.curves],
        }


def dataset_robustness(
    net: Network,
    pictures: npt.ArrayLike,
    labels: npt.ArrayLike,
    literal_to: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    *,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
) -> DatasetRobustness:
    """The curves of pictures (N, C, H, W) with class numbers (N,), a curve a dial.

    ``literal_to``: pictures and class numbers that each is compared with pixel by pixel, too.
    ``on_progress``: called with the number of pictures classified so far, at all sizes.
    ``threads``: as many as there are processors, if left out; the result is the same for
    any number. However many pictures there are, half a million numbers at a time are changed.
    Raises what `Network.logits` does, and LimitError for a net that reads texts.
    """
    turning = _dials_of(net)
    given, right = check_examples(net, pictures, labels)
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


def _set_curve(
    perturbation: Perturbation, found: npt.NDArray[np.float64], is_compared: bool
) -> DatasetCurve:
    accuracies, literal = (tuple(row) for row in found.tolist())
    return DatasetCurve(perturbation, accuracies, literal if is_compared else None)


def _literal(net: Network, literal_to: tuple[npt.ArrayLike, npt.ArrayLike]) -> LiteralMatcher:
    if not isinstance(literal_to, tuple | list) or len(literal_to) != 2:
        raise DataError(f"literal_to: got {shown(literal_to)}, wanted two: pictures and labels")
    given, right = check_examples(net, *literal_to)
    block = max(1, _BLOCK // given[0].size)
    blocks = (given[start : start + block] for start in range(0, len(given), block))
    return LiteralMatcher(
        np.concatenate([as_bytes(layer_inputs(net, some)) for some in blocks]), right
    )
