"""Tables of texts: what is read of them, what is left out, and what refuses all of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from piecewise.core.errors import DataError
from piecewise.data.sources.csv_tables import read_text_table
from piecewise.data.sources.text_rows import TextTable
from piecewise.data.text.decoding import MAX_CHARACTERS

from .real_data import real


def table(folder: Path, content: str | bytes, kind: str = "csv") -> Path:
    path = folder / f"a.{kind}"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: Path, content: str | bytes, kind: str = "csv") -> TextTable:
    return read_text_table(table(folder, content, kind))


def refusal(folder: Path, content: str | bytes, kind: str = "csv") -> str:
    """The sentence with which a table is refused, after its name."""
    path = table(folder, content, kind)
    with pytest.raises(DataError) as caught:
        read_text_table(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    assert "\n" not in sentence
    return sentence.removeprefix(f"{path}: ")


def left_out(found: TextTable) -> list[str]:
    """The sentences on what was left out, without the file's name."""
    return [sentence.partition(": ")[2] for sentence in found.skipped]


GRUSS = "text,label\nGrüße aus Köln,x\n".encode()  # so much UTF-8 that a wrong byte is damage


def objects(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


GOOD = '"fine",x\n' * 5  # so that a bad line is not most of them


# What is read.


def test_table_reads_texts_labels_and_splits(tmp_path: Path) -> None:
    found = read(tmp_path, "text,label,split\nhi,a,train\n yo ,b , Test\nhm,a,\nso,b,DEV\n")
    assert found.texts == ["hi", "yo ", "hm", "so"]
    assert found.labels == ["a", "b", "a", "b"]
    assert found.splits.tolist() == ["train", "test", "train", "validation"]
    assert found.lines == [2, 3, 4, 5]
    assert (found.other_columns, found.skipped) == ({}, [])


@pytest.mark.parametrize("word", ["validation", "valid", "val", "dev", "VALID"])
def test_split_column_accepts_synonyms(tmp_path: Path, word: str) -> None:
    assert read(tmp_path, f"text,label,split\nhi,a,{word}\n").splits.tolist() == ["validation"]


def test_table_without_split_is_for_training(tmp_path: Path) -> None:
    assert read(tmp_path, "text,label\nhi,a\nyo,b").splits.tolist() == ["train", "train"]


def test_quoted_cells_hold_delimiters_quotes_and_newlines(tmp_path: Path) -> None:
    content = 'text,label\n"a, ""b""\nc\r\nd",x\ne "f" g,y\n"",z\n""" ",w\n'
    found = read(tmp_path, content)
    assert found.texts == ['a, "b"\nc\r\nd', 'e "f" g', '" ']
    assert found.lines == [2, 5, 7]
    assert left_out(found) == ["line 6: there is no text"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_of_every_system_are_read(tmp_path: Path, end: str, mark: str) -> None:
    found = read(tmp_path, mark + end.join(("text,label", 'a,"x"', "", "b,y", "")))
    assert (found.texts, found.labels, found.lines) == (["a", "b"], ["x", "y"], [2, 4])


def test_semicolons_and_tabs_are_delimiters(tmp_path: Path) -> None:
    assert read(tmp_path, "text;label\na, b;x\n").texts == ["a, b"]
    assert read(tmp_path, "text\tlabel\na, b; c\tx\n", "tsv").texts == ["a, b; c"]
    assert read(tmp_path, "text;a,b;label\nhi;1,5;x\n").other_columns == {"a,b": ["1,5"]}
    assert read(tmp_path, "text,a;b,label\nhi,1;5,x\n").other_columns == {"a;b": ["1;5"]}


def test_empty_spreadsheet_cells_are_skipped(tmp_path: Path) -> None:
    found = read(tmp_path, '\n\ntext, "label",,\n"hi", "a",,\n')
    assert (found.texts, found.labels, found.other_columns, found.lines) == (["hi"], ["a"], {}, [4])


def test_tsv_quotes_may_be_literal(tmp_path: Path) -> None:
    content = 'text\tlabel\n"so\tx\n"he" said\ty\n"a\tb"\tx\n"c\nd"\ty\nlast"\tx\n"\tz'
    found = read(tmp_path, content, "tsv")
    assert found.texts == ['"so', '"he" said', "a\tb", "c\nd", 'last"', '"']
    assert found.labels == ["x", "y", "x", "y", "x", "z"]
    assert found.lines == [2, 3, 4, 5, 7, 8]


def test_column_names_ignore_case_and_accept_synonyms(tmp_path: Path) -> None:
    for header in ("TEXT,Label", "message,class", "Sentence,category", "content,target"):
        assert read(tmp_path, f"{header}\nhi,a\n").texts == ["hi"]
    found = read(tmp_path, "set,text,message,label,class\ntest,t,m,l,c\n")
    assert (found.texts, found.labels, found.splits.tolist()) == (["t"], ["l"], ["test"])
    assert found.other_columns == {"message": ["m"], "class": ["c"]}


def test_further_columns_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, "text,label,Writer , 2\nhi,a,me,x\nyo,b,you,\n,b,none,\n")
    assert found.other_columns == {"Writer": ["me", "you"], "2": ["x", ""]}


def test_texts_and_labels_are_nfc_normalized(tmp_path: Path) -> None:
    found = read(tmp_path, "text,label\ne\u0301,cafe\u0301\nx,caf\u00e9\n")
    assert found.texts == ["\u00e9", "x"]
    assert len(set(found.labels)) == 1


def test_json_lines_are_read(tmp_path: Path) -> None:
    content = objects(
        {"text": "hi\nyou", "label": "a", "split": "test", "who": 7},
        {"Label": True, "message": "yo", "n": None, "split": None},
        {"text": "x", "label": 3, "who": ["list"]},
        {"text": "x", "label": 3.0},
        {"text": "x", "label": 0.5, "who": False},
    )
    found = read(tmp_path, content + "\n  \n", "jsonl")
    assert found.texts == ["hi\nyou", "yo", "x", "x", "x"]
    assert found.labels == ["a", "true", "3", "3", "0.5"]
    assert found.splits.tolist() == ["test", *["train"] * 4]
    assert found.other_columns == {"who": ["7", "", "", "", "false"], "n": [""] * 5}
    assert found.lines == [1, 2, 3, 4, 5]


# What is left out.


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (",x", "line 2: there is no text"),
        ("\u3000,x", "line 2: there is no text"),
        ("hi,", "line 2: there is no label"),
        ("hi", "line 2: 1 column, wanted 2 as on the first line"),
        ("hi,there,x", "line 2: 3 columns, wanted 2 as on the first line"),
        ("hi," + "x" * 1_001, "line 2: a label of 1,001 characters, wanted at most 1,000"),
        (
            "a" * (MAX_CHARACTERS + 1) + ",x",
            "line 2: a text of 1,000,001 characters, wanted at most",
        ),
        ('"hi"you,x', "line 2: a quote opens here and is not closed where a column ends"),
        ('"hi,x', "line 2: a quote opens here and is not closed where a column ends"),
    ],
)
def test_bad_record_is_skipped_and_reported(tmp_path: Path, line: str, words: str) -> None:
    found = read(tmp_path, f"text,label\n{line}\n{GOOD}")
    assert found.texts == ["fine"] * 5
    assert found.lines == [3, 4, 5, 6, 7]
    assert len(found.skipped) == 1
    assert left_out(found)[0].startswith(words)
    assert found.skipped[0].startswith(str(tmp_path))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("hello", 'no JSON object; wanted {"text": "...", "label": "..."}'),
        ("[1]", "no JSON object"),
        ('{"text": "a", "label": "b"', "no JSON object"),
        ('{"text": "a", "label": NaN}', "no JSON object"),
        ('{"text": "a", "label": 1e999}', "the label is inf, wanted a string, a number, true or"),
        ('{"text": "a", "label": ' + "9" * 9_999 + "}", "no JSON object"),
        ("[" * 100_000, "no JSON object"),
        ('{"a":' * 100_000, "no JSON object"),
        ('{"text": ' + "[" * 900 + "]" * 900 + ', "label": 1}', "the text is a list, wanted"),
        ('{"text": 5, "label": "b"}', "the text is 5, wanted a string"),
        ('{"text": null, "label": "b"}', "there is no text"),
        ('{"text": "", "label": "b"}', "there is no text"),
        ('{"text": "a", "label": null}', "there is no label"),
        ('{"text": "a", "label": ["b"]}', "the label is a list, wanted a string, a number"),
        ('{"text": "a", "label": {"b": 1}}', "the label is an object, wanted a string, a number"),
        ('{"text": "a"}', "got the columns 'text', wanted 'text' and 'label'"),
        ("{}", "got the columns none, wanted 'text' and 'label'"),
        ('{"text": "a", "Text": "b", "label": 1}', "the columns 'text' and 'Text' may both be"),
        ('{"text": "a\\ud83d", "label": 1}', "it holds half of a character"),
        ('{"text": "a", "label": "\\ud83d"}', "it holds half of a character"),
        ('{"text": "a", "label": 1, "who": "\\udc00"}', "it holds half of a character"),
        ('{"text": "a", "label": 1, "\\udc00": "who"}', "it holds half of a character"),
    ],
)
def test_bad_json_object_is_skipped_and_reported(tmp_path: Path, line: str, words: str) -> None:
    good = '{"text": "fine", "label": 1}\n'
    found = read(tmp_path, good + line + "\n" + good, "jsonl")
    assert (found.texts, found.lines) == (["fine"] * 2, [1, 3])
    assert len(found.skipped) == 1
    assert left_out(found)[0].startswith(f"line 2: {words}")


