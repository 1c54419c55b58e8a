"""Steps of Python, counted where a test judges how much work is done: unlike seconds, they are the
same on a busy machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

HANG = 600
"""Seconds after which a test gives up waiting for another thread or process. It only guards
against waiting for ever: no test may depend on how long something takes."""


class TooManyStepsError(BaseException):
    """Not an `Exception`: the code that is measured shall not catch it."""


class Steps:
    """How many calls, lines and returns this thread has traced."""

    def __init__(self, limit: int) -> None:
        self.count, self.limit = 0, limit

    def trace(self, _frame: FrameType, _event: str, _argument: Any) -> Any:
        self.count += 1
        if self.count > self.limit:
            sys.settrace(None)
            raise TooManyStepsError(f"more than {self.limit:,} steps")
        return self.trace


@contextmanager
def at_most(limit: int) -> Iterator[Steps]:
    """Fails as soon as functions that are called in the block, in this thread, have taken more
    steps: calls, lines and returns of Python. What C code does in one call is one step."""
    steps, before = Steps(limit), sys.gettrace()
    sys.settrace(steps.trace)
    try:
        yield steps
    finally:
        sys.settrace(before)


def counted_ends(function: Callable[..., Any], ended: list[Any]) -> Callable[..., Any]:
    """The same function, but what it returns is noted, unless an error ends it."""

    def counted(*given: Any, **named: Any) -> Any:
        ended.append(function(*given, **named))
        return ended[-1]

    return counted
