"""Literal comparison: nearest-neighbour classification by pixels, without translation.

Pixels are compared as bytes, 0 at -1 and 255 at +1, so that all sums are sums of integers: exact,
and the same on every machine.
"""

from __future__ import annotations

import numpy as np

from ...core.array_types import Array, Float64, Int64, Labels, Uint8
from ...core.errors import DataError

WORK = 3e11
"""Multiplications that literal comparison may take; more examples are subsampled."""
_BLOCK = 1 << 21  # pixels that are converted to float64 at a time
_CACHED = 1 << 24  # pixels that are cached as float64, in 128 MiB


def as_bytes(pictures: Array) -> Uint8:
    """Convert preprocessed images, from -1 to 1, to bytes of the same shape; other values are
    clipped. Images that were bytes get the same bytes (ink is 255, on either background)."""
    levels = 127.5 * (np.clip(pictures, -1, 1).astype(np.float64) + 1)
    rounded: Uint8 = np.rint(levels).astype(np.uint8)
    return rounded


def unchanged_fraction(first: Uint8, second: Uint8) -> float:
    """The fraction of pixels that are equal in two images. A grey pixel counts as one minus its
    difference, from 0 to 1."""
    difference = np.abs(first.astype(np.int64) - second.astype(np.int64)).sum()
    return 1 - int(difference) / (255 * first.size)


class LiteralMatcher:
    """Classifies images by the nearest of labelled images, pixel by pixel."""

    def __init__(self, pictures: Uint8, labels: Labels) -> None:
        """``pictures``: bytes from `as_bytes` (N, C, H, W); ``labels`` (N,)."""
        if not len(pictures) or len(pictures) != len(labels):
            raise DataError(
                f"literal comparison: got {len(pictures)} pictures and {len(labels)} labels, "
                "wanted one or more, and as many of each"
            )
        self.labels = labels
        rows = pictures.reshape(len(pictures), -1)
        step = max(1, _BLOCK // rows.shape[1])
        self._blocks = [rows[start : start + step] for start in range(0, len(rows), step)]
        self._numbers = list(map(_numbers, self._blocks)) if rows.size <= _CACHED else None

    def __len__(self) -> int:
        return len(self.labels)

    def answers(self, pictures: Array) -> Labels:
        """The labels (N,) of the nearest images, by the sum of squared pixel differences; the first
        of equally near ones. ``pictures``: preprocessed images (N, C, H, W)."""
        queries = as_bytes(pictures).reshape(len(pictures), -1).astype(np.float64)
        nearest = np.full(len(queries), np.inf)
        indices = np.zeros(len(queries), np.int64)
        start = 0
        for rows, squares in self._numbers or map(_numbers, self._blocks):
            distances = squares - 2 * (queries @ rows.T)  # up to the queries' own squares
            best = distances.argmin(axis=1)
            least = distances[np.arange(len(queries)), best]
            closer = least < nearest
            nearest[closer], indices[closer] = least[closer], start + best[closer]
            start += len(rows)
        return self.labels[indices]


def _numbers(rows: Uint8) -> tuple[Float64, Float64]:
    """Rows of bytes as float64, and the sum of squares of each. Products of bytes and their sums
    are integers far below 2**53, so float64 sums are exact in any order."""
    numbers = rows.astype(np.float64)
    return numbers, (numbers * numbers).sum(axis=1)


def worth(count: int, asked: int, pixels: int) -> Int64:
    """Indices of the images to compare with: all ``count``, or an even subsample if comparing
    ``asked`` images of ``pixels`` pixels with all were more than `WORK`."""
    most = min(count, max(1, int(WORK / max(1, asked * pixels))))
    return np.arange(most) * count // max(1, most)
