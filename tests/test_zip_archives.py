"""Data sets in `.zip` files: the same as their folders, and refused where they could do harm."""

from __future__ import annotations

import io
import stat
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from piecewise.cli.main import status
from piecewise.core.errors import DataError
from piecewise.core.progress import Progress
from piecewise.data.dataset import Dataset, read_data
from piecewise.data.images.decoding import read_picture
from piecewise.data.loading import loader
from piecewise.data.sources import archive_limits, zip_archives

from .real_data import real
from .test_dataset import refusal

DEFLATED, STORED = zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED
ENTRY = b"PK\1\2"  # before each entry of a directory
FLAGS, METHOD, CHECKSUM, PACKED, SIZE, PLACE = 8, 10, 16, 20, 24, 42  # in such an entry


def picture(level: int = 90) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (4, 3), level).save(buffer, "PNG")
    return buffer.getvalue()


def link(name: str, kind: int = stat.S_IFLNK) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    return info


def packed(folder: Path, *files: Any, method: int = DEFLATED, name: str = "set.zip") -> Path:
    """An archive of pictures, each of another level of grey, or of what is given with a name."""
    path = folder / name
    with zipfile.ZipFile(path, "w", method) as archive:
        for number, file in enumerate(files):
            inner, held = file if isinstance(file, tuple) else (file, picture(10 * number + 90))
            archive.writestr(inner, held)
    return path


def changed(path: Path, number: int, at: int, form: str, value: int) -> Path:
    """The same archive, a field of an entry in its directory changed."""
    content, place = bytearray(path.read_bytes()), -1
    for _ in range(number + 1):
        place = content.index(ENTRY, place + 1)
    struct.pack_into(form, content, place + at, value)
    path.write_bytes(content)
    return path


def same(one: Dataset, other: Dataset) -> None:
    assert (one.inputs == other.inputs).all()
    assert one.labels.tolist() == other.labels.tolist()
    assert one.splits.tolist() == other.splits.tolist()
    assert (one.classes, one.preprocessor) == (other.classes, other.preprocessor)


# The same as the folder.

PLAIN = ("b e/1.png", "b e/2.PNG", "-a/x.jpeg", "🦊/-.gif", "🦊/ü ü.bmp", f"c/{'é' * 125}e.png")
DIVIDED = ("train/a/1.png", "Train/b/1.png", "train/b/1.png", "dev/a/1.png", "Test/b/1.png")
MESSY = (
    *DIVIDED, "more/2.png", "1.png", "train/a/deep/er/and/even/more.png", "train/a/.2.png",
    ("train/b/notes.txt", b"odd"), ("train/b/broken.png", b"\x89PNG"), ("train/a/empty.jpg", b""),
    "__MACOSX/train/a/1.png", ".hidden/a/1.png", (".DS_Store", b""), ("train/a/.DS_Store", b""),
    ("train/a/Thumbs.db", b""), ("train/desktop.ini", b""), ("no pictures/", b""),
)  # fmt: skip


@pytest.mark.parametrize("method", [STORED, DEFLATED])
@pytest.mark.parametrize("files", [PLAIN, DIVIDED, MESSY], ids=["plain", "divided", "messy"])
def test_archive_is_read_like_its_folder(
    tmp_path: Path, files: tuple[Any, ...], method: int
) -> None:
    path, folder = packed(tmp_path, *files, method=method), tmp_path / "folder"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    before = sorted(tmp_path.rglob("*"))
    steps: list[Progress] = []
    found, wanted = read_data(path, on_progress=steps.append), read_data(folder)
    same(found, wanted)
    prefix = f"{folder}/"
    expected = [one.replace(prefix, f"{path}: ") for one in wanted.skipped]
    assert found.skipped == [one.replace(str(folder), str(path)) for one in expected]
    assert len(found.skipped) == (6 if files is MESSY else 0)
    total = steps[-1].total
    assert steps[-1] == Progress("reading", total, total)
    assert [step.done for step in steps if step.stage == "reading"] == list(range(1, total + 1))
    assert sorted(tmp_path.rglob("*")) == before  # nothing was unpacked to disk


