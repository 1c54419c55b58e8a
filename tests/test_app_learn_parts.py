"""The parts of lessons without a page: the small net, errors, trials and shuffled samples."""

from __future__ import annotations

import base64
import copy
import io
import json
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import piecewise as pw

pytest.importorskip("starlette", reason="the app's server is an extra")

from piecewise import Network
from piecewise.app.examples import add_example
from piecewise.app.project import Project
from piecewise.data.audio.decoding import read_sound
from piecewise.lessons import net_quantities as nets
from piecewise.lessons.descent import FACTORS
from piecewise.lessons.feature_matches import best_match
from piecewise.lessons.knob_trial import knob_trial
from piecewise.lessons.learner import project_learner
from piecewise.lessons.order_trial import TRIALS

from .app_room import Room, got, room

__all__ = ["room"]


def small_walk(room: Room, **values: Any) -> dict[str, Any]:
    """The head of an answer of the small net, with its arrays."""
    answer = got(room, "POST", "/api/small-net/walk", **values)
    length = int.from_bytes(answer[:4], "little")
    head: dict[str, Any] = json.loads(answer[4 : 4 + length])
    numbers, start = np.frombuffer(answer, "<f4", offset=4 + length), 0
    for name, shape in head["arrays"]["shapes"].items():
        head[name] = numbers[start : start + int(np.prod(shape))].reshape(shape)
        start += head[name].size
    return head


def test_moved_and_flipped_drawing_is_walked_as_by_the_library(room: Room) -> None:
    own = project_learner(room.project.root)
    head = small_walk(room, drawing=1, down=1, right=-2, flipped=[[0, 0]])
    moved = nets.shifted_drawing(own.drawings[1], 1, -2)
    pixels = moved.pixels.copy()
    pixels[0, 0, 0] = 255 - moved.paper
    walk = own.small.walk(pixels)
    for layer in ("input", "conv1", "pool2", "full1"):
        np.testing.assert_array_equal(head[f"activation {layer}"], walk[layer])
    before = own.small.walk(own.drawings[1].pixels)
    assert head["changed"]["pool2"] == int((before["pool2"] != walk["pool2"]).sum()) > 0
    assert head["shared_ink"] == nets.shared_ink(own.drawings[1], 1, -2)
    assert head["ink"] == nets.ink(moved) + 1 == int(np.sum(head["pixels"]))
    why = got(room, "POST", "/api/why", walk=head["walk"], position=["conv1", 2, 3, 4])
    assert why["value"] == walk.why("conv1", 2, 3, 4).value


def test_muted_map_does_not_vote(room: Room) -> None:
    own = project_learner(room.project.root)
    muted = small_walk(room, mute=[["pool2", 1]])
    ledger = own.small.walk(own.drawings[0].pixels).ledger(0)
    assert muted["activation full1"][0] == pytest.approx(nets.without_map(ledger, 2), abs=1e-5)
    assert muted["parameters_sha256"] != own.small.parameters_sha256


def test_features_are_placed_and_kernels_are_those_of_both_nets(room: Room) -> None:
    own = project_learner(room.project.root)
    said = got(room, "POST", "/api/small-net/features", drawing=3)
    assert list(said["features"]) == list(said["agreeing"]) == ["\\", "x", "/"]
    pixels = np.array(said["pixels"])
    assert (pixels == nets.ink_pixels(own.drawings[3])).all()
    for name, feature in said["features"].items():
        count = np.array(said["agreeing"][name])
        assert count.shape == (7, 7)
        assert count[2, 4] == (pixels[2:5, 4:7] == np.array(feature)).sum()
        assert best_match(own.drawings[3], name) == (2 * count.max() - 9) / 9
    for name, net in (("first", own.first), ("small", own.small)):
        kernels = np.array(said["kernels"][name], float)
        np.testing.assert_allclose(kernels, net.parameters["conv1.weight"][:, 0], atol=0.005)


