"""HTTP connections of the app."""

from __future__ import annotations

from uvicorn.protocols.http.h11_impl import H11Protocol

from ..serving.timeouts import ConnectionTimeouts


class TimeoutProtocol(ConnectionTimeouts, H11Protocol):
    """HTTP in pure Python, on connections that end when nothing useful comes over them."""
