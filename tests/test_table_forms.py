"""The forms in which tables come: encodings, delimiters, columns of other names, without a header,
tables of pixels, and labels that are no classes."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from piecewise.core.errors import DataError
from piecewise.data.dataset import read_data
from piecewise.data.inspection.report import inspect_data, warnings
from piecewise.data.sources.class_labels import canonical_label, quantity_error
from piecewise.data.sources.csv_tables import read_text_table
from piecewise.data.sources.table_columns import TableOptions
from piecewise.data.sources.table_encoding import ENCODINGS, check_encoding
from piecewise.data.sources.text_rows import TextTable

TEXTS = [f"this is the text number {number}, and it has words" for number in range(12)]
LABELS = ["bad", "good"] * 6


def table(folder: Path, content: str | bytes, kind: str = "csv") -> Path:
    path = folder / f"a.{kind}"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: Path, content: str | bytes, kind: str = "csv", **options: Any) -> TextTable:
    return read_text_table(table(folder, content, kind), TableOptions(**options))


def refusal(folder: Path, content: str | bytes, kind: str = "csv", **options: Any) -> str:
    path = table(folder, content, kind)
    with pytest.raises(DataError) as caught:
        read_data(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}: ")


def rows(*names: str, mark: str = ",") -> str:
    """A table with texts in quotes and labels; without a header if there are no names."""
    lines = [f'"{text}"{mark}{label}' for text, label in zip(TEXTS, LABELS, strict=True)]
    return "\n".join(([mark.join(names)] if names else []) + lines) + "\n"


# Other formats.


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.xlsx", ".xlsx files are not read; save the table as CSV, in Excel as CSV UTF-8; wanted "),
     ("a.parquet", "with pandas: pandas.read_parquet(...).to_csv('a.csv', index=False)"),
     ("a.json", "save the table as JSON lines (.jsonl), one object on each line; wanted a folder"),
     ("a.psv", "if it is a table of texts or pixels, rename it to .csv; wanted a folder")],
)  # fmt: skip
def test_other_formats_are_refused_with_remedy(tmp_path: Path, name: str, words: str) -> None:
    assert words in refusal(tmp_path, b"PK", name.removeprefix("a."))


# Encodings.


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_encodings_are_found(tmp_path: Path, encoding: str, kind: str) -> None:
    words = "text,label\nDies ist schön,ja\nGrüße an alle,nein\n"
    if kind == "jsonl":
        words = '{"text": "Dies ist schön", "label": "ja"}\n'
        words += '{"text": "Grüße an alle", "label": "nein"}\n'
    found = read(tmp_path, words.encode(encoding), kind)
    assert found.texts == ["Dies ist schön", "Grüße an alle"]
    assert found.lines == ([1, 2] if kind == "jsonl" else [2, 3])
    if encoding == "cp1252":
        line = 1 if kind == "jsonl" else 2
        assert found.warnings[0].startswith(f"line {line} is not UTF-8, so it is read as Western")
    else:
        assert not found.warnings


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("cp1251", "это хорошо"), ("shift_jis", "これは良い"), ("gbk", "这个很好"),
     ("euc-kr", "좋아요"), ("big5", "這個很好"), ("koi8-r", "это плохо"), ("utf-16-le", "so so"),
     ("iso-8859-2", "zażółć"), ("latin-1", "olé"), ("UTF-8", "олé")],
)  # fmt: skip
def test_named_encoding_is_read(tmp_path: Path, encoding: str, text: str) -> None:
    content = f"text,label\n{text},x\n{text} 2,y\n".encode(encoding)
    found = read(tmp_path, content, encoding=encoding)
    assert found.texts == [text, f"{text} 2"]
    assert not found.warnings


@pytest.mark.parametrize("encoding", ["cp1251", "gbk", "shift_jis", "euc-kr", "koi8-r"])
def test_other_scripts_are_not_taken_for_western(tmp_path: Path, encoding: str) -> None:
    text = {"gbk": "这个很好", "shift_jis": "これは良い", "euc-kr": "좋아요"}.get(
        encoding, "хорошо"
    )
    content = f"text,label\n{text * 5},x\n".encode(encoding)
    assert refusal(tmp_path, content).startswith(
        "line 2 is not UTF-8; name its encoding with `encoding`"
    )


def test_western_bytes_without_character_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, b"text,label\nit\x92s \x80 5 and \x9d more words,x\n")
    assert found.texts == ["it’s € 5 and \x9d more words"]  # noqa: RUF001 - what byte 92 is


def test_wrong_byte_far_into_file_is_found(tmp_path: Path) -> None:
    content = b"text,label\n" + b"plain words,x\n" * 40_000 + b"caf\xe9,y\n"
    found = read(tmp_path, content)
    assert found.texts[-1] == "café"
    assert found.warnings[0].startswith("line 40,002 is not UTF-8")


@pytest.mark.parametrize(
    ("encoding", "words"),
    [("rot13", "encoding: got 'rot13', wanted one such as utf-8,"), ("zip", "encoding: got 'zip'"),
     ("unicode_escape", "encoding: got 'unicode_escape'"), ("", "encoding: got ''"),
     ("../x", "encoding: got '../x'"), ("ascii", "after 16 bytes it is not ascii"),
     ("utf-16", "after ")],
)  # fmt: skip
def test_unknown_and_wrong_encodings_are_refused(tmp_path: Path, encoding: str, words: str) -> None:
    assert words in refusal(tmp_path, "text,label\ncaf,xé\n".encode(), encoding=encoding)


def test_every_encoding_has_a_codec() -> None:
    for name in ENCODINGS:
        assert "a,b\n".encode(check_encoding(name.replace("_", "-"))).decode(name) == "a,b\n"


def test_transcoding_takes_little_memory(tmp_path: Path) -> None:
    path = table(tmp_path, ("text,label\n" + "x" * 20_000_000).encode("utf-16"))
    tracemalloc.start()
    with pytest.raises(DataError, match="line 2: more than 4,000,000 bytes"):
        read_text_table(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


# Delimiters and columns.


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("first", ["", "sep={}\n", '"sep={}"\r\n', "SEP={}\n"])
def test_delimiters_are_found(tmp_path: Path, mark: str, first: str) -> None:
    found = read(tmp_path, first.format(mark) + rows("text", "label", mark=mark))
    assert (found.texts, found.labels) == (TEXTS, LABELS)
    assert found.lines[0] == (3 if first else 2)


def test_unknown_delimiter_is_refused(tmp_path: Path) -> None:
    words = refusal(tmp_path, "sep=x\ntextxlabel\n")
    assert words == "line 1: the delimiter 'x', wanted ',' ';' '\\t' '|'"


@pytest.mark.parametrize(
    "names",
    [("review", "sentiment"), ("comment_text", "toxic"), ("headline", "category"), ("v2", "v1"),
     ("question", "intent"), ("Tweet", "Emotion"), ("text", "rating"), ("title", "topic")],
)  # fmt: skip
def test_common_column_names_are_known(tmp_path: Path, names: tuple[str, str]) -> None:
    found = read(tmp_path, rows(*names))
    assert (found.texts, found.labels) == (TEXTS, LABELS)
    assert found.description.endswith(f"text '{names[0]}', label '{names[1]}'")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("id,comment,review,label", "the columns 'comment' and 'review' may both be the text; "
         "rename one, or choose one with `text_column`"),
        ("text,sentiment,emotion", "may both be the label; rename one, or choose one with `label_"),
        ("a,b,c", "got the columns 'a', 'b', 'c', wanted 'text' and 'label', with 'split' (train, "
         "validation or test) if there is one; `text_column` and `label_column` name others"),
        ("v1,b,c", "got the columns 'v1', 'b', 'c'"),
    ],
)  # fmt: skip
def test_unclear_columns_are_refused(tmp_path: Path, header: str, words: str) -> None:
    assert words in refusal(tmp_path, header + "\na,b,c\n" + "a,b,c,d\n")


def test_options_choose_columns(tmp_path: Path) -> None:
    content = "text,label,Mood,words,half\n" + "a,b,x,one,train\na,b,y,two,test\n"
    for text, label, split in (
        ("words", "mood", "half"),
        ("4", "3", "5"),
        (" WORDS", "Mood ", "HALF"),
    ):
        path = table(tmp_path, content)
        data = read_data(path, text_column=text, label_column=label, split_column=split,
                         every_class=True)  # fmt: skip
        assert data.classes == ("x", "y")
        assert data.splits.tolist() == ["train", "test"]
    found = read(tmp_path, content, text_column="words", label_column="Mood")
    assert found.texts == ["one", "two"]
    assert set(found.other_columns) == {"text", "label", "half"}
    found = read(tmp_path, '{"a": "hi", "b": 1}\n', "jsonl", text_column="a", label_column="b")
    assert (found.texts, found.labels) == (["hi"], ["1"])


def test_cache_is_of_the_chosen_columns(tmp_path: Path) -> None:
    content = "text,other,label\n" + "a b c,d e f,x\nb c a,f e d,y\n" * 4
    path, cache = table(tmp_path, content), tmp_path / "cache"
    for column in ("text", "other", "text"):
        data = read_data(path, text_column=column, cache=cache)
        assert data.inputs.tolist() == read_data(path, text_column=column).inputs.tolist()
        assert f"text '{column}'" in data.source_description


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"text_column": "foo"}, "text_column: got 'foo', wanted one of the columns 'text', 'la"),
        ({"label_column": "3"}, "label_column: got '3', wanted one of the columns 'text', 'label'"
         ", or a number from 1 to 2"),
        ({"split_column": "0"}, "split_column: got '0', wanted one of the columns"),
        ({"label_column": "text"}, "the column 'text' cannot have two roles; choose another"),
    ],
)  # fmt: skip
def test_wrong_column_options_are_refused(
    tmp_path: Path, options: dict[str, str], words: str
) -> None:
    assert words in refusal(tmp_path, rows("text", "label"), **options)


@pytest.mark.parametrize("mark", [",", "\t"])
def test_table_without_header_is_read(tmp_path: Path, mark: str) -> None:
    found = read(tmp_path, rows(mark=mark))
    assert (found.texts, found.labels, found.lines[0]) == (TEXTS, LABELS, 1)
    assert found.description.endswith("no header, text in column 1, label in column 2")
    three = "".join(
        f'{n},{label},"{text}"\n' for n, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True))
    )
    assert "got the columns '0', 'bad', " in refusal(tmp_path, three)
    found = read(tmp_path, three, text_column="3", label_column="2")
    assert (found.texts, found.labels, found.lines[0]) == (TEXTS, LABELS, 1)


def test_unknown_names_are_found_by_content(tmp_path: Path) -> None:
    found = read(tmp_path, rows("phrase", "mood"))
    assert (found.texts, found.labels) == (TEXTS, LABELS)
    assert found.description.endswith("text 'phrase', label 'mood'")


@pytest.mark.parametrize(
    "content",
    ["id,text\n" + "".join(f"{n},{text}\n" for n, text in enumerate(["a b"] * 12)),
     "a,b\n" + "".join(f"{text},{text}\n" for text in "abcdefghijkl"),
     "a,b\n" + "x,y\n" * 12],
)  # fmt: skip
def test_content_without_classes_is_refused(tmp_path: Path, content: str) -> None:
    assert "got the columns" in refusal(tmp_path, content)


# Labels.


@pytest.mark.parametrize(
    ("label", "expected"),
    [("1", "1"), ("1.0", "1"), (" 1. ", "1"), ("-0.0", "0"), ("0.00", "0"), ("0.5", "0.5"),
     ("007.0", "007.0"), ("007", "007"), ("1.0.0", "1.0.0"), ("v1.0", "v1.0"), ("1e3", "1e3")],
)  # fmt: skip
def test_whole_numbers_are_one_class(label: str, expected: str) -> None:
    assert canonical_label(label) == expected


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_1_and_1_0_are_one_class(tmp_path: Path, kind: str) -> None:
    labels = ["1", "1.0", "0", "0.0"] * 3
    if kind == "csv":
        content = "text,label\n" + "".join(f"words {n},{one}\n" for n, one in enumerate(labels))
    else:
        lines = (f'{{"text": "words {n}", "label": {one}}}\n' for n, one in enumerate(labels))
        content = "".join(lines)
    data = read_data(table(tmp_path, content, kind))
    assert data.classes == ("0", "1")
    assert data.labels.tolist() == [1, 1, 0, 0] * 3


def repeated(values: Any, times: int) -> list[str]:
    return [str(value) for value in values for _ in range(times)]


@pytest.mark.parametrize(
    "labels",
    [
        [f"{0.37 * n:.3f}" for n in range(60)],
        repeated(range(18, 90), 1),
        repeated(range(1000, 3000, 7), 2),
        repeated([n / 4 for n in range(100)], 40),
        repeated(range(30), 1),
        [f"{n}e-3" for n in range(40)],
    ],
)
def test_quantities_are_recognized(labels: list[str]) -> None:
    assert quantity_error(labels).startswith(f"its labels are {len(set(labels))} different numbers")


@pytest.mark.parametrize(
    "labels",
    [
        repeated(range(10), 500), repeated(range(77), 10), repeated(range(1, 151), 2),
        repeated([1, 2, 3, 4, 5], 1), repeated([n / 2 for n in range(1, 11)], 3),
        repeated(range(1000), 3), repeated(range(100, 160), 8), repeated(range(20), 1),
        [f"class {n}" for n in range(60)], [*repeated(range(60), 1), "other"], [],
    ],
)  # fmt: skip
def test_numbered_classes_are_no_quantities(labels: list[str]) -> None:
    assert not quantity_error(labels)


def test_quantities_are_refused_before_training(tmp_path: Path) -> None:
    content = "text,label\n" + "".join(f"words {n},{n * 0.37:.3f}\n" for n in range(60))
    words = refusal(tmp_path, content)
    assert words.startswith("its labels are 60 different numbers in 60 examples, such as 0, 0.370")
    data = read_data(tmp_path / "a.csv", every_class=True)
    assert words in [one.message for one in inspect_data(data).findings if one.serious]


def test_similar_and_missing_labels_give_warnings(tmp_path: Path) -> None:
    labels = ["Cat", "cat ", "cat", "nan", "dog", ""] * 12
    content = "text,label\n" + "".join(f"words {n},{one}\n" for n, one in enumerate(labels))
    data = read_data(table(tmp_path, content))
    assert data.classes == ("Cat", "cat", "dog", "nan")
    assert sum("there is no label" in one for one in data.skipped) == 12
    found = "\n".join(warnings(data))
    assert "class names differ only in case or spaces: 'Cat' and 'cat'" in found
    assert "12 examples have the label 'nan', which often marks a missing label" in found
