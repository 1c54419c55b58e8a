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
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the server is an extra")
pytest.importorskip("resource", reason="the server does not run on Windows")

import resource

import piecewise as pw
from piecewise.cli.main import status

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
