"""The teacher of the app: what it teaches after a change, and what it says meanwhile."""

from __future__ import annotations

import errno
import os
import queue
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import piecewise as pw
from piecewise import DataError
from piecewise.app import teaching
from piecewise.app.attempts import Attempts
from piecewise.app.project import Project
from piecewise.app.project_files import OWN
from piecewise.app.sketch import sketch_config
from piecewise.app.strokes import checked_drawing
from piecewise.app.teaching import Teacher
from piecewise.training.defaults import TrainingConfig

LAYERS = "conv 4 5 stride=2, relu, pool 2, full"
PATIENCE = 120
"""Seconds until a test gives up waiting for news."""


class Classroom:
    """A project of slanted lines with its teacher, and the news."""

    def __init__(self, folder: Path, each: int = 8) -> None:
        self.project = Project(folder)
        self.news: queue.Queue[dict[str, Any]] = queue.Queue()
        for name in ("up", "down"):
            self.project.add_class(name)
            for number in range(each):
                self.draw(name, number)
        self.project.set_settings(layers=LAYERS, recipe={"epochs": 2})
        self.teacher = Teacher(self.project, self.news.put)

    def draw(self, name: str, number: int) -> None:
        high, low = (90, 20) if name == "up" else (20, 90)
        line = [[[15 + number, high], [80 + number, low]]]
        self.project.add_drawing(name, "train", checked_drawing(line, 6))

    def wait_for(self, kind: str, **values: Any) -> dict[str, Any]:
        """The next piece of news of a kind with these values."""
        while True:
            news = self.news.get(timeout=PATIENCE)
            assert news["type"] != "failed" or kind == "failed", news
            if news["type"] == kind and values.items() <= news.items():
                return news

    def close(self) -> None:
        self.teacher.close()
        self.project.close()


@pytest.fixture
def classroom(tmp_path: Path) -> Iterator[Classroom]:
    room = Classroom(tmp_path)
    yield room
    room.close()


def test_change_teaches_a_net_and_then_scores_it(classroom: Classroom) -> None:
    classroom.teacher.changed()
    taught = classroom.wait_for("taught")
    assert taught["samples"] == 16
    assert len(taught["losses"]) == 2
    net = classroom.teacher.net
    assert net is not None
    assert net.classes == ("down", "up")
    news = classroom.wait_for("score", done=5)
    assert (news["of"], news["n"]) == (5, 16)
    score = news["score"]
    assert 0 <= score["low"] <= score["right"] / 16 <= score["high"] <= 1
    assert classroom.teacher.attempts.get(1).score == score


def test_sketch_is_the_net_that_training_gives(classroom: Classroom, tmp_path: Path) -> None:
    classroom.teacher.changed()
    classroom.wait_for("taught")
    net, attempt = classroom.teacher.net, classroom.teacher.attempt
    assert net is not None
    assert attempt is not None
    data = pw.read_data(tmp_path, net.preprocessor)
    other = pw.Network(attempt.layers, net.input, data.classes, net.seed, net.preprocessor)
    pw.train(other, *data.subset("train"), pw.Recipe(**attempt.recipe))
    assert other.parameters_sha256 == net.parameters_sha256 == attempt.parameters_sha256


def test_equal_changes_are_one_attempt_and_another_knob_is_a_new_one(classroom: Classroom) -> None:
    classroom.teacher.changed()
    first = classroom.wait_for("taught")
    classroom.teacher.changed()
    assert classroom.wait_for("taught")["attempt"] == first["attempt"]
    classroom.project.set_settings(recipe={"epochs": 3})
    classroom.teacher.changed()
    assert classroom.wait_for("taught")["attempt"] == first["attempt"] + 1


def test_attempt_that_is_used_answers_and_gives_its_knobs_back(classroom: Classroom) -> None:
    classroom.teacher.changed()
    classroom.wait_for("taught")
    classroom.project.set_settings(recipe={"epochs": 3})
    classroom.teacher.changed()
    classroom.wait_for("taught", attempt=2)
    classroom.teacher.use(1)
    net = classroom.teacher.net
    assert net is not None
    assert net.parameters_sha256 == classroom.teacher.attempts.get(1).parameters_sha256
    assert classroom.project.settings["recipe"]["epochs"] == 2
    with pytest.raises(DataError, match="none of the number 9"):
        classroom.teacher.use(9)


def test_too_few_samples_are_counted(tmp_path: Path) -> None:
    room = Classroom(tmp_path, each=3)
    try:
        room.teacher.changed()
        assert room.wait_for("waiting")["message"] == (
            "2 more of down and 2 more of up, and it can learn."
        )
        room.project.add_class("left")
        assert teaching.missing(room.project) == (
            "2 more of down, 5 more of left and 2 more of up, and it can learn."
        )
        assert room.teacher.net is None
    finally:
        room.close()


