"""Weights for one picture at a time: sixteen features side by side, as `alone` reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ...core.array_types import Array, Float32
from ...spec.architecture import Architecture
from ...spec.layers import Norm
from ..kernels.single_image import BLOCK
from ..passes.base import Pass
from ..passes.batch_norm import NormPass
from ..passes.chain import passes_of
from ..passes.convolution import ConvolutionPass
from ..passes.embedding import EmbedPass
from ..passes.fully_connected import FullPass
from ..passes.pooling import PoolPass
from ..passes.relu import ReluPass


def blocks(count: int) -> int:
    """Blocks of sixteen."""
    return -(-count // BLOCK)


def packed(architecture: Architecture, arrays: Mapping[str, Array]) -> Float32:
    """All weights in the form that the program reads, pass by pass."""
    packed_arrays = [np.zeros(0, np.float32)]
    for made in passes_of(architecture, training=False, backward=False):
        own = {row.tensor.name: arrays[row.name] for row in made.stage.parameters}
        own |= {row.tensor.name: arrays[row.name] for row in made.stage.running_stats}
        packed_arrays += [part.ravel() for part in PACKERS[type(made)](made, own)]
    return np.concatenate(packed_arrays).astype(np.float32)


def _pack_weights(made: Pass, own: Mapping[str, Array]) -> list[Array]:
    weight = own["weight"]
    weight = weight.reshape(len(weight), made.input.channels, -1)
    bias = own.get("bias", np.zeros(0, np.float32))
    return [np.moveaxis(_in_lanes(weight), 1, -1), _in_lanes(bias)]


def _pack_norm(made: Pass, own: Mapping[str, Array]) -> list[Array]:
    deviation = np.sqrt(own["variance"] + np.float32(Norm.epsilon))
    numbers = [own["mean"], np.float32(1) / deviation, own["weight"], own["bias"]]
    return [np.stack([_in_lanes(array) for array in numbers], axis=1)]


def _pack_embed(made: Pass, own: Mapping[str, Array]) -> list[Array]:
    return [_in_lanes(own["weight"].T).transpose(2, 0, 1)]


def _pack_nothing(made: Pass, own: Mapping[str, Array]) -> list[Array]:
    return []


def _in_lanes(array: Array) -> Array:
    """(N, ...) -> (blocks, 16, ...), filled up with zeros."""
    filled = np.zeros((blocks(len(array)) * BLOCK, *array.shape[1:]), np.float32)
    filled[: len(array)] = array
    return filled.reshape(-1, BLOCK, *array.shape[1:])


PACKERS: dict[type[Pass], Callable[[Pass, Mapping[str, Array]], list[Array]]] = {
    ConvolutionPass: _pack_weights,
    FullPass: _pack_weights,
    PoolPass: _pack_nothing,
    NormPass: _pack_norm,
    ReluPass: _pack_nothing,
    EmbedPass: _pack_embed,
}
"""How the weights of each pass are laid out for one picture at a time."""
