"""The server of the app: who may talk to it, and what its routes do, over a real port."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piecewise import Network
from piecewise.app.project_files import OWN
from piecewise.app.security import MAX_WRONG, Gate
from piecewise.app.strokes import checked_drawing, to_png
from piecewise.serving.refused import RefusedError

pytest.importorskip("starlette", reason="the app's server is an extra")

from .app_process import started

UP, DOWN = [[[20, 90], [90, 20]]], [[[20, 20], [90, 90]]]
PATIENCE = 120


class App:
    """`piecewise app` in a process of its own, and a client."""

    def __init__(self, folder: Path, cwd: Path | None = None) -> None:
        self.folder = str(folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "piecewise", "app", str(folder), "--no-browser",
                   "--port", str(self.port)]  # fmt: skip
        log = folder.parent / f"log{self.port}.txt"
        with log.open("w") as file:
            self.process = subprocess.Popen(command, stderr=file, cwd=cwd)
        while "#k=" not in (words := log.read_text()):
            assert self.process.poll() is None, words
            time.sleep(0.05)
        self.code = words.split("#k=")[1].split()[0]
        self.token = ""

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """The status and the JSON, or the bytes, of an answer."""
        response, content = self.raw(method, path, body, **headers)
        is_json = "json" in response.getheader("content-type", "")
        return response.status, json.loads(content) if is_json else content

    def raw(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            given = {"Authorization": f"Bearer {self.token}", **given}
        with closing(connection):
            connection.request(method, path, content, given)
            response = connection.getresponse()
            return response, response.read()

    def enter(self) -> None:
        status, answer = self.request("POST", "/api/enter", {"code": self.code})
        assert status == 200
        self.token = answer["token"]

    def news(self, kind: str) -> dict[str, Any]:
        """The next piece of news of a kind."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with closing(connection):
            connection.request("GET", "/api/news", None, {"Authorization": f"Bearer {self.token}"})
            stream = connection.getresponse()
            while True:
                news: dict[str, Any] = json.loads(stream.readline())
                if kind in (news["type"], news.get("teaching", {}).get("type")):
                    return news

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    started = App(tmp_path / "project")
    yield started
    started.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """One app for all tests that must not change anything."""
    started = App(tmp_path_factory.mktemp("shared") / "project")
    started.enter()
    yield started
    started.close()


@pytest.fixture
def entered(app: App) -> App:
    app.enter()
    return app


def taught(app: App, each: int = 6) -> None:
    """Two classes of drawings, and a net that was taught them."""
    app.request("PATCH", "/api/project", {"layers": "conv 4 5 stride=2, relu, pool 2, full",
                                          "recipe": {"epochs": 8}})  # fmt: skip
    for name, strokes in (("up", UP), ("down", DOWN)):
        assert app.request("POST", "/api/classes", {"name": name}) == (200, {"folder": name})
        for shift in range(each):
            moved = [[[x + shift, y] for x, y in line] for line in strokes]
            status, answer = app.request(
                "POST", f"/api/samples/{name}", {"strokes": moved, "width": 6}
            )
            assert status == 200, answer
    app.news("score")


