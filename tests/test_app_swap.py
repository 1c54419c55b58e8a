"""Swapped seats in the app without a page: the partner, the order of predictions, and the log."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the app's server is an extra")

from piecewise.app import partner_file, request_body
from piecewise.app.learn_state import LearnState
from piecewise.app.partner_file import PartnerFile
from piecewise.app.project import Project
from piecewise.app.project_files import OWN
from piecewise.app.strokes import checked_drawing, to_png
from piecewise.app.swap_pages import SwapPages
from piecewise.app.teaching import Teacher
from piecewise.lessons.learner import project_learner
from piecewise.lessons.partner import seat_partner
from piecewise.lessons.seat_swap import SeatSwap

from .app_room import Room, got, line, room
from .seats import archive, letter_seat

__all__ = ["room"]


def slanted_seat(path: Path, first: int = 20, *, turned: bool = False) -> Path:
    """A seat with the classes of the room; half of its drawings may be turned into the other."""
    other = {"up": "down", "down": "up"}
    return archive(path, {
        f"train/{name}/{at:04}.png": to_png(checked_drawing(line(
            other[name] if turned and at % 2 else name, first + at), 9))
        for name in other for at in range(4)
    })  # fmt: skip


def brought(room: Room, seat: Path) -> Any:
    status, answer = room.ask("POST", f"/api/swap/partner?name={seat.name}", seat.read_bytes())
    assert status == 200, answer
    return answer


def committed(room: Room) -> Any:
    return got(room, "POST", "/api/learn/swap/prediction", answer="3")["committed"]


def test_partner_is_generated_until_one_is_brought(room: Room, tmp_path: Path) -> None:
    before = got(room, "GET", "/api/swap")
    assert before["partner"]["origin"] == "moved"
    samples = sorted(room.project.root.glob("t*/**/*.png"))
    seat = slanted_seat(tmp_path / "Anna (1).zip")
    now = brought(room, seat)
    assert (now["partner"]["name"], now["partner"]["origin"]) == ("Anna1", "seat")
    own = project_learner(room.project.root)
    swap = SeatSwap(own, seat_partner(own, seat, "Anna1"))
    assert [one["label"] for one in now["drawings"]] == swap.partner.asked.labels.tolist()
    assert sorted(room.project.root.glob("t*/**/*.png")) == samples
    assert got(room, "GET", "/api/learn")["learner"]["is_outdated"] is False
    ink = [run for paragraph in committed(room)["result"] for run in paragraph
           if run.get("path") == "swap.right"]  # fmt: skip
    assert int(ink[0]["number"]) == swap.right
    assert got(room, "DELETE", "/api/swap/partner") == before


def test_every_step_follows_its_prediction(room: Room, tmp_path: Path) -> None:
    now = brought(room, slanted_seat(tmp_path / "anna.zip", turned=True))
    own = project_learner(room.project.root)
    swap = SeatSwap(own, seat_partner(own, tmp_path / "anna.zip", "anna"))
    assert swap.mistakes  # else there is nothing to predict
    later = ("names", "sureness", "answers", "repair", "repairs")
    assert [now[one] for one in later] == [None] * 5
    for question in ("sureness", "repair"):
        assert room.ask("POST", "/api/swap", {"question": question, "answer": 0})[0] == 409
    committed(room)
    now = got(room, "GET", "/api/swap")
    assert now["names"] == [one.predicted for one in swap.answers]
    assert [now[one] for one in later[1:]] == [None] * 4
    assert room.ask("POST", "/api/swap", {"question": "repair", "answer": 0})[0] == 409
    now = got(room, "POST", "/api/swap", question="sureness", answer=None)
    assert now["sureness"]["answer"] is None
    assert [one["probability"] for one in now["answers"]] == [
        one.probability for one in swap.answers
    ]
    assert [now[one] for one in later[3:]] == [None] * 2
    now = got(room, "POST", "/api/swap", question="repair", answer=1)
    assert now["repair"]["answer"] == 1
    assert [one["kept"] for one in now["repairs"]] == [one.kept for one in swap.repairs]
    assert [one["has_met"] for one in now["repairs"]] == [False, True, False]
    again = got(room, "POST", "/api/swap", question="repair", answer=2)
    assert again["repair"]["answer"] == 1  # the first one counts


def test_without_mistakes_the_repair_follows_at_once(room: Room, tmp_path: Path) -> None:
    brought(room, slanted_seat(tmp_path / "anna.zip"))
    committed(room)
    now = got(room, "GET", "/api/swap")
    assert now["names"] == [one["label"] for one in now["drawings"]]
    assert (now["sureness"], now["repair"], len(now["answers"])) == (None, None, 4)
    assert got(room, "POST", "/api/swap", question="repair", answer=0)["repairs"]


def test_right_choices_are_those_of_the_nets(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    state = room.session.learn
    pages, swap = SwapPages(state), state.swap()
    committed(room)
    for question in ("sureness", "repair"):
        pages.answer(question, None)
    mistakes = [one for one in swap.answers if not one.is_right]
    assert mistakes
    for sure, right in ((0, 0), (len(mistakes), 2), (len(mistakes) - 1, 1)):
        monkeypatch.setattr(SeatSwap, "sure_mistakes", sure)
        if sure > 0 or right == 0:
            assert pages.state()["sureness"]["right"] == right
    before, partner, augmented = swap.repairs
    for kept, right in ((augmented.kept + 1, 0), (augmented.kept - 1, 1), (augmented.kept, 2)):
        swap.__dict__["repairs"] = (before, partner._replace(kept=kept), augmented)
        assert pages.state()["repair"]["right"] == right


def test_another_partner_is_predicted_anew(room: Room, tmp_path: Path) -> None:
    committed(room)
    brought(room, slanted_seat(tmp_path / "anna.zip"))
    assert got(room, "GET", "/api/learn/swap")["committed"] is None
    assert got(room, "GET", "/api/swap")["names"] is None
    got(room, "DELETE", "/api/swap/partner")
    assert got(room, "GET", "/api/learn/swap")["committed"]["answer"] == "3"


def test_partner_and_answers_are_there_after_a_restart(room: Room, tmp_path: Path) -> None:
    brought(room, slanted_seat(tmp_path / "anna.zip"))
    committed(room)
    got(room, "POST", "/api/swap/report", sentences=["the slant", "nothing", "it is 3 of 4"])
    before = got(room, "GET", "/api/swap")
    assert before["report"][0] == "the slant"
    room.close()
    project = Project(room.project.root)
    teacher = Teacher(project, lambda news: None)
    assert json.loads(json.dumps(SwapPages(LearnState(project, teacher)).state())) == before
    teacher.close()
    project.close()


def test_archive_that_is_no_partner_leaves_the_one_before(room: Room, tmp_path: Path) -> None:
    before = brought(room, slanted_seat(tmp_path / "anna.zip"))
    for content, message in (
        (b"not a zip", "zip"),
        (letter_seat(tmp_path / "letters.zip", 1).read_bytes(), "none of its classes is known"),
        (archive(tmp_path / "out.zip", {"../../up/x.png": b"x"}).read_bytes(), "bad"),
    ):
        status, answer = room.ask("POST", "/api/swap/partner?name=bad.zip", content)
        assert status == 422
        assert message in answer["error"]["message"]
        assert str(room.project.root) not in answer["error"]["message"]
    assert got(room, "GET", "/api/swap") == before
    assert [one.name for one in (room.project.root / OWN / "partner").iterdir()] == ["anna.zip"]
    brought(room, slanted_seat(tmp_path / "ben.zip", 30))
    assert [one.name for one in (room.project.root / OWN / "partner").iterdir()] == ["ben.zip"]


def test_large_archive_is_refused_while_it_comes(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seat = slanted_seat(tmp_path / "anna.zip").read_bytes()
    monkeypatch.setattr(request_body, "MAX_BODY", len(seat) - 1)
    path = "/api/swap/partner?name=anna.zip"
    assert room.ask("POST", path, seat)[0] == 413  # without a Content-Length
    monkeypatch.setattr(request_body, "MAX_BODY", len(seat))
    assert room.ask("POST", path, seat)[0] == 200


def test_name_of_a_partner_may_differ_in_case_only(tmp_path: Path) -> None:
    partner, content = PartnerFile(tmp_path / "partner"), tmp_path / "content.zip"
    for seat in ("Anna", "anna"):
        content.write_text(seat)
        partner.keep(content, seat)
    assert partner.path is not None
    assert partner.path.read_text() == "anna"


def test_disk_that_ignores_case_keeps_the_new_partner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner, content = PartnerFile(tmp_path / "partner"), tmp_path / "content.zip"
    content.write_text("Anna")
    partner.keep(content, "Anna")
    one_file = tmp_path / "partner" / "Anna.zip"

    def write(path: Path, new: bytes) -> None:
        one_file.write_bytes(new)
        path.symlink_to(one_file)  # another name of the same file

    monkeypatch.setattr(partner_file, "write_atomically", write)
    content.write_text("anna")
    partner.keep(content, "anna")
    assert one_file.read_text() == "anna"


def test_learner_of_generated_drawings_has_a_generated_partner(tmp_path: Path) -> None:
    opened = Room(tmp_path / "project", 4)
    now = got(opened, "GET", "/api/swap")
    assert (now["may_bring"], now["partner"]["origin"]) == (False, "letters")
    assert now["partner"]["chosen_wrong"] is None  # the prediction comes first
    committed(opened)
    chosen = opened.session.learn.swap().partner.chosen_wrong
    assert got(opened, "GET", "/api/swap")["partner"]["chosen_wrong"] == chosen > 0
    seat = slanted_seat(tmp_path / "anna.zip")
    status, _ = opened.ask("POST", "/api/swap/partner?name=anna.zip", seat.read_bytes())
    assert status == 409
    opened.close()


def test_partner_of_other_classes_gives_way_when_the_project_changes(
    room: Room, tmp_path: Path
) -> None:
    brought(room, slanted_seat(tmp_path / "anna.zip"))
    room.project.rename_class("up", "rising")
    got(room, "POST", "/api/learn")
    assert got(room, "GET", "/api/swap")["partner"]["origin"] == "moved"


def test_foreign_lines_of_the_log_harm_nothing(room: Room) -> None:
    committed(room)
    about = {"net": room.session.learn.pinned().learner.small.parameters_sha256,
             "partner": room.session.learn.swap().partner.sha256}  # fmt: skip
    for values in ({"what": "sureness", "answer": "x"}, {"what": "report", "sentences": [1, 2]},
                   {"what": "repair", "answer": 9}, {"what": "report"}):  # fmt: skip
        room.session.learn.log.add(**values, **about)
    now = got(room, "GET", "/api/swap")
    assert now["repair"]["answer"] is None
    assert now["report"] == ["", "", ""]
    assert room.ask("POST", "/api/swap/report", {"sentences": ["one"]})[0] == 422


@pytest.mark.parametrize("answers", ["yes", "no", None])
def test_archive_of_the_project_holds_answers_only_if_asked_for(
    room: Room, answers: str | None
) -> None:
    committed(room)
    query = "" if answers is None else f"?lessons={answers}"
    status, content = room.ask("GET", f"/api/take/project.zip{query}")
    assert status == 200
    saved = zipfile.ZipFile(io.BytesIO(content))
    log = f"{OWN}/learn.jsonl"
    assert (log in saved.namelist()) is (answers == "yes")
    if answers == "yes":
        assert [json.loads(one)["answer"] for one in saved.read(log).splitlines()] == ["3"]
