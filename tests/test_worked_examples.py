"""Worked examples of the lessons: what is calculated, what is left to the learner, and tries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piecewise.data.xo import FEATURES
from piecewise.lessons import net_quantities as nets
from piecewise.lessons.learner import Learner, generated_learner
from piecewise.lessons.questions import Draw
from piecewise.lessons.worked_examples import EXAMPLES, STAGES

pytest.importorskip("starlette", reason="the app's server is an extra")

from .app_room import Room


@pytest.fixture(scope="module")
def learner() -> Learner:
    return generated_learner(0)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = Room(tmp_path / "project")
    yield opened
    opened.close()


@pytest.mark.parametrize("seed", range(12))
def test_cell_is_the_mean_of_its_products(learner: Learner, seed: int) -> None:
    example = EXAMPLES["worked_cell"](learner, 3, Draw(seed))
    patch, feature = (np.array(example.planes[name]) for name in ("patch", "feature"))
    *products, total, match = (float(step.value) for step in example.steps)
    assert products == (patch * feature).ravel().tolist()
    assert total == (patch * feature).sum()
    assert match == pytest.approx((patch * feature).mean())
    assert any((feature == one).all() for one in FEATURES.values())
    ink = nets.ink_pixels(learner.drawings[0])
    windows = np.lib.stride_tricks.sliding_window_view(ink * 2 - 1, (3, 3)).reshape(-1, 3, 3)
    assert any((patch == one).all() for one in windows)


@pytest.mark.parametrize("seed", range(12))
def test_cell_of_a_learned_kernel_is_that_of_the_net_up_to_rounding(
    learner: Learner, seed: int
) -> None:
    example = EXAMPLES["worked_cell"](learner, STAGES - 1, Draw(seed))
    found = re.search(r"Kernel (\d) of .* rows (\d) to \d, columns (\d) to", example.text)
    assert found
    walk = nets.walk(learner.small, learner.drawings[0])
    feature, row, column = (int(one) - 1 for one in found.groups())
    value, rounding = float(example.steps[-1].value), example.steps[-1].tolerance
    assert value == pytest.approx(walk["conv1"][feature, row, column], abs=2 * rounding)
    patch, kernel = (np.array(example.planes[name], float) for name in ("patch", "kernel"))
    np.testing.assert_allclose(
        patch, walk["input"][0, row : row + 3, column : column + 3], atol=0.005
    )
    np.testing.assert_allclose(
        kernel, learner.small.parameters["conv1.weight"][feature, 0], atol=0.005
    )
    exact = (patch * kernel).ravel()
    for step, number in zip(example.steps, exact.tolist(), strict=False):
        assert step.is_right(number)
    assert example.steps[-2].is_right(exact.sum())  # without rounding in between


@pytest.mark.parametrize("seed", range(12))
def test_terms_of_a_kernel_weight_add_up_to_its_gradient(learner: Learner, seed: int) -> None:
    example = EXAMPLES["error_table"](learner, STAGES - 1, Draw(seed))
    found = re.search(r"Kernel (\d) .* drawing (\d+)\. .* row (\d), column (\d) ", example.text)
    assert found
    kernel, drawing, row, column = (int(one) - 1 for one in found.groups())
    one = learner.drawings[drawing]
    inputs = one.pixels[None]
    gradient = learner.first.numerical_gradients(inputs, [one.label])[1]["conv1.weight"]
    terms = [
        float(a) * float(b) for a, b in re.findall(r"(-?\d\.\d\d) x (-?\d\.\d\d)", example.text)
    ]
    assert sum(terms) == pytest.approx(
        gradient[kernel, 0, row, column], abs=0.01 * len(terms) + 0.01
    )
    largest, sign = example.steps
    assert abs(float(largest.value)) == pytest.approx(max(map(abs, terms)), abs=0.005)
    assert sign.value == np.sign(gradient[kernel, 0, row, column])


def test_cell_of_a_drawing_with_scattered_ink_is_asked(learner: Learner) -> None:
    scattered = np.zeros_like(learner.data.inputs)
    scattered[:, 0, ::4, ::4] = 255
    sparse = replace(learner, data=replace(learner.data, inputs=scattered))
    for stage in (0, STAGES - 1):
        assert EXAMPLES["worked_cell"](sparse, stage, Draw(stage)).steps


WEIGHT = re.compile(r"value (\d+) for (\w+) is (\S+)\. .* of class (\w+), .* is (\S+), the right")


@pytest.mark.parametrize("seed", range(12))
def test_gradient_is_that_of_backpropagation(learner: Learner, seed: int) -> None:
    example = EXAMPLES["error_table"](learner, 3, Draw(seed))
    found = WEIGHT.search(example.text)
    assert found
    neuron, at = learner.classes.index(found[2]) + 1, int(found[1])
    drawings = [one for one in learner.drawings if learner.classes[one.label] == found[4]]
    place = learner.first, "full1.weight", neuron, at
    gradients = [nets.gradient(place[0], one, *place[1:]) for one in drawings]
    _, gradient, weight = (float(step.value) for step in example.steps)
    nearest = min(gradients, key=lambda one: abs(one - gradient))
    assert nearest == pytest.approx(gradient, abs=0.02)
    assert weight == pytest.approx(nets.voting_weight(*place) - 0.1 * nearest, abs=0.01)


@pytest.mark.parametrize("part", EXAMPLES)
def test_steps_disappear_from_the_end(learner: Learner, part: str) -> None:
    missing = [EXAMPLES[part](learner, stage, Draw(stage)).missing for stage in range(STAGES)]
    assert missing[0] == 0
    assert missing[:-1] == sorted(set(missing[:-1]))
    for stage in range(STAGES):
        example = EXAMPLES[part](learner, stage, Draw(stage))
        assert list(example.asked) == list(example.steps)[len(example.steps) - missing[stage] :]
    assert list(example.asked) == list(example.steps)


def got(room: Room, method: str, path: str, **values: Any) -> Any:
    status, answer = room.ask(method, path, values)
    assert status == 200, answer
    return answer


def test_missing_steps_are_sent_after_two_tries(room: Room) -> None:
    path = "/api/learn/errors/example"
    stage = got(room, "GET", f"{path}?stage=2")
    assert [one["value"] for one in stage["steps"]] == [None, None]
    assert [one["work"] for one in stage["steps"]] == ["", ""]
    once = got(room, "POST", path, stage=2, answers=["9", "9"])
    assert (once["rights"], once["is_shown"]) == ([False, False], False)
    twice = got(room, "POST", path, stage=2, answers=["8", "9"])
    assert (twice["is_right"], twice["is_shown"]) == (False, True)
    values = [one["value"] for one in twice["steps"]]
    assert None not in values
    late = got(room, "POST", path, stage=2, answers=values)
    assert late["answers"] == ["8", "9"]  # it was shown before
    other = got(room, "GET", f"{path}?stage=2&number=1")
    assert other["text"] != stage["text"]


def test_right_steps_end_a_stage(room: Room) -> None:
    path, text = "/api/learn/filtering/example", "?stage=1"
    found = got(room, "GET", path + text)
    total = float(found["steps"][-2]["value"])
    said = got(room, "POST", path, stage=1, answers=[f"{total / 9:.2f}"])
    assert (said["rights"], said["is_right"], said["is_shown"]) == ([True], True, True)
    assert got(room, "GET", path + text) == said


@pytest.mark.parametrize(
    ("path", "values", "status"),
    [("errors", {"stage": 1, "answers": []}, 400), ("errors", {"stage": 5, "answers": []}, 400),
     ("errors", {"stage": 1, "answers": ["x"]}, 400), ("votes", {"answers": []}, 404),
     ("none", {"answers": []}, 404)],
)  # fmt: skip
def test_wrong_answers_to_examples_are_refused(
    room: Room, path: str, values: dict[str, Any], status: int
) -> None:
    assert room.ask("POST", f"/api/learn/{path}/example", values)[0] == status
