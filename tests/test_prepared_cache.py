"""Prepared inputs that are kept: the same as read anew, or made anew, and never in the way."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from piecewise.cli.main import status
from piecewise.core.atomic_write import atomic_writer
from piecewise.core.progress import Progress
from piecewise.data.dataset import read_data
from piecewise.data.loading import prepared_cache, subset
from piecewise.network import Network

from .cached_datasets import FILES, Read, pictures_in, reading, same
from .memory import PEAK
from .runs import names


@pytest.fixture(name="data")
def folder_of_pictures(tmp_path: Path) -> Path:
    return pictures_in(tmp_path / "data")


def test_cache_second_read_is_mapped_not_decoded(data: Path, tmp_path: Path) -> None:
    cache, plain = tmp_path / "cache", read_data(data)
    first, second = Read(data, cache), Read(data, cache)
    assert first.done == ["checking", "fitting", "reading"]
    assert second.done == ["checking"]
    for read in (first, second):
        same(read.found, plain)
        assert isinstance(read.found.inputs, np.memmap)
        assert not read.found.inputs.flags.writeable
        assert read.found.cache_error is None
    assert len(plain.skipped) == 1
    assert names(cache) == FILES
    stored = np.load(cache / prepared_cache.INPUTS, mmap_mode="r", allow_pickle=False)
    assert np.array_equal(stored, plain.inputs)
    assert (cache / prepared_cache.MANIFEST).stat().st_size < 2_000


def packed(data: Path) -> Path:
    place = data.parent / "data.zip"
    with zipfile.ZipFile(place, "w") as archive:
        for file in sorted(data.rglob("*.png")):
            archive.write(file, file.relative_to(data))
    return place


def arrays(data: Path) -> Path:
    place = data.parent / "data.npz"
    noise = np.random.default_rng(0).integers(0, 256, (30, 9, 7), np.uint8)
    np.savez(place, images=noise, labels=np.arange(30) % 2)
    return place


def texts(data: Path) -> Path:
    place = data.parent / "data.csv"
    lines = [f"words of number {number},{'ab'[number % 2]}" for number in range(30)]
    place.write_text("\n".join(["text,label", *lines]))
    return place


@pytest.mark.parametrize("kind", [packed, arrays, texts])
def test_cache_single_files_are_cached(data: Path, kind: Callable[[Path], Path]) -> None:
    place, cache = kind(data), data.parent / "cache"
    plain = read_data(place)
    for anew in (True, False):
        read = Read(place, cache)
        same(read.found, plain)
        assert isinstance(read.found.inputs, np.memmap)
        assert (cache / prepared_cache.INPUTS).stat().st_size == 256 + plain.inputs.nbytes
        assert anew or read.done == ["checking"]
    before = (cache / prepared_cache.MANIFEST).read_bytes()
    content = bytearray(place.read_bytes())
    if kind is texts:
        content[-20] ^= 1
        place.write_bytes(content)
    else:
        place.write_bytes(content + bytes(1))  # a byte more, which readers pass over
    read_data(place, cache=cache)
    assert (cache / prepared_cache.MANIFEST).read_bytes() != before


def a_byte(data: Path) -> None:
    file = data / "a" / "00.png"
    file.write_bytes(file.read_bytes() + b"\0")


CHANGES: dict[str, Callable[[Path], Any]] = {
    "a byte": a_byte,
    "one more": lambda data: shutil.copy(data / "a" / "00.png", data / "a" / "90.png"),
    "one less": lambda data: (data / "a" / "00.png").unlink(),
    "renamed": lambda data: (data / "a" / "00.png").rename(data / "a" / "000.png"),
    "another class": lambda data: (data / "a" / "00.png").rename(data / "b" / "00.png"),
    "exchanged": lambda data: [
        (data / "a" / "00.png").rename(data / "x"),
        (data / "a" / "02.png").rename(data / "a" / "00.png"),
        (data / "x").rename(data / "a" / "02.png"),
    ],
}


@pytest.mark.parametrize("change", CHANGES)
def test_cache_changed_files_are_prepared_again(data: Path, change: str) -> None:
    cache = data.parent / "cache"
    read_data(data, cache=cache)
    CHANGES[change](data)
    read = Read(data, cache)
    assert read.anew
    same(read.found, read_data(data))
    assert not Read(data, cache).anew


def test_cache_other_options_or_version_are_prepared_again(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = data.parent / "cache"
    chosen = read_data(data, size=(5, 5)).preprocessor
    for wishes in ({}, {"size": (9, 9)}, {"size": (9, 9), "resize": "crop"}, {"most": 7},
                   {"preprocessor": chosen}):  # fmt: skip
        assert Read(data, cache, **wishes).anew
        again = Read(data, cache, **wishes)
        assert not again.anew
        same(again.found, read_data(data, **wishes))
    monkeypatch.setattr(prepared_cache, "_FORMAT", "piecewise inputs 0")
    assert Read(data, cache, preprocessor=chosen).anew
    monkeypatch.setattr(prepared_cache, "__version__", "another")
    assert Read(data, cache, preprocessor=chosen).anew


def flipped(at: int) -> Callable[[Path], None]:
    def flip(file: Path) -> None:
        content = bytearray(file.read_bytes())
        content[at] ^= 1
        file.write_bytes(content)

    return flip


def forged(**values: Any) -> Callable[[Path], None]:
    """A manifest with other values and the correct checksum of these."""

    def forge(file: Path) -> None:
        manifest = json.loads(file.read_bytes())["content"] | values
        file.write_bytes(prepared_cache._manifest_bytes(manifest))

    return forge


def unsealed(file: Path) -> None:
    """Another preprocessor, which the manifest's checksum does not match."""
    manifest = json.loads(file.read_bytes())
    manifest["content"]["preprocessor"]["resize"] = "crop"
    file.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


