"""Lengths of texts in a thread's memory: which passes have padded feature maps, and where texts
end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ...spec.architecture import Architecture
from ...spec.layer_base import Connectivity
from ...spec.text_lengths import length_tables
from ..ir.feature_maps import FeatureMapLayout
from ..ir.memory_plan import NetworkWriter
from ..kernels.text_lengths import LENGTHS_BYTES, clear_padding, text_lengths


class TextLengths(NamedTuple):
    """The lengths of a group's texts after each stage. Stages whose positions are those of their
    input share a row of sixteen lengths; an output of one position has no padding and no row."""

    rows: Mapping[int, int]
    """The row of each stage with padded output, by its number."""
    tables: tuple[tuple[int, ...], ...]
    """For each row the lengths, by the length of the text."""

    def after(self, writer: NetworkWriter, number: int) -> str:
        """The pointer to the lengths after a stage; empty if its output is not padded."""
        if number not in self.rows:
            return ""
        lengths = writer.buffer("lengths", LENGTHS_BYTES * len(self.tables))
        return writer.f.at(lengths, LENGTHS_BYTES * self.rows[number])

    def compute(self, writer: NetworkWriter, words: str, *, single: bool = False) -> None:
        """Compute all lengths. ``words`` points to the tokens of one text if ``single``, or else to
        sixteen pointers to tokens."""
        if not self.rows:
            return
        positions, tables = len(self.tables[0]) - 1, self.tables
        kernel = writer.kernel(
            "text_lengths",
            tables,
            "words lengths",
            lambda f: text_lengths(f, writer.module, positions, tables, single=single),
        )
        writer.call(kernel, words, self.after(writer, 1))


NO_LENGTHS = TextLengths({}, ())
"""Those of a network that reads images."""


def lengths_of(architecture: Architecture) -> TextLengths:
    """The lengths of the texts that a network reads."""
    if not architecture.reads_texts:
        return NO_LENGTHS
    rows: dict[int, int] = {}
    tables: list[tuple[int, ...]] = []
    for stage, table in zip(architecture.stages, length_tables(architecture.stages), strict=True):
        if stage.output.width == 1:
            continue
        if stage.layer.connectivity is Connectivity.WINDOWED or not tables:
            tables.append(tuple(table.tolist()))
        rows[stage.number] = len(tables) - 1
    return TextLengths(rows, tuple(tables))


def clear(writer: NetworkWriter, values: str, layout: FeatureMapLayout, lengths: str) -> None:
    """Set the padding of feature maps to zero; nothing if they have no ``lengths``."""
    if lengths:
        kernel = writer.kernel(
            "clear_padding", layout, "values lengths", lambda f: clear_padding(f, layout)
        )
        writer.call(kernel, values, lengths)
