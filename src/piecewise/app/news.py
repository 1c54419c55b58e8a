"""News of the app: a stream of JSON lines for every open page.

Of every kind of news a slow page gets the last one only; the teacher never waits for a page.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

Publish = Callable[[dict[str, Any]], None]
"""Gets a piece of news, a dict with its ``type``."""
KEPT = 256
"""News that are kept for a page that comes back."""
BEAT = 15.0
"""Seconds without news after which a line says that the server is alive."""
MAX_READERS = 32
"""Open streams."""


class News:
    """Publishes news from any thread to the streams of pages."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers: set[_PageStream] = set()
        self._kept: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.seq = time.time_ns() // 1_000_000
        """The number of the last piece of news. It begins with the time, so that no number of an
        earlier server is one of this."""
        self._first = self.seq

    def publish(self, news: dict[str, Any]) -> None:
        """Send a piece of news, a dict with its ``type``, to every open page."""
        with self._lock:
            self.seq += 1
            numbered = {**news, "seq": self.seq}
            self._kept.append(numbered)
            for reader in self._readers:
                reader.put(numbered)

    async def lines(
        self, hello: Callable[[], dict[str, Any]], since: int | None = None
    ) -> AsyncIterator[bytes]:
        """The stream of one page: what ``hello`` returns, then all news from then on, a JSON object
        a line. A page that names the last news that it has, ``since``, gets those that it missed
        instead; if they are not kept any more, a line ``resync`` and then what ``hello`` returns.
        """
        reader = _PageStream(asyncio.get_running_loop())
        with self._lock:
            if len(self._readers) >= MAX_READERS:
                return
            self._readers.add(reader)
            missed = self._since(since)
        try:
            # The page is among the readers already, so that no news is lost between the two.
            for news in missed or []:
                yield _line(news)
            if missed is None:
                if since is not None:
                    yield _line({"seq": self.seq, "type": "resync"})
                yield _line({"seq": self.seq, "type": "hello", **hello()})
            while True:
                for news in await reader.take():
                    yield _line(news)
        finally:
            with self._lock:
                self._readers.discard(reader)

    def _since(self, since: int | None) -> list[dict[str, Any]] | None:
        """The news after a number; None if they are not kept."""
        oldest = self._kept[0]["seq"] if self._kept else self.seq + 1
        if since is None or not max(self._first, oldest - 1) <= since <= self.seq:
            return None
        return [news for news in self._kept if news["seq"] > since]


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
