"""Tables that name pictures and their labels: metadata.csv, labels.csv, train.csv and the like."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from piecewise.core.errors import DataError
from piecewise.data.dataset import Dataset, read_data
from piecewise.data.sources.discovery import discover
from piecewise.data.sources.groups import assign_groups, grouping_options

from .test_dataset import refusal
from .test_folder_layout import examples
from .test_folders import tree

FILES = ("1.png", "2.png", "3.png", "4.png")


def labelled(root: Path, table: str, text: str, *files: str) -> Path:
    tree(root, *(files or FILES))
    path = root / table
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def rows(header: str, *names: str) -> str:
    return f"{header}\n" + "".join(f"{name},{'ab'[n % 2]}\n" for n, name in enumerate(names))


def both(path: Path) -> list[Dataset]:
    """The set read from its folder and from an archive of it."""
    archive = path.parent / "packed.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for one in sorted(path.rglob("*")):
            if one.is_file():
                file.write(one, one.relative_to(path))
    return [read_data(path), read_data(archive)]


@pytest.mark.parametrize("table", ["metadata.csv", "labels.csv", "train.csv", "anything.tsv"])
@pytest.mark.parametrize(
    "header", ["file_name,label", "filename,class", "file,label", "path,category", "image,target"]
)
def test_folder_with_a_table_is_read(tmp_path: Path, table: str, header: str) -> None:
    text = rows(header, *FILES)
    labelled(tmp_path / "set", table, text.replace(",", "\t") if "tsv" in table else text)
    for data in both(tmp_path / "set"):
        assert examples(data) == {("train", "a"): 2, ("train", "b"): 2}
        assert data.classes == ("a", "b")
        assert data.labels.tolist() == [0, 1, 0, 1]
        assert data.inputs[:, 0, 0, 0].tolist() == [90, 100, 110, 120]
        assert data.skipped == []
        assert data.source_description.startswith(f"table {table}, file '")


def test_table_is_read_itself(tmp_path: Path) -> None:
    path = labelled(tmp_path, "any.csv", rows("filename,label", *FILES))
    assert read_data(path).labels.tolist() == [0, 1, 0, 1]


def test_json_lines_are_read(tmp_path: Path) -> None:
    records = [{"file_name": name, "label": n % 2, "who": "x"} for n, name in enumerate(FILES)]
    lines = [json.dumps(record) for record in records]
    labelled(tmp_path / "set", "metadata.jsonl", "\n".join([*lines, "no json", ""]))
    for data in both(tmp_path / "set"):
        assert data.classes == ("0", "1")
        assert data.labels.tolist() == [0, 1, 0, 1]
        assert "1 of 5 files do not exist, such as ''" in data.skipped[0]


def test_names_may_lack_the_suffix_or_the_folder(tmp_path: Path) -> None:
    text = rows("image_id,label", "x1", "x2", "sub/x3.png", "./images/x4.png", "images\\x2.png")
    files = ("images/x1.png", "images/x2.png", "sub/x3.png", "images/x4.png")
    labelled(tmp_path / "set", "labels.csv", text, *files)
    for data in both(tmp_path / "set"):
        assert [name[-6:] for name in data.names] == [f"{name}.png" for name in
                                                      ("x1", "x2", "x3", "x4", "x2")]  # fmt: skip
        assert data.skipped == []


def test_tables_of_splits_name_the_files_in_their_own_folders(tmp_path: Path) -> None:
    """The same names in train and in test."""
    root = tmp_path / "set"
    labelled(root, "train.csv", rows("id,label", "1", "2", "3"), *(f"train/{n}.png" for n in "123"))
    labelled(root, "test_labels.csv", rows("id,label", "1", "2"), "test/1.png", "test/2.png")
    labelled(root, "sample_submission.csv", rows("id,label", "1", "2"), "test/1.png")
    for data in both(root):
        assert examples(data) == {
            ("train", "a"): 2, ("train", "b"): 1, ("test", "a"): 1, ("test", "b"): 1,
        }  # fmt: skip
        for name, split in zip(data.names, data.splits, strict=True):
            assert f"{split}/" in name.replace("\\", "/")


def test_splits_with_a_table_each(tmp_path: Path) -> None:
    for split in ("train", "test"):
        labelled(
            tmp_path / "set" / split, "metadata.csv", rows("file_name,label", "1.png", "2.png")
        )
    for data in both(tmp_path / "set"):
        assert examples(data) == {
            ("train", "a"): 1, ("train", "b"): 1, ("test", "a"): 1, ("test", "b"): 1,
        }  # fmt: skip
        assert data.skipped[-1].endswith(": 4 pictures that no record with a label names")


def test_split_column_is_honoured(tmp_path: Path) -> None:
    text = "file_name,label,split\n1.png,a,train\n2.png,b,Training\n3.png,a,valid\n4.png,b,test\n"
    labelled(tmp_path / "set", "metadata.csv", text)
    for data in both(tmp_path / "set"):
        assert data.splits.tolist() == ["train", "train", "validation", "test"]
    labelled(tmp_path / "set", "metadata.csv", text.replace("valid", "fold 3"))
    with pytest.raises(DataError, match="line 4: the split is 'fold 3', wanted train"):
        read_data(tmp_path / "set")


def test_missing_unlabelled_and_unnamed_files_are_reported(tmp_path: Path) -> None:
    names = (*FILES, "gone.png", "away.png", "lost.png", "far.png")
    text = rows("file_name,label", *names) + "5.png,\n"
    path = labelled(tmp_path, "metadata.csv", text, *FILES, "5.png", "6.png")
    data = read_data(tmp_path)
    assert data.skipped == [
        f"{path}: 4 of 9 files do not exist, such as 'gone.png', 'away.png', 'lost.png'",
        f"{path}: 1 of 9 files have no label, or too long a one, such as '5.png'",
        f"{tmp_path}: 2 pictures that no record with a label names",
    ]
    path.write_text(rows("file_name,label", "a.png", "b.png"))
    words = (
        "the column 'file_name' names files that do not exist in its folder, such as 'a.png', "
        "'b.png'; wanted paths relative to it"
    )
    assert refusal(path) == words
    with pytest.raises(DataError, match=words):
        read_data(tmp_path)


UNSAFE = ["../out.png", "/etc/x.png", "C:\\x.png", "a/../../out.png", "\\\\server\\x.png"]


def test_names_that_lead_out_are_refused(tmp_path: Path) -> None:
    tree(tmp_path, "out.png")
    names = [*UNSAFE, "link.png", "linked/out.png"]
    root = tmp_path / "set"
    path = labelled(root, "metadata.csv", rows("file_name,label", *FILES, *names, "inner.png"))
    (root / "link.png").symlink_to(tmp_path / "out.png")
    (root / "linked").symlink_to(tmp_path)
    (root / "inner.png").symlink_to(root / "1.png")
    data = read_data(path)
    assert [name.rpartition("/")[2] for name in data.names] == [*FILES, "inner.png"]
    assert data.skipped == [
        f"{path}: 7 of 12 names lead out of its folder, such as '../out.png', '/etc/x.png', "
        r"'C:\\x.png'; wanted paths in it"
    ]


def test_several_tables_of_one_split_are_refused(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        labelled(tmp_path, name, rows("file_name,label", *FILES))
    assert refusal(tmp_path) == "several tables name its files: one.csv, two.csv; give one of them"
    assert len(read_data(tmp_path / "two.csv")) == 4
    labelled(tmp_path, "metadata.csv", rows("file_name,label", *FILES))
    assert read_data(tmp_path).source_description.startswith("table metadata.csv")


def test_tables_of_texts_stay_tables_of_texts(tmp_path: Path) -> None:
    text = "id,text,label\n1,hello there,a\n2,good bye,b\n"
    path = labelled(tmp_path, "texts.csv", text)
    assert discover(path).modality == "texts"
    records = [{"name": name, "text": f"{name} y", "label": name} for name in "12"]
    lines = "\n".join(["no json", *map(json.dumps, records)])
    (tmp_path / "texts.jsonl").write_text(lines)
    assert discover(tmp_path / "texts.jsonl").modality == "texts"


def test_table_beside_class_folders_that_names_other_files_changes_nothing(tmp_path: Path) -> None:
    root = tree(tmp_path, "a/1.png", "b/1.png")
    (root / "notes.csv").write_text("name,class\nvisit,1\nstay,2\n")
    assert read_data(root).classes == ("a", "b")


def test_columns_of_a_table_are_groups(tmp_path: Path) -> None:
    files = [f"{n}.png" for n in range(8)]
    text = "file_name,label,patient\n"
    text += "".join(f"{name},{'ab'[n % 2]},p{n // 4}\n" for n, name in enumerate(files))
    path = labelled(tmp_path, "metadata.csv", text, *files)
    raw = discover(path)
    assert [offer.pattern for offer in grouping_options(raw)] == ["patient"]
    assert assign_groups(raw, "patient", path) == ["p0"] * 4 + ["p1"] * 4


def test_label_column_can_be_chosen(tmp_path: Path) -> None:
    text = "filename,fold,target,category\n" + "".join(f"{n}.png,1,{n},c{n}\n" for n in range(1, 5))
    path = labelled(tmp_path, "esc.csv", text)
    assert "'target' and 'category' may both be the label" in refusal(path)
    assert read_data(path, label_column="category").classes == ("c1", "c2", "c3", "c4")


def test_flat_splits_without_a_table_are_refused(tmp_path: Path) -> None:
    tree(tmp_path, "train/1.png", "train/2.png", "test/1.png")
    assert refusal(tmp_path) == (
        "the folders test, train are splits, but there is no folder of a class in them; wanted one "
        "folder per class in each, or a table metadata.csv with file_name and label"
    )


@pytest.mark.parametrize("path", ["https://a.org/set.zip", "http://a.org/x", "s3://a/b.csv"])
def test_addresses_are_not_fetched(path: str) -> None:
    with pytest.raises(DataError, match="addresses are not fetched; save the file first"):
        read_data(path)
