"""Frozen layers: the first layers of a network, which training does not change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from ..core.errors import LimitError, did_you_mean, shown
from .architecture import Architecture

NONE = "none"
_NAME = re.compile(r"[a-z]{1,20}[0-9]{1,4}", re.ASCII)


@dataclass(frozen=True)
class LayerName:
    """The name of a layer, or None; whether the network has this layer is checked later."""

    @property
    def description(self) -> str:
        return f"the name of a layer, such as conv2, or {NONE}"

    def check(self, value: object) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise LimitError(f"got {shown(value)}, wanted {self.description}")
        return value

    def read(self, text: str) -> str | None:
        return None if text == NONE else self.check(text)

    def write(self, value: str | None) -> str:
        return NONE if value is None else value


class FrozenPart(NamedTuple):
    """How much of a network is frozen: its first layers, parameters and running statistics.

    In a training step, the parameters and the running statistics of frozen layers do not change,
    and their batch normalization uses the running statistics. Their dropout stays active.
    """

    stages: int = 0
    parameters: int = 0
    running_stats: int = 0


NOTHING = FrozenPart()


def frozen_part(architecture: Architecture, until: str | None) -> FrozenPart:
    """The part up to and including the layer ``until``; LimitError if there is no such layer, or
    if no parameter is left to train."""
    if until is None:
        return NOTHING
    names = [stage.name for stage in architecture.stages]
    if until not in names:
        raise LimitError(f"freeze_until: no layer '{until}'{did_you_mean(until, names)}")
    count = names.index(until) + 1
    frozen = architecture.stages[:count]
    part = FrozenPart(
        count,
        sum(row.size for stage in frozen for row in stage.parameters),
        sum(row.size for stage in frozen for row in stage.running_stats),
    )
    if part.parameters == architecture.parameter_count:
        raise LimitError(
            f"freeze_until: got '{until}', which leaves no parameters to train; wanted a layer "
            "before the last one that has parameters"
        )
    return part
