"""Which of the examples caused an answer? Nets are taught anew, each without one example (or one
group of them), and what was asked is asked again.

All else stays as it was: first weights, the order of pictures, draws of dropout and tricks. The
place of what is left out is held by another picture that has no weight, so that nothing of it is
left, not even in norm's statistics, and the difference is its doing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...core.array_types import Float64, Labels
from ...core.errors import DataError, shown
from ...core.portable_math import exp, log
from ...core.progress import OnProgress
from ...inputs import check_examples
from ...network import Network
from ...reference.losses import shifted_exponentials
from ...training.train import train
from ..retraining.cost import SEEDS, Cost, cost
from ..retraining.parallel_training import side_by_side

BEYOND = 2.0
"""How far a harm must stand out, in units of the scatter that training has anyway, to count."""
LEAST_CHANCE = 0.01
"""What chances from 0 to 1 are brought to from, before their logarithm: how wrong a net is beyond
is an accident of its training, and would drown what is looked for."""


@dataclass(frozen=True)
class Influence:
    """What was left out: its ``name`` and the ``indices`` of its examples.

    ``harm``: how much the mean loss (minus the logarithm of the right class's chance, 4.6 at most)
    of what was asked falls without it; ``noise``: the scatter
    of that over all that was left out, the middle half of it, as a deviation. ``probability``: of
    the right class, mean over what was asked, by nets that learned from it all;
    ``without``: by the nets that did not learn from this. ``answers`` and ``answers_without``: the
    classes they named. ``doubt``: the mean loss of its own labels by nets that did not learn from
    it: high if the label is wrong, or the example like no other. ``score``: what they are sorted
    by, see `influential_examples`.
    """

    name: str
    indices: tuple[int, ...]
    score: float
    harm: float
    noise: float
    doubt: float
    probability: float | None
    without: float | None
    answers: tuple[str, ...]
    answers_without: tuple[str, ...]

    @property
    def changes(self) -> bool:
        """Whether any answer to what was asked is another one without it."""
        return self.answers != self.answers_without

    @property
    def own_chance(self) -> float:
        """How likely nets without it find its own labels: the mean, as the doubt has it."""
        return max(0.0, (math.exp(-self.doubt) - LEAST_CHANCE) / (1 - LEAST_CHANCE))

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the fields, and whether the answer changes."""
        lists = {"indices": list(self.indices), "answers": list(self.answers)}
        without = {"answers_without": list(self.answers_without), "changes": self.changes}
        return {**vars(self), **lists, **without}


class _Question(NamedTuple):
    """Pictures that were asked about and their right classes; none: an empty question."""

    pictures: npt.NDArray[Any]
    right: Labels


class _Found(NamedTuple):
    """The logarithms of chances of the right classes: of what was asked, and of all that can be
    left out, each (n,); and the classes named."""

    asked: Float64
    own: Float64
    named: Labels


def influential_examples(
    net: Network,
    pictures: npt.ArrayLike,
    labels: npt.ArrayLike,
    asked: npt.ArrayLike | None = None,
    right: npt.ArrayLike | None = None,
    *,
    groups: Sequence[str] | npt.NDArray[np.str_] | None = None,
    names: Sequence[str] = (),
    layers: str | None = None,
    epochs: int | None = None,
    seeds: int = SEEDS,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
) -> list[Influence]:
    """What made the net answer as it does, most harmful first: examples, or ``groups`` (N,) of
    them, each left out in turn while nets are taught anew (and ``net`` stays as it is).

    ``pictures`` and ``labels`` (N,): what it learned from, with ``names`` if there are any.
    ``asked`` and ``right`` (M,): what was answered wrongly, and the classes that a person says are
    right. The ``score`` that sorts is how far the loss of these falls beyond the scatter that
    training has anyway (`BEYOND`), in units of it, plus the `doubt` of the left-out label itself: a
    label that nets without it doubt is the likelier cause. With no question, the doubt alone.

    What is taught is ``layers`` for ``epochs``, or what the net itself was; where that is much
    work, its recipe is cut short, and small layers learn in the place of large ones (`cost` tells
    which). ``seeds``: over so many it is averaged. ``on_progress``, ``threads``: see
    `side_by_side`. The same arguments give the same bits, for any number of threads. Raises
    DataError, LimitError, TrainingError.
    """
    given, known = check_examples(net, pictures, labels)
    question = _question(net, asked, right)
    left_out = _left_out(len(known), groups, names)
    price = cost(net, len(known), len(left_out), layers=layers, epochs=epochs, seeds=seeds)
    teacher = _Teacher(net, given, known, question, price)
    sets: list[tuple[int, ...]] = [(), *left_out.values()]
    jobs = [teacher.job(out, price.recipe.seed + number) for number in range(seeds) for out in sets]
    small = "small " if layers is None and price.layers != net.notation else ""
    stage = f"teaching {len(jobs):,} {small}nets, each without something"
    found = side_by_side(jobs, price.recipe.epochs, stage, on_progress, threads)
    by_set = [found[number :: len(sets)] for number in range(len(sets))]
    return _ranked(net.classes, left_out, by_set, question)


class _Teacher:
    """Teaches nets without something, and asks them."""

    def __init__(
        self,
        net: Network,
        pictures: npt.NDArray[Any],
        labels: Labels,
        question: _Question,
        price: Cost,
    ) -> None:
        self.net, self.pictures, self.labels = net, pictures, labels
        self.question, self.price = question, price

    def job(self, out: tuple[int, ...], seed: int) -> Callable[[OnProgress], _Found]:
        """Teaches a net without these examples."""

        def taught(report: OnProgress) -> _Found:
            net, pictures = self.net, self.pictures
            pupil = Network(self.price.layers, net.input, net.classes, seed, net.preprocessor)
            weights = np.ones(len(self.labels), np.float32)
            if out:
                pictures, weights[list(out)] = self._without(out), 0
            recipe = replace(self.price.recipe, seed=seed)
            train(pupil, pictures, self.labels, recipe, None, report, 1, sample_weight=weights)
            return self._answers(pupil, out)

        return taught

    def _without(self, out: tuple[int, ...]) -> npt.NDArray[Any]:
        """The pictures, with others in the places of these: the next ones that stay."""
        pictures, gone = self.pictures.copy(), set(out)
        stay = [index for index in range(len(pictures)) if index not in gone]
        for number, index in enumerate(out):
            pictures[index] = self.pictures[stay[(index + number) % len(stay)]]
        return pictures

    def _answers(self, pupil: Network, out: tuple[int, ...]) -> _Found:
        """What it says of the question, and of what was left out."""
        asked, right = self.question
        nothing = np.empty(0)
        own, named, chances = nothing, np.empty(0, np.int64), nothing
        if len(right):
            logits = pupil.logits(asked, 1)
            chances, named = _log_chances(logits, right), logits.argmax(axis=1)
        if out:
            places = list(out)
            labels = self.labels[places]
            own = _log_chances(pupil.logits(self.pictures[places], 1), labels)
            own[~np.isin(labels, np.delete(self.labels, places))] = 0.0  # nobody could know them
        return _Found(chances, own, named)


def _log_chances(logits: npt.NDArray[np.float32], right: Labels) -> Float64:
    """The logarithm of the chance of each right class, (N, classes) -> (N,), softly bounded."""
    _, exponentials, _ = shifted_exponentials(logits.astype(np.float64))
    sums = np.array([math.fsum(row) for row in exponentials.tolist()])
    chances = exponentials[np.arange(len(right)), right] / sums
    return np.asarray(log(LEAST_CHANCE + (1 - LEAST_CHANCE) * chances))


def _ranked(
    classes: tuple[str, ...],
    left_out: dict[str, tuple[int, ...]],
    by_set: list[list[_Found]],
    question: _Question,
) -> list[Influence]:
    """Means over seeds, scores, and the order: by score, equal ones by what was left out first."""
    with_all, *without = by_set
    asks = bool(len(question.right))
    doubts = [-_mean([one.own for one in some]) for some in without]
    harms = [0.0] * len(without)
    if asks:
        before = _mean([one.asked for one in with_all])
        harms = [_mean([one.asked for one in some]) - before for some in without]
    noise, middle = _scatter(harms), _middle(harms)
    made = []
    for (name, indices), some, harm, doubt in zip(
        left_out.items(), without, harms, doubts, strict=True
    ):
        score = doubt + (max(0.0, (harm - middle) / noise - BEYOND) if noise else 0.0)
        made.append(
            Influence(
                name,
                indices,
                score,
                harm,
                noise,
                doubt,
                _chance(with_all) if asks else None,
                _chance(some) if asks else None,
                _named(classes, with_all),
                _named(classes, some),
            )
        )
    return sorted(made, key=lambda one: -one.score)


def _mean(columns: list[Float64]) -> float:
    """The mean of all numbers of all seeds."""
    numbers = [number for column in columns for number in column.tolist()]
    return math.fsum(numbers) / len(numbers)


def _chance(found: list[_Found]) -> float:
    shares = [(exp(one.asked) - LEAST_CHANCE) / (1 - LEAST_CHANCE) for one in found]
    return _mean([np.maximum(share, 0) for share in shares])  # the logarithm left less than nothing


def _named(classes: tuple[str, ...], found: list[_Found]) -> tuple[str, ...]:
    """The class that most seeds name for each thing asked, the first of those equally often."""
    columns = zip(*(one.named.tolist() for one in found), strict=True)
    return tuple(classes[max(sorted(set(column)), key=column.count)] for column in columns)


def _middle(numbers: list[float]) -> float:
    ordered = sorted(numbers)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


_TO_DEVIATION = 1.4826
"""What the median distance from the median is multiplied by, to be the deviation of a bell."""


def _scatter(numbers: list[float]) -> float:
    """The deviation that the middle half of the numbers have: the few that stand out do not
    count."""
    middle = _middle(numbers)
    return _TO_DEVIATION * _middle([abs(number - middle) for number in numbers])


def _question(net: Network, asked: npt.ArrayLike | None, right: npt.ArrayLike | None) -> _Question:
    """What was asked, checked; one picture without its first axis is one, too."""
    if (asked is None) != (right is None):
        raise DataError("culprits: got asked or right alone, wanted both, or none of them")
    if asked is None or right is None:
        return _Question(np.empty(0), np.empty(0, np.int64))
    given = np.asarray(asked)
    if given.ndim == (1 if net.architecture.reads_texts else 3) and np.ndim(right) == 0:
        given, right = given[None], np.asarray(right)[None]
    return _Question(*check_examples(net, given, right))


def _left_out(
    count: int, groups: Sequence[str] | npt.NDArray[np.str_] | None, names: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """What is left out in turn, by its name: each example, or each group, in the order of the
    first of each."""
    if len(names) not in (0, count):
        raise DataError(f"culprits: got {len(names)} names, wanted {count}, one per picture")
    sets: dict[str, tuple[int, ...]]
    if groups is None:
        told = list(names) or [f"example {index}" for index in range(count)]
        if len(set(told)) < count:
            told = [f"{name} (example {index})" for index, name in enumerate(told)]
        sets = {name: (index,) for index, name in enumerate(told)}
    else:
        if len(groups) != count:
            raise DataError(f"culprits: got {len(groups)} groups, wanted {count}, one per picture")
        found: dict[str, list[int]] = {}
        for index, group in enumerate(groups):
            found.setdefault(str(group), []).append(index)
        sets = {name: tuple(indices) for name, indices in found.items()}
    if len(sets) < 2:
        raise DataError(
            f"culprits: got {shown(sorted(sets))} to leave out, wanted two or more, so that "
            "something is left to learn from"
        )
    return sets
