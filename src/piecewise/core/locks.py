"""File locks that the operating system releases when the process ends."""

from __future__ import annotations

import sys


def lock(handle: int) -> bool:
    """Lock an open file or folder until it is closed; False if another process holds the lock.

    Raises OSError on a file system without locks. Windows has no locks for folders; there the
    function returns True without a lock.
    """
    if sys.platform == "win32":
        return True
    import fcntl  # noqa: PLC0415 - Windows has none

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