def test_errors_of_the_slide_are_compared_and_those_of_drawings_added_up(room: Room) -> None:
    own = project_learner(room.project.root)
    said = got(room, "POST", "/api/small-net/errors")
    assert [(row["slide"], row["error"], row["is_wrong"]) for row in said["slide"]] == [
        ("0.08", "0.08", False), ("0.49", "0.51", True), ("0.57", "0.59", True)
    ]  # fmt: skip
    assert [row["right"] for row in said["slide"]] == ["1", "0", ""]
    table = pw.error_table(own.first, own.data.inputs, own.data.labels)
    assert said["totals"]["first"] == f"{table.total:.2f}"
    assert float(said["totals"]["small"]) < table.total / 2
    assert [row["first"]["error"] for row in said["drawings"]] == [
        f"{error:.2f}" for error in table.totals
    ]
    assert said["drawings"][0]["label"] == own.classes[own.drawings[0].label]


def test_nudge_is_that_of_the_library(room: Room) -> None:
    own = project_learner(room.project.root)
    drawing, place = own.drawings[0], ("full1.weight", 2, 4)
    said = got(room, "POST", "/api/small-net/nudge", drawing=0, row=1, column=3)
    assert said["value"] == nets.voting_weight(own.first, *place)
    assert said["gradient"] == pytest.approx(nets.gradient(own.first, drawing, *place), abs=1e-6)
    assert said["n"] == 1


