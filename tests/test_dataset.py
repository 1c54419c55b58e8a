"""Data sets in `.npz` files, and every way in which one can be wrong."""

from __future__ import annotations

import io
import pickle
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piecewise.core.errors import DataError
from piecewise.data.dataset import read_data
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.data.loading import loader
from piecewise.data.sources import npz_arrays

from .long import now_and_long

LEVELS = np.random.default_rng(2).integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)  # in colour
GREYS = LEVELS[..., 0]
NUMBERS = np.array([0, 1, 1, 0, 2, 2])
NAMES = np.array(["ape", "bee", "cat"])
KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2)
MARKS = np.zeros(GREYS.shape, bool)
MARKS[[1, 4, 4], [2, 0, 1], [3, 0, 6]] = True
DECK = {"images": GREYS, "labels": NUMBERS, "class_names": NAMES}


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def header(text: str, body: bytes = b"", version: bytes = b"\1\0") -> bytes:
    """An array's file with any header at all."""
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text.encode() + body


def npz_file(folder: Path, **members: Any) -> Path:
    """A file of arrays, or of bytes in their place."""
    path = folder / "set.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, held in members.items():
            archive.writestr(f"{name}.npy", held if isinstance(held, bytes) else npy(held))
    return path


def refusal(path: Path, **options: Any) -> str:
    """The sentence with which a data set is refused, after its name."""
    with pytest.raises(DataError) as caught:
        read_data(path, **options)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    return sentence.removeprefix(f"{path}: ")


@pytest.mark.parametrize("key", ["class_names", "classes"])
def test_npz_reads_images_labels_names_and_splits(tmp_path: Path, key: str) -> None:
    is_test = np.array([0, 0, 1, 1, 0, 1], bool)
    path = npz_file(tmp_path, images=LEVELS, labels=NUMBERS, is_test=is_test, **{key: NAMES})
    found = read_data(path)
    assert found.classes == ("ape", "bee", "cat")
    assert found.labels.tolist() == NUMBERS.tolist()
    assert found.splits.tolist() == ["train", "train", "test", "test", "train", "test"]
    assert (found.inputs == LEVELS.transpose(0, 3, 1, 2)).all()
    pictures, labels = found.subset("test")
    assert (pictures == found.inputs[is_test]).all()
    assert labels.tolist() == [1, 0, 2]
    assert len(found.subset("validation")[1]) == 0
    assert (len(found), found.skipped) == (6, [])


def test_npz_reads_train_validation_and_test_arrays(tmp_path: Path) -> None:
    path = npz_file(
        tmp_path, x_train=GREYS[:3], y_train=NUMBERS[:3].astype(np.uint64)[:, None],
        x_validation=GREYS[3:4], y_validation=NUMBERS[3:4], x_test=GREYS[4:],
        y_test=NUMBERS[4:].astype(np.int8), classes=NAMES,
    )  # fmt: skip
    found = read_data(path)
    assert (found.inputs[:, 0] == GREYS).all()
    assert found.labels.tolist() == NUMBERS.tolist()
    assert found.splits.tolist() == ["train"] * 3 + ["validation"] + ["test"] * 2
    only = npz_file(tmp_path, x_train=GREYS, y_train=NUMBERS)
    assert set(read_data(only).splits.tolist()) == {"train"}
    assert read_data(only).classes == ("0", "1", "2")


@pytest.mark.parametrize(
    "images",
    [GREYS, GREYS[..., None], GREYS[:, None], np.asfortranarray(GREYS), GREYS.astype(">i8"),
     GREYS.astype(np.float32), GREYS / 255, (GREYS / 255).astype(np.float16), np.abs(GREYS - 0.2)],
)  # fmt: skip
def test_npz_every_grey_layout_and_dtype_gives_same_bytes(tmp_path: Path, images: Any) -> None:
    path = npz_file(tmp_path, images=images, labels=NUMBERS)
    assert read_data(path).inputs.shape == (6, 1, 5, 7)
    assert (read_data(path).inputs[:, 0] == GREYS).all()


