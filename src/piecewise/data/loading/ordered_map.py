"""A parallel map over a few threads whose results come in the order of the inputs."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered_map(
    batches: Sequence[Sequence[Item]], function: Callable[[Item], Result], threads: int
) -> Generator[Result, None, None]:
    """Apply ``function`` to every item of every batch and yield the results in this order.

    A thread works on one batch at a time; a few batches are computed ahead. Closing the generator,
    as Ctrl-C does, starts no further item and waits for those that are running, so that no thread
    is left behind.
    """
    if threads < 2 or len(batches) < 2:
        for batch in batches:
            yield from map(function, batch)
        return
    cancelled = threading.Event()

    def run(batch: Sequence[Item]) -> list[Result]:
        return [function(item) for item in batch if not cancelled.is_set()]

    with ThreadPoolExecutor(threads) as pool:
        pending = deque[Future[list[Result]]]()
        remaining = iter(batches)
        try:
            pending.extend(pool.submit(run, batch) for batch in islice(remaining, 2 * threads))
            while pending:
                results = pending.popleft().result()
                pending.extend(pool.submit(run, batch) for batch in islice(remaining, 1))
                yield from results
        finally:  # the caller may have closed the generator early
            cancelled.set()
            pool.shutdown(cancel_futures=True)