def parsed(answer: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The head and the arrays of an answer."""
    size = int.from_bytes(answer[:4], "little")
    head = json.loads(answer[4 : 4 + size])
    flat, arrays, at = np.frombuffer(answer[4 + size :], "<f4"), {}, 0
    for name, shape in head["arrays"]["shapes"].items():
        count = int(np.prod(shape))
        arrays[name] = flat[at : at + count].reshape(shape)
        at += count
    assert at == len(flat)
    return head, arrays


def test_answer_has_every_number_of_the_net(entered: App, tmp_path: Path) -> None:
    taught(entered)
    status, answer = entered.request("POST", "/api/answer", {"strokes": UP, "width": 6})
    assert status == 200
    head, arrays = parsed(answer)
    assert head["classes"][str(head["predicted"])] == "up"
    _, attempts = entered.request("GET", "/api/attempts")
    number = attempts["attempts"][-1]["number"]
    net = Network.load(tmp_path / "project" / OWN / "nets" / f"{number:04d}.safetensors")
    walk = net.walk(net.preprocess(_picture(UP))[0])
    for name, values in walk.items():
        np.testing.assert_array_equal(arrays[f"activation {name}"].ravel(), values.ravel())
    for name, values in net.parameters.items():
        np.testing.assert_array_equal(arrays[name], values)
    _, short = entered.request(
        "POST", "/api/answer", {"strokes": UP, "width": 6, "known": net.parameters_sha256}
    )
    assert "conv1.weight" not in parsed(short)[1]
    position = ["conv1", 1, 2, 3]
    status, why = entered.request("POST", "/api/why", {"walk": head["walk"], "position": position})
    assert status == 200
    assert why["value"] == walk.why("conv1", 1, 2, 3).value
    assert [term["weight"] for term in why["terms"]] == [
        term.weight for term in walk.why("conv1", 1, 2, 3).terms
    ]


def _picture(strokes: Any) -> Any:
    from piecewise.app.strokes import draw  # noqa: PLC0415

    return draw(checked_drawing(strokes, 6))[:, :, None]


def test_kill_and_restart_lose_nothing_saved(entered: App, tmp_path: Path) -> None:
    taught(entered)
    _, before = entered.request("GET", "/api/project")
    entered.process.kill()
    entered.process.wait()
    again = App(tmp_path / "project")
    try:
        again.token = entered.token  # open pages stay valid
        status, after = again.request("GET", "/api/project")
        assert status == 200
        assert after["classes"] == before["classes"]
        status, _ = again.request("POST", "/api/answer", {"strokes": UP, "width": 6})
        assert status == 200
    finally:
        again.close()


def test_pages_have_a_strict_policy_and_only_listed_files(app: App) -> None:
    response, content = app.raw("GET", "/")
    assert response.status == 200
    assert b"importmap" in content
    policy = response.getheader("content-security-policy", "")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for name in ("x-content-type-options", "referrer-policy", "cross-origin-resource-policy"):
        assert response.getheader(name)
    own = content.decode().partition('src="')[2].partition("app/app.js")[0]
    assert app.raw("GET", f"{own}modules/walk.js")[0].status == 200
    for path in (f"{own}app/../actions.py", "/0123456789abcdef/modules/walk.js", "/modules/walk.js",
                 "/app/../actions.py", "/modules/..%2f..%2fnetwork.py", "/app/", "/etc/passwd",
                 "//etc/passwd", "/modules/%2e%2e/explain.py"):  # fmt: skip
        assert app.raw("GET", path)[0].status == 404


HOSTILE = {
    "host name of somebody else": ({"Host": "piecewise.example"}, 421),
    "host with another port": ({"Host": "127.0.0.1:1"}, 421),
    "name that DNS points here": ({"Host": "localhost.attacker.example:{port}"}, 421),
    "no host": ({"Host": ""}, 421),
    "other origin": ({"Origin": "https://attacker.example"}, 403),
    "origin null": ({"Origin": "null"}, 403),
    "origin with https": ({"Origin": "https://127.0.0.1:{port}"}, 403),
    "other port of this machine": ({"Origin": "http://127.0.0.1:1"}, 403),
    "page of another site": ({"Sec-Fetch-Site": "cross-site"}, 403),
    "page of the same site": ({"Sec-Fetch-Site": "same-site"}, 403),
    "no token": ({"Authorization": ""}, 401),
    "wrong token": ({"Authorization": "Bearer 0"}, 401),
    "token without its word": ({"Authorization": "{token}"}, 401),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_request_is_refused_and_has_no_effect(name: str, shared: App) -> None:
    headers, wanted = HOSTILE[name]
    given = {
        header.replace("-", "_"): value.format(port=shared.port, token=shared.token)
        for header, value in headers.items()
    }
    for method, path, body in (
        ("POST", "/api/classes", {"name": "hacked"}),
        ("GET", "/api/project", None),
        ("GET", "/api/news", None),
        ("POST", "/api/undo", {}),
        ("DELETE", "/api/classes/up", None),
        ("POST", "/api/teach", {}),
    ):
        status, answer = shared.request(method, path, body, **given)
        assert status == wanted, (method, path, answer)
        assert set(answer) == {"error"}
    assert shared.request("GET", "/api/project")[1]["classes"] == []


def test_link_is_valid_once(app: App) -> None:
    app.enter()
    token, app.token = app.token, ""
    status, _ = app.request("POST", "/api/enter", {"code": app.code})
    assert status == 401
    app.token = token
    assert app.request("GET", "/api/project")[0] == 200


def test_wrong_tokens_are_counted(tmp_path: Path) -> None:
    (tmp_path / OWN).mkdir()
    gate = Gate(tmp_path, 8421)
    for _ in range(MAX_WRONG):
        with pytest.raises(RefusedError) as caught:
            gate.check_token("Bearer wrong")
        assert caught.value.status == 401
    for attempt in (lambda: gate.check_token("Bearer wrong"), lambda: gate.trade("x")):
        with pytest.raises(RefusedError) as caught:
            attempt()
        assert caught.value.status == 429
    gate.check_token(f"Bearer {gate.token}")  # the page is not locked out
    assert gate.trade(gate.link.partition("#k=")[2]) == gate.token


def test_tokens_of_two_projects_differ_and_the_key_is_private(tmp_path: Path) -> None:
    gates = []
    for name in ("a", "b"):
        (tmp_path / name / OWN).mkdir(parents=True)
        gates.append(Gate(tmp_path / name, 8421))
        assert (tmp_path / name / OWN / "key").stat().st_mode & 0o777 == 0o600
    assert gates[0].token != gates[1].token
    assert Gate(tmp_path / "a", 9999).token == gates[0].token


BAD_BODIES = [
              b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"name": 1}',
              b'{"name": "\\ud800"}', b'{"ids": "x", "layers": 3, "strokes": {}, "texts": 5}',
              b'{"strokes": [[[1e400, 1]]], "width": 6}', b'{"walk": 1e9, "position": [1]}',
              b'{"layers": "conv 99999999 99", "recipe": {"epochs": -1}}',
              b'{"ids": ["../../etc/passwd"], "folder": "..", "part": "x", "side": -1}',
]  # fmt: skip


def test_senseless_requests_get_a_sentence(entered: App) -> None:
    paths = ["/api/project", "/api/classes", "/api/classes/x", "/api/samples?folder=x&from=-1",
             "/api/samples/x", "/api/files/x?name=..%2fx.png", "/api/move", "/api/remove",
             "/api/undo", "/api/redo", "/api/atlas", "/api/check", "/api/attempts",
             "/api/attempts/x/use", "/api/attempts/99999999999/use", "/api/answer", "/api/why",
             "/api/nothing"]  # fmt: skip
    for path in paths:
        for method in ("GET", "POST", "PATCH", "DELETE"):
            for body in BAD_BODIES:
                status, answer = entered.request(method, path, body)
                assert status < 500, (method, path, body, answer)
                if status >= 400 and status != 405:
                    assert set(answer["error"]) == {"kind", "message", "where"}
    assert entered.request("GET", "/api/project")[0] == 200


def test_body_that_is_too_large_is_refused_before_it_is_read(shared: App) -> None:
    with socket.create_connection(("127.0.0.1", shared.port)) as connection:
        head = (
            f"POST /api/files/x HTTP/1.1\r\nHost: 127.0.0.1:{shared.port}\r\n"
            f"Authorization: Bearer {shared.token}\r\nContent-Length: 99999999999\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert b"413" in connection.recv(200)


def refusal(folder: Path, *arguments: str) -> str:
    """What the app prints that does not start; the log lies in the folder."""
    process = started([*arguments, "--no-browser"], folder / "log.txt")
    process.join(PATIENCE)
    assert process.exitcode == 1
    return (folder / "log.txt").read_text()


def test_second_app_of_a_project_is_refused(shared: App, tmp_path: Path) -> None:
    assert "open in another piecewise app" in refusal(tmp_path, shared.folder)


def test_port_that_is_taken_is_named(shared: App, tmp_path: Path) -> None:
    said = refusal(tmp_path, str(tmp_path / "other"), "--port", str(shared.port))
    assert f"the port {shared.port} is taken" in said


def test_file_that_is_no_project_is_named(tmp_path: Path) -> None:
    (files := tmp_path / "files").mkdir()
    contents = {"broken.safetensors": b"x", "broken.zip": b"PK", "notes.txt": b"hello"}
    for name, content in contents.items():
        (files / name).write_bytes(content)
        said = refusal(tmp_path, str(files / name))
        assert name in said
        assert "Traceback" not in said
    assert sorted(one.name for one in files.iterdir()) == list(contents)


def test_archive_is_opened_with_its_samples(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "lesson.zip", "w") as file:
        for name, strokes in (("up", UP), ("down", DOWN)):
            content = to_png(checked_drawing(strokes, 6))
            file.writestr(f"{name}/1.png", content)
    app = App(tmp_path / "lesson.zip", cwd=tmp_path)
    try:
        app.enter()
        _, project = app.request("GET", "/api/project")
        assert [(one["name"], one["train"]) for one in project["classes"]] == [
            ("down", 1), ("up", 1)
        ]  # fmt: skip
    finally:
        app.close()