@pytest.mark.parametrize("images", [LEVELS, LEVELS.transpose(0, 3, 1, 2), LEVELS / 255])
def test_npz_channels_may_be_first_or_last(tmp_path: Path, images: Any) -> None:
    found = read_data(npz_file(tmp_path, images=images, labels=NUMBERS)).inputs
    assert (found == LEVELS.transpose(0, 3, 1, 2)).all()


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.float64, np.float16])
def test_npz_values_0_and_1_become_0_and_255(tmp_path: Path, kind: type) -> None:
    marks = np.zeros((4, 6, 6))
    marks[:, 2:4, 2:4] = 1
    path = npz_file(tmp_path, images=marks.astype(kind), labels=np.array([0, 1, 0, 1]))
    assert (read_data(path).inputs[:, 0] == 255 * marks).all()


def test_npz_values_slightly_above_1_are_1(tmp_path: Path) -> None:
    path = npz_file(tmp_path, images=GREYS / 255 * 1.0001, labels=NUMBERS)
    assert (read_data(path).inputs[:, 0] == GREYS).all()


@pytest.mark.parametrize("kind", ["U", "S"])
def test_npz_labels_may_be_names(tmp_path: Path, kind: str) -> None:
    words = np.array(["b e", "-a", "b e", "ünï 🦊", "-a", ""])
    stored = np.char.encode(words, "utf-8") if kind == "S" else words
    path = npz_file(tmp_path, images=GREYS, labels=stored)
    found = read_data(path)
    assert found.classes == ("", "-a", "b e", "ünï 🦊")
    assert [found.classes[label] for label in found.labels] == words.tolist()
    order = ["ünï 🦊", "b e", "-a", "", "never seen"]
    assert read_data(path, classes=order).labels.tolist() == [1, 2, 1, 0, 2, 3]
    assert read_data(path, classes=order).classes == tuple(order)


def test_read_data_applies_given_size_and_preprocessor(tmp_path: Path) -> None:
    path = npz_file(tmp_path, **DECK)
    assert read_data(path, size=(3, 4)).inputs.shape == (6, 1, 3, 4)
    assert read_data(path, most=4).preprocessor.shape == (1, 3, 4)
    given = ImagePreprocessor((3, 8, 8), "any")
    found = read_data(path, given)
    assert found.preprocessor is given
    assert found.inputs.shape == (6, 3, 8, 8)
    assert found.inputs.std() > 20


