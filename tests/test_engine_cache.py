"""The cache of compiled code: a hit is what was stored, and whatever is odd is compiled again."""

from __future__ import annotations

import errno
import hashlib
import hmac
import itertools
import multiprocessing
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from piecewise.engine import cache
from piecewise.engine.cache import HEAD, KEY, KEY_SIZE, MAGIC, UNFINISHED, cached

POSIX = os.name == "posix"
ROOT = POSIX and os.getuid() == 0
NOBODY = 65534  # as the script below has it
needs_modes = pytest.mark.skipif(not POSIX, reason="no owners, modes and links of this kind here")
needs_root = pytest.mark.skipif(not ROOT, reason="only root can give files away")

TEXT, CODE = "define void @learn()", bytes(range(64))


@pytest.fixture(params=[True, False], ids=["held open", "by path"])
def folder(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Path]:
    """The cache's folder, not made yet; in both ways of reaching its files; without noise."""
    monkeypatch.setattr(cache, "_PINNED", request.param and cache._PINNED)
    monkeypatch.setenv(cache.CHOICE, str(tmp_path / "code"))
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


def is_whole(path: Path, content: bytes) -> bool:
    info = path.lstat()
    kept = stat.S_ISREG(info.st_mode) and path.read_bytes() == content
    return kept and (not POSIX or (stat.S_IMODE(info.st_mode), info.st_uid) == (0o600, os.getuid()))


def seen(folder: Path) -> dict[str, tuple[bytes, int]]:
    """All that is in a folder, to compare."""
    return {path.name: (path.read_bytes(), path.stat().st_mode) for path in folder.iterdir()}


# Hits and misses


def test_code_is_made_once(folder: Path) -> None:
    assert [asked() for _ in range(4)] == [True, False, False, False]
    assert cached(TEXT, lambda: b"something else") == CODE


def test_every_key_has_its_own_code(folder: Path) -> None:
    keys: list[str | bytes] = ["a", "b", "ab", "", "ä", b"\xff\0", "\udc80", "a" * 100_000]
    for number, key in enumerate(keys):
        assert asked(key, bytes([number]) * number)  # the first one is empty
    for number, key in enumerate(keys):
        assert not asked(key, bytes([number]) * number)
    assert not asked(b"b", b"\1")  # text is its UTF-8
    assert len(list(folder.iterdir())) == len(keys) + 1


def test_the_folder_and_its_files_are_as_described(folder: Path) -> None:
    asked()
    secret = (folder / KEY).read_bytes()
    assert len(secret) == KEY_SIZE == 32
    assert {path.name for path in folder.iterdir()} == {KEY, name_of()}
    assert is_whole(folder / name_of(), sealed(secret, TEXT, CODE))
    assert is_whole(folder / KEY, secret)
    if POSIX:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_every_user_has_another_key(folder: Path) -> None:
    asked()
    first = (folder / KEY).read_bytes()
    shutil.rmtree(folder)
    asked()
    assert (folder / KEY).read_bytes() != first


def test_what_making_raises_is_raised_and_nothing_kept(folder: Path) -> None:
    def make() -> bytes:
        raise OSError(errno.EIO, "compiling failed")

    with pytest.raises(OSError, match="compiling failed"):
        cached(TEXT, make)
    assert not folder.exists()
    assert asked()


def test_a_hit_takes_less_than_a_millisecond(folder: Path) -> None:
    code = os.urandom(200_000)
    asked(TEXT, code)
    taken = list[float]()
    for _ in range(200):
        start = time.perf_counter()
        cached(TEXT, bytes)
        taken.append(time.perf_counter() - start)
    assert min(taken) < 1e-3


def test_it_is_light_to_import() -> None:
    heavy = "{'numpy', 'llvmlite', 'tempfile', 'random', 'subprocess', 'socket'}"
    script = f"import sys, piecewise.engine.cache; print({heavy} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


