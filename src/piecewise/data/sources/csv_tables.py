"""CSV, TSV and JSON Lines (`.csv`, `.tsv`, `.jsonl`) tables with a label and a text, or pixels, per
record.

A file with a wrong header or encoding is refused. A wrong record is skipped and named by its line,
unless more than half of the records are wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from ...core.errors import DataError, shown
from ..file_bytes import open_limited
from ..file_kinds import wrong_kind
from .csv_records import lines, records
from .json_lines import json_rows
from .pixel_strings import split_pixel_cells
from .pixel_tables import PixelTable, find_pixels, read_pixels
from .table_columns import TableOptions, describe_roles
from .table_encoding import Utf8Source, as_utf8
from .table_layout import DELIMITERS, NamedColumns, TableLayout, name_columns, read_layout
from .text_rows import MAX_COLUMNS, TextRow, TextRows, TextTable, too_many_columns

SUFFIXES = (".csv", ".tsv", ".jsonl")
MAX_FILE_BYTES = 1 << 30
"""Bytes; checked before it is read."""
DEFAULT_OPTIONS = TableOptions()

_Table = TypeVar("_Table", TextTable, PixelTable)


def read_table(path: Path, options: TableOptions = DEFAULT_OPTIONS) -> TextTable | PixelTable:
    """Read a table of texts or of pixels; DataError, naming the file, if it is not one."""
    try:
        kind = path.suffix.lower()
        if kind not in SUFFIXES:
            raise DataError(f"wanted a table of texts ({' '.join(one[1:] for one in SUFFIXES)})")
        with open_limited(path, "table", MAX_FILE_BYTES, "divide it") as file:
            source = as_utf8(file, options.encoding)
            if kind == ".jsonl":
                return _json_table(path, source, options)
            layout = read_layout(lines(source.file), kind, options)
            if options.labelled and options.text_column is None:
                layout = split_pixel_cells(layout)
                if pixels := find_pixels(layout, options):
                    return _noted(read_pixels(layout, pixels, path), source, _form(layout))
            return _text_table(path, source, layout, options)
    except DataError as error:
        raise DataError(f"{path}: {wrong_kind(path, 'texts') or error}") from None


def read_text_table(
    path: Path, options: TableOptions = DEFAULT_OPTIONS, *, labelled: bool = True
) -> TextTable:
    """Read a table of texts; DataError, naming the file, if it is not one.

    If it need not be ``labelled``, all labels are empty, a single column is the text, and some
    texts may be empty.
    """
    table = read_table(path, replace(options, labelled=labelled))
    if isinstance(table, PixelTable):
        raise DataError(f"{path}: a table of pixels, wanted texts")
    return table


def _json_table(path: Path, source: Utf8Source, options: TableOptions) -> TextTable:
    columns = list[str]()
    table = _built(path, json_rows(lines(source.file), options, columns), options)
    return _noted(table._replace(description=columns[0]), source, "JSON lines")


def _text_table(
    path: Path, source: Utf8Source, layout: TableLayout, options: TableOptions
) -> TextTable:
    if len(layout.first) > MAX_COLUMNS:
        raise too_many_columns(len(layout.first))
    columns = name_columns(layout, options)
    table = _built(path, _table_rows(layout, columns), options)
    return _noted(table._replace(description=_roles_text(columns)), source, _form(layout))


def _built(
    path: Path, rows: Iterator[TextRow | tuple[int, str]], options: TableOptions
) -> TextTable:
    table = TextRows(path, labelled=options.labelled)
    for row in rows:
        if isinstance(row, TextRow):
            table.add(row)
        else:
            table.skip(*row)
    return table.build()


def _noted(table: _Table, source: Utf8Source, form: str) -> _Table:
    """The table with its encoding and its form, such as commas, in its description."""
    count = len(table.lines)
    rows = f"{count:,} row{'s' * (count != 1)}, {source.encoding}, {form}"
    warnings = ((source.warning,) if source.warning else ()) + table.warnings
    return table._replace(description=f"{rows}; {table.description}", warnings=warnings)


def _form(layout: TableLayout) -> str:
    return DELIMITERS[layout.delimiter]


def _roles_text(columns: NamedColumns) -> str:
    """Which columns are the text, the label and the split, in words."""
    if columns.has_header:
        return describe_roles(columns.names, columns.roles)
    places = ", ".join(
        f"{role} in column {index + 1}"
        for role, index in columns.roles._asdict().items()
        if index is not None
    )
    return f"no header, {places}"


def _table_rows(layout: TableLayout, columns: NamedColumns) -> Iterator[TextRow | tuple[int, str]]:
    """The records of a table; the line and a message for one that cannot be used."""
    names, roles = columns.names, columns.roles
    further = {
        index: name.strip()
        for index, name in enumerate(names)
        if index not in roles and name.strip()  # spreadsheets leave empty columns
    }
    twice = [name for name in further.values() if list(further.values()).count(name) > 1]
    if twice:
        raise DataError(f"two columns are called {shown(twice[0])}; rename one")
    skipped = int(columns.has_header)
    source = islice(layout.lines, skipped, None)
    for record in records(source, layout.delimiter, len(names), layout.line + skipped):
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
            yield TextRow(record.line, cells[roles.text], label, split, others)
