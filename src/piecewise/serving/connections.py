"""HTTP connections of the prediction server."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from . import timeouts
from .admission import Admission
from .responses import busy_answer
from .timeouts import ConnectionTimeouts

MAX_HEAD = 256 << 10
"""Bytes of an unfinished head of a request, or of unfinished trailers after its body."""
LEAST_RATE = 500
"""Bytes of a body that have to come in a second, on average over `timeouts.PATIENCE`."""


class _RefusedRequest:
    """Takes the place of a request that was refused by its head."""

    response_complete, more_body = True, False
    message_event = asyncio.Event()

    def __init__(self, until: float) -> None:
        self.until = until


class TimeoutHttpToolsProtocol(ConnectionTimeouts, HttpToolsProtocol):
    """HTTP by httptools, which is faster. Closes a connection also on which a body comes too
    slowly, or the head or the trailers of a request are too long. While the server is busy, it
    refuses requests by their heads: that takes a small part of the time of an answer."""

    _received, _head = 0, 0
    _admission: Admission

    def connection_made(self, transport: Any) -> None:
        """A connection begins."""
        self._admission = self.app.state.admission
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        self._received += len(data)
        self._head += len(data)  # set to 0 below at the end of a head and by bytes of a body
        super().data_received(data)
        if self._head > MAX_HEAD:
            self.transport.close()

    def on_headers_complete(self) -> None:
        """The head of a request has come."""
        self._head = 0
        seconds = self._seconds_of_refusal()
        if seconds is None:
            super().on_headers_complete()
            return
        self.cycle = _RefusedRequest(self.loop.time() + seconds + timeouts.PATIENCE)
        self.transport.write(busy_answer(seconds))
        if not self.parser.should_keep_alive():
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        """A piece of the body has come."""
        self._head = 0
        super().on_body(body)

    def _seconds_of_refusal(self) -> int | None:
        """The seconds that the client has to wait, or None if the request is not refused by its
        head. A request is not if an earlier one is not answered or the client does not read."""
        is_last = self.cycle is None or self.cycle.response_complete
        if not is_last or self.flow.write_paused:
            return None
        return self._admission.seconds_of_refusal(self.parser.get_method(), self.headers)

    def _waits(self) -> bool:
        return super()._waits() or bool(self.cycle.more_body)

    def _state(self) -> object:
        cycle = self.cycle
        is_body_read = cycle is not None and cycle.more_body and not cycle.response_complete
        return self._received if is_body_read else cycle

    def _has_gone_on(self, state: object) -> bool:
        if isinstance(state, _RefusedRequest) and self.loop.time() < state.until:
            return True
        now = self._state()
        if isinstance(now, int) and isinstance(state, int):
            return now - state >= LEAST_RATE * timeouts.PATIENCE
        return now != state
