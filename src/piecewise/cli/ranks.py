"""Commands in several processes (ranks): rank 0 prints and writes, a failure ends all."""

from __future__ import annotations

import io
import os
import sys
import time
import traceback
from collections.abc import Callable

from ..training.ranks import Ranks, current_ranks

_WAIT = 10.0
"""Seconds that a failed rank waits for rank 0, which learns of the failure and ends all ranks."""


def is_first_rank() -> bool:
    """Whether this process prints and writes: it works alone, or it is rank 0."""
    ranks = current_ranks()
    return ranks is None or ranks.rank == 0


def status_of_ranks(status: Callable[[], int]) -> int:
    """The exit status of a command that all ranks run. If it fails on one, all ranks end."""
    ranks = current_ranks()
    if ranks is None:
        return status()
    code, output = (_status(status), "") if ranks.rank == 0 else _silent_status(status)
    if code:
        _end_all(ranks, code, output.strip().rpartition("\n")[2])
    return code


def _status(status: Callable[[], int]) -> int:
    try:
        return status()
    except BaseException:  # a bug: the other ranks must end, too
        traceback.print_exc()
        return 1


def _silent_status(status: Callable[[], int]) -> tuple[int, str]:
    """The exit status, and what standard error would have shown."""
    streams, errors = (sys.stdout, sys.stderr), io.StringIO()
    with open(os.devnull, "w") as nothing:  # noqa: PTH123
        sys.stdout, sys.stderr = nothing, errors
        try:
            return _status(status), errors.getvalue()
        finally:
            sys.stdout, sys.stderr = streams


def _end_all(ranks: Ranks, code: int, sentence: str) -> None:
    """End all ranks. ``sentence``: the error of a rank that prints nothing."""
    if ranks.rank:
        sentence = sentence.removeprefix("piecewise: ")
        ranks.announce_stop(sentence)
        time.sleep(_WAIT)
        print(f"piecewise: rank {ranks.rank}: {sentence}", file=sys.stderr)  # noqa: T201
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # MPI would print a message of its own
    ranks.abort(code)
