"""Tables of texts that are too large or broken: refused in little memory and time, or read."""

from __future__ import annotations

import csv
import io
import random
import re
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest

from piecewise.core.errors import DataError
from piecewise.data.sources import text_rows
from piecewise.data.sources.csv_records import (
    MAX_LINE_BYTES,
    MAX_RECORD_BYTES,
    MAX_REPARSED,
    _LineFeed,
    records,
)
from piecewise.data.sources.csv_tables import MAX_FILE_BYTES, read_text_table
from piecewise.data.text.decoding import MAX_CHARACTERS

from .test_csv_tables import left_out, objects, read, refusal, table

# Limits.


@contextmanager
def handed() -> Iterator[list[int]]:
    """The lengths of all lines that are given to the reader of records, some more than once."""
    sizes, give = list[int](), _LineFeed.__next__

    def counted(feed: _LineFeed) -> str:
        line = give(feed)
        sizes.append(len(line))
        return line

    with patch.object(_LineFeed, "__next__", counted):
        yield sizes


def peak_of(folder: Path, content: bytes, kind: str, words: str) -> int:
    """The most memory that is taken while a table is refused in these words."""
    path = table(folder, content, kind)
    del content
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            read_text_table(path)
        assert words in str(caught.value)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_line_without_end_takes_little_memory(tmp_path: Path, kind: str) -> None:
    start = b'{"text": "a", "label": 1}\n' if kind == "jsonl" else b"text,label\n"
    words = f"line 2: more than {MAX_LINE_BYTES:,} bytes, which is the limit"
    assert peak_of(tmp_path, start + b"a" * 50_000_000, kind, words) < 3 * MAX_LINE_BYTES


def test_too_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(DataError, match="1,073,741,825 bytes, wanted at most 1,073,741,824"):
        read_text_table(path)


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_unclosed_quote_in_large_file_costs_one_line(tmp_path: Path, kind: str) -> None:
    mark = "\t" if kind == "tsv" else ","
    lines = [f"text number {number}{mark}x\n" for number in range(250_000)]  # 5 MB: more than
    lines[1] = '"' + lines[1]  # what a record may hold
    with handed() as sizes:
        found = read(tmp_path, f"text{mark}label\n" + "".join(lines), kind)
    assert len(sizes) < 2 * 250_001
    assert len(found.texts) == (250_000 if kind == "tsv" else 249_999)
    assert found.lines[-1] == 250_001
    expected = [] if kind == "tsv" else ["line 3: a quote opens here"]
    assert [sentence[:26] for sentence in left_out(found)] == expected


