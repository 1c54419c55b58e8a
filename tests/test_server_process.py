"""The prediction server as a process: its port, its workers, its stop, and reloads under load."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the server is an extra")
pytest.importorskip("resource", reason="the server does not run on Windows")

import resource

import uvicorn

import piecewise as pw
from piecewise.cli.main import status
from piecewise.serving import timeouts
from piecewise.serving.responses import busy_answer
from piecewise.serving.run import configuration
from piecewise.serving.settings import ServerSettings

from .steps import HANG
from .test_server import npy

TOKEN = "a-token-of-the-tests"
PATIENCE = 60
INPUT = np.ones((1, 1, 12, 12), np.float32)


@pytest.fixture(scope="module")
def net_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("server") / "net.safetensors"
    pw.Network("conv 4 3, relu, pool 2, full", (1, 12, 12), ["X", "O"], 1).save(path)
    return path


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server as a process, and its port."""
    command = [sys.executable, "-m", "piecewise", "serve", "--port", "0", *arguments]
    environment = {**os.environ, "PIECEWISE_TOKEN": TOKEN}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stderr is not None
            line = server.stderr.readline()
            assert "serving" in line, line + server.stderr.read()
            port = int(line.rsplit(":", 1)[1])
            wait_until_ready(port)
            yield server, port
        finally:
            server.terminate()
            server.wait(PATIENCE)


def wait_until_ready(port: int) -> None:
    """Wait until a process answers."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            assert ask(port, "GET", "/readyz")[0] == 200
            return
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.05)


def ask(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, Any]:
    """The status and the JSON of an answer on a new connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(
            method, path, body, {"authorization": f"Bearer {TOKEN}", **(headers or {})}
        )
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def ask_text(port: int, path: str) -> str:
    request = Request(
        f"http://127.0.0.1:{port}{path}", headers={"authorization": f"Bearer {TOKEN}"}
    )
    with urlopen(request, timeout=PATIENCE) as response:
        return str(response.read(), "utf-8")


def logits(port: int) -> bytes:
    status, values = ask(port, "POST", "/v1/predict", npy(INPUT))
    assert status == 200, values
    return np.array(values["predictions"][0]["logits"], np.float32).tobytes()


def test_server_answers_until_it_is_terminated(net_file: Path) -> None:
    with serving(str(net_file)) as (server, port):
        assert logits(port) == pw.load(net_file).logits(INPUT).tobytes()
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.sendall(b"POST /v1/predict HTTP/1.1\r\n")  # does not hold up the others
            assert logits(port)
        form = b"--x\r\nContent[Disposition: form-data\r\n\r\na\r\n--x--"
        kind = {"content-type": "multipart/form-data; boundary=x"}
        assert ask(port, "POST", "/v1/predict", form, kind)[0] == 422
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE) in (0, -signal.SIGTERM)
        assert server.stderr is not None
        events = [json.loads(line) for line in server.stderr.read().splitlines()]
    assert [(one["event"], one["status"], one["inputs"]) for one in events] == [
        ("predict", 200, 1), ("predict", 200, 1), ("predict", 422, 0)]  # fmt: skip


def test_port_that_is_taken_is_an_error(net_file: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [sys.executable, "-m", "piecewise", "serve", str(net_file), "--port",
                   str(taken.getsockname()[1])]  # fmt: skip
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "choose another --port" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.fixture
def server(net_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server in this process, which waits for a short time only and answers few at a time."""
    monkeypatch.setattr(timeouts, "PATIENCE", 0.3)
    settings = ServerSettings((("net", str(net_file)),), TOKEN, log=False, max_requests=4)
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


POST = (f"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n"
        f"content-length: {len(npy(INPUT))}\r\n").encode()  # fmt: skip
"""The beginning of a request."""


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


def test_server_may_open_as_many_files_as_the_system_allows(net_file: Path) -> None:
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, most), most))
    try:
        with serving(str(net_file)) as (server, _):
            assert resource.prlimit(server.pid, resource.RLIMIT_NOFILE) == (most, most)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))


def test_system_without_limits_of_processes_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(import_module("piecewise.cli.serve"), "RUNS_HERE", False)
    assert status(["serve", "missing.safetensors"]) == 1
    assert "runs on Linux and macOS only" in capsys.readouterr().err


def test_wrong_token_files_are_refused_in_a_sentence(net_file: Path, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(bytes(range(128, 160)))
    for file, wanted in (("missing", "No such file"), ("binary", "16 or more ASCII characters")):
        command = [sys.executable, "-m", "piecewise", "serve", str(net_file), "--token-file",
                   str(tmp_path / file)]  # fmt: skip
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 1
        assert wanted in run.stderr
        assert "Errno" not in run.stderr
    run = subprocess.run([*command, "--no-auth"], capture_output=True, text=True, check=False)
    assert run.returncode == 2


@pytest.mark.long
def test_killed_worker_is_replaced(net_file: Path) -> None:
    with serving(str(net_file), "--workers", "2", "--no-log") as (server, port):
        wanted = logits(port)
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        workers = [int(one) for one in children
                   if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]  # fmt: skip
        assert len(workers) == 2
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
            wait_until_ready(port)
            for _ in range(20):
                assert logits(port) == wanted


@pytest.mark.long
def test_workers_end_when_their_server_is_killed(net_file: Path) -> None:
    with serving(str(net_file), "--workers", "2", "--no-log") as (server, port):
        server.kill()
        server.wait(PATIENCE)
        until = time.monotonic() + PATIENCE
        with suppress(OSError):  # until nobody listens at the port
            while True:
                assert ask(port, "GET", "/readyz")
                assert time.monotonic() < until
                time.sleep(0.1)


@pytest.mark.long
def test_reload_under_load_loses_no_request(net_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(net_file.read_bytes())
    net, over = pw.load(path), threading.Event()
    known, seen = {net.logits(INPUT).tobytes()}, list[bytes]()

    def load(port: int) -> None:
        while not over.is_set():
            seen.append(logits(port))

    with serving(str(path), "--no-log") as (_, port):
        threads = [threading.Thread(target=load, args=(port,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(3):
            time.sleep(1.5)
            net.parameters.flat[:] *= 2
            known.add(net.logits(INPUT).tobytes())
            net.save(path)
            until = time.monotonic() + PATIENCE
            while seen[-1] != net.logits(INPUT).tobytes():
                assert time.monotonic() < until, number
                time.sleep(0.05)
        over.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert set(seen) == known
