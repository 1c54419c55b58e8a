"""The progress of long work as news: how far it is, how long it takes, and an end when it is
stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError

from ..core.progress import Progress

INTERVAL = 0.2
"""Seconds between two pieces of news."""


class JobMeter:
    """Publishes progress with the seconds that are left of a stage; raises CancelledError when the
    work is stopped.

    Parameters
    ----------
    tell : callable
        Gets the values of each piece of news, by name.
    stopped : threading.Event
        Set to end the work at its next report.
    """

    def __init__(self, tell: Callable[..., None], stopped: threading.Event) -> None:
        self._tell, self._stopped = tell, stopped
        self._stage, self._began, self._first, self._last = "", 0.0, 0, 0.0
        self.losses: list[float] = []
        """The loss of every epoch so far."""

    def report(self, progress: Progress) -> None:
        """The progress callback."""
        if self._stopped.is_set():
            raise CancelledError
        if progress.epoch:
            self.losses.append(round(progress.epoch.loss, 5))
        now = time.monotonic()
        if progress.stage != self._stage:
            self._stage, self._began, self._first = progress.stage, now, progress.done
        elif now - self._last < INTERVAL:
            return
        self._last = now
        finished, left = progress.done - self._first, None
        if finished > 0:
            left = round((now - self._began) / finished * (progress.total - progress.done), 1)
        facts = {"stage": progress.stage, "done": progress.done, "total": progress.total}
        self._tell(state="running", **facts, left=left, loss=progress.loss, note=progress.note,
                   losses=self.losses[-200:])  # fmt: skip