def test_quoted_record_length_is_limited() -> None:
    lines = ('"open,' + "a" * 94 + "\n" if number == 0 else "b" * 99 + "\n" for number in count())
    tracemalloc.start()
    first = next(records(lines, ",", 2, 1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (first.line, first.problem[:18]) == (1, "a quote opens here")
    assert MAX_RECORD_BYTES < peak < 8 * MAX_RECORD_BYTES
    assert next(lines) == "b" * 99 + "\n"


def test_quote_on_every_line_is_not_slower(tmp_path: Path) -> None:
    with handed() as sizes:
        found = read(tmp_path, "text\tlabel\n" + '"open\tx\n' * 50_000, "tsv")
    assert found.texts == ['"open'] * 50_000
    assert len(sizes) <= 2 * 50_000 + 2 * 1_000  # some are looked at before


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_adjacent_quotes_are_refused_in_time(tmp_path: Path, kind: str) -> None:
    mark = "\t" if kind == "tsv" else ","
    begun = f'x"{mark}"\n'  # inside quotes it closes one and opens the next
    few = read(tmp_path, f"text{mark}label\n" + begun * 1_000 + f"good{mark}x\n" * 1_010, kind)
    assert len(few.texts) == (2_010 if kind == "tsv" else 1_010)
    with handed() as sizes:
        message = refusal(
            tmp_path, f"text{mark}label\n" + begun * 12_000 + f"good{mark}x\n" * 12_010, kind
        )
    assert sum(sizes) < MAX_REPARSED + 2 * MAX_RECORD_BYTES
    line = re.fullmatch(r"line ([\d,]+): too many quotes up to here are not closed, .*", message)
    assert line
    assert 2 < int(line[1].replace(",", "")) < 12_001


def test_lines_parsed_twice_are_accepted() -> None:
    """As much again as there was so far, however large the file."""
    lines, most = '"open' + "a" * 9_994 + "\tx\n", MAX_REPARSED // 10_000
    found = records((lines for _ in range(3 * most)), "\t", 2, 1)
    assert sum(len(record.cells) for record in found) == 6 * most


def test_rows_and_cells_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = "text,label,a,b\n" + "t,x,1,2\n" * 20  # with the split, five columns
    monkeypatch.setattr(text_rows, "MAX_CELLS", 100)
    assert len(read(tmp_path, content).texts) == 20
    monkeypatch.setattr(text_rows, "MAX_CELLS", 99)
    words = "more than 99 cells (rows times columns), which is the limit; leave out columns"
    assert refusal(tmp_path, content) == words
    monkeypatch.setattr(text_rows, "MAX_ROWS", 19)
    assert "more than 19 rows, which is the limit" in refusal(tmp_path, content)
    assert "more than 19 rows" in refusal(tmp_path, "text,label\n" + ",\n" * 20)


def test_new_columns_on_every_line_are_refused_in_time(tmp_path: Path) -> None:
    lines = objects(*({"text": "a", "label": 1, f"c{n}": 1} for n in range(200)))
    assert refusal(tmp_path, lines, "jsonl").startswith("101 columns, wanted at most 100")
    wide = objects({"text": "a", "label": 1, **{f"c{n}": 1 for n in range(100_000)}})
    assert "100,003 columns, wanted at most 100" in refusal(tmp_path, wide, "jsonl")


def test_long_fields_are_read_whatever_the_csv_limit(tmp_path: Path) -> None:
    csv.field_size_limit(100)
    assert len(read(tmp_path, f"text,label\n{'a' * MAX_CHARACTERS},x\n").texts[0]) == MAX_CHARACTERS


# Changed at random.


def examples(kind: str) -> bytes:
    """A good table with something of everything in it."""
    rows = [('Grüße, "you"', "a", "train"), ("two\nlines", "b", "test"), ("🦊 é", "a", "")]
    rows += [("plain", "b", "valid")] * 3
    if kind == "jsonl":
        keys = ("text", "label", "split")
        return objects(*(dict(zip(keys, row, strict=True)) for row in rows)).encode()
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t" if kind == "tsv" else ",")
    writer.writerows([("text", "label", "split"), *rows])
    return buffer.getvalue().encode()


PIECES = (
    b'"',
    b'""',
    b",",
    b"\n",
    b"\r",
    b"\t",
    b"\0",
    b"{",
    b"[",
    b"}",
    b"\\u",
    b"\xff",
    b";",
    b"",
)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
def test_mutated_table_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    rnd, whole = random.Random(kind), examples(kind)
    read_whole = read(tmp_path, whole, kind)
    assert (len(read_whole.texts), read_whole.skipped) == (6, [])
    refused_count = found = some = 0
    for case in range(2_500):
        content = bytearray(whole)
        for _ in range(rnd.choice((1, 1, 2, 4))):
            at = rnd.randrange(len(content) + 1)
            content[at : at + rnd.choice((0, 0, 1, 20))] = (
                rnd.choice(PIECES) if rnd.random() < 0.7 else bytes([rnd.randrange(256)])
            )
        path = table(
            tmp_path, bytes(content[: case % len(content) if case % 4 == 0 else None]), kind
        )
        sentence, made = f"{path}: ", None
        try:
            made = read_text_table(path)
        except DataError as error:
            sentence = str(error)
            refused_count += 1
        assert sentence.startswith(f"{path}: ")
        assert "\n" not in sentence
        if made is not None:
            found += 1
            some += bool(made.skipped)
            assert len(made.texts) == len(made.labels) == len(made.lines) > 0
            assert len(made.texts) == len(made.splits) >= len(made.skipped)
            assert sorted(set(made.lines)) == made.lines
            assert all(len(values) == len(made.texts) for values in made.other_columns.values())
    assert min(refused_count, found, some) > 100