def test_unclosed_quote_costs_one_line(tmp_path: Path) -> None:
    found = read(tmp_path, 'text,label\na,x\n"open,x\nb,y\n"c, d",x\ne,y\n')
    assert found.texts == ["a", "b", "c, d", "e"]
    assert found.lines == [2, 4, 5, 6]
    assert [one[:28] for one in left_out(found)] == ["line 3: a quote opens here a"]


def test_quote_closed_on_another_line_may_be_literal(tmp_path: Path) -> None:
    found = read(tmp_path, 'text,label\n"open,x\nb,y"\nc,x\n')
    assert (found.texts, found.labels, found.lines) == (["b", "c"], ['y"', "x"], [3, 4])
    assert [one[:28] for one in left_out(found)] == ["line 2: a quote opens here a"]
    found = read(tmp_path, 'text\tlabel\n"open\tx\nb\ty"\n', "tsv")
    assert (found.texts, found.labels, found.lines) == (['"open', "b"], ["x", 'y"'], [2, 3])


def test_at_most_half_of_records_may_be_bad(tmp_path: Path) -> None:
    assert len(read(tmp_path, "text,label\na,x\n,x\n").texts) == 1
    assert refusal(tmp_path, "text,label\na,x\n,x\nb,\n") == (
        "2 of 3 records cannot be used, wanted at most half of them; line 3: there is no text"
    )


