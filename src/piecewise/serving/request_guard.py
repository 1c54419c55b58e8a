"""Checks every request before its route, and limits what is read of it."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .admission import Admission
from .refused import RefusedError
from .responses import refused


class RequestGuard:
    """The middleware that admits requests.

    Parameters
    ----------
    app : ASGIApp
    admission : Admission
    """

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
        await self._app(scope, self._limited(receive), send)

    def _limited(self, receive: Receive) -> Receive:
        """``receive``, which refuses a request that is too long."""
        size = 0

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._admission.max_body:
                most = self._admission.max_body
                raise RefusedError(413, f"a request has at most {most:,} bytes")
            return message

        return limited
