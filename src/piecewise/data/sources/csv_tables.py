"""Tables of texts: `.csv`, `.tsv` and `.jsonl` with a text and its label in each record.

What is wrong with the file refuses all of it. What is wrong with one record leaves that out, by its
line, unless more than half of them are wrong.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt

from ...core.constraints import MAX_CLASS_NAME
from ...core.errors import DataError, shown
from ..file_bytes import open_error
from ..text.decoding import LONGEST_TEXT, has_lone_surrogate, normalize_nfc
from .csv_records import first_record, lines, records
from .folders import SPLITS

SUFFIXES = (".csv", ".tsv", ".jsonl")
LARGEST_FILE = 1 << 30
"""Bytes; checked before it is read."""
MOST_ROWS = 1_000_000
MOST_COLUMNS = 100
MOST_CELLS = 20_000_000
"""Rows times columns."""

_TEXT = ("text", "message", "sentence", "content")
_LABEL = ("label", "class", "category", "target")
_SPLIT = ("split", "part", "set")
_WANTED = "'text' and 'label', with 'split' (train, validation or test) if there is one"
_LARGEST_WHOLE = 2.0**53  # of numbers that are written as whole ones


class TextTable(NamedTuple):
    """The examples of a table: a text, a label and a part ("train", "validation" or "test") each,
    further columns by name, and the line (from 1) that each begins on; a sentence for each line
    that was left out."""

    texts: list[str]
    labels: list[str]
    splits: npt.NDArray[np.str_]
    other_columns: dict[str, list[str]]
    lines: list[int]
    skipped: list[str]


class _Row(NamedTuple):
    """A record as the file has it."""

    line: int
    text: str
    label: str
    split: str
    others: dict[str, str]


class _BadRecordError(Exception):
    """What is wrong with one record."""


class _Names(NamedTuple):
    """Which of a file's columns are the text, the label and the split; None for none."""

    text: int
    label: int
    split: int | None


def read_text_table(path: Path) -> TextTable:
    """Read a table of texts; DataError, naming the file, if it is none."""
    try:
        kind = path.suffix.lower()
        if kind not in SUFFIXES:
            raise DataError(f"wanted a table of texts ({' '.join(one[1:] for one in SUFFIXES)})")
        with _opened(path) as file:
            found = _Gathered(path)
            rows = _json_rows(file) if kind == ".jsonl" else _table_rows(file, kind)
            for row in rows:
                if isinstance(row, _Row):
                    found.add(row)
                else:
                    found.skip(*row)
            return found.columns()
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _opened(path: Path) -> IO[bytes]:
    """The file, its size checked."""
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:
        raise open_error(error, "file") from None
    size = os.fstat(file.fileno()).st_size
    if size > LARGEST_FILE:
        file.close()
        raise DataError(f"{size:,} bytes, wanted at most {LARGEST_FILE:,}; divide it")
    return file


