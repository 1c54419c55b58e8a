"""Training digests: short hashes of the inputs that a network was trained on.

They tell whether an example was used in training, so that a score can count such examples apart.
A digest does not contain the example, but whoever has an example can test whether it was used.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field

import numpy as np

from ..core.array_types import Array, Bool, Uint8, Uint64

DIGEST_BYTES = 6
"""Bytes of a digest. A million digests match one of a million other examples by chance with a
probability of 0.4 %."""
MAX_DIGESTS = 1_000_000
"""With more examples than this, none are kept."""


def _none() -> Uint64:
    return np.empty(0, np.uint64)


@dataclass(frozen=True, eq=False)
class TrainingDigests:
    """Digests of training inputs.

    Parameters
    ----------
    digests : array of uint64 (N,)
        In ascending order, each once, below 2**48.
    is_complete : bool
        False if there were more than a million inputs; then there are no digests.
    """

    digests: Uint64 = field(default_factory=_none)
    is_complete: bool = True

    def __len__(self) -> int:
        return len(self.digests)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TrainingDigests)
            and self.is_complete == other.is_complete
            and np.array_equal(self.digests, other.digests)
        )

    def __hash__(self) -> int:
        return hash(self.to_bytes().tobytes())

    def including(self, inputs: Array) -> TrainingDigests:
        """These digests and those of further inputs (N, ...)."""
        if not self.is_complete or len(inputs) > MAX_DIGESTS:
            return TrainingDigests(is_complete=False)
        merged = np.union1d(self.digests, digests_of(inputs))
        if len(merged) > MAX_DIGESTS:
            return TrainingDigests(is_complete=False)
        return TrainingDigests(merged)

    def contain(self, inputs: Array) -> Bool:
        """Whether each input (N, ...) was in the training set."""
        if not len(self):
            return np.zeros(len(inputs), bool)
        return np.isin(digests_of(inputs), self.digests)

    def to_bytes(self) -> Uint8:
        """The digests as a table of bytes (N, 6), big-endian."""
        table = self.digests.astype(">u8").view(np.uint8).reshape(-1, 8)
        return np.ascontiguousarray(table[:, 8 - DIGEST_BYTES :])

    @classmethod
    def from_bytes(cls, table: Uint8, *, is_complete: bool = True) -> TrainingDigests:
        """The digests of a table of bytes (N, 6); ValueError if they are not in order."""
        digests = _from_table(table)
        if (digests[1:] <= digests[:-1]).any():
            raise ValueError("the digests of training examples are not in ascending order")
        return cls(digests, is_complete)


_ROWS = 1_024
"""Inputs that are converted at a time."""


def digests_of(inputs: Array) -> Uint64:
    """The digest of each input (N, ...), which does not depend on the machine."""
    whole = "<i8" if inputs.dtype.kind in "iu" else "<f4"
    dtype = "u1" if inputs.dtype == np.uint8 else whole
    size = np.dtype(dtype).itemsize * math.prod(inputs.shape[1:])
    empty = hashlib.blake2b(digest_size=DIGEST_BYTES, person=dtype.encode())
    table = bytearray()
    for first in range(0, len(inputs), _ROWS):
        rows = np.ascontiguousarray(inputs[first : first + _ROWS], dtype)
        content = rows.reshape(-1).view(np.uint8).data
        for row in range(len(rows)):
            digest = empty.copy()
            digest.update(content[row * size : (row + 1) * size])
            table += digest.digest()
    return _from_table(np.frombuffer(table, np.uint8).reshape(-1, DIGEST_BYTES))


def _from_table(table: Uint8) -> Uint64:
    """The digests of a table of bytes (N, 6)."""
    padded = np.zeros((len(table), 8), np.uint8)
    padded[:, 8 - DIGEST_BYTES :] = table
    return padded.view(">u8").reshape(-1).astype(np.uint64)
