"""idx files as MNIST, Fashion-MNIST and EMNIST publish them."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from piecewise.core.errors import DataError
from piecewise.data.dataset import read_data
from piecewise.data.loading.fingerprint import fingerprint_of
from piecewise.data.sources import archive_limits, idx
from piecewise.data.sources.discovery import discover
from piecewise.data.sources.idx import read_idx

from .test_dataset import refusal

MNIST = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte",
         "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")  # fmt: skip
PIXELS = np.random.default_rng(3).integers(0, 256, (9, 5, 4), np.uint8)
LABELS = np.array([0, 3, 1, 0, 3, 1, 0, 3, 1], np.uint8)


def packed(content: bytes) -> bytes:
    """The same gzip file at any time, so that tests keep their names."""
    return gzip.compress(content, mtime=0)


def idx_bytes(array: np.ndarray, code: int = 8) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.tobytes()


def written(folder: Path, names: tuple[str, ...] = MNIST, suffix: str = "") -> Path:
    """The four files: six examples for training, three for testing."""
    pack = packed if suffix.endswith("gz") else bytes
    for name, array in zip(names, (PIXELS[:6], LABELS[:6], PIXELS[6:], LABELS[6:]), strict=True):
        path = folder / (name + suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pack(idx_bytes(array)))
    return folder


KAGGLE = tuple(name.replace("-idx", ".idx") for name in MNIST)
NESTED = tuple(f"{name}/{name}" for name in MNIST)
WRAPPED = tuple(f"MNIST/{name}" for name in MNIST)


@pytest.mark.parametrize("names", [MNIST, KAGGLE, NESTED, WRAPPED])
@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("packed", [False, True])
def test_four_files_are_read(
    tmp_path: Path, names: tuple[str, ...], suffix: str, packed: bool
) -> None:
    path = written(tmp_path / "set", names, suffix)
    if packed:
        path = tmp_path / "set.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.write(tmp_path / "set" / (name + suffix), name + suffix)
    found = discover(path)
    assert (found.examples[..., 0] == PIXELS).all()  # type: ignore[call-overload]
    assert found.labels == [str(label) for label in LABELS]
    assert found.splits.tolist() == ["train"] * 6 + ["test"] * 3
    assert found.class_order == ["0", "1", "3"]
    data = read_data(path)
    assert data.classes == ("0", "1", "3")
    assert data.labels.tolist() == [0, 2, 1] * 3
    assert data.source_description.startswith("idx files train-images")


def test_emnist_is_transposed_and_named_by_its_table(tmp_path: Path) -> None:
    names = tuple(f"emnist-letters-{name.replace('t10k', 'test')}" for name in MNIST)
    written(tmp_path, names, ".gz")
    (tmp_path / "emnist-letters-mapping.txt").write_text("0 65 97\n1 66 98\n3 90 122\n")
    found = discover(tmp_path)
    assert (found.examples[..., 0] == PIXELS.transpose(0, 2, 1)).all()  # type: ignore[call-overload]
    assert found.labels == ["A", "Z", "B"] * 3
    assert found.class_order == ["A", "B", "Z"]
    (tmp_path / "emnist-letters-mapping.txt").write_text("0 65\n1 65\n3 65\n")
    assert discover(tmp_path).labels == ["0", "3", "1"] * 3  # a table that fits no longer


def test_only_a_training_pair_is_read(tmp_path: Path) -> None:
    written(tmp_path)
    for name in MNIST[2:]:
        (tmp_path / name).unlink()
    assert set(read_data(tmp_path).splits.tolist()) == {"train"}


def test_wrong_sets_are_refused(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / MNIST[3]).unlink()
    assert refusal(tmp_path / "t10k-images-idx3-ubyte").startswith(
        "an idx file of 3 x 5 x 4 values"
    )
    with pytest.raises(DataError, match="no labels for it, wanted t10k-labels-idx1-ubyte beside"):
        read_data(tmp_path)
    written(tmp_path)
    (tmp_path / MNIST[3]).write_bytes(idx_bytes(LABELS[:2]))
    with pytest.raises(DataError, match="3 pictures, but 2 labels in t10k-labels-idx1-ubyte"):
        read_data(tmp_path)
    written(tmp_path)
    (tmp_path / MNIST[2]).write_bytes(idx_bytes(np.zeros((3, 5, 5), np.uint8)))
    with pytest.raises(DataError, match="its pictures are of another size than those of train"):
        read_data(tmp_path)
    (tmp_path / MNIST[2]).write_bytes(idx_bytes(np.zeros((3, 5), np.uint8)))
    with pytest.raises(DataError, match=r"3 x 5 values of uint8, wanted bytes \(N, rows, columns"):
        read_data(tmp_path)
    written(tmp_path, tuple(f"emnist-digits-{name}" for name in MNIST))
    assert refusal(tmp_path) == (
        "idx files of several sets (one without a name, emnist-digits); put those of one set into "
        "a folder"
    )


TYPES = [(8, "u1"), (9, "i1"), (11, "i2"), (12, "i4"), (13, "f4"), (14, "f8")]


@pytest.mark.parametrize(("code", "kind"), TYPES)
def test_types_are_read_in_their_byte_order(tmp_path: Path, code: int, kind: str) -> None:
    wanted = np.array([[1, 2, 3], [100, 5, 6]], kind)
    (tmp_path / "a").write_bytes(idx_bytes(wanted.astype(f">{kind}"), code))
    found = read_idx(tmp_path / "a")
    assert found.dtype == np.dtype(kind)
    assert found.tolist() == wanted.tolist()


BROKEN = [
    (b"", "does not begin as an idx file does"),
    (b"\0\0\x08", "does not begin as an idx file does"),
    (b"\0\0\x07\1" + bytes(4), "does not begin as an idx file does"),
    (b"\0\0\x08\0", "an idx file of 0 axes, wanted 1 to 4"),
    (b"\0\0\x08\5" + bytes(20), "an idx file of 5 axes, wanted 1 to 4"),
    (b"\0\0\x08\3\0\0\0\1", "cut short in its header; copy it again"),
    (idx_bytes(LABELS)[:-1], "16 bytes, but its header says 17; copy it again"),
    (idx_bytes(LABELS) + b"x", "18 bytes, but its header says 17; copy it again"),
    (packed(idx_bytes(LABELS)[:-1]), "cut short: 8 of 9 bytes; copy it again"),
    (packed(idx_bytes(LABELS) + b"x"), "longer than its header says; copy it again"),
    (packed(idx_bytes(LABELS))[:-6], "damaged, or cut short; copy it again"),
    (b"\x1f\x8b", "damaged, or cut short; copy it again"),
    (b"\0\0\x08\2\xff\xff\xff\xff\0\0\xff\xff",
     "281,470,681,677,825 bytes of values, wanted at most 4,294,967,296"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "words"), BROKEN)
def test_broken_file_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_idx(tmp_path / "a")
    assert str(caught.value) == f"{tmp_path / 'a'}: {words}"


def test_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.gz"
    header = struct.pack(">BBBBI", 0, 0, 8, 1, 40 << 20)
    path.write_bytes(packed(header + bytes(40 << 20)))
    monkeypatch.setattr(archive_limits, "ALWAYS_ALLOWED", 1 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="its content is 41,943,040 bytes packed into 4"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    monkeypatch.setattr(idx, "MAX_BYTES", 1 << 20)
    with pytest.raises(DataError, match="41,943,040 bytes of values, wanted at most 1,048,576"):
        read_idx(path)


def test_fingerprint_changes_with_each_file(tmp_path: Path) -> None:
    path = written(tmp_path)
    before = fingerprint_of(discover(path), path)
    assert len(before.paths) == 4
    for name in MNIST:
        content = (path / name).read_bytes()
        (path / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert fingerprint_of(discover(path), path).digest != before.digest
        assert not before.is_unchanged()
        (path / name).write_bytes(content)
    assert fingerprint_of(discover(path), path).digest == before.digest
