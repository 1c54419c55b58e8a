"""Why a net prefers one class to another, in one sentence: the strongest evidence for each.

The evidence of a class is what votes for it more than for its rival, by the vote ledger: maps of
the voting layer, or the words of a text. Only such differences decide which logit is larger.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum

import numpy as np

from ..core.array_types import Array, Float64
from ..core.plain_values import PlainRecord
from ..network import Network
from ..spec.architecture import Architecture
from ..trace.walk import Walk
from .attribution.coordinates import Coordinates
from .attribution.passages import Passage, passage_sums
from .attribution.saliency import Attribution, gradient_times_input

MOST_NAMED = 3
"""Maps or words that are named for a class."""
_NOTABLE = 1 / 3  # of the strongest vote; weaker ones are not named
_MAX_NAME = 40  # characters of a class or of words


@dataclass(frozen=True)
class Evidence(PlainRecord):
    """What votes for one class more than for another."""

    name: str
    """A map of the voting layer, or words of a text."""
    vote: float
    """Its votes for the explained class minus those for the rival."""


@dataclass(frozen=True)
class Reason(PlainRecord):
    """Why a net prefers a class to another one, or the other one to it."""

    sentence: str
    """The answer, its strongest evidence, and the strongest evidence against it."""
    label: int
    """The explained class."""
    rival: int
    """The class with the next largest logit, or the predicted class if another one is explained."""
    supporting: tuple[Evidence, ...]
    """The strongest evidence for the class."""
    opposing: tuple[Evidence, ...]
    """The strongest evidence for its rival; its votes are negative."""
    difference: float
    """The logit of the class minus that of its rival: the sum of all such votes and biases."""


def find_reason(
    net: Network,
    example: Array,
    walk: Walk,
    label: int,
    probabilities: Array,
    attribution: Attribution,
    coordinates: Coordinates,
    passages: list[Passage] | None,
) -> Reason | None:
    """The reason for a class; None if the net has only one. ``attribution``: its occlusion."""
    rival, predicted = rival_of(walk, label), _order(walk)[0]
    if rival is None:
        return None
    if coordinates.kind == "texts":
        votes = _word_votes(net, example, (label, rival), coordinates, passages)
        where = ""
    else:
        votes = _map_votes(walk, (label, rival))
        where = _where(attribution, coordinates)
    supporting, opposing = _strongest(votes.sums), _strongest(-votes.sums)
    difference = float(walk.logits[label]) - float(walk.logits[rival])
    biases = difference - fsum(votes.sums.tolist())
    ours, against = votes.phrase(supporting), votes.phrase(opposing)
    evidence = [where, ours and f"{ours}{votes.source}"]
    if biases > fsum(votes.sums[supporting].tolist()):
        evidence = ["the biases", *evidence]
    name, other = _short(net.classes[label]), _short(net.classes[rival])
    sentence = _sentence(
        f"{name} ({percent(probabilities[label])})",
        f"{other} ({percent(probabilities[rival])})",
        " and ".join(filter(None, evidence)) or "its biases",
        is_predicted=label == predicted,
    )
    contrary = f"there is no evidence for {other}"
    if against:
        source = "" if ours else votes.source
        contrary = f"the strongest evidence for {other} is {against}{source}"
    return Reason(
        f"{sentence}; {contrary}.",
        label, rival, votes.evidence(supporting), votes.evidence(opposing), difference,
    )  # fmt: skip


def _sentence(name: str, rival: str, evidence: str, *, is_predicted: bool) -> str:
    if is_predicted:
        return f"It says {name} rather than {rival} mostly because of {evidence}"
    return f"It says {rival}, not {name}, for which it found mostly {evidence}"


def rival_of(walk: Walk, label: int) -> int | None:
    """The class with the next largest logit, or the predicted class if another one is explained;
    None if there is only one."""
    return next((one for one in _order(walk) if one != label), None)


def _order(walk: Walk) -> list[int]:
    """The classes with the two largest logits."""
    return [int(index) for index in np.argsort(-walk.logits, kind="stable")[:2]]


def map_votes(walk: Walk, label: int, rival: int | None) -> dict[str, list[float]]:
    """The votes of each map of each layer for a class, carried back through the layers, minus those
    for its rival; the words of a text have none."""
    ours, *others = walk.logit_errors([label] if rival is None else [label, rival])
    theirs = others[0] if others else {}
    votes: dict[str, list[float]] = {}
    for name, stack in walk.items():
        if stack.ndim == 3 and name in ours:
            weights = ours[name].astype(np.float64)
            if name in theirs:
                weights = weights - theirs[name]
            votes[name] = [fsum(plane) for plane in _products(stack, weights).tolist()]
    return votes


def located_layer(architecture: Architecture, voting_layer: str) -> str | None:
    """The layer with rows and columns whose maps are those of the voting layer: that layer itself,
    or, if it has one value a map, the layer that was pooled to it; None if there is none."""
    stages = architecture.stages
    names = [stage.name for stage in stages]
    number = names.index(voting_layer) + 1 if voting_layer in names else 0
    while number:
        stage = stages[number - 1]
        if stage.output.height * stage.output.width > 1:
            return stage.name
        if stage.convolutional or stage.layer.fully_connected:
            return None
        number -= 1
    return "input" if architecture.input[1] * architecture.input[2] > 1 else None


def percent(fraction: float) -> str:
    """A probability in percent, with the digits that matter."""
    value = 100 * float(fraction)
    if value in (0, 100):
        return f"{value:.0f} %"
    if value < 0.01:
        return "< 0.01 %"
    if value > 99.99:
        return "> 99.99 %"
    return f"{value:.2f} %" if value < 1 or value > 99 else f"{value:.1f} %"


def joined(names: list[str]) -> str:
    """Names as a list in a sentence."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


