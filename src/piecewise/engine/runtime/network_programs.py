"""The programs of a network, compiled when first wanted and kept."""

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
from .thread_pool import processors

_KEPT = 32
"""Programs kept in memory; the one not used for longest makes room."""
_FEW = 2
"""Pictures that run one by one, which is quicker than a group that is nearly empty."""


@lru_cache(_KEPT)
def _answers(architecture: Architecture, uint8_input: bool) -> InferenceProgram:
    return InferenceProgram(architecture, uint8_input=uint8_input)


@lru_cache(_KEPT)
def _single(architecture: Architecture, uint8_input: bool) -> SingleImageProgram:
    return SingleImageProgram(architecture, uint8_input=uint8_input)


@lru_cache(_KEPT)
def _walker(architecture: Architecture) -> FeatureMapProgram:
    return FeatureMapProgram(architecture)


def logits(
    architecture: Architecture,
    flat: Float32,
    running_stats: Float32,
    pictures: Array,
    fraction: Float32,
    threads: int | None = None,
) -> Float32:
    """Pictures (N, C, H, W), bytes or float32, or words (N, positions) int64 -> (N, classes).

    ``fraction``: the numbers a, b, c that make (a * byte + b) / c of a byte.
    """
    uint8_input = pictures.dtype == np.uint8
    if len(pictures) <= _FEW:
        alone = _single(architecture, uint8_input)
        with alone.lock:
            alone.set_weights(flat, running_stats, fraction)
            together = alone.threads(threads)
            return np.stack([alone.logits(picture, together) for picture in pictures])
    program = _answers(architecture, uint8_input)
    return program.logits(pictures, flat, running_stats, fraction, threads or processors())


def feature_maps(
    architecture: Architecture, flat: Float32, running_stats: Float32, picture: Array
) -> dict[str, Float32]:
    """One picture (C, H, W) float32, or words (positions) int64 -> the stack that each layer makes
    of it, by the layer's name."""
    return _walker(architecture).feature_maps(picture, flat, running_stats)


def gradients(
    architecture: Architecture,
    flat: Float32,
    running_stats: Float32,
    pictures: Array,
    right: Array,
    loss: str,
    weights: Float32 | None = None,
) -> tuple[Float32, Float32]:
    """The loss of each picture, and the gradient of their mean, flat like the parameters; of the
    network as it answers. Pictures float32 or words. ``weights`` (N,): what each loss is
    multiplied by."""
    weighted = weights is not None
    learner = TrainingProgram(architecture, ProgramSpec("train", loss=loss, weighted=weighted))
    if weights is not None:
        learner.set_sample_weights(weights)
    learner.load_parameters(flat, running_stats)
    learner.set_inputs(pictures, np.ones(3, np.float32))
    losses = learner.compute_gradient(right, processors())
    return losses, learner.gradient


@lru_cache(_KEPT)
def _nudger(architecture: Architecture, loss: str, training: bool) -> FiniteDifferenceProgram:
    return FiniteDifferenceProgram(architecture, loss, training=training)


def finite_differences(
    architecture: Architecture,
    arrays: Mapping[str, Array],
    x: Array,
    right: Array,
    loss: str,
    moment: StepContext | None = None,
    threads: int | None = None,
    between: Callable[[], None] | None = None,
) -> FiniteDifferences:
    """Each parameter nudged up and down: the mean loss, its slopes and the statistics seen, in
    float64. Without a moment: of the network as it answers. With one: of a training step.
    ``between`` is called several times a second, and ends it by raising."""
    nudger = _nudger(architecture, loss, moment is not None)
    return nudger.nudges(arrays, x, right, moment, threads or processors(), between)


def training_program(
    architecture: Architecture, purpose: ProgramSpec, seed: int
) -> TrainingProgram:
    """A new run of learning, its draws by ``seed``."""
    made = TrainingProgram(architecture, purpose)
    made.dropout_key = derive_key(seed, DROPOUT)
    return made
