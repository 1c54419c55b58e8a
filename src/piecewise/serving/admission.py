"""Checks of a request before it is read: its host, its origin, its token, and the limits."""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from .metrics import Metrics
from .refused import RefusedError
from .retry_pace import RetryPace
from .settings import ServerSettings
from .timeouts import PATIENCE

OPEN_PATHS = ("/healthz", "/readyz")
"""Paths that need no token: they say only whether the server answers."""
MAX_BYTES = 512 << 20
"""Bytes of all requests that a process holds at a time; one of the largest is always allowed."""
SMALL_BODY = 16 << 10
"""Bytes of a small request. A thread reads larger ones of JSON or an array."""
MAX_SMALL_BYTES = 64 << 20
"""Bytes of small requests that a process holds if all requests have `MAX_BYTES` already: clients
that send large requests slowly do not keep small ones out."""


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
        self._max_bytes, self._refused = max(MAX_BYTES, self.max_body), 0

    def check(self, path: str, headers: Mapping[str, str]) -> None:
        """Check the headers of a request; RefusedError."""
        if self._settings.is_local and not _is_local_host(headers.get("host", "")):
            raise RefusedError(421, "this server answers for this machine only")
        if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
            raise RefusedError(403, "a web page may not ask this server")
        if self._wanted is not None and path not in OPEN_PATHS:
            given = headers.get("authorization", "").encode("utf-8", "replace")
            if not self._is_token(given):
                raise RefusedError(401, "wanted the header Authorization: Bearer TOKEN",
                                   headers={"www-authenticate": "Bearer"})  # fmt: skip
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length[:20]) > self.max_body:
            raise self.too_long()

    def seconds_of_refusal(
        self, method: bytes, headers: Sequence[tuple[bytes, bytes]]
    ) -> int | None:
        """Refuse a POST request by its head if the server is busy. Returns the seconds to wait, or
        None if it is not refused."""
        if self._running < self._settings.max_requests or method != b"POST":
            return None
        if self._wanted is not None:
            given = next((value for name, value in headers if name == b"authorization"), b"")
            if not self._is_token(given):
                return None
        return self._refuse()

    def check_free(self) -> None:
        """RefusedError if the server answers as many requests as it may."""
        if self._running >= self._settings.max_requests:
            raise busy(self._refuse())

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Count a request for predictions, which has been read, while it is answered; RefusedError
        if there are too many."""
        self.check_free()
        self._take_allowance()
        self._running += 1
        self._metrics.running.set(self._running)
        try:
            yield
        finally:
            self._running -= 1
            self._pace.answered()
            self._metrics.running.set(self._running)

    def hold(self, size: int, before: int = 0) -> None:
        """Count bytes of a request that have come, after those that came before; RefusedError if
        all requests have too many."""
        reserve = MAX_SMALL_BYTES if before + size <= SMALL_BODY else 0
        if self._bytes + size > self._max_bytes + reserve:
            raise busy(self._refuse())
        self._bytes += size

    def release(self, size: int) -> None:
        """These bytes are not needed any more."""
        self._bytes -= size

    def too_long(self) -> RefusedError:
        """The refusal of a request that is too long."""
        return RefusedError(413, f"a request has at most {self.max_body:,} bytes")

    def take_refused(self) -> int:
        """The number of requests that were refused since the last call because the server was
        busy."""
        count, self._refused = self._refused, 0
        return count

    def _refuse(self) -> int:
        """Count a refusal; the seconds after which the client may come again."""
        self._refused += 1
        self._metrics.refused.inc()
        return self._pace.seconds()

    def _is_token(self, given: bytes) -> bool:
        return self._wanted is not None and hmac.compare_digest(given, self._wanted)

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
            raise busy(1, f"more than {rate:g} requests per second", status=429)
        self._allowance -= 1


def busy(
    seconds: int,
    message: str = "the server is busy",
    status: int = 503,
    *,
    stays_open: bool = False,
) -> RefusedError:
    """The refusal of a request that may come again after some seconds. Unless its connection stays
    open so long, the answer says that it is closed."""
    headers = {"retry-after": str(seconds)}
    if seconds >= PATIENCE and not stays_open:
        headers["connection"] = "close"
    when = "a second" if seconds == 1 else f"{seconds} seconds"
    return RefusedError(status, f"{message}; try again in {when}", headers=headers)


def _is_local_host(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name.lower() in ("127.0.0.1", "localhost", "[::1]")
