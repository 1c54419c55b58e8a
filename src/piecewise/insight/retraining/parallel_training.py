"""Trains many small nets in parallel, each on one thread.

This is faster than training one after the other with all threads, because threads need no
synchronization. Each net has the same bits as if it were trained by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from ...core.constraints import THREADS, checked
from ...core.progress import OnProgress, Progress
from ...engine.runtime.thread_pool import processors
from ...training.rank_jobs import JobResult, run_jobs

Job = Callable[[OnProgress], JobResult]
"""Trains a net with the callback that it receives, and returns arrays."""

_REPORT_INTERVAL = 0.1
"""Seconds between two progress reports, and between two checks for Ctrl-C."""


class _StoppedError(Exception):
    """Raised in a job whose result is no longer needed."""


def side_by_side(
    jobs: Sequence[Job],
    epochs: int,
    stage: str,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
) -> list[JobResult]:
    """Run jobs in parallel and return their results in order. Each job trains a net for ``epochs``
    epochs with one thread. Ranks share the jobs.

    ``on_progress`` is called on the caller's thread, with the epochs of all nets. An exception that
    it raises, Ctrl-C, or an error of a job stops all jobs at their next report; no thread is left.
    ``threads``: the number of processors by default; the results are the same for any number.
    LimitError if it is out of range.
    """

    def compute(
        own: Sequence[int], report: OnProgress | None, count: int | None
    ) -> Sequence[JobResult]:
        chosen = [jobs[number] for number in own]
        return _on_threads(chosen, epochs, stage, report, count or processors())

    return run_jobs(len(jobs), compute, on_progress, checked("threads", THREADS, threads))


def _on_threads(
    jobs: Sequence[Job], epochs: int, stage: str, on_progress: OnProgress | None, threads: int
) -> list[JobResult]:
    done, lock, stopped = 0, threading.Lock(), threading.Event()

    def report(progress: Progress) -> None:
        nonlocal done
        if stopped.is_set():
            raise _StoppedError
        if progress.epoch:
            with lock:
                done += 1

    with ThreadPoolExecutor(min(threads, max(1, len(jobs)))) as pool:
        futures: list[Future[JobResult]] = [pool.submit(job, report) for job in jobs]
        try:
            pending = set(futures)
            while pending:
                done_now, pending = wait(pending, _REPORT_INTERVAL, FIRST_EXCEPTION)
                for one in done_now:
                    one.result()
                if on_progress:
                    on_progress(Progress(stage, done, len(jobs) * epochs))
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)
    return [one.result() for one in futures]


def checked_threads(threads: object) -> int:
    """The number of threads, by default that of processors; LimitError if it is out of range."""
    return checked("threads", THREADS, threads) or processors()
