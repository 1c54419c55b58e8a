"""The programs of a network, compiled when first wanted and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np

from ...core.array_types import Array, Float32
from ...core.ghost_batch import StepContext
from ...core.rng import DROPOUT, derive_key
from ...spec.architecture import Architecture
from ..codegen.network_program import Purpose
from .compiled_program import Answers, Learner, Walker
from .finite_differences import Nudged, Nudger
from .single_image import Single
from .thread_pool import processors

_KEPT = 32
"""Programs kept in memory; the one not used for longest makes room."""
_FEW = 2
"""Pictures that run one by one, which is quicker than a group that is nearly empty."""


@lru_cache(_KEPT)
def _answers(architecture: Architecture, bytes_in: bool) -> Answers:
    return Answers(architecture, bytes_in=bytes_in)


@lru_cache(_KEPT)
def _single(architecture: Architecture, bytes_in: bool) -> Single:
    return Single(architecture, bytes_in=bytes_in)


@lru_cache(_KEPT)
def _walker(architecture: Architecture) -> Walker:
    return Walker(architecture)


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
    bytes_in = pictures.dtype == np.uint8
    if len(pictures) <= _FEW:
        alone = _single(architecture, bytes_in)
        with alone.lock:
            alone.weigh(flat, running_stats, fraction)
            together = alone.threads(threads)
            return np.stack([alone.logits(picture, together) for picture in pictures])
    program = _answers(architecture, bytes_in)
    return program.logits(pictures, flat, running_stats, fraction, threads or processors())


def stacks(
    architecture: Architecture, flat: Float32, running_stats: Float32, picture: Array
) -> dict[str, Float32]:
    """One picture (C, H, W) float32, or words (positions) int64 -> the stack that each layer makes
    of it, by the layer's name."""
    return _walker(architecture).stacks(picture, flat, running_stats)


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
    learner = Learner(architecture, Purpose("learn", loss=loss, weighted=weighted))
    if weights is not None:
        learner.give_weights(weights)
    learner.begin(flat, running_stats)
    learner.give(pictures, np.ones(3, np.float32))
    losses = learner.slope(right, processors())
    return losses, learner.gradient


@lru_cache(_KEPT)
def _nudger(architecture: Architecture, loss: str, training: bool) -> Nudger:
    return Nudger(architecture, loss, training=training)


def nudges(
    architecture: Architecture,
    arrays: Mapping[str, Array],
    x: Array,
    right: Array,
    loss: str,
    moment: StepContext | None = None,
    threads: int | None = None,
    between: Callable[[], None] | None = None,
) -> Nudged:
    """Each parameter nudged up and down: the mean loss, its slopes and the statistics seen, in
    float64. Without a moment: of the network as it answers. With one: of a training step.
    ``between`` is called several times a second, and ends it by raising."""
    nudger = _nudger(architecture, loss, moment is not None)
    return nudger.nudges(arrays, x, right, moment, threads or processors(), between)


def learner(architecture: Architecture, purpose: Purpose, seed: int) -> Learner:
    """A new run of learning, its draws by ``seed``."""
    made = Learner(architecture, purpose)
    made.draws = derive_key(seed, DROPOUT)
    return made
