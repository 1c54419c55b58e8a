"""Near-duplicate texts: pairs whose word sets have a high Jaccard similarity.

Prefix filtering (Chaudhuri, Ganti, Kaushik 2006): two sets that share most of their words share one
of the n - ceil(SHARED * n) + 1 rarest words of a set of n. So only texts that share a rare word
are compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from math import ceil

import numpy as np

from ...core.array_types import Int64
from ..text.preprocessor import UNKNOWN

SHARED = 0.8
"""The least Jaccard similarity: the fraction of the words of two texts, known or not, in both."""
FEWEST = 8
"""Shorter texts, in words, are not compared."""
LETTERS = 5
"""The length of the n-grams that stand for words where texts are tokenized into letters."""
MAX_COMPARED = 200
"""Each text is compared with at most so many texts with the same rare word, the last ones."""
MAX_PAIRS = 5_000_000
"""Pairs compared in total; later texts are not compared."""


def near_texts(numbers: Int64, units: str) -> Int64:
    """Pairs (n, 2) of near-duplicates among texts (N, positions) of vocabulary indices; the smaller
    index first, sorted."""
    texts = [_words(row[row != 0].tolist(), units) for row in numbers]
    counts = Counter(word for known, _ in texts for word in known)
    texts_with: defaultdict[object, list[int]] = defaultdict(list)
    pairs, remaining = [], MAX_PAIRS
    for index, (known, unknown) in enumerate(texts):
        size = len(known) + unknown
        if size < FEWEST or remaining < 0:
            continue
        rarest = sorted(known, key=lambda word: (counts[word], word))
        others: set[int] = set()
        for word in rarest[: size - ceil(SHARED * size) + 1]:
            others.update(texts_with[word][-MAX_COMPARED:])
            texts_with[word].append(index)
        remaining -= len(others)
        for other in others:
            both = len(known & texts[other][0])
            if both >= SHARED * (size + len(texts[other][0]) + texts[other][1] - both):
                pairs.append((other, index))
    return np.array(sorted(pairs), np.int64).reshape(-1, 2)


def _words(numbers: list[int], units: str) -> tuple[frozenset[object], int]:
    """The set of known words of a text, and the number of unknown words."""
    if units != "letters":  # n-grams are a set already, without unknown ones
        return frozenset(n for n in numbers if n != UNKNOWN), numbers.count(UNKNOWN)
    runs = (tuple(numbers[at : at + LETTERS]) for at in range(len(numbers) - LETTERS + 1))
    return frozenset(runs), 0
