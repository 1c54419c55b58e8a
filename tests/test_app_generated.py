"""Generated requests to the routes of the app: whatever is asked, it answers, and never fails."""

from __future__ import annotations

import gc
import json
import string
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the app's server is an extra")

from piecewise.app.actions.table import routes_of
from piecewise.app.jobs import Jobs
from piecewise.app.teaching import Teacher
from piecewise.app.thorough import Thorough

from .app_room import Room, line
from .naughty import naughty

NAMES = ("name", "folder", "into", "part", "ids", "order", "layers", "recipe", "strokes", "width",
         "texts", "side", "from", "count", "walk", "position", "known", "detail", "text", "sample",
         "stage", "number", "code", "changes", "upload", "expected", "formats", "answer", "check",
         "choice", "words", "seed", "flipped", "drawing", "down", "right", "net", "mute", "row",
         "column", "steps", "rate", "answers", "kernels", "size", "poolings")  # fmt: skip
LAYERS = ("full", "conv 2 3, relu, full", "conv 4 5 stride=2, relu, pool 2, full",
          "conv 99 99, full", "relu", "conv 2 3 pad=9999999, full", "full 99999999, full",
          "norm, full", "embed 3, full", "pool 2, " * 50 + "full", "conv 2 3,", "",
          "dropout 0.5, full", "conv 1e9 3")  # fmt: skip


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    opened = Room(tmp_path / "project")
    opened.teach()
    monkeypatch.setattr(Teacher, "changed", lambda self: None)  # what it teaches is not asked here
    monkeypatch.setattr(Thorough, "start", lambda self: None)
    monkeypatch.setattr(Jobs, "start", lambda self, kind, work: 1)
    yield opened
    monkeypatch.undo()
    opened.close()


