"""The code cache: compiled machine code, kept on disk between runs and verified before use.

The cached bytes are run as machine code, so the cache verifies the owner, mode and checksum of
every entry:

- The directory must be a real directory, and each file a regular file, owned by this user and
  closed to everyone else. Symbolic links are not followed.
- A file starts with `MAGIC` and an HMAC-SHA256 of the digest of its key and of the code. The HMAC
  key is 32 random bytes in the same directory. A file that was damaged, truncated, renamed or
  copied from elsewhere fails this check.

An entry that fails a check is compiled again and replaced. Every error of the file system counts as
a miss: a cache that cannot be used costs time, but raises nothing.

Windows has no owners and modes of this kind. There, the user's own directory for application data
keeps others out.
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

VARIABLE = "PIECEWISE_CACHE"
"""The environment variable that names the directory; "off" or nothing turns the cache off."""
MAX_CODE_SIZE = 64 << 20  # bytes of one entry's code
MAX_CACHE_SIZE = 256 << 20  # bytes of all entries together
MAGIC = b"piecewise code 1\n"
HEADER_SIZE = len(MAGIC) + hashlib.sha256().digest_size  # bytes before the code
KEY_FILE = "key"
KEY_SIZE = 32
TEMPORARY_PREFIX = ".new-"
TEMPORARY_LIFETIME = 3600  # seconds after which a temporary file was left by a stopped process

_USE_DIR_FD = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY")
"""Whether a directory can be held open and its files opened relative to it, so that nobody can
replace the directory after it was checked."""
_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_OPEN_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _SAFE
_OPEN_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _SAFE  # opening a pipe must not block
_OPEN_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE


def cached(key: str | bytes, make: Callable[[], bytes]) -> bytes:
    """The code of a key: from the cache if it is there, or else made by ``make`` and stored.

    The key must contain everything that the code depends on. Raises only what ``make`` raises.
    """
    digest = hashlib.sha256(key.encode(errors="surrogatepass") if isinstance(key, str) else key)
    code = _lookup(digest.digest())
    if code is None:
        code = make()
        _store(digest.digest(), code)
    return code


def _lookup(digest: bytes) -> bytes | None:
    with suppress(OSError):
        path = cache_path()
        if path is not None:
            with _CacheDirectory(path) as directory:
                return _read_verified(directory, digest)
    return None


def _read_verified(directory: _CacheDirectory, digest: bytes) -> bytes | None:
    """The code of this digest, if its file passes every check."""
    secret = directory.read(KEY_FILE, KEY_SIZE, KEY_SIZE)
    content = directory.read(digest.hex(), HEADER_SIZE, HEADER_SIZE + MAX_CODE_SIZE)
    if secret is None or content is None:
        return None
    code = content[HEADER_SIZE:]
    if not hmac.compare_digest(content[:HEADER_SIZE], _header(secret, digest, code)):
        return None
    directory.touch(digest.hex())
    return code


def _store(digest: bytes, code: bytes) -> None:
    if len(code) > MAX_CODE_SIZE:
        return
    with suppress(OSError):
        path = cache_path()
        if path is not None:
            _create(path)
            with _CacheDirectory(path) as directory:
                secret = _load_or_create_secret(directory)
                if secret is not None:
                    content = _header(secret, digest, code) + code
                    directory.evict(len(content), digest.hex())
                    directory.write(digest.hex(), content)


def _header(secret: bytes, digest: bytes, code: bytes) -> bytes:
    """The first bytes of a file; they cannot be computed without the secret."""
    code_hmac = hmac.new(secret, digest, hashlib.sha256)  # all digests have the same length
    code_hmac.update(code)
    return MAGIC + code_hmac.digest()


def _load_or_create_secret(directory: _CacheDirectory) -> bytes | None:
    """The HMAC key. It is created if there is none, and replaced if the file is not valid."""
    for replace in (False, True):
        secret = directory.read(KEY_FILE, KEY_SIZE, KEY_SIZE)
        if secret is not None:
            return secret
        with suppress(OSError):  # another process was faster, or the file cannot be written
            directory.write(KEY_FILE, os.urandom(KEY_SIZE), replace=replace)
    return directory.read(KEY_FILE, KEY_SIZE, KEY_SIZE)


def cache_path() -> Path | None:
    """The directory of the cache, or None if it is off or has no absolute path."""
    chosen = os.environ.get(VARIABLE)
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
    """Create the directory and its missing parents, but only in a directory that this user owns or
    that is shared by all, such as /tmp. Otherwise root could create a directory in a user's home
    that shuts the user out."""
    missing = list[Path]()
    while True:
        try:
            info = path.stat()
            break
        except FileNotFoundError:
            missing.append(path)
            path = path.parent
    if missing and not (info.st_mode & stat.S_ISVTX or _is_own(info)):
        raise PermissionError(errno.EPERM, "the parent directory belongs to another user")
    for directory in reversed(missing):
        directory.mkdir(mode=0o700, exist_ok=True)


def _is_own(info: os.stat_result) -> bool:
    """Whether the file belongs to this user; always true where files have no owners."""
    user: Callable[[], int] | None = getattr(os, "getuid", None)
    return user is None or info.st_uid == user()


def _is_private(info: os.stat_result) -> bool:
    """Whether the file belongs to this user and nobody else has any permission."""
    return _is_own(info) and (not hasattr(os, "getuid") or not info.st_mode & 0o077)


def _is_link(info: os.stat_result) -> bool:
    """Whether the file is a symbolic link, or a junction of Windows."""
    attributes: int = getattr(info, "st_file_attributes", 0)
    return stat.S_ISLNK(info.st_mode) or bool(attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT)


class _CacheDirectory:
    """The directory of the cache, checked, and held open where the system allows it. Raises
    OSError if it is not a real directory that only this user can access."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = os.open(path, _OPEN_DIRECTORY) if _USE_DIR_FD else None
        try:
            info = path.lstat() if self._handle is None else os.fstat(self._handle)
            if not stat.S_ISDIR(info.st_mode) or _is_link(info) or not _is_private(info):
                raise PermissionError(errno.EPERM, "not a private directory of this user")
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

    def read(self, name: str, min_size: int, max_size: int) -> bytes | None:
        """A file's content, if it is a private regular file with a size within the limits."""
        try:
            if self._handle is None and _is_link(Path(self._at(name)).lstat()):
                return None
            handle = os.open(self._at(name), _OPEN_READ, dir_fd=self._handle)
        except OSError:
            return None
        try:
            info = os.fstat(handle)
            if not (stat.S_ISREG(info.st_mode) and _is_private(info)):
                return None
            if not min_size <= info.st_size <= max_size:
                return None
            with open(handle, "rb", closefd=False) as file:  # a handle has no path
                content = file.read(info.st_size + 1)
            return content if len(content) == info.st_size else None
        finally:
            os.close(handle)

    def touch(self, name: str) -> None:
        """Record that a file was used now."""
        with suppress(OSError):
            os.utime(self._at(name), dir_fd=self._handle, follow_symlinks=self._handle is None)

    def write(self, name: str, content: bytes, *, replace: bool = True) -> None:
        """Write a file atomically: to a temporary file, which is then renamed. Without ``replace``,
        an existing file raises OSError.

        Only the key is synced to disk: code that was lost in a crash fails its checksum.
        """
        temporary = TEMPORARY_PREFIX + os.urandom(8).hex()
        handle = os.open(self._at(temporary), _OPEN_NEW, 0o600, dir_fd=self._handle)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                if name == KEY_FILE:
                    file.flush()
                    os.fsync(handle)
            publish = os.replace if replace else os.link
            publish(
                self._at(temporary),
                self._at(name),
                src_dir_fd=self._handle,
                dst_dir_fd=self._handle,
            )
        finally:
            self._remove(temporary)  # nothing to remove after a rename

    def _remove(self, name: str) -> bool:
        """Remove a file; whether it is gone."""
        try:
            os.unlink(self._at(name), dir_fd=self._handle)  # Path has no dir_fd
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def evict(self, size: int, name: str) -> None:
        """Remove the least recently used entries, so that ``size`` more bytes, as ``name``, stay
        within the limit. Also remove temporary files that stopped processes left behind. Files
        with other names are never touched."""
        entries = list[tuple[int, int, str]]()
        with os.scandir(self._path if self._handle is None else self._handle) as scan:
            for entry in scan:
                with suppress(OSError):
                    info = entry.stat(follow_symlinks=False)
                    if entry.name.startswith(TEMPORARY_PREFIX):
                        if abs(time.time() - info.st_mtime) > TEMPORARY_LIFETIME:
                            self._remove(entry.name)
                    elif _is_entry(entry.name) and entry.name != name:
                        entries.append((info.st_mtime_ns, info.st_size, entry.name))
        total = size + sum(entry[1] for entry in entries)
        for _, entry_size, other in sorted(entries):
            if total <= MAX_CACHE_SIZE:
                break
            if self._remove(other):
                total -= entry_size


def _is_entry(name: str) -> bool:
    """Whether a file is named like an entry: the digest of a key in hexadecimal."""
    return len(name) == 64 and set(name) <= set("0123456789abcdef")
