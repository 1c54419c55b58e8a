"""The paths of many files take little memory, and are those that pathlib finds."""

from __future__ import annotations

import os
import sys
import tracemalloc
from itertools import product
from pathlib import Path

import pytest

from piecewise.core.progress import Progress
from piecewise.data.loading import fingerprint
from piecewise.data.loading.fingerprint import stamp_digest
from piecewise.data.sources import name_list
from piecewise.data.sources.folder_scan import suffix_of
from piecewise.data.sources.name_list import NameList, UnlabelledFiles
from piecewise.data.sources.unlabelled import list_unlabelled


def filled(folders: dict[str, list[str]]) -> NameList:
    names = NameList()
    for folder, found in folders.items():
        names.add(folder, found)
    return names


@pytest.mark.parametrize("block", [1, 2, 3, 1_000])
def test_list_is_that_of_all_paths(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_list, "_BLOCK", block)
    folders = {"a": ["1.png", "2.png", "3.png"], "": ["ü\udcff.png"], "b": [], "/c/d": ["4", "5"]}
    names, paths = filled(folders), UnlabelledFiles(filled(folders))
    wanted = ["a/1.png", "a/2.png", "a/3.png", "ü\udcff.png", "/c/d/4", "/c/d/5"]
    wanted = [str(Path(one)) for one in wanted]
    assert list(names) == wanted
    assert (len(names), len(paths)) == (6, 6)
    for index in [3, 0, 5, 1, 4, 2, -1, -6]:
        assert names[index] == wanted[index]
        assert paths[index] == (Path(wanted[index]), "", "test", "")
    assert names[1:5:2] == wanted[1:5:2]
    assert [file.path for file in paths[::-1]] == [Path(one) for one in reversed(wanted)]
    assert list(paths) == list(paths[:])
    for index in (6, -7):
        with pytest.raises(IndexError):
            names[index]


def test_list_of_no_file_is_empty() -> None:
    assert (len(NameList()), list(NameList()), list(NameList()[:])) == (0, [], [])


def test_suffix_is_that_of_pathlib() -> None:
    for parts in product(("", ".", "a", "..", ".png", " "), repeat=3):
        if (name := "".join(parts)).strip(".") and name.strip():
            assert suffix_of(name) == Path(name).suffix, name


def walked(folder: Path) -> list[str]:
    """The pictures of a folder, before those of its folders, by name."""
    found = sorted(folder.iterdir(), key=lambda one: one.name)
    files = [str(one) for one in found if one.is_file() and one.suffix.lower() == ".png"]
    inner = [one for one in found if one.is_dir() and not one.is_symlink()]
    return files + [name for one in inner for name in walked(one)]


@pytest.mark.parametrize("start", [".", "top", "./top/../top", "ABSOLUTE"])
def test_folder_is_listed_by_name(
    start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(30):
        path = Path("top", *(str(number % side) for side in (3, 2)), f"{number % 7}{number}.PnG")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for name in ("top/0.png", "top/note.txt", "top/1/.hidden.png", "z.png"):
        Path(name).touch()
    if sys.platform != "win32":
        Path("top/2/link.png").symlink_to("../0.png")
        Path("top/2/round").symlink_to("..")
    folder = tmp_path if start == "ABSOLUTE" else Path(start)
    raw = list_unlabelled(folder, "pictures")
    assert raw is not None
    wanted = [one for one in walked(folder) if ".hidden" not in one]
    assert list(raw.names) == wanted
    assert len(wanted) >= 31
    assert set(raw.splits) == {"test"}
    assert len(raw.splits) == len(raw.labels) == len(wanted)


def test_name_takes_about_its_length() -> None:
    """A list of texts takes 100 bytes or more for each, and one of paths several times as much."""
    count = 50_000
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        names = NameList()
        for start in range(0, count, 1_000):
            names.add(f"/a/long/folder/{start}", [f"{one:07}.png" for one in range(1_000)])
        after, _ = tracemalloc.get_traced_memory()
        for _ in names:
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(names) == count
    assert (after - before) / count < 16
    assert (peak - before) / count < 40


def test_digest_reads_names_and_reports_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        (tmp_path / f"{number}.png").write_bytes(b"x" * number)
    raw, reports = list_unlabelled(tmp_path, "pictures"), list[Progress]()
    assert raw is not None
    monkeypatch.setattr(fingerprint, "_ENTRIES", 3)
    before = stamp_digest(raw, reports.append)
    assert [(one.stage, one.done, one.total) for one in reports] == [
        ("checking", 3, 7), ("checking", 6, 7), ("checking", 7, 7)]  # fmt: skip
    os.utime(tmp_path / "6.png", (1, 1))
    changed = stamp_digest(raw)
    assert changed != before
    (tmp_path / "6.png").unlink()
    assert len({before, changed, stamp_digest(raw)}) == 3
