"""Samples for a passport: the inputs on which toolkits are compared with piecewise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.array_types import Array, Float32
from ...data.audio.decoding import Sound, round_to_16_bit
from ...data.audio.preprocessor import AudioPreprocessor
from ...data.preprocessing import Preprocessor
from ...data.text.preprocessor import TextPreprocessor
from ...spec.parameters import flattened
from ...storage.model_file import SavedModel
from ..runner import Samples

GENERATED = 40
"""Samples that are generated if the user gives none."""


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


def generated_samples(model: SavedModel, count: int = GENERATED) -> Samples:
    """Random inputs of a network's kind: noise pictures, noise sounds of several lengths, or texts
    of random tokens, the first of which is empty."""
    generator = np.random.default_rng(0)
    channels, height, width = model.architecture.input
    preprocessor = model.preprocessor
    if isinstance(preprocessor, TextPreprocessor) or model.architecture.reads_texts:
        tokens = generator.integers(1, max(2, height), (count, width)) % height
        lengths = np.linspace(0, width, count).astype(int)
        tokens[np.arange(width) >= lengths[:, None]] = 0
        if isinstance(preprocessor, TextPreprocessor) and not model.architecture.reads_texts:
            return samples_of_inputs(preprocessor, preprocessor.one_hot(tokens))
        return samples_of_inputs(preprocessor, tokens)
    if isinstance(preprocessor, AudioPreprocessor):
        seconds = np.linspace(0.1, 2.0, count)
        sounds = [_noise(generator, preprocessor.rate, one) for one in seconds]
        return samples_of(preprocessor, sounds)
    pixels = generator.integers(0, 256, (count, height, width, channels), np.uint8)
    if channels in (1, 3) and preprocessor.modality == "pictures":
        return samples_of(preprocessor, list(pixels))
    inputs = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    return samples_of_inputs(preprocessor, inputs)


def _noise(generator: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Noise that becomes louder and fades."""
    samples = generator.normal(0, 0.2, int(rate * seconds))
    return Sound(round_to_16_bit(samples * np.hanning(len(samples))), rate)


def logits_of(model: SavedModel, samples: Samples) -> Float32:
    """The logits (N, classes) that piecewise computes for samples."""
    from ...engine.runtime import program_registry  # noqa: PLC0415 - it loads the compiler

    architecture = model.architecture
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
