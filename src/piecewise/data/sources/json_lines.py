"""JSON Lines (`.jsonl`): an object with a text and a label on each line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from ...core.errors import DataError, shown
from .class_labels import canonical_label
from .table_columns import ColumnRoles, TableOptions, describe_roles, find_columns
from .text_rows import TextRow


class BadRecordError(Exception):
    """What is wrong with one record."""


def json_rows(
    source: Iterator[str], options: TableOptions, columns: list[str]
) -> Iterator[TextRow | tuple[int, str]]:
    """The rows of a file with an object on each line; the line and a message for an invalid one.

    The columns of the first valid one are described in ``columns``.
    """
    column_error: DataError | None = None
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        try:
            record = json_object(line)
            try:
                roles = find_columns(list(record), options)
            except DataError as error:
                column_error = column_error or error
                raise BadRecordError(str(error)) from None
            if not columns:
                columns.append(describe_roles(list(record), roles))
            yield _json_row(number, record, roles)
        except BadRecordError as error:
            yield number, str(error)
    if column_error and not columns:
        raise column_error


def json_object(line: str) -> dict[str, object]:
    """The object on a line; BadRecordError if there is none."""
    try:
        record = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise BadRecordError('no JSON object; wanted {"text": "...", "label": "..."}')
    return record


def _refuse_constant(word: str) -> object:
    raise ValueError(word)  # NaN and Infinity are not JSON


def _json_row(line: int, record: dict[str, object], roles: ColumnRoles) -> TextRow:
    names, values = list(record), list(record.values())
    text = "" if values[roles.text] is None else values[roles.text]
    label = "" if roles.label is None else as_cell(values[roles.label])
    split = "" if roles.split is None else values[roles.split]
    if not isinstance(text, str):
        raise BadRecordError(f"the text is {_quoted(text)}, wanted a string")
    if label is None:
        got = _quoted(values[roles.label or 0])
        raise BadRecordError(f"the label is {got}, wanted a string, a number, true or false")
    others = {
        name.strip(): as_cell(value) or ""
        for index, (name, value) in enumerate(zip(names, values, strict=True))
        if index not in roles and name.strip()
    }
    return TextRow(line, text, label, _split_name(split), others)


def _split_name(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else _quoted(value)


def _quoted(value: object) -> str:
    """A value in an error message; lists and objects may be nested too deeply to be shown."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return shown(value)


def as_cell(value: object) -> str | None:
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
        case float():
            return canonical_label(str(value))
        case int():
            return str(value)
    return None
