"""Every kind of write of the app, ended by a kill before a call of the system, or by a full disk.

Each case runs in a process of its own, which is forked. Afterwards the project is as it was before,
or as it should be, and no byte of a sample is lost.
"""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from piecewise import Network, PiecewiseError
from piecewise.app.attempts import Attempt, Attempts
from piecewise.app.imports import import_data
from piecewise.app.project import Project
from piecewise.app.security import Gate
from piecewise.app.strokes import checked_drawing, to_png

from .app_room import line

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")

KILLED, REFUSED, DONE, CRASHED = 90, 91, 92, 93
CALLS = ("fsync", "rename", "replace", "mkdir", "truncate", "unlink", "link")
"""The calls that change a folder, or make a change last."""
Act = Callable[[Project, Path], Any]


def drawing(number: int) -> Any:
    return checked_drawing(line("up" if number % 2 else "down", number), 6)


def attempt(root: Path, seed: int) -> None:
    net = Network("full", (1, 8, 8), ["up", "down"], seed)
    made = Attempt(0, net.notation, {}, "", net.parameters_sha256, "sketch", 5, 0.1)
    Attempts(root).add(made, net)


def write_archive(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(3):
            archive.writestr(f"up/{number}.png", to_png(drawing(number + 30)))
            archive.writestr(f"new: {number}/{number}.png", to_png(drawing(number + 40)))


ACTS: dict[str, Act] = {
    "drawing": lambda project, root: project.add_drawing("up", "train", drawing(9)),
    "file": lambda project, root: project.add_file("up", "test", "x.png", to_png(drawing(8))),
    "move": lambda project, root: project.move(ids(project)[:2], "down", "test"),
    "remove": lambda project, root: project.remove(ids(project)[:3]),
    "class": lambda project, root: project.add_class("left"),
    "class of a strange name": lambda project, root: project.add_class("a/b: 1"),
    "rename": lambda project, root: project.rename_class("up", "upwards"),
    "strange rename": lambda project, root: project.rename_class("up", "up?"),
    "remove class": lambda project, root: project.remove_class("up"),
    "merge": lambda project, root: project.merge("up", "down"),
    "order": lambda project, root: project.set_order(["up", "down"]),
    "undo": lambda project, root: project.undo(),
    "redo": lambda project, root: project.redo(),
    "knobs": lambda project, root: project.set_settings(recipe={"epochs": 9}),
    "attempt": lambda project, root: attempt(root, 2),
    "note": lambda project, root: Attempts(root).change(1, note="x"),
    "key": lambda project, root: Gate(root, 1),
    "import": lambda project, root: import_data(project, root.parent / "archive.zip"),
}


def ids(project: Project) -> list[str]:
    return [one for part in ("train", "test") for one in project.labelled(part)[0]]


def made(root: Path) -> Path:
    """A project in which something can be undone and something done again."""
    project = Project(root)
    for name in ("up", "down"):
        project.add_class(name)
        for number in range(3):
            project.add_drawing(name, "train", drawing(number))
    project.add_drawing("up", "test", drawing(5))
    project.move(ids(project)[:1], "down", "train")
    project.remove(ids(project)[1:2])
    project.undo()
    attempt(root, 1)
    project.close()
    write_archive(root.parent / "archive.zip")
    return root


def state(root: Path) -> tuple[Any, ...]:
    """What a person sees of a project."""
    project = Project(root)
    try:
        contents = [(one, project.content(one)) for one in ids(project)]
        numbers = [(one.number, one.note) for one in Attempts(root).list()]
        for number, _ in numbers:
            Attempts(root).net(number)
        classes = [(one.folder, one.name) for one in project.classes()]
        return classes, contents, project.settings, numbers
    finally:
        project.close()


def bytes_of(root: Path) -> set[bytes]:
    """All drawings of a folder, those that wait among the removed ones, too."""
    return {file.read_bytes() for file in root.rglob("*.png")}


def in_fork(act: Act, root: Path, prepare: Callable[[], None]) -> int:
    """How an action ended in a process of its own."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = CRASHED
    try:
        project = Project(root)
        prepare()
        act(project, root)
        status = DONE
    except PiecewiseError:
        status = REFUSED
    finally:
        os._exit(status)


def kill_before(number: int) -> None:
    """End the process before the call of this number."""
    left = [number]

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*values: Any, **named: Any) -> Any:
            if not left[0]:
                os._exit(KILLED)
            left[0] -= 1
            return call(*values, **named)

        return instead

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))


LONG = pytest.param("import", marks=pytest.mark.long)
"""It makes hundreds of calls."""


@pytest.mark.parametrize("name", [LONG if name == "import" else name for name in ACTS])
def test_killed_write_is_whole_or_not_at_all(name: str, tmp_path: Path) -> None:
    root = made(tmp_path / "made")
    before, kept = state(root), bytes_of(root)
    ended = tmp_path / "ended"
    shutil.copytree(root, ended)
    assert in_fork(ACTS[name], ended, lambda: None) == DONE
    after = state(ended)
    for number in range(200):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(root, copy)
        status = in_fork(ACTS[name], copy, lambda: kill_before(number))  # noqa: B023
        found = state(copy)
        assert found in (before, after), (number, status)
        assert kept <= bytes_of(copy), number
        assert not list(copy.rglob("*.tmp")), number
        shutil.rmtree(copy)
        if status == DONE:
            assert number or name == "key"
            return
        assert status == KILLED, number
    raise AssertionError("the action never ends")


def no_space() -> None:
    """Let every write of a file fail, as on a full disk."""
    import resource  # noqa: PLC0415 - not on Windows

    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@pytest.mark.parametrize("name", ACTS)
def test_write_on_a_full_disk_is_refused_and_changes_nothing(name: str, tmp_path: Path) -> None:
    root = made(tmp_path / "made")
    before = state(root)
    assert in_fork(ACTS[name], root, no_space) in (REFUSED, DONE)
    assert state(root) == before
    assert not list(root.rglob("*.tmp"))


def test_project_on_a_full_disk_is_opened_or_refused(tmp_path: Path) -> None:
    for root in (made(tmp_path / "made"), tmp_path / "new"):

        def act(project: Project, root: Path) -> None:
            project.close()
            Project(root).close()

        assert in_fork(act, root, no_space) in (REFUSED, DONE)
