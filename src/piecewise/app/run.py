"""Runs the app: a server on this machine for one project."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from ..core.errors import DataError
from .news import News
from .project import Project
from .protocol import TimeoutProtocol
from .security import Gate
from .server import create_app
from .session import Session
from .teaching import Teacher

FIRST_PORT, PORTS = 8421, 20
"""The port that is tried first, and how many are tried."""
MAX_HEAD = 32 << 10
"""Bytes of the head of a request."""
SWITCH = 5e-4
"""Seconds after which Python lets another thread run. With the default, a request waits ten times
as long for a training that compiles, each time that it has released the interpreter."""


def serve(folder: Path, port: int | None, opened: Callable[[str], None]) -> None:
    """Serve a project until the process is interrupted; ``opened`` gets the link when the server
    listens. DataError if the folder or the port cannot be used."""
    listeners = _listen(port)
    try:
        project = Project(folder)
    except DataError:
        for listener in listeners:
            listener.close()
        raise
    news = News()
    teacher = Teacher(project, news.publish)
    gate = Gate(folder, listeners[0].getsockname()[1])
    app = create_app(Session(project, teacher, news), gate, news)
    if any(one.train for one in project.classes()) and teacher.net is None:
        teacher.changed()
    server = _Server(configuration(app), lambda: opened(gate.link))
    sys.setswitchinterval(SWITCH)
    server.run(sockets=listeners)


def configuration(app: Starlette) -> uvicorn.Config:
    """How the server runs: without logs, websockets and what it is called, and with limits."""
    return uvicorn.Config(
        app, log_level="error", access_log=False, lifespan="on", ws="none", server_header=False,
        timeout_graceful_shutdown=1, http=TimeoutProtocol, h11_max_incomplete_event_size=MAX_HEAD,
    )  # fmt: skip


class _Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._started()


def _listen(port: int | None) -> list[socket.socket]:
    """Sockets on this machine, of IPv4 and, if possible, of IPv6, at the given port or the first
    that is free."""
    ports = [port] if port is not None else list(range(FIRST_PORT, FIRST_PORT + PORTS))
    for one in ports:
        listener = _bound(socket.AF_INET, "127.0.0.1", one)
        if listener is not None:
            second = _bound(socket.AF_INET6, "::1", listener.getsockname()[1])
            return [listener] if second is None else [listener, second]
    wanted = (
        f"the port {port} is" if port is not None else f"the ports {ports[0]} to {ports[-1]} are"
    )
    raise DataError(f"{wanted} taken; choose another one with --port")


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket | None:
    """A socket at an address; None if that is not possible."""
    listener = None
    try:
        # With TCP named, asyncio sends the body of an answer at once, not after 40 milliseconds.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name == "posix":  # elsewhere, the option lets two programs have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
    except OSError:
        if listener is not None:
            listener.close()
        return None
    return listener
