"""Counts Python steps, so that tests can limit the work of a function.

Unlike seconds, the count does not depend on the load of the machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

HANG = 600
"""Seconds after which a test stops waiting for another thread or process. It only prevents endless
waiting: no test may depend on how long something takes."""


class TooManyStepsError(BaseException):
    """Not an `Exception`, so that the measured code does not catch it."""


class Steps:
    """The number of calls, lines and returns that this thread has traced."""

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
    """Fails as soon as the functions called in the block take more steps than ``limit``.

    A step is a call, line or return of Python in this thread. One call of C code is one step.
    """
    steps, previous_trace = Steps(limit), sys.gettrace()
    sys.settrace(steps.trace)
    try:
        yield steps
    finally:
        sys.settrace(previous_trace)


def recording_results(function: Callable[..., Any], results: list[Any]) -> Callable[..., Any]:
    """Wraps a function so that it appends each of its return values to ``results``."""

    def wrapper(*positional: Any, **keywords: Any) -> Any:
        results.append(function(*positional, **keywords))
        return results[-1]

    return wrapper
