"""Merge equal examples and put them in a canonical order.

An estimator that trains on the result does not depend on the order of the rows, and an example that
occurs twice is the same as one example of weight 2.
"""

from __future__ import annotations

from math import fsum
from typing import NamedTuple

import numpy as np

from ..core.array_types import Array, Float32, Float64, Labels


class WeightedExamples(NamedTuple):
    """Inputs (N, ...), class numbers (N,) and sample weights (N,)."""

    inputs: Array
    labels: Labels
    sample_weight: Float64


def deduplicate(inputs: Array, labels: Labels, sample_weight: Float64) -> WeightedExamples:
    """The distinct pairs of input and label, sorted by label, then by the bytes of the input.

    The weights of equal examples are added up. Examples of weight 0 must be removed before.
    """
    flat = np.ascontiguousarray(inputs).reshape(len(inputs), -1)
    if flat.dtype.kind == "f" and (np.signbit(flat) & (flat == 0)).any():
        flat = flat + 0.0  # -0.0 becomes 0.0, so that equal numbers have equal bytes
    rows = flat.view(f"V{flat.itemsize * flat.shape[1]}")[:, 0]
    order = np.argsort(rows, kind="stable")
    order = order[np.argsort(labels[order], kind="stable")]
    rows, sorted_labels = rows[order], labels[order]
    is_new = np.ones(len(rows), bool)
    is_new[1:] = (rows[1:] != rows[:-1]) | (sorted_labels[1:] != sorted_labels[:-1])
    first = order[is_new]
    if is_new.all():
        merged = sample_weight[first]
    else:  # fsum rounds once, so that the order of equal examples does not matter
        groups = np.split(sample_weight[order], np.flatnonzero(is_new)[1:])
        merged = np.array([fsum(group.tolist()) for group in groups])
    distinct = (rows if is_new.all() else rows[is_new]).view(flat.dtype)
    return WeightedExamples(distinct.reshape(len(first), *inputs.shape[1:]), labels[first], merged)


def normalize_weights(sample_weight: Float64) -> Float32 | None:
    """The weights divided by their mean; None if all are equal."""
    if (sample_weight == sample_weight[0]).all():
        return None
    mean_one = sample_weight * (len(sample_weight) / fsum(sample_weight.tolist()))
    return mean_one.astype(np.float32)
