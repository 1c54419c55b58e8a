"""Actions of the app that fill a project: packs, tables, examples, the test split, undo of each."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette", reason="the app's server is an extra")

from piecewise.app.strokes import checked_drawing, to_png
from piecewise.lessons.computed_samples import EACH

from .app_room import Room, pack
from .test_app_imports import archive, counts, picture


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = Room(tmp_path / "project", each=0)
    yield opened
    opened.close()


def classes(room: Room) -> dict[str, tuple[int, int]]:
    return counts(room.ask("GET", "/api/project")[1])


def test_folder_of_folders_makes_classes(room: Room) -> None:
    files = {f"pets/{name}/{number}.png": picture("up", number)
             for name in ("cat", "dog") for number in range(3)}  # fmt: skip
    files |= {"pets/cat/notes.doc": b"x", "pets/dog/broken.png": b"no", "pets/.DS_Store": b""}
    status, report = room.ask("POST", "/api/import?kind=files", pack(files))
    assert status == 200, report
    assert report["classes"] == {"cat": 3, "dog": 3}
    assert report["skipped_count"] == 2
    assert "notes.doc" in report["skipped"][0]
    assert "broken.png" in report["skipped"][1]
    assert classes(room) == {"up": (0, 0), "down": (0, 0), "cat": (3, 0), "dog": (3, 0)}
    room.ask("POST", "/api/undo")
    assert classes(room) == {"up": (0, 0), "down": (0, 0)}


def test_archives_of_seats_are_pooled_and_scored_by_seat(room: Room) -> None:
    parts = ("train", "train", "test", "train")
    for each, name in enumerate(("Anna (1).zip", "ben.zip", "eve_2.zip"), 2):
        files = {f"{part}/{one}/{at}.png": picture(one, 4 * each + at)
                 for one in ("up", "down") for at, part in enumerate(parts[:each])}  # fmt: skip
        query = urlencode({"kind": "archive", "seat": name})
        status, report = room.ask("POST", f"/api/import?{query}", archive(files))
        assert (status, report["classes"]) == (200, {"up": each, "down": each})
    assert classes(room) == {"up": (9, 0), "down": (9, 0)}
    ends = [one.partition("_")[2] for one in room.project.ids("train", "up")]
    assert ends == ["Anna1.png"] * 2 + ["ben.png"] * 3 + ["eve2.png"] * 4
    room.teacher.changed()
    assert room.wait_for("score", done=1)["n"] == 8  # eve2, the largest seat, is the first fold
    score = room.wait_for("score", done=3)
    assert (score["of"], score["n"], score["score"]["by_seat"]) == (3, 18, True)
    room.project.add_drawing("up", "train", room.drawing("up", 20))
    room.teacher.changed()
    assert room.wait_for("score", done=5)["score"]["by_seat"] is False


def test_files_of_one_class_are_one_change(room: Room) -> None:
    files = {f"holiday/{number}.png": picture("up", number) for number in range(3)}
    files |= {"loose.png": picture("up", 5), "notes.txt": b"hello"}
    path = "/api/import?kind=files&folder=down&part=test"
    status, report = room.ask("POST", path, pack(files))
    assert (status, report["classes"]) == (200, {"down": 4})
    assert report["skipped"] == ["notes.txt: one of texts, but this project has pictures"]
    assert classes(room)["down"] == (0, 4)
    room.ask("POST", "/api/undo")
    assert classes(room)["down"] == (0, 0)


@pytest.mark.parametrize("content", [
    b"", b"\x00", b"\xff\xff\xff\xff", pack({})[:3], pack({"a/b.png": b"x"})[:-1],
    pack({"a/b.png": b"x"}) + b"y", pack({"../b.png": b"x"}), pack({"a//b.png": b"x"}),
    pack({"a\\b.png": b"x"}), pack({"a": b"x", "a/b.png": b"y"}), pack({"a/b.exe": b"x"}),
    pack({"/".join("a" * 20): b"x"}), (2).to_bytes(4, "little") + b"{}",
    (9).to_bytes(4, "little") + b'[["a",-1]]'[:9],
], ids=str)  # fmt: skip
def test_pack_that_is_damaged_or_unsafe_changes_nothing(room: Room, content: bytes) -> None:
    before = sorted(room.project.root.rglob("*.*"))
    status, answer = room.ask("POST", "/api/import?kind=files", content)
    assert status in (400, 422), answer
    assert sorted(room.project.root.rglob("*.*")) == before


@pytest.mark.parametrize(("name", "content"), [
    ("mail.csv", "text,label,split\nhello there,ham,\nbuy now,spam,\nlast,ham,test\n,spam,\n"),
    ("mail.tsv", "text\tlabel\tsplit\nhello there\tham\t\nbuy now\tspam\t\nlast\tham\ttest\n"
                 "\tspam\t\n"),
    ("mail.JSONL", '{"text": "hello there", "label": "ham"}\n{"text": "buy now", "label": "spam"}\n'
                   '{"text": "last", "label": "ham", "split": "test"}\n'
                   '{"text": "", "label": "spam"}\n'),
])  # fmt: skip
def test_table_is_imported_as_texts(room: Room, name: str, content: str) -> None:
    path = f"/api/import?kind=table&name={name}"
    status, report = room.ask("POST", path, content.encode())
    assert (status, report["classes"]) == (200, {"ham": 2, "spam": 1}), report
    [message] = report["skipped"]
    assert message.startswith("line ")
    assert classes(room) == {"up": (0, 0), "down": (0, 0), "ham": (1, 1), "spam": (1, 0)}
    ids = room.project.ids("train", "ham")
    assert room.ask("POST", "/api/texts", {"ids": ids}) == (200, {"texts": ["hello there"]})
    room.ask("POST", "/api/undo")
    assert classes(room) == {"up": (0, 0), "down": (0, 0)}
    assert not list((room.project.root / ".piecewise").glob("import-*"))


@pytest.mark.parametrize(("name", "content", "words"), [
    ("a.csv", b"", "a.csv"), ("a.csv", b"text,price\nx,1.5\ny,2.5\n", "a.csv"),
    ("a.exe", b"text,label\nx,y\n", "wanted a table"), ("../../a.csv", b"x", "a.csv"),
    ("a.csv", b"\x89PNG\r\n\x1a\n", "a.csv"),
])  # fmt: skip
def test_table_that_is_refused_is_called_by_its_name(
    room: Room, name: str, content: bytes, words: str
) -> None:
    status, answer = room.ask("POST", f"/api/import?kind=table&name={name}", content)
    assert status == 422
    assert words in answer["error"]["message"]
    assert "import-" not in answer["error"]["message"]


def test_import_is_refused_while_another_runs_and_can_be_stopped(room: Room) -> None:
    importing, states = room.session.importing, []

    def work(report: Any) -> Any:
        states.append(importing.state()["state"])
        states.append(room.ask("POST", "/api/import", archive({"up/1.png": picture("up")}))[0])
        assert room.ask("DELETE", "/api/import")[0] == 200
        from piecewise.core.progress import Progress  # noqa: PLC0415

        report(Progress("importing", 1, 2))

    with pytest.raises(Exception, match="stopped; nothing was changed"):
        importing.run(work)
    assert states == ["running", 409]
    assert importing.state()["state"] == "idle"


def test_stop_may_come_before_its_import(room: Room) -> None:
    content = archive({"cat/1.png": picture("up")})
    room.ask("DELETE", "/api/import", {"key": "a"})
    status, answer = room.ask("POST", "/api/import?key=a", content)
    assert (status, answer["error"]["message"]) == (409, "import: stopped; nothing was changed")
    assert "cat" not in classes(room)
    assert room.ask("POST", "/api/import?key=b", content)[0] == 200


@pytest.mark.parametrize(("name", "kind", "labels"), [
    ("letters", "pictures", ["X", "O"]), ("sounds", "sounds", ["rising", "falling"]),
    ("texts", "texts", ["question", "statement"]),
])  # fmt: skip
def test_example_fills_an_empty_project(
    room: Room, name: str, kind: str, labels: list[str]
) -> None:
    status, project = room.ask("POST", "/api/examples", {"name": name})
    assert (status, project["kind"]) == (200, kind)
    assert {one: classes(room)[one] for one in labels} == dict.fromkeys(labels, (EACH, 0))
    sample = room.project.ids("train", labels[0])[0]
    content = room.ask("POST", "/api/content", {"id": sample})[1]
    assert content == room.project.content(sample)
    assert room.ask("POST", "/api/examples", {"name": name})[0] == 409
    room.ask("POST", "/api/undo")
    assert classes(room) == {"up": (0, 0), "down": (0, 0)}


def test_sounds_are_shown_by_their_loudness(room: Room) -> None:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        quiet, loud = np.full(4_000, 300, "<i2"), np.full(4_000, 30_000, "<i2")
        file.writeframes(np.concatenate([quiet, loud]).tobytes())
    sample = room.project.add_file("up", "train", "a.wav", content.getvalue())
    _, sheet = room.ask("POST", "/api/atlas", {"ids": [sample], "side": 64})
    dark = (np.asarray(Image.open(io.BytesIO(sheet)).convert("L")) < 128).sum(axis=0)
    assert dark[:30].max() <= 3
    assert dark[34:].min() > 40


def test_share_of_the_samples_is_kept_for_the_test(room: Room) -> None:
    files = {f"{name}/{number}.png": picture("up", number)
             for name in ("cat", "dog") for number in range(10)}  # fmt: skip
    room.ask("POST", "/api/import?kind=files", pack(files))
    room.ask("POST", "/api/share", {"percent": 20})
    assert classes(room) == {"up": (0, 0), "down": (0, 0), "cat": (8, 2), "dog": (8, 2)}
    first = room.project.ids("test", "cat")
    room.ask("POST", "/api/share", {"percent": 50, "folder": "cat"})
    assert classes(room)["cat"] == (5, 5)
    assert set(first) <= set(room.project.ids("test", "cat"))
    room.ask("POST", "/api/share", {"percent": 0, "folder": "cat"})
    assert classes(room)["cat"] == (10, 0)
    room.ask("POST", "/api/undo")
    assert classes(room)["cat"] == (5, 5)


def bent(name: str, number: int) -> bytes:
    """A drawing that is unlike those of other numbers."""
    end = 90 if name == "up" else 20
    return to_png(checked_drawing([[[15, 20], [20 + 35 * number, 60], [95, end]]], 6))


def test_samples_that_are_alike_are_found_by_a_job(room: Room) -> None:
    files = {f"{name}/{number}.png": bent(name, number)
             for name in ("up", "down") for number in range(3)}  # fmt: skip
    files["down/9.png"] = files["up/0.png"]
    room.ask("POST", "/api/import?kind=files", pack(files))
    _, answer = room.ask("POST", "/api/alike")
    while (job := room.ask("GET", f"/api/jobs/{answer['job']}")[1])["state"] == "running":
        pass
    result = job["result"]
    assert result["compared"] == 7
    assert result["same"]["count"] == 1
    pair = {room.project.content(one) for one in result["same"]["pairs"][0]}
    assert pair == {files["up/0.png"]}
    assert any("another class" in one for one in result["findings"])
