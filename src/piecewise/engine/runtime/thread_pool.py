"""The thread pool of native programs, their context, and the number of usable processors."""

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
from ...core.forked_child import renew_in_forked_child
from ..ir.memory_plan import LINE
from ..ir.program_context import ARRIVED, CONTEXT_BYTES, FIELD_OFFSETS


def aligned(count: int, dtype: Any = np.float32) -> Array:
    """An array of zeros that begins on a cache line."""
    size = np.dtype(dtype).itemsize
    raw = np.zeros(count * size + LINE, np.uint8)
    start = -raw.ctypes.data % LINE
    return raw[start : start + count * size].view(dtype)


MAX_THREADS = 64
"""Threads of the pool; calling threads come on top."""
_NO_QUOTA = 1 << 16


class _Pool:
    """The threads that run native code, and the lock of those that submit to them."""

    def __init__(self) -> None:
        self.renew_after_fork()
        renew_in_forked_child(self)

    def renew_after_fork(self) -> None:
        self.executor = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="piecewise")
        self.submitting = threading.Lock()


_POOL = _Pool()


def run_on_threads(function: Callable[[int, int], None], address: int, threads: int) -> None:
    """Run ``function(address, number)`` for the numbers 0 to ``threads`` - 1 at the same time, one
    of them on the calling thread. Returns when all of them have, even after an interrupt."""
    if threads == 1:
        function(address, 0)
        return
    numbers, done = count(), SimpleQueue[None]()

    def run_next() -> None:
        number = next(numbers)
        if number < threads:
            function(address, number)
            done.put(None)

    def submit() -> None:
        # The native threads wait for each other at barriers, so all tasks of one call must be
        # queued together: no other call may put its tasks between them.
        with _POOL.submitting:
            for _ in range(1, threads):
                _POOL.executor.submit(run_next)

    try:
        submit()
    except BaseException:
        submit()  # it is unknown how many were submitted; surplus tasks get no number and return
        raise
    finally:
        run_next()
        for _ in range(threads):
            done.get()


@cache
def yield_function() -> int:
    """The address of the system's function that lets another thread run."""
    name = "SwitchToThread" if os.name == "nt" else "sched_yield"
    library = ctypes.WinDLL("kernel32") if os.name == "nt" else ctypes.CDLL(None)  # type: ignore[attr-defined]
    return int(ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0)


def processors() -> int:
    """The number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), _cgroup_quota())
    return os.cpu_count() or 1


_QUOTA_FILES = (
    ("/sys/fs/cgroup/cpu.max",),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)
"""The files in which Linux gives a container's CPU quota and its period (cgroup v2 and v1)."""


@cache
def _cgroup_quota() -> int:
    """The processors that a container may use. Linux pauses a container that uses more, while its
    threads wait for each other."""
    for paths in _QUOTA_FILES:
        with suppress(OSError, ValueError, ZeroDivisionError):
            quota, period = " ".join(Path(path).read_text() for path in paths).split()
            return max(1, int(quota) // int(period)) if int(quota) > 0 else _NO_QUOTA
    return _NO_QUOTA


class ProgramContext:
    """The memory block that passes arguments to a program, as `ir.program_context` describes."""

    def __init__(self) -> None:
        self._block = aligned(CONTEXT_BYTES, np.uint8)
        self._words = self._block.view(np.int64)
        self._referenced: dict[str, Any] = {}
        self.address = self._block.ctypes.data
        self.write("yield_function", yield_function())

    def write(self, name: str, value: Any) -> None:
        """Write an integer, or the address of an array, which then stays referenced."""
        if isinstance(value, np.ndarray):
            if self._referenced.get(name) is value:
                return
            assert value.flags.c_contiguous, f"{name} is not contiguous"
            self._referenced[name] = value
            value = value.ctypes.data
        else:
            self._referenced.pop(name, None)
        self._words[FIELD_OFFSETS[name] // 8] = value

    def holds(self, name: str) -> bool:
        """Whether an array was written there and not released."""
        return name in self._referenced

    def release(self, *names: str) -> None:
        """Drop the references to these arrays."""
        for name in names:
            self._referenced.pop(name, None)

    def write_float(self, name: str, value: float) -> None:
        self._block[FIELD_OFFSETS[name] : FIELD_OFFSETS[name] + 4].view(np.float32)[0] = value

    def write_double(self, name: str, value: float) -> None:
        self._block[FIELD_OFFSETS[name] : FIELD_OFFSETS[name] + 8].view(np.float64)[0] = value

    def reset_barrier(self) -> None:
        """Forget the threads that wait at the barrier."""
        self.word(ARRIVED)[0] = 0

    def set_pointer(self, offset: int, array: Array) -> None:
        """Write the address of an array, which then stays referenced, at an offset without a
        name."""
        self._referenced[str(offset)] = array
        self.word(offset)[0] = array.ctypes.data

    def word(self, offset: int) -> Array:
        """A view of the 64-bit integer at an offset without a name."""
        return self._block[offset : offset + 8].view(np.int64)
