"""The import that runs: its progress as news, and its end when a person stops it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

from ..core.progress import OnProgress, Progress
from .failures import ConflictError
from .imports import ImportReport
from .news import Publish

INTERVAL = 0.2
"""Seconds between two pieces of news."""


class ImportRun:
    """Runs one import at a time, on the thread that asks for it.

    ``publish`` gets all news, dicts of the ``type`` "import"; their ``state`` is running or idle.
    """

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._stopped_keys = deque[str](maxlen=16)
        self._began = self._last = 0.0
        self._news: dict[str, Any] = {"type": "import", "state": "idle"}

    def state(self) -> dict[str, Any]:
        """The last piece of news."""
        return self._news

    def run(self, work: Callable[[OnProgress], ImportReport], key: str = "") -> ImportReport:
        """Do an import; ConflictError if another one runs, or if it is stopped. Its ``key`` is that
        of a stop that may come first."""
        if not self._lock.acquire(blocking=False):
            raise ConflictError("import: another one runs; wait for it, or stop it")
        try:
            self._stopped.clear()
            if key in self._stopped_keys:
                raise CancelledError
            self._began, self._last = time.monotonic(), 0.0
            self._tell(state="running", done=0, total=0, left=None)
            return work(self._report)
        except CancelledError:
            raise ConflictError("import: stopped; nothing was changed") from None
        finally:
            self._tell(state="idle")
            self._lock.release()

    def stop(self, key: str = "") -> None:
        """End the import that runs at its next report, or the one of this key as soon as it
        begins; nothing is changed then."""
        self._stopped.set()
        if key:
            self._stopped_keys.append(key)

    def _report(self, progress: Progress) -> None:
        if self._stopped.is_set():
            raise CancelledError
        now = time.monotonic()
        if now - self._last < INTERVAL:
            return
        self._last = now
        left = (now - self._began) / max(1, progress.done) * (progress.total - progress.done)
        self._tell(state="running", done=progress.done, total=progress.total, left=round(left, 1))

    def _tell(self, **news: Any) -> None:
        self._news = {"type": "import", **news}
        self._publish(self._news)
