"""Runs the prediction server: one process, or several that share a port."""

from __future__ import annotations

import errno
import gc
import os
import resource
import socket
import tempfile
from collections.abc import Callable
from functools import partial

import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors.multiprocess import Multiprocess

from ..core.errors import DataError
from .connections import TimeoutHttpToolsProtocol
from .settings import SHARED_METRICS, ServerSettings

GRACE_SECONDS = 30
"""Seconds that requests have to be answered after the signal to stop."""
_BACKLOG = 4_096
_YOUNG_OBJECTS, _COLLECTIONS = 50_000, (20, 100)
"""New objects after which the youngest are collected, and how many such collections come before
one of older objects."""


def serve(settings: ServerSettings, opened: Callable[[str], None]) -> None:
    """Serve until the process is interrupted or terminated; ``opened`` gets the address when it
    listens. DataError if the port cannot be used."""
    _allow_many_connections()
    listener = _listen(settings)
    with listener:
        opened(_address(settings, listener))
        config = configuration(settings)
        if settings.workers == 1:
            uvicorn.Server(config).run(sockets=[listener])
            return
        with tempfile.TemporaryDirectory(prefix="piecewise-metrics-") as folder:
            os.environ[SHARED_METRICS] = folder
            Multiprocess(config, [listener]).run()


def configuration(settings: ServerSettings) -> uvicorn.Config:
    """How a process serves."""
    return uvicorn.Config(
        partial(_app_of_process, settings), factory=True, workers=settings.workers,
        log_level="error", access_log=False, lifespan="on", ws="none", server_header=False,
        proxy_headers=False,
        http=TimeoutHttpToolsProtocol, timeout_keep_alive=75, backlog=_BACKLOG,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )  # fmt: skip


def _app_of_process(settings: ServerSettings) -> Starlette:
    """The application of one process, whose garbage collector does not look at all connections
    again and again: with thousands of them, that took a quarter of the time."""
    from .server import create_app  # noqa: PLC0415 - metrics are shared only if a folder is set

    app = create_app(settings)
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, *_COLLECTIONS)
    return app


def _allow_many_connections() -> None:
    """Open as many files as the system allows: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _listen(settings: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With TCP named, asyncio sends the body of an answer at once, not after 40 milliseconds.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        option = "--port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "--host"
        raise DataError(
            f"{settings.host} port {settings.port}: {error.strerror}; choose another {option}"
        ) from None
    return listener


def _address(settings: ServerSettings, listener: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listener.getsockname()[1]}"
