"""Lessons: the file of a lesson and the commands `piecewise lessons`."""

from __future__ import annotations

import csv
import io
import json
import re
from html import escape
from pathlib import Path

import pytest

import piecewise as pw
from piecewise.cli.main import status
from piecewise.core.errors import DataError
from piecewise.lessons.catalog import AFTERWARDS, LESSONS, lesson, lesson_files
from piecewise.lessons.learner import generated_learner
from piecewise.lessons.lesson_file import LessonPage, parse_lesson, read_lesson
from piecewise.lessons.question_pools import POOLS
from piecewise.lessons.stopwatch import MOST_MINUTES, TASKS, page_time
from piecewise.lessons.structure import PARTS
from piecewise.lessons.teacher_sheet import teacher_sheet

from .browser import chromium
from .lesson_pages import PAGE, save_drawings
from .programs import needs_chromium


def test_a_file_that_is_too_large_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large.md").write_text("a" * (65 << 10))
    (tmp_path / "bytes.md").write_bytes(b"\xff")
    for name, message in (("large", "at most 64 KiB"), ("bytes", "UTF-8"), ("none", "no such")):
        with pytest.raises(DataError, match=f"(?i){message}"):
            read_lesson(tmp_path / f"{name}.md")


def test_references_are_limited() -> None:
    page: LessonPage = parse_lesson(PAGE.replace("Add.", "{{ drawings }} " * 201), "a.md")
    assert any("wanted at most 200" in fault.sentence for fault in page.faults)


def test_check_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("piecewise.cli.lessons.GENERATED", 1)
    assert status(["lessons", "check", "--seeds", "2"]) == 0
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == "13 lessons, 50 minutes: no faults\n"
    wrong = tmp_path / "wrong.md"
    wrong.write_text(PAGE.replace("0.77{", "0.78{"))
    assert status(["lessons", "check", str(wrong)]) == 1
    output = capsys.readouterr()
    assert output.out == f'{wrong}:13: prints 0.78, deck.match("\\", 1, 1) is 0.77\n'
    assert output.err == "1 lesson, 2 minutes: 1 fault\n"
    assert status(["lessons", "check", str(wrong), "--json"]) == 1
    values = json.loads(capsys.readouterr().out)
    assert (values["lessons"], values["minutes"], len(values["faults"])) == (1, 2, 1)
    assert values["faults"][0]["line"] == 13


def test_check_command_with_a_net(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    xo = pw.make_xo(2, 12, seed=0)
    net = pw.Network("conv 2 3, full", (1, 12, 12), xo.classes, preprocessor=xo.preprocessor)
    net.save(file := tmp_path / "net.safetensors")
    page = tmp_path / "knobs.md"
    claim = f"{net.architecture.parameter_count}{{= net.parameters }}"
    text = lesson_files()[LESSONS.index("knobs")].read_text()
    page.write_text(text.replace("{{ net.parameters }}", claim))
    assert status(["lessons", "check", str(page), "--net", str(file)]) == 0
    assert "no faults" in capsys.readouterr().err


def test_key_has_a_row_for_every_seat_and_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seat = save_drawings(tmp_path, ("kite", "ball"))
    command = ["lessons", "key", str(seat), str(seat), "--seed"]
    assert status([*command, "7"]) == 0
    output = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(output)))
    assert len(rows) == 2 * len(POOLS)
    questions = [{**row, "seat": ""} for row in rows]
    assert questions[: len(POOLS)] == questions[len(POOLS) :]
    assert len({row["seat"] for row in rows}) == 2
    assert {row["check"] for row in rows} == set(POOLS)
    assert all(row["question"] and float(row["answer"]) < 1e6 for row in rows)
    assert status([*command, "7"]) == 0
    assert capsys.readouterr().out == output
    assert status([*command, "8"]) == 0
    assert capsys.readouterr().out != output


