"""The examples of a call of the classifier, checked and scaled for its network."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.array_types import Array, Float64, Int64, Labels
from ..core.errors import DataError, LimitError
from ..data.arrays import (
    ByteScaling,
    InputScaling,
    Shape,
    as_array_or_paths,
    fit_to_files,
    fit_to_images,
    fit_to_rows,
    to_nchw,
)
from ..spec.architecture import class_names
from ..training.deduplicate import WeightedExamples, deduplicate
from .conventions import checked_labels, class_factors, class_numbers_of


class TrainingSet(NamedTuple):
    """The checked and scaled training examples of a call."""

    classes: Array
    scaling: InputScaling
    column_names: Array | None
    is_table: bool
    examples: WeightedExamples
    """With inputs for the network."""


def scaled_examples(
    values: Array | list[Path],
    chosen: Int64,
    class_numbers: Labels,
    weights: Float64,
    shape: Shape | None,
    previous: InputScaling | None,
    *,
    is_table: bool,
) -> tuple[InputScaling, WeightedExamples]:
    """The scaling, ``previous`` or fitted to the ``chosen`` rows, and these rows, scaled."""
    if isinstance(values, list):
        paths = [values[index] for index in chosen.tolist()]
        scaling: InputScaling = previous or fit_to_files(paths, shape)
        return scaling, deduplicate(read_scaled(scaling, paths), class_numbers, weights)
    inputs = to_nchw(values, shape)
    if len(chosen) < len(values):
        inputs = inputs[chosen]
    examples = deduplicate(inputs, class_numbers, weights)
    fit_scaling = fit_to_rows if is_table else fit_to_images
    scaling = previous or fit_scaling(examples.inputs, examples.sample_weight)
    return scaling, examples._replace(inputs=scaling.transform(examples.inputs))


def weights_of(class_weight: Any, data: TrainingSet) -> Float64:
    """The sample weights times the class weights."""
    labels, weights = data.examples.labels, data.examples.sample_weight
    counts = np.bincount(labels, weights, minlength=len(data.classes)).astype(np.float64)
    factors = class_factors(class_weight, data.classes, counts)[labels]
    return np.asarray(weights * factors)


def scaled_inputs(scaling: InputScaling, X: Any) -> Array:
    """The network's inputs for X, scaled as in training."""
    values = as_array_or_paths(X)
    if isinstance(values, list):
        return read_scaled(scaling, values)
    return scaling.transform(to_nchw(values, scaling.preprocessor.shape))


def validation_examples(data: TrainingSet, X: Any, y: Any) -> tuple[Array, Labels]:
    """Validation examples: inputs of the network, and class numbers."""
    inputs = scaled_inputs(data.scaling, X)
    return inputs, class_numbers_of(checked_labels(y, len(inputs)), data.classes)


def read_scaled(scaling: InputScaling, paths: list[Path]) -> Array:
    """The network's inputs for image files."""
    if not isinstance(scaling, ByteScaling):
        raise DataError("X: got paths of images, wanted arrays as in training")
    return scaling.read_files(paths)


def names_of_classes(classes: Array) -> list[str]:
    """The labels as class names, or numbers if they cannot be names."""
    try:
        return list(class_names([str(label) for label in classes.tolist()]))
    except LimitError:
        return list(class_names(len(classes)))
