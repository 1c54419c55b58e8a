"""HTTP connections of the prediction server."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .timeouts import ConnectionTimeouts

MAX_HEAD = 256 << 10
"""Bytes of the head of a request that has not come whole."""


class TimeoutHttpToolsProtocol(ConnectionTimeouts, HttpToolsProtocol):
    """HTTP by httptools, which is faster. Closes a connection also on which a body stops coming, or
    the head of a request is too long."""

    _received, _head, _in_head = 0, 0, True

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        if self._head > MAX_HEAD:
            self.transport.close()
            return
        self._received += len(data)
        super().data_received(data)
        if self._in_head:
            self._head += len(data)

    def on_message_begin(self) -> None:
        """The head of a request begins."""
        self._in_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head of a request has come."""
        self._in_head, self._head = False, 0
        super().on_headers_complete()

    def _waits(self) -> bool:
        return super()._waits() or bool(self.cycle.more_body)

    def _state(self) -> object:
        cycle = self.cycle
        is_body_read = cycle is not None and cycle.more_body and not cycle.response_complete
        return self._received if is_body_read else cycle
