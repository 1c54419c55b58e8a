"""Locks that end with the process that holds them, however it ends."""

from __future__ import annotations

import sys


def lock(handle: int) -> bool:
    """Take the lock of an open file or folder until it is closed; False if another has it. OSError
    where the file system knows no locks.

    Windows has no such locks for folders: there it is always given.
    """
    if sys.platform == "win32":
        return True
    import fcntl  # noqa: PLC0415 - Windows has none

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
