"""Examples that are the same to a net: equal, byte for byte, once they are prepared; and what pairs
of examples, equal or nearly so, say of classes and parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.rng import NOISE, derive_key, random_words
from ..dataset import Dataset
from ..text.preprocessor import UNKNOWN
from .findings import SPLIT_RANKS

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
    drawn = random_words(derive_key(0, NOISE, count), 2 * count).astype(np.uint64)
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


@dataclass(frozen=True)
class DuplicatePairs:
    """Repeats as pairs of examples, the earlier one first: ``all`` of them, those with two classes,
    those in two parts (the one that a net meets first, first), and those ``within`` a class of the
    part to learn from."""

    pairs: Indices
    label_conflicts: Indices
    across_splits: Indices
    within_class: Indices

    @property
    def duplicate_count(self) -> int:
        """How many examples repeat another."""
        return len(np.unique(self.pairs[:, 1]))

    @property
    def conflict_count(self) -> int:
        """How many examples repeat one of another class."""
        return len(np.unique(self.label_conflicts[:, 1]))

    @property
    def leak_count(self) -> int:
        """How many examples repeat one of an earlier part."""
        return len(np.unique(self.across_splits[:, 1]))

    def to_json(self) -> dict[str, int]:
        """The three numbers: repeats, clashes, and leaks as "across"."""
        return {
            "duplicates": self.duplicate_count,
            "label_conflicts": self.conflict_count,
            "split_leaks": self.leak_count,
        }


def pairs_of_groups(groups: Sequence[Indices], data: Dataset) -> DuplicatePairs:
    """Groups of equal examples as pairs: each with the first of its group; the first, if it is of
    another class; the first of an earlier part; the first to learn from of the same class."""
    rank, every, clashing, across, within = _ranks(data), [], [], [], []
    for group in groups:
        first = int(group[0])
        labels, parts = data.labels[group], rank[group]
        every += [(first, int(other)) for other in group[1:]]
        clashing += [(first, int(other)) for other in group[labels != labels[0]]]
        earliest = int(group[parts.argmin()])
        across += [(earliest, int(other)) for other in group[parts > parts.min()]]
        for label in np.unique(labels[parts == 0]):
            alike = group[(parts == 0) & (labels == label)]
            within += [(int(alike[0]), int(other)) for other in alike[1:]]
    return DuplicatePairs(_pairs(every), _pairs(clashing), _pairs(across), _pairs(within))


def classify_pairs(pairs: Indices, data: Dataset) -> DuplicatePairs:
    """Pairs of nearly equal examples (n, 2)."""
    labels, parts = data.labels[pairs], _ranks(data)[pairs]
    divided = parts[:, 0] != parts[:, 1]
    across, backwards = pairs[divided], parts[divided, 0] > parts[divided, 1]
    across[backwards] = across[backwards][:, ::-1]
    unlike = labels[:, 0] != labels[:, 1]
    return DuplicatePairs(pairs, pairs[unlike], across, pairs[~unlike & (parts == 0).all(axis=1)])


def _ranks(data: Dataset) -> Indices:
    """The place of each example's part among `SPLIT_RANKS` (N,)."""
    return np.select([data.splits == name for name in SPLIT_RANKS], list(SPLIT_RANKS.values()), 0)


def _pairs(found: list[tuple[int, int]]) -> Indices:
    return np.array(found, np.int64).reshape(-1, 2)
