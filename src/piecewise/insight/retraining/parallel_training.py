"""Many small nets taught side by side, a thread each: quicker than one after the other with all
threads, as nobody waits for anybody. Each has the bits that it has alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from ...core.constraints import THREADS, checked
from ...core.progress import OnProgress, Progress
from ...engine.runtime.thread_pool import processors

Made = TypeVar("Made")

_REPORT_INTERVAL = 0.1
"""Seconds between two progress reports, and between two checks for Ctrl-C."""


class _EnoughError(Exception):
    """Raised where a net is taught that nobody waits for any more."""


def side_by_side(
    jobs: Sequence[Callable[[OnProgress], Made]],
    epochs: int,
    stage: str,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
) -> list[Made]:
    """What the jobs make, in their order; each trains a net for ``epochs`` epochs and gives
    `train` one thread and the callback that it gets.

    ``on_progress`` is called on the caller's thread, with the epochs of all nets. An exception that
    it raises, Ctrl-C, or an error of a job stops all jobs at their next report; no thread is left.
    ``threads``: as many as there are processors, if left out; the results are the same for any
    number. LimitError where it is none.
    """
    count, enough = checked_threads(threads), threading.Event()
    done, lock = 0, threading.Lock()

    def report(progress: Progress) -> None:
        nonlocal done
        if enough.is_set():
            raise _EnoughError
        if progress.epoch:
            with lock:
                done += 1

    with ThreadPoolExecutor(min(count, max(1, len(jobs)))) as pool:
        coming: list[Future[Made]] = [pool.submit(job, report) for job in jobs]
        try:
            left = set(coming)
            while left:
                ended, left = wait(left, _REPORT_INTERVAL, FIRST_EXCEPTION)
                for one in ended:
                    one.result()
                if on_progress:
                    on_progress(Progress(stage, done, len(jobs) * epochs))
        finally:
            enough.set()
            pool.shutdown(cancel_futures=True)
    return [one.result() for one in coming]


def checked_threads(threads: object) -> int:
    """As many as asked for, or as there are processors; LimitError."""
    return checked("threads", THREADS, threads) or processors()
