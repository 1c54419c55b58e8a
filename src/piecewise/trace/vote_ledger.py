"""The vote ledger: every value's vote for a class; the votes and the bias add up to its logit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import fsum
from typing import Any, NamedTuple

import numpy as np

from ..core.array_types import Array, Float64
from ..core.plain_values import PlainRecord
from ..spec.architecture import Stage
from ..spec.layer_base import Connectivity
from .arithmetic import Position, Why, fused


class Vote(NamedTuple):
    """A value at a position, and its weight for the class."""

    position: Position
    value: float
    weight: float

    @property
    def vote(self) -> float:
        """Weight times value: above zero for the class, below zero against it."""
        return self.weight * self.value

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the fields."""
        return {**self._asdict(), "position": list(self.position)}


class VoteArrays(NamedTuple):
    """The votes of a ledger as arrays, for many votes: ``values`` and ``weights`` (C, H, W) of the
    layer that votes, and the bias that a ledger has."""

    values: Array
    weights: Array
    bias: float

    def by_map(self) -> Float64:
        """The sum of the votes of each feature map, shape (maps,)."""
        rows = _products(self.values, self.weights).reshape(len(self.values), -1)
        return np.array([fsum(row) for row in rows.tolist()])


@dataclass(frozen=True)
class Ledger(PlainRecord):
    """All votes for one class, in the order in which the engine adds them after the bias.

    Examples
    --------
    >>> import piecewise as pw
    >>> net = pw.Network("full", input=(1, 9, 9), classes=["X", "O"])
    >>> ledger = net.walk(pw.make_xo(1, size=9, seed=0).inputs[0].astype("float32")).ledger()
    >>> len(ledger.votes)
    81
    >>> ledger.total == ledger.logit
    True
    """

    label: int
    """The number of the class."""
    layer: str
    """The layer whose output is the logit."""
    source_layer: str
    """The layer whose activations vote."""
    shape: tuple[int, int, int]
    """The shape of those activations."""
    logit: float
    bias: float
    votes: tuple[Vote, ...]
    carried: bool = False
    """Whether the votes are carried back through several layers: a weight is then the gradient of
    the logit with respect to the activation, and the bias is the logit minus all votes."""

    @property
    def total(self) -> float:
        """The sum of the bias and all votes.

        It is rounded as the engine rounds, with fused multiply-adds, so that it equals the logit
        bit by bit; carried votes are added exactly.
        """
        if self.carried:
            return fsum([self.bias, *(vote.vote for vote in self.votes)])
        total = self.bias
        for vote in self.votes:
            total = fused(vote.weight, vote.value, total)
        return total

    def sorted(self) -> list[Vote]:
        """The votes from the strongest for the class to the strongest against it."""
        return sorted(self.votes, key=lambda vote: -vote.vote)

    def by_map(self) -> Float64:
        """The sum of the votes of each feature map, shape (maps,)."""
        votes = np.array([vote.vote for vote in self.votes]).reshape(self.shape[0], -1)
        return np.array([fsum(row) for row in votes.tolist()])

    def lines(self, most: int = 20) -> Iterator[str]:
        """Lines of text: the strongest votes for and against, the sum of the others, the total."""
        votes = self.sorted()
        head, tail = (
            (votes, []) if len(votes) <= most else (votes[: most // 2], votes[-most // 2 :])
        )
        yield f"votes for class {self.label} in {self.layer}, of the values of {self.source_layer}"
        yield from map(_line, head)
        if tail:
            others = fsum(vote.vote for vote in votes[most // 2 : -most // 2])
            yield f"  {others:>16.9g}  {len(votes) - most:,} votes between"
            yield from map(_line, tail)
        yield f"  {self.bias:>16.9g}  {'biases' if self.carried else 'bias'}"
        yield f"  {self.total:>16.9g}  their sum: the logit"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def to_json(self) -> dict[str, Any]:
        """The fields and the total as plain values; votes in the engine's order."""
        return {**super().to_json(), "total": self.total}


def _line(vote: Vote) -> str:
    return f"  {vote.vote:>16.9g}  {vote.weight:>16.9g} x {vote.value:<16.9g} {vote.position}"


def voting_layer(stages: tuple[Stage, ...]) -> str:
    """The layer whose activations vote: the input of the first of the final full layers, or of
    the last layer if that is not full."""
    first = len(stages) - 1
    while first and (_is_full(stages[first]) or _is_pointwise(stages[first])):
        first -= 1
    full = (number for number in range(first, len(stages)) if _is_full(stages[number]))
    number = next(full, len(stages) - 1)
    while number and stages[number - 1].layer.identity_at_inference:
        number -= 1  # at inference, its output is its input
    return stages[number - 1].name if number else "input"


def _is_full(stage: Stage) -> bool:
    return stage.layer.fully_connected


def _is_pointwise(stage: Stage) -> bool:
    return stage.layer.connectivity is Connectivity.POINTWISE


def direct(label: int, why: Why, shape: tuple[int, int, int]) -> Ledger:
    """The ledger of a logit of a full layer, from its arithmetic."""
    bias, *terms = why.terms
    votes = tuple(Vote(term.position, term.value, term.weight) for term in terms if term.position)
    layer = why.position.layer
    return Ledger(label, layer, votes[0].position.layer, shape, why.value, bias.weight, votes)


def carried_arrays(logit: float, x: Array, gradient: Array) -> VoteArrays:
    """The votes for a logit by the activations x (C, H, W) of an earlier layer.

    The weights are the gradient of the logit: the net is piecewise linear, so the logit is the sum
    of the activations times the gradient, plus a constant.
    """
    votes = _products(x, gradient).ravel()
    return VoteArrays(x, gradient, fsum([logit, *(-votes).tolist()]))


def carried(label: int, layer: str, source: str, logit: float, arrays: VoteArrays) -> Ledger:
    """The ledger of a logit by the activations of an earlier layer."""
    x, gradient, remainder = arrays
    votes = tuple(
        Vote(Position(source, *cell), float(x[cell]), float(gradient[cell]))
        for cell in np.ndindex(*x.shape)
    )
    shape = (x.shape[0], x.shape[1], x.shape[2])
    return Ledger(label, layer, source, shape, logit, remainder, votes, carried=True)


def _products(values: Array, weights: Array) -> Float64:
    products: Float64 = weights.astype(np.float64) * values.astype(np.float64)
    return products
