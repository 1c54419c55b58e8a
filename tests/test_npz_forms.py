"""The forms in which `.npz` files hold images and labels: names, labels, scales, and limits."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piecewise.core.errors import DataError
from piecewise.data.dataset import Dataset, read_data
from piecewise.data.sources import archive_limits, npz_arrays
from piecewise.data.sources.npz_arrays import MAX_ARRAYS, MAX_HEADER_BYTES
from piecewise.data.sources.npz_names import find_roles

LEVELS = np.random.default_rng(5).integers(0, 256, (40, 9, 11), dtype=np.uint8)
LABELS = np.arange(40) % 4


def read(folder: Path, **arrays: Any) -> Dataset:
    np.savez(folder / "a.npz", **arrays)
    return read_data(folder / "a.npz")


def refusal(folder: Path, **arrays: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, **arrays)
    return str(caught.value).removeprefix(f"{folder / 'a.npz'}: ")


# Names.


@pytest.mark.parametrize(
    ("x", "y"),
    [("X", "y"), ("x", "Y"), ("data", "target"), ("image", "label"), ("Images", "LABELS"),
     ("X_train", "y_train"), ("train_images", "train_labels"), ("trainX", "trainY"),
     ("x-train", "y-train"), ("training_data", "training_targets"),
     ("images_train", "labels_train"), ("xtrain", "ytrain")],
)  # fmt: skip
def test_arrays_of_other_names_are_read(tmp_path: Path, x: str, y: str) -> None:
    found = read(tmp_path, **{x: LEVELS, y: LABELS})
    assert (found.inputs[:, 0] == LEVELS).all()
    assert found.labels.tolist() == LABELS.tolist()
    assert set(found.splits.tolist()) == {"train"}
    assert f"'{x}' and '{y}'" in found.source_description


def test_medmnist_names_give_three_splits(tmp_path: Path) -> None:
    parts = {"train": slice(20), "val": slice(20, 30), "test": slice(30, 40)}
    arrays: dict[str, Any] = {f"{name}_images": LEVELS[part] for name, part in parts.items()}
    arrays |= {f"{name}_labels": LABELS[part, None] for name, part in parts.items()}
    found = read(tmp_path, **arrays)
    assert (found.inputs[:, 0] == LEVELS).all()
    assert found.splits.tolist() == ["train"] * 20 + ["validation"] * 10 + ["test"] * 10


def test_plain_pair_with_test_pair_is_split(tmp_path: Path) -> None:
    found = read(tmp_path, X=LEVELS[:30], y=LABELS[:30], X_test=LEVELS[30:], y_test=LABELS[30:])
    assert found.splits.tolist() == ["train"] * 30 + ["test"] * 10


def test_images_are_preferred_to_flat_data(tmp_path: Path) -> None:
    found = read(
        tmp_path, data=LEVELS.reshape(40, -1), images=LEVELS, target=LABELS,
        target_names=np.arange(10, 14), writer=LABELS // 2,
    )  # fmt: skip
    assert found.inputs.shape == (40, 1, 9, 11)
    assert found.classes == ("10", "11", "12", "13")
    assert read_data(tmp_path / "a.npz", groups="writer").groups is not None


@pytest.mark.parametrize(
    "names", [("x_train_mean", "y_train"), ("x_train",), ("a", "b"), ("x_test", "y_test")]
)
def test_other_names_are_listed(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="^got '" + "', '".join(names) + "', wanted 'images' and"):
        find_roles(names)
    with pytest.raises(DataError, match="'n11' and 88 more, wanted"):
        find_roles([f"n{number}" for number in range(100)])


@pytest.mark.parametrize(
    ("names", "words"),
    [(("X_train", "y_train", "X_test"), "got 'X_test' without 'y_test'"),
     (("train_images", "train_labels", "val_images"), "got 'val_images' without 'val_labels'")],
)  # fmt: skip
def test_images_without_labels_are_refused(names: tuple[str, ...], words: str) -> None:
    with pytest.raises(DataError) as caught:
        find_roles(names)
    assert str(caught.value) == words


# Shapes and labels.


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_of_square_images_are_read(tmp_path: Path, channels: int) -> None:
    images = np.random.default_rng(1).integers(0, 256, (12, channels, 8, 8), dtype=np.uint8)
    found = read(tmp_path, data=images.reshape(12, -1), target=np.arange(12) % 2)
    assert (found.inputs == images).all()
    assert "'data' has the shape (12, 63), wanted (N, rows, columns)" in refusal(
        tmp_path, data=images.reshape(12, -1)[:, :63], target=np.arange(12) % 2
    )


@pytest.mark.parametrize(
    "labels",
    [np.eye(4)[LABELS], np.eye(4, dtype=bool)[LABELS], np.eye(4, dtype=np.uint8)[LABELS],
     LABELS.astype(np.float32), LABELS[:, None].astype(float), LABELS.astype(">i2")],
)  # fmt: skip
def test_labels_of_other_forms_are_class_numbers(tmp_path: Path, labels: Any) -> None:
    found = read(tmp_path, images=LEVELS, labels=labels)
    assert found.labels.tolist() == LABELS.tolist()
    assert found.classes == ("0", "1", "2", "3")
    names = np.array(["a", "b", "c", "d"])
    assert read(tmp_path, images=LEVELS, labels=labels, classes=names).classes == tuple(names)


def test_true_and_false_are_two_classes(tmp_path: Path) -> None:
    found = read(tmp_path, images=LEVELS, labels=LABELS > 1)
    assert found.labels.tolist() == (LABELS > 1).tolist()
    assert found.classes == ("0", "1")


def test_one_number_for_each_image_is_a_quantity(tmp_path: Path) -> None:
    words = refusal(tmp_path, images=LEVELS, labels=np.arange(40) * 3)
    assert words.startswith("its labels are 40 different numbers in 40 examples, such as 0, 3, 6; ")
    found = read_data(tmp_path / "a.npz", every_class=True)
    assert found.source_warnings == [words]


# Scales.


UNIT = (LEVELS / 255).astype(np.float32)


def parts(train: Any, test: Any) -> dict[str, Any]:
    return {"x_train": train, "y_train": LABELS[: len(train)], "x_test": test,
            "y_test": LABELS[: len(test)]}  # fmt: skip


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [
        (UNIT, LEVELS, "'x_test' holds uint8 from 0 to 255, wanted the scale of 'x_train', 0 to 1; "
         "divide them by 255"),
        (LEVELS, UNIT, "'x_test' holds float32 from 0 to 1, wanted the scale of 'x_train', 0 to "
         "255; multiply them by 255"),
        (LEVELS * 1.0, UNIT, "wanted the scale of 'x_train', 0 to 255; multiply them by 255"),
        (UNIT * 2 - 1, LEVELS, "wanted the scale of 'x_train', -1 to 1; scale both alike"),
        (UNIT, UNIT * 2 - 1, "'x_test' holds float32 from -1 to 1, wanted the scale of 'x_train'"),
        (LEVELS // 16, LEVELS, "wanted the scale of 'x_train', 0 to 15; scale both alike"),
        (LEVELS.astype(int) * 2, LEVELS, "'x_train' holds int64 from 0 to 510, wanted 0 to 255"),
    ],
)  # fmt: skip
def test_splits_of_other_scales_are_refused(
    tmp_path: Path, train: Any, test: Any, words: str
) -> None:
    assert words in refusal(tmp_path, **parts(train, test))


def test_validation_split_of_another_scale_is_refused(tmp_path: Path) -> None:
    words = refusal(tmp_path, **parts(UNIT, UNIT), x_val=LEVELS, y_val=LABELS)
    assert words.startswith("'x_val' holds uint8 from 0 to 255, wanted the scale of 'x_train'")


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        (UNIT, UNIT * np.float32(0.1), np.rint(UNIT * 0.1 * 255)),
        (UNIT, np.zeros_like(LEVELS), np.zeros(LEVELS.shape)),
        (LEVELS, np.zeros_like(LEVELS), np.zeros(LEVELS.shape)),
        (LEVELS, LEVELS // 200, LEVELS // 200),
        (LEVELS * 1.0, LEVELS // 200, LEVELS // 200),
        (LEVELS + np.float32(0.2), UNIT * 0.4, np.rint(UNIT * 0.4)),
        (UNIT * 2 - 1, UNIT * 2 - 1, LEVELS),
        (LEVELS // 16, LEVELS // 32, np.rint(LEVELS // 32 * np.float32(17))),
        (LEVELS // 16 + 1, LEVELS // 32, np.rint(LEVELS // 32 * np.float32(255 / 16))),
    ],
)  # fmt: skip
def test_dark_test_split_is_not_rescaled(
    tmp_path: Path, train: Any, test: Any, expected: Any
) -> None:
    train = np.minimum(train, 255)
    found = read(tmp_path, **parts(train, test))
    assert (found.inputs[len(train) :, 0] == expected).all()


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [(LEVELS, LEVELS // 200, "'x_test' is nearly black: its highest number is 1, and 'x_train'"),
     (UNIT * 2 - 1, UNIT, "'x_test' has no number below 0, and 'x_train' is of -1 to 1")],
)  # fmt: skip
def test_suspicious_test_split_gives_warning(
    tmp_path: Path, train: Any, test: Any, words: str
) -> None:
    assert words in read(tmp_path, **parts(train, test)).source_warnings[0]


def test_marked_test_images_have_no_effect_on_scale(tmp_path: Path) -> None:
    is_test = np.arange(40) >= 20
    mixed = np.where(is_test[:, None, None], LEVELS, UNIT)
    words = refusal(tmp_path, images=mixed, labels=LABELS, is_test=is_test)
    assert words.startswith("'images' holds float32 from 0 to 255, wanted the scale of 'images', 0")


# Limits.


def packed(folder: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return folder / "a.npz"


@pytest.mark.parametrize("version", [b"\1\0", b"\2\0", b"\3\0"])
def test_long_header_is_refused_before_unpacking(tmp_path: Path, version: bytes) -> None:
    length = (60_000).to_bytes(2, "little") if version[0] == 1 else (1 << 26).to_bytes(4, "little")
    start = b"\x93NUMPY" + version + length
    path = packed(tmp_path, images=start + b" " * (1 << 26), labels=b"")
    tracemalloc.start()
    with pytest.raises(DataError, match=f"bytes, wanted at most {MAX_HEADER_BYTES:,}"):
        read_data(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_many_arrays_are_refused(tmp_path: Path) -> None:
    path = packed(tmp_path, **{f"a{number}": b"" for number in range(MAX_ARRAYS + 1)})
    with pytest.raises(DataError, match="1,001 arrays in it, wanted at most 1,000"):
        read_data(path)


def test_bomb_of_zeros_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((90, 64, 64), np.uint8),
                        labels=np.arange(90) % 2)  # fmt: skip
    assert len(read_data(tmp_path / "a.npz")) == 90
    monkeypatch.setattr(archive_limits, "ALWAYS_ALLOWED", 1 << 18)
    monkeypatch.setattr(npz_arrays, "_array", None)  # nothing is unpacked
    with pytest.raises(DataError, match=r"\(200 times as many\)"):
        read_data(tmp_path / "a.npz")
