"""Negative controls: networks that differ a little, which a comparison must notice.

A comparison that accepts everything proves nothing. So each toolkit also runs files of the network
with one weight changed, and with its kernels transposed; both must be noticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...core.array_types import Float32
from ...storage.model_file import SavedModel
from ..runner import Samples
from .samples import logits_of

WEIGHT, KERNELS = "one weight changed", "kernels transposed"
_CHANGE = 0.05  # added to one weight, at least
_VISIBLE = 20  # times the tolerance: how far a control must be off in piecewise itself
_TRIES = 12


def negative_controls(
    model: SavedModel, samples: Samples, expected: Float32, tolerance: float
) -> dict[str, SavedModel]:
    """The controls by name: those that change the logits of the samples at all in piecewise, by
    more than the tolerance, which is relative to the largest logit."""
    made = {}
    for name, candidates in ((WEIGHT, _one_weight(model)), (KERNELS, _transposed(model))):
        for candidate in candidates:
            change = np.abs(logits_of(candidate, samples) - expected).max()
            if change > _VISIBLE * tolerance * np.abs(expected).max():
                made[name] = candidate
                break
    return made


def _one_weight(model: SavedModel) -> Iterator[SavedModel]:
    """Copies with one weight changed: of the last layer with weights, then of the first."""
    weights = [one.name for one in model.architecture.parameters if one.name.endswith("weight")]
    for name in dict.fromkeys(weights[-1:] + weights[:1]):
        array = model.tensors[name]
        for index in np.linspace(0, array.size - 1, min(_TRIES, array.size)).astype(int):
            changed = array.copy()
            changed.flat[index] += np.float32(max(_CHANGE, abs(float(changed.flat[index]))))
            yield _with(model, {name: changed})


def _transposed(model: SavedModel) -> Iterator[SavedModel]:
    """A copy with all kernels transposed, or upside down where they are not square; without larger
    kernels than 1x1, with the inputs of its fully connected layers in reverse order."""
    kernels, dense = {}, {}
    for stage in model.architecture.stages:
        for row in stage.parameters:
            array = model.tensors[row.name]
            if stage.convolutional and array.ndim == 4 and array[0, 0].size > 1:
                square = array.shape[2] == array.shape[3]
                turned = array.swapaxes(2, 3) if square else array[:, :, ::-1, ::-1]
                kernels[row.name] = np.ascontiguousarray(turned)
            elif stage.layer.fully_connected and array.ndim == 2:
                dense[row.name] = np.ascontiguousarray(array[:, ::-1])
    for changed in (kernels, dense):
        if changed:
            yield _with(model, changed)


def _with(model: SavedModel, changed: dict[str, Float32]) -> SavedModel:
    return replace(model, tensors={**model.tensors, **changed})
