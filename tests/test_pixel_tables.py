"""Tables of pixels are read as images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piecewise.core.errors import DataError
from piecewise.data.dataset import Dataset, read_data
from piecewise.data.sources import pixel_tables

from .test_table_forms import read, refusal, table

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
        (f"a,b,{header('pixel{}')}\n", "wanted a column 'label', or `label_column`"),
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
    assert words.startswith("more than 19 rows of 64 pixels, which is the limit")


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