# Files of code that are not as they were written


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
ODD_CONTENTS: dict[str, Callable[[Path], None]] = {
    "gone": lambda path: path.unlink(),
    "empty": put(lambda content: b""),
    "code alone": put(lambda content: content[HEAD:]),
    "head alone": put(lambda content: content[:HEAD]),
    "a byte short": put(lambda content: content[:-1]),
    "a byte long": put(lambda content: content + b"\0"),
    "twice": put(lambda content: content * 2),
    "zeros": put(lambda content: bytes(len(content))),
    "another version": put(lambda content: content.replace(b"code 1", b"code 2", 1)),
    "other code": put(lambda content: content[:-8] + b"\xcc" * 8),
    "no seal": put(lambda content: MAGIC + bytes(32) + content[HEAD:]),
    "an open seal": put(
        lambda content: MAGIC + hashlib.sha256(content[HEAD:]).digest() + content[HEAD:]
    ),
    "a seal of no secret": put(lambda content: sealed(b"", TEXT, content[HEAD:])),
    "sealed for another key": put(lambda content: sealed(b"", "other", content[HEAD:])),
}
ODD_KINDS: dict[str, Callable[[Path], None]] = {
    "a link": linked,
    "a link to nowhere": leading_nowhere,
    "a pipe": pipe,
    **{f"mode {mode:o}": given(mode) for mode in OPEN_MODES},
}


@pytest.mark.parametrize("odd", ODD_CONTENTS.values(), ids=ODD_CONTENTS)
def test_odd_contents_are_made_again_and_replaced(
    folder: Path, odd: Callable[[Path], None]
) -> None:
    asked()
    before = (folder / name_of()).read_bytes()
    odd(folder / name_of())
    assert asked()
    assert is_whole(folder / name_of(), before)
    assert not asked()


@needs_modes
@pytest.mark.parametrize("odd", ODD_KINDS.values(), ids=ODD_KINDS)
def test_odd_files_are_made_again_and_replaced(folder: Path, odd: Callable[[Path], None]) -> None:
    asked()
    before = (folder / name_of()).read_bytes()
    odd(folder / name_of())
    assert asked()
    assert is_whole(folder / name_of(), before)
    assert not asked()
    elsewhere = folder.parent / "elsewhere"
    assert not elsewhere.exists() or elsewhere.read_bytes() == before  # nothing goes through a link
    assert not (folder.parent / "nowhere").exists()


def test_a_flipped_bit_in_any_byte_is_found(folder: Path) -> None:
    asked()
    path = folder / name_of()
    whole = path.read_bytes()
    assert len(whole) == HEAD + len(CODE)
    for position in range(len(whole)):
        broken = bytearray(whole)
        broken[position] ^= 1 << position % 8
        path.write_bytes(broken)
        assert asked(), position
        assert is_whole(path, whole)
    assert not asked()


def test_every_cut_is_found(folder: Path) -> None:
    asked()
    path = folder / name_of()
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert asked(), length
        assert is_whole(path, whole)
    assert not asked()


def test_code_of_another_key_is_not_taken_for_this_one(folder: Path) -> None:
    asked("one", b"1111")
    asked("two", b"2222")
    one, two = folder / name_of("one"), folder / name_of("two")
    contents = one.read_bytes(), two.read_bytes()
    one.write_bytes(contents[1])
    two.write_bytes(contents[0])
    assert asked("one", b"1111")
    assert asked("two", b"2222")
    assert (one.read_bytes(), two.read_bytes()) == contents


def test_digest_and_code_cannot_be_divided_otherwise(folder: Path) -> None:
    asked()
    secret = (folder / KEY).read_bytes()
    assert cache._head(secret, b"a" * 32, b"bc") != cache._head(secret, b"a" * 31 + b"b", b"c")
    path = folder / name_of()
    path.write_bytes(sealed(secret, TEXT, b"written by one who has the secret"))
    assert cached(TEXT, bytes) == b"written by one who has the secret"  # so the seal is what counts


