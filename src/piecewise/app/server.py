"""The HTTP server of the app: its routes, and the checks before them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..core.errors import DataError, LimitError, PiecewiseError, reason
from .actions import Actions
from .news import News
from .pages import Pages
from .security import HEADERS, Gate, RefusedError

MAX_BODY = 64 << 20
"""Bytes of a request."""
MAX_JSON = 4 << 20
"""Bytes of a request in JSON."""
_METHODS = {"GET", "HEAD", "POST", "PATCH", "DELETE"}
Handler = Callable[[Request], Awaitable[Response]]


def create_app(actions: Actions, gate: Gate, news: News) -> Starlette:
    """The application for a project; ``actions`` do what its routes ask for."""
    pages = Pages()

    async def enter(request: Request) -> Response:
        values = await _json(request)
        return JSONResponse({"token": gate.trade(values.get("code"))})

    async def stream(request: Request) -> Response:
        hello = actions.project_state()
        return StreamingResponse(news.lines(hello), media_type="application/x-ndjson")

    async def page(request: Request) -> Response:
        return pages.response(request.url.path)

    routes = [
        Route("/api/enter", enter, methods=["POST"]),
        Route("/api/news", stream),
        *(Route(path, _handler(function), methods=[method])
          for (method, path), function in actions.routes().items()),
        *(Route(path, page) for path in pages.paths),
    ]  # fmt: skip

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        actions.close()

    return Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(_Guard, gate=gate)],
        exception_handlers={
            PiecewiseError: _failed,
            RefusedError: _refused,
            Exception: _unexpected,
            404: _not_found,
            405: _not_found,
        },
    )


class _Guard:
    """Checks every request before its route, and adds the headers that every answer has."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app, self._gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a websocket is refused by closing it
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in message["headers"]}
                extra = {**HEADERS}
                if scope["path"].startswith("/api/"):
                    extra["cache-control"] = "no-store"
                message["headers"] += [
                    (name.encode(), value.encode())
                    for name, value in extra.items()
                    if name.encode() not in names
                ]
            await send(message)

        try:
            self._check(request)
        except RefusedError as error:
            await (_error_response(error.status, "refused", str(error)))(
                scope, receive, with_headers
            )
            return
        await self._app(scope, receive, with_headers)

    def _check(self, request: Request) -> None:
        headers = request.headers
        if request.method not in _METHODS:
            raise RefusedError(405, "this method is not used")
        site = None if request.url.path == "/" else headers.get("sec-fetch-site")
        self._gate.check_headers(headers.get("host", ""), headers.get("origin"), site)
        if request.url.path.startswith("/api/") and request.url.path != "/api/enter":
            self._gate.check_token(headers.get("authorization", ""))
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            raise RefusedError(413, f"a request has at most {MAX_BODY >> 20} MB")


def _handler(function: Callable[..., Any]) -> Handler:
    """A route that calls a function on a thread, with the body of the request: ``values`` of JSON,
    or ``content``. Bytes are sent as they are, anything else as JSON."""
    is_upload = getattr(function, "takes_bytes", False)

    async def handle(request: Request) -> Response:
        query = {**request.query_params, **request.path_params}
        if is_upload:
            result = await run_in_threadpool(function, await _body(request, MAX_BODY), query)
        else:
            values = {**query, **(await _json(request))}
            result = await run_in_threadpool(function, values)
        if isinstance(result, bytes):
            return Response(result, media_type="application/octet-stream")
        return result if isinstance(result, Response) else JSONResponse(result)

    return handle


async def _json(request: Request) -> dict[str, Any]:
    """The JSON object of a request; an empty one without a body."""
    body = await _body(request, MAX_JSON)
    if not body:
        return {}
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the request is not JSON") from None
    if not isinstance(values, dict):
        raise RefusedError(400, "the request is not a JSON object")
    return values


async def _body(request: Request, most: int) -> bytes:
    """The body of a request of at most so many bytes."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise RefusedError(413, f"a request has at most {most:,} bytes")
        parts.append(part)
    return b"".join(parts)


def _error_response(status: int, kind: str, message: str) -> Response:
    return JSONResponse({"error": {"kind": kind, "message": message}}, status)


async def _failed(request: Request, error: Exception) -> Response:
    """An error of piecewise: a value that is not allowed, data that cannot be read, or no such
    thing."""
    message = reason(error)
    missing = isinstance(error, DataError) and ": there is none" in message
    status = 404 if missing else 422 if isinstance(error, LimitError | DataError) else 400
    return _error_response(status, type(error).__name__, message)


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, RefusedError) else 400
    return _error_response(status, "refused", str(error))


async def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return _error_response(status, "refused", "there is nothing at this address")


async def _unexpected(request: Request, error: Exception) -> Response:
    return _error_response(500, type(error).__name__, "the app failed; see its terminal")
