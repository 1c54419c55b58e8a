"""Checks every request before its route, and limits what is read of it."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .admission import Admission
from .refused import RefusedError
from .responses import refused


class RequestGuard:
    """The middleware that admits requests."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app, self._admission = app, admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._admission.check(scope["path"], Headers(scope=scope))
        except RefusedError as error:
            await refused(error)(scope, receive, send)
            return
        body = _LimitedBody(receive, self._admission)
        try:
            await self._app(scope, body.receive, send)
        finally:
            self._admission.release(body.size)


class _LimitedBody:
    """``receive``, which refuses a request that is too long, or for which there is no memory."""

    def __init__(self, receive: Receive, admission: Admission) -> None:
        self._receive, self._admission, self.size = receive, admission, 0

    async def receive(self) -> Message:
        message = await self._receive()
        size = len(message.get("body", b""))
        if self.size + size > self._admission.max_body:
            raise self._admission.too_long()
        self._admission.hold(size, self.size)
        self.size += size
        return message
