"""The code cache's directory: its path, its owner and mode, and its secret."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from piecewise.engine.runtime import code_cache
from piecewise.engine.runtime.code_cache import KEY_FILE, KEY_SIZE

from .code_cache import (
    CODE,
    NOBODY,
    POSIX,
    ROOT,
    TEXT,
    asked,
    cache_folder,  # noqa: F401  # the fixture
    failing,
    is_integer,
    linked,
    name_of,
    needs_modes,
    needs_root,
    odd_files,
    put,
    sealed,
    seen,
)

# The secret

ODD_KEYS: dict[str, Callable[[Path], None]] = {
    "gone": lambda path: path.unlink(),
    "empty": put(lambda content: b""),
    "short": put(lambda content: content[:-1]),
    "long": put(lambda content: content + b"\0"),
}


@pytest.mark.parametrize("odd", odd_files(ODD_KEYS))
def test_invalid_secret_is_replaced(folder: Path, odd: Callable[[Path], None]) -> None:
    asked()
    before = (folder / KEY_FILE).read_bytes()
    odd(folder / KEY_FILE)
    assert asked()
    after = (folder / KEY_FILE).read_bytes()
    assert after != before
    assert len(after) == KEY_SIZE
    assert is_integer(folder / KEY_FILE, after)
    assert is_integer(folder / name_of(), sealed(after, TEXT, CODE))
    assert not asked()
    assert {path.name for path in folder.iterdir()} == {KEY_FILE, name_of()}


def test_different_secret_invalidates_entries(folder: Path) -> None:
    asked()
    (folder / KEY_FILE).write_bytes(b"k" * KEY_SIZE)
    assert asked()
    assert (folder / KEY_FILE).read_bytes() == b"k" * KEY_SIZE  # a good one stays
    assert is_integer(folder / name_of(), sealed(b"k" * KEY_SIZE, TEXT, CODE))
    assert not asked()


def test_secret_without_hard_links_is_created(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    assert asked()
    assert not asked()


# Folders


@needs_modes
@pytest.mark.parametrize("mode", [0o700 | 1 << bit for bit in range(6)], ids=oct)
def test_directory_open_to_others_is_not_used(folder: Path, mode: int) -> None:
    asked()
    before = seen(folder)
    folder.chmod(mode)
    assert asked()
    assert asked("new")
    assert seen(folder) == before
    folder.chmod(0o700)
    assert not asked()


@needs_modes
def test_symbolic_link_to_directory_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked()
    before = seen(folder)
    folder.rename(folder.parent / "real")
    folder.symlink_to("real")
    for written in (folder, f"{folder}/", f"{folder}/."):
        monkeypatch.setenv(code_cache.VARIABLE, str(written))
        assert asked()
        assert asked("new")
    assert seen(folder) == before
    monkeypatch.setenv(code_cache.VARIABLE, str(folder.parent / "real"))
    assert not asked()


@needs_modes
def test_dangling_symbolic_link_is_not_followed(folder: Path) -> None:
    folder.symlink_to("nowhere")
    assert asked()
    assert asked()
    assert not (folder.parent / "nowhere").exists()


def test_file_instead_of_directory_is_not_used(folder: Path) -> None:
    folder.write_bytes(b"a file")
    folder.chmod(0o600)
    assert asked()
    assert asked()
    assert folder.read_bytes() == b"a file"


def test_missing_parents_are_created_private(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = folder / "a" / "b"
    monkeypatch.setenv(code_cache.VARIABLE, str(deep))
    assert asked()
    assert not asked()
    if POSIX:
        assert {stat.S_IMODE(p.stat().st_mode) for p in (folder, deep.parent, deep)} == {0o700}


@needs_modes
def test_pipe_or_file_is_not_opened(folder: Path) -> None:
    asked()
    with code_cache._CacheDirectory(folder) as held:
        os.mkfifo(folder / "pipe", 0o600)
        assert held.read("pipe", 0, 10) is None
        assert held.read(KEY_FILE, 0, KEY_SIZE) is not None
    with pytest.raises(OSError, match=r"Not a directory|not a private directory"):
        code_cache._CacheDirectory(folder / KEY_FILE)


@needs_modes
@pytest.mark.parametrize("folder", [False], ids=["by path"], indirect=True)
@pytest.mark.parametrize("what", ["code", "folder"])
def test_links_and_junctions_are_detected_by_attributes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """As on Windows, where nothing else tells them."""
    plain = SimpleNamespace(st_mode=stat.S_IFDIR, st_file_attributes=stat.FILE_ATTRIBUTE_DIRECTORY)
    junction = SimpleNamespace(st_mode=stat.S_IFDIR, st_file_attributes=0x410)
    assert [code_cache._is_link(info) for info in (plain, junction)] == [False, True]  # type: ignore[arg-type]

    monkeypatch.setattr(code_cache, "_OPEN_READ", os.O_RDONLY)
    asked()
    if what == "code":
        linked(folder / name_of())
        assert asked()
        assert not (folder / name_of()).is_symlink()
        assert not asked()
    else:
        number = folder.stat().st_ino
        monkeypatch.setattr(code_cache, "_is_link", lambda info: info.st_ino == number)
        assert asked()
        assert asked()


READ_ONLY = """
import os, sys
from pathlib import Path
from piecewise.engine.runtime.code_cache import cached
if os.getuid() == 0:  # who may write everywhere
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
folder = Path(os.environ["PIECEWISE_CACHE"])
print(cached("old", lambda: b"old"))
folder.chmod(0o500)
try:
    (folder / "probe").touch()
    print("it could be written")
except OSError:
    pass
