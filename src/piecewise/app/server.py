"""The HTTP server of the app: its routes, and the checks before them."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..core.errors import DataError, LimitError, PiecewiseError, reason
from .actions import Actions
from .news import News
from .pages import Pages
from .security import HEADERS, Gate, RefusedError
from .take import Taken, chunks

MAX_BODY = 64 << 20
"""Bytes of a request."""
MAX_JSON = 4 << 20
"""Bytes of a request in JSON."""
MAX_IMPORT = 2 << 30
"""Bytes of an archive to import."""
IMPORT = "/api/import"
PATIENCE = 20.0
"""Seconds for the next piece of a request to come."""
BYTES = "application/octet-stream"
_METHODS = {"GET", "HEAD", "POST", "PATCH", "DELETE"}
Handler = Callable[[Request], Awaitable[Response]]


def create_app(actions: Actions, gate: Gate, news: News) -> Starlette:
    """The application for a project; ``actions`` do what its routes ask for."""
    pages = Pages()

    async def enter(request: Request) -> Response:
        values = await _json(request)
        return JSONResponse({"token": gate.trade(values.get("code"))})

    async def stream(request: Request) -> Response:
        return StreamingResponse(
            news.lines(actions.project_state), media_type="application/x-ndjson"
        )

    async def page(request: Request) -> Response:
        return pages.response(request.scope["path"])

    routes = [
        Route("/api/enter", enter, methods=["POST"]),
        Route("/api/news", stream),
        *(Route(path, _handler(function, actions.folder), methods=[method])
          for (method, path), function in actions.routes().items()),
        *(Route(path, page) for path in pages.paths),
    ]  # fmt: skip

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        actions.close()

    app = Starlette(
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
    app.router.redirect_slashes = False
    return app


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
        headers, path = request.headers, request.scope["path"]
        if request.method not in _METHODS:
            raise RefusedError(405, "this method is not used")
        site = None if path == "/" else headers.get("sec-fetch-site")
        self._gate.check_headers(headers.get("host", ""), headers.get("origin"), site)
        if path.startswith("/api/") and path != "/api/enter":
            self._gate.check_token(headers.get("authorization", ""))
        length = headers.get("content-length", "0")
        most = MAX_IMPORT if path == IMPORT else MAX_BODY
        if not length.isascii() or not length.isdigit() or int(length[:20]) > most:
            raise RefusedError(413, f"a request has at most {most >> 20:,} MB")


def _handler(function: Callable[..., Any], temporary: Path) -> Handler:
    """A route that calls a function on a thread, with the body of the request: ``values`` of JSON,
    ``content``, or a temporary ``file``. Bytes are sent as they are, anything else as JSON."""

    async def handle(request: Request) -> Response:
        query = {**request.query_params, **request.path_params}
        if getattr(function, "takes_file", False):
            async with _body_file(request, MAX_IMPORT, temporary) as file:
                result = await run_in_threadpool(function, file, query)
        elif getattr(function, "takes_bytes", False):
            result = await run_in_threadpool(function, await _body(request, MAX_BODY), query)
        else:
            values = {**query, **(await _json(request)), **request.path_params}
            result = await run_in_threadpool(function, values)
        return _response(result)

    return handle


def _response(result: Any) -> Response:
    if isinstance(result, Taken):
        headers = {"content-disposition": f'attachment; filename="{result.name}"'}
        if isinstance(result.content, bytes):
            return Response(result.content, headers=headers, media_type=BYTES)
        return StreamingResponse(chunks(result.content), headers=headers, media_type=BYTES)
    return Response(result, media_type=BYTES) if isinstance(result, bytes) else JSONResponse(result)


@asynccontextmanager
async def _body_file(request: Request, most: int, folder: Path) -> AsyncIterator[Path]:
    """The body of a request of at most so many bytes, in a temporary file."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix="import-", suffix=".zip") as file:
        async for part in _parts(request, most):
            file.write(part)
        file.flush()
        yield Path(file.name)


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
    return b"".join([part async for part in _parts(request, most)])


async def _parts(request: Request, most: int) -> AsyncIterator[bytes]:
    """The body of a request, piece by piece; RefusedError if it is too long or stops coming."""
    stream, size = aiter(request.stream()), 0
    while True:
        try:
            part = await asyncio.wait_for(anext(stream), PATIENCE)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise RefusedError(408, f"nothing came for {PATIENCE:g} seconds") from None
        except ClientDisconnect:
            raise RefusedError(400, "the request ended too early") from None
        size += len(part)
        if size > most:
            raise RefusedError(413, f"a request has at most {most:,} bytes")
        yield part


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
