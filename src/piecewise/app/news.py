"""News of the app: a stream of JSON lines for every open page.

Of every kind of news a slow page gets the last one only; the teacher never waits for a page.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

BEAT = 15.0
"""Seconds without news after which a line says that the server is alive."""
MAX_READERS = 32
"""Open streams."""


class News:
    """Publishes news from any thread to the streams of pages."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers: set[_PageStream] = set()
        self.seq = 0
        """The number of the last piece of news."""

    def publish(self, news: dict[str, Any]) -> None:
        """Send a piece of news, a dict with its ``type``, to every open page."""
        with self._lock:
            self.seq += 1
            numbered = {"seq": self.seq, **news}
            for reader in self._readers:
                reader.put(numbered)

    async def lines(self, hello: Callable[[], dict[str, Any]]) -> AsyncIterator[bytes]:
        """The stream of one page: what ``hello`` returns, then all news since, a JSON object a
        line."""
        reader = _PageStream(asyncio.get_running_loop())
        with self._lock:
            if len(self._readers) >= MAX_READERS:
                return
            self._readers.add(reader)
        try:
            # The page is among the readers already, so that no news is lost between the two.
            yield _line({"seq": self.seq, "type": "hello", **hello()})
            while True:
                for news in await reader.take():
                    yield _line(news)
        finally:
            with self._lock:
                self._readers.discard(reader)


class _PageStream:
    """What one page has not read yet: the last news of every kind."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._event = loop, asyncio.Event()
        self._waiting: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, news: dict[str, Any]) -> None:
        """Keep a piece of news, in place of an older one of its kind. Called by any thread."""
        with self._lock:
            self._waiting.pop(news["type"], None)
            self._waiting[news["type"]] = news
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._event.set)

    async def take(self) -> list[dict[str, Any]]:
        """All that waits; a beat if there is nothing for a while."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), BEAT)
        self._event.clear()
        with self._lock:
            news = list(self._waiting.values())
            self._waiting.clear()
        return news or [{"type": "beat"}]


def _line(news: dict[str, Any]) -> bytes:
    return json.dumps(news, ensure_ascii=False).encode() + b"\n"