print(cached("old", lambda: b"not this"), cached("new", lambda: b"1"), cached("new", lambda: b"2"))
(folder / "key").chmod(0)
print(cached("old", lambda: b"the key cannot be read"))
folder.chmod(0)
print(cached("old", lambda: b"nor the folder"))
folder.chmod(0o700)
(folder / "key").chmod(0o600)
print(cached("old", lambda: b"not this"), sorted(len(path.name) for path in folder.iterdir()))
"""


@needs_modes
def test_read_only_directory_still_gives_hits() -> None:
    """As nobody, where root runs the tests."""
    with tempfile.TemporaryDirectory() as home:
        if ROOT:
            os.chown(home, NOBODY, NOBODY)
        run = subprocess.run(
            [sys.executable, "-c", READ_ONLY],
            check=False,
            env=os.environ | {code_cache.VARIABLE: f"{home}/code"},
            capture_output=True,
            text=True,
        )
    assert run.stderr == ""
    assert run.stdout.splitlines() == [
        "b'old'",
        "b'old' b'1' b'2'",
        "b'the key cannot be read'",
        "b'nor the folder'",
        "b'old' [3, 64]",
    ]


# Another user


@needs_modes
@pytest.mark.parametrize("what", ["code", "key", "folder"])
def test_file_owned_by_another_user_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """As it looks to this user when someone else made one of them."""
    asked()
    path = {"code": folder / name_of(), "key": folder / KEY_FILE, "folder": folder}[what]
    theirs, before = path.stat().st_ino, seen(folder)

    def as_theirs(real: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def changed_owner(*a: Any, **k: Any) -> os.stat_result:
            info = real(*a, **k)
            if info.st_ino != theirs:
                return info
            return os.stat_result((*info[:4], info.st_uid + 1, *info[5:10]))

        return changed_owner

    with monkeypatch.context() as elsewhere:
        for step in ("fstat", "lstat", "stat"):
            elsewhere.setattr(os, step, as_theirs(getattr(os, step)))
        with path.open() if path.is_file() else nullcontext():  # else its number is given again
            assert asked()
        assert asked() == (what == "folder")
        assert what != "folder" or asked("new")
    assert (path.stat().st_ino == theirs) == (what == "folder")
    assert (seen(folder) == before) == (what != "key")  # the same code, sealed the same
    assert not asked()


@needs_root
@pytest.mark.parametrize("what", ["code", "key", "folder"])
def test_file_given_to_another_user_is_not_used(folder: Path, what: str) -> None:
    asked()
    path = {"code": folder / name_of(), "key": folder / KEY_FILE, "folder": folder}[what]
    before = seen(folder)
    os.chown(path, NOBODY, NOBODY)
    assert asked()
    if what == "folder":
        assert asked()
        assert asked("new")
        assert seen(folder) == before
    else:
        assert is_integer(path, path.read_bytes())
        assert not asked()


@needs_root
def test_parent_of_another_user_gets_no_cache(folder: Path) -> None:
    os.chown(folder.parent, NOBODY, NOBODY)
    assert asked()
    assert asked()
    assert not folder.exists()
    folder.parent.chmod(0o1777)  # but in a folder for all, as /tmp
    assert asked()
    assert not asked()


@needs_modes
def test_no_directory_is_created_below_one_of_another_user(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    assert asked()
    assert not folder.exists()


# The path


@pytest.mark.parametrize("word", ["off", "OFF", ""])
def test_cache_off_stores_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    asked()
    before = seen(folder)
    monkeypatch.setenv(code_cache.VARIABLE, word)
    monkeypatch.chdir(folder.parent)
    assert asked()
    assert asked()
    assert seen(folder) == before
    assert list(folder.parent.iterdir()) == [folder]


PLACES = [
    ("linux", {"HOME": "/h"}, "/h/.cache/piecewise/code"),
    ("linux", {"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/x/piecewise/code"),
    ("linux", {"HOME": "/h", "XDG_CACHE_HOME": ""}, "/h/.cache/piecewise/code"),
    ("linux", {"HOME": "/h", "XDG_CACHE_HOME": "x"}, "/h/.cache/piecewise/code"),
    ("linux", {"HOME": "h"}, None),
    ("darwin", {"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/h/Library/Caches/piecewise/code"),
    ("win32", {"HOME": "/h", "LOCALAPPDATA": "/l"}, "/l/piecewise/code"),
    ("win32", {"HOME": "/h"}, None),
    ("win32", {"HOME": "/h", "LOCALAPPDATA": "l"}, None),
    ("win32", {code_cache.VARIABLE: "/c", "LOCALAPPDATA": "/l"}, "/c"),
    ("linux", {code_cache.VARIABLE: "/c", "HOME": "/h"}, "/c"),
]


@needs_modes
@pytest.mark.parametrize(("system", "words", "place"), PLACES)
def test_cache_path_follows_platform_and_environment(
    monkeypatch: pytest.MonkeyPatch, system: str, words: dict[str, str], place: str | None
) -> None:
    for name in (code_cache.VARIABLE, "HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in words.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", system)
    assert code_cache.cache_path() == (Path(place) if place else None)


@needs_modes
def test_cached_uses_xdg_cache_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(code_cache.VARIABLE)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    assert asked()
    assert not asked()
    assert (folder / "piecewise" / "code" / name_of()).is_file()


def test_cached_without_home_stores_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (code_cache.VARIABLE, "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as it does where it finds none
    monkeypatch.chdir(folder.parent)
    assert asked()
    assert asked()
    assert not list(folder.parent.iterdir())


def test_relative_path_is_resolved_and_missing_cwd_is_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv(code_cache.VARIABLE, "code")
    assert asked()
    assert not asked()
    assert (folder / name_of()).is_file()
    monkeypatch.setattr(os, "getcwd", failing(errno.ENOENT))
    assert asked()
