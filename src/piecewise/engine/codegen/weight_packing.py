"""Weight packing for single-input inference: the weights of sixteen features side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...core.array_types import Array, Float32
from ...spec.architecture import Architecture
from ...spec.layers import Norm
from ..kernels.single_image_kernels import BLOCK
from ..kernels.winograd_transforms import transform_weights
from ..passes.base import Pass
from ..passes.batch_norm import NormPass
from ..passes.chain import passes_of
from ..passes.convolution import ConvolutionPass
from ..passes.embedding import EmbedPass
from ..passes.fully_connected import FullPass
from ..passes.pooling import PoolPass
from ..passes.relu import ReluPass


def block_count(features: int) -> int:
    """The number of blocks of sixteen features."""
    return -(-features // BLOCK)


def pack_weights(architecture: Architecture, arrays: Mapping[str, Array]) -> Float32:
    """All weights and running statistics in the order in which the program reads them."""
    packed = [np.zeros(0, np.float32)]
    for layer_pass in passes_of(architecture, training=False, backward=False):
        tensors = {row.tensor.name: arrays[row.name] for row in layer_pass.stage.parameters}
        tensors |= {row.tensor.name: arrays[row.name] for row in layer_pass.stage.running_stats}
        packed += [array.ravel() for array in PACKERS[type(layer_pass)](layer_pass, tensors)]
    return np.concatenate(packed).astype(np.float32)


def _pack_linear(layer_pass: Pass, tensors: Mapping[str, Array]) -> list[Array]:
    weight = tensors["weight"]
    weight = weight.reshape(len(weight), layer_pass.input.channels, -1)
    bias = tensors.get("bias", np.zeros(0, np.float32))
    return [np.moveaxis(_in_lanes(weight), 1, -1), _in_lanes(bias)]


def _pack_convolution(layer_pass: ConvolutionPass, tensors: Mapping[str, Array]) -> list[Array]:
    if not layer_pass.tiles:
        return _pack_linear(layer_pass, tensors)
    values = _in_lanes(transform_weights(tensors["weight"]).transpose(2, 0, 1))
    bias = tensors.get("bias", np.zeros(0, np.float32))
    return [values.transpose(2, 0, 3, 1), _in_lanes(bias)]  # [36][block][channel][16]


def _pack_norm(layer_pass: Pass, tensors: Mapping[str, Array]) -> list[Array]:
    deviation = np.sqrt(tensors["variance"] + np.float32(Norm.epsilon))
    rows = [tensors["mean"], np.float32(1) / deviation, tensors["weight"], tensors["bias"]]
    return [np.stack([_in_lanes(row) for row in rows], axis=1)]


def _pack_embed(layer_pass: Pass, tensors: Mapping[str, Array]) -> list[Array]:
    return [_in_lanes(tensors["weight"].T).transpose(2, 0, 1)]


def _pack_nothing(layer_pass: Pass, tensors: Mapping[str, Array]) -> list[Array]:
    return []


def _in_lanes(array: Array) -> Array:
    """(N, ...) -> (blocks, 16, ...), padded with zeros."""
    padded = np.zeros((block_count(len(array)) * BLOCK, *array.shape[1:]), np.float32)
    padded[: len(array)] = array
    return padded.reshape(-1, BLOCK, *array.shape[1:])


PACKERS: dict[type[Pass], Callable[[Any, Mapping[str, Array]], list[Array]]] = {
    ConvolutionPass: _pack_convolution,
    FullPass: _pack_linear,
    PoolPass: _pack_nothing,
    NormPass: _pack_norm,
    ReluPass: _pack_nothing,
    EmbedPass: _pack_embed,
}
"""For each kind of pass, the function that packs its weights."""