def grown(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(b"\0")


def pickled(file: Path) -> None:
    np.save(file, np.array([{}], object), allow_pickle=True)


DAMAGES: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "first number": (prepared_cache.INPUTS, flipped(256)),
    "last number": (prepared_cache.INPUTS, flipped(-1)),
    "head": (prepared_cache.INPUTS, flipped(60)),
    "cut short": (prepared_cache.INPUTS, lambda file: os.truncate(file, 1_000)),
    "longer": (prepared_cache.INPUTS, grown),
    "empty": (prepared_cache.INPUTS, lambda file: os.truncate(file, 0)),
    "objects": (prepared_cache.INPUTS, pickled),
    "gone": (prepared_cache.INPUTS, Path.unlink),
    "manifest gone": (prepared_cache.MANIFEST, Path.unlink),
    "manifest empty": (prepared_cache.MANIFEST, lambda file: os.truncate(file, 0)),
    "manifest cut": (prepared_cache.MANIFEST, lambda file: os.truncate(file, 300)),
    "manifest flipped": (prepared_cache.MANIFEST, flipped(200)),
    "manifest changed": (prepared_cache.MANIFEST, unsealed),
    "manifest deep": (prepared_cache.MANIFEST, lambda file: file.write_text("[" * 100_000)),
    "manifest foreign": (
        prepared_cache.MANIFEST,
        lambda file: file.write_text('{"content": [], "sha256": 1}'),
    ),
    "shape": (prepared_cache.MANIFEST, forged(shape=[3, 1_000, 1_000])),
    "shapeless": (prepared_cache.MANIFEST, forged(shape=None)),
    "skipped all": (prepared_cache.MANIFEST, forged(skipped=[[at, ""] for at in range(41)])),
    "skipped none": (prepared_cache.MANIFEST, forged(skipped=[])),
    "skipped beyond": (prepared_cache.MANIFEST, forged(skipped=[[41, ""]])),
    "preprocessor": (prepared_cache.MANIFEST, forged(preprocessor={"modality": "pictures"})),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_cache_damaged_or_foreign_is_prepared_again(data: Path, damage: str) -> None:
    cache, (name, act) = data.parent / "cache", DAMAGES[damage]
    read_data(data, cache=cache)
    act(cache / name)
    read = Read(data, cache)
    assert read.anew
    same(read.found, read_data(data))
    assert not Read(data, cache).anew


def test_cache_unwritable_folder_is_not_fatal(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, plain = data.parent / "cache", read_data(data)
    (data.parent / "file").write_text("mine")
    for place in (data.parent / "file", data.parent / "missing" / "cache"):
        found = read_data(data, cache=place)
        same(found, plain)
        assert (found.cache_error or "").startswith(
            f"{place}: the prepared inputs are not cached: "
        )
    calls = 0

    def full(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    written = atomic_writer
    monkeypatch.setattr(prepared_cache, "atomic_writer", lambda path: Failing(written(path), full))
    found = read_data(data, cache=cache)
    same(found, plain)
    assert calls == 10
    assert (found.cache_error or "").endswith(os.strerror(errno.ENOSPC))
    assert names(cache) == []


class Failing:
    """A file whose writing fails."""

    def __init__(self, inner: Any, happens: Callable[[], None]) -> None:
        self.inner, self.happens = inner, happens

    def __enter__(self) -> Failing:
        self.file = self.inner.__enter__()
        return self

    def __exit__(self, *raised: Any) -> Any:
        return self.inner.__exit__(*raised)

    def write(self, content: Any) -> None:
        self.happens()
        self.file.write(content)


def test_cache_data_changed_while_read_is_not_cached(data: Path) -> None:
    cache = data.parent / "cache"

    def report(progress: Progress) -> None:
        if (progress.done, progress.stage) == (1, "reading"):
            a_byte(data)

    found = read_data(data, cache=cache, on_progress=report)
    assert (found.cache_error or "").endswith("not cached: the data changed while they were read")
    assert names(cache) == [prepared_cache.INPUTS]
    assert Read(data, cache).anew


def test_cache_leftovers_of_a_kill_are_removed(data: Path) -> None:
    cache = data.parent / "cache"
    read_data(data, cache=cache)
    (cache / f".{prepared_cache.INPUTS}.1.part").write_text("cut")
    assert not Read(data, cache).anew
    assert names(cache) == FILES


def test_select_rows_large_mapped_array_stays_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "all.npy", np.arange(3_000, dtype=np.uint16).reshape(1_000, 3))
    mapped = np.load(tmp_path / "all.npy", mmap_mode="r")
    out = np.arange(1_000) % 10 == 3
    together = (np.arange(1_000) >= 100) & (np.arange(1_000) < 600)
    assert np.shares_memory(subset.select_rows(mapped, together), mapped)
    assert not isinstance(subset.select_rows(mapped, ~out), np.memmap)  # small: in memory
    monkeypatch.setattr(subset, "IN_MEMORY", 100)
    monkeypatch.setattr(subset, "_BLOCK", 100)
    large = subset.select_rows(mapped, ~out)
    again = subset.select_rows(large, out[:900])
    for found, wanted in ((large, mapped[~out]), (again, mapped[~out][out[:900]])):
        assert isinstance(found, np.memmap)
        assert np.array_equal(found, wanted)
    assert subset.select_rows(mapped, np.zeros(1_000, bool)).shape == (0, 3)
    assert names(tmp_path) == ["all.npy"]


READ_LARGE = f"""
{PEAK}
import sys
from piecewise.data.dataset import read_data
read_data(sys.argv[1] + "/small", cache=sys.argv[2] + "/small")
before = peak()
found = read_data(sys.argv[1] + "/large", cache=sys.argv[2] + "/large", size=(160, 160))
print(found.inputs.nbytes >> 20, (peak() - before) >> 20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_cache_memory_does_not_grow_with_data(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    for name, count in (("small", 4), ("large", 2_000)):
        (place := tmp_path / "data" / name / "a").mkdir(parents=True)
        Image.fromarray(noise).save(place / "0.jpg")
        for number in range(1, count):
            os.link(place / "0.jpg", place / f"{number}.jpg")
        (tmp_path / "cache").mkdir(exist_ok=True)
    run = subprocess.run([sys.executable, "-c", READ_LARGE, str(tmp_path / "data"),
                          str(tmp_path / "cache")],
                         capture_output=True, text=True, check=True)  # fmt: skip
    size, grown_by = map(int, run.stdout.split())
    assert size > 140
    assert grown_by < 50


LITTLE = ["--layers", "conv 4 3, relu, pool 2, full", "--epochs", "2", "--json"]


def test_run_caches_inputs_and_nothing_else_does(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, run = data.parent, data.parent / "run"
    for name, more in (
        ("plain", []),
        ("kept", ["--run-dir", str(run)]),
        ("again", ["--run-dir", str(run)]),
    ):
        assert status(["train", str(data), "-o", str(home / name), *LITTLE, *more]) == 0
        shutil.rmtree(run / "never", ignore_errors=True)
    assert names(run / "prepared") == FILES
    nets = [Network.load(home / name).parameters_sha256 for name in ("plain", "kept", "again")]
    assert len(set(nets)) == 1
    before = sorted(home.rglob("*"))
    assert status(["evaluate", str(home / "kept"), str(data)]) == 0
    assert sorted(home.rglob("*")) == before
    capsys.readouterr()


def test_run_killed_while_preparing_resumes(data: Path) -> None:
    run, net = data.parent / "run", str(data.parent / "net")
    run.mkdir()
    with reading(data, run / "prepared", 30, "die") as process:
        assert process.wait(30) == -signal.SIGKILL
    assert len(names(run / "prepared")) == 1
    assert status(["train", str(data), "-o", net, *LITTLE, "--run-dir", str(run)]) == 0
    assert names(run / "prepared") == FILES
    plain = str(data.parent / "plain")
    assert status(["train", str(data), "-o", plain, *LITTLE]) == 0
    assert Network.load(net).parameters_sha256 == Network.load(plain).parameters_sha256


def test_run_folder_with_other_files_is_refused(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = str(data.parent / "net")
    (data.parent / "mine" / "prepared").mkdir(parents=True)
    (data.parent / "mine" / "prepared" / "thesis.txt").write_text("mine")
    for place in (data, data.parent / "mine"):
        before = sorted(place.rglob("*"))
        assert status(["train", str(data), "-o", net, *LITTLE, "--run-dir", str(place)]) == 1
        assert "and no run; use an empty" in capsys.readouterr().err
        assert sorted(place.rglob("*")) == before
