"""Data sets in folders of pictures, what can be wrong with them, and what is held out of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from piecewise.cli.main import status
from piecewise.core.progress import Progress
from piecewise.data.dataset import read_data
from piecewise.data.images.decoding import read_picture
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.data.loading import loader
from piecewise.training.splits import validation_mask

from .test_dataset import refusal


def tree(root: Path, *files: str) -> Path:
    """A folder of pictures, each of another level of grey."""
    for number, file in enumerate(files):
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 3), 10 * number + 90).save(path, "PNG")
    return root


@pytest.mark.parametrize("root", ["plain", "with spaces", "ünï-🦊", "-dash"])
def test_folder_per_class_is_read(tmp_path: Path, root: str) -> None:
    files = ("b e/1.png", "b e/2.PNG", "-a/x.jpeg", "🦊/-.gif", "🦊/ü ü.bmp")
    found = read_data(tree(tmp_path / root, *files))
    assert found.classes == ("-a", "b e", "🦊")
    assert found.labels.tolist() == [0, 1, 1, 2, 2]
    assert found.inputs.shape == (5, 1, 3, 4)
    assert found.inputs[:, 0, 0, 0].tolist() == [110, 90, 100, 120, 130]
    assert set(found.splits.tolist()) == {"train"}
    assert found.skipped == []


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev", "Val"])
def test_split_folders_are_splits(tmp_path: Path, name: str) -> None:
    root = tree(tmp_path, "train/a/1.png", "train/b/1.png", f"{name}/a/1.png", "Test/b/1.png")
    (tmp_path / "valid").mkdir(exist_ok=True)  # an empty one changes nothing
    found = read_data(root)
    examples = sorted(zip(found.splits.tolist(), found.labels.tolist(), strict=True))
    assert examples == [("test", 1), ("train", 0), ("train", 1), ("validation", 0)]
    assert found.classes == ("a", "b")


def test_class_may_be_named_like_a_split(tmp_path: Path) -> None:
    found = read_data(tree(tmp_path, "train/1.png", "bus/1.png", "test/2.png"))
    assert found.classes == ("bus", "test", "train")
    assert set(found.splits.tolist()) == {"train"}


def test_files_beside_splits_are_skipped_and_reported(tmp_path: Path) -> None:
    root = tree(tmp_path, "train/a/1.png", "train/b/1.png", "test/1.png", "more/a/2.png")
    tree(tmp_path, "train/3.png")
    found = read_data(root)
    assert len(found) == 2
    assert found.skipped == [
        f"{root / 'more'}: not read; it is no split, as train beside it is",
        f"{root / 'test'}: not read; there is no folder of a class in it",
        f"{root / 'train'}: 1 file in no folder of a class",
    ]


def test_training_and_testing_are_splits(tmp_path: Path) -> None:
    root = tree(tmp_path, "Training/a/1.png", "Training/b/1.png", "testing/a/2.png")
    assert sorted(read_data(root).splits.tolist()) == ["test", "train", "train"]


def test_other_and_broken_files_are_skipped_and_reported(tmp_path: Path) -> None:
    tree(tmp_path, "a/1.png", "b/1.png", "__MACOSX/a/1.png", ".hidden/1.png", "a/.2.png")
    for name in (".DS_Store", "a/.DS_Store", "a/._1.png", "a/Thumbs.db", "b/notes.txt", "1.png"):
        (tmp_path / name).write_bytes(b"odd")
    (tmp_path / "a" / "folder.png").mkdir()
    (tmp_path / "b" / "gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "b" / "broken.png").write_bytes(b"\x89PNG")
    (tmp_path / "b" / "empty.jpg").touch()
    steps: list[Progress] = []
    found = read_data(tmp_path, on_progress=steps.append)
    assert found.classes == ("a", "b")
    assert len(found) == 2
    assert [sentence.split(": cannot be read")[0] for sentence in found.skipped] == [
        f"{tmp_path}: 1 file in no folder of a class",
        f"{tmp_path / 'b'}: 1 file of other kinds than pictures, notes.txt",
        f"{tmp_path / 'b' / 'gone.png'}: a link to nothing",
        str(tmp_path / "b" / "broken.png"), str(tmp_path / "b" / "empty.jpg"),
    ]  # fmt: skip
    assert steps == [
        Progress(stage, done, 4) for stage in ("fitting", "reading") for done in range(1, 5)
    ]


def test_images_beyond_memory_budget_are_decoded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree(tmp_path, *(f"{name}/{number}.png" for name in "ab" for number in range(4)))
    whole = read_data(root)
    calls: list[Path] = []

    def read(path: Path, name: str | None = None) -> Any:
        calls.append(path)
        return read_picture(path)

    monkeypatch.setattr(loader, "REUSE_BYTES", 3 * 12)
    monkeypatch.setattr(ImagePreprocessor, "read", staticmethod(read))
    assert (read_data(root).inputs == whole.inputs).all()
    assert len(calls) == 8 + 5  # all once for the decision; five again


@pytest.mark.parametrize(
    ("files", "folder", "words"),
    [
        ((), None, "no file in it to learn from; wanted one folder per class, with files inside ("),
        (("1.png", "2.png"), None, "2 files in no folder of a class, wanted one folder per class"),
        ((), "a/b", "no file in it to learn from; wanted one folder per class"),
    ],
)
def test_folder_without_class_files_is_refused(
    tmp_path: Path, files: tuple[str, ...], folder: str | None, words: str
) -> None:
    (tree(tmp_path, *files) / (folder or "")).mkdir(parents=True, exist_ok=True)
    assert refusal(tmp_path).startswith(words)


def test_folder_of_broken_images_is_refused(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"")
    assert "none of its 2 pictures can be read; " in refusal(tmp_path)


def test_names_that_are_not_text_are_refused_before_training(tmp_path: Path) -> None:
    try:
        tree(tmp_path, "a/1.png", "b\udcff/1.png")
    except OSError:
        pytest.skip("this file system has no such names")
    assert refusal(tmp_path).startswith(r"classes: got the name 'b\udcff', wanted at most 1,000")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing", "no such file or folder"),
        ("missing.npz", "no such file or folder"),
        ("a" * 300, "File name too long"),
        ("zero\0", "no file can have this name"),
        ("file.npz/x", "Not a directory"),
        ("file.npz", "not a whole .npz file; was it cut short?"),
        (
            "file.png",
            "wanted a folder with one folder per class, a .zip of one, an .npz of pictures, or a "
            ".csv, .tsv or .jsonl of texts",
        ),
    ],
)
def test_unsupported_path_is_refused(tmp_path: Path, name: str, words: str) -> None:
    for file in ("file.npz", "file.png"):
        (tmp_path / file).touch()
    assert refusal(tmp_path / name) == words


# With a net's classes, and for training.


def test_unknown_class_of_folder_is_refused(tmp_path: Path) -> None:
    root = tree(tmp_path, "a/1.png", "c/1.png")
    words = "holds the class 'c', wanted ['a', 'b']"
    assert refusal(root, classes=["a", "b"]) == words
    assert read_data(root, classes=["c", "b", "a"]).labels.tolist() == [2, 0]


def test_single_class_cannot_be_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tree(tmp_path / "set", "a/1.png", "a/2.png")
    assert len(read_data(root)) == 2  # it can be evaluated on
    assert status(["train", str(root), "-o", str(tmp_path / "net.safetensors")]) == 1
    assert (
        f"{root}: training examples of only one class, wanted 2 or more" in capsys.readouterr().err
    )


def test_validation_mask_holds_out_a_tenth_of_each_class_by_seed() -> None:
    labels = np.random.default_rng(1).permutation([0] * 100 + [1] * 50 + [2] * 4 + [3] * 2 + [4])
    out = validation_mask(labels, 8, 0.1)
    assert np.bincount(labels[out], minlength=5).tolist() == [10, 5, 1, 1, 0]
    assert (validation_mask(labels, 8, 0.1) == out).all()
    assert (validation_mask(labels, 9, 0.1) != out).any()
    half = np.bincount(labels[validation_mask(labels, 8, 0.5)], minlength=5)
    assert half.tolist() == [50, 25, 2, 1, 0]
    assert validation_mask(np.zeros(0, np.int64), 8, 0.1).shape == (0,)
    two = validation_mask(np.repeat([0, 1], 100), 8, 0.1)
    assert (two[:100] != two[100:]).any()  # each class is drawn for itself
    # Another class does not change who is held out of this one.
    same = validation_mask(np.where(labels == 1, 7, labels), 8, 0.1)
    assert (same[labels == 0] == out[labels == 0]).all()


def test_test_only_class_is_not_a_class(tmp_path: Path) -> None:
    tree(tmp_path, "train/X/1.png", "train/O/1.png", "test/X/1.png", "test/x/1.png")
    assert refusal(tmp_path) == (
        "the class 'x' occurs in the test split only, wanted training examples of it, too"
    )
