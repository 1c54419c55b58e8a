"""Weights for one picture at a time: sixteen features side by side, as `alone` reads them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..architecture import Architecture
from ..layers import Norm
from .kernels.alone import BLOCK
from .passes.base import Pass
from .passes.chain import passes_of
from .passes.normalization import NormPass
from .passes.others import EmbedPass
from .runtime import Array, Float32


def blocks(count: int) -> int:
    """Blocks of sixteen."""
    return -(-count // BLOCK)


def packed(architecture: Architecture, arrays: Mapping[str, Array]) -> Float32:
    """All weights in the form that the program reads, pass by pass."""
    parts = [np.zeros(0, np.float32)]
    for made in passes_of(architecture, training=False, backward=False):
        own = {row.tensor.name: arrays[row.name] for row in made.stage.parameters}
        own |= {row.tensor.name: arrays[row.name] for row in made.stage.averages}
        parts += [part.ravel() for part in _pack(made, own)]
    return np.concatenate(parts).astype(np.float32)


def _pack(made: Pass, own: Mapping[str, Array]) -> list[Array]:
    if isinstance(made, NormPass):
        deviation = np.sqrt(own["variance"] + np.float32(Norm.epsilon))
        numbers = [own["mean"], np.float32(1) / deviation, own["weight"], own["bias"]]
        return [np.stack([_in_lanes(array) for array in numbers], axis=1)]
    if isinstance(made, EmbedPass):
        return [_in_lanes(own["weight"].T).transpose(2, 0, 1)]
    weight = own.get("weight")
    if weight is None:
        return []
    weight = weight.reshape(len(weight), made.input.channels, -1)
    bias = own.get("bias", np.zeros(0, np.float32))
    return [np.moveaxis(_in_lanes(weight), 1, -1), _in_lanes(bias)]


def _in_lanes(array: Array) -> Array:
    """(N, ...) -> (blocks, 16, ...), filled up with zeros."""
    filled = np.zeros((blocks(len(array)) * BLOCK, *array.shape[1:]), np.float32)
    filled[: len(array)] = array
    return filled.reshape(-1, BLOCK, *array.shape[1:])