def test_read_data_test_split_does_not_affect_preprocessor(tmp_path: Path) -> None:
    images = np.zeros((6, 8, 8), np.uint8)
    images[:, 2:6, 2:6] = 255
    images[3:] = 255 - images[3:]
    for light, ground in (([3, 4, 5], "dark"), ([0, 1, 2], "light")):
        is_test = np.isin(np.arange(6), light)
        path = npz_file(tmp_path, images=images, labels=NUMBERS, is_test=is_test)
        assert read_data(path).preprocessor.background == ground
        assert (read_data(path).inputs == read_data(path).inputs[0]).all()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "got no arrays, wanted 'images' and 'labels'"),
    ({"a": GREYS, "b": NUMBERS}, "got 'a', 'b', wanted 'images' and 'labels' (with 'class_names'"),
    ({"images": GREYS}, "got 'images', wanted 'images' and 'labels'"),
    ({"x_train": GREYS, "y_train": NUMBERS, "x_test": GREYS}, "got 'x_test' without 'y_test'"),
    ({**DECK, "labels": NUMBERS[:5]}, "6 pictures in 'images' but 5 labels in 'labels'"),
    ({**DECK, "labels": NUMBERS + 1}, "labels from 1 to 3, wanted 0 to 2, one for each of its 3"),
    ({**DECK, "labels": NUMBERS - 1}, "labels from -1 to 1, wanted 0 to 2"),
    ({**DECK, "labels": NUMBERS / 4}, "'labels' holds 0.25 at [1]: numbers that are not whole"),
    ({**DECK, "labels": NUMBERS * 1j}, "labels.npy: holds complex128, wanted numbers or texts"),
    ({**DECK, "labels": np.where(NUMBERS, 1, np.nan)}, "holds 2 NaN or infinite numbers, in 2 of"),
    ({**DECK, "labels": np.ones((6, 2))}, "'labels' has 2 classes in row 0, wanted exactly one"),
    ({**DECK, "labels": np.zeros((6, 2))}, "'labels' has 0 classes in row 0, wanted exactly one"),
    ({**DECK, "labels": np.full((6, 2), 0.5)}, "(6, 2), wanted class numbers or names (N,), or"),
    ({**DECK, "labels": np.zeros((6, 2, 2))}, "'labels' is float64 of the shape (6, 2, 2), want"),
    ({**DECK, "labels": NAMES[NUMBERS][::-1], "class_names": NAMES[:2]}, "holds the class 'cat', "),
    ({**DECK, "class_names": np.array(["a", "b", "a"])}, "classes: got 'a' more than once, wan"),
    ({**DECK, "class_names": NAMES[0]}, "'class_names' is <U3 of the shape (), wanted names"),
    ({**DECK, "class_names": np.ones(3)}, "'class_names' is float64 of the shape (3,), wanted"),
    ({**DECK, "class_names": np.array(["a" * 1001, "b", "c"])}, "classes: got the name 'aaaa"),
    ({**DECK, "class_names": np.arange(65_537)}, "classes: got 65,537 names, wanted 1 to 65,536"),
    ({**DECK, "class_names": np.array(["a\ud800", "b", "c"])}, "holds texts that are not UTF-8"),
    ({**DECK, "class_names": np.array([b"\xff", b"b", b"c"])}, "holds texts that are not UTF-8"),
    ({**DECK, "labels": np.frombuffer(b"\xff" * 24, "<U1")}, "holds texts that are not UTF-8"),
    ({**DECK, "is_test": np.zeros(5, bool)}, "'is_test' is bool of the shape (5,), wanted True"),
    ({**DECK, "is_test": NAMES[NUMBERS]}, "'is_test' is <U3 of the shape (6,), wanted True or F"),
    ({**DECK, "images": LEVELS[..., :2]}, "'images' has the shape (6, 5, 7, 2), wanted (N, rows"),
    ({**DECK, "images": GREYS[0]}, "'images' has the shape (5, 7), wanted (N, rows, columns)"),
    ({**DECK, "images": GREYS[:, :0]}, "'images' has the shape (6, 0, 7), wanted"),
    ({**DECK, "images": GREYS.astype(int) - 4}, "'images' holds int64 from -1 to 251, wanted"),
    ({**DECK, "images": GREYS + 0.5}, "'images' holds float64 from 3.5 to 255.5, wan"),
    ({**DECK, "images": np.where(MARKS, np.nan, GREYS)},
     "'images' holds 3 NaN or infinite numbers, in 2 of 6 examples, the first nan at [1, 2, 3]; "),
    ({**DECK, "images": np.where(MARKS, -np.inf, GREYS)}, "the first -inf at [1, 2, 3]; replace"),
    ({**DECK, "images": GREYS.astype(str)}, "'images' holds <U3, wanted numbers from 0 to 255"),
    ({**DECK, "images": GREYS * 1j}, "images.npy: holds complex128, wanted numbers or texts"),
    ({**DECK, "images": np.zeros(6, "M8[s]")}, "holds datetime64[s], wanted numbers or texts"),
    ({**DECK, "labels": np.zeros(6, "i4,i4")}, "labels.npy: holds [('f0', '<i4'), ('f1', '<i4')]"),
    ({"images": GREYS[:0], "labels": NUMBERS[:0]}, "it contains no examples"),
    ({"x_train": GREYS, "y_train": NUMBERS, "x_test": GREYS[:, 1:], "y_test": NUMBERS},
     "its splits hold pictures of different sizes, wanted one size"),
    ({**DECK, "images": b""}, "images.npy: does not begin as an array does"),
    ({**DECK, "images": npy(GREYS)[:-1]}, "images.npy: cut short"),
    ({**DECK, "images": npy(GREYS) + b"\0"}, "images.npy: is longer than its header says"),
]  # fmt: skip


