"""Examples that are the same to a net: equal, byte for byte, once they are prepared."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ...randomness import NOISE, key_of, words
from ..texts.preparation import UNKNOWN

Indices = npt.NDArray[np.int64]

_BLOCK = 1 << 24  # bytes looked at at a time


def equal_groups(examples: npt.NDArray[Any]) -> list[Indices]:
    """The groups of examples (N, ...) that are equal, each with two or more, by number. Texts with
    words that are not in the dictionary are like no other: it is not known what stands there."""
    rows = examples.reshape(len(examples), -1)
    chosen = np.arange(len(rows))
    if rows.dtype == np.int64:
        chosen = np.flatnonzero((rows != UNKNOWN).all(axis=1) & rows.any(axis=1))
    marks = _marks(rows)[chosen]
    order = np.argsort(marks, kind="stable")
    marks, chosen = marks[order], chosen[order]
    same = np.flatnonzero(marks[1:] == marks[:-1])
    found: dict[bytes, list[int]] = {}
    for index in chosen[np.union1d(same, same + 1)].tolist():  # equal marks may be by chance
        found.setdefault(rows[index].tobytes(), []).append(index)
    groups = [np.array(sorted(group)) for group in found.values() if len(group) > 1]
    return sorted(groups, key=lambda group: int(group[0]))


def _marks(rows: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """A number for each row (N, n) that equal rows share, and hardly others: its words of 32 bits,
    each times a fixed odd number, added up."""
    size = rows.shape[1] * rows.itemsize
    count = -(-size // 4)
    drawn = words(key_of(0, NOISE, count), 2 * count).astype(np.uint64)
    factors = (drawn[::2] << np.uint64(32)) | drawn[1::2] | np.uint64(1)
    marks = np.empty(len(rows), np.uint64)
    step = max(1, _BLOCK // (4 * count))
    for start in range(0, len(rows), step):
        block = np.ascontiguousarray(rows[start : start + step])
        padded = block.view(np.uint8)
        if size % 4:
            padded = np.zeros((len(block), 4 * count), np.uint8)
            padded[:, :size] = block.view(np.uint8)
        marks[start : start + step] = (padded.view(np.uint32) * factors).sum(axis=1)
    return marks