def test_too_large_a_file_is_not_even_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked()
    monkeypatch.setattr(cache, "MOST_OBJECT", len(CODE) - 1)
    assert asked()
    monkeypatch.setattr(cache, "MOST_OBJECT", len(CODE))
    assert not asked()


@pytest.mark.parametrize("what", ["code", "key"])
def test_a_folder_in_a_files_place_only_costs_time(folder: Path, what: str) -> None:
    asked()
    path = folder / (KEY if what == "key" else name_of())
    path.unlink()
    path.mkdir()
    (path / "mine").touch()
    assert asked()
    assert asked()
    assert (path / "mine").exists()
    assert asked("other") or what == "key"
    assert asked("other") == (what == "key")
    assert not list(folder.glob(UNFINISHED + "*"))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to count handles")
def test_no_handle_stays_open(folder: Path) -> None:
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


# The secret


ODD_KEYS: dict[str, Callable[[Path], None]] = {
    "gone": lambda path: path.unlink(),
    "empty": put(lambda content: b""),
    "short": put(lambda content: content[:-1]),
    "long": put(lambda content: content + b"\0"),
}


def odd_key(folder: Path, odd: Callable[[Path], None]) -> None:
    asked()
    before = (folder / KEY).read_bytes()
    odd(folder / KEY)
    assert asked()
    after = (folder / KEY).read_bytes()
    assert after != before
    assert len(after) == KEY_SIZE
    assert is_whole(folder / KEY, after)
    assert is_whole(folder / name_of(), sealed(after, TEXT, CODE))
    assert not asked()
    assert {path.name for path in folder.iterdir()} == {KEY, name_of()}


@pytest.mark.parametrize("odd", ODD_KEYS.values(), ids=ODD_KEYS)
def test_an_odd_key_is_made_anew(folder: Path, odd: Callable[[Path], None]) -> None:
    odd_key(folder, odd)


@needs_modes
@pytest.mark.parametrize("odd", ODD_KINDS.values(), ids=ODD_KINDS)
def test_a_key_that_others_may_know_is_made_anew(folder: Path, odd: Callable[[Path], None]) -> None:
    odd_key(folder, odd)


def test_another_key_opens_nothing(folder: Path) -> None:
    asked()
    (folder / KEY).write_bytes(b"k" * KEY_SIZE)
    assert asked()
    assert (folder / KEY).read_bytes() == b"k" * KEY_SIZE  # a good one stays
    assert is_whole(folder / name_of(), sealed(b"k" * KEY_SIZE, TEXT, CODE))
    assert not asked()


def test_a_key_that_someone_was_faster_with_is_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, theirs = os.link, b"t" * KEY_SIZE

    def slower(source: str, target: str, **at: Any) -> None:
        (folder / KEY).write_bytes(theirs)
        (folder / KEY).chmod(0o600)
        real(source, target, **at)

    monkeypatch.setattr(os, "link", slower)
    assert asked()
    assert (folder / KEY).read_bytes() == theirs
    assert is_whole(folder / name_of(), sealed(theirs, TEXT, CODE))
    assert not asked()