def test_sheet_holds_the_plan_of_all_lessons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sheet.html"
    assert status(["lessons", "sheet", "-o", str(file)]) == 0
    text = file.read_text()
    for name in LESSONS:
        assert escape(lesson(name).question) in text
    assert ">40-45<" in text
    assert ">later, 5<" in text
    assert "{{" not in text
    assert "piecewise lessons key" in text
    assert status(["lessons", "sheet", "-o", str(file)]) == 0
    file.write_text("my own page")
    assert status(["lessons", "sheet", "-o", str(file)]) == 1
    assert "did not write it" in capsys.readouterr().err


def test_sheet_holds_the_numbers_that_all_seats_share() -> None:
    learners = [generated_learner(seed) for seed in range(3)]
    rows = teacher_sheet([lesson(name) for name in LESSONS], learners).split("<tr>")[2:]
    shared = {name: row.split("<td>")[5].split("<")[0]
              for name, row in zip(LESSONS, rows, strict=True)}  # fmt: skip
    values = {name: value for name, value in shared.items() if value}
    assert values == {"maps": "7", "stacking": "6", "errors": "0.51", "knobs": "110"}


@needs_chromium
@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_sheet_is_printed_on_one_page(paper: str, tmp_path: Path) -> None:
    pages = [lesson(name) for name in LESSONS]
    (tmp_path / "sheet.html").write_text(teacher_sheet(pages, [generated_learner()] * 2))
    with chromium() as browser:
        page = browser.new_page()
        page.goto((tmp_path / "sheet.html").as_uri())
        content = page.pdf(format=paper, landscape=True)
    assert len(re.findall(rb"/Type\s*/Page[^s]", content)) == 1


def test_minutes_of_all_pages_fit_into_a_lesson_and_their_plan(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [page_time(lesson(name), generated_learner()) for name in LESSONS]
    assert sum(one.minutes for one in times if one.lesson not in AFTERWARDS) <= MOST_MINUTES
    for one in times:
        assert round(one.minutes) <= int(lesson(one.lesson).head["minutes"]), one
    assert status(["lessons", "minutes"]) == 0
    output = capsys.readouterr()
    assert [line.split()[0] for line in output.out.splitlines()] == list(LESSONS)
    assert f"{times[0].words} words" in output.out
    monkeypatch.setattr("piecewise.cli.lessons.MOST_MINUTES", 10)
    assert status(["lessons", "minutes"]) == 1


def test_time_of_a_page_is_that_of_its_words_and_steps() -> None:
    assert set(TASKS) == set(PARTS)
    page = parse_lesson(PAGE, "a.md")
    time = page_time(page, generated_learner())
    longer = page_time(parse_lesson(PAGE.replace("Add.", "Add all ten."), "a.md"),
                       generated_learner())  # fmt: skip
    assert longer.words == time.words + 2
    longest = "> It has no cause whatsoever, at all times and in all places, as everybody knows."
    objection = page_time(parse_lesson(PAGE.replace("> It has no cause.", longest), "a.md"),
                          generated_learner())  # fmt: skip
    assert objection.words == time.words - 4 + 15
    other = page_time(parse_lesson(PAGE.replace("worked_cell", "mute_map"), "a.md"),
                      generated_learner())  # fmt: skip
    assert time.step_seconds - other.step_seconds == TASKS["worked_cell"] - TASKS["mute_map"]
    assert time.minutes == time.words / 200 + time.step_seconds / 60


@pytest.mark.parametrize(
    "options",
    [["sheet"], ["sheet", "a.md", "-o", "a.html"], ["pool", "a", "-o", "b"], ["pool", "a", "b"],
     ["seat"], ["minutes", "a.md"], ["minutes", "-o", "a"], ["check", "-o", "a.html"],
     ["swap", "a"], ["swap", "a", "b", "-o", "c"], ["key", "--project", "a"], ["key", "--json"],
     ["teach"]],
)  # fmt: skip
def test_options_without_an_effect_are_wrong_usage(options: list[str]) -> None:
    assert status(["lessons", *options]) == 2
