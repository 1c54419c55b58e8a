"""The programs of a network: compiled on first use and kept in an LRU cache in memory.

This is how the rest of the package calls the engine: logits, feature maps, gradients, finite
differences and training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np

from ...core.array_types import Array, Float32
from ...core.ghost_batch import StepContext
from ...core.rng import DROPOUT, derive_key
from ...spec.architecture import Architecture
from ..codegen.network_program import ProgramSpec
from .compiled_program import FeatureMapProgram, InferenceProgram, TrainingProgram
from .finite_differences import FiniteDifferenceProgram, FiniteDifferences
from .single_image import SingleImageProgram
from .split_training import GradientExchange, SplitTrainingProgram
from .thread_pool import processors

_MAX_PROGRAMS = 32
"""Programs of each kind kept in memory; the least recently used one is dropped."""
_MAX_SINGLE = 2
"""Up to this many examples run one at a time, which is faster than a nearly empty group."""


@lru_cache(_MAX_PROGRAMS)
def _inference_program(architecture: Architecture, uint8_input: bool) -> InferenceProgram:
    return InferenceProgram(architecture, uint8_input=uint8_input)


@lru_cache(_MAX_PROGRAMS)
def _single_image_program(architecture: Architecture, uint8_input: bool) -> SingleImageProgram:
    return SingleImageProgram(architecture, uint8_input=uint8_input)


@lru_cache(_MAX_PROGRAMS)
def _feature_map_program(architecture: Architecture) -> FeatureMapProgram:
    return FeatureMapProgram(architecture)


@lru_cache(_MAX_PROGRAMS)
def _finite_difference_program(
    architecture: Architecture, loss: str, training: bool, frozen: int
) -> FiniteDifferenceProgram:
    return FiniteDifferenceProgram(architecture, loss, training=training, frozen=frozen)


def logits(
    architecture: Architecture,
    flat: Float32,
    running_stats: Float32,
    inputs: Array,
    scaling: Float32,
    threads: int | None = None,
) -> Float32:
    """Images (N, C, H, W), bytes or float32, or word indices (N, positions) int64 -> (N, classes).

    ``scaling``: the numbers a, b, c that turn a byte into (a * byte + b) / c.
    """
    uint8_input = inputs.dtype == np.uint8
    if len(inputs) <= _MAX_SINGLE:
        single = _single_image_program(architecture, uint8_input)
        with single.lock:
            single.set_weights(flat, running_stats, scaling)
            count = single.thread_count(threads)
            return np.stack([single.logits(example, count) for example in inputs])
    program = _inference_program(architecture, uint8_input)
    return program.logits(inputs, flat, running_stats, scaling, threads or processors())


def feature_maps(
    architecture: Architecture, flat: Float32, running_stats: Float32, example: Array
) -> dict[str, Float32]:
    """One image (C, H, W) float32, or word indices (positions) int64 -> the feature maps of each
    layer by the layer's name."""
    return _feature_map_program(architecture).feature_maps(example, flat, running_stats)


def gradients(
    architecture: Architecture,
    flat: Float32,
    running_stats: Float32,
    inputs: Array,
    labels: Array,
    loss: str,
    sample_weight: Float32 | None = None,
) -> tuple[Float32, Float32]:
    """The loss of each example, and the gradient of the mean loss, flat like the parameters.
    Dropout is inactive and batch norm uses its running averages. Inputs: float32 or word indices.
    ``sample_weight`` (N,): multiplied into the losses."""
    weighted = sample_weight is not None
    program = TrainingProgram(architecture, ProgramSpec("train", loss=loss, weighted=weighted))
    if sample_weight is not None:
        program.set_sample_weights(sample_weight)
    program.load_parameters(flat, running_stats)
    program.set_inputs(inputs, np.ones(3, np.float32))
    losses = program.compute_gradient(labels, processors())
    return losses, program.gradient


def finite_differences(
    architecture: Architecture,
    arrays: Mapping[str, Array],
    inputs: Array,
    labels: Array,
    loss: str,
    step_context: StepContext | None = None,
    threads: int | None = None,
    callback: Callable[[], None] | None = None,
) -> FiniteDifferences:
    """Nudge each parameter up and down: the mean loss, its numerical gradients and the batch
    statistics, in float64. With a step context: of a training step; without: of inference.
    ``callback`` is called several times per second; it may raise to stop."""
    frozen = step_context.frozen if step_context else 0
    program = _finite_difference_program(architecture, loss, step_context is not None, frozen)
    threads = threads or processors()
    return program.differences(arrays, inputs, labels, step_context, threads, callback)


def training_program(
    architecture: Architecture,
    spec: ProgramSpec,
    seed: int,
    exchange: GradientExchange | None = None,
) -> TrainingProgram:
    """A new training program. ``seed``: of its dropout; ``exchange``: of a split spec, the
    processes that share its steps."""
    program = (
        SplitTrainingProgram(architecture, spec, exchange)
        if exchange
        else TrainingProgram(architecture, spec)
    )
    program.dropout_key = derive_key(seed, DROPOUT)
    return program
