"""HTTP connections of the prediction server."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .impatience import Impatience


class ImpatientHttpToolsProtocol(Impatience, HttpToolsProtocol):
    """HTTP by httptools, which is faster. Closes a connection also on which a body stops coming."""

    _received = 0

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        self._received += len(data)
        super().data_received(data)

    def _waits(self) -> bool:
        return super()._waits() or bool(self.cycle.more_body)

    def _state(self) -> object:
        return self._received if self.cycle is not None and self.cycle.more_body else self.cycle
