"""CSV, TSV and JSON Lines (`.csv`, `.tsv`, `.jsonl`) tables with a text and a label per record.

A file with a wrong header or encoding is refused. A wrong record is skipped and named by its line,
unless more than half of the records are wrong.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from ...core.array_types import Strings
from ...core.constraints import MAX_CLASS_NAME
from ...core.errors import DataError, shown
from ..file_bytes import open_error, open_regular_file
from ..text.decoding import MAX_CHARACTERS, has_lone_surrogate, normalize_nfc
from .csv_records import first_record, lines, records
from .folders import SPLITS

SUFFIXES = (".csv", ".tsv", ".jsonl")
MAX_FILE_BYTES = 1 << 30
"""Bytes; checked before it is read."""
MAX_ROWS = 1_000_000
MAX_COLUMNS = 100
MAX_CELLS = 20_000_000
"""Rows times columns."""

_TEXT = ("text", "message", "sentence", "content")
_LABEL = ("label", "class", "category", "target")
_SPLIT = ("split", "part", "set")
_WANTED = "'text' and 'label', with 'split' (train, validation or test) if there is one"
_MAX_EXACT_INTEGER = 2.0**53  # above it, floats are not exact integers


class TextTable(NamedTuple):
    """The examples of a table: a text, a label and a split ("train", "validation" or "test") each,
    further columns by name, the line (from 1) that each record begins on, and a message for each
    record that was skipped."""

    texts: list[str]
    labels: list[str]
    splits: Strings
    other_columns: dict[str, list[str]]
    lines: list[int]
    skipped: list[str]


class _TableRow(NamedTuple):
    """A record with its cells by role."""

    line: int
    text: str
    label: str
    split: str
    others: dict[str, str]


class _BadRecordError(Exception):
    """What is wrong with one record."""


class _ColumnRoles(NamedTuple):
    """The indices of the text, label and split columns; None if there is none."""

    text: int
    label: int | None
    split: int | None


def read_text_table(path: Path, *, labelled: bool = True) -> TextTable:
    """Read a table of texts; DataError, naming the file, if it is not one.

    If it need not be ``labelled``, all labels are empty, and a single column is the text.
    """
    try:
        kind = path.suffix.lower()
        if kind not in SUFFIXES:
            raise DataError(f"wanted a table of texts ({' '.join(one[1:] for one in SUFFIXES)})")
        with _opened(path) as file:
            table = _TableBuilder(path, labelled)
            rows = (
                _json_rows(file, labelled)
                if kind == ".jsonl"
                else _table_rows(file, kind, labelled)
            )
            for row in rows:
                if isinstance(row, _TableRow):
                    table.add(row)
                else:
                    table.skip(*row)
            return table.build()
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _opened(path: Path) -> IO[bytes]:
    """The open file, if it is not too large."""
    try:
        file = open_regular_file(path, "table")
    except DataError:
        raise
    except (OSError, ValueError) as error:
        raise open_error(error, "file") from None
    size = os.fstat(file.fileno()).st_size
    if size > MAX_FILE_BYTES:
        file.close()
        raise DataError(f"{size:,} bytes, wanted at most {MAX_FILE_BYTES:,}; divide it")
    return file


class _TableBuilder:
    """Collects examples and skipped records."""

    def __init__(self, path: Path, labelled: bool) -> None:
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

    def add(self, row: _TableRow) -> None:
        """Add an example, or skip it if it is not valid."""
        split = SPLITS.get(row.split.strip().lower() or "train")
        if split is None:
            raise DataError(
                f"line {row.line:,}: the split is {shown(row.split)}, wanted train, validation or "
                "test"
            )
        why = _why_invalid(row, self.labelled)
        if why:
            self.skip(row.line, why)
            return
        new = [name for name in row.others if name not in self.others]
        self._check_size(len(new))
        self.others |= {name: [""] * len(self.texts) for name in new}
        self.texts.append(normalize_nfc(row.text))
        self.labels.append(normalize_nfc(row.label.strip()))
        self.splits.append(split)
        self.lines.append(row.line)
        for name, values in self.others.items():
            values.append(row.others.get(name, ""))

    def _check_size(self, more: int = 0) -> None:
        """Refuse another row, with ``more`` new columns, beyond the limits."""
        rows = len(self.texts) + len(self.skipped) + 1
        columns = 3 + len(self.others) + more
        if rows > MAX_ROWS:
            raise DataError(f"more than {MAX_ROWS:,} rows, wanted at most as many; divide it")
        if columns > MAX_COLUMNS:
            raise _too_many_columns(columns)
        if rows * columns > MAX_CELLS:
            raise DataError(
                f"more than {MAX_CELLS:,} cells, rows times columns, wanted at most as many; "
                "leave out columns"
            )

    def build(self) -> TextTable:
        """The table, if at least half of its records are valid."""
        good, bad = len(self.texts), len(self.skipped)
        if bad > good:
            first = self.skipped[0].removeprefix(f"{self.path}: ")
            raise DataError(
                f"{bad:,} of {good + bad:,} records cannot be used, wanted at most half of them; "
                f"{first}"
            )
        if not good:
            raise DataError("there is no example in it")
        splits = np.array(self.splits)
        return TextTable(self.texts, self.labels, splits, self.others, self.lines, self.skipped)


def _why_invalid(row: _TableRow, labelled: bool) -> str:
    """Why a record is not an example; empty if it is one."""
    if not row.text.strip():
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


def _find_columns(names: Sequence[str], labelled: bool) -> _ColumnRoles:
    """The text, label and split columns; DataError, listing the columns, if that is ambiguous."""
    lowered = [name.strip().casefold() for name in names]

    def index_of(known: tuple[str, ...]) -> int | None:
        matches = [index for index, name in enumerate(lowered) if name == known[0]]
        matches = matches or [index for index, name in enumerate(lowered) if name in known]
        if len(matches) > 1:
            both = " and ".join(shown(names[index]) for index in matches[:2])
            raise DataError(f"the columns {both} may both be the {known[0]}; rename one")
        return matches[0] if matches else None

    if not labelled:
        text = 0 if len(names) == 1 else index_of(_TEXT)
        if text is not None:
            return _ColumnRoles(text, None, None)
        got = ", ".join(shown(name) for name in names[:10]) or "none"
        raise DataError(f"got the columns {got}, wanted 'text'")
    text, label, split = index_of(_TEXT), index_of(_LABEL), index_of(_SPLIT)
    if text is None or label is None:
        got = ", ".join(shown(name) for name in names[:10]) or "none"
        more = ", ..." if len(names) > 10 else ""
        raise DataError(f"got the columns {got}{more}, wanted {_WANTED}")
    return _ColumnRoles(text, label, split)


def _too_many_columns(count: int) -> DataError:
    return DataError(f"{count:,} columns, wanted at most {MAX_COLUMNS}; leave some out")


# CSV and TSV: cells between commas, semicolons or tabs.


def _table_rows(
    file: IO[bytes], kind: str, labelled: bool
) -> Iterator[_TableRow | tuple[int, str]]:
    """The records of a table whose first line names its columns; the line and a message for one
    that cannot be used."""
    source = lines(file)
    first, header = next(((n, one) for n, one in enumerate(source, 1) if one.strip()), (0, ""))
    if not first:
        raise DataError(f"there is nothing in it, wanted a line with the columns {_WANTED}")
    delimiter, names = _header(header, "\t" if kind == ".tsv" else ",;")
    if len(names) > MAX_COLUMNS:
        raise _too_many_columns(len(names))
    roles = _find_columns(names, labelled)
    further = {
        index: name.strip()
        for index, name in enumerate(names)
        if index not in roles and name.strip()  # spreadsheets leave empty columns
    }
    twice = [name for name in further.values() if list(further.values()).count(name) > 1]
    if twice:
        raise DataError(f"two columns are called {shown(twice[0])}; rename one")
    for record in records(source, delimiter, len(names), first + 1):
        cells = record.cells
        if record.problem:
            yield record.line, record.problem
        elif len(cells) != len(names):
            count = f"{len(cells):,} column{'s' * (len(cells) > 1)}"
            yield record.line, f"{count}, wanted {len(names):,} as on the first line"
        else:
            split = "" if roles.split is None else cells[roles.split]
            others = {name: cells[index] for index, name in further.items()}
            label = "" if roles.label is None else cells[roles.label]
            yield _TableRow(record.line, cells[roles.text], label, split, others)


def _header(line: str, delimiters: str) -> tuple[str, list[str]]:
    """The delimiter and the column names."""
    choices = [(delimiter, first_record(line, delimiter)) for delimiter in delimiters]
    return max(choices, key=lambda choice: len(choice[1]))  # the first of equals


# JSON Lines: an object on each line.


def _json_rows(file: IO[bytes], labelled: bool) -> Iterator[_TableRow | tuple[int, str]]:
    """The rows of a file with an object on each line; the line and a message for an invalid one."""
    column_error: DataError | None = None
    any_valid = False
    for number, line in enumerate(lines(file), 1):
        if not line.strip():
            continue
        try:
            record = _json_object(line)
            try:
                roles = _find_columns(list(record), labelled)
            except DataError as error:
                column_error = column_error or error
                raise _BadRecordError(str(error)) from None
            any_valid = True
            yield _json_row(number, record, roles)
        except _BadRecordError as error:
            yield number, str(error)
    if column_error and not any_valid:
        raise column_error


def _json_object(line: str) -> dict[str, object]:
    try:
        record = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise _BadRecordError('no JSON object; wanted {"text": "...", "label": "..."}')
    return record


def _refuse_constant(word: str) -> object:
    raise ValueError(word)  # NaN and Infinity are not JSON


def _json_row(line: int, record: dict[str, object], roles: _ColumnRoles) -> _TableRow:
    names, values = list(record), list(record.values())
    text = values[roles.text]
    label = "" if roles.label is None else _as_cell(values[roles.label])
    split = "" if roles.split is None else values[roles.split]
    if not isinstance(text, str):
        raise _BadRecordError(
            "there is no text" if text is None else f"the text is {_quoted(text)}, wanted a string"
        )
    if label is None:
        got = _quoted(values[roles.label or 0])
        raise _BadRecordError(f"the label is {got}, wanted a string, a number, true or false")
    others = {
        name.strip(): _as_cell(value) or ""
        for index, (name, value) in enumerate(zip(names, values, strict=True))
        if index not in roles and name.strip()
    }
    return _TableRow(line, text, label, _split_name(split), others)


def _split_name(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else _quoted(value)


def _quoted(value: object) -> str:
    """A value in an error message; lists and objects may be nested too deeply to be shown."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return shown(value)


def _as_cell(value: object) -> str | None:
    """A value as the cell of a table; None for a list or an object."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if not math.isfinite(value):
            return None  # the number is too large
        case float() if value.is_integer() and abs(value) < _MAX_EXACT_INTEGER:
            return str(int(value))  # 1.0 is the same label as 1
        case int() | float():
            return str(value)
    return None
