"""What the app measures and gives away: mistakes, thorough teaching, merging, files to keep."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import piecewise as pw

pytest.importorskip("starlette", reason="the app's server is an extra")

from .app_room import PATIENCE, Room, line


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    room = Room(tmp_path_factory.mktemp("take") / "project")
    room.teach()
    yield room
    room.close()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = Room(tmp_path / "project")
    yield opened
    opened.close()


def test_net_taken_away_answers_as_the_one_in_the_app(taught: Room, tmp_path: Path) -> None:
    status, content = taught.ask("GET", "/api/take/net")
    assert status == 200
    (tmp_path / "net.safetensors").write_bytes(content)
    net, own = pw.load(tmp_path / "net.safetensors"), taught.teacher.net
    assert own is not None
    assert net.parameters_sha256 == own.parameters_sha256
    inputs = np.random.default_rng(0).integers(0, 256, (3, *own.input)).astype(np.uint8)
    np.testing.assert_array_equal(net.logits(inputs), own.logits(inputs))


def test_score_is_in_the_file_and_the_card_of_the_net(taught: Room, tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes(taught.ask("GET", "/api/take/net")[1])
    scores = pw.load(tmp_path / "net.safetensors").training_summary["scores"]
    attempt = taught.teacher.attempt
    assert attempt is not None
    assert attempt.score is not None
    right, n = attempt.score["right"], attempt.score["n"]
    assert scores["folds"]["n"] == n == 12
    assert scores["folds"]["accuracy"] == right / n
    _, content = taught.ask("GET", "/api/take/card")
    card = zipfile.ZipFile(io.BytesIO(content)).read("README.md").decode()
    assert f"| cross-validation | {n} | {100 * right / n:.1f} % |" in card


def test_every_format_is_an_archive_or_says_why_not(taught: Room) -> None:
    _, listed = taught.ask("GET", "/api/take")
    names = {one["name"]: one["refusal"] for one in listed["formats"]}
    assert {"onnx", "c", "numpy"} <= set(names)
    for name, refusal in names.items():
        status, content = taught.ask("GET", f"/api/take/{name}")
        assert status == (200 if refusal is None else 422), content
        if refusal is None:
            files = zipfile.ZipFile(io.BytesIO(content))
            assert files.testzip() is None
            assert len({one.partition("/")[0] for one in files.namelist()}) == 1


def test_recipe_teaches_the_same_net(taught: Room, tmp_path: Path) -> None:
    for name, file in (("recipe.py", "recipe.py"), ("net", "net.safetensors"),
                       ("project.zip", "project.zip")):  # fmt: skip
        status, content = taught.ask("GET", f"/api/take/{name}")
        assert status == 200
        (tmp_path / file).write_bytes(content)
    done = subprocess.run([sys.executable, "recipe.py"], cwd=tmp_path, capture_output=True,
                          text=True, timeout=PATIENCE, check=False)  # fmt: skip
    assert done.stdout == "the same net, bit for bit\n", done.stderr


def test_report_is_about_the_answer(taught: Room) -> None:
    question = {"strokes": line("up", 2), "width": 6}
    assert taught.ask("POST", "/api/answer", question)[0] == 200
    status, content = taught.ask("GET", "/api/take/report.html")
    assert status == 200
    assert b"<!doctype html>" in content[:100].lower()


@pytest.mark.parametrize("name", ["", "nothing", "..", "%2e%2e", "net.safetensors/..", "report"])
def test_nothing_else_can_be_taken(taught: Room, name: str) -> None:
    assert taught.ask("GET", f"/api/take/{name}")[0] == 404


def test_mistakes_are_those_of_the_score(taught: Room) -> None:
    status, found = taught.ask("POST", "/api/mistakes", {"part": "train"})
    assert status == 200
    score = taught.teacher.attempts.list()[-1].score
    assert score is not None
    confusion = np.array(found["confusion"])
    assert confusion.sum() == found["n"] == score["n"] == 12
    assert np.trace(confusion) == score["right"]
    assert found["count"] == len(found["mistakes"]) == 12 - score["right"]
    assert taught.ask("POST", "/api/mistakes", {"part": "test"})[0] == 409
    assert taught.ask("POST", "/api/mistakes", {"part": 1})[0] == 400


def test_mislabelled_sample_is_the_first_mistake(room: Room) -> None:
    room.project.set_settings(layers="full", recipe={"epochs": 30})
    room.teach()
    _, added = room.ask("POST", "/api/samples/down", {"strokes": line("up", 4), "width": 6})
    room.wait_for("score", done=5)
    _, found = room.ask("POST", "/api/mistakes")
    names = found["classes"]
    wrong = {(one["id"], names[one["label"]], names[one["predicted"]]) for one in found["mistakes"]}
    assert (added["ids"][0], "down", "up") in wrong
    confidences = [one["probability"] for one in found["mistakes"]]
    assert confidences == sorted(confidences, reverse=True)
    room.ask("POST", "/api/move", {"ids": added["ids"], "folder": "down", "part": "test"})
    room.wait_for("score", done=5)
    _, found = room.ask("POST", "/api/mistakes", {"part": "test"})
    assert found["n"] == found["count"] == 1


def test_merged_class_is_gone_until_it_is_undone(room: Room) -> None:
    room.project.add_drawing("down", "test", room.drawing("down"))
    assert room.ask("POST", "/api/classes/down/merge", {"into": "up"})[0] == 200
    assert [(one.name, one.train, one.test) for one in room.project.classes()] == [("up", 12, 1)]
    assert room.ask("POST", "/api/undo")[1] == {"undone": "merged down into up"}
    assert {(one.name, one.train, one.test) for one in room.project.classes()} == {
        ("up", 6, 0), ("down", 6, 1)
    }  # fmt: skip
    for into in ("down", "nothing", "", 5, None, ".."):
        assert room.ask("POST", "/api/classes/down/merge", {"into": into})[0] in (400, 404, 422)


def test_thorough_teaching_makes_an_attempt_beside_the_net(room: Room) -> None:
    room.teach()
    net = room.teacher.net
    room.project.set_settings(recipe={"epochs": 6})
    assert room.ask("POST", "/api/teach", {"stage": "thorough"})[0] == 200
    assert room.ask("POST", "/api/teach", {"stage": "thorough"})[0] == 409  # it runs
    room.join()
    state = room.ask("GET", "/api/project")[1]["thorough"]
    assert state["state"] == "done", state
    attempt = room.teacher.attempts.get(state["attempt"])
    assert (attempt.stage, attempt.samples) == ("thorough", 12)
    assert attempt.score is not None
    assert attempt.score["n"] == 12
    assert room.teacher.net is net
    assert room.ask("POST", f"/api/attempts/{attempt.number}/use")[0] == 200
    assert room.teacher.attempts.net(attempt.number).parameters_sha256 == attempt.parameters_sha256


def test_stopped_thorough_teaching_goes_on_to_the_same_net(room: Room, tmp_path: Path) -> None:
    recipe = {"epochs": 60}
    assert room.ask("PATCH", "/api/project", {"recipe": recipe})[0] == 200
    room.teach()
    room.ask("POST", "/api/teach", {"stage": "thorough"})
    room.stop_after("training")
    assert room.ask("GET", "/api/project")[1]["thorough"]["state"] == "stopped"
    assert list((room.project.root / ".piecewise" / "run").glob("*/*"))
    room.ask("POST", "/api/teach", {"stage": "thorough"})
    room.join()
    state = room.ask("GET", "/api/project")[1]["thorough"]
    again = Room(tmp_path / "again")
    try:
        again.project.set_settings(recipe=recipe)
        again.ask("POST", "/api/teach", {"stage": "thorough"})
        again.join()
        numbers = [
            one.ask("GET", "/api/project")[1]["thorough"]["attempt"] for one in (room, again)
        ]
        nets = [one.teacher.attempts.get(number).parameters_sha256
                for one, number in zip((room, again), numbers, strict=True)]  # fmt: skip
        assert nets[0] == nets[1], state
    finally:
        again.close()


def test_thorough_teaching_of_too_little_is_said(room: Room) -> None:
    room.ask("POST", "/api/remove", {"ids": room.project.labelled("train")[0]})
    room.ask("POST", "/api/teach", {"stage": "thorough"})
    room.join()
    state = room.ask("GET", "/api/project")[1]["thorough"]
    assert state["state"] == "failed"
    assert state["message"] == "5 more of down and 5 more of up, and it can learn."
    assert room.ask("POST", "/api/teach", {"stage": "soon"})[0] == 400
