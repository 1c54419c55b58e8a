"""Literal comparison, as the deck's computer does it: pixel by pixel, each where it stands.

Pixels are compared as bytes, 0 at -1 and 255 at +1, so that all sums are of whole numbers: exact,
and the same everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.array_types import Labels
from ...core.errors import DataError

Bytes = npt.NDArray[np.uint8]

WORK = 3e11
"""Multiplications that are worth an answer about what literal comparison would say."""
_BLOCK = 1 << 21  # pixels that are made numbers at a time
_KEPT = 1 << 24  # pixels that are kept as numbers, in 128 MiB


def as_bytes(pictures: npt.NDArray[Any]) -> Bytes:
    """Prepared pictures, numbers from -1 to 1, -> bytes of the same shape; what is beyond is cut
    off. Of pictures that were bytes these are the same bytes (ink 255, on either ground)."""
    levels = 127.5 * (np.clip(pictures, -1, 1).astype(np.float64) + 1)
    rounded: Bytes = np.rint(levels).astype(np.uint8)
    return rounded


def unchanged_fraction(first: Bytes, second: Bytes) -> float:
    """The share of the pixels of two pictures that are the same. In black and white that is what
    it says; between the two, a pixel counts as far as it is the same (1 less the difference, from
    0 to 1)."""
    apart = np.abs(first.astype(np.int64) - second.astype(np.int64)).sum()
    return 1 - int(apart) / (255 * first.size)


class LiteralMatcher:
    """Pictures and their class numbers, to which others are compared pixel by pixel."""

    def __init__(self, pictures: Bytes, labels: Labels) -> None:
        """``pictures``: as `as_bytes` gives them, (N, C, H, W); ``labels`` (N,)."""
        if not len(pictures) or len(pictures) != len(labels):
            raise DataError(
                f"literal comparison: got {len(pictures)} pictures and {len(labels)} labels, "
                "wanted one or more, and as many of each"
            )
        self.labels = labels
        rows = pictures.reshape(len(pictures), -1)
        step = max(1, _BLOCK // rows.shape[1])
        self._blocks = [rows[start : start + step] for start in range(0, len(rows), step)]
        self._numbers = list(map(_numbers, self._blocks)) if rows.size <= _KEPT else None

    def __len__(self) -> int:
        return len(self.labels)

    def answers(self, pictures: npt.NDArray[Any]) -> Labels:
        """Prepared pictures (N, C, H, W) -> the class of the nearest of its own, (N,), by the sum
        of squared differences of pixels; of equally near ones the first."""
        given = as_bytes(pictures).reshape(len(pictures), -1).astype(np.float64)
        nearest = np.full(len(given), np.inf)
        found = np.zeros(len(given), np.int64)
        start = 0
        for rows, squares in self._numbers or map(_numbers, self._blocks):
            apart = squares - 2 * (given @ rows.T)  # less the given picture's own squares
            best = apart.argmin(axis=1)
            least = apart[np.arange(len(given)), best]
            closer = least < nearest
            nearest[closer], found[closer] = least[closer], start + best[closer]
            start += len(rows)
        return self.labels[found]


def _numbers(rows: Bytes) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Rows of bytes as float64, and the sum of squares of each. Products of bytes and their sums
    are whole numbers far below 2**53, so that float64 holds each exactly, in whatever order a
    library adds them up."""
    numbers = rows.astype(np.float64)
    return numbers, (numbers * numbers).sum(axis=1)


def worth(count: int, asked: int, pixels: int) -> npt.NDArray[np.int64]:
    """Which of ``count`` pictures to compare with, when ``asked`` pictures of so many pixels will
    be: all, or, where that were too much work, as many as are worth it, spread evenly."""
    most = min(count, max(1, int(WORK / max(1, asked * pixels))))
    return np.arange(most) * count // max(1, most)
