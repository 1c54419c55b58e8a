"""The place Learn without a page: lessons of own drawings, predictions, checks, and their log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the app's server is an extra")

from piecewise.app.learn_log import LearnLog
from piecewise.app.learn_state import LearnState
from piecewise.app.lesson_pages import LessonPages
from piecewise.app.project import Project
from piecewise.app.project_files import OWN
from piecewise.app.teaching import Teacher
from piecewise.data.xo import FEATURES
from piecewise.lessons.answer_key import answer_key
from piecewise.lessons.catalog import LESSONS, lesson
from piecewise.lessons.feature_matches import best_match
from piecewise.lessons.learner import project_learner
from piecewise.lessons.net_quantities import ink, shared_ink
from piecewise.lessons.question_pools import POOLS
from piecewise.lessons.references import LessonError
from piecewise.lessons.typed_numbers import read_number

from .app_room import Room, got
from .steps import HANG

HIDDEN = ("result", "sentence", "reasons", "outcome", "checks")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = Room(tmp_path / "project")
    yield opened
    opened.close()


def committed(room: Room, name: str) -> Any:
    """A lesson after the learner said "I don't know"."""
    return got(room, "POST", f"/api/learn/{name}/prediction", answer=None)["committed"]


def test_lessons_are_those_of_own_drawings(room: Room) -> None:
    overview = got(room, "GET", "/api/learn")
    assert [one["lesson"] for one in overview["lessons"]] == list(LESSONS)
    own = project_learner(room.project.root)
    learner = overview["learner"]
    assert learner["why_generated"] == ""
    assert learner["classes"] == ["down", "up"]
    assert learner["drawings"] == 12
    assert learner["net"] == own.small.parameters_sha256
    page = got(room, "GET", "/api/learn/literal")
    ink = next(run for paragraph in page["intro"] for run in paragraph if "number" in run)
    assert ink["path"] == "x.ink"
    assert int(ink["number"]) == int(ink["exact"]) == np.sum(page["pixels"]) > 3
    assert got(room, "GET", "/api/learn/knobs")["pixels"] is None


@pytest.mark.parametrize("name", LESSONS)
def test_result_is_sent_after_the_prediction_only(room: Room, name: str) -> None:
    before = got(room, "GET", f"/api/learn/{name}?seed=3")
    assert before["committed"] is None
    assert not set(HIDDEN) & set(before)
    after = committed(room, name)
    assert after["answer"] is None
    assert {"number", "name"} & set(after["outcome"]["run"])
    assert all(after[kind] for kind in ("task", "result", "sentence", "play", "checks"))
    assert sorted(after["why"]) == ["chosen", "is_right", "reasons", "why_not", "words"]
    assert len(after["why"]["reasons"]) == 3


def said(cell: list[dict[str, str]]) -> str:
    """The text of a cell of a table."""
    return "".join(next(run[kind] for kind in ("text", "code", "name", "number") if kind in run)
                   for run in cell)  # fmt: skip


def test_matches_of_the_features_are_a_table(room: Room) -> None:
    own = project_learner(room.project.root)
    *_, table, _ = committed(room, "features")["result"]
    assert [[said(cell) for cell in row] for row in table["head"]] == [["drawing", "\\", "x", "/"]]
    own_rows = [[said(cell) for cell in row] for row in table["rows"][:2]]
    for number, row in enumerate(own_rows, 1):
        ninths = [f"{round(9 * best_match(own.drawing(number, 1), one))}/9" for one in FEATURES]
        assert row == [f"your {own.classes[number - 1]}", *ninths]
    assert [said(row[1]) for row in table["rows"][2:]] == ["9/9", "7/9"]
    assert [said(row[2]) for row in table["rows"][2:]] == ["9/9", "9/9"]


def test_first_prediction_stays(room: Room) -> None:
    path = "/api/learn/literal/prediction"
    assert got(room, "POST", path, answer="7")["committed"]["answer"] == "7"
    assert got(room, "POST", path, answer="8")["committed"]["answer"] == "7"
    assert got(room, "GET", "/api/learn")["lessons"][0]["is_begun"] is True


@pytest.mark.parametrize(
    ("name", "answer"),
    [("literal", "seven"), ("literal", ""), ("filtering", "3"), ("filtering", "0.5")],
)
def test_prediction_that_is_none_is_refused(room: Room, name: str, answer: str) -> None:
    status, error = room.ask("POST", f"/api/learn/{name}/prediction", {"answer": answer})
    assert (status, error["error"]["where"]) == (400, "answer")
    assert got(room, "GET", f"/api/learn/{name}")["committed"] is None


def test_interval_of_the_outcome_holds_the_value(room: Room) -> None:
    before = got(room, "GET", "/api/learn/filtering")["predict"]
    assert before["limits"] == ["0", "1"]
    outcome = committed(room, "filtering")["outcome"]
    value = float(outcome["run"]["exact"])
    assert outcome["index"] == (value > 0) + (value > 1)


def test_right_reason_is_known_by_its_text_not_by_its_position(room: Room) -> None:
    right = lesson("literal").of_kind("why")[0].items("* ")[0][2:]
    own = project_learner(room.project.root)
    objections = {
        "The net stores every drawing and looks it up.":
            f"It keeps {own.small.architecture.parameter_count} numbers, and no drawing.",
        "Moving changes nothing for a computer.":
            f"Only {shared_ink(own.drawing(1, 1), 0, 1)} of {ink(own.drawing(1, 1))} ink pixels "
            "still lie on ink.",
    }  # fmt: skip
    orders = set()
    for seed in range(6):
        reasons = got(room, "POST", "/api/learn/literal/prediction", answer=None, seed=seed)
        listed = reasons["committed"]["why"]["reasons"]
        orders.add(tuple(listed))
        assert seed or reasons["committed"]["why"]["why_not"] == ""  # nothing is chosen yet
        for choice, text in enumerate(listed):
            said = got(room, "POST", "/api/learn/literal/reason", choice=choice, seed=seed,
                       words="so")  # fmt: skip
            assert said["is_right"] is (text == right)
            assert said["why_not"] == objections.get(text, "")
            assert (said["chosen"], said["words"]) == (choice, "so")
    assert len(orders) > 1
    status, _ = room.ask("POST", "/api/learn/literal/reason", {"choice": 3})
    assert status == 400


def test_checks_ask_what_the_key_says(room: Room) -> None:
    own = project_learner(room.project.root)
    for row in answer_key([lesson(name) for name in LESSONS], "seat", own, 7):
        path = f"/api/learn/{row.lesson}/check"
        asked = got(room, "GET", f"{path}?check={row.check}&seed=7")
        assert asked["question"] == row.question
        assert "answer" not in asked
        said = got(room, "POST", path, check=row.check, seed=7, answer=row.answer[:20])
        assert said["is_right"], row
        assert said["work"]


def test_three_wrong_answers_solve_a_question(room: Room) -> None:
    committed(room, "literal")
    own = project_learner(room.project.root)
    row = next(answer_key([lesson("literal")], "seat", own, 0))
    wrong = row.wrong_answers.split(": ")
    path, check = "/api/learn/literal/check", {"check": row.check}
    said = got(room, "POST", path, **check, answer=wrong[0])
    assert said["tries"] == [{"answer": wrong[0], "is_right": False, "hint": wrong[1]}]
    assert said["is_solved"] is False
    got(room, "POST", path, **check, answer="1000")
    said = got(room, "POST", path, **check, answer="1001")
    assert said["is_solved"] is True
    assert said["is_right"] is False
    assert said["answer"] == row.answer
    again = got(room, "POST", path, **check, answer=row.answer)
    assert len(again["tries"]) == 3  # it is solved already
    another = got(room, "GET", f"{path}?check={row.check}&number=1")
    assert another["question"] != row.question
    assert another["tries"] == []


def test_answers_in_other_notations_are_read() -> None:
    texts = ("0.5", "0,5", ".5", "1/2", "50 %", "+0.50")
    assert {float(read_number(text)) for text in texts} == {0.5}
    assert float(read_number("\N{MINUS SIGN}5/9")) == -5 / 9
    for text in ("", "-", ".", "1e5", "1.2.3", "5/0", "a", "9" * 30, "\N{ARABIC-INDIC DIGIT ONE}"):
        with pytest.raises(LessonError):
            read_number(text)


def test_unknown_lesson_and_check_are_missing(room: Room) -> None:
    assert room.ask("GET", "/api/learn/none")[0] == 404
    assert room.ask("GET", "/api/learn/literal/check?check=cell_sum")[0] == 404
    assert room.ask("GET", "/api/learn/literal/check?check=shared_ink&number=1000")[0] == 400


def test_newer_drawings_are_offered_and_taken_when_asked(room: Room) -> None:
    first = got(room, "GET", "/api/learn")["learner"]
    committed(room, "literal")
    room.project.add_drawing("up", "train", room.drawing("up", 9))
    offered = got(room, "GET", "/api/learn")["learner"]
    assert (offered["net"], offered["is_outdated"]) == (first["net"], True)
    taken = got(room, "POST", "/api/learn")["learner"]
    assert taken["net"] != first["net"]
    assert taken["is_outdated"] is False
    assert got(room, "GET", "/api/learn/literal")["committed"] is None  # of the other net


@pytest.mark.parametrize(("each", "why"), [(0, "few"), (4, "few"), (5, "")])
def test_few_drawings_are_replaced(tmp_path: Path, each: int, why: str) -> None:
    opened = Room(tmp_path / "project", each)
    learner = got(opened, "GET", "/api/learn")["learner"]
    assert learner["why_generated"] == why
    assert learner["classes"] == (["X", "O"] if why else ["down", "up"])
    opened.close()


def test_texts_are_shown_as_drawings_of_their_words(tmp_path: Path) -> None:
    opened = Room(tmp_path / "project", 0)
    for name, word in (("up", "good"), ("down", "bad")):
        opened.project.add_texts(name, "train", [f"a {word} day in {at}" for at in "abcdef"])
    learner = got(opened, "GET", "/api/learn")["learner"]
    assert (learner["why_generated"], learner["classes"]) == ("", ["down", "up"])
    said = got(opened, "GET", "/api/learn/literal")["without"]
    assert said[0][0]["text"].startswith("A message without its first word")
    assert any("bad" in str(one) for one in said[0])
    opened.close()


def test_texts_of_single_letters_are_replaced_and_not_called_own(tmp_path: Path) -> None:
    opened = Room(tmp_path / "project", 0)
    for name in ("up", "down"):
        opened.project.add_texts(name, "train", [name[0]] * 6)
    assert got(opened, "GET", "/api/learn")["learner"]["why_generated"] == "kind"
    assert got(opened, "GET", "/api/learn/literal")["without"] == []
    opened.close()


def test_every_check_can_be_asked_of_own_drawings(room: Room) -> None:
    for name in LESSONS:
        for asked in committed(room, name)["checks"]:
            assert asked["question"]
            assert asked["is_generated"] is False
            assert asked["check"] in POOLS


def test_log_keeps_whole_lines_and_drops_half_ones(tmp_path: Path) -> None:
    file = tmp_path / "learn.jsonl"
    log = LearnLog(file)
    log.add(what="prediction", answer="é")
    log.add(what="check", answer="2")
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"what": "check", "ans')
    again = LearnLog(file)
    assert [one["answer"] for one in again.of()] == ["é", "2"]
    assert file.read_bytes() == whole
    again.add(what="check", answer="3")
    assert LearnLog(file).last(what="check") == {"what": "check", "answer": "3"}
    file.write_bytes(whole + b"[1]\nnonsense\n\xff\n")
    assert len(LearnLog(file).of()) == 2


def test_answers_survive_kill_9(tmp_path: Path) -> None:
    file = tmp_path / "learn.jsonl"
    script = (
        "import sys; from pathlib import Path; from piecewise.app.learn_log import LearnLog\n"
        "log = LearnLog(Path(sys.argv[1]))\n"
        "for number in range(10**9):\n"
        "    log.add(number=number); print(number, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(file)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    shown = [int(child.stdout.readline()) for _ in range(20)][-1]
    os.kill(child.pid, signal.SIGKILL)
    with child.stdout as output:
        rest = output.read().split()
    child.wait(HANG)
    kept = [one["number"] for one in LearnLog(file).of()]
    assert kept == list(range(len(kept)))
    assert kept[-1] >= max([shown, *map(int, rest[:-1])])


def test_progress_is_read_by_the_next_server(room: Room) -> None:
    got(room, "POST", "/api/learn/literal/prediction", answer="7")
    kept = (room.project.root / OWN / "learn.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(one)["answer"] for one in kept] == ["7"]
    before = got(room, "GET", "/api/learn/literal")
    room.close()
    project = Project(room.project.root)
    teacher = Teacher(project, lambda news: None)
    again = LessonPages(LearnState(project, teacher)).page("literal", 0)
    assert json.loads(json.dumps(again)) == before
    teacher.close()
    project.close()


def test_foreign_lines_of_the_log_harm_nothing(room: Room) -> None:
    log = room.session.learn.log
    net = got(room, "GET", "/api/learn")["learner"]["net"]
    for values in ({"answer": None}, {"answer": "x"}, {"answer": "3", "number": "4"},
                   {"number": -1, "answer": "3"}, {"number": 10**9, "answer": 5}):  # fmt: skip
        log.add(what="check", lesson="literal", check="shared_ink", seed=0, net=net, **values)
    log.add(what="reason", lesson="literal", net=net, choice=[7])
    assert committed(room, "literal")["checks"][0]["number"] == 0
