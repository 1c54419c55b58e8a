"""HTTP connections that are closed if the client stalls."""

from __future__ import annotations

import asyncio
from typing import Any

PATIENCE = 20.0
"""Seconds for the head of a request to come, and for the rest of one that was answered already."""


class ConnectionTimeouts:
    """Closes a connection on which the head of a request, or what follows a refused request, takes
    too long. The other base class is a protocol of uvicorn."""

    cycle: Any
    loop: asyncio.AbstractEventLoop
    transport: Any
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A connection begins."""
        super().connection_made(transport)  # type: ignore[misc]
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        super().data_received(data)  # type: ignore[misc]
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)  # type: ignore[misc]

    def _watch(self) -> None:
        """Give the other side some time, unless a request is being answered."""
        if self._timer is None and self._waits():
            self._timer = self.loop.call_later(PATIENCE, self._close, self._state())

    def _waits(self) -> bool:
        """Whether the other side has to send something."""
        return self.cycle is None or self.cycle.response_complete

    def _state(self) -> object:
        """What is another if the other side has sent what it had to."""
        return self.cycle

    def _has_gone_on(self, state: object) -> bool:
        """Whether the other side has sent what it had to since this state."""
        return self._state() != state

    def _close(self, state: object) -> None:
        self._timer = None
        if not self._waits() or self.transport.is_closing():
            return
        if self._has_gone_on(state):
            self._watch()
        else:
            self.transport.close()
