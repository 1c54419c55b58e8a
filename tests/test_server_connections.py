"""Connections of the prediction server: their limits, slow clients, and refusals by the head."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the server is an extra")
pytest.importorskip("resource", reason="the server does not run on Windows")

import uvicorn

import piecewise as pw
from piecewise.serving import timeouts
from piecewise.serving.connections import MAX_HEAD, TimeoutHttpToolsProtocol
from piecewise.serving.responses import busy_answer
from piecewise.serving.run import configuration
from piecewise.serving.settings import ServerSettings

from .steps import HANG
from .test_server import npy
from .test_server_process import INPUT, PATIENCE, TOKEN, ask, ask_text, logits, wait_until_ready


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server in this process, which waits for a short time only and answers few at a time."""
    monkeypatch.setattr(timeouts, "PATIENCE", 0.3)
    net = pw.Network("conv 4 3, relu, pool 2, full", (1, 12, 12), ["X", "O"], 1)
    net.save(tmp_path / "net.safetensors")
    settings = ServerSettings(
        (("net", str(tmp_path / "net.safetensors")),), TOKEN, log=False, max_requests=4
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = uvicorn.Server(config := configuration(settings))
        thread = threading.Thread(target=running.run, args=([listener],))
        thread.start()
        wait_until_ready(listener.getsockname()[1])
        app: Any = config.loaded_app
        app.state.port = listener.getsockname()[1]
        yield app.state
        running.should_exit = True
        thread.join(PATIENCE)


@pytest.fixture
def open_port(server: Any) -> int:
    port: int = server.port
    return port


def send_for_seconds(connection: socket.socket, more: bytes) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        connection.sendall(more)
        time.sleep(0.001)


def send_slowly(connection: socket.socket) -> None:
    """Send a hundred bytes a second."""
    for _ in range(HANG * 100):
        connection.sendall(b"x")
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("head", "more"),
    [
        (b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n",
         b"1000\r\n" + bytes(4096) + b"\r\n"),
        (b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ", b"a" * 4096),
    ],
)  # fmt: skip
def test_request_without_end_is_cut_off(open_port: int, head: bytes, more: bytes) -> None:
    with socket.create_connection(("127.0.0.1", open_port), timeout=10) as endless:
        endless.sendall(head)
        with pytest.raises(ConnectionError):
            send_for_seconds(endless, more)
    assert ask(open_port, "GET", "/readyz")[0] == 200


def test_head_that_is_too_long_is_cut_off_at_once(
    open_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, "PATIENCE", PATIENCE)
    with socket.create_connection(("127.0.0.1", open_port), timeout=10) as endless:
        endless.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ")
        with pytest.raises(ConnectionError):
            endless.sendall(b"a" * (64 << 20))


@pytest.mark.parametrize("token", [TOKEN, "another"])
def test_trailers_that_are_too_long_are_cut_off_at_once(
    open_port: int, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setattr(timeouts, "PATIENCE", PATIENCE)
    with socket.create_connection(("127.0.0.1", open_port), timeout=10) as endless:
        endless.sendall(CHUNKED.replace(TOKEN.encode(), token.encode()) + b"1\r\nx\r\n0\r\n")
        with pytest.raises(ConnectionError):
            endless.sendall(b"x: y\r\n" * (8 << 20))


def test_pipelined_requests_with_long_bodies_and_trailers_are_answered(open_port: int) -> None:
    content = npy(np.zeros((MAX_HEAD // 132, 1, 12, 11)))  # the shape is wrong: short answers
    chunks = [content[start : start + 1_000] for start in range(0, len(content), 1_000)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    end = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", open_port), timeout=PATIENCE) as client:
        client.sendall((CHUNKED + body + b"0\r\nx: y\r\n\r\n") * 3 + end)
        received = b""
        while more := client.recv(1 << 16):
            received += more
    assert received.count(b"HTTP/1.1 422") == received.count(b"wanted (N, 1, 12, 12)") == 3
    assert received.count(b"HTTP/1.1 200") == 1


POST = (f"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n"
        f"content-length: {len(npy(INPUT))}\r\n").encode()  # fmt: skip
"""The beginning of a request."""
CHUNKED = POST.partition(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\n"
"""The head of a request whose body comes in chunks."""


def test_body_that_comes_slowly_is_cut_off(open_port: int) -> None:
    with socket.create_connection(("127.0.0.1", open_port), timeout=PATIENCE) as slow:
        slow.sendall(POST.replace(b"content-length: ", b"content-length: 9999") + b"\r\n")
        with pytest.raises(ConnectionError):
            send_slowly(slow)


def test_slow_clients_take_the_place_of_no_other(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, "PATIENCE", HANG)
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
    try:
        for number, one in enumerate(slow):
            one.sendall(POST + (b"x: " if number % 2 else b"\r\n" + npy(INPUT)[:1]))
        for _ in range(20):
            assert logits(server.port)
        slow[0].sendall(npy(INPUT)[1:])
        assert slow[0].recv(12) == b"HTTP/1.1 200"
    finally:
        for one in slow:
            one.close()


def received_bytes(client: socket.socket) -> bytes:
    more = client.recv(1 << 16)
    assert more, "the connection is closed"
    return more


def response(client: socket.socket) -> tuple[bytes, bytes]:
    """The head and the body of the next response."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += received_bytes(client)
    head, _, body = received.partition(b"\r\n\r\n")
    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < size:
        body += received_bytes(client)
    return head, body


def busy(server: Any, count: int = 4) -> ExitStack:
    """Answer as many requests as the server may."""
    stack = ExitStack()
    for _ in range(count):
        stack.enter_context(server.admission.admitted())
    return stack


def test_busy_server_refuses_by_the_head_of_a_request(server: Any) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
        with busy(server):
            client.sendall(POST + b"\r\n")  # without its body
            head, body = response(client)
            client.sendall(npy(INPUT) + b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert response(client)[0].startswith(b"HTTP/1.1 200 OK")
            client.sendall(POST.replace(TOKEN.encode(), b"another") + b"\r\n" + npy(INPUT))
            assert response(client)[0].startswith(b"HTTP/1.1 401")
        client.sendall(POST + b"\r\n" + npy(INPUT))
        assert response(client)[0].startswith(b"HTTP/1.1 200 OK")
    assert head + b"\r\n\r\n" + body == busy_answer(1)
    assert head.splitlines()[0] == b"HTTP/1.1 503 Service Unavailable"
    assert b"retry-after: 1" in head.splitlines()
    assert json.loads(body)["error"]["message"] == "the server is busy; try again in a second"
    assert server.admission.take_refused() in (0, 1)  # the log may have taken it
    text = ask_text(server.port, "/metrics")
    assert "piecewise_refused_total 1.0" in text


def test_connection_of_refused_client_stays_open_until_it_may_come_again(server: Any) -> None:
    headers = [(b"authorization", f"Bearer {TOKEN}".encode())]
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
        with busy(server):
            for _ in range(5_000):
                server.admission.seconds_of_refusal(b"POST", headers)
            client.sendall(POST + b"\r\n" + npy(INPUT))
            head, _ = response(client)
            assert b"\r\nretry-after: 60" in head
        time.sleep(1)  # longer than the server waits for others
        client.sendall(POST + b"\r\n" + npy(INPUT))
        assert response(client)[0].startswith(b"HTTP/1.1 200 OK")


def test_refused_client_has_some_time_after_the_seconds_that_it_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(TimeoutHttpToolsProtocol, "_seconds_of_refusal", lambda self: 5)
    protocol: Any = object.__new__(TimeoutHttpToolsProtocol)
    protocol.transport, protocol.parser, protocol.loop = MagicMock(), MagicMock(), MagicMock()
    protocol.loop.time = lambda: now[0]
    protocol.on_headers_complete()
    for now[0], stays_open in ((4.0 + timeouts.PATIENCE, True), (5.0 + timeouts.PATIENCE, False)):
        assert protocol._has_gone_on(protocol._state()) == stays_open
