"""A project of the app with its teacher, and its server without a port."""

from __future__ import annotations

import asyncio
import json
import queue
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from piecewise.app.news import News
from piecewise.app.project import Project
from piecewise.app.security import Gate
from piecewise.app.server import create_app
from piecewise.app.session import Session
from piecewise.app.strokes import Drawing, checked_drawing
from piecewise.app.teaching import Teacher

LAYERS = "conv 4 5 stride=2, relu, pool 2, full"
PORT = 8421
PATIENCE = 120
"""Seconds until a test gives up waiting for news."""


class Room:
    """A project of slanted lines, its teacher, and its server."""

    def __init__(self, folder: Path, each: int = 6, *, layers: str = LAYERS) -> None:
        self.project, self.news = Project(folder), News()
        self.heard: queue.Queue[dict[str, Any]] = queue.Queue()
        for name in ("up", "down"):
            self.project.add_class(name)
            for shift in range(each):
                self.project.add_drawing(name, "train", checked_drawing(line(name, shift), 6))
        self.project.set_settings(layers=layers, recipe={"epochs": 4})
        self.teacher = Teacher(self.project, self._publish)
        self.gate = Gate(folder, PORT)
        self.session = Session(self.project, self.teacher, self.news)
        self.app = create_app(self.session, self.gate, self.news)

    def _publish(self, news: dict[str, Any]) -> None:
        self.heard.put(news)
        self.news.publish(news)

    def wait_for(self, kind: str, **values: Any) -> dict[str, Any]:
        """The next piece of news of a kind with these values."""
        while True:
            news = self.heard.get(timeout=PATIENCE)
            assert news["type"] != "failed" or kind == "failed", news
            if news["type"] == kind and values.items() <= news.items():
                return news

    def teach(self) -> None:
        """Teach, and wait until the net is there and scored."""
        self.teacher.changed()
        self.wait_for("score", done=5)

    def drawing(self, name: str, shift: int = 0) -> Drawing:
        """A drawing of a class."""
        return checked_drawing(line(name, shift), 6)

    def join(self) -> None:
        """Wait for the end of the thorough teaching."""
        thread = self.session.thorough.thread
        assert thread is not None
        thread.join(PATIENCE)
        assert not thread.is_alive()

    def stop_after(self, stage: str) -> None:
        """Stop the thorough teaching as soon as a stage has begun."""
        while self.session.thorough.state().get("stage") != stage:
            assert self.session.thorough.state()["state"] == "running"
            time.sleep(0.001)
        self.ask("POST", "/api/stop", {"stage": "thorough"})
        self.join()

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """The status and the JSON, or the bytes, of an answer."""
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        return asyncio.run(self._ask(method, path, content, headers or {}))

    def ask_all(self, requests: Sequence[tuple[str, str, bytes]]) -> list[tuple[int, Any]]:
        """The answers to requests, one after another."""

        async def answers() -> list[tuple[int, Any]]:
            return [await self._ask(*request, {}) for request in requests]

        return asyncio.run(answers())

    async def _ask(
        self, method: str, path: str, content: bytes, headers: dict[str, str]
    ) -> tuple[int, Any]:
        given = {"host": f"127.0.0.1:{PORT}", "authorization": f"Bearer {self.gate.token}"}
        plain, _, query = path.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
            "method": method, "path": plain, "raw_path": plain.encode("utf-8", "surrogatepass"),
            "root_path": "", "query_string": query.encode("utf-8", "surrogatepass"),
            "headers": [(name.encode("latin-1"), value.encode("latin-1"))
                        for name, value in {**given, **headers}.items()],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", PORT),
        }  # fmt: skip
        sent: list[Message] = []
        waiting: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive() -> Message:
            if not waiting:
                await asyncio.Event().wait()  # the client stays
            return waiting.pop()

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        answer = b"".join(message.get("body", b"") for message in sent[1:])
        is_json = dict(sent[0]["headers"]).get(b"content-type") == b"application/json"
        return sent[0]["status"], json.loads(answer) if is_json else answer

    def close(self) -> None:
        self.session.close()


def line(name: str, shift: int = 0) -> list[list[list[int]]]:
    """The strokes of a drawing of a class."""
    high, low = (90, 20) if name == "up" else (20, 90)
    return [[[15 + shift % 12, high], [80 + shift % 12, low]]]


def pack(files: dict[str, bytes]) -> bytes:
    """Files in one body, as the page sends them."""
    head = json.dumps([[name, len(content)] for name, content in files.items()]).encode()
    return b"".join([len(head).to_bytes(4, "little"), head, *files.values()])


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """A room with a project of its own, six samples of each class."""
    opened = Room(tmp_path / "project")
    yield opened
    opened.close()


def got(room: Room, method: str, path: str, **values: Any) -> Any:
    """The answer of a request that succeeds."""
    status, answer = room.ask(method, path, values)
    assert status == 200, answer
    return answer
