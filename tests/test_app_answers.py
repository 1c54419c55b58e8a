"""Answers of the app: the votes and the reasons behind them, and what is left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import piecewise as pw
from piecewise.engine.runtime import program_registry

pytest.importorskip("starlette", reason="the app's server is an extra")

from piecewise.app.opening import add_net

from .app_room import Room, line


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    taught = Room(tmp_path_factory.mktemp("answers"))
    taught.teach()
    yield taught
    taught.close()


def parsed(answer: tuple[int, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The head and the arrays of an answer."""
    status, content = answer
    assert status == 200, content
    size = int.from_bytes(content[:4], "little")
    head = json.loads(content[4 : 4 + size])
    flat, arrays, at = np.frombuffer(content[4 + size :], "<f4"), {}, 0
    for name, shape in head["arrays"]["shapes"].items():
        count = int(np.prod(shape))
        arrays[name] = flat[at : at + count].reshape(shape)
        at += count
    assert at == len(flat)
    return head, arrays


def drawn(**values: Any) -> dict[str, Any]:
    return {"strokes": line("up", 3), "width": 6, **values}


def test_votes_of_a_short_answer_are_those_of_a_whole_one(room: Room) -> None:
    whole, arrays = parsed(room.ask("POST", "/api/answer", drawn()))
    short, fewer = parsed(room.ask("POST", "/api/answer", drawn(detail=False)))
    assert not {"votes", "map_votes"} & set(short)
    assert set(arrays) - set(fewer) == {"votes 0", "votes 1"}
    votes, weights = parsed(room.ask("POST", "/api/votes", {"walk": short["walk"]}))
    assert votes["votes"] == whole["votes"]
    assert votes["map_votes"] == whole["map_votes"]
    for name, values in weights.items():
        np.testing.assert_array_equal(values, arrays[name])
        values_of_layer = arrays[f"activation {whole['votes']['layer']}"].astype(float)
        label = name.removeprefix("votes ")
        logit = (values.astype(float) * values_of_layer).sum() + whole["votes"]["biases"][label]
        assert logit == pytest.approx(whole["logits"][label], abs=1e-4)


def test_reason_and_saliency_maps_of_an_answer_are_those_of_the_library(room: Room) -> None:
    head, arrays = parsed(room.ask("POST", "/api/answer", drawn(detail=False)))
    reasons, maps = parsed(room.ask("POST", "/api/mattered", {"walk": head["walk"]}))
    net = room.teacher.net
    assert net is not None
    label = head["predicted"]
    assert reasons["reason"]["label"] == label
    assert net.classes[label] in reasons["reason"]["sentence"]
    assert {one["method"] for one in reasons["attributions"]} == {
        "occlusion", "gradient x input", "Grad-CAM"
    }  # fmt: skip
    gradients = maps["attribution gradient x input"].astype(float)
    walk = net.walk(arrays["activation input"])
    wanted = walk.backprop(label, "logit").errors["input"][0] * walk["input"][0]
    np.testing.assert_allclose(gradients, wanted, rtol=1e-6)
    assert len(reasons["robustness"]) > 3


def test_walk_that_is_not_open_is_named(room: Room) -> None:
    for path in ("/api/votes", "/api/mattered", "/api/why"):
        position = {"position": ["conv1", 0, 0, 0]} if path == "/api/why" else {}
        status, answer = room.ask("POST", path, {"walk": 10**6, **position})
        assert status == 404
        assert "is not open" in answer["error"]["message"]
        assert answer["error"]["where"] == "walk"
        for walk in ("x", None, True, 1.0, [1], -1):
            status, answer = room.ask("POST", path, {"walk": walk, **position})
            assert (status, answer["error"]["where"]) == (400, "walk")


@pytest.mark.parametrize(("method", "path", "body", "status", "where"), [
    ("POST", "/api/check", {"layers": "conv 4 5, rule, full"}, 422, "layers:10"),
    ("PATCH", "/api/project", {"recipe": {"epochs": -1}}, 422, "recipe.epochs"),
    ("PATCH", "/api/classes/none", {"name": "x"}, 404, "class"),
    ("POST", "/api/classes", {"name": "up"}, 409, "class"),
    ("POST", "/api/attempts/99/use", {}, 404, "attempt"),
    ("POST", "/api/attempts/x/use", {}, 400, "number"),
    ("POST", "/api/redo", {}, 409, "redo"),
    ("POST", "/api/remove", {"ids": ["train/up/none.png"]}, 404, "sample"),
    ("GET", "/api/take/none", {}, 404, "take"),
    ("POST", "/api/answer", {"strokes": [[[1]]], "width": 6}, 422, "strokes"),
    ("POST", "/api/none", {}, 404, ""),
    ("PATCH", "/api/undo", {}, 405, ""),
])  # fmt: skip
def test_errors_say_what_they_are_about(
    room: Room, method: str, path: str, body: dict[str, Any], status: int, where: str
) -> None:
    got, answer = room.ask(method, path, body)
    assert (got, answer["error"]["where"]) == (status, where), answer
    assert set(answer["error"]) == {"kind", "message", "where"}


