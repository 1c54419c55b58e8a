"""Random numbers that are a function of what they are for, never of what was drawn before.

Every word is Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: "Parallel random numbers:
as easy as 1, 2, 3", 2011) of a key and a counter. The key is folded from a seed and a path such as
(purpose, epoch, picture, layer), the counter is the cell. So the same numbers come out on every
platform, in any order, on any number of threads, and after a resume.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]

# The first step of every path says what the numbers are for.
WEIGHTS, DROPOUT, ORDER, XO_DRAWS, SPLIT, AUGMENTATION_DRAWS, NOISE, COLUMNS = range(1, 9)

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
"""By how many bits the steps of a round turn a word."""
PARITY = np.uint32(0x1BD11BDA)
"""What the third word of a key is made with."""


class Key(NamedTuple):
    """Two words, or two arrays of words: a key for each element."""

    low: Words
    high: Words


def threefry(key: Key, low: Any, high: Any) -> tuple[Words, Words]:
    """Two random words for each counter (``low``, ``high``), broadcast against the key."""
    schedule = (key.low, key.high, PARITY ^ key.low ^ key.high)
    with np.errstate(over="ignore"):  # words wrap around, as they should
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
    """The key of a seed (0 to 2**64 - 1) and a path of whole numbers, or of arrays of them."""
    key = Key(*_halves(seed))
    for step in path:
        key = fold_in(key, step)
    return key


def fold_in(key: Key, step: Any) -> Key:
    """The key one step further along a path."""
    return Key(*threefry(key, *_halves(step)))


def random_words(key: Key, count: int, start: int = 0) -> Words:
    """``count`` random words along a new last axis, from the (even) number ``start`` on: words 2i
    and 2i + 1 are those of counter i.
    """
    counters = np.arange(start // 2, (start + count + 1) // 2, dtype=np.uint32)
    wide = Key(key.low[..., None], key.high[..., None])
    pair = threefry(wide, counters, np.uint32(0))
    both = np.stack(pair, axis=-1)
    return both.reshape(*both.shape[:-2], -1)[..., :count]


def uniform(key: Key, count: int, start: int = 0) -> npt.NDArray[np.float64]:
    """``count`` numbers from [0, 1) along a new last axis: multiples of 2**-24."""
    return (random_words(key, count, start) >> np.uint32(8)).astype(np.float64) * 2.0**-24


def permutation(key: Key, count: int) -> npt.NDArray[np.int64]:
    """The numbers 0 to ``count`` - 1 in random order: by a random word each, equal ones by number.
    ``count`` is at most 2**32."""
    drawn = random_words(key, count).astype(np.uint64) << np.uint64(32)
    drawn |= np.arange(count, dtype=np.uint64)
    drawn.sort()  # no two are equal, so that every way to sort gives the same
    return (drawn & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _halves(value: Any) -> tuple[Words, Words]:
    wide = np.asarray(value, np.uint64)
    return (wide & np.uint64(0xFFFFFFFF)).astype(np.uint32), (wide >> np.uint64(32)).astype(
        np.uint32
    )
