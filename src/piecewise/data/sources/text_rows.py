"""The rows of a table of texts, collected and checked within limits."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...core.array_types import Strings
from ...core.constraints import MAX_CLASS_NAME
from ...core.errors import DataError, shown
from ..text.decoding import MAX_CHARACTERS, has_lone_surrogate, normalize_nfc
from . import split_names
from .class_labels import canonical_label

MAX_ROWS = 1_000_000
MAX_COLUMNS = 100
MAX_CELLS = 20_000_000
"""Rows times columns."""


class TextTable(NamedTuple):
    """The examples of a table: a text, a label and a split ("train", "validation" or "test") each,
    further columns by name, the line (from 1) that each record begins on, and a message for each
    record that was skipped; a description of how the table was understood, and warnings."""

    texts: list[str]
    labels: list[str]
    splits: Strings
    other_columns: dict[str, list[str]]
    lines: list[int]
    skipped: list[str]
    description: str = ""
    warnings: tuple[str, ...] = ()


class TextRow(NamedTuple):
    """A record with its cells by role."""

    line: int
    text: str
    label: str
    split: str
    others: dict[str, str]


def split_of(cell: str, line: int) -> str:
    """The split that a cell names, training if it is empty; DataError."""
    split = split_names.split_of(cell) if cell.strip() else "train"
    if split is None:
        raise DataError(
            f"line {line:,}: the split is {shown(cell)}, wanted train, validation or test"
        )
    return split


class TextRows:
    """Collects examples and skipped records. If they need no label, as for prediction, a record
    without text is an example too, so that each has an answer."""

    def __init__(self, path: Path, *, labelled: bool) -> None:
        self.path, self.labelled = path, labelled
        self.texts: list[str] = []
        self.labels: list[str] = []
        self.splits: list[str] = []
        self.others: dict[str, list[str]] = {}
        self.lines: list[int] = []
        self.skipped: list[str] = []

    def skip(self, line: int, why: str) -> None:
        """Note that a record is skipped, and why."""
        self._check_size()
        self.skipped.append(f"{self.path}: line {line:,}: {why}")

    def add(self, row: TextRow) -> None:
        """Add an example, or skip it if it is not valid."""
        split = split_of(row.split, row.line)
        why = _why_invalid(row, self.labelled)
        if why:
            self.skip(row.line, why)
            return
        new = [name for name in row.others if name not in self.others]
        self._check_size(len(new))
        self.others |= {name: [""] * len(self.texts) for name in new}
        self.texts.append(normalize_nfc(row.text))
        self.labels.append(normalize_nfc(canonical_label(row.label)))
        self.splits.append(split)
        self.lines.append(row.line)
        for name, values in self.others.items():
            values.append(row.others.get(name, ""))

    def _check_size(self, more: int = 0) -> None:
        """Refuse another row, with ``more`` new columns, beyond the limits."""
        rows = len(self.texts) + len(self.skipped) + 1
        columns = 3 + len(self.others) + more
        if rows > MAX_ROWS:
            raise DataError(f"more than {MAX_ROWS:,} rows, which is the limit; divide it")
        if columns > MAX_COLUMNS:
            raise too_many_columns(columns)
        if rows * columns > MAX_CELLS:
            raise DataError(
                f"more than {MAX_CELLS:,} cells (rows times columns), which is the limit; "
                "leave out columns"
            )

    def build(self) -> TextTable:
        """The table, if at least half of its records are valid."""
        check_skipped(len(self.texts), self.skipped, self.path)
        if not any(map(str.strip, self.texts)):
            raise DataError(f"line {self.lines[0]:,}: there is no text, nor in any other record")
        splits = np.array(self.splits)
        return TextTable(self.texts, self.labels, splits, self.others, self.lines, self.skipped)


def check_skipped(good: int, skipped: list[str], path: Path) -> None:
    """Refuse a table of which more than half is skipped, or that is empty; DataError."""
    bad = len(skipped)
    if bad > good:
        first = skipped[0].removeprefix(f"{path}: ")
        raise DataError(
            f"{bad:,} of {good + bad:,} records cannot be used, wanted at most half of them; "
            f"{first}"
        )
    if not good:
        raise DataError("there is no example in it")


def too_many_columns(count: int) -> DataError:
    """The error for a table with so many columns."""
    return DataError(f"{count:,} columns, wanted at most {MAX_COLUMNS}; leave some out")


def _why_invalid(row: TextRow, labelled: bool) -> str:
    """Why a record is not an example; empty if it is one."""
    if labelled and not row.text.strip():
        return "there is no text"
    if len(row.text) > MAX_CHARACTERS:
        return f"a text of {len(row.text):,} characters, wanted at most {MAX_CHARACTERS:,}"
    if labelled and not row.label.strip():
        return "there is no label"
    if len(row.label) > MAX_CLASS_NAME:
        return f"a label of {len(row.label):,} characters, wanted at most {MAX_CLASS_NAME:,}"
    if any(map(has_lone_surrogate, (row.text, row.label, *row.others, *row.others.values()))):
        return "it holds half of a character, as \\ud83d is without its other half"
    return ""