@pytest.mark.parametrize("top", ["top/", "-top 🦊/", "./", "./top//"])
@pytest.mark.parametrize("files", [("a/1.png", "b/2.png"), DIVIDED], ids=["plain", "divided"])
def test_classes_may_lie_in_a_top_folder(tmp_path: Path, files: tuple[str, ...], top: str) -> None:
    wanted = read_data(packed(tmp_path, *files))
    inside = [f"{top}{file}" for file in files]
    extras = ("__MACOSX/x/1.png", ("read me.txt", b"odd"))
    same(read_data(packed(tmp_path, *inside, *extras, name="top.ZIP")), wanted)


def test_single_class_or_split_is_no_top_folder(tmp_path: Path) -> None:
    found = read_data(packed(tmp_path, "a/1.png", "a/deeper/2.png"))
    assert (found.classes, len(found)) == (("a",), 2)
    assert set(read_data(packed(tmp_path, "test/a/1.png", "test/b/1.png")).splits) == {"test"}
    assert read_data(packed(tmp_path, "a/b/c/1.png")).classes == ("c",)


def test_nested_archives_are_reported_and_not_read(tmp_path: Path) -> None:
    inner = packed(tmp_path, "c/1.png", name="inner.zip").read_bytes()
    path = packed(tmp_path, "a/1.png", ("a/x.zip", inner), ("b.zip", inner), ("d/.e.zip", b""))
    found = read_data(path)
    reason = "an archive in the archive; it is not read"
    assert found.classes == ("a",)
    assert found.skipped == [
        f"{path}: a/x.zip: {reason}", f"{path}: b.zip: {reason}",
        f"{path}: a: 1 file of other kinds than pictures, x.zip",
        f"{path}: d: none of the pictures in it, so it is not a class",
    ]  # fmt: skip


def test_images_beyond_memory_budget_are_decoded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path, *(f"{name}/{number}.png" for name in "ab" for number in range(4)))
    whole = read_data(path)
    monkeypatch.setattr(loader, "REUSE_BYTES", 3 * 12)
    same(read_data(path), whole)


def test_bytes_and_open_files_are_images(tmp_path: Path) -> None:
    content = picture(77)
    assert (read_picture(content) == 77).all()
    assert (read_picture(io.BytesIO(content)) == 77).all()
    with pytest.raises(DataError, match=r"^x\.zip: a/1\.png: cannot be read as a picture"):
        read_picture(content[:20], "x.zip: a/1.png")
    with pytest.raises(DataError, match=r"^picture: cannot be read as a picture"):
        read_picture(b"")


# What is wrong with the archive.

NAMES = ("../a/1.png", "a/../../1.png", "/a/1.png", "C:/a/1.png", "c:1.png", "a\\1.png",
         "a/1.png\0.txt", "..", "/", "//server/a/1.png", "a/..")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_unsafe_names_are_refused(tmp_path: Path, name: str) -> None:
    path = packed(tmp_path, "a/1.png", "b/1.png", "#" * len(name.encode()))
    content = path.read_bytes().replace(b"#" * len(name.encode()), name.encode())
    path.write_bytes(content)
    message = refusal(path)
    assert message.startswith(f"the name {name!r} in it, wanted one that stays inside")


def test_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    for name in ("a/##.png", "ü/##.png"):  # not said to be UTF-8, and said to be
        path = packed(tmp_path, "a/1.png", name)
        path.write_bytes(path.read_bytes().replace(b"##", b"\xff\xfe"))
        assert refusal(path) == "a name in it is not UTF-8; pack it again with another program"


def test_utf_8_name_without_flag_is_read(tmp_path: Path) -> None:
    path = packed(tmp_path, "a##/1.png", "b/1.png")  # as a Mac's archives do not
    path.write_bytes(path.read_bytes().replace(b"a##", "aé".encode()))
    assert read_data(path).classes == ("aé", "b")


@pytest.mark.parametrize("content", [b"", b"PK", b"odd" * 99, b"PK\5\6" + bytes(18)])
def test_invalid_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "set.zip"
    path.write_bytes(content)
    empty = content.endswith(bytes(18))
    words = (
        "no file in it to learn from; wanted"
        if empty
        else "not a whole .zip file; was it cut short?"
    )
    assert refusal(path).startswith(words)


