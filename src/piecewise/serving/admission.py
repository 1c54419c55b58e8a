"""Checks of a request before it is read: its host, its origin, its token, and the limits."""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from .metrics import Metrics
from .refused import RefusedError
from .retry_pace import RetryPace
from .settings import ServerSettings
from .timeouts import PATIENCE

OPEN_PATHS = ("/healthz", "/readyz")
"""Paths that need no token: they say only whether the server answers."""
MAX_BYTES = 512 << 20
"""Bytes of all requests that a process answers at a time; one of the largest is always allowed."""


class Admission:
    """Decides which requests are answered.

    Parameters
    ----------
    settings : ServerSettings
    metrics : Metrics
    """

    def __init__(self, settings: ServerSettings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._wanted = None if settings.token is None else f"Bearer {settings.token}".encode()
        self._running, self._bytes, self._pace = 0, 0, RetryPace(time.monotonic)
        self._allowance, self._last = max(1.0, settings.max_rate), time.monotonic()
        self.max_body = settings.max_body_mb << 20
        self._max_bytes = max(MAX_BYTES, self.max_body)

    def check(self, path: str, headers: Mapping[str, str]) -> None:
        """Check the headers of a request; RefusedError."""
        if self._settings.is_local and not _is_local_host(headers.get("host", "")):
            raise RefusedError(421, "this server answers for this machine only")
        if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
            raise RefusedError(403, "a web page may not ask this server")
        if self._wanted is not None and path not in OPEN_PATHS:
            given = headers.get("authorization", "").encode("utf-8", "replace")
            if not hmac.compare_digest(given, self._wanted):
                raise RefusedError(401, "wanted the header Authorization: Bearer TOKEN",
                                   headers={"www-authenticate": "Bearer"})  # fmt: skip
        self._length(headers)

    @contextmanager
    def admitted(self, headers: Mapping[str, str]) -> Iterator[None]:
        """Count a request for predictions while it is answered; RefusedError if there are too
        many."""
        length = self._length(headers)
        size = self.max_body if length is None else length
        if self._running >= self._settings.max_requests or self._bytes + size > self._max_bytes:
            raise _busy("the server is busy", self._pace.seconds())
        self._take_allowance()
        self._running += 1
        self._bytes += size
        self._metrics.running.set(self._running)
        try:
            yield
        finally:
            self._running -= 1
            self._bytes -= size
            self._pace.answered()
            self._metrics.running.set(self._running)

    def _length(self, headers: Mapping[str, str]) -> int | None:
        """The stated size of a request; None if it does not say it; RefusedError."""
        length = headers.get("content-length")
        if length is None:
            return None if "transfer-encoding" in headers else 0
        if not (length.isascii() and length.isdigit()) or int(length[:20]) > self.max_body:
            raise RefusedError(413, f"a request has at most {self.max_body:,} bytes")
        return int(length)

    def _take_allowance(self) -> None:
        """Take one from a bucket that fills with the allowed rate."""
        rate = self._settings.max_rate
        if not rate:
            return
        now = time.monotonic()
        most = max(1.0, rate)
        self._allowance = min(most, self._allowance + (now - self._last) * rate)
        self._last = now
        if self._allowance < 1:
            raise _busy(f"more than {rate:g} requests per second", 1, status=429)
        self._allowance -= 1


def _busy(message: str, seconds: int, status: int = 503) -> RefusedError:
    headers = {"retry-after": str(seconds)}
    if seconds >= PATIENCE:  # its connection would be closed meanwhile
        headers["connection"] = "close"
    when = "a second" if seconds == 1 else f"{seconds} seconds"
    return RefusedError(status, f"{message}; try again in {when}", headers=headers)


def _is_local_host(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name.lower() in ("127.0.0.1", "localhost", "[::1]")