@pytest.mark.parametrize(("members", "words"), WRONG, ids=[words[:40] for _, words in WRONG])
def test_npz_without_data_set_is_refused(
    tmp_path: Path, members: dict[str, Any], words: str
) -> None:
    assert words in refusal(npz_file(tmp_path, **members))


@pytest.mark.parametrize(
    ("shape", "kind", "words"),
    [
        ("(1000000000000,)", "'|u1'", "wanted no negative side and at most"),
        ("(2000000, 1000, 1000)", "'<f8'", "16,000,000,000,000 bytes; wanted no negative side"),
        ("(4294967296, 4294967296)", "'|u1'", "wanted no negative side and at most"),
        ("(-1,)", "'|u1'", "claims the shape (-1,) of uint8, -1 bytes; wanted no negative"),
        ("(-6, -35)", "'|u1'", "wanted no negative side and at most"),
        ("(1,)", "'<U0'", "holds <U0, wanted numbers or texts"),
        ("(1,)", "'|O'", "holds Python objects, which are never loaded; save plain arrays"),
        ("(1,)", "(1,)", "does not begin as an array does"),
        ("(1,", "'|u1'", "does not begin as an array does"),
        ("-" * 9_000 + "1", "'|u1'", "does not begin as an array does"),
    ],
)
def test_npz_wrong_header_is_refused_before_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str, kind: str, words: str
) -> None:
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}"
    path = npz_file(tmp_path, images=header(text, bytes(500)), labels=NUMBERS)
    asked, read = [], zipfile.ZipExtFile.read

    def counting_read(file: zipfile.ZipExtFile, count: int | None = -1) -> bytes:
        asked.append(count or 0)
        return read(file, count)

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counting_read)
    sentence = refusal(path)
    assert sentence.startswith("images.npy: ")
    assert words in sentence
    assert 0 <= min(asked) <= max(asked) < 10_000


def test_npz_too_large_arrays_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = npz_file(tmp_path, **DECK)
    monkeypatch.setattr(npz_arrays, "MAX_FILE_BYTES", 600)
    assert refusal(path).endswith(" bytes, wanted at most 600")
    monkeypatch.undo()
    monkeypatch.setattr(loader, "MAX_BYTES", 209)
    words = "6 pictures of 1x5x7 are 210 bytes, wanted at most 209; choose a smaller size"
    assert refusal(path) == words


def test_npz_pickle_is_never_loaded(tmp_path: Path) -> None:
    class Planted:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "opened",)

    pickle.loads(pickle.dumps(Planted()))
    (tmp_path / "opened").unlink()  # so it would have worked
    for name in ("images", "labels", "class_names", "is_test"):
        path = npz_file(tmp_path, **{**DECK, name: np.array([Planted()] * 6)})
        words = f"{name}.npy: holds Python objects, which are never loaded; save plain arrays"
        assert refusal(path) == words
    assert read_data(npz_file(tmp_path, **DECK, unknown=np.array([Planted()]))).classes
    assert not (tmp_path / "opened").exists()


def test_npz_truncated_anywhere_is_refused(tmp_path: Path) -> None:
    for kind in KINDS:
        with zipfile.ZipFile(tmp_path / "set.npz", "w", kind) as archive:
            for name, held in DECK.items():
                archive.writestr(f"{name}.npy", npy(held))
        whole = (tmp_path / "set.npz").read_bytes()
        assert len(read_data(tmp_path / "set.npz")) == 6
        for end in range(0, len(whole), 50):
            (tmp_path / "cut.npz").write_bytes(whole[:end])
            assert refusal(tmp_path / "cut.npz") == "not a whole .npz file; was it cut short?"