def test_truncated_archive_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path, "a/1.png", "b/1.png")
    content = path.read_bytes()
    for end in range(len(content)):
        path.write_bytes(content[:end])
        assert refusal(path) == "not a whole .zip file; was it cut short?"


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ((link("a/2.png"), b"/etc/passwd"), "'a/2.png' is a link, wanted files and folders only"),
        ((link("x"), b"a"), "'x' is a link, wanted files and folders only"),
        ((link("p", stat.S_IFIFO), b""), "'p' is no plain file, wanted files and folders only"),
        ((".//a/1.png", b""), "'.//a/1.png' is in it twice"),
        (("a", b""), "'a' is in it twice, as a file and as a folder"),
        (("b/1.png/x", b""), "'b/1.png' is in it twice, as a file and as a folder"),
    ],
)
def test_links_and_duplicate_names_are_refused(tmp_path: Path, extra: Any, words: str) -> None:
    assert refusal(packed(tmp_path, "a/1.png", "b/1.png", extra)) == words


def test_same_name_twice_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path, "a/1.png", "b/1.png")
    path.write_bytes(path.read_bytes().replace(b"b/1", b"a/1"))
    assert refusal(path) == "'a/1.png' is in it twice"


def test_overlapping_entries_are_refused(tmp_path: Path) -> None:
    words = "'{}' overlaps the next entry; the archive is damaged"
    path = changed(packed(tmp_path, "a/1.png", "b/1.png"), 1, PLACE, "<I", 0)
    assert refusal(path) == words.format("b/1.png")
    path = changed(packed(tmp_path, "a/1.png", "b/1.png"), 0, PACKED, "<I", 500)
    assert refusal(path) == words.format("a/1.png")
    path = changed(packed(tmp_path, "a/1.png", "b/1.png"), 1, PACKED, "<I", 0xFFFFFFF0)
    assert refusal(path) == words.format("b/1.png")


def test_too_many_entries_are_refused_before_parsing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path, *(f"{number % 2}/{number}.png" for number in range(10)))
    monkeypatch.setattr(zip_archives, "MAX_ENTRIES", 10)
    assert len(read_data(path)) == 10
    monkeypatch.setattr(zip_archives, "MAX_ENTRIES", 9)
    monkeypatch.setattr(zipfile, "ZipInfo", None)
    assert refusal(path) == "10 files and folders in it, wanted at most 9"
    monkeypatch.setattr(zip_archives, "MAX_DIRECTORY_BYTES", 500)
    assert refusal(path) == "its directory is 530 bytes, wanted at most 500"


def test_too_much_data_is_refused(tmp_path: Path) -> None:
    files = [f"{number % 2}/{number}.png" for number in range(9)]
    path = packed(tmp_path, *files)
    for number in range(9):
        changed(path, number, SIZE, "<I", 0xFFFFFFF0)
    assert refusal(path) == (
        f"its files are {9 * 0xFFFFFFF0:,} bytes unpacked, wanted at most 34,359,738,368"
    )