class Generator:
    """Requests like those of the page, most of which are wrong somewhere."""

    def __init__(self, seed: int, room: Room) -> None:
        self.random, self.room, self.words = Random(seed), room, naughty()
        self.routes = routes_of(room.session)

    def request(self) -> tuple[str, str, bytes]:
        """The method, the path and the body."""
        random = self.random
        route = random.choice(self.routes)
        if route.method == "DELETE" and random.random() < 0.7:
            route = next(one for one in self.routes if one.path == "/api/undo")
        method, path = route.method, route.path
        fields = route.fields if random.random() < 0.8 else ()
        wanted = [one.name for one in fields if one.required or random.random() < 0.6]
        for part in route.parameters:
            path = path.replace("{" + part + "}", self._segment(part))
        if random.random() < 0.2:
            path += "?" + "&".join(f"{random.choice(NAMES)}={self._text()}" for _ in range(2))
        return method, path, self._body(wanted)

    def _segment(self, part: str) -> str:
        known = {
            "folder": ["up", "down", "class1"],
            "number": ["1", "2", "0", "-1", "99999"],
            "lesson": ["literal", "votes", "errors"],
            "name": ["net", "onnx", "c", "report.html", "recipe.py", "project.zip"],
        }[part]
        return self.random.choice([*known, *known, self._text().replace("/", "").replace("?", "")])

    def _body(self, wanted: list[str]) -> bytes:
        random = self.random
        if random.random() < 0.05:
            return random.randbytes(random.randrange(200))
        chosen = wanted or random.sample(NAMES, random.randrange(6))
        text = json.dumps({name: self._value(name) for name in chosen})
        if random.random() < 0.02:
            at = random.randrange(len(text))
            text = text[:at] + random.choice(string.printable) + text[at + 1 :]
        return text.encode("utf-8", "surrogatepass")

    def _value(self, name: str) -> Any:
        random = self.random
        if random.random() < 0.15:
            return self._anything(3)
        ids = [*self.room.project.labelled("train")[0][:40], "train/up/none.png"]
        likely: dict[str, Any] = {
            "folder": ["up", "down"], "into": ["up", "down"], "part": ["train", "test"],
            "ids": [random.sample(ids, min(2, len(ids)))],
            "order": [["up", "down"], ["down"], ["up", "up"]],
            "layers": LAYERS, "recipe": [{"epochs": 3}, {"rate": 1e9}, {"seed": -1}, {"x": 1}],
            "strokes": [line("up"), line("down", 5), [], [[]], [[[1e308, -1e308]]]],
            "width": [3, 6, 10, 0, 1e300], "texts": [["a"], [""], []], "side": [8, 48, 257],
            "walk": [1, 2, 10, 30, 10**9], "name": ["up", "down", "sideways"],
            "position": [["conv1", 0, 0, 0], ["input", 0, 1, 2]],
            "sample": ids, "stage": ["sketch", "thorough"], "detail": [True, False],
            "upload": [1, 2, 10**9], "expected": ["up", "x"],
            "changes": [{"rotation": 3}, {"right": 1, "scale": 99}],
            "formats": [["c", "numpy"], ["pdf"]], "number": [0, 1, 999],
            "answer": ["7", "0", "5/9", "x"], "check": ["shared_ink", "one_vote", "error_sum"],
            "choice": [0, 2, 9], "flipped": [[[0, 1]], [[99, 0]], 3], "drawing": [0, 5, 99],
            "down": [1, -8, 9], "right": [0, -1], "net": ["small", "first", "x"],
            "mute": [[["pool2", 1]], [["pool2", 9]]], "row": [0, 1], "column": [0, 11],
            "steps": [0, 20], "rate": [1, 1000], "kernels": [1, 4], "size": [3, 7, 9],
            "poolings": [0, 2],
            "answers": [["1"], ["1", "x"], ["0.5"] * 5], "words": ["because"], "seed": [0, 7],
        }  # fmt: skip
        return random.choice(likely[name]) if name in likely else self._text()

    def _anything(self, depth: int) -> Any:
        random = self.random
        kinds = [None, True, -1, 0, 2**63, 10**400, 1e308, float("nan"), float("inf"), self._text(),
                 "\ud800"]  # fmt: skip
        if depth and random.random() < 0.4:
            return [self._anything(depth - 1) for _ in range(random.randrange(4))]
        if depth and random.random() < 0.2:
            return {self._text(): self._anything(depth - 1) for _ in range(random.randrange(3))}
        return random.choice(kinds)

    def _text(self) -> str:
        random = self.random
        return random.choice(
            [random.choice(self.words), random.choice(("", "..", "a" * 300, "up"))]
        )


def resident() -> int:
    """Bytes of memory that this process has."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(one.split()[1]) << 10 for one in lines if one.startswith("VmRSS"))


def check(room: Room, seed: int, count: int) -> None:
    generator = Generator(seed, room)
    requests = [generator.request() for _ in range(count)]
    for (method, path, body), (status, answer) in zip(
        requests, room.ask_all(requests), strict=True
    ):
        assert status < 500, (method, path, body, answer)
        if status >= 400:
            error = answer["error"]
            now = {"now"} if error["kind"] == "OtherValueError" else set()
            wanted = {"kind", "message", "where"} | now
            assert set(error) == wanted, (method, path, body, answer)
    assert room.ask("GET", "/api/project")[0] == 200


@pytest.mark.parametrize("seed", range(4))
def test_generated_requests_are_answered(room: Room, seed: int) -> None:
    check(room, seed, 500)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 150))
def test_many_generated_requests_are_answered(room: Room, seed: int) -> None:
    check(room, seed, 2_000)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells it there")
def test_memory_stays_flat_over_answers_and_retrainings(tmp_path: Path) -> None:
    room = Room(tmp_path / "project")
    try:

        def use(answers: int, retrainings: int) -> int:
            for number in range(answers):
                question = {"strokes": line("up", number), "width": 6}
                assert room.ask("POST", "/api/answer", question)[0] == 200
            for number in range(retrainings):
                room.project.set_settings(recipe={"epochs": 2, "seed": number})
                room.teach()
            gc.collect()
            return resident()

        room.teach()
        before = use(300, 60)
        after = use(1_000, 100)
        assert after - before < 12 << 20, f"{(after - before) / (1 << 20):.1f} MB more"
    finally:
        room.close()
