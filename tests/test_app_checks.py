"""Checks of the app: nearest samples, label issues, influence, uploads, changes, and the export."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from safetensors.numpy import save_file

import piecewise as pw

pytest.importorskip("starlette", reason="the app's server is an extra")

from piecewise.app.attempts import Attempts
from piecewise.app.jobs import Jobs
from piecewise.app.mistakes import HeldOut
from piecewise.app.opening import add_net
from piecewise.app.project import Project
from piecewise.core.errors import DataError
from piecewise.core.progress import OnProgress, Progress
from piecewise.exchange.export_model import files_of
from piecewise.exchange.registry import exporter
from piecewise.inputs import layer_inputs
from piecewise.insight.robustness.perturbations import perturbations_of

from .app_room import PATIENCE, Room, line, pack

DRAWN = {"strokes": line("up", 2), "width": 6}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    room = Room(tmp_path_factory.mktemp("checks") / "project")
    room.teach()
    yield room
    room.close()


def asked(room: Room, question: dict[str, Any]) -> dict[str, Any]:
    """The head of the answer to a question."""
    status, content = room.ask("POST", "/api/answer", question)
    assert status == 200, content
    head: dict[str, Any] = json.loads(content[4 : 4 + int.from_bytes(content[:4], "little")])
    return head


def finished(room: Room, path: str, values: dict[str, Any]) -> dict[str, Any]:
    """A job, when it has ended."""
    status, begun = room.ask("POST", path, values)
    assert status == 200, begun
    ends = time.monotonic() + PATIENCE
    while True:
        state: dict[str, Any] = room.ask("GET", f"/api/jobs/{begun['job']}")[1]
        if state["state"] != "running":
            return state
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_nearest_samples_are_those_of_the_same_class(taught: Room) -> None:
    ids, _ = taught.project.labelled("train")
    status, found = taught.ask("POST", "/api/nearest", {"ids": ids[:2]})
    assert status == 200
    assert found["compared"] == 12
    for sample, near in zip(ids[:2], found["nearest"], strict=True):
        assert len(near) == 5
        assert sample not in [one["id"] for one in near]
        assert [one["label"] for one in near[:3]] == [sample.split("/")[1]] * 3
        distances = [one["distance"] for one in near]
        assert distances == sorted(distances)
    walk = asked(taught, {"sample": ids[0]})["walk"]
    own = taught.ask("POST", "/api/nearest", {"walk": walk})[1]["nearest"]
    assert own == found["nearest"][:1]


@pytest.mark.parametrize("values", [{}, {"ids": []}, {"ids": "x"}, {"ids": [1]}, {"walk": -1},
                                    {"ids": ["train/up/none.png"]}])  # fmt: skip
def test_nearest_refuses_what_is_not_there(taught: Room, values: dict[str, Any]) -> None:
    assert taught.ask("POST", "/api/nearest", values)[0] in (400, 404, 422)


def test_cells_of_the_confusion_matrix_name_their_samples(taught: Room) -> None:
    found = taught.ask("POST", "/api/mistakes")[1]
    for cell in found["cells"]:
        assert found["confusion"][cell["label"]][cell["predicted"]] == cell["count"]
        assert len(cell["ids"]) == cell["count"]
        folders = {one.split("/")[1] for one in cell["ids"]}
        assert folders == {found["classes"][cell["label"]]}
    assert sum(cell["count"] for cell in found["cells"]) == 12


def test_upload_is_answered_as_the_sample_of_the_same_bytes(taught: Room) -> None:
    sample = taught.project.labelled("train")[0][3]
    content = taught.project.content(sample)
    status, kept = taught.ask("POST", "/api/uploads?name=holiday.png", content)
    assert status == 200
    uploaded, own = asked(taught, kept), asked(taught, {"sample": sample})
    assert uploaded["logits"] == own["logits"]
    assert taught.ask("POST", "/api/uploads?name=x.wav", b"RIFF")[0] == 422
    assert taught.ask("POST", "/api/uploads?name=x.png", b"no picture")[0] == 422
    assert taught.ask("POST", "/api/answer", {"upload": 9999})[0] == 404


def test_changed_input_is_answered_as_its_robustness_curve_says(taught: Room) -> None:
    net = taught.teacher.net
    assert net is not None
    same = asked(taught, {**DRAWN, "changes": {"rotation": 9}})
    assert same["logits"] == asked(taught, DRAWN)["logits"]
    turned = asked(taught, {**DRAWN, "changes": {"rotation": 0}})
    rotation = next(one for one in perturbations_of(net) if one.name == "rotation")
    picture = layer_inputs(net, taught.session.answers.explanation(same["walk"]).example[None])
    wanted = net.logits(rotation.apply(picture, 0, net.preprocessor.background))[0]
    np.testing.assert_array_equal([turned["logits"]["0"], turned["logits"]["1"]], wanted)
    both = asked(taught, {**DRAWN, "changes": {"rotation": 0, "right": 0}})
    assert both["logits"] != turned["logits"]
    for wrong in ({"rotation": 99}, {"nothing": 0}, {"rotation": 1.0}, [1], "x"):
        assert taught.ask("POST", "/api/answer", {**DRAWN, "changes": wrong})[0] in (400, 422)


@pytest.fixture(scope="module")
def mislabelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Room, str]]:
    """A project with a sample in the wrong class."""
    room = Room(tmp_path_factory.mktemp("mislabelled") / "project", layers="full")
    room.project.set_settings(recipe={"epochs": 30})
    wrong = room.project.add_drawing("down", "train", room.drawing("up", 4))
    room.teach()
    yield room, wrong
    room.close()


@pytest.mark.long
def test_label_issues_name_the_mislabelled_sample(mislabelled: tuple[Room, str]) -> None:
    room, wrong = mislabelled
    found = finished(room, "/api/label-issues", {})["result"]
    assert found["judged"] == 13
    assert wrong in [one["name"] for one in found["issues"][:3]]


def test_influence_names_the_mislabelled_sample(mislabelled: tuple[Room, str]) -> None:
    room, wrong = mislabelled
    walk = asked(room, {"strokes": line("up", 4), "width": 6})["walk"]
    found = finished(room, "/api/influence", {"walk": walk, "expected": "up"})["result"]
    assert found["label"] == "up"
    assert found["influences"][0]["id"] == wrong
    failed = room.ask("POST", "/api/influence", {"walk": walk, "expected": "sideways"})
    assert failed[0] == 422


def test_export_has_every_format_and_its_passport(taught: Room) -> None:
    assert taught.ask("GET", "/api/passport.html")[0] == 404
    state = finished(taught, "/api/export", {"formats": ["numpy", "card"]})
    assert state["state"] == "done", state
    assert state["result"]["samples"]["count"] == 12
    status, content = taught.ask("GET", "/api/export.zip")
    assert status == 200
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert list(state["result"]["exports"]) == ["numpy", "card"]
    assert {"export/numpy/USAGE.md", "export/README.md", "export/passport.html"} <= set(names)
    assert b"<html" in taught.ask("GET", "/api/passport.html")[1]


def test_page_of_answers_is_about_all_samples(taught: Room) -> None:
    status, content = taught.ask("GET", "/api/answers.html")
    assert status == 200
    assert b"was trained on all of these samples" in content


def test_page_of_answers_needs_a_net_of_the_classes(taught: Room) -> None:
    folders = [one.folder for one in taught.project.classes()]
    taught.project.set_order(folders[::-1])
    assert (
        taught.ask("GET", "/api/answers.html")[0] == 200
    )  # the net has the same classes in another order
    added = taught.project.add_class("another")
    try:
        assert taught.ask("GET", "/api/answers.html")[0] == 409
        assert taught.ask("POST", "/api/mistakes", {"part": "test"})[0] == 409
    finally:
        taught.project.remove_class(added)
        taught.project.set_order(folders)


class Slow:
    """A job that reports until it is stopped."""

    def __init__(self) -> None:
        self.news: list[dict[str, Any]] = []
        self.begun, self.go = Event(), Event()

    def work(self, on_progress: OnProgress) -> str:
        while not self.go.is_set():
            on_progress(Progress("waiting", 1, 2))
            self.begun.set()
        return "result"


def test_one_job_runs_at_a_time_and_can_be_stopped() -> None:
    slow = Slow()
    jobs = Jobs(slow.news.append)
    first = jobs.start("slow", slow.work)
    assert slow.begun.wait(PATIENCE)
    with pytest.raises(DataError, match="slow runs already"):
        jobs.start("other", slow.work)
    jobs.stop(first)
    jobs.close()
    assert jobs.state(first)["state"] == "stopped"
    slow.go.set()
    second = jobs.start("other", slow.work)
    jobs._thread.join(PATIENCE)  # type: ignore[union-attr]
    assert jobs.state(second)["result"] == "result"
    assert [one["state"] for one in jobs.states()] == ["stopped", "done"]
    with pytest.raises(DataError, match="there is none"):
        jobs.state(7)


def test_failed_job_says_why() -> None:
    def work(on_progress: OnProgress) -> None:
        raise DataError("nothing to look at")

    jobs = Jobs(lambda news: None)
    number = jobs.start("slow", work)
    jobs.close()
    state = jobs.state(number)
    assert (state["state"], state["message"]) == ("failed", "nothing to look at")


def test_net_of_the_same_classes_becomes_an_attempt(taught: Room, tmp_path: Path) -> None:
    preprocessor = taught.project.preprocessor
    assert preprocessor is not None
    net = pw.Network("full", preprocessor.shape, ("down", "up"), preprocessor=preprocessor)
    net.save(tmp_path / "net.safetensors")
    content = (tmp_path / "net.safetensors").read_bytes()
    before = taught.teacher.attempt
    assert before is not None
    assert taught.ask("POST", "/api/nets?name=net.safetensors", content)[0] == 200
    assert taught.teacher.net is not None
    assert taught.teacher.net.parameters_sha256 == net.parameters_sha256
    taught.ask("POST", f"/api/attempts/{before.number}/use")
    status, answer = taught.ask("POST", "/api/nets?name=net.safetensors", b"no net")
    assert status == 422
    assert "net.safetensors" in answer["error"]["message"]
    pw.Network("full", (1, 28, 28), ("x", "y")).save(tmp_path / "other.safetensors")
    content = (tmp_path / "other.safetensors").read_bytes()
    assert taught.ask("POST", "/api/nets?name=other.safetensors", content)[0] == 409


@pytest.mark.parametrize("name", ["net.onnx", "NET.ONNX"])
def test_net_of_another_toolkit_becomes_an_attempt(taught: Room, name: str) -> None:
    before, net = taught.teacher.attempt, taught.teacher.net
    assert before is not None
    assert net is not None
    other = pw.Network("full", net.input, net.classes, 5, preprocessor=net.preprocessor)
    content = files_of(exporter("onnx"), other.saved_model())["onnx/net.onnx"]
    assert taught.ask("POST", f"/api/nets?name={name}", content)[0] == 200
    opened = taught.teacher.net
    assert opened is not None
    assert opened.parameters_sha256 == other.parameters_sha256
    taught.ask("POST", f"/api/attempts/{before.number}/use")
    assert [one.name for one in taught.session.folder.iterdir() if "import" in one.name] == []


def test_net_of_caffe_is_read_from_its_two_files(taught: Room) -> None:
    before, net = taught.teacher.attempt, taught.teacher.net
    assert before is not None
    assert net is not None
    other = pw.Network("conv 4 3, relu, full", net.input, net.classes, 5, net.preprocessor)
    files = files_of(exporter("caffe"), other.saved_model())
    both = {path: one for path, one in files.items() if path.endswith((".caffemodel", ".prototxt"))}
    path = "/api/nets?name=deploy.caffemodel&kind=caffe"
    assert taught.ask("POST", path, pack(both))[0] == 200
    assert taught.teacher.net is not None
    assert taught.teacher.net.parameters_sha256 == other.parameters_sha256
    taught.ask("POST", f"/api/attempts/{before.number}/use")
    (name, content), *_ = both.items()
    assert taught.ask("POST", path, pack({name: content}))[0] == 422
    assert taught.ask("POST", path, pack({**both, f"another{name}": content}))[0] == 422


def test_weights_of_pytorch_are_read_with_the_layers_that_a_person_gives(
    taught: Room, tmp_path: Path
) -> None:
    before, net = taught.teacher.attempt, taught.teacher.net
    assert before is not None
    assert net is not None
    random = np.random.default_rng(7)
    width = int(np.prod(net.input))
    weights = {"head.weight": random.normal(size=(2, width)).astype(np.float32),
               "head.bias": np.zeros(2, np.float32)}  # fmt: skip
    save_file(weights, tmp_path / "head.safetensors")
    content = (tmp_path / "head.safetensors").read_bytes()
    status, answer = taught.ask("POST", "/api/nets?name=head.safetensors", content)
    assert (status, answer["error"]["where"]) == (422, "layers")
    query = urlencode({"name": "head.safetensors", "layers": "conv 4 3, full"})
    status, answer = taught.ask("POST", f"/api/nets?{query}", content)
    assert status == 422
    assert "head.safetensors" in answer["error"]["message"]
    query = urlencode({"name": "head.safetensors", "layers": "full"})
    assert taught.ask("POST", f"/api/nets?{query}", content)[0] == 200
    opened = taught.teacher.net
    assert opened is not None
    assert opened.classes == net.classes
    np.testing.assert_array_equal(opened.parameters["full1.weight"].reshape(2, width),
                                  weights["head.weight"])  # fmt: skip
    taught.ask("POST", f"/api/attempts/{before.number}/use")


def test_broken_net_of_another_toolkit_is_refused_by_its_name(taught: Room) -> None:
    for name in ("broken.onnx", "broken.h5", "broken.keras", "broken.t7", "broken.caffemodel"):
        status, answer = taught.ask("POST", f"/api/nets?name={name}", b"\x08\x01 nothing")
        assert status == 422, name
        assert name in answer["error"]["message"]
        assert "import-" not in answer["error"]["message"], answer


def test_net_gives_an_empty_project_its_classes(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    add_net(project, Attempts(project.root), pw.Network("full", (1, 9, 9), ("y", "x")))
    assert [one.name for one in project.classes()] == ["y", "x"]
    project.close()


def test_samples_are_listed_by_how_they_were_judged(taught: Room) -> None:
    held_out = taught.teacher.held_out
    assert held_out is not None
    folder = taught.project.classes()[0].folder
    own = [row for row, one in enumerate(held_out.ids) if one.split("/")[1] == folder]
    confidence = held_out.probabilities.max(axis=1)
    is_right = held_out.probabilities.argmax(axis=1) == held_out.labels

    def listed(order: str, **values: Any) -> list[str]:
        query = urlencode({"folder": folder, "order": order, **values})
        return list(taught.ask("GET", f"/api/samples?{query}")[1]["ids"])

    unsure = sorted(own, key=lambda row: confidence[row])
    assert listed("unsure") == [held_out.ids[row] for row in unsure]
    wrong = sorted(own, key=lambda row: (is_right[row], (1 if is_right[row] else -1)
                                         * confidence[row]))  # fmt: skip
    assert listed("wrong") == [held_out.ids[row] for row in wrong]
    assert listed("wrong", **{"from": 2, "count": 1}) == [held_out.ids[wrong[2]]]
    [new] = taught.ask("POST", f"/api/samples/{folder}", DRAWN)[1]["ids"]
    assert listed("added")[0] == listed("wrong")[-1] == new  # nobody judged it
    assert taught.ask("GET", f"/api/samples?folder={folder}&order=largest")[0] == 400
    taught.ask("POST", "/api/undo")


def test_wrong_answers_come_first_and_then_the_least_certain() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.45, 0.55], [0.6, 0.4]], np.float32)
    held_out = HeldOut(1, ("a", "b"), ["p", "q", "r", "s"], np.array([0, 0, 1, 1]), probabilities)
    orders = [held_out.doubtful_first(wrong=wrong) for wrong in (True, False)]
    assert ["".join(sorted(one, key=one.__getitem__)) for one in orders] == ["qsrp", "rsqp"]
