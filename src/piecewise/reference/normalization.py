"""Batch normalisation (Ioffe, Szegedy 2015): each map to mean 0 and deviation 1, then scaled and
shifted by two learned numbers.

While training, mean and variance are those of the group of pictures that is run together (ghost
batches: Hoffer, Hubara, Soudry 2017); when the network answers, their running averages. A variance
is the mean of the squared differences, divided by their number in both.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..layers import Norm
from .sums import Array, Arrays, Draw, total


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
    """upstream like x -> dx like x, dweight (C), dbias (C).

    While training every x also moves the mean and the deviation of its map: what all of them do
    together, a shift and a scaling, changes nothing and is taken out.
    """
    normal, scale = kept.normal, kept.scale
    gradients = {"weight": _sum(upstream * normal), "bias": _sum(upstream)}
    dnormal = upstream * arrays["weight"][:, None, None]
    if kept.training:
        shift = _mean(dnormal)[:, None, None]
        stretch = _mean(dnormal * normal)[:, None, None]
        dnormal = dnormal - shift - normal * stretch
    return dnormal * scale, gradients


def observed(kept: Kept) -> dict[str, Array]:
    """The group's statistics, for the running averages."""
    return {"mean": kept.mean, "variance": kept.variance}


def _sum(x: Array) -> Array:
    """(N, C, H, W) -> (C): over pictures, then over cells."""
    return total(total(x).reshape(x.shape[1], -1).T)


def _mean(x: Array) -> Array:
    return np.asarray(_sum(x) / x.dtype.type(x.size // x.shape[1]))
