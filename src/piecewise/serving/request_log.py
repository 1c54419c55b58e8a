"""The log of the prediction server: JSON lines without inputs, names of files or tokens."""

from __future__ import annotations

import json
import sys
import time


class RequestLog:
    """Writes a line to standard error for each request for predictions, for the refusals of a
    second, and for each reload.

    Parameters
    ----------
    enabled : bool
        Whether all lines are written. Reloads that fail are always written.
    """

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled

    def answered(self, net: str, status: int, inputs: int, seconds: float) -> None:
        """A request was answered."""
        if self._enabled:
            milliseconds = round(1000 * seconds, 3)
            _write(event="predict", net=net, status=status, inputs=inputs, ms=milliseconds)

    def refused(self, count: int) -> None:
        """Requests were refused because the server was busy."""
        if self._enabled and count:
            _write(event="refused", requests=count)

    def reloaded(self, net: str, why: str) -> None:
        """The file of a net has changed; ``why`` it was not loaded, if so."""
        if why or self._enabled:
            _write(event="reload", net=net, result=why or "loaded")


def _write(**values: object) -> None:
    line = json.dumps({"time": round(time.time(), 3), **values})
    sys.stderr.write(line + "\n")
