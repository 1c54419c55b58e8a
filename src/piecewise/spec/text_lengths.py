"""Lengths of texts: how many positions of each layer hold a text, before its padding.

A text of ``n`` tokens fills the first ``n`` positions of a network's input; the others are padding.
A network computes as if the text ended there: every layer has a length of its own, the number of
its positions that the text alone would have, and its values after them are zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ..core.array_types import Int64
from .architecture import Stage
from .layer_base import Connectivity, Layer, Shape


@lru_cache(maxsize=256)
def length_table(layer: Layer, shape: Shape) -> Int64:
    """The length of a layer's output for each length of its input, 0 to ``shape.width``; read only.

    An output has at least one position: an empty text counts as one token of padding, and a window
    longer than its text sees zeros after it.
    """
    lengths = np.arange(shape.width + 1)
    if layer.connectivity is Connectivity.GLOBAL:
        lengths[:] = 1
    elif layer.connectivity is Connectivity.WINDOWED:
        sizes = [shape._replace(width=length) for length in range(1, shape.width + 1)]
        lengths[1:] = [layer.windows(size)[1].count for size in sizes]
    table = np.maximum(lengths, 1)
    table.flags.writeable = False
    return table


def length_tables(stages: Sequence[Stage]) -> list[Int64]:
    """For each stage of a network that reads texts: the length of its output for each length of
    the text."""
    tables: list[Int64] = []
    lengths = np.arange(stages[0].input.width + 1)
    for stage in stages:
        lengths = length_table(stage.layer, stage.input)[lengths]
        tables.append(lengths)
    return tables
