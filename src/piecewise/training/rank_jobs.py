"""Independent jobs that ranks share: each computes some of them alone, and all get all results."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..core.array_types import Array
from ..core.errors import PiecewiseError, TrainingError
from ..core.progress import OnProgress, Progress
from .ranks import Ranks, RankStoppedError, current_ranks

JobResult = Sequence[Array]
Compute = Callable[[Sequence[int], OnProgress | None, int | None], Iterable[JobResult]]
"""Computes the jobs of these numbers in turn, with a callback and a number of threads."""


def run_jobs(
    count: int,
    compute: Compute,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
) -> list[JobResult]:
    """The results of all jobs, in order: the same for any number of ranks.

    A single process computes all jobs. Of several ranks, each computes the jobs with its number
    modulo the number of ranks, and does not share their trainings. Rank 0 reports the progress of
    its own jobs. If a job raises a PiecewiseError, all ranks raise TrainingError.
    """
    ranks = current_ranks()
    if ranks is None:
        return list(compute(range(count), on_progress, threads))
    own, results, error = range(ranks.rank, count, ranks.size), list[JobResult](), ""
    with ranks.training():
        with ranks.apart():
            watched = _watched(ranks, on_progress)
            try:
                for result in compute(own, watched, threads or ranks.processors):
                    results.append(result)
            except RankStoppedError:
                raise
            except PiecewiseError as raised:
                error = str(raised)
        every, error = _exchange(ranks, results, error)
    if error:
        raise TrainingError(error)
    return [every[job % ranks.size][job // ranks.size] for job in range(count)]


def rank_count() -> int:
    """The number of ranks that share jobs."""
    ranks = current_ranks()
    return ranks.size if ranks else 1


def of_first_rank(value: Any) -> Any:
    """A JSON value of rank 0, on every rank."""
    ranks = current_ranks()
    return json.loads(ranks.share_bytes(json.dumps(value).encode())) if ranks else value


def _watched(ranks: Ranks, on_progress: OnProgress | None) -> OnProgress:
    """A callback that raises TrainingError if another rank has stopped; rank 0 reports."""

    def report(progress: Progress) -> None:
        ranks.check_stop()
        if on_progress is not None and ranks.rank == 0:
            on_progress(progress)

    return report


def _exchange(
    ranks: Ranks, results: Sequence[JobResult], error: str
) -> tuple[list[list[JobResult]], str]:
    """The results of each rank, and the error of the first job that failed, if any."""
    own = _packed(results, error)
    every = [_unpacked(ranks.share_bytes(own, rank)) for rank in range(ranks.size)]
    failed = [
        (rank + ranks.size * len(some), message)
        for rank, (some, message) in enumerate(every)
        if message
    ]
    return [some for some, _ in every], min(failed)[1] if failed else ""


def _packed(results: Sequence[JobResult], error: str) -> bytes:
    file, arrays = io.BytesIO(), [array for result in results for array in result]
    sizes = [len(result) for result in results]
    note = np.frombuffer(json.dumps([sizes, error]).encode(), np.uint8)
    np.savez(file, note, *arrays, allow_pickle=False)
    return file.getvalue()


def _unpacked(content: bytes) -> tuple[list[JobResult], str]:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        note, *arrays = (file[f"arr_{number}"] for number in range(len(file.files)))
    sizes, error = json.loads(note.tobytes())
    rest = iter(arrays)
    return [[next(rest) for _ in range(size)] for size in sizes], error
