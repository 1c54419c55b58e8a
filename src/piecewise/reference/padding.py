"""Padding of texts: a network computes as if each text ended at its last token.

After every layer, the positions after the end of a text are set to zero; before the backward pass
of a layer, so are the gradients of these positions. Images have no lengths.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.array_types import Array, Int64
from ..spec.architecture import Stage
from ..spec.layer_base import PADDING
from ..spec.text_lengths import length_table

Lengths = Int64 | None
"""The positions (N) of each example before its padding; None for images."""


def text_lengths(tokens: Array) -> Int64:
    """Tokens (N, positions) -> the index of the last token that is not padding, plus 1; 1 for an
    empty text."""
    positions = np.arange(1, tokens.shape[1] + 1)
    return np.asarray(np.where(tokens == PADDING, 1, positions).max(axis=1), np.int64)


def stage_lengths(stages: Sequence[Stage], x: Array) -> list[Lengths]:
    """The lengths of the input of each stage, and those of the last output."""
    if not (stages and stages[0].layer.reads_tokens):
        return [None] * (len(stages) + 1)
    lengths = [text_lengths(x)]
    for stage in stages:
        lengths.append(length_table(stage.layer, stage.input)[lengths[-1]])
    return [*lengths]


def without_padding(x: Array, lengths: Lengths) -> Array:
    """x (N, C, H, W), or tokens (N, positions), with zeros after the end of each text."""
    if lengths is None or (lengths == x.shape[-1]).all():
        return x
    return np.where(before_padding(x, lengths), x, x.dtype.type(0))


def before_padding(x: Array, lengths: Int64) -> Array:
    """Whether a position holds text, in a shape that broadcasts with x (N, ..., W)."""
    ends = lengths.reshape(-1, *[1] * (x.ndim - 1))
    return np.arange(x.shape[-1]) < ends
