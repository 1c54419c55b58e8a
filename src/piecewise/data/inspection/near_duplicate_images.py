"""Near-duplicate images and spectrograms: saved again, resized, or of other brightness or contrast.

The descriptor of an image is its 8x8 averages, normalized in mean and contrast. Locality-sensitive
hashing of projections onto cosine waves puts near descriptors into the same cells; only images
that share a cell are compared, first by descriptor, then by pixels. All sums are of integers or in
a fixed order, so the result is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum, pi, prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...core.array_types import Float32, Float64, Int64, Uint8
from ...core.portable_math import sine_cosine
from ...core.rng import NOISE, derive_key, permutation, uniform

SIDE = 8
SCALE = 1 << 12
"""The length of an integer descriptor."""
NEAREST = 0.12
"""The largest distance of descriptors (of length 1) of near-duplicates."""
LEAST_CONTRAST = 6.0
"""Grey levels; images with less contrast count as empty."""
TILE = 4
"""The side in pixels of the tiles that are compared before the pixels."""


class Tolerance(NamedTuple):
    """The largest difference of images with matched brightness and contrast, in contrasts."""

    tile: float
    """The largest difference of the average of a tile."""
    pixel: float
    """The average difference of a pixel."""


TOLERANCES = {
    "drawings": Tolerance(0.2, 0.105),
    "photos": Tolerance(0.5, 0.2),
    "sounds": Tolerance(0.2, 0.05),
}
"""Above the changes of lossy compression, and mostly below those between images of one class."""
TABLES, WAVES, CELL = 8, 7, 656  # of SCALE: 0.16
MAX_COMPARED = 32
"""The neighbours in a cell that each image is compared with."""
MAX_PAIRS = 2_000_000
_BLOCK = 1 << 22  # pixels processed at a time
_BATCH = 1 << 20  # pairs, or pixels of pairs, processed at a time
_ROUNDING = 1.01  # tolerance for rounded projections


def near_pairs(pictures: Uint8, kind: str) -> Int64:
    """Pairs (n, 2) of near-duplicates among images (N, C, H, W) of a kind ("drawings", "photos",
    "sounds"); the smaller index first, sorted."""
    descriptors, contrast = _descriptors(pictures)
    chosen = np.flatnonzero(contrast >= LEAST_CONTRAST)
    descriptors = descriptors[chosen]
    likely = [pair for pair in _candidates(descriptors) if len(pair)]
    if not likely:
        return np.zeros((0, 2), np.int64)
    pairs = chosen[np.unique(np.concatenate(likely), axis=0)]
    return np.concatenate([
        _similar(pictures, pairs[start : start + _BATCH], TOLERANCES[kind])
        for start in range(0, len(pairs), _BATCH)
    ])  # fmt: skip


def _means(pictures: Uint8, sides: tuple[int, int]) -> Float32:
    """The average grey of a grid of (rows, columns) tiles of each image, (N, rows * columns)."""
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


def _descriptors(pictures: Uint8) -> tuple[npt.NDArray[np.int32], Float64]:
    """The descriptor of each image (N, n), and its contrast (N,), a standard deviation."""
    height, width = pictures.shape[2:]
    means = np.rint(256 * _means(pictures, (min(SIDE, height), min(SIDE, width)))).astype(np.int64)
    tiles = means.shape[1]
    centred = tiles * means - means.sum(axis=1, keepdims=True)
    length = np.sqrt((centred * centred).sum(axis=1).astype(np.float64))
    scaled = np.rint(centred * (SCALE / np.maximum(length, 1)[:, None])).astype(np.int32)
    return scaled, length / (256 * tiles * np.sqrt(tiles))


def _candidates(descriptors: npt.NDArray[np.int32]) -> Iterator[Int64]:
    """Pairs with near descriptors, from one hash table after the other."""
    waves = _waves(descriptors.shape[1])
    along = (waves @ descriptors.T.astype(np.int64) // SCALE).astype(np.int32)
    remaining = MAX_PAIRS
    for table in range(TABLES):
        key = derive_key(0, NOISE, 1, table)
        chosen = permutation(key, len(along))[: WAVES + 1]
        starts = np.floor(uniform(key, len(chosen)) * CELL).astype(np.int64)
        cell = np.zeros(len(descriptors), np.int64)
        for wave, start in zip(chosen[:-1], starts, strict=False):
            cell = 128 * cell + (along[wave] + start) // CELL + 64
        order = np.lexsort((along[chosen[-1]], cell))
        cell, ordered = cell[order], along[:, order]  # neighbours become adjacent
        for step in range(1, min(MAX_COMPARED, len(cell) - 1) + 1):
            at = np.flatnonzero(cell[step:] == cell[:-step])
            if not len(at):
                break
            pairs = order[_near(ordered, np.stack((at, at + step)))]
            distance = descriptors[pairs[0]] - descriptors[pairs[1]]
            pairs = pairs[:, (distance * distance).sum(axis=1) <= (NEAREST * SCALE) ** 2]
            remaining -= pairs.shape[1]
            yield np.sort(pairs, axis=0).T
            if remaining < 0:
                return


def _near(along: npt.NDArray[np.int32], pairs: Int64) -> Int64:
    """The pairs (2, n) whose projections (waves, N) are near; pairs are dropped as soon as their
    distance is too large."""
    limit = int((NEAREST * SCALE) ** 2 * _ROUNDING)
    distance = np.zeros(pairs.shape[1], np.int32)
    for wave in along:
        difference = wave[pairs[1]] - wave[pairs[0]]
        distance += difference * difference
        near = distance <= limit
        if 2 * np.count_nonzero(near) < len(near):
            pairs, distance = pairs[:, near], distance[near]
    return pairs[:, distance <= limit]


def _waves(tiles: int) -> Int64:
    """Low-frequency cosine waves over descriptors, (waves, tiles), of length SCALE, rounded."""
    rows = SIDE if tiles == SIDE * SIDE else 1
    columns = tiles // rows
    rounded = []
    for down, across in sorted(
        ((down, across) for down in range(min(rows, 4)) for across in range(min(columns, 8))),
        key=lambda pair: (sum(pair), pair),
    )[1:13]:
        waves = [
            sine_cosine(pi / side * (np.arange(side) + 0.5) * times)[1]
            for side, times in ((rows, down), (columns, across))
        ]
        wave = np.outer(*waves).reshape(-1)
        rounded.append(np.rint(SCALE * wave / np.sqrt(fsum(wave * wave))))
    return np.array(rounded or [np.ones(tiles)], np.int64)


def _similar(pictures: Uint8, pairs: Int64, tolerance: Tolerance) -> Int64:
    """The pairs that are the same up to brightness and contrast: compared by tiles, then by
    pixels."""
    height, width = pictures.shape[2:]
    tiles = -(-height // TILE), -(-width // TILE)
    for sides, farthest in ((tiles, True), ((height, width), False)):
        step = max(1, _BATCH // prod(sides))
        similar = []
        for start in range(0, len(pairs), step):
            one, other = (_means(pictures[side], sides) for side in pairs[start : start + step].T)
            difference = _difference(one, other)
            limit = tolerance.tile if farthest else tolerance.pixel
            worst = difference.max(axis=1) if farthest else _averages(difference)
            similar.append(worst <= limit)
        pairs = pairs[np.concatenate(similar)] if similar else pairs
    return pairs


def _difference(one: Float32, other: Float32) -> Float64:
    """The difference of images (n, cells) after the best brightness and contrast change, in
    contrasts."""
    wide = one.astype(np.float64), other.astype(np.float64)
    first, second = (side - _averages(side)[:, None] for side in wide)
    squares = np.maximum(_averages(first * first), 1e-9 / first.shape[1])
    factor = np.maximum(_averages(first * second), 0) / squares
    contrast = np.sqrt(np.maximum(_averages(second * second), 1e-9))
    return np.asarray(np.abs(second - factor[:, None] * first) / contrast[:, None])


def _averages(values: Float64) -> Float64:
    """The average of each row (n, cells), summed from left to right."""
    return np.asarray(np.add.accumulate(values, axis=1)[:, -1] / values.shape[1])
