"""The app is killed while it saves: what it had said to be saved is there afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from piecewise.app.project import Project
from piecewise.app.project_files import OWN
from piecewise.app.strokes import to_png

from .app_room import line

SAVING = """
import sys
from pathlib import Path
from piecewise.app.project import Project
from piecewise.app.strokes import checked_drawing

project, number = Project(Path(sys.argv[1])), 0
while True:
    number += 1
    stroke = [[[number % 112, number // 112], [90, 90]]]
    name = "up" if number % 3 else "down"
    sample = project.add_drawing(name, "train", checked_drawing(stroke, 6))
    print(number, flush=True)
    if number % 4 == 0:
        [sample] = project.move([sample], "down", "test")
    if number % 7 == 0:
        project.rename_class("left" if number % 2 else "right", "right" if number % 2 else "left")
    if number % 5 == 0:
        project.remove([sample])
        project.undo()
    project.set_settings(recipe={"epochs": number})
"""
"""Adds, moves, removes and renames for ever; prints the number of each drawing that is saved."""


@pytest.mark.parametrize("point", range(20))
def test_killed_app_has_everything_that_was_saved(point: int, tmp_path: Path) -> None:
    from piecewise.app.strokes import checked_drawing  # noqa: PLC0415

    project = Project(tmp_path)
    for name in ("up", "down", "left"):
        project.add_class(name)
    project.add_drawing("left", "train", checked_drawing(line("up"), 6))
    project.close()
    process = subprocess.Popen(
        [sys.executable, "-c", SAVING, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    saved = 0
    for answer in process.stdout:
        saved = int(answer)
        if saved == 3 + 2 * point:
            break
    process.kill()
    process.wait()
    process.stdout.close()

    contents = {file.read_bytes() for file in tmp_path.rglob("*.png")}
    for number in range(1, saved + 1):
        stroke = [[[number % 112, number // 112], [90, 90]]]
        assert to_png(checked_drawing(stroke, 6)) in contents, number
    again = Project(tmp_path)
    try:
        listed = [one for part in ("train", "test") for one in again.labelled(part)[0]]
        in_listing = {again.content(one) for one in listed}
        assert len(in_listing) >= saved  # at most the one that is being moved is in the bin
        assert {one.name for one in again.classes()} in ({"up", "down", "left"},
                                                         {"up", "down", "right"})  # fmt: skip
        assert not list(tmp_path.glob(f"{OWN}/*.tmp"))
        again.add_drawing("up", "train", checked_drawing(line("down"), 6))
        again.undo()
        assert sorted(again.labelled("train")[0] + again.labelled("test")[0]) == sorted(listed)
    finally:
        again.close()
