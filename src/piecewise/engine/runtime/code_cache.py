"""Compiled code kept between runs: handed on only if this user's own piecewise wrote it, unchanged.

What stands here is run as machine code, so nothing is believed. The folder must be a real one, this
user's and closed to everyone else; so must every file. A file begins with `MAGIC` and an HMAC over
the digest of its key and the code, made with 32 random bytes that stand in the same folder, so
that a file that was damaged, cut, exchanged with another or brought from elsewhere is no hit. It is
then compiled again and replaced. Whatever fails here, the answer is what was to be compiled: a
cache that cannot be used costs time and says nothing.

On Windows, where there are no owners and modes of this kind, it is the user's own folder for
programs' data that keeps others out.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import os
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

CHOICE = "PIECEWISE_CACHE"
"""The environment variable that names the folder, or "off" (or nothing) for no cache."""
MOST_OBJECT = 64 << 20  # bytes of one piece of code
MOST_FOLDER = 256 << 20  # bytes of all files of code together
MAGIC = b"piecewise code 1\n"
HEAD = len(MAGIC) + hashlib.sha256().digest_size  # bytes before the code
KEY = "key"
KEY_SIZE = 32
UNFINISHED = ".new-"  # how the names of temporary files begin
ABANDONED = 3600  # seconds after which a temporary file is nobody's

_PINNED = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY")
"""Whether a folder can be held open and its files named inside it, so that no one can put another
folder in its place after it was checked."""
_SAFELY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _SAFELY
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _SAFELY  # a pipe must not keep us waiting
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY


def cached(key: str | bytes, make: Callable[[], bytes]) -> bytes:
    """The bytes that ``make`` gave for this key once; if they are not here, it makes them now.

    The key holds everything that the bytes depend on. Raises nothing but what ``make`` raises.
    """
    digest = hashlib.sha256(key.encode(errors="surrogatepass") if isinstance(key, str) else key)
    code = _found(digest.digest())
    if code is None:
        code = make()
        _keep(digest.digest(), code)
    return code


def _found(digest: bytes) -> bytes | None:
    with suppress(OSError):
        path = place()
        if path is not None:
            with _Folder(path) as folder:
                return _checked(folder, digest)
    return None


def _checked(folder: _Folder, digest: bytes) -> bytes | None:
    """The code of this digest, if every byte of its file is as it was written."""
    secret = folder.read(KEY, KEY_SIZE, KEY_SIZE)
    content = folder.read(digest.hex(), HEAD, HEAD + MOST_OBJECT)
    if secret is None or content is None:
        return None
    code = content[HEAD:]
    if not hmac.compare_digest(content[:HEAD], _head(secret, digest, code)):
        return None
    folder.touch(digest.hex())
    return code


def _keep(digest: bytes, code: bytes) -> None:
    if len(code) > MOST_OBJECT:
        return
    with suppress(OSError):
        path = place()
        if path is not None:
            _create(path)
            with _Folder(path) as folder:
                secret = _secret(folder)
                if secret is not None:
                    content = _head(secret, digest, code) + code
                    folder.make_room(len(content), digest.hex())
                    folder.write(digest.hex(), content)


def _head(secret: bytes, digest: bytes, code: bytes) -> bytes:
    """The first bytes of a file, which only who has the secret can write."""
    seal = hmac.new(secret, digest, hashlib.sha256)  # digests are of one length: no two sums meet
    seal.update(code)
    return MAGIC + seal.digest()


def _secret(folder: _Folder) -> bytes | None:
    """The user's random key, made if there is none, and made anew if what is there cannot be it."""
    for instead in (False, True):
        secret = folder.read(KEY, KEY_SIZE, KEY_SIZE)
        if secret is not None:
            return secret
        with suppress(OSError):  # someone else was faster, or it cannot be done
            folder.write(KEY, os.urandom(KEY_SIZE), instead=instead)
    return folder.read(KEY, KEY_SIZE, KEY_SIZE)


def place() -> Path | None:
    """Where the cache stands, if anywhere."""
    chosen = os.environ.get(CHOICE)
    if chosen is not None and chosen.lower() in {"", "off"}:
        return None
    if chosen is not None:
        return Path(os.path.expanduser(chosen)).absolute()  # noqa: PTH111  # as below
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", ""))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", ""))
        if sys.platform == "darwin" or not base.is_absolute():
            home = os.path.expanduser("~")  # noqa: PTH111  # Path.home() raises without a home
            base = Path(home, *(["Library", "Caches"] if sys.platform == "darwin" else [".cache"]))
    return base / "piecewise" / "code" if base.is_absolute() else None


