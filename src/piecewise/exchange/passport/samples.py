"""Samples for a passport: the inputs on which toolkits are compared with piecewise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.array_types import Array, Float32
from ...core.errors import DataError
from ...data.audio.preprocessor import AudioPreprocessor
from ...data.preprocessing import Preprocessor
from ...data.text.preprocessor import TextPreprocessor
from ...spec.parameters import flattened
from ...storage.model_file import SavedModel
from ..runner import Samples


def samples_of(
    preprocessor: Preprocessor, raw: Sequence[Any], *, reads_texts: bool = True
) -> Samples:
    """Samples from decoded examples: images (H, W, C), sounds or texts; texts are images for a
    network whose layers do not read texts."""
    inputs = np.stack([preprocessor.transform(one) for one in raw])
    if isinstance(preprocessor, TextPreprocessor) and not reads_texts:
        inputs = preprocessor.one_hot(inputs)
    return samples_of_inputs(preprocessor, inputs)._replace(raw=list(raw))


def samples_of_inputs(preprocessor: Preprocessor, inputs: Array) -> Samples:
    """Samples from preprocessed inputs, which a network has checked."""
    if inputs.dtype == np.uint8:
        return Samples(inputs, np.ascontiguousarray(preprocessor.to_float(inputs), np.float32))
    dtype = np.int64 if inputs.dtype.kind in "iu" else np.float32
    return Samples(inputs, np.ascontiguousarray(inputs, dtype))


def logits_of(model: SavedModel, samples: Samples) -> Float32:
    """The logits (N, classes) that piecewise computes for samples; DataError if they are files for
    a network of tokens, which has no vocabulary to read them."""
    from ...engine.runtime import program_registry  # noqa: PLC0415 - it loads the compiler

    architecture = model.architecture
    if architecture.reads_texts and samples.layer_inputs.dtype != np.int64:
        raise DataError(
            "samples: this network reads tokens and has no vocabulary, so files cannot be samples; "
            "in Python, `net.export(..., samples=tokens)` takes arrays"
        )
    return program_registry.logits(
        architecture,
        flattened(architecture.parameters, model.tensors),
        flattened(architecture.running_stats, model.tensors),
        samples.layer_inputs,
        model.preprocessor.scaling,
        None,
    )


def raw_logits_of(model: SavedModel, samples: Samples, logits: Float32) -> Float32:
    """The logits that piecewise predicts for raw samples: those for their inputs, ``logits``, but
    for a long sound the mean of those for its windows."""
    if samples.raw is None or not isinstance(model.preprocessor, AudioPreprocessor):
        return logits
    windows = [model.preprocessor.windows(sound) for sound in samples.raw]
    every = logits_of(model, samples_of_inputs(model.preprocessor, np.concatenate(windows)))
    ends = np.cumsum([len(one) for one in windows])[:-1]
    means = [one.mean(axis=0, dtype=np.float64) for one in np.split(every, ends)]
    return np.asarray(means, np.float32)
