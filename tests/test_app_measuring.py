"""Attempts that were not scored by folds: they are judged when a person asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from piecewise import Network
from piecewise.app.attempts import Attempt
from piecewise.app.failures import ConflictError

from .test_app_teaching import Classroom, classroom

__all__ = ["classroom"]


def test_attempt_of_another_training_is_judged_when_a_person_asks(
    classroom: Classroom, tmp_path: Path
) -> None:
    classroom.teacher.changed()
    classroom.wait_for("score", done=5)
    net = classroom.teacher.net
    assert net is not None
    longer = {**(net.recipe or {}), "epochs": 5}
    score = {"done": 1, "of": 1, "n": 4, "right": 3, "low": 0.2, "high": 0.9, "base": 0.5}
    attempts = classroom.teacher.attempts
    other = Network("full", net.input, net.classes, 3, net.preprocessor)
    facts: tuple[Any, ...] = (
        "full",
        longer,
        "",
        other.parameters_sha256,
        "thorough",
        16,
        1.0,
        [],
        score,
    )
    number = attempts.add(Attempt(0, *facts), other).number
    classroom.teacher.use(number)
    assert classroom.teacher.state()["type"] == "taught"
    classroom.teacher.measure()
    assert classroom.wait_for("score", done=0)["of"] == 5
    news = classroom.wait_for("score", done=5)
    assert (news["attempt"], news["n"], news["score"]) == (number, 16, score)
    held_out = classroom.teacher.held_out
    assert held_out is not None
    assert (held_out.attempt, len(held_out.ids)) == (number, 16)
    assert classroom.teacher.net is not None
    assert classroom.teacher.net.parameters_sha256 == other.parameters_sha256
    assert len(attempts.list()) == 2


@pytest.mark.parametrize(
    ("recipe", "size", "why"), [({}, 0, "recipe: "), ({"epochs": 2}, 4, "net: ")]
)
def test_net_that_cannot_be_trained_again_is_not_judged(
    classroom: Classroom, recipe: dict[str, Any], size: int, why: str
) -> None:
    classroom.teacher.changed()
    classroom.wait_for("score", done=5)
    net = classroom.teacher.net
    assert net is not None
    preprocessor: Any = net.preprocessor
    channels, rows, columns = preprocessor.shape
    shape = channels, rows + size, columns + size
    preprocessor = replace(preprocessor, shape=shape)
    other = Network("full", shape, net.classes, 3, preprocessor)
    facts: tuple[Any, ...] = ("full", recipe, "", other.parameters_sha256, "opened", 0, 0.0)
    attempt = classroom.teacher.attempts.add(Attempt(0, *facts), other)
    classroom.teacher.use(attempt.number)
    with pytest.raises(ConflictError, match=f"^{why}"):
        classroom.teacher.measure()


def test_score_of_an_equal_net_is_published_again(classroom: Classroom) -> None:
    classroom.teacher.changed()
    first = classroom.wait_for("score", done=5)
    classroom.teacher.changed()  # nothing was
    assert classroom.wait_for("taught")["attempt"] == first["attempt"]
    assert classroom.wait_for("score") == first


def test_attempt_that_is_used_brings_its_answers_back(classroom: Classroom) -> None:
    classroom.teacher.changed()
    classroom.wait_for("score", done=5)
    first = classroom.teacher.held_out
    classroom.project.set_settings(recipe={"epochs": 3})
    classroom.teacher.changed()
    classroom.wait_for("score", done=5, attempt=2)
    classroom.teacher.use(1)
    assert classroom.teacher.state()["type"] == "score"
    assert first is not None
    assert classroom.teacher.held_out is not None
    assert classroom.teacher.held_out.to_json() == first.to_json()
