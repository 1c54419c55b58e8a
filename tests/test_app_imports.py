"""Imports of the app: archives into a project, and archives and nets that are opened."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import piecewise as pw
from piecewise import DataError
from piecewise.app.attempts import Attempts
from piecewise.app.imports import import_data
from piecewise.app.opening import project_of_archive, project_of_net
from piecewise.app.project import Project
from piecewise.app.strokes import checked_drawing, to_png
from piecewise.core.progress import Progress

pytest.importorskip("starlette", reason="the app's server is an extra")

from .app_room import Room, line


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = Room(tmp_path / "project", each=0)
    yield opened
    opened.close()


def picture(name: str, shift: int = 0) -> bytes:
    return to_png(checked_drawing(line(name, shift), 6))


def archive(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, data in files.items():
            file.writestr(name, data)
    return content.getvalue()


FILES = {
    "things/train/up/a.png": picture("up"),
    "things/train/up/deep/b.png": picture("up", 1),
    "things/train/sideways/c.PNG": picture("down", 2),
    "things/test/up/d.png": picture("up", 3),
    "things/train/up/notes.txt": b"hello",
    "things/train/sideways/broken.png": b"\x89PNG no",
    "__MACOSX/things/._a.png": b"x",
}


def counts(project: Any) -> dict[str, tuple[int, int]]:
    return {one["name"]: (one["train"], one["test"]) for one in project["classes"]}


def test_archive_is_imported_and_what_is_left_out_is_named(room: Room) -> None:
    status, report = room.ask("POST", "/api/import", archive(FILES))
    assert status == 200, report
    assert report["classes"] == {"up": 3, "sideways": 1}
    _, project = room.ask("GET", "/api/project")
    assert counts(project) == {"up": (2, 1), "down": (0, 0), "sideways": (1, 0)}
    assert report["skipped_count"] == len(report["skipped"]) == 2
    words = " ".join(report["skipped"])
    assert "notes.txt" in words
    assert "broken.png" in words
    assert "import-" not in words  # the temporary file of the server
    assert not list((room.project.root / ".piecewise").glob("import-*"))
    ids = room.project.samples("up", "train").ids
    assert {room.project.content(one) for one in ids} == {picture("up"), picture("up", 1)}


def test_each_file_that_is_left_out_is_named(room: Room) -> None:
    notes = [f"things/train/up/notes {number}.txt" for number in range(3)]
    loose = ["things/train/also.png", "things/train/loose.png"]
    files = {"things/train/up/a.png": picture("up"), "things/train/down/b.png": b"\x89PNG no",
             "things/train/down/c.png": picture("down"), "things/test/up/d.png": picture("up", 4),
             **dict.fromkeys(loose, picture("up", 2)), **dict.fromkeys(notes, b"hi")}  # fmt: skip
    status, report = room.ask("POST", "/api/import", archive(files))
    assert status == 200, report
    assert report["classes"] == {"up": 2, "down": 1}
    assert sorted(report["files"].values()) == [loose, notes]
    assert set(report["files"]) < set(report["skipped"])
    [broken] = set(report["skipped"]) - set(report["files"])
    assert broken.startswith("things/train/down/b.png: ")
    assert report["skipped_count"] == 6


def test_import_is_undone_as_one_change(room: Room) -> None:
    many = {f"up/{number}.png": picture("up", number) for number in range(12)}
    many |= {f"down/{number}.png": picture("down", number) for number in range(12)}
    assert room.ask("POST", "/api/import", archive(many))[0] == 200
    assert room.ask("POST", "/api/undo")[1] == {"undone": "imported 24 samples"}
    assert counts(room.ask("GET", "/api/project")[1]) == {"up": (0, 0), "down": (0, 0)}
    assert room.ask("POST", "/api/redo")[0] == 200
    assert counts(room.ask("GET", "/api/project")[1]) == {"up": (12, 0), "down": (12, 0)}


def test_import_with_new_classes_is_one_change(room: Room) -> None:
    before = counts(room.ask("GET", "/api/project")[1])
    assert room.ask("POST", "/api/import", archive(FILES))[0] == 200
    room.ask("POST", "/api/undo")
    assert counts(room.ask("GET", "/api/project")[1]) == before
    room.ask("POST", "/api/redo")
    after = counts(room.ask("GET", "/api/project")[1])
    assert after == {"up": (2, 1), "down": (0, 0), "sideways": (1, 0)}


def test_import_that_is_stopped_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "many.zip").write_bytes(archive(FILES))
    project = Project(tmp_path / "project")

    def stop(progress: Progress) -> None:
        raise CancelledError

    try:
        with pytest.raises(CancelledError):
            import_data(project, tmp_path / "many.zip", stop)
        assert not project.classes()
        assert not list((tmp_path / "project").rglob("*.png"))
    finally:
        project.close()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"not a zip", archive({}), archive({"loose.png": picture("up")}),
        archive({"../../up/x.png": picture("up")}), archive({"/etc/up/x.png": picture("up")}),
        archive({"up/x.wav": b"RIFF"}),
    ],
    ids=["empty", "garbage", "no files", "no class", "way out", "absolute", "damaged sound"],
)  # fmt: skip
def test_archive_that_is_refused_changes_nothing(room: Room, content: bytes) -> None:
    room.project.add_drawing("up", "train", checked_drawing(line("up"), 6))
    before = sorted(room.project.root.rglob("*.*"))
    status, answer = room.ask("POST", "/api/import", content)
    assert status == 422, answer
    assert sorted(room.project.root.rglob("*.*")) == before


def test_project_is_the_same_after_it_was_saved_as_archive_and_opened(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = room.project.add_class("a/b: 1")
    for name in ("up", "down", folder):
        for shift in range(5):
            room.project.add_drawing(name, "train", checked_drawing(line("up", shift), 6))
    room.project.add_drawing("up", "test", checked_drawing(line("up", 7), 6))
    room.teach()
    status, content = room.ask("GET", "/api/take/project.zip")
    assert status == 200
    (tmp_path / "lesson.zip").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    opened, report = project_of_archive(tmp_path / "lesson.zip")
    assert not report.skipped
    project = Project(opened)
    try:
        assert {(one.name, one.train, one.test) for one in project.classes()} == {
            (one.name, one.train, one.test) for one in room.project.classes()
        }
        assert project.settings == room.project.settings
        assert project.preprocessor == room.project.preprocessor is not None
        contents = [sorted(one.content(sample) for sample in one.labelled("train")[0])
                    for one in (project, room.project)]  # fmt: skip
        assert contents[0] == contents[1]
    finally:
        project.close()
    with pytest.raises(DataError, match="exists already"):
        project_of_archive(tmp_path / "lesson.zip")


def test_damaged_knobs_of_an_archive_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, values in enumerate(
        [[], {"settings": 1}, {"settings": {"layers": 5, "recipe": [], "x": 1}},
         {"preprocessor": {"shape": 3}}, {"preprocessor": []}, {"preprocessor": {"kind": "x"}}]
    ):  # fmt: skip
        files = {"up/1.png": picture("up"), ".piecewise/project.json": json.dumps(values).encode(),
                 "classes.json": b'{"up": ["x"]}'}  # fmt: skip
        path = tmp_path / f"bad{number}.zip"
        path.write_bytes(archive(files))
        monkeypatch.chdir(tmp_path)
        folder, _ = project_of_archive(path)
        project = Project(folder)
        assert (project.settings, project.preprocessor) == ({}, None)
        assert [one.name for one in project.classes()] == ["up"]
        project.close()


def test_net_is_opened_as_an_attempt_that_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    xo = pw.make_xo(20, 28, seed=0)
    net = pw.Network("conv 2 3, relu, full", (1, 28, 28), ["X", "O"], 3, xo.preprocessor)
    net.save(tmp_path / "mine.safetensors")
    folder = project_of_net(tmp_path / "mine.safetensors")
    project = Project(folder)
    try:
        latest = Attempts(folder).latest()
        assert latest is not None
        attempt, opened = latest
        assert attempt.stage == "opened"
        assert opened.parameters_sha256 == net.parameters_sha256
        assert [one.name for one in project.classes()] == ["X", "O"]
        np.testing.assert_array_equal(opened.logits(xo.inputs), net.logits(xo.inputs))
    finally:
        project.close()


def test_folder_is_imported(tmp_path: Path) -> None:
    (tmp_path / "data" / "up").mkdir(parents=True)
    (tmp_path / "data" / "up" / "1.png").write_bytes(picture("up"))
    project = Project(tmp_path / "project")
    try:
        assert import_data(project, tmp_path / "data").classes == {"up": 1}
        assert [one.name for one in project.classes()] == ["up"]
    finally:
        project.close()
