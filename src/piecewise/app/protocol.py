"""HTTP connections that end when nothing useful comes over them."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE = 20.0
"""Seconds for the head of a request to come, and for the rest of one that was answered already."""


class ImpatientProtocol(H11Protocol):
    """Closes a connection on which the head of a request, or what follows a refused request, takes
    too long."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A connection begins."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Give the other side some time, unless a request is being answered."""
        if self._timer is None and self._is_idle():
            self._timer = self.loop.call_later(PATIENCE, self._close, self.cycle)

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _close(self, cycle: object) -> None:
        self._timer = None
        if self._is_idle() and self.cycle is cycle and not self.transport.is_closing():
            self.transport.close()
