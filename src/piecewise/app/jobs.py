"""Jobs: long work that a person asks for, one at a time, which shows its progress and can be
stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

from ..core.errors import PiecewiseError, shown
from ..core.progress import OnProgress
from .failures import ConflictError, MissingError
from .meter import JobMeter
from .news import Publish

MOST = 16
"""Jobs whose results are kept."""
Work = Callable[[OnProgress], Any]
"""What a job does: it gets a progress callback, and returns plain values."""


class Jobs:
    """The jobs of a project. One runs at a time, on a thread of its own.

    ``publish`` gets all news, dicts of the ``type`` "job" with the number and the ``kind`` of the
    job; their ``state`` is running, done, stopped or failed.
    """

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._news: dict[int, dict[str, Any]] = {}
        self._results: dict[int, Any] = {}
        self._thread: threading.Thread | None = None
        self._last = 0

    def start(self, kind: str, work: Work) -> int:
        """Begin a job; its number. ConflictError if another one runs."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                kind = self._news[self._last]["kind"]
                raise ConflictError(f"job: {kind} runs already; stop it first")
            self._last += 1
            self._stopped.clear()
            number = self._last
            self._tell(number, kind, state="running", stage="", done=0, total=1, left=None)
            self._thread = threading.Thread(target=self._run, args=(number, kind, work),
                                            name="piecewise job", daemon=True)  # fmt: skip
            self._thread.start()
            return number

    def states(self) -> list[dict[str, Any]]:
        """The last piece of news of every job."""
        return list(self._news.values())

    def state(self, number: int) -> dict[str, Any]:
        """The last piece of news of a job, with its result if it is done; MissingError."""
        news = self._news.get(number)
        if news is None:
            raise MissingError(f"job: there is none of the number {shown(number)}")
        return {**news, "result": self._results.get(number)}

    def stop(self, number: int) -> dict[str, Any]:
        """Stop a job, if it still runs; its state. MissingError if there is none of this number."""
        if number == self._last:
            self._stopped.set()
        return self.state(number)

    def close(self) -> None:
        """Stop the job that runs, and wait for its end."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, number: int, kind: str, work: Work) -> None:
        def tell(**news: Any) -> None:
            self._tell(number, kind, **news)

        try:
            self._results[number] = work(JobMeter(tell, self._stopped).report)
            tell(state="done")
        except CancelledError:
            tell(state="stopped")
        except (PiecewiseError, OSError) as error:
            tell(state="failed", message=str(error))
        except Exception as error:
            tell(state="failed", message=f"{type(error).__name__}: {error}")
            raise

    def _tell(self, number: int, kind: str, **news: Any) -> None:
        self._news[number] = {"type": "job", "job": number, "kind": kind, **news}
        for old in list(self._news)[:-MOST]:
            del self._news[old]
            self._results.pop(old, None)
        self._publish(self._news[number])
