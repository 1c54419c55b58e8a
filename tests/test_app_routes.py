"""Routes of the app: news that a page missed, attempts, knobs, guesses, the nudge of a weight."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import piecewise as pw

pytest.importorskip("starlette", reason="the app's server is an extra")

from piecewise.app import run
from piecewise.app.news import KEPT, News
from piecewise.serving import run as serving
from piecewise.serving.settings import ServerSettings

from .app_room import Room


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    room = Room(tmp_path_factory.mktemp("routes") / "project", each=20)
    room.teach()
    yield room
    room.close()


def stream(news: News, since: int | None, count: int) -> list[dict[str, Any]]:
    """The first lines of a stream of news."""

    async def read() -> list[dict[str, Any]]:
        lines = news.lines(lambda: {"name": "x"}, since)
        return [json.loads(await anext(lines)) for _ in range(count)]

    return asyncio.run(read())


def test_page_gets_the_news_that_it_missed() -> None:
    news = News()
    first = news.seq
    for number in range(10):
        news.publish({"type": "score", "done": number})
    assert [one["done"] for one in stream(news, first + 6, 4)] == [6, 7, 8, 9]
    assert stream(news, None, 1)[0]["type"] == "hello"
    assert [one["type"] for one in stream(news, first - 1, 2)] == ["resync", "hello"]
    assert [one["type"] for one in stream(news, news.seq + 1, 2)] == ["resync", "hello"]
    for number in range(KEPT):
        news.publish({"type": "score", "done": number})
    kept = stream(news, first + 10, KEPT)
    assert [one["done"] for one in kept] == list(range(KEPT))
    assert [one["type"] for one in stream(news, first + 9, 2)] == ["resync", "hello"]


def test_state_in_the_news_keeps_the_number_of_the_news(tmp_path: Path) -> None:
    room = Room(tmp_path / "project", each=1)
    before = room.news.seq
    room.session.report()  # the state holds the number of the news before
    assert [one["type"] for one in stream(room.news, before, 1)] == ["project"]
    assert stream(room.news, before, 1)[0]["seq"] == before + 1
    room.close()


def test_page_that_missed_nothing_gets_what_comes_next() -> None:
    news = News()
    news.publish({"type": "taught"})

    async def read() -> Any:
        lines = news.lines(dict, news.seq)
        waiting = asyncio.ensure_future(anext(lines))
        await asyncio.sleep(0)
        news.publish({"type": "stopped"})
        return json.loads(await waiting)

    assert asyncio.run(read())["type"] == "stopped"


def test_numbers_of_news_of_another_server_are_not_those_of_this(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = News()
    old.publish({"type": "taught"})
    monkeypatch.setattr("time.time_ns", lambda: (old.seq + 5) * 1_000_000)
    new = News()
    assert [one["type"] for one in stream(new, old.seq, 2)] == ["resync", "hello"]


def test_route_of_news_refuses_a_wrong_number(taught: Room) -> None:
    status, answer = taught.ask("GET", "/api/news?since=x")
    assert (status, answer["error"]["where"]) == (400, "since")


def test_note_and_pin_of_an_attempt_are_kept(taught: Room) -> None:
    status, found = taught.ask("PATCH", "/api/attempts/1", {"note": "small", "kept": True})
    assert (status, found["note"], found["pinned"]) == (200, "small", True)
    assert taught.ask("PATCH", "/api/attempts/1", {"kept": False})[1]["note"] == "small"
    attempts = type(taught.teacher.attempts)(taught.project.root)
    assert (attempts.get(1).note, attempts.get(1).pinned) == ("small", False)
    assert taught.ask("PATCH", "/api/attempts/77", {"note": "x"})[0] == 404
    assert taught.ask("PATCH", "/api/attempts/1", {"note": "x" * 1_001})[0] == 400


def test_check_guesses_the_time(taught: Room) -> None:
    small, large = (
        taught.ask("POST", "/api/check", {"layers": layers, "recipe": {"epochs": 40}})[1]
        for layers in ("conv 2 3, full", "conv 64 5, relu, conv 64 5, relu, full")
    )
    assert 0 < small["guess_ms"] < large["guess_ms"]
    values = {"layers": "full", "recipe": {"epoch": 4}}
    status, answer = taught.ask("POST", "/api/check", values)
    assert status == 422
    assert "did you mean 'epochs'" in answer["error"]["message"]


def test_nudge_is_that_of_the_library(taught: Room) -> None:
    values = {"name": "conv1.weight", "index": [1, 0, 2, 2]}
    status, found = taught.ask("POST", "/api/nudge", values)
    assert status == 200, found
    net, split = taught.teacher.net, taught.teacher.samples.split("train", ["down", "up"])
    assert net is not None
    curve = pw.nudge_curve(net, split.inputs, split.labels, "conv1.weight", (1, 0, 2, 2))
    assert found == json.loads(json.dumps(curve.to_json()))
    for wrong, where in (({"name": "conv9.weight"}, "name"), ({"index": [1]}, "index"),
                         ({"reach": "x"}, "reach")):  # fmt: skip
        status, answer = taught.ask("POST", "/api/nudge", {**values, **wrong})
        assert (status, answer["error"]["where"]) == (422, where)


def test_coverage_moves_the_threshold_of_doubt(taught: Room) -> None:
    taught.wait_for("score", done=5) if taught.teacher.held_out is None else None
    assert taught.ask("PATCH", "/api/project", {"coverage": 0.5})[0] == 200
    attempt = taught.teacher.attempts.list()[-1]
    assert attempt.score is not None
    half = attempt.score["doubt"]
    taught.ask("PATCH", "/api/project", {"coverage": 1.0})
    score = taught.teacher.attempts.get(attempt.number).score
    assert score is not None
    assert score["doubt"]["threshold"] <= half["threshold"]
    assert score["doubt"]["coverage"] == 1.0
    assert taught.ask("PATCH", "/api/project", {"coverage": 0})[0] == 400


def test_knobs_that_another_window_turned_are_not_overwritten(taught: Room) -> None:
    known = taught.project.settings["recipe"]
    turned = {"recipe": {"epochs": 4, "seed": 9}, "was": {"recipe": known}}
    assert taught.ask("PATCH", "/api/project", turned)[0] == 200
    status, answer = taught.ask("PATCH", "/api/project", {**turned, "recipe": {"epochs": 5}})
    assert (status, answer["error"]["where"]) == (409, "recipe")
    assert "'seed': 9" in answer["error"]["message"]
    assert taught.project.settings["recipe"] == turned["recipe"]


def test_names_that_another_window_changed_are_not_overwritten(tmp_path: Path) -> None:
    room = Room(tmp_path / "project")
    try:
        renamed = {"name": "hill", "was": "up"}
        assert room.ask("PATCH", "/api/classes/up", renamed) == (200, {"folder": "hill"})
        status, answer = room.ask("PATCH", "/api/classes/up", {"name": "steep", "was": "up"})
        assert (status, answer["error"]["where"], answer["error"]["now"]) == (409, "class", "hill")
        assert room.ask("PATCH", "/api/classes/up", {"name": "up", "was": "hill"})[0] == 200
        assert room.ask("PATCH", "/api/classes/hill", {"name": "a/b"}) == (200, {"folder": "up"})
        status, answer = room.ask("PATCH", "/api/classes/up", {"name": "c", "was": "up"})
        assert (status, answer["error"]["now"]) == (409, "a/b")
        assert room.ask("PATCH", "/api/classes/flat", {"name": "c", "was": "flat"})[0] == 404
        name = room.project.name
        assert room.ask("PATCH", "/api/project", {"name": "one", "was": {"name": name}})[0] == 200
        status, answer = room.ask("PATCH", "/api/project", {"name": "two", "was": {"name": name}})
        assert (status, answer["error"]["now"], room.project.name) == (409, "one", "one")
    finally:
        room.close()


def test_size_prepares_the_samples_anew(tmp_path: Path) -> None:
    room = Room(tmp_path / "project")
    try:
        assert room.ask("PATCH", "/api/project", {"size": 20})[0] == 409
        room.teach()
        assert room.ask("PATCH", "/api/project", {"size": 20})[0] == 200
        room.wait_for("taught", attempt=2)
        net = room.teacher.net
        assert net is not None
        assert net.input == (1, 20, 20)
    finally:
        room.close()


def test_server_listens_on_both_loopback_addresses_and_no_other() -> None:
    sockets = run._listen(0)
    try:
        addresses = [one.getsockname()[:2] for one in sockets]
        port = addresses[0][1]
        assert addresses[0] == ("127.0.0.1", port)
        assert addresses[1:] in ([], [("::1", port)])
        if socket.has_ipv6 and Path("/proc/net/if_inet6").exists():
            assert len(addresses) == 2
    finally:
        for one in sockets:
            one.close()


async def sends_at_once(listener: socket.socket) -> bool:
    """Whether a connection that the socket accepts sends each write at once."""
    accepted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own = writer.get_extra_info("socket")
        accepted.set_result(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0)
        writer.close()

    async with await asyncio.start_server(connected, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname()[:2])
        writer.close()
        return await accepted


def test_connections_wait_for_no_confirmation_between_head_and_body() -> None:
    for listener in [*run._listen(0), serving._listen(ServerSettings((), None, port=0))]:
        assert asyncio.run(sends_at_once(listener))
