"""Texts that are nearly the same: the same set of words but for a few.

Two sets that share most of their words share one of their rarest, too: of a set of n, one of the
n - ceil(SHARED * n) + 1 rarest (prefix filtering: Chaudhuri, Ganti, Kaushik 2006). So only texts
that meet there are compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from math import ceil

import numpy as np
import numpy.typing as npt

from ..text.preprocessor import UNKNOWN

SHARED = 0.8
"""Of all the words of two texts, known or not, those in both."""
FEWEST = 8
"""Words that a text needs, so that it can be nearly another."""
LETTERS = 5
"""That make a word where texts are known by letters."""
MOST_COMPARED = 200
"""Texts with the same rare word that each is compared with, the last ones."""
MOST_PAIRS = 5_000_000
"""Compared in all; the texts after that are not."""


def near_texts(numbers: npt.NDArray[np.int64], units: str) -> npt.NDArray[np.int64]:
    """The pairs (n, 2) of texts (N, positions), word or letter numbers, that are nearly the same,
    the first number the smaller, in order."""
    texts = [_words(row[row != 0].tolist(), units) for row in numbers]
    counts = Counter(word for known, _ in texts for word in known)
    met: defaultdict[object, list[int]] = defaultdict(list)
    pairs, room = [], MOST_PAIRS
    for index, (known, unknown) in enumerate(texts):
        size = len(known) + unknown
        if size < FEWEST or room < 0:
            continue
        rarest = sorted(known, key=lambda word: (counts[word], word))
        others: set[int] = set()
        for word in rarest[: size - ceil(SHARED * size) + 1]:
            others.update(met[word][-MOST_COMPARED:])
            met[word].append(index)
        room -= len(others)
        for other in others:
            both = len(known & texts[other][0])
            if both >= SHARED * (size + len(texts[other][0]) + texts[other][1] - both):
                pairs.append((other, index))
    return np.array(sorted(pairs), np.int64).reshape(-1, 2)


def _words(numbers: list[int], units: str) -> tuple[frozenset[object], int]:
    """The known words of a text, each once, and how many are not known."""
    if units == "words":
        return frozenset(n for n in numbers if n != UNKNOWN), numbers.count(UNKNOWN)
    runs = (tuple(numbers[at : at + LETTERS]) for at in range(len(numbers) - LETTERS + 1))
    return frozenset(runs), 0
