"""Hostile requests to the app over a real port: none has an effect, none holds up the server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

pytest.importorskip("starlette", reason="the app's server is an extra")

import uvicorn

from piecewise.app import request_body
from piecewise.app.run import configuration
from piecewise.app.security import Gate
from piecewise.app.server import create_app
from piecewise.serving import timeouts

from .app_room import Room
from .hostile_requests import BODY, TOKEN, attempts, request

SHORT = 0.5
"""Seconds that the server waits for slow requests here."""
DEADLINE = 30
"""Seconds until a request counts as hanging."""


class Server:
    """The server of a room on a port of its own, on a thread."""

    def __init__(self, room: Room) -> None:
        self.room, self.listener = room, socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.gate = Gate(room.project.root, self.port)
        app = create_app(room.session, self.gate, room.news)
        self.server = uvicorn.Server(configuration(app))
        self.thread = threading.Thread(target=self.server.run, args=([self.listener],))
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive()
            time.sleep(0.01)

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(DEADLINE)
        assert not self.thread.is_alive()

    def state(self) -> tuple[object, ...]:
        """What a hostile request must not change."""
        project, teacher = self.room.project, self.room.teacher
        classes = project.classes()
        return (
            project.version,
            classes,
            project.settings,
            project.name,
            len(teacher.attempts.list()),
        )

    def filled(self, text: str) -> bytes:
        """The bytes of a request, with the port and the token in it."""
        given = text.replace("{port}", str(self.port)).replace("{token}", self.gate.token)
        return given.replace("\n", "\r\n").encode("latin-1")

    def send(self, content: bytes) -> bytes:
        """What comes back, until the server closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE) as connection:
            try:
                connection.sendall(content)
                found = b""
                while piece := connection.recv(1 << 16):
                    found += piece
            except ConnectionError:
                pass  # closed before all was sent or read
        return found

    def answers(self) -> None:
        """A page is answered as ever."""
        wanted = self.send(self.filled(request("GET", "/api/project")))
        assert wanted.startswith(b"HTTP/1.1 200 ")


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    patience = timeouts.PATIENCE, request_body.PATIENCE
    timeouts.PATIENCE = request_body.PATIENCE = SHORT
    room = Room(tmp_path_factory.mktemp("hostile") / "project", each=2)
    opened = Server(room)
    yield opened
    opened.close()
    room.close()
    timeouts.PATIENCE, request_body.PATIENCE = patience


def test_hostile_attempts_have_no_effect_and_an_answer(hosted: Server) -> None:
    every = list(attempts())
    assert len(every) >= 200
    before, names = hosted.state(), {name for name, _, _ in every}
    assert len(names) == len(every)
    for name, text, allowed in every:
        answer = hosted.send(hosted.filled(text))
        head = answer.partition(b"\r\n\r\n")[0]
        status = int(answer.split()[1]) if answer else 0
        assert status in allowed, (name, answer[:300])
        assert b"access-control" not in head.lower(), name
        assert hosted.gate.token.encode() not in answer, name
        assert hosted.state() == before, name
    hosted.answers()


def test_other_case_of_a_path_and_upgrade_are_plain_requests(hosted: Server) -> None:
    upgrade = request("GET", "/api/project", "Upgrade: websocket", "Sec-WebSocket-Key: x")
    answer = hosted.send(hosted.filled(upgrade))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"101" not in answer.partition(b"\r\n")[0]


SLOW = {
    "nothing": "",
    "half a line": "GET /api/pro",
    "half a head": "GET /api/project HTTP/1.1\nHost: 127.0.0.1:{port}\nX: ",
    "half a body": request("POST", "/api/classes", "Content-Length: 100", body=BODY),
    "half a file": request("POST", "/api/files/up?name=x.png", "Content-Length: 100", body="x"),
    "half an archive": request("POST", "/api/import", "Content-Length: 100", body="PK"),
    "chunks without an end": request("POST", "/api/classes", "Transfer-Encoding: chunked",
                                     body="5\nhello\n"),
    "body after a refusal": request("POST", "/api/classes", "Content-Length: 1000", token="",
                                    body=BODY),
}  # fmt: skip


def test_slow_requests_are_ended_and_hold_nobody_up(hosted: Server) -> None:
    before = hosted.state()
    files = sorted((hosted.room.project.root / ".piecewise").iterdir())
    opened = {}
    for name, text in SLOW.items():
        for number in range(8):
            connection = socket.create_connection(("127.0.0.1", hosted.port), timeout=DEADLINE)
            connection.sendall(hosted.filled(text))
            opened[f"{name} {number}"] = connection
    hosted.answers()
    for name, connection in opened.items():
        with connection:
            found = b""
            while piece := connection.recv(1 << 16):  # TimeoutError: it hangs
                found += piece
            assert not found or found.split()[1] in (b"400", b"401", b"408", b"429"), (name, found)
    assert hosted.state() == before
    assert sorted((hosted.room.project.root / ".piecewise").iterdir()) == files


@pytest.mark.parametrize("path", ["/api/classes", "/api/files/up?name=x.png"])
@pytest.mark.parametrize("token", ["", TOKEN], ids=["refused", "allowed"])
@pytest.mark.parametrize("ends", ["close", "keep-alive"])
def test_chunks_for_ever_are_ended(hosted: Server, path: str, token: str, ends: str) -> None:
    head = request("POST", path, "Transfer-Encoding: chunked", token=token)
    with socket.create_connection(("127.0.0.1", hosted.port), timeout=DEADLINE) as connection:
        connection.sendall(hosted.filled(head.replace("close", ends)))
        last = time.monotonic() + DEADLINE
        with suppress(ConnectionError):
            while time.monotonic() < last:
                connection.sendall(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
            raise AssertionError(f"{path} takes chunks for ever")
    hosted.answers()


def test_streams_of_news_beyond_the_limit_are_ended(hosted: Server) -> None:
    opened = []
    for _ in range(40):
        connection = socket.create_connection(("127.0.0.1", hosted.port), timeout=DEADLINE)
        connection.sendall(hosted.filled(request("GET", "/api/news")))
        opened.append(connection)
    hosted.answers()
    for connection in opened:
        connection.close()
    hosted.answers()
