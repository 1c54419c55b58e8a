"""What the tests of the cache of compiled code share: its folder, and files as none should be."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from piecewise.engine.runtime import code_cache
from piecewise.engine.runtime.code_cache import cached

POSIX = os.name == "posix"
ROOT = POSIX and os.getuid() == 0
NOBODY = 65534  # as the script of test_engine_cache_folder.py has it
needs_modes = pytest.mark.skipif(not POSIX, reason="no owners, modes and links of this kind here")
needs_root = pytest.mark.skipif(not ROOT, reason="only root can give files away")

TEXT, CODE = "define void @learn()", bytes(range(64))


@pytest.fixture(name="folder", params=[True, False], ids=["held open", "by path"])
def cache_folder(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Path]:
    """The cache's folder, not made yet; in both ways of reaching its files; without noise."""
    monkeypatch.setattr(code_cache, "_USE_DIR_FD", request.param and code_cache._USE_DIR_FD)
    monkeypatch.setenv(code_cache.VARIABLE, str(tmp_path / "code"))
    yield tmp_path / "code"
    assert capfd.readouterr() == ("", "")


class Counted:
    """Gives the code, and counts how often it was asked for it."""

    def __init__(self, code: bytes) -> None:
        self.code, self.calls = code, 0

    def __call__(self) -> bytes:
        self.calls += 1
        return self.code


def asked(key: str | bytes = TEXT, code: bytes = CODE) -> bool:
    """Whether the code had to be made; it is the right one either way."""
    make = Counted(code)
    assert cached(key, make) == code
    assert make.calls <= 1
    return make.calls == 1


def name_of(key: str = TEXT) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def sealed(secret: bytes, key: str, code: bytes) -> bytes:
    """A file as it has to be, written down a second time."""
    digest = hashlib.sha256(key.encode()).digest()
    return b"piecewise code 1\n" + hmac.new(secret, digest + code, "sha256").digest() + code


def is_integer(path: Path, content: bytes) -> bool:
    info = path.lstat()
    kept = stat.S_ISREG(info.st_mode) and path.read_bytes() == content
    return kept and (not POSIX or (stat.S_IMODE(info.st_mode), info.st_uid) == (0o600, os.getuid()))


def seen(folder: Path) -> dict[str, tuple[bytes, int]]:
    """All that is in a folder, to compare."""
    return {path.name: (path.read_bytes(), path.stat().st_mode) for path in folder.iterdir()}


def failing(number: int) -> Callable[..., Any]:
    def fail(*a: Any, **k: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


# What a file can be but should not


def put(content: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_bytes(content(path.read_bytes()))

    return change


def linked(path: Path) -> None:
    """The very file, but by a link to where others may write."""
    path.rename(path.parents[1] / "elsewhere")
    path.symlink_to(path.parents[1] / "elsewhere")


def leading_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parents[1] / "nowhere")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def given(mode: int) -> Callable[[Path], None]:
    return lambda path: path.chmod(mode)


OPEN_MODES = [0o600 | 1 << bit for bit in range(6)]
ODD_KINDS: dict[str, Callable[[Path], None]] = {
    "a link": linked,
    "a link to nowhere": leading_nowhere,
    "a pipe": pipe,
    **{f"mode {mode:o}": given(mode) for mode in OPEN_MODES},
}


def odd_files(contents: dict[str, Callable[[Path], None]]) -> list[Any]:
    """These contents, and all that a file can be that is none of ours, for `parametrize`."""
    return [
        *(pytest.param(odd, id=name) for name, odd in contents.items()),
        *(pytest.param(odd, id=name, marks=needs_modes) for name, odd in ODD_KINDS.items()),
    ]