def test_a_key_can_be_made_where_there_are_no_hard_links(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    assert asked()
    assert not asked()


# Folders


@needs_modes
@pytest.mark.parametrize("mode", [0o700 | 1 << bit for bit in range(6)], ids=oct)
def test_a_folder_open_to_others_is_not_used(folder: Path, mode: int) -> None:
    asked()
    before = seen(folder)
    folder.chmod(mode)
    assert asked()
    assert asked("new")
    assert seen(folder) == before
    folder.chmod(0o700)
    assert not asked()


@needs_modes
def test_a_link_to_a_folder_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked()
    before = seen(folder)
    folder.rename(folder.parent / "real")
    folder.symlink_to("real")
    for written in (folder, f"{folder}/", f"{folder}/."):
        monkeypatch.setenv(cache.CHOICE, str(written))
        assert asked()
        assert asked("new")
    assert seen(folder) == before
    monkeypatch.setenv(cache.CHOICE, str(folder.parent / "real"))
    assert not asked()


@needs_modes
def test_a_link_to_nowhere_is_not_followed(folder: Path) -> None:
    folder.symlink_to("nowhere")
    assert asked()
    assert asked()
    assert not (folder.parent / "nowhere").exists()


def test_a_file_in_the_folders_place_is_not_used(folder: Path) -> None:
    folder.write_bytes(b"a file")
    folder.chmod(0o600)
    assert asked()
    assert asked()
    assert folder.read_bytes() == b"a file"


def test_missing_folders_above_are_made_for_this_user_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = folder / "a" / "b"
    monkeypatch.setenv(cache.CHOICE, str(deep))
    assert asked()
    assert not asked()
    if POSIX:
        assert {stat.S_IMODE(p.stat().st_mode) for p in (folder, deep.parent, deep)} == {0o700}


@pytest.mark.skipif(not cache._PINNED, reason="folders cannot be held open here")
def test_another_folder_in_its_place_after_the_check_is_not_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "code"
    path.mkdir(0o700)
    with cache._Folder(path) as held:
        path.rename(tmp_path / "away")
        path.mkdir(0o700)
        (path / KEY).write_bytes(b"f" * KEY_SIZE)
        (path / KEY).chmod(0o600)
        assert held.read(KEY, KEY_SIZE, KEY_SIZE) is None
        held.write("new", b"content")
    assert [file.name for file in path.iterdir()] == [KEY]
    assert (tmp_path / "away" / "new").read_bytes() == b"content"


@needs_modes
def test_what_is_no_folder_or_no_file_is_not_opened(folder: Path) -> None:
    asked()
    with cache._Folder(folder) as held:
        os.mkfifo(folder / "pipe", 0o600)
        assert held.read("pipe", 0, 10) is None
        assert held.read(KEY, 0, KEY_SIZE) is not None
    with pytest.raises(OSError, match=r"Not a directory|not a folder"):
        cache._Folder(folder / KEY)


@needs_modes
@pytest.mark.parametrize("what", ["code", "folder"])
def test_links_and_junctions_are_known_where_opening_follows_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """As on Windows, where nothing else tells them."""
    plain = SimpleNamespace(st_mode=stat.S_IFDIR, st_file_attributes=stat.FILE_ATTRIBUTE_DIRECTORY)
    junction = SimpleNamespace(st_mode=stat.S_IFDIR, st_file_attributes=0x410)
    assert [cache._link(info) for info in (plain, junction)] == [False, True]  # type: ignore[arg-type]

    monkeypatch.setattr(cache, "_PINNED", False)
    monkeypatch.setattr(cache, "_READ", os.O_RDONLY)
    asked()
    if what == "code":
        linked(folder / name_of())
        assert asked()
        assert not (folder / name_of()).is_symlink()
        assert not asked()
    else:
        number = folder.stat().st_ino
        monkeypatch.setattr(cache, "_link", lambda info: info.st_ino == number)
        assert asked()
        assert asked()


# Another user


@needs_modes
def test_another_user_uses_nothing_of_this_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked()
    before = seen(folder)
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    assert asked()
    assert asked("new")
    assert seen(folder) == before
    monkeypatch.setattr(os, "getuid", lambda: user)
    assert not asked()


@needs_modes
@pytest.mark.parametrize("what", ["code", "key", "folder"])
def test_what_another_user_owns_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """As it looks to this user when someone else made one of them."""
    asked()
    path = {"code": folder / name_of(), "key": folder / KEY, "folder": folder}[what]
    theirs, before = path.stat().st_ino, seen(folder)

    def as_theirs(real: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def told(*a: Any, **k: Any) -> os.stat_result:
            info = real(*a, **k)
            if info.st_ino != theirs:
                return info
            return os.stat_result((*info[:4], info.st_uid + 1, *info[5:10]))

        return told

    with monkeypatch.context() as elsewhere:
        for step in ("fstat", "lstat", "stat"):
            elsewhere.setattr(os, step, as_theirs(getattr(os, step)))
        with path.open() if path.is_file() else nullcontext():  # else its number is given again
            assert asked()
        assert asked() == (what == "folder")
    assert (path.stat().st_ino == theirs) == (what == "folder")
    assert (seen(folder) == before) == (what != "key")  # the same code, sealed the same


@needs_root
@pytest.mark.parametrize("what", ["code", "key", "folder"])
def test_what_was_given_away_is_not_used(folder: Path, what: str) -> None:
    asked()
    path = {"code": folder / name_of(), "key": folder / KEY, "folder": folder}[what]
    before = seen(folder)
    os.chown(path, NOBODY, NOBODY)
    assert asked()
    if what == "folder":
        assert asked()
        assert asked("new")
        assert seen(folder) == before
    else:
        assert is_whole(path, path.read_bytes())
        assert not asked()


@needs_root
def test_nothing_is_made_in_someone_elses_home(folder: Path) -> None:
    os.chown(folder.parent, NOBODY, NOBODY)
    assert asked()
    assert asked()
    assert not folder.exists()
    folder.parent.chmod(0o1777)  # but in a folder for all, as /tmp
    assert asked()
    assert not asked()


@needs_modes
def test_no_folder_is_made_below_one_of_another_user(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    assert asked()
    assert not folder.exists()


# Writing that fails


def failing(number: int) -> Callable[..., Any]:
    def fail(*a: Any, **k: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("step", ["replace", "mkdir", "fdopen", "urandom", "scandir"])
def test_what_cannot_be_kept_is_made_every_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(os, step, failing(number))
        assert asked()
        assert asked()
    assert not folder.exists() or {path.name for path in folder.iterdir()} <= {KEY}
    assert asked()
    assert not asked()


@pytest.mark.parametrize("step", ["open", "fstat"])
def test_what_cannot_be_read_is_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    asked()
    with monkeypatch.context() as broken:
        broken.setattr(os, step, failing(errno.EIO))
        assert asked()
        assert asked()
    asked()
    assert not asked()


def test_a_temporary_file_that_stands_there_is_not_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked()
    standing = folder / (UNFINISHED + "07" * 8)
    standing.write_bytes(b"someone's")
    with monkeypatch.context() as certain:
        certain.setattr(os, "urandom", lambda size: b"\7" * size)
        assert asked("new")
        assert asked("new")
    assert standing.read_bytes() == b"someone's"


@pytest.mark.parametrize("change", [-1, 1], ids=["grows", "shrinks"])
def test_a_file_that_changes_its_size_while_read_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: int
) -> None:
    asked()
    real = os.fstat

    def earlier(handle: int) -> os.stat_result:
        info = real(handle)
        return os.stat_result((*info[:6], info.st_size + change, *info[7:10]))

    with cache._Folder(folder) as held:
        monkeypatch.setattr(os, "fstat", earlier)
        assert held.read(KEY, 0, 99) is None
        monkeypatch.undo()
        assert held.read(KEY, 0, 99) == (folder / KEY).read_bytes()


def test_only_a_key_waits_for_the_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = list[int]()
    monkeypatch.setattr(os, "fsync", lambda handle: sizes.append(os.fstat(handle).st_size))
    asked("one")
    asked("two")
    assert sizes == [KEY_SIZE]  # written before it was waited for


def test_a_hit_needs_no_touch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked()
    monkeypatch.setattr(os, "utime", failing(errno.EROFS))
    assert not asked()


@pytest.mark.parametrize("first", [True, False], ids=["the key", "the code"])
def test_ctrl_c_leaves_nothing_half_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    def interrupted(*a: Any, **k: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(os, "link" if first else "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cached(TEXT, lambda: CODE)
    assert {path.name for path in folder.iterdir()} == (set() if first else {KEY})
    assert asked()
    assert not asked()


@needs_modes
def test_a_disk_that_gets_full_halfway_leaves_no_part(folder: Path) -> None:
    import resource  # noqa: PLC0415  # only where there is one

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    asked("small", b"small")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
        assert asked(TEXT, CODE * 1_000)
        assert asked(TEXT, CODE * 1_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name for path in folder.iterdir()} == {KEY, name_of("small")}
    assert not asked("small", b"small")


READ_ONLY = """
import os, sys
from pathlib import Path
from piecewise.engine.cache import cached
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
def test_a_folder_that_cannot_be_written_still_gives() -> None:
    """As nobody, where root runs the tests."""
    with tempfile.TemporaryDirectory() as home:
        if ROOT:
            os.chown(home, NOBODY, NOBODY)
        told = subprocess.run(
            [sys.executable, "-c", READ_ONLY],
            check=False,
            env=os.environ | {cache.CHOICE: f"{home}/code"},
            capture_output=True,
            text=True,
        )
    assert told.stderr == ""
    assert told.stdout.splitlines() == [
        "b'old'",
        "b'old' b'1' b'2'",
        "b'the key cannot be read'",
        "b'nor the folder'",
        "b'old' [3, 64]",
    ]


# Many at once


def worker(number: int, together: Any, results: Any) -> None:
    """Reads and writes the same few codes as all others, and spoils some."""
    cache.MOST_FOLDER = 5 * 20_100
    wrong = misses = 0
    together.wait()
    for turn in range(150):
        which = (turn * 7 + number * 3) % 8
        right = bytes([which]) * 20_000
        make = Counted(right)
        wrong += cached(f"code {which}", make) != right
        misses += make.calls
        if number == 0 and turn % 10 == 0:
            place = Path(os.environ[cache.CHOICE])
            victim = place / (KEY if turn % 50 == 40 else name_of(f"code {which}"))
            try:
                victim.write_bytes(b"spoiled" * (turn + 1))
            except OSError:
                wrong += victim.exists() and POSIX
    results.put((wrong, misses))


def test_many_processes_do_no_harm_to_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "code"
    monkeypatch.setenv(cache.CHOICE, str(place))
    spawn = multiprocessing.get_context("spawn")
    together, results = spawn.Barrier(8), spawn.Queue()
    workers = [spawn.Process(target=worker, args=(n, together, results)) for n in range(8)]
    for process in workers:
        process.start()
    told = [results.get(timeout=120) for _ in workers]
    for process in workers:
        process.join(60)
        assert process.exitcode == 0
    assert [wrong for wrong, _ in told] == [0] * 8
    assert 8 <= sum(misses for _, misses in told) < 8 * 150  # made, and hit
    assert all(path.name == KEY or len(path.name) == 64 for path in place.iterdir())


def first(number: int, together: Any, results: Any) -> None:
    together.wait()
    results.put(cached(f"code {number}", lambda: bytes([number])) == bytes([number]))


def test_who_start_at_once_share_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.CHOICE, str(tmp_path / "code"))
    spawn = multiprocessing.get_context("spawn")
    together, results = spawn.Barrier(8), spawn.Queue()
    workers = [spawn.Process(target=first, args=(n, together, results)) for n in range(8)]
    for process in workers:
        process.start()
    assert all(results.get(timeout=120) for _ in workers)
    for process in workers:
        process.join(60)
    assert not any(asked(f"code {number}", bytes([number])) for number in range(8))


# Where it stands


@pytest.mark.parametrize("word", ["off", "OFF", ""])
def test_it_can_be_turned_off(folder: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    asked()
    before = seen(folder)
    monkeypatch.setenv(cache.CHOICE, word)
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
    ("win32", {cache.CHOICE: "/c", "LOCALAPPDATA": "/l"}, "/c"),
    ("linux", {cache.CHOICE: "/c", "HOME": "/h"}, "/c"),
]


@needs_modes
@pytest.mark.parametrize(("system", "words", "place"), PLACES)
def test_where_it_stands(
    monkeypatch: pytest.MonkeyPatch, system: str, words: dict[str, str], place: str | None
) -> None:
    for name in (cache.CHOICE, "HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in words.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", system)
    assert cache._place() == (Path(place) if place else None)


@needs_modes
def test_it_stands_in_the_users_cache_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cache.CHOICE)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    assert asked()
    assert not asked()
    assert (folder / "piecewise" / "code" / name_of()).is_file()


def test_without_a_home_it_only_takes_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (cache.CHOICE, "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as it does where it finds none
    monkeypatch.chdir(folder.parent)
    assert asked()
    assert asked()
    assert not list(folder.parent.iterdir())


def test_a_folder_from_here_is_found_and_no_here_is_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv(cache.CHOICE, "code")
    assert asked()
    assert not asked()
    assert (folder / name_of()).is_file()
    monkeypatch.setattr(os, "getcwd", failing(errno.ENOENT))
    assert asked()


# How much it holds


def test_too_large_an_object_is_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (cache.MOST_OBJECT, cache.MOST_FOLDER) == (64 * 2**20, 256 * 2**20)
    monkeypatch.setattr(cache, "MOST_OBJECT", len(CODE))
    assert asked(TEXT, CODE + b"\0")
    assert asked(TEXT, CODE + b"\0")
    assert not folder.exists()
    assert asked(TEXT, CODE)
    assert not asked(TEXT, CODE)


def aged(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_what_was_longest_of_no_use_goes_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MOST_FOLDER", 4 * (HEAD + len(CODE)))
    for age, key in enumerate("abcd"):
        assert asked(key)
        aged(folder / name_of(key), 1000 - age)
    assert not asked("a")  # used again
    assert asked("e")
    kept = {key for key in "abcde" if (folder / name_of(key)).exists()}
    assert kept == set("acde")
    assert asked("f", CODE * 2 + bytes(HEAD))  # twice as large
    kept = {key for key in "abcdef" if (folder / name_of(key)).exists()}
    assert kept == set("aef")
    assert not asked("f", CODE * 2 + bytes(HEAD))
    assert not asked("a")


def test_the_limit_is_kept_to_the_byte(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_FOLDER", 2 * (HEAD + len(CODE)))
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


def test_what_cannot_be_removed_is_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows a file that someone reads."""
    monkeypatch.setattr(cache, "MOST_FOLDER", 3 * (HEAD + len(CODE)))
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


def test_only_its_own_files_are_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked("a")
    monkeypatch.setattr(cache, "MOST_FOLDER", 0)
    mine = ["thesis.txt", name_of().upper(), name_of()[:-1], name_of() + "0", ".new", "g" * 64]
    for name in mine:
        (folder / name).write_bytes(b"mine")
        aged(folder / name, 1e6)
    (folder / ("0" * 64)).mkdir()  # and this cannot be removed
    secret = (folder / KEY).read_bytes()
    assert asked("b")
    assert {path.name for path in folder.iterdir()} == {*mine, KEY, "0" * 64, name_of("b")}
    assert (folder / KEY).read_bytes() == secret


def test_what_stopped_writers_left_is_removed_after_a_while(folder: Path) -> None:
    asked("a")
    for name, age in itertools.product(("one", "two"), (0, 3000, 4000, -4000)):
        path = folder / f"{UNFINISHED}{name}{age}"
        path.write_bytes(b"half")
        aged(path, age)
    assert asked("b")
    left = {path.name for path in folder.glob(UNFINISHED + "*")}
    assert left == {f"{UNFINISHED}{name}{age}" for name in ("one", "two") for age in (0, 3000)}
