"""Projects of the app: samples, classes, undo, and what readers of folders see."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import piecewise as pw
from piecewise import DataError, LimitError
from piecewise.app.folder_names import can_be_folder
from piecewise.app.project import Project
from piecewise.app.project_files import OWN
from piecewise.app.strokes import Drawing, checked_drawing, draw, from_png, to_png
from piecewise.app.uploads import Upload

from .naughty import naughty

LINE = [[[20, 20], [90, 90]]]
CROSS = [[[20, 20], [90, 90]], [[90, 20], [20, 90]]]


def drawing(strokes: object = LINE) -> Drawing:
    return checked_drawing(strokes, 6)


OPENED: list[Project] = []


@pytest.fixture(autouse=True)
def close_projects() -> Iterator[None]:
    """Close what a test opened."""
    yield
    while OPENED:
        OPENED.pop().close()


def opened(folder: Path) -> Project:
    """The project of a folder, closed at the end of the test."""
    OPENED.append(Project(folder))
    return OPENED[-1]


def project_of(folder: Path, **classes: int) -> Project:
    """A project with drawings: some of every class."""
    project = opened(folder)
    for name, count in classes.items():
        project.add_class(name)
        for number in range(count):
            project.add_drawing(name, "train", drawing([[[20, 20 + number], [90, 90]]]))
    return project


def counts(project: Project) -> dict[str, tuple[int, int]]:
    return {one.name: (one.train, one.test) for one in project.classes()}


def state_of(project: Project) -> object:
    return [*counts(project).items()], project.data_sha256()


def test_drawing_covers_the_pixels_near_its_line() -> None:
    picture = draw(checked_drawing([[[20, 56], [92, 56]]], 10))
    assert picture.shape == (112, 112)
    assert (picture[51:61, 20:92] == 0).all()
    assert (picture[:50] == 255).all()
    assert (picture[62:] == 255).all()


def test_file_of_a_drawing_gives_its_strokes_back() -> None:
    one = checked_drawing(CROSS, 3)
    other = from_png(to_png(one))
    assert other is not None
    assert other.width == 3
    np.testing.assert_array_equal(draw(other), draw(one))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(to_png(one)))), draw(one))
    assert from_png(b"no picture") is None


@pytest.mark.parametrize("strokes", [
    [], {}, None, "x", [[]], [[[1]]], [[[1, "2"]]], [[[1, True]]], [[[float("nan"), 1]]],
    [[[1e9, 1]]], [[[0, 0]]] * 2_000, [[[0, 0]] * 30_000],
])  # fmt: skip
def test_values_that_are_no_strokes_are_refused(strokes: object) -> None:
    with pytest.raises(DataError, match="strokes: "):
        checked_drawing(strokes, 6)
    with pytest.raises(LimitError, match="width: "):
        checked_drawing(LINE, 0)


def test_training_reads_what_the_project_shows(tmp_path: Path) -> None:
    project = project_of(tmp_path, X=3, O=2)
    project.move(project.samples("X", "train").ids[:1], "X", "test")
    assert counts(project) == {"O": (2, 0), "X": (2, 1)}
    data = pw.read_data(tmp_path)
    assert data.classes == ("O", "X")
    assert sorted(data.splits.tolist()) == ["test", *["train"] * 4]


def test_project_is_the_same_after_it_was_closed(tmp_path: Path) -> None:
    project = project_of(tmp_path, X=2, O=1)
    project.set_order(["X", "O"])
    project.rename("My drawings")
    project.set_settings(layers="full", recipe={"epochs": 3})
    project.pin(pw.ImagePreprocessor((1, 28, 28), "light"))
    before = project.classes(), project.data_sha256()
    project.close()
    again = opened(tmp_path)
    assert (again.classes(), again.data_sha256()) == before
    assert again.name == "My drawings"
    assert again.settings == {"layers": "full", "recipe": {"epochs": 3}}
    assert again.preprocessor == pw.ImagePreprocessor((1, 28, 28), "light")
    again.undo()
    assert [one.name for one in again.classes()] == ["O", "X"]
    again.undo()
    assert counts(again) == {"X": (2, 0), "O": (0, 0)}


def test_preprocessor_of_texts_is_pinned(tmp_path: Path) -> None:
    project = opened(tmp_path)
    words = pw.TextPreprocessor("words", ("good", "bad"), 8)
    project.pin(words)
    assert project.preprocessor == words


def test_every_change_undoes_and_redoes(tmp_path: Path) -> None:
    project = project_of(tmp_path, X=3, O=3)
    states = [state_of(project)]
    first = project.samples("X", "train").ids
    for change in (
        lambda: project.remove(first[:2]),
        lambda: project.move(first[2:], "O", "test"),
        lambda: project.move(project.samples("O", "train").ids[:1], None, "test") and None,
        lambda: project.set_order(["X", "O"]),
        lambda: project.rename_class("O", "nought"),
        lambda: project.add_texts("nought", "train", ["never mind"]) and None,
        lambda: project.rename_class("nought", "what: is this?"),
        lambda: project.remove_class("X"),
    ):
        change()
        states.append(state_of(project))
    for state in reversed(states[:-1]):
        project.undo()
        assert state_of(project) == state
    for state in states[1:]:
        project.redo()
        assert state_of(project) == state
    with pytest.raises(DataError, match="nothing to do again"):
        project.redo()


def test_removed_files_are_kept(tmp_path: Path) -> None:
    project = project_of(tmp_path, X=1)
    (sample,) = project.samples("X", "train").ids
    content = project.content(sample)
    project.remove([sample])
    kept = list((tmp_path / OWN / "removed").rglob("*.png"))
    assert [file.read_bytes() for file in kept] == [content]
    assert project.add_drawing("X", "train", drawing()) != sample


@pytest.mark.parametrize("bad", [
    "train/X/../O/0001.png", "train/X/../../secret.png", "/etc/passwd", "train/X/nothing.png",
    "train\\X\\0001.png", "", "train/X", ".piecewise/project.json", None, 7,
])  # fmt: skip
def test_name_that_is_not_in_the_listing_is_refused(bad: object, tmp_path: Path) -> None:
    project = project_of(tmp_path / "p", X=1)
    (tmp_path / "secret.png").write_bytes(b"secret")
    with pytest.raises(DataError, match="sample: there is none"):
        project.content(bad)  # type: ignore[arg-type]
    for part in ("validation", "..", ""):
        with pytest.raises(DataError, match="part: "):
            project.add_drawing("X", part, drawing())


@pytest.mark.parametrize("name", [
    "con", "X/Y", "..", ".hidden", "a\x00b", "x" * 300, "test", "train", "C:", "<b>", "a.", "æøå",
    "日本",
])  # fmt: skip
def test_class_of_any_name_has_a_safe_folder(name: str, tmp_path: Path) -> None:
    project = opened(tmp_path)
    folder = project.add_class(name)
    project.add_drawing(folder, "train", drawing())
    assert [one.name for one in project.classes()] == [name]
    assert folder == (name if can_be_folder(name) else "class1")
    assert (tmp_path / "train" / folder).is_dir()
    project.close()
    assert [one.name for one in opened(tmp_path).classes()] == [name]


def test_naughty_strings_are_names_of_classes_or_refused(tmp_path: Path) -> None:
    project = opened(tmp_path)
    refused, accepted = [], []
    for text in naughty():
        try:
            project.add_class(text)
        except DataError as error:
            refused.append(str(error))
        else:
            accepted.append(text)
    assert all(message.startswith("class: ") for message in refused)
    assert len(accepted) == 100
    outside = [one for one in tmp_path.iterdir() if one.name not in ("train", OWN, "classes.json")]
    assert not outside


def test_two_classes_of_one_name_are_refused(tmp_path: Path) -> None:
    project = project_of(tmp_path, X=1)
    with pytest.raises(DataError, match="one of the name 'X' already"):
        project.add_class(" X ")
    assert project.add_class("x") == "class1"  # on some systems x and X are one folder


def test_file_is_kept_byte_for_byte_and_others_are_refused(tmp_path: Path) -> None:
    project = project_of(tmp_path, X=1)
    picture = io.BytesIO()
    Image.new("RGB", (5, 4), "red").save(picture, "JPEG")
    sample = project.add_file("X", "train", r"C:\my pictures\holiday (1).JPG", picture.getvalue())
    assert sample == "train/X/0002-holiday--1.jpg"
    assert project.content(sample) == picture.getvalue()
    for name, words in (
        ("a.png", "cannot be read"),
        ("a.exe", "no known kind"),
        ("a.txt", "texts"),
    ):
        with pytest.raises(DataError, match=words):
            project.add_file("X", "train", name, b"\xff\xfe")
    assert counts(project) == {"X": (2, 0)}


def test_second_process_is_refused(tmp_path: Path) -> None:
    project = project_of(tmp_path, X=1)
    code = (
        "from piecewise.app.project import Project; from pathlib import Path; "
        f"Project(Path({str(tmp_path)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "open in another piecewise app" in done.stderr
    project.close()
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("renames", range(4))
def test_change_that_was_interrupted_is_whole_at_the_next_start(
    renames: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_of(tmp_path, X=3, O=1)
    ids = project.samples("X", "train").ids
    rename, done = Path.rename, list[Path]()

    def rename_some(path: Path, target: Path) -> Path:
        if len(done) == renames:
            raise KeyboardInterrupt
        done.append(path)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_some)
    if renames < 3:
        with pytest.raises(KeyboardInterrupt):
            project.move(ids, "O", "test")
    else:
        project.move(ids, "O", "test")
        with pytest.raises(KeyboardInterrupt):
            project.undo()
    monkeypatch.undo()
    project.close()
    again = opened(tmp_path)
    moved = {"X": (0, 0), "O": (1, 3)}
    assert counts(again) == (moved if renames < 3 else {"X": (3, 0), "O": (1, 0)})
    (again.undo if renames < 3 else again.redo)()
    assert counts(again) == ({"X": (3, 0), "O": (1, 0)} if renames < 3 else moved)


def test_line_of_the_log_that_was_being_written_is_left_out(tmp_path: Path) -> None:
    project = project_of(tmp_path, X=2)
    project.close()
    with (tmp_path / OWN / "undo.jsonl").open("ab") as file:
        file.write(b'{"sentence": "mo')
    again = opened(tmp_path)
    again.undo()
    again.close()
    assert counts(opened(tmp_path)) == {"X": (1, 0)}


def test_files_that_did_not_enter_the_project_are_deleted_at_the_next_start(
    tmp_path: Path,
) -> None:
    project = project_of(tmp_path, X=1)
    project.write(project.incoming(), "X", "train", [Upload("", ".png", to_png(drawing()))])
    project.close()
    assert counts(opened(tmp_path)) == {"X": (1, 0)}
    assert not (tmp_path / OWN / "incoming").exists()


def test_new_class_is_undone_and_redone(tmp_path: Path) -> None:
    project = project_of(tmp_path, X=1)
    assert project.add_class("a/b") == "class1"
    for _ in range(2):
        project.undo()
        assert counts(project) == {"X": (1, 0)}
        project.redo()
        assert counts(project) == {"X": (1, 0), "a/b": (0, 0)}


def test_removed_files_of_several_starts_do_not_meet(tmp_path: Path) -> None:
    project_of(tmp_path, X=3).close()
    for left in (2, 1, 0):
        project = opened(tmp_path)
        project.remove(project.samples("X", "train").ids[:1])
        assert counts(project) == {"X": (left, 0)}
        project.close()
    again = opened(tmp_path)
    for _ in range(3):
        again.undo()
    assert counts(again) == {"X": (3, 0)}


def test_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_of(tmp_path, X=1)
    before = counts(project), project.data_sha256()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="not saved: No space left"):
        project.add_drawing("X", "train", drawing())
    with pytest.raises(DataError, match="nothing was changed: No space left"):
        project.remove(project.samples("X", "train").ids)
    monkeypatch.undo()
    (tmp_path / "classes.json").mkdir()
    with pytest.raises(DataError, match=r"classes\.json: not saved"):
        project.rename_class("X", "a/b")
    assert (counts(project), project.data_sha256()) == before
    project.undo()
    assert counts(project) == {"X": (0, 0)}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b'{"order": 3, "settings": 4}'])
def test_damaged_files_of_the_app_lose_no_sample(content: bytes, tmp_path: Path) -> None:
    project_of(tmp_path, X=2).close()
    for name in ("project.json", "undo.jsonl"):
        (tmp_path / OWN / name).write_bytes(content)
    project = opened(tmp_path)
    assert counts(project) == {"X": (2, 0)}
    assert project.settings == {}


def test_undo_log_that_leads_out_of_the_project_is_ignored(tmp_path: Path) -> None:
    project_of(tmp_path / "p", X=1).close()
    (tmp_path / "secret").write_text("secret")
    change = {"sentence": "x", "moves": [["../secret", "train/X/0002.txt"]], "names": None}
    log = "\n".join(map(json.dumps, ({"done": 1}, change)))
    (tmp_path / "p" / OWN / "undo.jsonl").write_text(log)
    with pytest.raises(DataError, match="nothing to undo"):
        opened(tmp_path / "p").undo()
    assert (tmp_path / "secret").exists()


def test_folder_of_class_folders_is_a_project_as_it_is(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(to_png(drawing()))
    project = opened(tmp_path)
    assert counts(project) == {"cat": (1, 0), "dog": (1, 0)}
    project.add_drawing("cat", "train", drawing(CROSS))
    assert (tmp_path / "cat" / "0002.png").is_file()
    assert len(pw.read_data(tmp_path)) == 3
