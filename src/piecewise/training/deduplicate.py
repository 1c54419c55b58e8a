"""Examples in a form of their own: what was given twice stands there once and counts twice, and
the order they came in is forgotten. So a network hangs on what it is taught, not on how the same
was written down."""

from __future__ import annotations

from math import fsum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..core.array_types import Float64, Labels


class Examples(NamedTuple):
    """Pictures (N, ...), their class numbers (N,), and how much each counts (N,)."""

    pictures: npt.NDArray[Any]
    labels: Labels
    weights: Float64


def deduplicate(pictures: npt.NDArray[Any], labels: Labels, weights: Float64) -> Examples:
    """The different pairs of picture and label, by label and then byte by byte, with the weights of
    equal ones added up; the same for the same numbers of the same type. Pictures of weight 0 have
    to be left out before."""
    flat = np.ascontiguousarray(pictures).reshape(len(pictures), -1)
    if flat.dtype.kind == "f" and (np.signbit(flat) & (flat == 0)).any():
        flat = flat + 0.0  # -0.0 becomes 0.0, so that equal numbers are equal bytes
    rows = flat.view(f"V{flat.itemsize * flat.shape[1]}")[:, 0]
    order = np.argsort(rows, kind="stable")
    order = order[np.argsort(labels[order], kind="stable")]
    rows, sorted_labels = rows[order], labels[order]
    new = np.ones(len(rows), bool)
    new[1:] = (rows[1:] != rows[:-1]) | (sorted_labels[1:] != sorted_labels[:-1])
    first = order[new]
    if new.all():
        merged = weights[first]
    else:  # fsum rounds once, so that the order within a pair is forgotten, too
        parts = np.split(weights[order], np.flatnonzero(new)[1:])
        merged = np.array([fsum(part.tolist()) for part in parts])
    kept = (rows if new.all() else rows[new]).view(flat.dtype)
    return Examples(kept.reshape(len(first), *pictures.shape[1:]), labels[first], merged)


def normalize_weights(weights: Float64) -> npt.NDArray[np.float32] | None:
    """Weights as a step takes them: their mean is 1, so that only how they stand to each other
    matters; None if all are alike."""
    if (weights == weights[0]).all():
        return None
    return (weights * (len(weights) / fsum(weights.tolist()))).astype(np.float32)
