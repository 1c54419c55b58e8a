"""The code cache's writes: atomic, concurrent, and within the size limit."""

from __future__ import annotations

import errno
import itertools
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest

from piecewise.engine.runtime import code_cache
from piecewise.engine.runtime.code_cache import (
    HEADER_SIZE,
    KEY_FILE,
    KEY_SIZE,
    TEMPORARY_PREFIX,
    cached,
)

from .code_cache import (
    CODE,
    POSIX,
    TEXT,
    Counted,
    asked,
    cache_folder,  # noqa: F401  # the fixture
    failing,
    is_integer,
    name_of,
    needs_modes,
    sealed,
)
from .steps import HANG

# Writing that fails


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("step", ["replace", "mkdir", "fdopen", "urandom", "scandir"])
def test_failed_write_is_a_miss_every_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(os, step, failing(number))
        assert asked()
        assert asked()
    assert not folder.exists() or {path.name for path in folder.iterdir()} <= {KEY_FILE}
    assert asked()
    assert not asked()


def test_existing_temporary_file_is_not_overwritten(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked()
    standing = folder / (TEMPORARY_PREFIX + "07" * 8)
    standing.write_bytes(b"someone's")
    with monkeypatch.context() as certain:
        certain.setattr(os, "urandom", lambda size: b"\7" * size)
        assert asked("new")
        assert asked("new")
    assert standing.read_bytes() == b"someone's"


def test_only_the_secret_is_synced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = list[int]()
    monkeypatch.setattr(os, "fsync", lambda handle: sizes.append(os.fstat(handle).st_size))
    asked("one")
    asked("two")
    assert sizes == [KEY_SIZE]  # written before it was waited for


@pytest.mark.parametrize("first", [True, False], ids=["the key", "the code"])
def test_keyboard_interrupt_leaves_no_partial_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    def interrupted(*a: Any, **k: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(os, "link" if first else "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cached(TEXT, lambda: CODE)
    assert {path.name for path in folder.iterdir()} == (set() if first else {KEY_FILE})
    assert asked()
    assert not asked()


@needs_modes
def test_full_disk_leaves_no_partial_file(folder: Path) -> None:
    import resource  # noqa: PLC0415  # only where there is one

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    asked("small", b"small")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
        assert asked(TEXT, CODE * 1_000)
        assert asked(TEXT, CODE * 1_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name for path in folder.iterdir()} == {KEY_FILE, name_of("small")}
    assert not asked("small", b"small")


# Others at the same time


def test_secret_of_a_faster_process_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, theirs = os.link, b"t" * KEY_SIZE

    def slower(source: str, target: str, **at: Any) -> None:
        (folder / KEY_FILE).write_bytes(theirs)
        (folder / KEY_FILE).chmod(0o600)
        real(source, target, **at)

    monkeypatch.setattr(os, "link", slower)
    assert asked()
    assert (folder / KEY_FILE).read_bytes() == theirs
    assert is_integer(folder / name_of(), sealed(theirs, TEXT, CODE))
    assert not asked()


@pytest.mark.skipif(not code_cache._USE_DIR_FD, reason="folders cannot be held open here")
def test_directory_replaced_after_check_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "code"
    path.mkdir(0o700)
    with code_cache._CacheDirectory(path) as held:
        path.rename(tmp_path / "away")
        path.mkdir(0o700)
        (path / KEY_FILE).write_bytes(b"f" * KEY_SIZE)
        (path / KEY_FILE).chmod(0o600)
        assert held.read(KEY_FILE, KEY_SIZE, KEY_SIZE) is None
        held.write("new", b"content")
    assert [file.name for file in path.iterdir()] == [KEY_FILE]
    assert (tmp_path / "away" / "new").read_bytes() == b"content"


@pytest.mark.parametrize("change", [-1, 1], ids=["grows", "shrinks"])
def test_read_file_changing_size_returns_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: int
) -> None:
    asked()
    real = os.fstat

    def earlier(handle: int) -> os.stat_result:
        info = real(handle)
        return os.stat_result((*info[:6], info.st_size + change, *info[7:10]))

    with code_cache._CacheDirectory(folder) as held:
        monkeypatch.setattr(os, "fstat", earlier)
        assert held.read(KEY_FILE, 0, 99) is None
        monkeypatch.undo()
        assert held.read(KEY_FILE, 0, 99) == (folder / KEY_FILE).read_bytes()


def worker(number: int, together: Any, results: Any) -> None:
    """Reads and writes the same few codes as all others, and spoils some."""
    code_cache.MAX_CACHE_SIZE = 5 * 20_100
    wrong = misses = 0
    together.wait()
    for turn in range(150):
        which = (turn * 7 + number * 3) % 8
        right = bytes([which]) * 20_000
        make = Counted(right)
        wrong += cached(f"code {which}", make) != right
        misses += make.calls
        if number == 0 and turn % 10 == 0:
            place = Path(os.environ[code_cache.VARIABLE])
            victim = place / (KEY_FILE if turn % 50 == 40 else name_of(f"code {which}"))
            try:
                victim.write_bytes(b"spoiled" * (turn + 1))
            except OSError:
                wrong += victim.exists() and POSIX
    results.put((wrong, misses))


def test_many_processes_get_correct_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "code"
    monkeypatch.setenv(code_cache.VARIABLE, str(place))
    spawn = multiprocessing.get_context("spawn")
    together, results = spawn.Barrier(8), spawn.Queue()
    workers = [spawn.Process(target=worker, args=(n, together, results)) for n in range(8)]
    for process in workers:
        process.start()
    counts = [results.get(timeout=HANG) for _ in workers]
    for process in workers:
        process.join(60)
        assert process.exitcode == 0
    assert [wrong for wrong, _ in counts] == [0] * 8
    assert 8 <= sum(misses for _, misses in counts) < 8 * 150  # made, and hit
    assert all(path.name == KEY_FILE or len(path.name) == 64 for path in place.iterdir())


def first(number: int, together: Any, results: Any) -> None:
    together.wait()
    results.put(cached(f"code {number}", lambda: bytes([number])) == bytes([number]))


def test_processes_starting_at_once_share_one_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(code_cache.VARIABLE, str(tmp_path / "code"))
    spawn = multiprocessing.get_context("spawn")
    together, results = spawn.Barrier(8), spawn.Queue()
    workers = [spawn.Process(target=first, args=(n, together, results)) for n in range(8)]
    for process in workers:
        process.start()
    assert all(results.get(timeout=HANG) for _ in workers)
    for process in workers:
        process.join(60)
    assert not any(asked(f"code {number}", bytes([number])) for number in range(8))


# How much it holds


def test_too_large_code_is_not_stored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (code_cache.MAX_CODE_SIZE, code_cache.MAX_CACHE_SIZE) == (64 * 2**20, 256 * 2**20)
    monkeypatch.setattr(code_cache, "MAX_CODE_SIZE", len(CODE))
    assert asked(TEXT, CODE + b"\0")
    assert asked(TEXT, CODE + b"\0")
    assert not folder.exists()
    assert asked(TEXT, CODE)
    assert not asked(TEXT, CODE)


def aged(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_evict_removes_least_recently_used_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_cache, "MAX_CACHE_SIZE", 4 * (HEADER_SIZE + len(CODE)))
    for age, key in enumerate("abcd"):
        assert asked(key)
        aged(folder / name_of(key), 1000 - age)
    assert not asked("a")  # used again
    assert asked("e")
    kept = {key for key in "abcde" if (folder / name_of(key)).exists()}
    assert kept == set("acde")
    assert asked("f", CODE * 2 + bytes(HEADER_SIZE))  # twice as large
    kept = {key for key in "abcdef" if (folder / name_of(key)).exists()}
    assert kept == set("aef")
    assert not asked("f", CODE * 2 + bytes(HEADER_SIZE))
    assert not asked("a")


def test_evict_keeps_limit_to_the_byte(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_cache, "MAX_CACHE_SIZE", 2 * (HEADER_SIZE + len(CODE)))
    assert asked("a")
    assert asked("b")
    assert not asked("a")
    assert not asked("b")
    (folder / name_of("b")).write_bytes(b"odd")
    assert asked("b")  # what is replaced does not count
    assert not asked("a")
    assert asked("c", CODE + b"\0")  # a byte too much for two
    assert not (folder / name_of("a")).exists()
    assert not (folder / name_of("b")).exists()


def test_evict_skips_files_it_cannot_remove(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows a file that someone reads."""
    monkeypatch.setattr(code_cache, "MAX_CACHE_SIZE", 3 * (HEADER_SIZE + len(CODE)))
    for age, key in enumerate("abc"):
        assert asked(key)
        aged(folder / name_of(key), 1000 - age)
    real = os.unlink

    def busy(name: str, **at: Any) -> None:
        if name.endswith(name_of("a")):
            raise PermissionError(errno.EACCES, "someone reads it")
        real(name, **at)

    monkeypatch.setattr(os, "unlink", busy)
    assert asked("d")
    assert {key for key in "abcd" if (folder / name_of(key)).exists()} == set("acd")


def test_evict_leaves_other_files_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked("a")
    monkeypatch.setattr(code_cache, "MAX_CACHE_SIZE", 0)
    mine = ["thesis.txt", name_of().upper(), name_of()[:-1], name_of() + "0", ".new", "g" * 64]
    for name in mine:
        (folder / name).write_bytes(b"mine")
        aged(folder / name, 1e6)
    (folder / ("0" * 64)).mkdir()  # and this cannot be removed
    secret = (folder / KEY_FILE).read_bytes()
    assert asked("b")
    assert {path.name for path in folder.iterdir()} == {*mine, KEY_FILE, "0" * 64, name_of("b")}
    assert (folder / KEY_FILE).read_bytes() == secret


def test_evict_removes_old_temporary_files(folder: Path) -> None:
    asked("a")
    for name, age in itertools.product(("one", "two"), (0, 3000, 4000, -4000)):
        path = folder / f"{TEMPORARY_PREFIX}{name}{age}"
        path.write_bytes(b"half")
        aged(path, age)
    assert asked("b")
    left = {path.name for path in folder.glob(TEMPORARY_PREFIX + "*")}
    assert left == {
        f"{TEMPORARY_PREFIX}{name}{age}" for name in ("one", "two") for age in (0, 3000)
    }