class _Gathered:
    """Examples as they are read, and what was left out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.texts: list[str] = []
        self.labels: list[str] = []
        self.parts: list[str] = []
        self.others: dict[str, list[str]] = {}
        self.lines: list[int] = []
        self.skipped: list[str] = []

    def skip(self, line: int, why: str) -> None:
        """One record is left out."""
        self._check_size()
        self.skipped.append(f"{self.path}: line {line:,}: {why}")

    def add(self, row: _Row) -> None:
        """One example, or a sentence on why it is none."""
        part = SPLITS.get(row.split.strip().lower() or "train")
        if part is None:
            raise DataError(
                f"line {row.line:,}: the split is {shown(row.split)}, wanted train, validation or "
                "test"
            )
        why = _wrong(row)
        if why:
            self.skip(row.line, why)
            return
        new = [name for name in row.others if name not in self.others]
        self._check_size(len(new))
        self.others |= {name: [""] * len(self.texts) for name in new}
        self.texts.append(normalize_nfc(row.text))
        self.labels.append(normalize_nfc(row.label.strip()))
        self.parts.append(part)
        self.lines.append(row.line)
        for name, values in self.others.items():
            values.append(row.others.get(name, ""))

    def _check_size(self, more: int = 0) -> None:
        """Whether there is room for a row, with columns that no other had."""
        rows = len(self.texts) + len(self.skipped) + 1
        columns = 3 + len(self.others) + more
        if rows > MOST_ROWS:
            raise DataError(f"more than {MOST_ROWS:,} rows, wanted at most as many; divide it")
        if columns > MOST_COLUMNS:
            raise _too_many_columns(columns)
        if rows * columns > MOST_CELLS:
            raise DataError(
                f"more than {MOST_CELLS:,} cells, rows times columns, wanted at most as many; "
                "leave out columns"
            )

    def columns(self) -> TextTable:
        """All of it, if most of it is good."""
        good, bad = len(self.texts), len(self.skipped)
        if bad > good:
            first = self.skipped[0].removeprefix(f"{self.path}: ")
            raise DataError(
                f"{bad:,} of {good + bad:,} records cannot be used, wanted at most half of them; "
                f"{first}"
            )
        if not good:
            raise DataError("there is no example in it")
        parts = np.array(self.parts)
        return TextTable(self.texts, self.labels, parts, self.others, self.lines, self.skipped)


def _wrong(row: _Row) -> str:
    """Why a record is no example; empty if it is one."""
    if not row.text.strip():
        return "there is no text"
    if len(row.text) > LONGEST_TEXT:
        return f"a text of {len(row.text):,} characters, wanted at most {LONGEST_TEXT:,}"
    if not row.label.strip():
        return "there is no label"
    if len(row.label) > MAX_CLASS_NAME:
        return f"a label of {len(row.label):,} characters, wanted at most {MAX_CLASS_NAME:,}"
    if any(map(has_lone_surrogate, (row.text, row.label, *row.others, *row.others.values()))):
        return "it holds half of a character, as \\ud83d is without its other half"
    return ""


def _find(names: Sequence[str]) -> _Names:
    """Which columns are which; DataError, listing them, if that is not clear."""
    lowered = [name.strip().casefold() for name in names]

    def place(known: tuple[str, ...]) -> int | None:
        found = [index for index, name in enumerate(lowered) if name == known[0]]
        found = found or [index for index, name in enumerate(lowered) if name in known]
        if len(found) > 1:
            told = " and ".join(shown(names[index]) for index in found[:2])
            raise DataError(f"the columns {told} may both be the {known[0]}; rename one")
        return found[0] if found else None

    text, label, split = place(_TEXT), place(_LABEL), place(_SPLIT)
    if text is None or label is None:
        told = ", ".join(shown(name) for name in names[:10]) or "none"
        more = ", ..." if len(names) > 10 else ""
        raise DataError(f"got the columns {told}{more}, wanted {_WANTED}")
    return _Names(text, label, split)


def _too_many_columns(count: int) -> DataError:
    return DataError(f"{count:,} columns, wanted at most {MOST_COLUMNS}; leave some out")


# Values between commas, semicolons or tabs.


def _table_rows(file: IO[bytes], kind: str) -> Iterator[_Row | tuple[int, str]]:
    """The records of a table whose first line names its columns; a line and a sentence for one
    that cannot be used."""
    source = lines(file)
    first, header = next(((n, one) for n, one in enumerate(source, 1) if one.strip()), (0, ""))
    if not first:
        raise DataError(f"there is nothing in it, wanted a line with the columns {_WANTED}")
    delimiter, names = _header(header, "\t" if kind == ".tsv" else ",;")
    if len(names) > MOST_COLUMNS:
        raise _too_many_columns(len(names))
    places = _find(names)
    further = {
        index: name.strip()
        for index, name in enumerate(names)
        if index not in places and name.strip()  # spreadsheets leave empty columns
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
            split = "" if places.split is None else cells[places.split]
            others = {name: cells[index] for index, name in further.items()}
            yield _Row(record.line, cells[places.text], cells[places.label], split, others)


def _header(line: str, delimiters: str) -> tuple[str, list[str]]:
    """What stands between the columns, and their names."""
    choices = [(delimiter, first_record(line, delimiter)) for delimiter in delimiters]
    return max(choices, key=lambda choice: len(choice[1]))  # the first of equals


# An object on each line.


def _json_rows(file: IO[bytes]) -> Iterator[_Row | tuple[int, str]]:
    """The objects of a file with one on each line; a line and a sentence for what is none."""
    unnamed: DataError | None = None
    some = False
    for number, line in enumerate(lines(file), 1):
        if not line.strip():
            continue
        try:
            found = _object(line)
            try:
                places = _find(list(found))
            except DataError as error:
                unnamed = unnamed or error
                raise _BadRecordError(str(error)) from None
            some = True
            yield _json_row(number, found, places)
        except _BadRecordError as error:
            yield number, str(error)
    if unnamed and not some:
        raise unnamed


def _object(line: str) -> dict[str, object]:
    try:
        found = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _BadRecordError('no JSON object; wanted {"text": "...", "label": "..."}')
    return found


def _no_constant(word: str) -> object:
    raise ValueError(word)  # NaN and Infinity are no JSON


def _json_row(line: int, found: dict[str, object], places: _Names) -> _Row:
    names, values = list(found), list(found.values())
    text, label = values[places.text], _written(values[places.label])
    split = "" if places.split is None else values[places.split]
    if not isinstance(text, str):
        raise _BadRecordError(
            "there is no text" if text is None else f"the text is {_told(text)}, wanted a string"
        )
    if label is None:
        told = _told(values[places.label])
        raise _BadRecordError(f"the label is {told}, wanted a string, a number, true or false")
    written = {
        name.strip(): _written(value) or ""
        for index, (name, value) in enumerate(zip(names, values, strict=True))
        if index not in places and name.strip()
    }
    return _Row(line, text, label, _split(split), written)


def _split(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else _told(value)


def _told(value: object) -> str:
    """A value as an error quotes it; what others lie in may do so deeper than can be shown."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return shown(value)


def _written(value: object) -> str | None:
    """A value as a table would have it; None for a list or an object."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if not math.isfinite(value):
            return None  # too large a number
        case float() if value.is_integer() and abs(value) < _LARGEST_WHOLE:
            return str(int(value))  # 1.0 is the 1 of other lines
        case int() | float():
            return str(value)
    return None
