"""Threads that help with the layers of one picture.

A helper that is called looks for pieces of layers (`share`) without coming back to Python, and for
a short while longer, so that it is still there for the next picture. Then it rests and costs
nothing. It is called when pictures come one after another: for a small one alone it would be late.
One that was called and found nothing, as on a machine whose processors are busy with something
else, is left at rest for longer and longer.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import perf_counter

import numpy as np

from ..codegen.work_sharing import LEAVE, MAX_HELPERS, SIZE, TAKEN, YIELDS, write_help
from ..ir.intrinsics import declare
from ..ir.llvm_text import Module
from .compiled_program import compile_cached
from .llvm_compiler import MachineCode, host_target
from .thread_pool import aligned, yield_function

_LOOKING = 200e-6
"""Seconds that a helper looks for the next piece before it rests."""
_SOON = 0.001
"""Seconds from one picture to the next within which they come one after another."""
_SHORTEST, _LONGEST = 0.001, 0.1
"""Seconds that a helper which found nothing is not called again."""
_GOODBYE = 2.0
"""Seconds that the end of the program waits for each helper."""

HelperFunction = Callable[[int, int, int], None]


def _compiled() -> tuple[MachineCode, HelperFunction]:
    """The native function, and what it stays as long as."""
    module, form = Module(), host_target()
    write_help(module, form.pause)
    declare(module, form)
    native = compile_cached(module.text(), form)
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    return native, kind(native.address("help"))


class SharedBlock:
    """Memory that threads share a layer through."""

    def __init__(self) -> None:
        self._words = aligned(SIZE // 8, np.int64)
        self.address: int = self._words.ctypes.data
        self.clear()

    def clear(self) -> None:
        """Nobody is here, nothing is free."""
        self._words[:] = 0
        self._words[YIELDS // 8] = yield_function()

    def send_away(self) -> None:
        """Whoever looks here goes."""
        self._words[LEAVE // 8] = 1

    def taken(self, number: int) -> int:
        """How many pieces a helper took."""
        return int(self._words[(TAKEN + 128 * number) // 8])


class HelperThreads:
    """The helpers of this process. They help one caller at a time; others do without."""

    def __init__(self) -> None:
        self.block = SharedBlock()
        self._code: tuple[MachineCode, HelperFunction] | None = None
        self._looks = 0
        self._begin()

    def _begin(self) -> None:
        self._called = [False] * MAX_HELPERS
        self._calls: list[SimpleQueue[bool]] = []
        self._threads: list[threading.Thread] = []
        self._starting, self._ended = threading.Lock(), False
        self._asked = 0.0

    def after_fork(self) -> None:
        """In a child, which has none of its parent's threads."""
        self._begin()
        self.block.clear()

    def prepare(self) -> HelperFunction:
        """What helpers run. It is compiled beforehand, so that no answer waits for it, and once:
        code must not go while a thread may be in it."""
        with self._starting:
            if self._code is None:
                self._code = _compiled()
                self._looks = _looks(self._code[1])
        return self._code[1]

    def call(self, count: int, *, large: bool) -> None:
        """See that so many look for pieces. It waits for none of them, and it calls none for a
        picture that comes alone, unless it is ``large``: they would come too late."""
        for number in range(count):
            if not self._called[number]:
                now = perf_counter()
                if large or now - self._asked < _SOON:
                    self._called[number] = True
                    self._start(number)
                else:
                    self._asked = now
                    return

    def _start(self, number: int) -> None:
        try:
            with self._starting:
                while len(self._threads) <= number and not self._ended:
                    self._hire()
            self._calls[number].put(True)
        except (RuntimeError, IndexError):
            pass  # no more threads are to be had: it counts as called, and nobody comes
        except BaseException:
            self._called[number] = False  # an interrupt
            raise

    def _hire(self) -> None:
        number, calls = len(self._threads), SimpleQueue[bool]()
        thread = threading.Thread(
            target=self._serve, args=(number, calls), name=f"piecewise helper {number}", daemon=True
        )
        thread.start()
        self._calls.append(calls)
        self._threads.append(thread)

    def _serve(self, number: int, calls: SimpleQueue[bool]) -> None:
        """What a helper does."""
        help_out, rest = self.prepare(), 0.0
        while calls.get():
            before = self.block.taken(number)
            help_out(self.block.address, number, self._looks)
            if self.block.taken(number) != before:
                rest = 0.0
            else:
                rest = min(_LONGEST, 2 * rest or _SHORTEST)
                if _told_to_go(calls, rest):
                    break
            self._called[number] = False

    def dismiss(self) -> None:
        """At the end of the program: the threads end before what they run is gone."""
        with self._starting:
            self._ended = True
        self.block.send_away()
        for calls in self._calls:
            calls.put(False)
        for thread in self._threads:
            thread.join(_GOODBYE)


def _told_to_go(calls: SimpleQueue[bool], rest: float) -> bool:
    """Whether that came within so many seconds."""
    try:
        return not calls.get(timeout=rest)
    except Empty:
        return False


def _looks(help_out: HelperFunction) -> int:
    """How many looks at nothing take as long as a helper is to look. It is measured where helpers
    are not yet wanted: on its way back to Python a thread may have to wait for others."""
    nothing, tries = SharedBlock(), []
    for _ in range(5):
        began = perf_counter()
        help_out(nothing.address, 0, 1_000)
        tries.append(perf_counter() - began)
    return max(2_000, int(1_000 * _LOOKING / max(min(tries), 1e-6)))


HELPERS = HelperThreads()
atexit.register(HELPERS.dismiss)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=HELPERS.after_fork)
