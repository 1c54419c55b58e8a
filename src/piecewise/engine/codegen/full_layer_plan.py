"""How a program treats the many weights of its fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence

from ...spec.architecture import Architecture
from ...spec.layers import Full
from ..passes.base import Pass
from ..passes.fully_connected import FullPass, WeightRecord

_PAIR_WORK = 1 << 14
"""Multiplications of fully connected layers from which on two groups run at a time."""


def runs_pairs(architecture: Architecture) -> bool:
    """Whether a program runs two groups at a time, so that it loads weights half as often: if fully
    connected layers do most of the work."""
    layers = [stage for stage in architecture.stages if isinstance(stage.layer, Full)]
    work = sum(stage.multiplications for stage in layers)
    return work >= _PAIR_WORK and 2 * work > architecture.multiplications


_RECORDED_WEIGHTS = 1 << 14
"""Weights of a layer from which on its gradient is computed for the whole batch at once."""


def plan_records(passes: Sequence[Pass], *, wanted: bool) -> list[WeightRecord]:
    """If ``wanted``, give the large fully connected layers among the passes their parts of a
    group's record."""
    large = [
        layer_pass
        for layer_pass in passes
        if isinstance(layer_pass, FullPass)
        and layer_pass.trained
        and layer_pass.stage.parameters[0].size >= _RECORDED_WEIGHTS
    ]
    records: list[WeightRecord] = []
    for layer_pass in large if wanted else ():
        row = layer_pass.stage.parameters[0]
        neurons, inputs = row.shape
        offset = records[-1].end if records else 0
        layer_pass.record = WeightRecord(inputs, neurons, row.offset, offset)
        records.append(layer_pass.record)
    for record in records:  # not whole pages, so that records differ in cache sets
        record.bytes = records[-1].end + 64
    return records
