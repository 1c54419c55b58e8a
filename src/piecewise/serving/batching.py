"""Dynamic batching: examples of requests that wait at the same time run through the net together.

Nobody waits for a batch to fill. While one batch runs, the requests that come form the next one. A
net gives the same bits for an example alone and in any batch, so the answers do not depend on it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from ..core.array_types import Array, Float32
from ..core.errors import LimitError
from .metrics import Metrics
from .served_nets import LoadedNet

MAX_EXAMPLES = 1_024
"""Examples of a batch, unless one request has more."""
_INLINE_WORK = 2_000_000
"""Multiplications of a batch that runs at once; for more, a thread runs it meanwhile."""


class BatchScores(NamedTuple):
    """The logits and the probabilities (N, classes) of examples."""

    logits: Float32
    probabilities: Float32


class _Job(NamedTuple):
    loaded: LoadedNet
    examples: Array
    answer: asyncio.Future[BatchScores]


class Batcher:
    """Runs the examples of all requests of a process through their nets.

    Parameters
    ----------
    metrics : Metrics
        Counts the examples of each batch.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._waiting: deque[_Job] = deque()
        self._engine = ThreadPoolExecutor(1, thread_name_prefix="piecewise predict")
        self._busy = False

    async def scores(self, loaded: LoadedNet, examples: Array) -> BatchScores:
        """The scores of examples that `engine_inputs` has prepared; LimitError."""
        loop = asyncio.get_running_loop()
        job = _Job(loaded, examples, loop.create_future())
        self._waiting.append(job)
        if not self._busy:
            self._busy = True
            loop.call_soon(self._start)  # after the requests that have arrived as well
        return await job.answer

    def close(self) -> None:
        """Wait for the batch that runs."""
        self._engine.shutdown()

    def _start(self) -> None:
        """Run the next batch, if requests wait."""
        jobs = self._next_jobs()
        if not jobs:
            self._busy = False
            return
        count = sum(len(job.examples) for job in jobs)
        self._metrics.batch.observe(count)
        loop = asyncio.get_running_loop()
        if count * jobs[0].loaded.work <= _INLINE_WORK:
            _finish(jobs, _run(jobs))
            loop.call_soon(self._start)
            return
        running = loop.run_in_executor(self._engine, _run, jobs)
        running.add_done_callback(lambda done: self._finished(jobs, done))

    def _finished(
        self, jobs: Sequence[_Job], done: asyncio.Future[list[BatchScores | Exception]]
    ) -> None:
        _finish(jobs, done.result())
        self._start()

    def _next_jobs(self) -> list[_Job]:
        """The requests that wait for the net of the first one, up to a number of examples."""
        jobs, others, count = list[_Job](), deque[_Job](), 0
        while self._waiting:
            job = self._waiting.popleft()
            if job.answer.cancelled():
                continue
            fits = count + len(job.examples) <= MAX_EXAMPLES
            if not jobs or (fits and _can_join(job, jobs[0])):
                jobs.append(job)
                count += len(job.examples)
            else:
                others.append(job)
        self._waiting = others
        return jobs


def _can_join(job: _Job, other: _Job) -> bool:
    return job.loaded is other.loaded and job.examples.dtype == other.examples.dtype


def _run(jobs: Sequence[_Job]) -> list[BatchScores | Exception]:
    """The scores of each request, or its error. It never raises: the next batch must run."""
    loaded = jobs[0].loaded
    try:
        logits = loaded.compiled.logits(np.concatenate([job.examples for job in jobs]))
        probabilities = loaded.net.probabilities_of(logits)
    except LimitError as error:  # an answer that is not a finite number is an error of its request
        return [error] if len(jobs) == 1 else [_run([job])[0] for job in jobs]
    except Exception as error:
        return [error] * len(jobs)
    scores, start = list[BatchScores | Exception](), 0
    for job in jobs:
        rows = slice(start, start := start + len(job.examples))
        scores.append(BatchScores(logits[rows], probabilities[rows]))
    return scores


def _finish(jobs: Sequence[_Job], answers: Sequence[BatchScores | Exception]) -> None:
    for job, answer in zip(jobs, answers, strict=True):
        if job.answer.cancelled():
            continue
        if isinstance(answer, Exception):
            job.answer.set_exception(answer)
        else:
            job.answer.set_result(answer)
