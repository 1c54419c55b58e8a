"""Where the activations of each layer lie: at both ends of one array, or in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...spec.architecture import Stage
from ...spec.layer_base import Connectivity


class Memory(NamedTuple):
    """The size of the array in floats, and the expressions of pointers into it."""

    size: int
    outputs: list[str]
    """Where each stage writes."""
    scaled: str
    """Where scaled bytes are written, apart from the output of the first stage."""


def plan_memory(stages: Sequence[Stage], input_values: int) -> Memory:
    """The memory of stages; the first one reads an input of ``input_values`` floats, or 0, from
    outside or from ``scaled``, and the last one writes ``logits``."""
    ends = _ends(stages)
    size, values = input_values, input_values
    for stage, end in zip(stages, ends, strict=True):
        if end is None:
            continue
        size = max(size, stage.output.values + (0 if _in_place(stage, stages) else values))
        values = stage.output.values
    outputs = [
        "logits" if end is None else _pointer(end, stage.output.values, size)
        for stage, end in zip(stages, ends, strict=True)
    ]
    return Memory(size, outputs, _pointer("back", input_values, size))


def _ends(stages: Sequence[Stage]) -> list[str | None]:
    """The end of the array to which each stage writes; None for the last, which has its own."""
    ends: list[str | None] = []
    end = "back"  # as if the input lay there
    for stage in stages[:-1]:
        if not _in_place(stage, stages):
            end = "front" if end == "back" else "back"
        ends.append(end)
    return [*ends, None] if stages else []


def _in_place(stage: Stage, stages: Sequence[Stage]) -> bool:
    """Whether a stage may write where it reads: not the first one, whose input is constant."""
    pointwise = stage.layer.connectivity is Connectivity.POINTWISE
    return pointwise and stage is not stages[0]


def _pointer(end: str, values: int, size: int) -> str:
    offset = size - values if end == "back" else 0
    return f"arena + {offset}" if offset else "arena"
