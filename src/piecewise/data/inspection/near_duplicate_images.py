"""Pictures, and sounds as pictures, that are nearly the same: saved again, resized or lit anew.

Each is first described by 8x8 averages, without their mean and contrast, so that light says
nothing. Descriptions that are near fall, along fixed waves over the picture, into the same cells;
only what shares a cell is compared, first by description, then by the pictures themselves. All in
whole numbers, or in steps and in an order of adding that are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum, pi, prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...core.portable_math import sine_cosine
from ...core.rng import NOISE, derive_key, permutation, uniform

Pairs = npt.NDArray[np.int64]
Pictures = npt.NDArray[np.uint8]

SIDE = 8
SCALE = 1 << 12
"""The length of a description."""
NEAREST = 0.12
"""The distance of two descriptions, of length 1, that may be of one picture."""
LEAST_CONTRAST = 6.0
"""Levels; what has less is as good as empty."""
TILE = 4
"""Pixels of a side of the tiles that are compared before pixels are."""


class Tolerance(NamedTuple):
    """How far pictures may be from each other after the best change of light, in contrasts."""

    tile: float
    """The average of a tile, where it is farthest."""
    pixel: float
    """A pixel, on average."""


TOLERANCES = {
    "drawings": Tolerance(0.2, 0.105),
    "photos": Tolerance(0.5, 0.2),
    "sounds": Tolerance(0.2, 0.05),
}
"""Above what saving anew changes, and mostly below what different ones of the same class do."""
TABLES, WAVES, CELL = 8, 7, 656  # of SCALE: 0.16
MOST_COMPARED = 32
"""Neighbours in a cell that each is compared with."""
MOST_PAIRS = 2_000_000
_BLOCK = 1 << 22  # levels at a time, which are widened to be added
_AT_ONCE = 1 << 20  # pairs, or pixels of pairs
_ROUNDED = 1.01  # what is cut off along a wave


def near_pairs(pictures: Pictures, kind: str) -> Pairs:
    """The pairs (n, 2) of pictures (N, C, H, W) of a kind ("drawings", "photos", "sounds") that
    are nearly the same, the first number the smaller, in order."""
    described, contrast = _described(pictures)
    chosen = np.flatnonzero(contrast >= LEAST_CONTRAST)
    described = described[chosen]
    likely = [pair for pair in _candidates(described) if len(pair)]
    if not likely:
        return np.zeros((0, 2), np.int64)
    pairs = chosen[np.unique(np.concatenate(likely), axis=0)]
    return np.concatenate([
        _alike(pictures, pairs[start : start + _AT_ONCE], TOLERANCES[kind])
        for start in range(0, len(pairs), _AT_ONCE)
    ])  # fmt: skip


def _means(pictures: Pictures, sides: tuple[int, int]) -> npt.NDArray[np.float32]:
    """The average grey of (rows, columns) parts of each picture, (N, rows * columns)."""
    cuts = [
        np.arange(side) * length // side
        for side, length in zip(sides, pictures.shape[2:], strict=True)
    ]
    areas = np.outer(*(
        np.diff(cut, append=length) for cut, length in zip(cuts, pictures.shape[2:], strict=True)
    )) * pictures.shape[1]  # fmt: skip
    means = np.empty((len(pictures), areas.size), np.float32)
    step = max(1, _BLOCK // prod(pictures.shape[1:]))
    for start in range(0, len(pictures), step):
        block = pictures[start : start + step]
        lines = np.add.reduceat(block, cuts[1], axis=3, dtype=np.int32).sum(axis=1)
        sums = np.add.reduceat(lines, cuts[0], axis=1)
        means[start : start + len(block)] = (sums / areas).reshape(len(block), -1)
    return means


def _described(pictures: Pictures) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """The description of each picture (N, n), and its contrast (N,): the deviation of its parts."""
    height, width = pictures.shape[2:]
    means = np.rint(256 * _means(pictures, (min(SIDE, height), min(SIDE, width)))).astype(np.int64)
    parts = means.shape[1]
    centred = parts * means - means.sum(axis=1, keepdims=True)
    length = np.sqrt((centred * centred).sum(axis=1).astype(np.float64))
    scaled = np.rint(centred * (SCALE / np.maximum(length, 1)[:, None])).astype(np.int32)
    return scaled, length / (256 * parts * np.sqrt(parts))


def _candidates(described: npt.NDArray[np.int32]) -> Iterator[Pairs]:
    """Pairs whose descriptions are near, from one table of cells after the other."""
    waves = _waves(described.shape[1])
    along = (waves @ described.T.astype(np.int64) // SCALE).astype(np.int32)
    room = MOST_PAIRS
    for table in range(TABLES):
        key = derive_key(0, NOISE, 1, table)
        chosen = permutation(key, len(along))[: WAVES + 1]
        starts = np.floor(uniform(key, len(chosen)) * CELL).astype(np.int64)
        cell = np.zeros(len(described), np.int64)
        for wave, start in zip(chosen[:-1], starts, strict=False):
            cell = 128 * cell + (along[wave] + start) // CELL + 64
        order = np.lexsort((along[chosen[-1]], cell))
        cell, laid = cell[order], along[:, order]  # neighbours beside each other
        for step in range(1, min(MOST_COMPARED, len(cell) - 1) + 1):
            at = np.flatnonzero(cell[step:] == cell[:-step])
            if not len(at):
                break
            pairs = order[_near(laid, np.stack((at, at + step)))]
            away = described[pairs[0]] - described[pairs[1]]
            pairs = pairs[:, (away * away).sum(axis=1) <= (NEAREST * SCALE) ** 2]
            room -= pairs.shape[1]
            yield np.sort(pairs, axis=0).T
            if room < 0:
                return


def _near(along: npt.NDArray[np.int32], pairs: Pairs) -> Pairs:
    """Those of the pairs (2, n) that are near along all waves together, (waves, N): one wave after
    the other, as most are not."""
    limit = int((NEAREST * SCALE) ** 2 * _ROUNDED)
    apart = np.zeros(pairs.shape[1], np.int32)
    for wave in along:
        away = wave[pairs[1]] - wave[pairs[0]]
        apart += away * away
        kept = apart <= limit
        if 2 * np.count_nonzero(kept) < len(kept):
            pairs, apart = pairs[:, kept], apart[kept]
    return pairs[:, apart <= limit]


def _waves(parts: int) -> npt.NDArray[np.int64]:
    """Slow waves over descriptions, (waves, parts), of length SCALE, rounded."""
    rows = SIDE if parts == SIDE * SIDE else 1
    columns = parts // rows
    made = []
    for down, across in sorted(
        ((down, across) for down in range(min(rows, 4)) for across in range(min(columns, 8))),
        key=lambda pair: (sum(pair), pair),
    )[1:13]:
        waves = [
            sine_cosine(pi / side * (np.arange(side) + 0.5) * times)[1]
            for side, times in ((rows, down), (columns, across))
        ]
        wave = np.outer(*waves).reshape(-1)
        made.append(np.rint(SCALE * wave / np.sqrt(fsum(wave * wave))))
    return np.array(made or [np.ones(parts)], np.int64)


def _alike(pictures: Pictures, pairs: Pairs, rest: Tolerance) -> Pairs:
    """Those of the pairs that are the same up to light, brightness and contrast: tile by tile, and
    then pixel by pixel."""
    height, width = pictures.shape[2:]
    tiles = -(-height // TILE), -(-width // TILE)
    for sides, farthest in ((tiles, True), ((height, width), False)):
        step = max(1, _AT_ONCE // prod(sides))
        kept = []
        for start in range(0, len(pairs), step):
            one, other = (_means(pictures[side], sides) for side in pairs[start : start + step].T)
            apart = _apart(one, other)
            limit = rest.tile if farthest else rest.pixel
            kept.append((apart.max(axis=1) if farthest else _averages(apart)) <= limit)
        pairs = pairs[np.concatenate(kept)] if kept else pairs
    return pairs


def _apart(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """How far parts (n, parts) are from each other after the best change of light, in contrasts."""
    wide = one.astype(np.float64), other.astype(np.float64)
    first, second = (side - _averages(side)[:, None] for side in wide)
    squares = np.maximum(_averages(first * first), 1e-9 / first.shape[1])
    factor = np.maximum(_averages(first * second), 0) / squares
    contrast = np.sqrt(np.maximum(_averages(second * second), 1e-9))
    return np.asarray(np.abs(second - factor[:, None] * first) / contrast[:, None])


def _averages(parts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The average of each row (n, parts), added from its first part to its last."""
    return np.asarray(np.add.accumulate(parts, axis=1)[:, -1] / parts.shape[1])