def test_wrong_knob_keeps_the_last_net_and_names_the_knob(classroom: Classroom) -> None:
    classroom.teacher.changed()
    classroom.wait_for("taught")
    net = classroom.teacher.net
    classroom.project.set_settings(layers="conv 4 99, full")
    classroom.teacher.changed()
    assert "the kernel, 99x99" in classroom.wait_for("failed")["message"]
    assert classroom.teacher.net is net


def test_net_is_there_again_after_a_restart(classroom: Classroom, tmp_path: Path) -> None:
    classroom.teacher.changed()
    classroom.wait_for("score", done=5)
    net = classroom.teacher.net
    assert net is not None
    classroom.close()
    project = Project(tmp_path)
    teacher = Teacher(project, lambda news: None)
    assert teacher.net is not None
    assert teacher.net.parameters_sha256 == net.parameters_sha256
    teacher.close()
    project.close()


def test_file_that_cannot_be_read_is_named_and_left_out(
    classroom: Classroom, tmp_path: Path
) -> None:
    classroom.teacher.changed()
    classroom.wait_for("taught")
    (tmp_path / "train" / "up" / "0099.png").write_bytes(b"no picture")
    classroom.draw("up", 9)
    classroom.teacher.changed()
    assert "0099.png" in classroom.wait_for("problems")["messages"][0]
    assert classroom.wait_for("taught")["samples"] == 17
    assert classroom.teacher.unread[0].startswith("train/up/0099.png: ")
    (tmp_path / "train" / "up" / "0099.png").unlink()
    classroom.draw("up", 8)
    classroom.teacher.changed()
    assert classroom.wait_for("problems")["messages"] == []  # it is gone
    assert classroom.wait_for("taught")["samples"] == 18
    assert classroom.teacher.unread == []


def test_damaged_attempts_are_left_out(classroom: Classroom, tmp_path: Path) -> None:
    classroom.teacher.changed()
    classroom.wait_for("taught")
    with (tmp_path / OWN / "attempts.jsonl").open("a") as file:
        file.write('{"number": 2}\n[[[\n{"number": "x"}\n')
    attempts = Attempts(tmp_path)
    assert [one.number for one in attempts.list()] == [1]
    (tmp_path / OWN / "nets" / "0001.safetensors").write_bytes(b"damaged")
    assert Attempts(tmp_path).latest() is None


def test_stop_keeps_the_net(classroom: Classroom) -> None:
    classroom.teacher.changed()
    classroom.wait_for("taught")
    net = classroom.teacher.net
    classroom.teacher.changed()
    classroom.teacher.stop()
    classroom.wait_for("stopped")
    assert classroom.teacher.net is net


def test_stop_in_the_score_keeps_the_net_and_the_folds_that_are_measured(
    classroom: Classroom,
) -> None:
    heard: list[dict[str, Any]] = []

    def stop_after_two_folds(news: dict[str, Any]) -> None:
        heard.append(news)
        classroom.news.put(news)
        if news["type"] == "score" and news["done"] == 2:
            classroom.teacher.stop()

    classroom.teacher._publish = stop_after_two_folds
    classroom.teacher.changed()
    stopped = classroom.wait_for("stopped")
    assert (stopped["attempt"], stopped["partial"]) == (1, True)
    assert (stopped["score"]["done"], stopped["score"]["of"]) == (2, 5)
    net = classroom.teacher.net
    classroom.teacher._publish = heard.append
    classroom.teacher.close()
    assert [one["done"] for one in heard if one["type"] == "score"] == [1, 2]
    assert heard[-1]["type"] == "stopped"
    assert net is not None
    assert classroom.teacher.state() == stopped
    assert classroom.teacher.attempts.get(1).score == stopped["score"]
    assert classroom.teacher.attempts.net(1).parameters_sha256 == net.parameters_sha256


def test_stop_in_the_sketch_publishes_nothing_after_it(classroom: Classroom) -> None:
    heard: list[dict[str, Any]] = []

    def stop_at_once(news: dict[str, Any]) -> None:
        heard.append(news)
        classroom.news.put(news)
        if news["type"] == "teaching":
            classroom.teacher.stop()

    classroom.teacher._publish = stop_at_once
    classroom.teacher.changed()
    assert classroom.wait_for("stopped")["score"] is None
    classroom.teacher.close()
    assert [one["type"] for one in heard] == ["teaching", "stopped"]
    assert classroom.teacher.net is None
    assert not classroom.teacher.attempts.list()


def test_change_after_a_stop_is_taught(classroom: Classroom) -> None:
    classroom.teacher.changed()
    classroom.teacher.stop()
    classroom.wait_for("stopped")
    classroom.teacher.changed()
    assert classroom.wait_for("score", done=5)["attempt"] == 1


def test_message_about_diverged_training_and_the_net_stays(classroom: Classroom) -> None:
    classroom.teacher.changed()
    classroom.wait_for("score", done=5)
    net, held_out = classroom.teacher.net, classroom.teacher.held_out
    classroom.project.set_settings(recipe={"epochs": 2, "learning_rate": 1000.0})
    classroom.teacher.changed()
    assert "try a learning rate below 1000" in classroom.wait_for("failed")["message"]
    assert classroom.teacher.net is net
    assert classroom.teacher.held_out is held_out
    assert len(classroom.teacher.attempts.list()) == 1


