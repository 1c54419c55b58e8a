"""The layout of JAX and TensorFlow: channels are the last axis of images and kernels."""

from __future__ import annotations

from math import prod

import numpy as np

from piecewise.core.array_types import Array
from piecewise.spec.architecture import Architecture, Stage
from piecewise.spec.layers import Convolution, Full

LAST = (0, 2, 3, 1)
"""The axes that put the channels of images last."""
KERNEL = (2, 3, 1, 0)
"""The axes that make (features, channels, height, width) a kernel (height, width, channels,
features)."""


def padding(layer: Convolution) -> str:
    """The padding of a convolution, in the words of JAX and TensorFlow."""
    return "SAME" if layer.padding == "same" else "VALID"


class ChannelsLast:
    """Parameters of a network in the layout with channels last, and back."""

    def __init__(self, architecture: Architecture) -> None:
        self._stages: dict[str, Stage] = {}
        for stage in architecture.stages:
            self._stages |= {one.name: stage for one in stage.parameters if len(one.shape) > 1}

    def parameter(self, name: str, array: Array) -> Array:
        """A parameter of piecewise in the layout with channels last."""
        stage = self._stages.get(name)
        if stage and isinstance(stage.layer, Convolution):
            return np.ascontiguousarray(array.transpose(KERNEL))
        if stage and isinstance(stage.layer, Full):
            maps = array.reshape(len(array), *stage.input)
            return np.ascontiguousarray(maps.transpose(KERNEL).reshape(-1, len(array)))
        return array

    def original(self, name: str, array: Array) -> Array:
        """The reverse of `parameter`."""
        stage = self._stages.get(name)
        back = tuple(np.argsort(KERNEL))
        if stage and isinstance(stage.layer, Convolution):
            return array.transpose(back)
        if stage and isinstance(stage.layer, Full):
            channels, *sides = stage.input
            maps = array.reshape(*sides, channels, -1).transpose(back)
            return maps.reshape(-1, prod(stage.input))
        return array