@dataclass(frozen=True)
class _VoteDifferences:
    """The votes for one class minus those for another, by map or by words."""

    noun: str
    names: list[str]
    source: str
    """The rest of a list of names, such as " of pool2"."""
    sums: Float64

    def phrase(self, indices: list[int]) -> str:
        """The maps or words in a sentence; empty without any."""
        if not indices:
            return ""
        noun = f"{self.noun}{'s' * (len(indices) > 1)} " if self.noun else ""
        return f"{noun}{joined([self.names[one] for one in indices])}"

    def evidence(self, indices: list[int]) -> tuple[Evidence, ...]:
        noun = f"{self.noun} " if self.noun else ""
        return tuple(Evidence(f"{noun}{self.names[one]}", float(self.sums[one])) for one in indices)


def _map_votes(walk: Walk, labels: tuple[int, int]) -> _VoteDifferences:
    """The votes of the maps of the voting layer."""
    layer = walk.voting_layer
    ours, theirs = (walk.vote_arrays(label, layer).by_map() for label in labels)
    noun = "channel" if layer == "input" else "map"
    names = [str(number) for number in range(1, len(ours) + 1)]
    return _VoteDifferences(noun, names, f" of {layer}", ours - theirs)


def _where(attribution: Attribution, coordinates: Coordinates) -> str:
    """Where a cover lowers the logit most, and by how much; empty if none lowers it."""
    values = attribution.values
    row, column = (int(one) for one in np.unravel_index(values.argmax(), values.shape))
    decrease = float(values[row, column])
    if decrease <= 0:
        return ""
    where = describe_position(coordinates, row, column)
    return f"the part {where} (if it is covered, the logit falls by {decrease:.3g})"


def describe_position(coordinates: Coordinates, row: int, column: int) -> str:
    """A point of an input in words: part of a picture, or time and frequency of a sound."""
    rows, columns = coordinates.rows, coordinates.columns
    if coordinates.kind == "sounds":
        return f"at {columns.labels[column]}, {rows.labels[row]}"
    thirds = [
        min(2, max(0, int(3 * (cell + 0.5) / len(axis.labels))))
        for axis, cell in ((rows, row), (columns, column))
    ]
    high, wide = ("upper", "", "lower")[thirds[0]], ("left", "", "right")[thirds[1]]
    if not high and not wide:
        return "in the centre"
    if not wide:
        return f"at the {'top' if high == 'upper' else 'bottom'}"
    return f"at the {high} {wide}" if high else f"at the {wide}"


def _word_votes(
    net: Network,
    example: Array,
    labels: tuple[int, int],
    coordinates: Coordinates,
    passages: list[Passage] | None,
) -> _VoteDifferences:
    """The votes of the words of a text: gradient times input."""
    ours, theirs = (
        gradient_times_input(net, example, label).values[0].astype(np.float64) for label in labels
    )
    parts = passages or [
        Passage(word, (position,))
        for position, word in enumerate(coordinates.columns.labels)
        if word
    ]
    values: dict[str, list[float]] = {}
    for part, vote in zip(parts, passage_sums(parts, ours - theirs), strict=True):
        values.setdefault(f"\u201c{_short(part.text.strip())}\u201d", []).append(vote)
    return _VoteDifferences(
        "", list(values), "", np.array([fsum(votes) for votes in values.values()])
    )


def _strongest(sums: Float64) -> list[int]:
    """The indices of the largest sums above zero, the largest first."""
    order = [int(one) for one in np.argsort(-sums, kind="stable")[:MOST_NAMED] if sums[one] > 0]
    return [one for one in order if sums[one] >= _NOTABLE * sums[order[0]]]


def _products(stack: Array, gradient: Array) -> Float64:
    """Activations times gradients, a row for each map."""
    products: Float64 = stack.astype(np.float64) * gradient.astype(np.float64)
    return products.reshape(len(stack), -1)


def _short(name: str) -> str:
    return name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 3]}..."