def test_many_small_files_packed_tightly_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is below the size from which its own compression ratio is limited."""
    texts = [(f"{name}/{n}.txt", b"a word " * 10_000) for n in range(20) for name in "ab"]
    path = packed(tmp_path, *texts)
    with zipfile.ZipFile(path) as archive:
        compressed = sum(info.compress_size for info in archive.infolist())
    assert 200 * compressed < 40 * 70_000
    assert len(read_data(path)) == 40  # 2.8 MB are always allowed
    monkeypatch.setattr(archive_limits, "ALWAYS_ALLOWED", 2_000_000)
    monkeypatch.setattr(zip_archives.ArchiveEntry, "read_bytes", None)  # nothing is unpacked
    assert refusal(path) == (
        f"its content is 2,800,000 bytes packed into {compressed:,}, wanted at most 2,000,000 "
        "(200 times as many); save it without compression, or divide it"
    )


def test_folder_named_like_an_archive_is_a_folder(tmp_path: Path) -> None:
    path = packed(tmp_path, "a/1.png", "b/1.png")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "folder.zip")
    same(read_data(tmp_path / "folder.zip"), read_data(path))


# What is wrong with one picture.


@pytest.mark.parametrize(
    ("at", "form", "value", "words"),
    [
        (CHECKSUM, "<I", 5, "damaged in the archive: its checksum or size does not match"),
        (SIZE, "<I", 20, "damaged in the archive: its checksum or size does not match"),
        (SIZE, "<I", 2000, "damaged in the archive: its checksum or size does not match"),
        (SIZE, "<I", 0, "damaged in the archive: its checksum or size does not match"),
        (PACKED, "<I", 20, "damaged in the archive: its checksum or size does not match"),
        (SIZE, "<I", (64 << 20) + 1, "67,108,865 bytes, wanted at most 67,108,864"),
        (SIZE, "<I", 64 << 20, "67,108,864 bytes packed into {}, wanted at most 500 times as many"),
        (FLAGS, "<H", 1, "encrypted, wanted an archive without a password"),
        (METHOD, "<H", 12, "compressed with bzip2; only deflate and stored entries are supported"),
        (
            METHOD,
            "<H",
            77,
            "compressed with method 77; only deflate and stored entries are supported",
        ),
    ],
)
def test_unreadable_entry_is_skipped_and_reported(
    tmp_path: Path, at: int, form: str, value: int, words: str
) -> None:
    path = packed(tmp_path, "a/1.png", "b/1.png", "a/2.png")
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("a/1.png").compress_size
    changed(path, 0, at, form, value)
    found = read_data(path)
    assert found.labels.tolist() == [0, 1]
    assert found.skipped == [f"{path}: a/1.png: {words.format(size)}"]


def test_archive_of_unreadable_entries_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path, "a/1.png", "b/1.png", method=zipfile.ZIP_LZMA)
    assert refusal(path) == (
        f"none of its 2 pictures can be read; {path}: b/1.png: compressed with lzma; only deflate "
        "and stored entries are supported"
    )


@pytest.mark.parametrize("at", [0, 26, 28, 29, 30, 37, 50], ids=str)  # header, name, content
@pytest.mark.parametrize("method", [STORED, DEFLATED])
def test_damaged_entry_is_reported(tmp_path: Path, at: int, method: int) -> None:
    path = packed(tmp_path, "a/1.png", "b/1.png", method=method)
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)
    assert [one.split(": damaged")[0] for one in read_data(path).skipped] == [f"{path}: a/1.png"]


def test_zip_bomb_is_never_decompressed(tmp_path: Path) -> None:
    bomb = bytes(300 << 20)
    path = packed(tmp_path, "a/1.png", "b/1.png", ("a/2.png", bomb), ("b/x.bin", bomb))
    size = 1_000
    lying = packed(tmp_path, "a/1.png", "b/1.png", ("a/2.png", bomb), name="lying.zip")
    changed(changed(lying, 2, SIZE, "<I", size), 2, CHECKSUM, "<I", zlib.crc32(bytes(size)))
    del bomb
    tracemalloc.start()
    try:
        assert "a/2.png: 314,572,800 bytes, wanted at most" in read_data(path).skipped[-1]
        assert "a/2.png: damaged in the archive: its" in read_data(lying).skipped[-1]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_name_of_many_folders_costs_little(tmp_path: Path) -> None:
    deep = [f"{number}/" + "a/" * 30_000 + "1.png" for number in range(20)]
    path = packed(tmp_path, *deep, "x/1.png", "y/1.png")
    tracemalloc.start()
    try:
        assert len(read_data(path)) == 2
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 32 << 20


# The commands, and people's own photos.


def test_network_is_trained_and_evaluated_on_an_archive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, net = (
        packed(tmp_path, *(f"{n % 2}/{n}.png" for n in range(12))),
        tmp_path / "n.safetensors",
    )
    assert status(["train", str(path), "-o", str(net), "--folds", "0", "--quick"]) == 0
    assert status(["evaluate", str(net), str(path)]) == 0
    assert "of all examples" in capsys.readouterr().err


def test_hand_photos_are_all_read() -> None:
    found = read_data(real("hand-signs.zip"))
    assert found.skipped == []
    assert found.classes == tuple("0123456789")
    assert (len(found.subset("train")[1]), len(found.subset("test")[1])) == (599, 149)
