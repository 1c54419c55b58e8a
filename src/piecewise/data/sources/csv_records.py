"""The lines of a text file, and the records of a `.csv` or `.tsv`, each with its place.

A file is read line by line, each of a stated length at most, so that neither its size nor a quote
that is never closed takes memory.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from typing import IO, NamedTuple

from ...core.errors import DataError
from ..text.decoding import utf8_error

LONGEST_LINE = 4_000_000
"""Bytes of a line."""
LONGEST_RECORD = 4_000_000
"""Characters of a record, which quotes may spread over many lines."""
MOST_AGAIN = 16 * LONGEST_RECORD
"""Characters that are read again behind quotes that are not closed, beyond as many as the file had
so far: where each line opens a quote that the next one closes, all of them are read twice."""

_ENDS = re.compile(r"[^\r]*\r\n?|[^\r]+")  # of what has one \n, at its end
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class Record(NamedTuple):
    """The cells of a record, none if ``problem`` says what is wrong with it; ``line`` counts from
    1."""

    line: int
    cells: list[str]
    problem: str = ""


def lines(file: IO[bytes]) -> Iterator[str]:
    """The lines of a file in UTF-8, each with its end, a byte order mark left out; DataError,
    naming the line, where there is none."""
    number = 0
    while content := file.readline(LONGEST_LINE + 1):
        if not number and content.startswith(_UTF_16):
            raise DataError("is UTF-16, wanted UTF-8; save it as UTF-8, 'CSV UTF-8' perhaps")
        if len(content) > LONGEST_LINE:
            raise DataError(
                f"line {number + 1:,}: more than {LONGEST_LINE:,} bytes, wanted at most as many"
            )
        text = _decoded(content, number)
        if not number:
            text = text.removeprefix("\ufeff")
        for line in _ENDS.findall(text) if "\r" in text else [text] if text else []:
            number += 1
            yield line


def _decoded(content: bytes, before: int) -> str:
    """A line's text, or that of several where lines end as on old Macs."""
    try:
        if b"\0" not in content:
            return content.decode()
        place = content.index(b"\0")
    except UnicodeDecodeError as error:
        place = error.start
    number = before + 1 + content.count(b"\r", 0, place)
    start = content.rfind(b"\r", 0, place) + 1
    if content[place]:
        raise DataError(f"line {number:,}: {utf8_error(content[start:], place - start)}")
    raise DataError(
        f"line {number:,}: a zero byte after {place - start:,} bytes, as no text has; is it of "
        "another kind, or UTF-16? Save it as UTF-8"
    )


def first_record(line: str, delimiter: str) -> list[str]:
    """The cells of a line that holds a whole record, as far as it is one."""
    _allow_long_fields()
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])


def records(source: Iterator[str], delimiter: str, columns: int, line: int) -> Iterator[Record]:
    """The records of lines, the first of which is ``line``, that should have so many columns.

    Where a quote is not closed, only the line it stands on is lost: reading goes on with the next.
    With tabs that line is taken as it stands: most such files know no quotes. DataError, naming the
    line, where so many are not closed that reading on would take too long.
    """
    _allow_long_fields()
    feed = _Feed(source, line)
    reader = csv.reader(feed, delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        feed.begin()
        try:
            cells = next(reader)
            whole = len(feed.taken) == 1 or len(cells) == columns
        except StopIteration:
            return
        except (csv.Error, _OpenQuoteError):
            whole = False
        if whole:
            if cells:  # an empty line is none
                yield Record(feed.line, cells)
            continue
        first = feed.keep_first()
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
    """A record holds more than it may, inside quotes."""


class _Feed:
    """Hands lines to the reader and keeps those of the present record."""

    def __init__(self, source: Iterator[str], line: int) -> None:
        self.source, self.waiting = source, deque[str]()
        self.taken: list[str] = []
        self.size, self.line = 0, line
        self.room = MOST_AGAIN  # characters that may still be read again

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.size > LONGEST_RECORD:
            raise _OpenQuoteError
        if self.waiting:
            line = self.waiting.popleft()
        else:
            line = next(self.source)
            self.room += len(line)
        self.taken.append(line)
        self.size += len(line)
        return line

    def begin(self) -> None:
        """A new record begins behind the lines of the last one."""
        self.line += len(self.taken)
        self.taken, self.size = [], 0

    def keep_first(self) -> str:
        """Only the first line of the record is used up; the others are handed out again."""
        first, *others = self.taken
        self.room -= self.size - len(first)
        if self.room < 0:
            raise DataError(
                f"line {self.line:,}: too many quotes up to here are not closed, wanted each "
                'closed where a column ends; write "" for a quote in a text, or save it again'
            )
        self.waiting.extendleft(reversed(others))
        self.taken = [first]
        return first


def _allow_long_fields() -> None:
    """The standard library's own limit is one for the whole process; it is only ever raised."""
    most = LONGEST_LINE + LONGEST_RECORD
    if csv.field_size_limit() < most:
        csv.field_size_limit(most)
