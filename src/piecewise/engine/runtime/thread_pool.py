"""Memory and threads for native programs."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from ...core.array_types import Array
from ..ir.memory_plan import LINE
from ..ir.program_context import CONTEXT_BYTES, FIELD_OFFSETS


def aligned(count: int, dtype: Any = np.float32) -> Array:
    """Zeros that begin on a cache line."""
    size = np.dtype(dtype).itemsize
    raw = np.zeros(count * size + LINE, np.uint8)
    start = -raw.ctypes.data % LINE
    return raw[start : start + count * size].view(dtype)


MAX_THREADS = 64
"""Threads that run at once, the callers' own left out."""
_NO_QUOTA = 1 << 16
_starting = threading.Lock()


@cache
def _pool() -> ThreadPoolExecutor:
    """Threads that wait for native work."""
    return ThreadPoolExecutor(max_workers=MAX_THREADS, thread_name_prefix="piecewise")


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def run_on_threads(function: Callable[[int, int], None], address: int, threads: int) -> None:
    """``function(address, number)`` for the numbers 0 to ``threads`` - 1 at once, one of them on
    the calling thread. It comes back when all have, even if it is interrupted meanwhile."""
    numbers, done = count(), SimpleQueue[None]()

    def take_part() -> None:
        number = next(numbers)
        if number < threads:
            function(address, number)
            done.put(None)

    def call_others() -> None:
        # They wait for each other inside, so nobody else's come between them.
        with _starting:
            for _ in range(1, threads):
                _pool().submit(take_part)

    try:
        call_others()
    except BaseException:
        call_others()  # nobody knows how many came; those too many find no number
        raise
    finally:
        take_part()
        for _ in range(threads):
            done.get()


@cache
def yield_function() -> int:
    """The address of the system's function that lets another thread run."""
    name = "SwitchToThread" if os.name == "nt" else "sched_yield"
    library = ctypes.WinDLL("kernel32") if os.name == "nt" else ctypes.CDLL(None)  # type: ignore[attr-defined]
    return int(ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0)


def processors() -> int:
    """How many threads run at once here."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), _quota())
    return os.cpu_count() or 1


_QUOTAS = (
    ("/sys/fs/cgroup/cpu.max",),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)
"""Where Linux says how much time a container has, and in which time."""


@cache
def _quota() -> int:
    """The processors that a container may use: threads beyond are stopped while others wait."""
    for paths in _QUOTAS:
        with suppress(OSError, ValueError, ZeroDivisionError):
            time, period = " ".join(Path(path).read_text() for path in paths).split()
            return max(1, int(time) // int(period)) if int(time) > 0 else _NO_QUOTA
    return _NO_QUOTA


class ProgramContext:
    """The block of memory that a program is told through."""

    def __init__(self) -> None:
        self._block = aligned(CONTEXT_BYTES, np.uint8)
        self._kept: dict[str, Any] = {}
        self.address = self._block.ctypes.data
        self.write("yield_function", yield_function())

    def write(self, name: str, value: Any) -> None:
        """A number, or an array, which is then kept alive."""
        if isinstance(value, np.ndarray):
            assert value.flags.c_contiguous, f"{name} does not lie in one piece"
            self._kept[name] = value
            value = value.ctypes.data
        self._block[FIELD_OFFSETS[name] : FIELD_OFFSETS[name] + 8].view(np.int64)[0] = value

    def release(self, *names: str) -> None:
        """Keep these arrays alive no longer."""
        for name in names:
            self._kept.pop(name, None)

    def write_float(self, name: str, value: float) -> None:
        self._block[FIELD_OFFSETS[name] : FIELD_OFFSETS[name] + 4].view(np.float32)[0] = value

    def write_double(self, name: str, value: float) -> None:
        self._block[FIELD_OFFSETS[name] : FIELD_OFFSETS[name] + 8].view(np.float64)[0] = value

    def point(self, place: int, array: Array) -> None:
        """A pointer to an array, which is then kept alive, at one of the places without a name."""
        self._kept[str(place)] = array
        self.at(place)[0] = array.ctypes.data

    def at(self, place: int) -> Array:
        """The whole number at one of the places without a name."""
        return self._block[place : place + 8].view(np.int64)
