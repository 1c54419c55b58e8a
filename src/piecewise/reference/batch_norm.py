"""Batch normalisation (Ioffe, Szegedy 2015): each map to mean 0 and deviation 1, then scaled and
shifted by two learned numbers.

While training, mean and variance are those of the group of pictures that is run together (ghost
batches: Hoffer, Hubara, Soudry 2017); when the network answers, their running averages. A variance
is the mean of the squared differences, divided by their number in both.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..core.array_types import Array
from ..spec.layers import Norm
from .reductions import Arrays, Draw, sum_over_cells

CACHES_INPUT = False


class Kept(NamedTuple):
    """What the way back needs: the normalised values, 1 / deviation, and the group's statistics."""

    normal: Array  # like x
    scale: Array  # (C, 1, 1)
    mean: Array  # (C,)
    variance: Array  # (C,)
    training: bool


def forward(layer: Norm, x: Array, arrays: Arrays, draw: Draw | None) -> tuple[Array, Kept]:
    """x (N, C, H, W), weight (C), bias (C), mean (C), variance (C) -> y like x."""
    if draw is None:
        mean, variance = arrays["mean"], arrays["variance"]
    else:
        mean = _mean(x)
        away = x - mean[:, None, None]
        variance = _mean(away * away)
    scale = (1 / np.sqrt(variance + x.dtype.type(layer.epsilon)))[:, None, None]
    normal = (x - mean[:, None, None]) * scale
    y = normal * arrays["weight"][:, None, None] + arrays["bias"][:, None, None]
    return y, Kept(normal, scale, mean, variance, draw is not None)


def backward(
    layer: Norm, upstream: Array, arrays: Arrays, kept: Kept
) -> tuple[Array, dict[str, Array]]:
    """upstream like x -> dx like x, dweight (C), dbias (C), both by `sum_over_cells`.

    While training every x also moves the mean and the deviation of its map: what all of them do
    together, a shift and a scaling, changes nothing and is taken out.
    """
    normal, scale = kept.normal, kept.scale
    gradients = {"weight": sum_over_cells(upstream * normal), "bias": sum_over_cells(upstream)}
    if kept.training:
        shift, stretch = (_share(gradients[name], upstream) for name in ("bias", "weight"))
        upstream = upstream - shift[:, None, None] - normal * stretch[:, None, None]
    return upstream * (arrays["weight"][:, None, None] * scale), gradients


def observed(kept: Kept) -> dict[str, Array]:
    """The group's statistics, for the running averages."""
    return {"mean": kept.mean, "variance": kept.variance}


def _mean(x: Array) -> Array:
    return _share(sum_over_cells(x), x)


def _share(summed: Array, x: Array) -> Array:
    """A sum for each map (C), divided by how many values of x (N, C, H, W) it has."""
    return np.asarray(summed / x.dtype.type(x.size // x.shape[1]))
