"""Token scaling: factors of the gradients of token vectors, by how many texts have the token.

In a linear model, multiplying the gradient of a weight by s is the same as multiplying its feature
by the square root of s. With s = idf squared, the features are those of TF-IDF: a rare token needs
a smaller weight for the same vote, so it learns faster.
"""

from __future__ import annotations

from math import fsum

import numpy as np

from ..core.array_types import Float32, Float64, Int64
from ..core.portable_math import log
from ..data.preprocessing import Preprocessor
from ..data.text.ngrams import is_word
from ..data.text.preprocessor import NGRAMS, TextPreprocessor
from ..spec.layer_base import PADDING

WORD_FACTOR = 3.0
"""How much more a word counts than another n-gram: it is in up to five sequences and has up to
eight beginnings and ends, which would outweigh it if they had the same factor."""
INTERCEPT_TEXTS = 700
"""With N texts, if N is higher, the factor of the intercept is multiplied by ``INTERCEPT_TEXTS``
/ N. Then the tokens alone tell the classes apart, and a large intercept would decide short texts:
as one of few tokens, it has a large share of their average."""
_CHUNK = 4_096  # texts counted at a time


def token_factors(preprocessor: Preprocessor | None, rows: int) -> Float64:
    """The factor of each of the tokens 0 to ``rows`` - 1 beside idf squared: `WORD_FACTOR` for the
    words among n-grams, 1 for all others."""
    factors = np.ones(rows)
    if isinstance(preprocessor, TextPreprocessor) and preprocessor.units == NGRAMS:
        words = [is_word(entry) for entry in preprocessor.vocabulary]
        factors[rows - len(words) :][words] = WORD_FACTOR
    return factors


def token_scales(tokens: Int64, factors: Float64) -> Float32:
    """Tokens (N, positions) of the training texts, and a factor of each token (rows,), as
    `token_factors` returns them -> the factor of each row of the table.

    It is that factor times idf squared, with idf = ln((1 + N) / (1 + texts with the token)) + 1 as
    in scikit-learn, times one number for all tokens: it makes the mean squared length of the texts'
    averaged features 1 (without the intercept). Tokens that all texts have tell no texts apart:
    their votes are an intercept. With their idf, 1, it would learn too slowly to follow the sizes
    of the classes, because it is one token of many. So together they count as much as all others
    would if these had the idf 1, too; from `INTERCEPT_TEXTS` texts on, less. Texts without tokens
    do not count.
    """
    texts, lengths = _occurrences(tokens, len(factors))
    count = int((tokens != PADDING).any(axis=1).sum())
    idf = log((1 + count) / (1 + texts)) + 1
    scales, everywhere = factors * idf * idf, texts == max(1, count)
    plain = fsum((factors * lengths)[~everywhere].tolist())
    length = fsum(lengths[everywhere].tolist())
    weighted = fsum((scales * lengths)[~everywhere].tolist())
    if weighted:
        scales *= count / weighted
        intercept = min(1, INTERCEPT_TEXTS / count) * (plain * count) / weighted
        scales[everywhere] = intercept / length if length else 0
    return scales.astype(np.float32)


def _occurrences(tokens: Int64, rows: int) -> tuple[Int64, Float64]:
    """For each of the tokens 0 to ``rows`` - 1: how many texts (N, positions) have it, and the sum
    of 1 / (tokens of the text) squared over them; zero for padding."""
    texts, lengths = np.zeros(rows, np.int64), np.zeros(rows)
    for start in range(0, len(tokens), _CHUNK):
        ordered = np.sort(tokens[start : start + _CHUNK], axis=1)
        first = ordered != PADDING
        positions = np.maximum(1, first.sum(axis=1))
        first[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
        squares = np.broadcast_to(1 / positions[:, None] ** 2, first.shape)[first]
        texts += np.bincount(ordered[first], minlength=rows)
        lengths += np.bincount(ordered[first], squares, minlength=rows)
    return texts, lengths
