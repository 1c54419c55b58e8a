"""Exact duplicates: examples that are equal byte for byte after preprocessing; and the label
conflicts and split leaks among pairs of duplicates, exact or near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...core.array_types import Array, Int64
from ...core.rng import NOISE, derive_key, random_words
from ..dataset import Dataset
from ..text.preprocessor import UNKNOWN
from .findings import SPLIT_RANKS

_BLOCK = 1 << 24  # bytes processed at a time


def equal_groups(examples: Array) -> list[Int64]:
    """Groups of two or more equal examples (N, ...), as arrays of indices. Texts with unknown words
    are never duplicates: the unknown words may differ."""
    rows = examples.reshape(len(examples), -1)
    chosen = np.arange(len(rows))
    if rows.dtype == np.int64:
        chosen = np.flatnonzero((rows != UNKNOWN).all(axis=1) & rows.any(axis=1))
    hashes = _hashes(rows)[chosen]
    order = np.argsort(hashes, kind="stable")
    hashes, chosen = hashes[order], chosen[order]
    same = np.flatnonzero(hashes[1:] == hashes[:-1])
    by_bytes: dict[bytes, list[int]] = {}
    for index in chosen[np.union1d(same, same + 1)].tolist():  # hashes may collide
        by_bytes.setdefault(rows[index].tobytes(), []).append(index)
    groups = [np.array(sorted(group)) for group in by_bytes.values() if len(group) > 1]
    return sorted(groups, key=lambda group: int(group[0]))


def _hashes(rows: Array) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of each row (N, n): the sum of its 32-bit words, each times a fixed random odd
    number."""
    size = rows.shape[1] * rows.itemsize
    count = -(-size // 4)
    drawn = random_words(derive_key(0, NOISE, count), 2 * count).astype(np.uint64)
    factors = (drawn[::2] << np.uint64(32)) | drawn[1::2] | np.uint64(1)
    hashes = np.empty(len(rows), np.uint64)
    step = max(1, _BLOCK // (4 * count))
    for start in range(0, len(rows), step):
        block = np.ascontiguousarray(rows[start : start + step])
        padded = block.view(np.uint8)
        if size % 4:
            padded = np.zeros((len(block), 4 * count), np.uint8)
            padded[:, :size] = block.view(np.uint8)
        hashes[start : start + step] = (padded.view(np.uint32) * factors).sum(axis=1)
    return hashes


@dataclass(frozen=True)
class DuplicatePairs:
    """Pairs of duplicates (n, 2), the earlier example first: all ``pairs``, those with different
    labels, those in different splits (the training example first), and those within one class of
    the training split."""

    pairs: Int64
    label_conflicts: Int64
    across_splits: Int64
    within_class: Int64

    @property
    def duplicate_count(self) -> int:
        """The number of examples that duplicate an earlier one."""
        return len(np.unique(self.pairs[:, 1]))

    @property
    def conflict_count(self) -> int:
        """The number of examples that duplicate one of another class."""
        return len(np.unique(self.label_conflicts[:, 1]))

    @property
    def leak_count(self) -> int:
        """The number of examples that duplicate one of an earlier split."""
        return len(np.unique(self.across_splits[:, 1]))

    def to_json(self) -> dict[str, int]:
        """The three counts: duplicates, label conflicts and split leaks."""
        return {
            "duplicates": self.duplicate_count,
            "label_conflicts": self.conflict_count,
            "split_leaks": self.leak_count,
        }


def pairs_of_groups(groups: Sequence[Int64], data: Dataset) -> DuplicatePairs:
    """The pairs in groups of equal examples: each example with the first of its group, and with
    the first of an earlier split and the first training example of its class, if any."""
    rank, every, conflicts, leaks, within = _ranks(data), [], [], [], []
    for group in groups:
        first = int(group[0])
        labels, ranks = data.labels[group], rank[group]
        every += [(first, int(other)) for other in group[1:]]
        conflicts += [(first, int(other)) for other in group[labels != labels[0]]]
        earliest = int(group[ranks.argmin()])
        leaks += [(earliest, int(other)) for other in group[ranks > ranks.min()]]
        for label in np.unique(labels[ranks == 0]):
            alike = group[(ranks == 0) & (labels == label)]
            within += [(int(alike[0]), int(other)) for other in alike[1:]]
    return DuplicatePairs(_pairs(every), _pairs(conflicts), _pairs(leaks), _pairs(within))


def classify_pairs(pairs: Int64, data: Dataset) -> DuplicatePairs:
    """Classify pairs of near-duplicates (n, 2) by label and split."""
    labels, ranks = data.labels[pairs], _ranks(data)[pairs]
    divided = ranks[:, 0] != ranks[:, 1]
    leaks, reverse = pairs[divided], ranks[divided, 0] > ranks[divided, 1]
    leaks[reverse] = leaks[reverse][:, ::-1]
    unlike = labels[:, 0] != labels[:, 1]
    return DuplicatePairs(pairs, pairs[unlike], leaks, pairs[~unlike & (ranks == 0).all(axis=1)])


def _ranks(data: Dataset) -> Int64:
    """The rank of each example's split (N,)."""
    return np.select([data.splits == name for name in SPLIT_RANKS], list(SPLIT_RANKS.values()), 0)


def _pairs(pairs: list[tuple[int, int]]) -> Int64:
    return np.array(pairs, np.int64).reshape(-1, 2)
