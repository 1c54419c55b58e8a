"""How a program treats the many weights of its fully connected layers."""

from __future__ import annotations

from ...spec.architecture import Architecture
from ...spec.layers import Full

_PAIR_WORK = 1 << 14
"""Multiplications of fully connected layers from which on two groups run at a time."""


def runs_pairs(architecture: Architecture) -> bool:
    """Whether a program runs two groups at a time, so that it loads weights half as often: if fully
    connected layers do most of the work."""
    layers = [stage for stage in architecture.stages if isinstance(stage.layer, Full)]
    work = sum(stage.multiplications for stage in layers)
    return work >= _PAIR_WORK and 2 * work > architecture.multiplications
