"""The deck's features in a learner's drawing: how many pixels agree, at every position."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..core.array_types import Array
from ..core.errors import did_you_mean, shown
from ..data.xo import FEATURES
from ..network import Network
from . import net_quantities as nets
from .learner import LearnerDrawing
from .references import LessonError

SEVERAL = "more than one"
"""In place of the best feature, if several match equally well."""


def agreeing_pixels(drawing: LearnerDrawing, name: str) -> Array:
    """The pixels of a feature that agree with each patch of a drawing (rows, columns); LessonError
    for an unknown feature."""
    if name not in FEATURES:
        raise LessonError(f"feature: got {shown(name)}{did_you_mean(name, FEATURES)}")
    feature = FEATURES[name] > 0
    patches = sliding_window_view(nets.ink_pixels(drawing), feature.shape)
    return np.asarray((patches == feature).sum(axis=(2, 3)))


def best_match(drawing: LearnerDrawing, name: str) -> float:
    """The best match of a feature in a drawing."""
    agreeing = int(agreeing_pixels(drawing, name).max())
    return nets.match(agreeing, FEATURES[name].size)


def best_feature(drawing: LearnerDrawing) -> str:
    """The feature that matches a drawing best, or `SEVERAL`."""
    matches = {name: best_match(drawing, name) for name in FEATURES}
    best = [name for name, value in matches.items() if value == max(matches.values())]
    return best[0] if len(best) == 1 else SEVERAL


def kernel_weight(net: Network, feature: int, row: int, column: int) -> float:
    """A weight of a kernel of the first layer, counted from 1; LessonError."""
    nets.stage(net, "conv1")  # LessonError if there is no convolution
    kernels = net.parameters["conv1.weight"][:, 0]
    index = tuple(
        nets.counted_index(what, number, side)
        for what, number, side in zip(
            ("kernel", "row", "column"), (feature, row, column), kernels.shape, strict=True
        )
    )
    return float(kernels[index])
