"""The processes (ranks) that `mpiexec` has started, which train one network together.

mpi4py is imported only in a process that `mpiexec` has started with others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from ..core.array_types import Array, Float32
from ..core.errors import TrainingError
from ..core.launcher import may_have_ranks
from ..engine.runtime.split_training import Term
from ..engine.runtime.thread_pool import processors

_CHUNK = 1 << 16
"""Floats that a rank passes on at once, so that the ranks add at the same time."""
_SPINS = 200
"""Polls of a rank that waits before it lets other processes run."""
_PAUSE = 2e-5
"""Seconds between two polls after that."""
_GRACE = 1.0
"""Seconds that a rank waits for its data after another rank has stopped."""
_SUM, _STOP = 1, 2
"""Tags of messages."""


def current_ranks() -> Ranks | None:
    """The ranks that train together; None for a single process, or without mpi4py. Trainings on
    other threads than the main one run at the same time as others, so each process runs them
    alone; so do jobs of `rank_jobs`."""
    ranks = _ranks() if threading.current_thread() is threading.main_thread() else None
    return None if ranks is None or ranks.is_apart else ranks


@cache
def _ranks() -> Ranks | None:
    if not may_have_ranks():
        return None
    try:
        from mpi4py import MPI  # noqa: PLC0415 - it starts the communication
    except (ImportError, RuntimeError):  # without mpi4py, or without an MPI library
        return None
    return Ranks(MPI) if MPI.COMM_WORLD.Get_size() > 1 else None


class RankStoppedError(TrainingError):
    """Another rank has stopped the training that it shares."""


class Ranks:
    """Communication among the ranks. It is a `GradientExchange`."""

    def __init__(self, mpi: Any) -> None:
        self._mpi, self._world = mpi, mpi.COMM_WORLD.Dup()
        self.rank, self.size = self._world.Get_rank(), self._world.Get_size()
        self.local_size: int = self._world.Split_type(mpi.COMM_TYPE_SHARED).Get_size()
        """The number of ranks on this machine."""
        self.is_apart = False
        """Whether this rank works on a job of its own."""
        self._trainings = 0
        """Trainings that have ended: a stop belongs to one of them."""
        self._sent: list[Any] = []

    @contextmanager
    def training(self) -> Iterator[None]:
        """A training by all ranks. If one of them raises an error, the others do, too."""
        try:
            yield
        except BaseException as error:
            self.announce_stop(str(error) or type(error).__name__)
            raise
        finally:
            self._trainings += 1

    @property
    def processors(self) -> int:
        """The processors of this rank: those of a machine are divided among its ranks."""
        return max(1, processors() // self.local_size)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Work that this rank does not share: `current_ranks` finds no others."""
        self.is_apart = True
        try:
            yield
        finally:
            self.is_apart = False

    def check_stop(self) -> None:
        """RankStoppedError if another rank has stopped the current training."""
        if self._has_stop():
            raise self._stop()

    def sum_in_order(self, total: Float32, terms: Sequence[Term], members: int) -> None:
        """See `GradientExchange`. The sum goes from rank to rank in pieces; the last rank sends it
        to all."""
        last, sent = members - 1, []
        if self.rank <= last:
            for begin in range(0, len(total), _CHUNK):
                part = total[begin : begin + _CHUNK]
                if self.rank > 0:
                    self._wait(self._world.Irecv(part, self.rank - 1, _SUM))
                for start, term in terms:
                    _add(part, begin, term, start)
                if self.rank < last:
                    sent.append(self._world.Isend(part, self.rank + 1, _SUM))
        for request in sent:
            self._wait(request)
        self._wait(self._world.Ibcast(total, last))

    def unite(self, marks: Array) -> None:
        """See `GradientExchange`."""
        own = marks.copy()
        self._wait(self._world.Iallreduce(own, marks, self._mpi.BOR))

    def share(self, array: Array, root: int = 0) -> None:
        """Set an array on every rank to that of one of them."""
        self._wait(self._world.Ibcast(array, root))

    def share_bytes(self, data: bytes, root: int = 0) -> bytes:
        """The bytes of one rank, on every rank."""
        count = np.array([len(data)], np.int64)
        self.share(count, root)
        array = np.zeros(count[0], np.uint8)
        if self.rank == root:
            array[:] = np.frombuffer(data, np.uint8)
        self.share(array, root)
        return array.tobytes()

    def agree(self, digest: bytes) -> bool:
        """Whether all ranks have the same bytes, of the same length."""
        own = np.frombuffer(digest, np.uint8).copy()
        every = np.empty((self.size, own.size), np.uint8)
        self._wait(self._world.Iallgather(own, every))
        return bool((every == own).all())

    def announce_stop(self, reason: str) -> None:
        """Stop the current training, or the next one, on all other ranks."""
        data = np.frombuffer(reason.encode()[:500], np.uint8)
        for other in range(self.size):
            if other != self.rank:
                self._sent.append((self._world.Isend(data, other, self._stop_tag), data))

    def abort(self, status: int) -> None:
        """End the processes of all ranks now."""
        self._world.Abort(status)

    def _wait(self, request: Any) -> None:
        """Wait until a request is complete; TrainingError if another rank has stopped."""
        polls, stopped_at = 0, None
        while not self._test(request):
            polls += 1
            if polls <= _SPINS:
                continue
            time.sleep(_PAUSE)
            now = time.monotonic()
            if stopped_at is None and self._has_stop():
                stopped_at = now
            if stopped_at is not None and now - stopped_at > _GRACE:
                raise self._stop()

    def _test(self, request: Any) -> bool:
        try:
            return bool(request.Test())
        except self._mpi.Exception as error:
            raise TrainingError(
                f"training: the connection to another rank is lost: {error}"
            ) from None

    @property
    def _stop_tag(self) -> int:
        return _STOP + self._trainings % 30_000

    def _has_stop(self) -> bool:
        return bool(self._world.Iprobe(self._mpi.ANY_SOURCE, self._stop_tag))

    def _stop(self) -> RankStoppedError:
        """The error for a training that another rank has stopped."""
        status = self._mpi.Status()
        self._world.Probe(self._mpi.ANY_SOURCE, self._stop_tag, status)
        data = np.zeros(status.Get_count(self._mpi.BYTE), np.uint8)
        self._world.Recv(data, status.Get_source(), self._stop_tag)
        reason = data.tobytes().decode(errors="replace")
        return RankStoppedError(f"rank {status.Get_source()} of {self.size} stopped: {reason}")


def _add(part: Float32, begin: int, term: Float32, start: int) -> None:
    """Add a term to a piece of a sum; ``begin`` and ``start``: where they begin in the sum."""
    low, high = max(begin, start), min(begin + len(part), start + len(term))
    if low < high:
        part[low - begin : high - begin] += term[low - start : high - start]
