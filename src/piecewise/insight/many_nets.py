"""Many small nets taught side by side, a thread each: quicker than one after the other with all
threads, as nobody waits for anybody. Each has the bits that it has alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from ..engine.runtime import processors
from ..learning.history import Progress
from ..limits import THREADS, checked

Made = TypeVar("Made")
Look = Callable[[Progress], None]
"""What a training tells its progress; it raises where nobody wants the net any more."""
Told = Callable[[int, int, str], None] | None
"""Called with how many (epochs, pictures) are done, of how many, and what is done; it may raise."""

_TELL = 0.1
"""Seconds between one look at Ctrl-C and progress and the next."""


class _EnoughError(Exception):
    """Raised where a net is taught that nobody waits for any more."""


def side_by_side(
    jobs: Sequence[Callable[[Look], Made]],
    epochs: int,
    doing: str,
    told: Told = None,
    threads: int | None = None,
) -> list[Made]:
    """What the jobs make, in their order; each teaches nets for ``epochs`` epochs, gives `train`
    one thread and the look it gets as progress.

    ``told`` is called by the caller's thread. What it raises, Ctrl-C, or an error of a job ends
    all of them at their next look; no thread is left behind. ``threads``: as many as there are
    processors, if left out; what comes out is the same for any number. LimitError where it is none.
    """
    count, enough = checked_threads(threads), threading.Event()
    done, lock = 0, threading.Lock()

    def look(progress: Progress) -> None:
        nonlocal done
        if enough.is_set():
            raise _EnoughError
        if progress.finished:
            with lock:
                done += 1

    with ThreadPoolExecutor(min(count, max(1, len(jobs)))) as pool:
        coming: list[Future[Made]] = [pool.submit(job, look) for job in jobs]
        try:
            left = set(coming)
            while left:
                ended, left = wait(left, _TELL, FIRST_EXCEPTION)
                for one in ended:
                    one.result()
                if told:
                    told(done, len(jobs) * epochs, doing)
        finally:
            enough.set()
            pool.shutdown(cancel_futures=True)
    return [one.result() for one in coming]


def checked_threads(threads: object) -> int:
    """As many as asked for, or as there are processors; LimitError."""
    return checked("threads", THREADS, threads) or processors()
