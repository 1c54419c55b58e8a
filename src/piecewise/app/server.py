"""The HTTP server of the app: the routes of a project, the page and the news."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ..core.errors import PiecewiseError
from ..serving.refused import RefusedError
from .actions.table import routes_of
from .error_answers import failed, not_found, refused, unexpected
from .fields import RequestField, WholeKind, checked_values
from .guard import Guard
from .news import News
from .pages import Pages
from .request_body import bytes_body, file_body, json_body
from .routes import BYTES, FILE, AppRoute
from .security import Gate
from .session import Session
from .take import Taken, chunks

_NEWS = [RequestField("since", WholeKind(0, 1 << 53))]
BINARY = "application/octet-stream"
Handler = Callable[[Request], Awaitable[Response]]


def create_app(session: Session, gate: Gate, news: News) -> Starlette:
    """The application for a project that is open."""
    pages = Pages()

    async def enter(request: Request) -> Response:
        values = await json_body(request)
        return JSONResponse({"token": gate.trade(values.get("code"))})

    async def stream(request: Request) -> Response:
        since = checked_values(_NEWS, request.query_params).get("since")
        lines = news.lines(session.state, since)
        return StreamingResponse(lines, media_type="application/x-ndjson")

    async def page(request: Request) -> Response:
        return pages.response(request.scope["path"])

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        session.close()

    app = Starlette(
        routes=[
            Route("/api/enter", enter, methods=["POST"]),
            Route("/api/news", stream),
            *(Route(one.path, _handler(one, session.folder), methods=[one.method])
              for one in routes_of(session)),
            *(Route(path, page) for path in pages.paths),
        ],
        lifespan=lifespan,
        middleware=[Middleware(Guard, gate=gate)],
        exception_handlers={
            PiecewiseError: failed,
            RefusedError: refused,
            Exception: unexpected,
            404: not_found,
            405: not_found,
        },
    )  # fmt: skip
    app.router.redirect_slashes = False
    return app


def _handler(route: AppRoute, temporary: Path) -> Handler:
    """A route that calls its action on a thread, with the checked fields of the request."""

    async def handle(request: Request) -> Response:
        given = {**request.query_params, **request.path_params}
        if route.body == FILE:
            async with file_body(request, temporary) as file:
                return await run(given, file)
        if route.body == BYTES:
            return await run(given, await bytes_body(request))
        return await run({**request.query_params, **await json_body(request)} | request.path_params)

    async def run(given: dict[str, Any], content: Path | bytes | None = None) -> Response:
        values = route.checked(given)
        if content is not None:
            values["content"] = content
        return _response(await run_in_threadpool(route.action, values))

    return handle


def _response(result: Any) -> Response:
    """Bytes and files are sent as they are, anything else as JSON."""
    if isinstance(result, Taken):
        headers = {"content-disposition": f'attachment; filename="{result.name}"'}
        if isinstance(result.content, bytes):
            return Response(result.content, headers=headers, media_type=BINARY)
        return StreamingResponse(chunks(result.content), headers=headers, media_type=BINARY)
    if isinstance(result, bytes):
        return Response(result, media_type=BINARY)
    return JSONResponse(result)
