"""Where class folders may lie: splits in many spellings, wrappers, folders in classes."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import pytest

from piecewise.data.dataset import Dataset, read_data
from piecewise.data.sources import folder_scan
from piecewise.data.sources.class_order import ordered_classes
from piecewise.data.sources.other_files import advice_for, describe_others
from piecewise.data.sources.split_names import split_of, splits_of_siblings

from .test_dataset import refusal
from .test_folders import tree

SPELLINGS = {
    "train": "train training Train TRAINING train_set training_set seg_train trainset TrainingSet "
    "train-images images_train train2017 trainImages",
    "validation": "valid val validation dev Val valid_set validation-set seg_val val2017 valset",
    "test": "test testing test_set seg_test testset TestData test-images Test",
}
NO_SPLITS = "steam_train test_tube training_shoes train_test contest trainer validity set cat 1 -"


def examples(data: Dataset) -> Counter[tuple[str, str]]:
    """The number of examples by split and class."""
    labels = [data.classes[label] for label in data.labels]
    return Counter(zip(data.splits.tolist(), labels, strict=True))


def both(root: Path, *files: str) -> list[Dataset]:
    """The data set of these pictures, from a folder and from an archive."""
    tree(root / "set", *files)
    with zipfile.ZipFile(root / "set.zip", "w") as archive:
        for file in files:
            archive.write(root / "set" / file, file)
    return [read_data(root / "set"), read_data(root / "set.zip")]


def test_split_names_in_many_spellings() -> None:
    for split, names in SPELLINGS.items():
        assert {name: split_of(name) for name in names.split()} == dict.fromkeys(
            names.split(), split
        )
    assert [name for name in NO_SPLITS.split() if split_of(name)] == []


def test_split_names_that_differ_in_the_split_alone() -> None:
    names = ["asl_alphabet_train", "asl_alphabet_test"]
    assert splits_of_siblings(names) == {names[0]: "train", names[1]: "test"}
    assert splits_of_siblings(names[:1]) == {}
    assert splits_of_siblings(["steam_train", "test_tube"]) == {}


EXPECTED = {("train", "a"): 1, ("train", "b"): 1, ("test", "a"): 1, ("test", "b"): 1}
NESTINGS = [
    ("seg_train/seg_train", "seg_test/seg_test"),
    ("training_set/training_set", "test_set/test_set"),
    ("training_set", "test_set"),
    ("wrapper/Train", "wrapper/Test"),
    ("archive/data set/train", "archive/data set/test"),
    ("letters_train/letters_train", "letters_test/letters_test"),
    ("train/images", "test/images"),
]


@pytest.mark.parametrize(("train", "test"), NESTINGS)
def test_nested_splits_are_found(tmp_path: Path, train: str, test: str) -> None:
    files = [f"{folder}/{name}/1.png" for folder in (train, test) for name in "ab"]
    for data in both(tmp_path, *files):
        assert examples(data) == EXPECTED
        assert data.skipped == []
        assert f"{train} (train)" in data.source_description
        assert f"{test} (test)" in data.source_description


@pytest.mark.parametrize("wrapper", ["one", "one/two/three", "data/images"])
def test_wrapper_folders_are_passed_by(tmp_path: Path, wrapper: str) -> None:
    files = [f"{wrapper}/{name}/{n}.png" for name in "ab" for n in range(2)]
    root = tmp_path / "set" / wrapper
    root.mkdir(parents=True)
    (root / "README.txt").write_text("These are pictures.")
    (tmp_path / "set" / "labels").mkdir()
    (tmp_path / "set" / "labels" / "a.xml").touch()
    for data in both(tmp_path, *files):
        assert examples(data) == {("train", "a"): 2, ("train", "b"): 2}
        assert data.source_description == f"folders in {wrapper}, one per class"
    assert "labels: none of the pictures in it" in read_data(tmp_path / "set").skipped[0]


def test_folder_is_no_wrapper_if_it_has_pictures_or_is_a_split(tmp_path: Path) -> None:
    assert examples(read_data(tree(tmp_path / "1", "a/1.png", "a/more/2.png"))) == {
        ("train", "a"): 2
    }
    assert examples(read_data(tree(tmp_path / "2", "test/a/1.png"))) == {("test", "a"): 1}


def test_folders_in_a_class_are_read(tmp_path: Path) -> None:
    files = [f"{name}/{inner}1.png" for name in "ab" for inner in ("", "s1/", "s2/deep/")]
    for data in both(tmp_path, *files):
        assert examples(data) == {("train", "a"): 3, ("train", "b"): 3}
        assert data.skipped == []
        assert data.source_warnings == []
        assert data.source_description == (
            "one folder per class; 4 files in deeper folders of a class (s1, s2)"
        )
        assert data.names[2].endswith("a/s2/deep/1.png")


def test_depth_in_a_class_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(tmp_path, "a/1.png", "a/1/2/3/4/5.png", "b/1.png")
    assert len(read_data(root)) == 3
    monkeypatch.setattr("piecewise.data.sources.folders.MAX_DEPTH", 2)
    assert read_data(root).skipped == [f"{root}/a/1/2/3: not read; it lies too deep in its class"]
    deep = "/".join("d" * (folder_scan.MAX_DEPTH + 20))
    found = read_data(tree(tmp_path / "deep", f"a/{deep}/1.png", "a/1.png", "b/1.png"))
    assert "too deep in its class" in found.skipped[0]


def test_inner_folders_that_may_be_the_classes_cause_a_warning(tmp_path: Path) -> None:
    files = [f"{site}/{name}/1.png" for site in ("north", "south") for name in ("cat", "dog")]
    for data in both(tmp_path, *files):
        assert data.classes == ("north", "south")
        assert data.source_warnings == [
            "the folders north, south are read as the classes, and cat, dog in them as parts of "
            "each class; if the inner folders are the classes, put the files of each into one "
            "folder"
        ]


def test_splits_in_each_class_are_splits(tmp_path: Path) -> None:
    files = [f"{name}/{split}/1.png" for name in "ab" for split in ("train", "test_set")]
    for data in both(tmp_path, *files):
        assert examples(data) == EXPECTED
        assert data.source_warnings == []


def test_unlabelled_test_pictures_are_not_read(tmp_path: Path) -> None:
    files = ["seg_train/seg_train/a/1.png", "seg_train/seg_train/b/1.png"]
    for test in ("seg_test/seg_test/1.png", "test/1.png", "test/unknown/1.png"):
        for data in both(tmp_path / test[:5] / test[-9:-6], *files, test):
            assert examples(data) == {("train", "a"): 1, ("train", "b"): 1}
            assert len(data.skipped) == 1
            assert "not read; " in data.skipped[0]


def test_second_copy_of_the_classes_is_not_read(tmp_path: Path) -> None:
    """Some archives hold their classes twice, as cell_images/cell_images/CLASS."""
    names = ("no", "yes")
    files = [f"cells/{inner}{name}/1.png" for name in names for inner in ("", "cells/")]
    for data in both(tmp_path, *files):
        assert examples(data) == {("train", "no"): 1, ("train", "yes"): 1}
        assert "cells/cells: not read; it holds the classes once more" in data.skipped[0]


def test_most_common_kind_of_file_decides_where_the_classes_are(tmp_path: Path) -> None:
    """Spectrograms beside the recordings, in class folders of their own."""
    root = tree(tmp_path, *(f"spectrograms/{name}/{n}.png" for name in "ab" for n in range(3)))
    for name in "ab":
        (root / "recordings" / name).mkdir(parents=True)
        (root / "recordings" / name / "1.wav").touch()
    found = read_data(root)
    assert examples(found) == {("train", "a"): 3, ("train", "b"): 3}


@pytest.mark.skipif(not hasattr(Path, "symlink_to"), reason="this system has no links")
def test_links(tmp_path: Path) -> None:
    root, outside = tmp_path / "set", tree(tmp_path / "outside", "1.png", "2.png")
    tree(root, "a/1.png", "b/1.png", "b/2.png")
    (root / "c").symlink_to(outside)  # a class may be a link
    (root / "a" / "gone.png").symlink_to(root / "nothing.png")
    (root / "gone").symlink_to(root / "nothing")
    (root / "a" / "around").symlink_to(root)
    (root / "b" / "self").symlink_to(root / "b")
    found = read_data(root)
    assert examples(found) == {("train", "a"): 1, ("train", "b"): 2, ("train", "c"): 2}
    assert found.skipped == [
        f"{root}/gone: a link to nothing",
        f"{root}/a/gone.png: a link to nothing",
        f"{root}/a/around: not read; it is a link to a folder, in a class",
        f"{root}/b/self: not read; it is a link to a folder, in a class",
    ]


def test_links_that_lead_round_are_followed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree(tmp_path, "a/1.png", "b/1.png")
    for name in ("a/x", "a/y", "b/x", "b/y"):
        (root / name).symlink_to(root)
    monkeypatch.setattr(folder_scan, "MAX_DEPTH", 4)
    scanner = folder_scan.FolderScanner()
    assert scanner.counts(root)["pictures"] == 2 + 4 * 2
    assert len(scanner._contents) == 3 + 4 * 3


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("1 10 11 2", "1 2 10 11"),
        ("-1 10 0 9.5 9", "-1 0 9 9.5 10"),
        ("01 1 10 2", "01 1 2 10"),
        ("a1 a10 a2 9", "9 a1 a10 a2"),
        ("٣ 1 10", "1 10 ٣"),
        ("1e3 2 10", "10 1e3 2"),
    ],
)
def test_numbers_are_in_the_order_of_their_values(names: str, wanted: str) -> None:
    assert ordered_classes(names.split() * 2) == wanted.split()


def test_numbered_folders_are_in_the_order_of_the_numbers(tmp_path: Path) -> None:
    for data in both(tmp_path, *(f"{number}/1.png" for number in (1, 10, 2, 11))):
        assert data.classes == ("1", "2", "10", "11")
        assert data.labels.tolist() == [0, 2, 3, 1]  # in the order of the files


def test_class_order_of_a_table_is_that_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_text("text,label\n" + "".join(f"text {n},{n}\n" for n in (10, 9, 1)))
    assert read_data(path).classes == ("1", "9", "10")


# Files of other kinds.


def test_other_files_come_with_advice(tmp_path: Path) -> None:
    assert advice_for(".M4A") == "convert them to WAV or FLAC"
    assert advice_for(".png") == advice_for("") == ""
    assert describe_others(["a.txt"]) == "1 file of other kinds, a.txt"
    words = "3 files of other kinds than sounds, such as x; convert them to WAV or FLAC"
    assert describe_others(["x", "b.m4a", "c.m4a"], " than sounds") == words


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a.m4a", "convert them to WAV or FLAC"),
        ("a.webm", "videos are not read: save frames as pictures, or the sound as WAV"),
        ("a.pdf", "save the text as .txt"),
        (
            "a.parquet",
            "save the table as CSV, with pandas: pandas.read_parquet(...).to_csv('a.csv', "
            "index=False)",
        ),
        ("a.rar", "unpack them first, or pack them as .zip"),
    ],
)
def test_folder_of_other_files_is_refused_with_advice(
    tmp_path: Path, name: str, advice: str
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).touch()
    words = f"no file in it to learn from (2 files of other kinds, such as {name}; {advice}); "
    assert refusal(tmp_path).startswith(words)


def test_files_of_the_system_are_no_user_files(tmp_path: Path) -> None:
    tree(tmp_path, "a/1.png", "b/1.png", "@eaDir/a/1.png", "$RECYCLE.BIN/1.png")
    tree(tmp_path, ".ipynb_checkpoints/1.png", "a/._1.png")
    for name in ("Desktop.ini", "THUMBS.DB", "a/ehthumbs.db", "a/Icon\r"):
        (tmp_path / name).touch()
    found = read_data(tmp_path)
    assert (len(found), found.skipped) == (2, [])
