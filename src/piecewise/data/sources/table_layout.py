"""The layout of a CSV or TSV table: its delimiter, its columns, and whether it has a header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from ...core.errors import DataError, shown
from .csv_records import first_record, records
from .table_columns import (
    WANTED,
    ColumnRoles,
    TableOptions,
    columns_by_content,
    find_columns,
    is_example,
    is_numbered,
)

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
_SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # a first line that Excel writes
_SAMPLE_LINES, _SAMPLE_CHARACTERS = 1_000, 1 << 20


class TableLayout(NamedTuple):
    """How the lines of a table are divided.

    ``first`` is its first record, a header perhaps, on the line ``line``; ``sample`` holds the
    records after it, as far as they have been looked at; ``lines`` yields all lines from the first
    record on.
    """

    delimiter: str
    first: list[str]
    line: int
    sample: list[list[str]]
    lines: Iterator[str]


class NamedColumns(NamedTuple):
    """The columns of a table: their names (numbers, without a header), and their roles."""

    names: list[str]
    roles: ColumnRoles
    has_header: bool


def read_layout(source: Iterator[str], kind: str, options: TableOptions) -> TableLayout:
    """The layout of the lines of a ``.csv`` or ``.tsv`` file; DataError if there are none."""
    line, header = _next_line(source, 1)
    delimiters = "\t" if kind == ".tsv" else "".join(DELIMITERS)
    if match := _SEPARATOR.fullmatch(header.strip("\r\n ")):
        delimiters = match[1]
        if delimiters not in DELIMITERS:
            wanted = " ".join(shown(one) for one in DELIMITERS)
            raise DataError(f"line {line:,}: the delimiter {shown(delimiters)}, wanted {wanted}")
        line, header = _next_line(source, line + 1)
    some = [header, *_some(source)]
    delimiter = max(delimiters, key=lambda one: _fitness(some, one, options))  # the first of equals
    first = first_record(header, delimiter)
    sample = [
        record.cells
        for record in records(iter(some[1:]), delimiter, len(first), 1)
        if len(record.cells) == len(first)
    ]
    return TableLayout(delimiter, first, line, sample, chain(some, source))


def _next_line(source: Iterator[str], number: int) -> tuple[int, str]:
    """The next line that is not empty, and its number."""
    for line, text in enumerate(source, number):
        if text.strip():
            return line, text
    raise DataError(f"there is nothing in it, wanted a line with the columns {WANTED}")


def _some(source: Iterator[str]) -> Iterator[str]:
    """Some of the next lines."""
    size = 0
    for _, line in zip(range(_SAMPLE_LINES), source, strict=False):  # in this order
        yield line
        size += len(line)
        if size > _SAMPLE_CHARACTERS:
            return


def _fitness(lines: list[str], delimiter: str, options: TableOptions) -> tuple[bool, float, int]:
    """How well a delimiter fits: whether the header has known columns, on which fraction of lines
    there are as many cells as on the first, and how many these are."""
    names = first_record(lines[0], delimiter)
    try:
        find_columns(names, options)
        is_known = True
    except DataError:
        is_known = False
    counts = [len(first_record(line, delimiter)) for line in lines[:50] if line.strip()]
    equal = sum(count == len(names) for count in counts) / len(counts)
    return is_known, equal if len(names) > 1 else 0, len(names)


def name_columns(layout: TableLayout, options: TableOptions) -> NamedColumns:
    """The columns and their roles; DataError, listing the columns, if that is not clear."""
    numbers = [str(number) for number in range(1, len(layout.first) + 1)]
    try:
        roles = find_columns(layout.first, options)
    except DataError:
        chosen = (options.text_column, options.label_column, options.split_column)
        if not options.labelled or any(one is not None for one in chosen):
            raise
        by_content = columns_by_content(layout.sample) if layout.sample else None
        if by_content is None:
            raise
        roles = by_content
    else:
        if not is_numbered(layout.first, options):
            return NamedColumns(layout.first, roles, has_header=True)
    if roles.label is not None and is_example(layout.first, layout.sample, roles.label):
        return NamedColumns(numbers, roles, has_header=False)
    return NamedColumns(layout.first, roles, has_header=True)
