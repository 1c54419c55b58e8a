"""When refused clients may come again, so that refusals leave the server time to answer."""

from __future__ import annotations

import math
from collections.abc import Callable

SHARE = 0.1
"""Refused clients come back at this share of the rate at which requests are answered."""
LONGEST = 60
"""Seconds that a client has to wait, at most."""
_LEAST_RATE = 20.0
"""Clients that may come back in a second, at least."""
_WINDOW = 1.0
"""Seconds over which answers are counted."""


class RetryPace:
    """Gives each refused client a time of its own.

    A server that is asked by far more clients than it can serve would otherwise only refuse: if all
    clients come back after a second, all of them come in every second.

    Parameters
    ----------
    clock : callable
        The seconds of a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._next = clock, -math.inf
        self._rate, self._count, self._since = 0.0, 0, clock()

    def answered(self) -> None:
        """A request was answered."""
        self._count += 1
        self._measure(self._clock())

    def seconds(self) -> int:
        """The seconds after which a client that is refused now may try again."""
        now = self._clock()
        self._measure(now)
        rate = max(_LEAST_RATE, SHARE * self._rate)
        self._next = min(max(self._next + 1 / rate, now), now + LONGEST)
        return max(1, math.ceil(self._next - now))

    def _measure(self, now: float) -> None:
        if now - self._since >= _WINDOW:
            self._rate = self._count / (now - self._since)
            self._count, self._since = 0, now
