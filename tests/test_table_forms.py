"""The forms in which tables come: encodings, delimiters, columns of other names, without a header,
tables of pixels, and labels that are no classes."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piecewise.core.errors import DataError
from piecewise.data.dataset import Dataset, read_data
from piecewise.data.inspection.report import inspect_data, warnings
from piecewise.data.sources import pixel_tables
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
    assert refusal(tmp_path, content).startswith("line 2 is not UTF-8; name its encoding, such as")


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


def test_transcoding_takes_little_memory(memory: Path) -> None:
    path = table(memory, ("text,label\n" + "x" * 20_000_000).encode("utf-16"))
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
         "rename one, or choose one with --text-column"),
        ("text,sentiment,emotion", "may both be the label; rename one, or choose one with --label"),
        ("a,b,c", "got the columns 'a', 'b', 'c', wanted 'text' and 'label', with 'split' (train, "
         "validation or test) if there is one; --text-column and --label-column name others"),
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
        ({"text_column": "foo"}, "--text-column: got 'foo', wanted one of the columns 'text', 'la"),
        ({"label_column": "3"}, "--label-column: got '3', wanted one of the columns 'text', 'label'"
         ", or a number from 1 to 2"),
        ({"split_column": "0"}, "--split-column: got '0', wanted one of the columns"),
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


# Pixels.


PIXELS = np.random.default_rng(3).integers(0, 256, (20, 8, 8), dtype=np.uint8)
DIGITS = [str(number % 4) for number in range(20)]


def pixel_rows(labels: Any = DIGITS, pixels: Any = PIXELS, *, last: bool = False) -> str:
    flat = np.asarray(pixels).reshape(len(pixels), -1).tolist()
    lines = [[*map(str, row), label] if last else [label, *map(str, row)]
             for label, row in zip(labels, flat, strict=True)]  # fmt: skip
    return "\n".join(",".join(line) for line in lines) + "\n"


def header(form: str, count: int = 64) -> str:
    return ",".join(form.format(n) for n in range(count))


def pixels_of(folder: Path, content: str, **options: Any) -> Dataset:
    return read_data(table(folder, content), **options)


@pytest.mark.parametrize("form", ["pixel{}", "pixel_{}", "Pixel {}", "{}", "x{}", "1x{}", "px-{}"])
@pytest.mark.parametrize("label", ["label", "Class", "digit"])
def test_table_of_pixels_is_read_as_images(tmp_path: Path, form: str, label: str) -> None:
    data = pixels_of(tmp_path, f"{label},{header(form)}\n{pixel_rows()}")
    assert data.preprocessor.modality == "pictures"
    assert (data.inputs[:, 0] == PIXELS).all()
    assert [data.classes[number] for number in data.labels] == DIGITS
    assert "a table of pixels of 8x8" in data.source_description


@pytest.mark.parametrize("last", [False, True])
def test_table_of_pixels_without_header_is_read(tmp_path: Path, last: bool) -> None:
    pixels = PIXELS.copy()
    pixels[:, [0, -1], [0, -1]] = 0
    data = pixels_of(tmp_path, pixel_rows(pixels=pixels, last=last))
    assert (data.inputs[:, 0] == pixels).all()
    assert [data.classes[number] for number in data.labels] == DIGITS
    unclear = table(tmp_path, pixel_rows(last=last))
    with pytest.raises(DataError, match="65 columns of numbers without names; say which"):
        read_data(unclear)
    data = read_data(unclear, label_column="65" if last else "1")
    assert [data.classes[number] for number in data.labels] == DIGITS


def test_first_line_of_numbers_may_be_a_header(tmp_path: Path) -> None:
    data = pixels_of(tmp_path, f"{header('{}', 65)}\n{pixel_rows()}", label_column="1")
    assert (data.inputs[:, 0] == PIXELS).all()


def test_pixels_may_be_fractions_names_and_splits(tmp_path: Path) -> None:
    labels = [
        f'"{"abcd"[int(one)]}",{"test" if n > 15 else "train"}' for n, one in enumerate(DIGITS)
    ]
    content = f"label,split,{header('pixel{}')}\n{pixel_rows(labels, PIXELS / 255)}"
    data = pixels_of(tmp_path, content)
    assert (data.inputs[:, 0] == PIXELS).all()
    assert data.classes == ("a", "b", "c", "d")
    assert data.splits.tolist() == ["train"] * 16 + ["test"] * 4


def test_colour_pixels_are_read(tmp_path: Path) -> None:
    colours = np.random.default_rng(4).integers(0, 256, (8, 3, 8, 8), dtype=np.uint8)
    data = pixels_of(tmp_path, f"label,{header('p{}', 192)}\n{pixel_rows(DIGITS[:8], colours)}")
    assert (data.inputs == colours).all()


def test_wrong_rows_of_pixels_are_skipped(tmp_path: Path) -> None:
    lines = pixel_rows().splitlines()
    lines[2] += ",1"
    lines[4] = "," + lines[4].partition(",")[2]
    lines[6] = lines[6].replace(",", ",x", 1)
    lines[8] = lines[8].rpartition(",")[0] + ",nan"
    data = pixels_of(tmp_path, f"label,{header('pixel{}')}\n" + "\n".join(lines))
    assert (data.inputs[:, 0] == np.delete(PIXELS, [2, 4, 6, 8], axis=0)).all()
    assert [one.partition(": ")[2] for one in sorted(data.skipped)] == [
        "line 10: a pixel that is no finite number",
        "line 4: 66 columns, wanted 65 as on the first line",
        "line 6: there is no label",
        "line 8: a pixel that is no finite number",
    ]
    assert [data.classes[number] for number in data.labels] == [
        one for n, one in enumerate(DIGITS) if n not in {2, 4, 6, 8}
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"label,{header('pixel{}', 70)}\n", "a table of 70 numbers in each row, wanted the"),
        (f"a,b,{header('pixel{}')}\n", "wanted a column 'label', or --label-column"),
        (f"label,{header('pixel{}')}\n", "there is no example in it"),
        (f"label,{header('pixel{}')}\n1,{header('{}')}\n0,{'999,' * 63}999\n",
         "'train' holds float32 from 0 to 999, wanted 0 to 255"),
    ],
)  # fmt: skip
def test_unusable_pixels_are_refused(tmp_path: Path, content: str, words: str) -> None:
    assert words in refusal(tmp_path, content)


def test_number_of_pixels_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_tables, "MAX_NUMBERS", 64 * 19)
    words = refusal(tmp_path, f"label,{header('pixel{}')}\n{pixel_rows()}")
    assert words.startswith("more than 19 rows of 64 pixels, wanted at most as many")


@pytest.mark.parametrize("form", ["pixel_{}_{}", "{}x{}", "x.{}.{}"])
def test_pixels_may_be_named_by_row_and_column(tmp_path: Path, form: str) -> None:
    names = ",".join(form.format(n // 8, n % 8) for n in range(64))
    data = pixels_of(tmp_path, f"{names},target\n{pixel_rows(last=True)}")
    assert (data.inputs[:, 0] == PIXELS).all()
    assert len(data.source_warnings) == form.startswith("x")


def test_numbered_columns_give_warning(tmp_path: Path) -> None:
    data = pixels_of(tmp_path, f"label,{header('feature_{}')}\n{pixel_rows()}")
    assert data.source_warnings[0].startswith("its 64 columns of numbers are read as the pixels of")


def test_pixels_in_one_cell_are_read(tmp_path: Path) -> None:
    usage = ["Training", "PublicTest", "PrivateTest", "Training"]
    lines = [
        f'{label},"{" ".join(map(str, image.ravel()))}",{usage[n % 4]}'
        for n, (label, image) in enumerate(zip(DIGITS, PIXELS, strict=True))
    ]
    lines[5] = lines[5].replace(" ", " x", 1)
    content = "emotion,pixels,Usage\n" + "\n".join(lines) + "\n"
    data = pixels_of(tmp_path, content, every_class=True)
    assert (data.inputs[:, 0] == np.delete(PIXELS, 5, axis=0)).all()
    assert data.splits.tolist()[:4] == ["train", "validation", "test", "train"]
    assert data.skipped[0].endswith("line 7: a pixel that is no finite number")


def test_json_lines_describe_their_columns(tmp_path: Path) -> None:
    found = read(tmp_path, '{"headline": "hi", "category": "a"}\n', "jsonl")
    assert found.description == "1 row, UTF-8, JSON lines; text 'headline', label 'category'"