# What refuses all of it.


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "there is nothing in it, wanted a line with the columns 'text' and 'label'"),
        (" \n\n", "there is nothing in it"),
        ("text,label\n", "there is no example in it"),
        (
            "a,b,c\n1,2,3\n",
            "got the columns 'a', 'b', 'c', wanted 'text' and 'label', with 'split'",
        ),
        ("text,b\n1,2\n", "got the columns 'text', 'b', wanted"),
        (",".join("abcdefghijklm"), "'i', 'j', ..., wanted 'text'"),
        ("text,label,TEXT\na,b,c\n", "the columns 'text' and 'TEXT' may both be the text; rename"),
        ("message,content,label\na,b,c\n", "'message' and 'content' may both be the text"),
        ("text,label,part,set\na,b,c,d\n", "'part' and 'set' may both be the split; rename one"),
        ("text,label,n,n\na,b,c,d\n", "two columns are called 'n'; rename one"),
        ("text,label,split\na,b,train\nc,d,exam\n", "line 3: the split is 'exam', wanted train"),
        (GRUSS + b"caf\xe9,x\n", "line 3: after 3 bytes comes 0xe9, which is not UTF-8; "),
        (
            GRUSS.replace(b"\n", b"\r") + b"caf\xe9,x",
            "line 3: after 3 bytes comes 0xe9, which",
        ),
        (GRUSS + b'"a\nb\n\xff",x\n', "line 5: after 0 bytes comes 0xff"),
        (
            b"text,label\n" + "привет,да\n".encode("cp1251"),
            "line 2 is not UTF-8; name its",
        ),
        (b"text,label\na\0b,x\n", "line 2: a zero byte after 1 bytes, which no text contains"),
        ("text,label\na,x\n".encode("utf-16-le"), "line 1: a zero byte after 1 bytes"),
        ("text,label" + ",a" * 99, "101 columns, wanted at most 100; leave some out"),
    ],
)
def test_unusable_table_is_refused(tmp_path: Path, content: str | bytes, words: str) -> None:
    assert words in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "there is no example in it"),
        ('{"a": 1, "b": 2}\n[]\n', "got the columns 'a', 'b', wanted 'text' and 'label'"),
        ("1\n2\n", "2 of 2 records cannot be used, wanted at most half of them; line 1: no JSON"),
        ('{"text": "a", "label": 1, "split": 5}', "line 1: the split is '5', wanted train"),
        ('{"text": "a", "label": 1, "split": []}', "line 1: the split is 'a list', wanted train"),
        (objects({"text": "a", "label": 1, **{f"c{n}": 1 for n in range(98)}}), "101 columns"),
        (
            b'{"text": "a\xc3\xa9\xc3\xa9", "label": 1}\n{"text": "\xff"}',
            "line 2: after 10 bytes comes 0xff",
        ),
    ],
)
def test_unusable_json_lines_are_refused(tmp_path: Path, content: str | bytes, words: str) -> None:
    assert words in refusal(tmp_path, content, "jsonl")


def test_unreadable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for name, words in (
        ("a.csv", "no such file"),
        ("folder.csv", "a folder, wanted a table"),
        ("a\0.csv", "no file can have this name"),
        ("a.xlsx", "wanted a table of texts (csv tsv jsonl)"),
    ):
        with pytest.raises(DataError) as caught:
            read_text_table(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: {words}"


# Real messages.


def test_real_messages_match_standard_library() -> None:
    path = real("sms-spam.csv")
    found = read_text_table(path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert found.labels == [row["label"] for row in rows]
    assert found.splits.tolist() == [row["split"] for row in rows]
    assert [text.strip() for text in found.texts] == [row["text"].strip() for row in rows]
