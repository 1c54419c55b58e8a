"""The passages of a text as it was written, and the positions of the input that each one became."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from ...core.array_types import Array
from ...data.text.preprocessor import TextPreprocessor
from ...data.text.vocabulary import tokenize
from ...spec.layer_base import PADDING

MAX_CHARACTERS = 20_000
"""Of a text that is aligned with its input; the rest is left out."""
_LONG = 20  # letters without a space; each of them is then a passage
_CHUNK = re.compile(r"\S+\s*")


class Passage(NamedTuple):
    """A word as it was written, with the signs and the space after it, and the positions ``start``
    to ``stop - 1`` of the input; they are equal for what the net does not read."""

    text: str
    start: int
    stop: int


def passages_of(preprocessor: object, example: Array, text: object) -> list[Passage] | None:
    """The passages of a text; None for other inputs, and if the words of the input are not those
    of the text, one after another."""
    if not isinstance(preprocessor, TextPreprocessor) or not isinstance(text, str):
        return None
    units = preprocessor.units
    if units not in ("words", "letters"):
        return None
    chunks = _CHUNK.findall(text[:MAX_CHARACTERS])
    if len(text) > MAX_CHARACTERS:
        chunks = chunks[:-1]
    tokens = [tokenize(chunk, units) for chunk in chunks]
    if units == "letters":  # one space stands between the words
        tokens = [[*letters, " "] for letters in tokens[:-1]] + tokens[-1:]
    known = int(np.count_nonzero(example != PADDING))
    together = [token for some in tokens for token in some]
    if together[:known] != tokenize(text, units)[:known]:
        return None
    passages: list[Passage] = []
    start = 0
    for chunk, some in zip(chunks, tokens, strict=True):
        stop = min(known, start + len(some))
        if units == "letters" and len(some) == len(chunk) > _LONG:
            passages += [
                Passage(letter, min(known, at), min(known, at + 1))
                for at, letter in enumerate(chunk, start)
            ]
        else:
            passages.append(Passage(chunk, min(start, known), stop))
        start += len(some)
    return passages