def test_untaught_net_shows_the_maps_of_a_drawing(tmp_path: Path) -> None:
    room = Room(tmp_path / "project")
    drawing = drawn()
    head, arrays = parsed(room.ask("POST", "/api/answer", drawing))
    assert head["untaught"] is True
    assert head["layers"][1]["notation"] == "conv 4 5 stride=2"
    assert np.ptp(arrays["activation conv1"]) > 0
    again = parsed(room.ask("POST", "/api/answer", drawing))[1]
    np.testing.assert_array_equal(arrays["activation conv1"], again["activation conv1"])
    assert room.project.preprocessor is None  # nothing is pinned before the first teaching
    room.teach()
    assert parsed(room.ask("POST", "/api/answer", drawing))[0]["untaught"] is False
    room.close()


def test_untaught_net_of_an_empty_project_reads_drawings(tmp_path: Path) -> None:
    room = Room(tmp_path / "project", each=0)
    sound = room.ask("POST", "/api/answer", {"upload": 1})
    assert (sound[0], sound[1]["error"]["kind"]) == (409, "ConflictError")
    head, _ = parsed(room.ask("POST", "/api/answer", {"strokes": line("up"), "width": 6}))
    assert (head["untaught"], head["kind"]) == (True, "drawings")
    head, _ = parsed(room.ask("POST", "/api/answer", {"text": "hello"}))  # by another net
    assert (head["untaught"], head["kind"]) == (True, "texts")
    room.close()


def test_untaught_net_shows_the_maps_of_a_text(tmp_path: Path) -> None:
    room = Room(tmp_path / "project", each=0, layers="embed 4, conv 3 1x3, relu, pool all, full")
    texts = ["Is this one?", "Is this one? No: 2, at least."]
    heads, arrays = zip(*(parsed(room.ask("POST", "/api/answer", {"text": one})) for one in texts),
                        strict=True)  # fmt: skip
    assert [one["untaught"] for one in heads] == [True, True]
    shapes = [[layer["shape"] for layer in one["layers"]] for one in heads]
    assert shapes[0] == shapes[1]  # nothing is compiled anew while it is typed
    conv = [one["activation conv1"] for one in arrays]
    np.testing.assert_array_equal(conv[0][..., :10], conv[1][..., :10])
    assert room.project.preprocessor is None
    room.close()


def test_sample_whose_file_is_gone_is_missing(tmp_path: Path) -> None:
    """As between the move of a file and the new listing."""
    room = Room(tmp_path / "project")
    sample = room.project.samples("up", "train").ids[0]
    room.project.path(sample).unlink()
    for path, body in (("/api/answer", {"sample": sample}), ("/api/content", {"id": sample})):
        status, answer = room.ask("POST", path, body)
        assert (status, answer["error"]["where"]) == (404, "sample"), answer
    room.close()


def test_first_answer_of_a_net_compiles_nothing(tmp_path: Path) -> None:
    room = Room(tmp_path / "project", layers="conv 5 4 stride=3, relu, full")
    room.teach()
    compiled = program_registry._feature_map_program.cache_info().misses
    assert parsed(room.ask("POST", "/api/answer", drawn()))[0]["untaught"] is False
    assert program_registry._feature_map_program.cache_info().misses == compiled
    room.close()


def test_other_attempt_answers_beside_the_one_that_is_used(room: Room) -> None:
    net = room.teacher.net
    attempt = room.teacher.attempt
    assert net is not None
    assert attempt is not None
    other = pw.Network("full", net.input, net.classes, 3, preprocessor=net.preprocessor)
    added = add_net(room.project, room.teacher.attempts, other)
    drawing = drawn()
    head, _ = parsed(room.ask("POST", "/api/answer", {**drawing, "attempt": added.number}))
    assert head["parameters_sha256"] == other.parameters_sha256
    head, _ = parsed(room.ask("POST", "/api/answer", drawing))
    assert head["parameters_sha256"] == net.parameters_sha256
    assert room.ask("POST", "/api/answer", {**drawing, "attempt": 99})[0] == 404