def test_nudge_begins_with_the_largest_loss_and_the_largest_value(room: Room) -> None:
    own = project_learner(room.project.root)
    said = got(room, "POST", "/api/small-net/nudge")
    losses = [nets.loss(own.first, one) for one in own.drawings]
    assert said["drawing"] == losses.index(max(losses))
    assert said["losses"][len(said["losses"]) // 2] == pytest.approx(max(losses), abs=1e-6)
    values = own.first.walk(own.drawings[said["drawing"]].pixels)["pool2"].ravel()
    assert said["index"] == [0, int(values.argmax())]
    assert values.max() > 0


def test_steps_are_those_of_all_drawings_and_the_long_one_raises_their_loss(room: Room) -> None:
    own = project_learner(room.project.root)
    net, losses = copy.deepcopy(own.first), list[float]()
    for _ in range(3):
        loss, gradients = net.gradients(own.data.inputs, own.data.labels)
        losses.append(loss)
        for name, gradient in gradients.items():
            net.parameters[name] = net.parameters[name] - np.float32(0.1) * gradient
    said = got(room, "POST", "/api/small-net/nudge", steps=2)
    assert [one["loss"] for one in said["steps"]] == pytest.approx(losses, rel=1e-5)
    assert losses[2] < losses[1] < losses[0]
    mean = np.mean([nets.loss(own.first, one) for one in own.drawings])
    assert losses[0] == pytest.approx(mean, rel=1e-5)
    factor = said["factor"]
    assert factor in FACTORS
    for rate in [one for one in FACTORS if one <= factor]:
        long = got(room, "POST", "/api/small-net/nudge", steps=1, rate=rate)["steps"]
        assert (long[1]["loss"] >= 1.1 * long[0]["loss"]) is (rate == factor)


@pytest.mark.parametrize(
    ("values", "status"),
    [({"flipped": [[9, 0]]}, 422), ({"flipped": [[True, 0]]}, 422), ({"flipped": {}}, 422),
     ({"drawing": 12}, 404), ({"down": 9}, 400), ({"mute": [["pool2", 3]]}, 422),
     ({"net": "large"}, 400)],
)  # fmt: skip
def test_wrong_questions_about_the_small_net_are_refused(
    room: Room, values: dict[str, Any], status: int
) -> None:
    assert room.ask("POST", "/api/small-net/walk", values)[0] == status


def test_knob_is_scored_on_drawings_that_nets_never_saw(room: Room) -> None:
    own = project_learner(room.project.root)
    said = got(room, "POST", "/api/small-net/knob", kernels=6, poolings=1)
    net = Network("conv 6 3, relu, pool 2, full", (1, 9, 9), own.classes)
    assert said["layers"] == net.notation
    assert said["parameters"] == net.architecture.parameter_count
    assert (said["right"], said["drawings"]) == (12, 12)  # slanted lines are easy
    shuffled = replace(own, data=replace(own.data, labels=np.arange(12) % 2))
    assert knob_trial(shuffled, 3, 3, 2).right < 12


def test_columns_of_a_drawing_are_shuffled_and_the_net_is_asked_again(room: Room) -> None:
    own = project_learner(room.project.root)
    said = got(room, "POST", "/api/small-net/shuffle", sample=2)
    before = nets.ink_pixels(own.drawings[2]).astype(int)
    assert said["before"]["pixels"] == before.tolist()
    assert sorted(said["order"]) == list(range(1, 10)) != said["order"]
    columns = np.array(said["order"]) - 1
    assert said["after"]["pixels"] == before[:, columns].tolist()
    walk = own.small.walk(own.drawings[2].pixels[..., columns])
    answer = int(walk.probabilities.argmax())
    assert said["after"]["answer"] == own.classes[answer]
    assert said["after"]["probability"] == float(walk.probabilities[answer])
    answers = own.small.logits(own.data.inputs[..., columns].copy()).argmax(axis=1)
    assert said["shuffled_right"] == int((answers == own.data.labels).sum())
    assert (said["is_own"], said["count"], said["right"]) == (True, 12, 12)


def test_a_drawn_project_hears_computed_sounds_and_reads_computed_texts(room: Room) -> None:
    said = got(room, "POST", "/api/small-net/shuffle", kind="sounds")
    assert (said["is_own"], said["label"]) == (False, "rising")
    before, after = (wave_of(said[name]["sound"]) for name in ("before", "after"))
    assert len(before) == len(after) > 4_000
    pieces = before.reshape(9, -1)
    assert (after.reshape(9, -1) == pieces[np.array(said["order"]) - 1]).all()
    assert np.abs(before).max() > 1_000
    said = got(room, "POST", "/api/small-net/shuffle", kind="texts", sample=3)
    words = said["before"]["words"]
    assert "can you" in " ".join(words)
    assert said["label"] == "question"
    assert said["after"]["words"] == [*words[::3], *words[1::3], *words[2::3]] != words


def wave_of(address: str) -> Any:
    """The samples of a WAV file in a data address."""
    content = base64.b64decode(address.split(",")[1])
    with wave.open(io.BytesIO(content)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


@pytest.mark.parametrize("kind", ["sounds", "texts"])
def test_samples_of_a_spoken_or_typed_project_are_its_own(tmp_path: Path, kind: str) -> None:
    add_example(project := Project(tmp_path / "project"), kind)
    project.close()
    opened = Room(tmp_path / "project", 0)
    said = got(opened, "POST", "/api/small-net/shuffle", kind=kind, sample=1)
    assert said["is_own"]
    own = project_learner(opened.project.root)
    assert said["label"] == own.classes[own.drawings[1].label]
    if kind == "sounds":
        played = wave_of(said["before"]["sound"])
        original = read_sound(Path(own.data.names[1])).samples * 32_768
        longest = np.correlate(played.astype(float), original.astype(float)).max()
        assert longest == pytest.approx((original**2).sum(), rel=0.01)  # the tone is heard
    else:
        assert len(said["before"]["words"]) >= 3
        assert set(said["before"]["words"]) & set(own.words)
    trial = got(opened, "POST", "/api/small-net/order")
    assert trial["n"] == 80
    opened.close()


def test_trial_of_few_samples_has_fewer_rounds(room: Room) -> None:
    got(room, "GET", "/api/learn")
    ids = room.project.ids("train", "up")
    room.project.move(ids[:2], None, "test")
    answer = got(room, "POST", "/api/small-net/order")
    assert (answer["n"], answer["rounds"]) == (len(ids) - 2 + 6, 4)


def test_nets_are_tried_with_both_orders(room: Room) -> None:
    own = project_learner(room.project.root)
    test = pw.shuffle_test(own.data)
    said = got(room, "POST", "/api/small-net/order")
    assert (said["n"], said["verdict"], said["accuracy"]) == (12, test.verdict, test.accuracy)
    verdicts = {name: got(room, "POST", "/api/small-net/order", data=name)["verdict"]
                for name in TRIALS}  # fmt: skip
    assert verdicts == {
        "centered": "no difference", "table": "no difference", "tricky": "columns matter",
        "sounds": "columns matter", "texts": "columns matter",
    }  # fmt: skip
    assert room.ask("POST", "/api/small-net/order", {"data": "none"})[0] == 400