def test_default_rate_that_diverges_is_lowered(
    classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_fast(*values: Any) -> TrainingConfig:
        config = sketch_config(*values)
        return replace(config, recipe=replace(config.recipe, learning_rate=1000.0))

    monkeypatch.setattr(teaching, "sketch_config", too_fast)
    classroom.teacher.changed()
    taught = classroom.wait_for("taught")
    recipe = classroom.teacher.attempts.get(1).recipe
    assert recipe["learning_rate"] in (250, 62.5, 15.625)
    assert len(taught["losses"]) == recipe["epochs"]
    assert classroom.wait_for("score", done=5)["n"] == 16


def test_net_that_cannot_be_saved_answers_from_memory(
    classroom: Classroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    classroom.teacher.changed()
    taught = classroom.wait_for("taught")
    assert "No space left" in taught["problem"]
    assert classroom.wait_for("score", done=5)["attempt"] == 1
    net = classroom.teacher.net
    assert net is not None
    assert classroom.teacher.attempts.net(1) is net
    monkeypatch.undo()
    classroom.project.set_settings(recipe={"epochs": 3})
    classroom.teacher.changed()
    assert classroom.wait_for("taught", attempt=2)["problem"] == ""
    assert [one.number for one in Attempts(tmp_path).list()] == [1, 2]
    assert Attempts(tmp_path).net(2).parameters_sha256 != net.parameters_sha256


def test_fault_in_a_training_is_named_and_the_next_change_is_taught(
    classroom: Classroom, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> TrainingConfig:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(teaching, "sketch_config", broken)
    classroom.teacher.changed()
    assert "ZeroDivisionError: a fault" in classroom.wait_for("failed")["message"]
    monkeypatch.undo()
    classroom.teacher.changed()
    assert classroom.wait_for("taught")["attempt"] == 1
    assert "ZeroDivisionError: a fault" in capsys.readouterr().err


def restarted(room: Classroom) -> Teacher:
    """The teacher of a program that is started again."""
    room.teacher.close()
    room.teacher = Teacher(room.project, room.news.put)
    return room.teacher


def test_answers_of_the_score_are_there_after_a_restart(classroom: Classroom) -> None:
    classroom.teacher.changed()
    score = classroom.wait_for("score", done=5)
    before = classroom.teacher.held_out
    assert before is not None
    teacher = restarted(classroom)
    assert teacher.state() == score
    assert teacher.held_out is not None
    assert teacher.held_out.to_json() == before.to_json()
    np.testing.assert_array_equal(teacher.held_out.probabilities, before.probabilities)


@pytest.mark.parametrize("content", [b"{}", b"x", b'{"classes": ["a"], "ids": ["b"], '
                                     b'"labels": [7], "probabilities": [[1]]}'])  # fmt: skip
def test_damaged_answers_of_the_score_are_measured_again(
    classroom: Classroom, content: bytes
) -> None:
    classroom.teacher.changed()
    score = classroom.wait_for("score", done=5)
    before = classroom.teacher.held_out
    assert before is not None
    [file] = (classroom.project.root / OWN / "answers").iterdir()
    file.write_bytes(content)
    teacher = restarted(classroom)
    while (held_out := teacher.held_out) is None or len(held_out.ids) < len(before.ids):
        assert classroom.wait_for("score")["score"] == score["score"]  # a whole score stays
    assert held_out.to_json() == before.to_json()
    assert len(teacher.attempts.list()) == 1


def test_answers_of_other_samples_are_not_those_of_the_net(classroom: Classroom) -> None:
    classroom.teacher.changed()
    classroom.wait_for("score", done=5)
    classroom.teacher.close()
    classroom.draw("up", 9)
    teacher = classroom.teacher = Teacher(classroom.project, classroom.news.put)
    assert teacher.held_out is None
    assert teacher.state()["type"] == "waiting"


def test_attempt_that_is_used_answers_after_a_restart(classroom: Classroom) -> None:
    classroom.teacher.changed()
    classroom.wait_for("score", done=5)
    classroom.project.set_settings(recipe={"epochs": 3})
    classroom.teacher.changed()
    classroom.wait_for("score", done=5, attempt=2)
    classroom.teacher.use(1)
    attempt = restarted(classroom).attempt
    assert attempt is not None
    assert attempt.number == 1
    (classroom.project.root / OWN / "chosen.json").write_text('{"attempt": "x"}')
    attempt = restarted(classroom).attempt
    assert attempt is not None
    assert attempt.number == 2
    classroom.teacher.use(1)
    classroom.project.set_settings(recipe={"epochs": 4})
    classroom.teacher.changed()
    classroom.wait_for("taught", attempt=3)
    attempt = restarted(classroom).attempt
    assert attempt is not None
    assert attempt.number == 3
