"""Helper threads that compute pieces of a layer during single-input inference.

A helper that was woken polls for pieces (`work_sharing`) in native code. It keeps polling for a
short time after the last piece, so that it is ready for the next input, and then sleeps. Helpers
are woken when inputs follow each other closely; for one small input they would start too late. A
helper that was woken and found no piece, as on a machine whose processors are busy, sleeps for
longer and longer before it can be woken again.
"""

from __future__ import annotations

import atexit
import ctypes
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import perf_counter

import numpy as np

from ...core.forked_child import renew_in_forked_child
from ..codegen.work_sharing import EXIT, MAX_HELPERS, PIECES_CLAIMED, SIZE, YIELDS, write_help
from ..ir.intrinsics import declare
from ..ir.llvm_text import Module
from .compiled_program import compile_cached
from .llvm_compiler import MachineCode, host_target
from .thread_pool import aligned, yield_function

_POLL_SECONDS = 200e-6
"""Seconds for which a helper polls for the next piece before it sleeps."""
_CLOSE = 0.001
"""Inputs follow each other closely if at most this many seconds are between them."""
_MIN_BACKOFF, _MAX_BACKOFF = 0.001, 0.1
"""Seconds for which a helper that found no piece cannot be woken: doubled each time."""
_EXIT_TIMEOUT = 2.0
"""Seconds that the end of the process waits for each helper."""

HelperFunction = Callable[[int, int, int], None]


def _compile() -> tuple[MachineCode, HelperFunction]:
    """The native function `help`, with the machine code that must outlive it."""
    module, target = Module(), host_target()
    write_help(module, target.pause)
    declare(module, target)
    machine_code = compile_cached(module.text(), target)
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    return machine_code, kind(machine_code.address("help"))


class SharedBlock:
    """The memory block through which threads share a layer."""

    def __init__(self) -> None:
        self._words = aligned(SIZE // 8, np.int64)
        self.address: int = self._words.ctypes.data
        self.clear()

    def clear(self) -> None:
        """No owner, no free pieces."""
        self._words[:] = 0
        self._words[YIELDS // 8] = yield_function()

    def request_exit(self) -> None:
        """Ask the helpers that poll this block to exit."""
        self._words[EXIT // 8] = 1

    def pieces_claimed(self, number: int) -> int:
        """How many pieces a helper has claimed so far."""
        return int(self._words[(PIECES_CLAIMED + 128 * number) // 8])


class HelperThreads:
    """The helper threads of this process. They help one caller at a time; other callers compute
    without help."""

    def __init__(self) -> None:
        self.block = SharedBlock()
        self._code: tuple[MachineCode, HelperFunction] | None = None
        self._polls = 0
        self._reset()

    def _reset(self) -> None:
        self._awake = [False] * MAX_HELPERS
        self._queues: list[SimpleQueue[bool]] = []
        self._threads: list[threading.Thread] = []
        self._lock, self._ended = threading.Lock(), False
        self._last_request = 0.0

    def renew_after_fork(self) -> None:
        """Start anew in a forked child, which has none of its parent's threads."""
        self._reset()
        self.block.clear()

    def compile(self) -> HelperFunction:
        """The function that helpers run. It is compiled when a program with shared layers is made,
        so that no inference waits for it, and only once, because a thread may still run it."""
        with self._lock:
            if self._code is None:
                self._code = _compile()
                self._polls = _measure_polls(self._code[1])
        return self._code[1]

    def wake(self, count: int, *, large: bool) -> None:
        """Wake this many helpers, without waiting for them. For the first input in a while it
        wakes none, unless the input is ``large``: they would start too late."""
        for number in range(count):
            if not self._awake[number]:
                now = perf_counter()
                if large or now - self._last_request < _CLOSE:
                    self._awake[number] = True
                    self._wake_helper(number)
                else:
                    self._last_request = now
                    return

    def _wake_helper(self, number: int) -> None:
        try:
            with self._lock:
                while len(self._threads) <= number and not self._ended:
                    self._start_thread()
            self._queues[number].put(True)
        except (RuntimeError, IndexError):
            # The system gives no more threads: the helper is counted as started although it never
            # runs.
            pass
        except BaseException:
            self._awake[number] = False  # an interrupt
            raise

    def _start_thread(self) -> None:
        number, queue = len(self._threads), SimpleQueue[bool]()
        name = f"piecewise helper {number}"
        thread = threading.Thread(target=self._serve, args=(number, queue), name=name, daemon=True)
        thread.start()
        self._queues.append(queue)
        self._threads.append(thread)

    def _serve(self, number: int, queue: SimpleQueue[bool]) -> None:
        """The loop of a helper thread."""
        run_help, backoff = self.compile(), 0.0
        while queue.get():
            before = self.block.pieces_claimed(number)
            run_help(self.block.address, number, self._polls)
            if self.block.pieces_claimed(number) != before:
                backoff = 0.0
            else:
                backoff = min(_MAX_BACKOFF, 2 * backoff or _MIN_BACKOFF)
                if _exit_requested(queue, backoff):
                    break
            self._awake[number] = False

    def shut_down(self) -> None:
        """At the end of the process: stop the threads before their code is freed."""
        with self._lock:
            self._ended = True
        self.block.request_exit()
        for queue in self._queues:
            queue.put(False)
        for thread in self._threads:
            thread.join(_EXIT_TIMEOUT)


def _exit_requested(queue: SimpleQueue[bool], seconds: float) -> bool:
    """Wait for this many seconds, or until the process ends; whether it does."""
    try:
        return not queue.get(timeout=seconds)
    except Empty:
        return False


def _measure_polls(run_help: HelperFunction) -> int:
    """The number of polls that take `_POLL_SECONDS`. It is measured before helpers are needed,
    because a thread that returns to Python may have to wait for the interpreter lock."""
    empty, tries = SharedBlock(), []
    for _ in range(5):
        start = perf_counter()
        run_help(empty.address, 0, 1_000)
        tries.append(perf_counter() - start)
    return max(2_000, int(1_000 * _POLL_SECONDS / max(min(tries), 1e-6)))


HELPERS = HelperThreads()
atexit.register(HELPERS.shut_down)
renew_in_forked_child(HELPERS)
