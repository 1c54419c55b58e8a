"""What the place "Look inside" asks the server for."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the app's server is an extra")

from piecewise import Network
from piecewise.app.mistakes import HeldOut
from piecewise.app.muting import muted

from .app_room import Room
from .test_app_answers import drawn, parsed


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    taught = Room(tmp_path_factory.mktemp("inside"))
    taught.teach()
    yield taught
    taught.close()


def asked(room: Room, **values: Any) -> dict[str, Any]:
    return parsed(room.ask("POST", "/api/answer", drawn(**values)))[0]


@pytest.mark.parametrize("position", [["conv1", 2, 3, 4], ["pool1", 1, 2, 2], ["full1", 1, 0, 0],
                                      ["relu1", 0, 0, 0]])  # fmt: skip
def test_arithmetic_comes_with_the_result_after_every_term(room: Room, position: Any) -> None:
    walk = asked(room)["walk"]
    status, found = room.ask("POST", "/api/why", {"walk": walk, "position": position})
    assert status == 200, found
    running = [term["running"] for term in found["terms"]]
    assert running[-1] == found["value"] == found["recomputed"]
    why = room.session.answers.explanation(walk).walk.why(*position)
    assert tuple(running) == why.running
    products: dict[str, float] = {}
    for term in why.terms:
        if term.position:
            name = str(term.position.feature)
            products[name] = products.get(name, 0.0) + term.product
    assert found["map_sums"] == pytest.approx(products)
    assert found["python"] == f'walk.why("{position[0]}", {", ".join(map(str, position[1:]))})'


def test_arithmetic_as_a_spreadsheet(room: Room) -> None:
    values = {"walk": asked(room)["walk"], "position": ["conv1", 2, 3, 4]}
    status, content = room.ask("POST", "/api/why.xlsx", values)
    assert status == 200, content
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        assert "xl/workbook.xml" in book.namelist()
    assert room.ask("POST", "/api/why.xlsx", {**values, "position": ["conv9", 0, 0, 0]})[0] == 422


def test_map_looks_for_the_patches_with_its_largest_values(room: Room) -> None:
    net = room.teacher.net
    assert net is not None
    status, found = room.ask("POST", "/api/patches", {"layer": "relu1", "map": 2})
    assert status == 200, found
    split = room.teacher.samples.split("train", ["up", "down"])
    largest = [net.walk(one)["relu1"][2].max() for one in split.inputs]
    values = [one["value"] for one in found["best"]]
    assert values == pytest.approx(sorted(largest, reverse=True)[:7])
    assert found["best"][0]["id"] == split.ids[int(np.argmax(largest))]
    assert found["best"][0]["image"].startswith("data:image/png;base64,")
    for wrong in ({"layer": "relu9", "map": 0}, {"layer": "relu1", "map": 99}):
        status, error = room.ask("POST", "/api/patches", wrong)
        assert status == 422, error


def test_activity_counts_the_samples_that_a_map_answers_to(room: Room) -> None:
    net = room.teacher.net
    assert net is not None
    split = room.teacher.samples.split("train", ["up", "down"])
    counts = np.zeros(4, int)
    for one in split.inputs:
        counts += net.walk(one)["relu1"].max(axis=(1, 2)) > 0
    _, found = room.ask("POST", "/api/activity")
    assert found == {"samples": 12, "maps": {"relu1": counts.tolist()}}


def test_muted_map_has_no_votes(room: Room) -> None:
    before, _ = parsed(room.ask("POST", "/api/answer", drawn()))
    head, arrays = parsed(room.ask("POST", "/api/answer", drawn(mute=[["relu1", 1]])))
    weights = arrays["full1.weight"].reshape(2, 4, -1)
    assert (weights[:, 1] == 0).all()
    assert (weights[:, 0] != 0).any()
    assert head["parameters_sha256"] != before["parameters_sha256"]
    net = room.teacher.net
    assert net is not None
    assert (net.parameters["full1.weight"].reshape(2, 4, -1)[:, 1] != 0).any()
    again, _ = parsed(room.ask("POST", "/api/answer", drawn(mute=[])))
    assert again["logits"] == before["logits"]
    for wrong in ([["relu1", 4]], [["full1", 0]], [["x", 0]], "relu1", [1], [["relu1", True]]):
        assert room.ask("POST", "/api/answer", drawn(mute=wrong))[0] == 422


def test_muted_map_of_a_convolution_before_another() -> None:
    net = Network("conv 3 3, relu, conv 2 3, relu, full", (1, 9, 9), 2)
    copy = muted(net, (("relu1", 2),))
    assert (copy.parameters["conv2.weight"][:, 2] == 0).all()
    assert (copy.parameters["conv2.weight"][:, :2] == net.parameters["conv2.weight"][:, :2]).all()


def test_curves_are_those_of_the_report(room: Room) -> None:
    walk = asked(room)["walk"]
    reasons, _ = parsed(room.ask("POST", "/api/mattered", {"walk": walk}))
    _, found = room.ask("POST", "/api/curves", {"walk": walk})
    assert found["curves"] == reasons["robustness"]


def test_doubt_is_measured_on_samples_that_a_net_never_saw() -> None:
    confidence = np.linspace(0.505, 0.9999, 100)
    probabilities = np.stack([confidence, 1 - confidence], axis=1).astype(np.float32)
    labels = np.r_[1, 1, np.zeros(98, np.int64)]
    held_out = HeldOut(1, ("a", "b"), [str(row) for row in range(100)], labels, probabilities)
    doubt = held_out.doubt()
    assert doubt is not None
    assert doubt["threshold"] == probabilities[1, 0]
    assert doubt["coverage"] == 0.99
    assert doubt["right"] == pytest.approx(98 / 99)
    few = HeldOut(1, ("a", "b"), held_out.ids[:20], labels[:20], probabilities[:20])
    assert few.doubt() is None


def test_answer_says_which_part_of_the_picture_the_input_shows(room: Room) -> None:
    head = asked(room)
    left, top, right, bottom = head["source"]["box"]
    assert head["source"]["size"] == [112, 112]
    # The ink of the line, from (18, 90) to (83, 20) with a width of 6, with its margin around it.
    assert left < 15 < 86 < right
    assert top < 17 < 93 < bottom
    assert right - left == pytest.approx(bottom - top, rel=0.05)
