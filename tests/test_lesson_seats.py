"""Class mode: the projects of many seats are pooled, and their key is the same anywhere."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import piecewise as pw
from piecewise.app.pooling import fill_seat, pool_seats
from piecewise.app.project import Project
from piecewise.app.strokes import checked_drawing, to_png
from piecewise.app.take import project_zip
from piecewise.cli.main import status
from piecewise.core.errors import DataError
from piecewise.data.sources.discovery import discover
from piecewise.data.sources.groups import grouping_options
from piecewise.lessons import learner, question_pools
from piecewise.lessons.learner import Learner
from piecewise.lessons.question_pools import POOLS
from piecewise.lessons.questions import CheckQuestion
from piecewise.lessons.seats import SEAT_GROUPS, seat_names, seats_of

from .lesson_pages import save_drawings
from .long import now_and_long
from .real_data import real
from .seats import archive


def seat_zip(path: Path, seed: int) -> Path:
    """The archive of a seat, as the app saves it."""
    fill_seat(folder := path.with_suffix(""), 2, seed)
    project = Project(folder)
    with project_zip(project) as content:
        path.write_bytes(content.read())
    project.close()
    return path


def test_seats_are_the_groups_of_the_pooled_class(tmp_path: Path) -> None:
    fill_seat(tmp_path / "ben 2", 3, 1)
    seats = [seat_zip(tmp_path / "anna.zip", 0), tmp_path / "ben 2"]
    report = pool_seats(tmp_path / "class", seats)
    assert report.seats == {"anna": {"O": 2, "X": 2}, "ben2": {"O": 3, "X": 3}}
    data = pw.read_data(tmp_path / "class", groups=SEAT_GROUPS)
    assert data.groups is not None
    assert sorted(data.groups.tolist()) == ["anna"] * 4 + ["ben2"] * 6
    own = pw.read_data(seats[0], data.preprocessor)
    assert np.array_equal(data.inputs[data.groups == "anna"], own.inputs)
    suggested = grouping_options(discover(tmp_path / "class"))
    assert [one.pattern for one in suggested] == [SEAT_GROUPS]


def test_pooled_class_is_a_project_that_can_be_saved_and_pooled_again(tmp_path: Path) -> None:
    pool_seats(tmp_path / "class", [seat_zip(tmp_path / f"{one}.zip", one) for one in range(2)])
    project = Project(tmp_path / "class")
    assert [(one.name, one.train) for one in project.classes()] == [("O", 4), ("X", 4)]
    project.undo()
    assert not any(one.train for one in project.classes())
    project.close()


def test_samples_for_the_test_are_pooled_for_learning(tmp_path: Path) -> None:
    seats = [seat_zip(tmp_path / f"{one}.zip", one) for one in range(2)]
    project = Project(tmp_path / "0")
    project.move(project.ids("train", "X")[:1], None, "test")
    project.close()
    report = pool_seats(tmp_path / "class", [tmp_path / "0", seats[1]])
    assert report.seats["0"] == {"O": 2, "X": 2}
    assert set(pw.read_data(tmp_path / "class").splits) == {"train"}


def test_names_of_seats_are_single_words_and_differ() -> None:
    files = [
        "a/Anna.zip",
        "b/anna.ZIP",
        "anna (1).zip",
        "zo\u00eb_o'neil",
        "v1.2",
        "\N{SNOWMAN}.zip",
    ]
    assert seat_names(files) == ["Anna", "annan2", "anna1", "zo\u00eboneil", "v12", "seat"]
    assert seat_names(["zoe\u0308.zip"]) == ["zo\u00eb"]


@pytest.mark.parametrize(
    ("files", "seats"),
    [
        (["0001_anna.png", "0002_ben.png", "0003_anna.png", "0004_ben.png"], ["anna", "ben"] * 2),
        (["0001_anna.png", "0002_ben.png", "0003_anna.png", "0004.png"], None),
        (["0001_anna.png", "0002_ben.png", "0003_anna.png", "0004-b_c.png"], None),
        (["0001_up.png", "0002_up.png", "0003_down.png", "0004_down.png"], None),
        ([], None),
    ],
    ids=["seats", "one without", "another name", "classes as seats", "no files"],
)
def test_seats_are_known_if_all_files_have_one_in_every_class(
    files: list[str], seats: list[str] | None
) -> None:
    found = seats_of(files, np.array([0, 0, 1, 1][: len(files)]))
    assert (found if found is None else found.tolist()) == seats


PICTURE = to_png(checked_drawing([[[10, 10], [90, 90]]], 6))
REFUSED: dict[str, bytes | dict[str, bytes]] = {
    "garbage": b"not a zip",
    "a way out": {"../../up/x.png": PICTURE},
    "an absolute path": {"/etc/up/x.png": PICTURE},
    "no class folder": {"loose.png": PICTURE},
    "other data": {"up/a.txt": b"hello", "down/b.txt": b"bye"},
    "damaged pictures": {"X/a.png": b"\x89PNG no"},
    "a bomb": {"X/a.png": bytes(40 << 20)},
}


@pytest.mark.parametrize("what", REFUSED)
def test_hostile_seat_is_refused_and_nothing_is_written(what: str, tmp_path: Path) -> None:
    content, path = REFUSED[what], tmp_path / "bad.zip"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in content.items():
                file.writestr(name, data)
    good = seat_zip(tmp_path / "good.zip", 0)
    with pytest.raises(DataError, match=r"bad\.zip"):
        pool_seats(tmp_path / "class", [good, path])
    assert not (tmp_path / "class").exists()


def test_seat_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    one = seat_zip(tmp_path / "one.zip", 0)
    (again := tmp_path / "one (1).zip").write_bytes(one.read_bytes())
    for other in (one, again):
        with pytest.raises(DataError, match="name each seat once"):
            pool_seats(tmp_path / "class", [one, other])
    assert not (tmp_path / "class").exists()


def test_damaged_sample_of_a_seat_is_left_out_and_named(tmp_path: Path) -> None:
    files = {"X/a.png": PICTURE, "X/broken.png": b"\x89PNG no", "O/b.png": PICTURE}
    report = pool_seats(
        tmp_path / "class", [archive(tmp_path / "a.zip", files), seat_zip(tmp_path / "b.zip", 0)]
    )
    assert report.seats["a"] == {"O": 1, "X": 1}
    assert len(report.skipped) == 1
    assert "broken.png" in report.skipped[0]


def test_pool_and_seat_commands_write_new_folders_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert status(["lessons", "seat", "-o", "anna", "--seed", "3"]) == 0
    assert status(["lessons", "seat", "-o", "my seat"]) == 0
    assert "piecewise app 'my seat'" in capsys.readouterr().err
    assert status(["lessons", "pool", "anna", "my seat", "-o", "class"]) == 0
    output = capsys.readouterr()
    assert output.out == "anna: 5 O, 5 X\nmyseat: 5 O, 5 X\n"
    assert f"--groups '{SEAT_GROUPS}' --folds groups" in output.err
    for command in (["seat"], ["pool", "anna", "my seat"]):
        assert status(["lessons", *command, "-o", "class"]) == 1
        assert "exists already" in capsys.readouterr().err


def test_generated_seat_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        fill_seat(tmp_path / name, 5, seed)
    drawings = [
        [one.read_bytes() for one in sorted((tmp_path / name / "train").rglob("*.png"))]
        for name in "abc"
    ]
    assert drawings[0] == drawings[1] != drawings[2]
    assert len(drawings[0]) == 10


def key_of_seats(seats: list[Path], capsys: pytest.CaptureFixture[str]) -> str:
    assert status(["lessons", "key", *map(str, seats), "--seed", "7"]) == 0
    return capsys.readouterr().out


def test_key_calls_seats_by_name_wherever_they_lie(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seats = [save_drawings(tmp_path / folder / "anna", ("kite", "ball")) for folder in "ab"]
    keys = [key_of_seats([seat], capsys) for seat in seats]
    assert keys[0] == keys[1]
    rows = list(csv.DictReader(io.StringIO(keys[0])))
    assert {row["seat"] for row in rows} == {"anna"}
    assert len(rows) == len(POOLS)


def test_check_that_cannot_be_asked_is_about_generated_drawings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = POOLS["cell_sum"]

    def empty(of: Learner) -> Iterator[CheckQuestion]:
        yield from known(of) if of.name.startswith("generated") else ()

    monkeypatch.setitem(question_pools.POOLS, "cell_sum", empty)
    text = key_of_seats([save_drawings(tmp_path, ("kite", "ball"))], capsys)
    rows = {row["check"]: row for row in csv.DictReader(io.StringIO(text))}
    assert {check for check, row in rows.items() if row["drawings"] == "generated"} == {"cell_sum"}
    assert " of this X:" in rows["cell_sum"]["question"] or "O:" in rows["cell_sum"]["question"]


def writers(folder: Path, count: int) -> list[Path]:
    """Seats of writers with at least five X and five O, five of each; those of the test split are
    left out."""
    drawings: dict[int, dict[str, list[bytes]]] = defaultdict(lambda: {"X": [], "O": []})
    with gzip.open(real("xo-unipen-strokes.jsonl.gz"), "rt") as file:
        for one in map(json.loads, file):
            of_class = drawings[one["writer"]][one["label"]]
            if not one["test"] and len(of_class) < 5:
                strokes = [[[16 + 80 * x, 16 + 80 * y] for x, y in line] for line in one["strokes"]]
                of_class.append(to_png(checked_drawing(strokes, 6)))
    chosen = [one for one in sorted(drawings) if all(map(_is_whole, drawings[one].values()))]
    return [
        archive(folder / f"writer{one}.zip",
                {f"train/{label}/{number}.png": content
                 for label, contents in drawings[one].items()
                 for number, content in enumerate(contents)})
        for one in chosen[:count]
    ]  # fmt: skip


def _is_whole(drawings: list[bytes]) -> bool:
    return len(drawings) == 5


@pytest.mark.parametrize("count", now_and_long([6, 30], [6]))
def test_key_of_many_seats_is_equal_on_two_runs_and_thread_counts(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    count: int,
) -> None:
    seats = writers(tmp_path, count)
    keys = []
    for threads in (1, 1, 3):
        monkeypatch.setattr(learner, "train", partial(pw.train, threads=threads))
        keys.append(key_of_seats(seats, capsys))
    assert keys[0] == keys[1] == keys[2]
    rows = list(csv.DictReader(io.StringIO(keys[0])))
    assert len(rows) == count * len(POOLS)
    assert len({row["seat"] for row in rows}) == count
    assert [(row["seat"], row["check"]) for row in rows if row["drawings"] != "own"] == []
    for check in POOLS:
        questions = {row["question"] for row in rows if row["check"] == check}
        assert len(questions) > 1, check