def _create(path: Path) -> None:
    """Make the folder and those above it that are missing, but none in a folder that is someone
    else's: what root makes in a user's home keeps the user out. A folder for all, as /tmp, is
    nobody's."""
    missing = list[Path]()
    while True:
        try:
            info = path.stat()
            break
        except FileNotFoundError:
            missing.append(path)
            path = path.parent
    if missing and not (info.st_mode & stat.S_ISVTX or _own(info)):
        raise PermissionError(errno.EPERM, "the folder above is someone else's")
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)


def _own(info: os.stat_result) -> bool:
    """Whether it belongs to this user; where there are no owners, all does."""
    user: Callable[[], int] | None = getattr(os, "getuid", None)
    return user is None or info.st_uid == user()


def _private(info: os.stat_result) -> bool:
    """Whether it belongs to this user and no one else may do anything with it."""
    return _own(info) and (not hasattr(os, "getuid") or not info.st_mode & 0o077)


def _link(info: os.stat_result) -> bool:
    """Whether it only leads elsewhere: a symbolic link, or a junction as Windows has them."""
    attributes: int = getattr(info, "st_file_attributes", 0)
    return stat.S_ISLNK(info.st_mode) or bool(attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT)


class _Folder:
    """The folder of the cache, checked, and held open where that can be. OSError if it is not a
    real folder of this user alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = os.open(path, _FOLDER) if _PINNED else None
        try:
            info = path.lstat() if self._handle is None else os.fstat(self._handle)
            if not stat.S_ISDIR(info.st_mode) or _link(info) or not _private(info):
                raise PermissionError(errno.EPERM, "not a folder of this user alone")
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            os.close(self._handle)

    def _at(self, name: str) -> str:
        return name if self._handle is not None else str(self._path / name)

    def read(self, name: str, least: int, most: int) -> bytes | None:
        """A file's bytes, if it is a real file of this user alone with a size within the limits."""
        try:
            if self._handle is None and _link(Path(self._at(name)).lstat()):
                return None
            handle = os.open(self._at(name), _READ, dir_fd=self._handle)
        except OSError:
            return None
        try:
            info = os.fstat(handle)
            if not (stat.S_ISREG(info.st_mode) and _private(info)):
                return None
            if not least <= info.st_size <= most:
                return None
            with open(handle, "rb", closefd=False) as file:  # a handle has no path
                content = file.read(info.st_size + 1)
            return content if len(content) == info.st_size else None
        finally:
            os.close(handle)

    def touch(self, name: str) -> None:
        """Note that a file was of use just now."""
        with suppress(OSError):
            os.utime(self._at(name), dir_fd=self._handle, follow_symlinks=self._handle is None)

    def write(self, name: str, content: bytes, *, instead: bool = True) -> None:
        """A file, whole or not at all: to a temporary one, then renamed. With ``instead`` it takes
        the place of what is there, otherwise that is an OSError.

        Nothing waits for the disk but a key: code that was lost on the way to it is found out.
        """
        temporary = UNFINISHED + os.urandom(8).hex()
        handle = os.open(self._at(temporary), _NEW, 0o600, dir_fd=self._handle)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                if name == KEY:
                    file.flush()
                    os.fsync(handle)
            act = os.replace if instead else os.link
            act(
                self._at(temporary),
                self._at(name),
                src_dir_fd=self._handle,
                dst_dir_fd=self._handle,
            )
        finally:
            self._remove(temporary)  # which a rename has done already

    def _remove(self, name: str) -> bool:
        """Whether the file is gone."""
        try:
            os.unlink(self._at(name), dir_fd=self._handle)  # a Path knows no dir_fd
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def make_room(self, size: int, name: str) -> None:
        """Remove what was longest of no use, so that ``size`` bytes more, as ``name``, stay within
        the limit; and what writers left that were stopped. Files of other names are not ours."""
        old = list[tuple[int, int, str]]()
        with os.scandir(self._path if self._handle is None else self._handle) as entries:
            for entry in entries:
                with suppress(OSError):
                    info = entry.stat(follow_symlinks=False)
                    if entry.name.startswith(UNFINISHED):
                        if abs(time.time() - info.st_mtime) > ABANDONED:
                            self._remove(entry.name)
                    elif _is_code(entry.name) and entry.name != name:
                        old.append((info.st_mtime_ns, info.st_size, entry.name))
        total = size + sum(entry[1] for entry in old)
        for _, less, other in sorted(old):
            if total <= MOST_FOLDER:
                break
            if self._remove(other):
                total -= less


def _is_code(name: str) -> bool:
    """Whether a file has the name of a key's digest."""
    return len(name) == 64 and set(name) <= set("0123456789abcdef")
