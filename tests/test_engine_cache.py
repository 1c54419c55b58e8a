"""The code cache: a hit returns the stored code; an invalid entry is compiled again."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from piecewise.engine.runtime import code_cache
from piecewise.engine.runtime.code_cache import (
    HEADER_SIZE,
    KEY_FILE,
    KEY_SIZE,
    MAGIC,
    TEMPORARY_PREFIX,
    cached,
)

from .code_cache import (
    CODE,
    ODD_KINDS,
    POSIX,
    TEXT,
    asked,
    cache_folder,  # noqa: F401  # the fixture
    failing,
    is_integer,
    name_of,
    odd_files,
    put,
    sealed,
)
from .steps import at_most

# Hits and misses


def test_cached_same_key_calls_make_once(folder: Path) -> None:
    assert [asked() for _ in range(4)] == [True, False, False, False]
    assert cached(TEXT, lambda: b"something else") == CODE


def test_cached_different_keys_have_separate_entries(folder: Path) -> None:
    keys: list[str | bytes] = ["a", "b", "ab", "", "ä", b"\xff\0", "\udc80", "a" * 100_000]
    for number, key in enumerate(keys):
        assert asked(key, bytes([number]) * number)  # the first one is empty
    for number, key in enumerate(keys):
        assert not asked(key, bytes([number]) * number)
    assert not asked(b"b", b"\1")  # text is its UTF-8
    assert len(list(folder.iterdir())) == len(keys) + 1


def test_cache_files_have_documented_content_and_modes(folder: Path) -> None:
    asked()
    secret = (folder / KEY_FILE).read_bytes()
    assert len(secret) == KEY_SIZE == 32
    assert {path.name for path in folder.iterdir()} == {KEY_FILE, name_of()}
    assert is_integer(folder / name_of(), sealed(secret, TEXT, CODE))
    assert is_integer(folder / KEY_FILE, secret)
    if POSIX:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_cached_make_raises_stores_nothing(folder: Path) -> None:
    def make() -> bytes:
        raise OSError(errno.EIO, "compiling failed")

    with pytest.raises(OSError, match="compiling failed"):
        cached(TEXT, make)
    assert not folder.exists()
    assert asked()


def test_cached_hit_takes_few_steps(folder: Path) -> None:
    code = os.urandom(200_000)
    asked(TEXT, code)
    for _ in range(3):
        with at_most(2_000):
            assert cached(TEXT, bytes) == code


def test_code_cache_import_loads_no_heavy_module() -> None:
    heavy = "{'numpy', 'llvmlite', 'tempfile', 'random', 'subprocess', 'socket'}"
    script = f"import sys, piecewise.engine.runtime.code_cache; print({heavy} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


# Files of code that are not as they were written

ODD_CONTENTS: dict[str, Callable[[Path], None]] = {
    "gone": lambda path: path.unlink(),
    "empty": put(lambda content: b""),
    "code alone": put(lambda content: content[HEADER_SIZE:]),
    "a byte long": put(lambda content: content + b"\0"),
    "zeros": put(lambda content: bytes(len(content))),
    "another version": put(lambda content: content.replace(b"code 1", b"code 2", 1)),
    "no seal": put(lambda content: MAGIC + bytes(32) + content[HEADER_SIZE:]),
    "an open seal": put(
        lambda content: (
            MAGIC + hashlib.sha256(content[HEADER_SIZE:]).digest() + content[HEADER_SIZE:]
        )
    ),
    "a seal of no secret": put(lambda content: sealed(b"", TEXT, content[HEADER_SIZE:])),
}


@pytest.mark.parametrize("odd", odd_files(ODD_CONTENTS))
def test_invalid_entry_is_compiled_again_and_replaced(
    folder: Path, odd: Callable[[Path], None]
) -> None:
    asked()
    before = (folder / name_of()).read_bytes()
    odd(folder / name_of())
    assert asked()
    assert is_integer(folder / name_of(), before)
    assert not asked()
    elsewhere = folder.parent / "elsewhere"
    assert not elsewhere.exists() or elsewhere.read_bytes() == before  # nothing goes through a link
    assert not (folder.parent / "nowhere").exists()


def test_flipped_bit_in_any_byte_is_a_miss(folder: Path) -> None:
    asked()
    path = folder / name_of()
    whole = path.read_bytes()
    assert len(whole) == HEADER_SIZE + len(CODE)
    for position in range(len(whole)):
        broken = bytearray(whole)
        broken[position] ^= 1 << position % 8
        path.write_bytes(broken)
        assert asked(), position
        assert is_integer(path, whole)
    assert not asked()


def test_truncated_entry_is_a_miss(folder: Path) -> None:
    asked()
    path = folder / name_of()
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert asked(), length
        assert is_integer(path, whole)
    assert not asked()


def test_swapped_entries_are_misses(folder: Path) -> None:
    asked("one", b"1111")
    asked("two", b"2222")
    one, op = folder / name_of("one"), folder / name_of("two")
    contents = one.read_bytes(), op.read_bytes()
    one.write_bytes(contents[1])
    op.write_bytes(contents[0])
    assert asked("one", b"1111")
    assert asked("two", b"2222")
    assert (one.read_bytes(), op.read_bytes()) == contents


def test_header_authenticates_digest_and_code_separately(folder: Path) -> None:
    asked()
    secret = (folder / KEY_FILE).read_bytes()
    assert code_cache._header(secret, b"a" * 32, b"bc") != code_cache._header(
        secret, b"a" * 31 + b"b", b"c"
    )
    path = folder / name_of()
    path.write_bytes(sealed(secret, TEXT, b"written by one who has the secret"))
    assert cached(TEXT, bytes) == b"written by one who has the secret"  # so the seal is what counts


def test_too_large_entry_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked()
    monkeypatch.setattr(code_cache, "MAX_CODE_SIZE", len(CODE) - 1)
    assert asked()
    monkeypatch.setattr(code_cache, "MAX_CODE_SIZE", len(CODE))
    assert not asked()


@pytest.mark.parametrize("what", ["code", "key"])
def test_directory_named_like_a_file_is_a_miss(folder: Path, what: str) -> None:
    asked()
    path = folder / (KEY_FILE if what == "key" else name_of())
    path.unlink()
    path.mkdir()
    (path / "mine").touch()
    assert asked()
    assert asked()
    assert (path / "mine").exists()
    assert asked("other") or what == "key"
    assert asked("other") == (what == "key")
    assert not list(folder.glob(TEMPORARY_PREFIX + "*"))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to count handles")
def test_failed_checks_leave_no_handle_open(folder: Path) -> None:
    asked()
    before = len(list(Path("/proc/self/fd").iterdir()))
    path = folder / name_of()
    for odd in (*ODD_CONTENTS.values(), *ODD_KINDS.values()):
        odd(path)
        assert asked()
    path.unlink()
    path.mkdir()
    asked()
    folder.chmod(0o755)
    asked()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("step", ["open", "fstat"])
def test_unreadable_entry_is_compiled_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    asked()
    with monkeypatch.context() as broken:
        broken.setattr(os, step, failing(errno.EIO))
        assert asked()
        assert asked()
    asked()
    assert not asked()


def test_cached_hit_without_utime_is_a_hit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked()
    monkeypatch.setattr(os, "utime", failing(errno.EROFS))
    assert not asked()