@pytest.mark.parametrize("kind", KINDS)
def test_npz_changed_byte_is_refused(tmp_path: Path, kind: int) -> None:
    images = np.random.default_rng(6).integers(0, 256, (60, 32, 32), dtype=np.uint8)
    path = tmp_path / "set.npz"
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr("labels.npy", npy(np.tile(NUMBERS, 10)))
        archive.writestr("images.npy", npy(images))
    assert (read_data(path).inputs[:, 0] == images).all()
    whole = bytearray(path.read_bytes())
    start = whole.index(b"images.npy")
    for place in np.linspace(start + 300, len(whole) - 300, 40).astype(int):
        whole[place] ^= 32
        path.write_bytes(whole)
        assert refusal(path) in (
            "not a whole .npz file; was it cut short?",
            "images.npy: does not begin as an array does",
            "images.npy: cut short",
        )
        whole[place] ^= 32


@pytest.mark.parametrize("count", now_and_long((400, 1_000), {400}))
@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("inside", [True, False])
def test_npz_mutated_is_read_or_refused(
    tmp_path: Path, inside: bool, kind: int, count: int
) -> None:
    rnd, path, refused, read = random.Random(3), tmp_path / "set.npz", 0, 0
    for _ in range(count):
        members = {f"{name}.npy": bytearray(npy(held)) for name, held in DECK.items()}
        if inside:
            mutate(members[rnd.choice(list(members))], rnd, rnd.choice((80, 128, 164)))
        with zipfile.ZipFile(path, "w", kind) as archive:
            for name, content in members.items():
                archive.writestr(name, bytes(content))
        if not inside:
            content = bytearray(path.read_bytes())
            mutate(content, rnd, len(content))
            path.write_bytes(content)
        try:
            read += len(read_data(path)) > 0
        except DataError as error:
            refused += str(error).startswith(f"{path}: ")
    assert refused + read == count
    assert min(refused, read) > count / 50


def mutate(content: bytearray, rnd: random.Random, most: int) -> None:
    place = rnd.randrange(most)
    match rnd.randrange(3):
        case 0:
            content[place] ^= 1 << rnd.randrange(8)
        case 1:
            content[place] = rnd.choice((*b"\0\1\xff(){}[]':,-0'", rnd.randrange(256)))
        case _:
            content.insert(place, rnd.randrange(256))


def test_read_data_unknown_class_is_refused(tmp_path: Path) -> None:
    path = npz_file(tmp_path, **DECK)
    assert refusal(path, classes=["ape", "bee"]) == "holds the class 'cat', wanted ['ape', 'bee']"
    assert read_data(path, classes=["cat", "bee", "ape"]).labels.tolist() == [2, 1, 1, 2, 0, 0]


def test_npz_numbers_without_names_are_class_indices(tmp_path: Path) -> None:
    path = tmp_path / "unnamed.npz"
    np.savez(path, images=np.zeros((3, 9, 9), np.uint8), labels=[1, 0, 1])
    assert read_data(path, classes=("X", "O")).labels.tolist() == [1, 0, 1]
    assert read_data(path, classes=("1", "0")).labels.tolist() == [0, 1, 0]
    with pytest.raises(DataError, match="holds the class '1'"):
        read_data(path, classes=("X",))


def test_npz_split_names_are_those_of_folders(tmp_path: Path) -> None:
    path = tmp_path / "parts.npz"
    pictures = np.zeros((2, 9, 9), np.uint8)
    names = ("train", "val", "test")
    arrays: dict[str, Any] = {f"x_{name}": pictures for name in names}
    arrays |= {f"y_{name}": [0, 1] for name in names}
    np.savez(path, **arrays)
    assert read_data(path).splits.tolist() == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2


def test_npz_value_range_is_shared_by_splits(tmp_path: Path) -> None:
    path = tmp_path / "parts.npz"
    dim = np.random.default_rng(1).integers(0, 2, (2, 9, 9), np.uint8)
    bright = 200 * dim
    np.savez(path, x_train=bright, y_train=[0, 1], x_test=dim, y_test=[0, 1])
    assert read_data(path).inputs.max(axis=(1, 2, 3)).tolist() == [200, 200, 1, 1]
    np.savez(path, x_train=dim, y_train=[0, 1], x_test=dim, y_test=[0, 1])
    assert read_data(path).inputs.max(axis=(1, 2, 3)).tolist() == [255] * 4
