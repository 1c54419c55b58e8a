"""Checks every request before its route, and adds the headers that every answer has."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..serving.refused import RefusedError
from .error_answers import REFUSED, error_answer
from .request_body import most_bytes
from .security import HEADERS, Gate

_METHODS = {"GET", "HEAD", "POST", "PATCH", "DELETE"}


class Guard:
    """The checks of a `Gate`, as middleware."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app, self._gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a websocket is refused by closing it
            await send({"type": "websocket.close", "code": 1008})
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message, is_api=scope["path"].startswith("/api/"))
            await send(message)

        try:
            self._check(Request(scope))
        except RefusedError as error:
            answer = error_answer(error.status, REFUSED, str(error), error.where)
            await answer(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)

    def _check(self, request: Request) -> None:
        headers, path = request.headers, request.scope["path"]
        if request.method not in _METHODS:
            raise RefusedError(405, "this method is not used")
        site = None if path == "/" else headers.get("sec-fetch-site")
        self._gate.check_headers(headers.get("host", ""), headers.get("origin"), site)
        if path.startswith("/api/") and path != "/api/enter":
            self._gate.check_token(headers.get("authorization", ""))
        length = headers.get("content-length", "0")
        most = most_bytes(path)
        if not length.isascii() or not length.isdigit() or int(length[:20]) > most:
            raise RefusedError(413, f"a request has at most {most >> 20:,} MB")


def _add_headers(message: Message, *, is_api: bool) -> None:
    names = {name for name, _ in message["headers"]}
    extra = {**HEADERS, **({"cache-control": "no-store"} if is_api else {})}
    message["headers"] += [
        (name.encode(), value.encode())
        for name, value in extra.items()
        if name.encode() not in names
    ]
