"""The words of a text as they were written, and the positions of the input that each one became."""

from __future__ import annotations

import re
from collections import Counter
from math import fsum
from typing import NamedTuple

from ...core.array_types import Array
from ...data.text.ngrams import words_of_ngrams
from ...data.text.preprocessor import NGRAMS, TextPreprocessor
from ...data.text.vocabulary import tokenize, word_runs
from ...spec.layer_base import PADDING

MAX_CHARACTERS = 20_000
"""Of a text that is aligned with its input; the rest is left out."""
_LONG = 20  # letters without a space; each of them is then a passage
_CHUNK = re.compile(r"\S+\s*")


class Passage(NamedTuple):
    """A word as it was written, with the signs and the space after it, and the positions of the
    input that it became; none if the net does not read it. A position that stands for several
    words, as an n-gram does, is listed with each of them."""

    text: str
    positions: tuple[int, ...]


def passages_of(preprocessor: object, example: Array, text: object) -> list[Passage] | None:
    """The passages of a text; None for other inputs, and if the input is not made of the words of
    the text."""
    if not isinstance(preprocessor, TextPreprocessor) or not isinstance(text, str):
        return None
    chunks = _CHUNK.findall(text[:MAX_CHARACTERS])
    if len(text) > MAX_CHARACTERS:
        chunks = chunks[:-1]
    names = preprocessor.decode(example, text)
    known = [position for position, number in enumerate(example.tolist()) if number != PADDING]
    if preprocessor.units == NGRAMS:
        return _of_ngrams(chunks, {position: names[position] for position in known}, text)
    return _in_order(chunks, len(known), text, preprocessor.units)


def passage_sums(passages: list[Passage], values: Array) -> list[float]:
    """The sum of the values (positions,) of each passage. Passages share a position equally, so
    that all sums add up to the sum of the values that were read."""
    counts = Counter(position for passage in passages for position in passage.positions)
    return [
        fsum(float(values[position]) / counts[position] for position in passage.positions)
        for passage in passages
    ]


def _in_order(chunks: list[str], known: int, text: str, units: str) -> list[Passage] | None:
    """The passages of words or letters, which the input holds one after another."""
    tokens = [tokenize(chunk, units) for chunk in chunks]
    if units == "letters":  # one space stands between the words
        tokens = [[*letters, " "] for letters in tokens[:-1]] + tokens[-1:]
    together = [token for some in tokens for token in some]
    if together[:known] != tokenize(text, units)[:known]:
        return None
    passages: list[Passage] = []
    start = 0
    for chunk, some in zip(chunks, tokens, strict=True):
        positions = tuple(range(start, min(known, start + len(some))))
        if units == "letters" and len(some) == len(chunk) > _LONG:
            passages += [Passage(letter, positions[at : at + 1]) for at, letter in enumerate(chunk)]
        else:
            passages.append(Passage(chunk, positions))
        start += len(some)
    return passages


def _of_ngrams(chunks: list[str], names: dict[int, str], text: str) -> list[Passage] | None:
    """The passages of n-grams, each with all n-grams that its words are part of."""
    runs = [word_runs(chunk) for chunk in chunks]
    together = [run for some in runs for run in some]
    if len(text) <= MAX_CHARACTERS and together != word_runs(text):
        return None
    chunk_of = [number for number, some in enumerate(runs) for _ in some]
    words = words_of_ngrams(together)
    positions: list[list[int]] = [[] for _ in chunks]
    for position, name in names.items():
        if name not in words:
            return None
        for word in words[name]:
            positions[chunk_of[word]].append(position)
    return [Passage(chunk, tuple(some)) for chunk, some in zip(chunks, positions, strict=True)]
