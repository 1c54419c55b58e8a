"""The ledger of a decision: every value's vote for a class, adding up to its logit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import fsum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..core.array_types import Array
from ..spec.architecture import Stage
from ..spec.layer import Connectivity
from .arithmetic import Position, Why, fused


class Vote(NamedTuple):
    """A value that stands somewhere, and the weight of its say."""

    position: Position
    value: float
    weight: float

    @property
    def vote(self) -> float:
        """For the class above zero, against it below."""
        return self.weight * self.value


@dataclass(frozen=True)
class Ledger:
    """All votes for one class, in the order in which the engine adds them, after the ``bias``.

    ``layer``: whose votes they are; ``stack``, of this ``shape``, holds the values. With
    ``carried``, ``layer`` is the last of several: a vote is then what a value comes to through all
    of them, and the bias what their own biases come to (and what rounding leaves).
    """

    label: int
    layer: str
    source_layer: str
    shape: tuple[int, int, int]
    logit: float
    bias: float
    votes: tuple[Vote, ...]
    carried: bool = False

    @property
    def total(self) -> float:
        """What all comes to: each product and its sum with those before it rounded once, as the
        engine does, so that it is the logit bit by bit; carried votes are added exactly."""
        if self.carried:
            return fsum([self.bias, *(vote.vote for vote in self.votes)])
        total = self.bias
        for vote in self.votes:
            total = fused(vote.weight, vote.value, total)
        return total

    def sorted(self) -> list[Vote]:
        """The votes, the strongest for the class first, the strongest against it last."""
        return sorted(self.votes, key=lambda vote: -vote.vote)

    def by_map(self) -> npt.NDArray[np.float64]:
        """The votes of each map of the stack added up (maps,)."""
        votes = np.array([vote.vote for vote in self.votes]).reshape(self.shape[0], -1)
        return np.array([fsum(row) for row in votes.tolist()])

    def lines(self, most: int = 20) -> Iterator[str]:
        """The strongest votes for and against, a line each, what the others come to, the sum."""
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
        """Plain values by the names of the fields, and the total; votes in the engine's order."""
        return {
            **vars(self),
            "shape": list(self.shape),
            "votes": [
                {"position": list(vote.position), "value": vote.value, "weight": vote.weight}
                for vote in self.votes
            ],
            "total": self.total,
        }


def _line(vote: Vote) -> str:
    return f"  {vote.vote:>16.9g}  {vote.weight:>16.9g} x {vote.value:<16.9g} {vote.position}"


def voting_layer(stages: tuple[Stage, ...]) -> str:
    """The stack whose values vote: what the first of the full layers at the end reads; if the last
    layer is none, what that reads."""
    first = len(stages) - 1
    while first and (_is_full(stages[first]) or _is_pointwise(stages[first])):
        first -= 1
    full = (number for number in range(first, len(stages)) if _is_full(stages[number]))
    number = next(full, len(stages) - 1)
    while number and stages[number - 1].layer.identity_at_inference:
        number -= 1  # while a net answers, its values are those before it
    return stages[number - 1].name if number else "input"


def _is_full(stage: Stage) -> bool:
    return stage.layer.fully_connected


def _is_pointwise(stage: Stage) -> bool:
    return stage.layer.connectivity is Connectivity.POINTWISE


def direct(label: int, why: Why, shape: tuple[int, int, int]) -> Ledger:
    """The ledger of a logit of a full layer, whose arithmetic is ``why``."""
    bias, *terms = why.terms
    votes = tuple(Vote(term.position, term.value, term.weight) for term in terms if term.position)
    layer = why.position.layer
    return Ledger(label, layer, votes[0].position.layer, shape, why.value, bias.weight, votes)


def carried(label: int, layer: str, stack: str, logit: float, x: Array, slope: Array) -> Ledger:
    """The ledger of a logit by the values x (C, H, W) of an earlier stack, each with the logit's
    slope there: the net is linear as long as no ReLU and no window changes its mind."""
    votes = tuple(
        Vote(Position(stack, *at), float(x[at]), float(slope[at])) for at in np.ndindex(*x.shape)
    )
    rest = fsum([logit, *(-vote.vote for vote in votes)])
    shape = (x.shape[0], x.shape[1], x.shape[2])
    return Ledger(label, layer, stack, shape, logit, rest, votes, carried=True)
