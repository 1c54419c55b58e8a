"""The standard input as a source of inputs: one file, or one text a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from ..core.errors import DataError
from ..data.preprocessing import Preprocessor
from ..data.sources.discovery import RawDataset
from ..data.text.decoding import MAX_CHARACTERS, read_text

STANDARD_INPUT = "-"
"""The name that stands for it on the command line."""
_BLOCK = 1 << 16
_MAX_LINE_BYTES = 4 * MAX_CHARACTERS


def input_bytes(stream: IO[bytes], preprocessor: Preprocessor) -> Iterator[RawDataset]:
    """The standard input as one image or sound; DataError."""
    original = preprocessor.read(stream, STANDARD_INPUT)
    yield _raw(preprocessor.modality, [original], [STANDARD_INPUT], [])


def text_lines(stream: Any) -> Iterator[RawDataset]:
    """The lines of the standard input as texts, as many at a time as have arrived.

    Empty lines are left out. Lines that are not valid texts are skipped with a message.
    """
    number, pending, any_line = 0, b"", False
    while block := stream.read1(_BLOCK):
        *lines, pending = (pending + block).split(b"\n")
        if len(pending) > _MAX_LINE_BYTES:
            raise DataError(
                f"standard input: line {number + len(lines) + 1:,}: more than {_MAX_LINE_BYTES:,} "
                "bytes, wanted one text a line"
            )
        if lines:
            any_line = True
            yield _texts(lines, number)
            number += len(lines)
    if pending:
        yield _texts([pending], number)
    elif not any_line:
        raise DataError("standard input: it is empty, wanted one text a line")


def _texts(lines: list[bytes], before: int) -> RawDataset:
    """Lines as texts; ``before``: the number of lines that came before them."""
    texts, names, skipped = list[str](), list[str](), list[str]()
    for number, line in enumerate(lines, before + 1):
        if not line.strip():
            continue
        name = f"line {number}"
        try:
            texts.append(read_text(line.removesuffix(b"\r"), f"standard input: {name}"))
            names.append(name)
        except DataError as error:
            skipped.append(str(error))
    return _raw("texts", texts, names, skipped)


def _raw(modality: str, examples: list[Any], names: list[str], skipped: list[str]) -> RawDataset:
    labels, splits = [""] * len(names), np.full(len(names), "test")
    return RawDataset(modality, examples, labels, splits, names, skipped=skipped)
