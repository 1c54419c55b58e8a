"""CSV and TSV records, and the lines of a text file, each with its line number.

A file is read line by line, each line up to a maximum length, so that neither a large file nor an
unclosed quote takes much memory.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from typing import IO, NamedTuple

from ...core.errors import DataError
from ..text.decoding import utf8_error

MAX_LINE_BYTES = 4_000_000
"""Bytes of a line."""
MAX_RECORD_BYTES = 4_000_000
"""Characters of a record; a quoted cell may contain many lines."""
MAX_REPARSED = 16 * MAX_RECORD_BYTES
"""Characters that may be parsed again after unclosed quotes, beyond the characters read so far: a
file in which each line opens a quote that the next one closes is parsed twice."""

_ENDS = re.compile(r"[^\r]*\r\n?|[^\r]+")  # splits a chunk with a single \n, at its end


class Record(NamedTuple):
    """The cells of a record and its line, from 1. A malformed record has a ``problem`` and no
    cells."""

    line: int
    cells: list[str]
    problem: str = ""


def lines(file: IO[bytes]) -> Iterator[str]:
    """The lines of a UTF-8 file with their line ends, without the byte order mark; DataError,
    naming the line, where it is not UTF-8."""
    number = 0
    while content := file.readline(MAX_LINE_BYTES + 1):
        if len(content) > MAX_LINE_BYTES:
            raise DataError(
                f"line {number + 1:,}: more than {MAX_LINE_BYTES:,} bytes, which is the limit"
            )
        text = _decoded(content, number)
        if not number:
            text = text.removeprefix("\ufeff")
        for line in _ENDS.findall(text) if "\r" in text else [text] if text else []:
            number += 1
            yield line


def _decoded(content: bytes, before: int) -> str:
    """The text of a line, or of several that end with a carriage return alone."""
    try:
        if b"\0" not in content:
            return content.decode()
        offset = content.index(b"\0")
    except UnicodeDecodeError as error:
        offset = error.start
    number = before + 1 + content.count(b"\r", 0, offset)
    start = content.rfind(b"\r", 0, offset) + 1
    if content[offset]:
        raise DataError(f"line {number:,}: {utf8_error(content[start:], offset - start)}")
    raise DataError(
        f"line {number:,}: a zero byte after {offset - start:,} bytes, which no text contains; "
        "if it is in UTF-16, say so with `encoding`, or save it as UTF-8"
    )


def first_record(line: str, delimiter: str) -> list[str]:
    """The cells of a line that holds a complete record."""
    _allow_long_fields()
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])


def records(source: Iterator[str], delimiter: str, columns: int, line: int) -> Iterator[Record]:
    """Parse lines, the first of which has the number ``line``, into records of ``columns`` cells.

    An unclosed quote costs only its own line: parsing resumes with the next line. In a TSV, that
    line is split at its tabs, as most such files do not quote. Raises DataError, naming the line,
    where so many quotes are unclosed that parsing would take too long.
    """
    _allow_long_fields()
    feed = _LineFeed(source, line)
    reader = csv.reader(feed, delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        feed.begin_record()
        try:
            cells = next(reader)
            complete = len(feed.consumed) == 1 or len(cells) == columns
        except StopIteration:
            return
        except (csv.Error, _OpenQuoteError):
            complete = False
        if complete:
            if cells:  # an empty line is no record
                yield Record(feed.line, cells)
            continue
        first = feed.rewind_after_first()
        if delimiter == "\t":
            yield Record(feed.line, first.rstrip("\r\n").split("\t"))
        else:
            yield Record(
                feed.line,
                [],
                'a quote opens here and is not closed where a column ends; write "" for a quote '
                "in a quoted text",
            )


class _OpenQuoteError(Exception):
    """A quoted record is longer than `MAX_RECORD_BYTES`."""


class _LineFeed:
    """Supplies lines to the CSV reader and remembers those of the current record."""

    def __init__(self, source: Iterator[str], line: int) -> None:
        self.source, self.pending = source, deque[str]()
        self.consumed: list[str] = []
        self.size, self.line = 0, line
        self.budget = MAX_REPARSED  # characters that may still be parsed again

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.size > MAX_RECORD_BYTES:
            raise _OpenQuoteError
        if self.pending:
            line = self.pending.popleft()
        else:
            line = next(self.source)
            self.budget += len(line)
        self.consumed.append(line)
        self.size += len(line)
        return line

    def begin_record(self) -> None:
        """Start a new record after the lines of the last one."""
        self.line += len(self.consumed)
        self.consumed, self.size = [], 0

    def rewind_after_first(self) -> str:
        """Return the first line of the record and supply its other lines again."""
        first, *others = self.consumed
        self.budget -= self.size - len(first)
        if self.budget < 0:
            raise DataError(
                f"line {self.line:,}: too many quotes up to here are not closed, wanted each "
                'closed where a column ends; write "" for a quote in a text, or save it again'
            )
        self.pending.extendleft(reversed(others))
        self.consumed = [first]
        return first


def _allow_long_fields() -> None:
    """Raise the standard library's limit, which is global to the process; never lower it."""
    most = MAX_LINE_BYTES + MAX_RECORD_BYTES
    if csv.field_size_limit() < most:
        csv.field_size_limit(most)
