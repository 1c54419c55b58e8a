"""Many things done by a few threads, and had in their order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def in_order(
    given: Sequence[Sequence[Given]], use: Callable[[Given], Made], threads: int
) -> Generator[Made, None, None]:
    """What ``use`` makes of everything in ``given``, which is cut into what a thread takes at a
    time; in this order, made a little ahead by so many threads.

    Closing it, as Ctrl-C does, waits for what is being done and begins nothing more: no thread is
    left behind.
    """
    if threads < 2 or len(given) < 2:
        for some in given:
            yield from map(use, some)
        return
    enough = threading.Event()

    def made(some: Sequence[Given]) -> list[Made]:
        return [use(one) for one in some if not enough.is_set()]

    with ThreadPoolExecutor(threads) as pool:
        ahead = deque[Future[list[Made]]]()
        coming = iter(given)
        try:
            ahead.extend(pool.submit(made, some) for some in islice(coming, 2 * threads))
            while ahead:
                done = ahead.popleft().result()
                ahead.extend(pool.submit(made, some) for some in islice(coming, 1))
                yield from done
        finally:  # whoever asked may have had enough
            enough.set()
            pool.shutdown(cancel_futures=True)
