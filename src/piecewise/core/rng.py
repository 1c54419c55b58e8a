"""A counter-based random number generator: Threefry-2x32.

Random numbers are a function of a key and a counter, not of the numbers drawn before. Every word is
Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2,
3", 2011). The key is derived from a seed and a path such as (purpose, epoch, example, layer); the
counter is the cell. The numbers are therefore the same on every platform, in any order, on any
number of threads and after a resume.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .array_types import Float64, Int64, Uint32

# The first element of every path: what the numbers are used for.
WEIGHTS, DROPOUT, ORDER, XO_DRAWS, SPLIT, AUGMENTATION_DRAWS, NOISE, COLUMNS, TUNING = range(1, 10)

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
"""Bits by which the steps of a round rotate a word."""
PARITY = np.uint32(0x1BD11BDA)
"""The constant from which the third word of a key is computed."""
_WORD = 0xFFFFFFFF
_HALF_ROUNDS = ROTATIONS[:4], ROTATIONS[4:]


class Key(NamedTuple):
    """Two words, or two arrays of words with a key for each element."""

    low: Uint32
    high: Uint32


def _threefry_of_integers(words: tuple[int, int], low: int, high: int) -> tuple[int, int]:
    """`threefry` of one counter: Python's integers take a tenth of the time of NumPy's scalars."""
    schedule = (*words, int(PARITY) ^ words[0] ^ words[1])
    x, y = (low + words[0]) & _WORD, (high + words[1]) & _WORD
    for block in range(5):
        for rotation in _HALF_ROUNDS[block % 2]:
            x = (x + y) & _WORD
            y = ((y << rotation | y >> 32 - rotation) & _WORD) ^ x
        x = (x + schedule[(block + 1) % 3]) & _WORD
        y = (y + schedule[(block + 2) % 3] + block + 1) & _WORD
    return x, y


def threefry(key: Key, low: Any, high: Any) -> tuple[Uint32, Uint32]:
    """Two random words for each counter (``low``, ``high``), broadcast against the key."""
    schedule = (key.low, key.high, PARITY ^ key.low ^ key.high)
    with np.errstate(over="ignore"):  # words wrap around
        x = np.asarray(low, np.uint32) + schedule[0]
        y = np.asarray(high, np.uint32) + schedule[1]
        for block in range(5):
            for step in range(4):
                rotation = ROTATIONS[(4 * block + step) % 8]
                x = x + y
                y = ((y << np.uint32(rotation)) | (y >> np.uint32(32 - rotation))) ^ x
            x = x + schedule[(block + 1) % 3]
            y = y + schedule[(block + 2) % 3] + np.uint32(block + 1)
    return x, y


def derive_key(seed: int, *path: Any) -> Key:
    """The key of a seed (0 to 2**64 - 1) and a path of integers or arrays of integers."""
    key = Key(*_halves(seed))
    for step in path:
        key = fold_in(key, step)
    return key


def fold_in(key: Key, step: Any) -> Key:
    """The key of a path that is one element longer."""
    if isinstance(step, int) and 0 <= step < 1 << 64 and np.ndim(key.low) == 0:
        words = int(key.low), int(key.high)
        low, high = _threefry_of_integers(words, step & _WORD, step >> 32)
        return Key(np.asarray(low, np.uint32), np.asarray(high, np.uint32))
    return Key(*threefry(key, *_halves(step)))


def random_words(key: Key, count: int, start: int = 0) -> Uint32:
    """Random words number ``start`` (even) to ``start + count - 1`` along a new last axis.

    Words 2i and 2i + 1 are those of counter i.
    """
    counters = np.arange(start // 2, (start + count + 1) // 2, dtype=np.uint32)
    wide = Key(key.low[..., None], key.high[..., None])
    pair = threefry(wide, counters, np.uint32(0))
    both = np.stack(pair, axis=-1)
    return both.reshape(*both.shape[:-2], -1)[..., :count]


def uniform(key: Key, count: int, start: int = 0) -> Float64:
    """``count`` uniform numbers in [0, 1) along a new last axis: multiples of 2**-24."""
    return (random_words(key, count, start) >> np.uint32(8)).astype(np.float64) * 2.0**-24


def permutation(key: Key, count: int) -> Int64:
    """The integers 0 to ``count - 1`` in random order; ``count`` is at most 2**32.

    Each integer gets a random word as its sort key; ties are sorted by the integer.
    """
    drawn = random_words(key, count).astype(np.uint64) << np.uint64(32)
    drawn |= np.arange(count, dtype=np.uint64)
    drawn.sort()  # no two are equal, so every sorting algorithm gives the same order
    return (drawn & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _halves(value: Any) -> tuple[Uint32, Uint32]:
    wide = np.asarray(value, np.uint64)
    return (wide & np.uint64(0xFFFFFFFF)).astype(np.uint32), (wide >> np.uint64(32)).astype(
        np.uint32
    )
