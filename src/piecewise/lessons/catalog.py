"""The lessons of the package, in the order in which they are taught."""

from __future__ import annotations

from pathlib import Path

from .lesson_file import LessonPage, read_lesson

LESSONS = ("literal", "features", "filtering", "maps", "pooling", "relu", "stacking", "votes",
           "errors", "learning", "knobs", "beyond", "swap")  # fmt: skip
AFTERWARDS = ("swap",)
"""Lessons that need another one at school, or a partner at home."""
FOLDER = Path(__file__).parent / "en"


def lesson_files() -> list[Path]:
    """The files of all lessons, in order."""
    return [FOLDER / f"{name}.md" for name in LESSONS]


def lesson(name: str) -> LessonPage:
    """A lesson of the package by its name."""
    return read_lesson(FOLDER / f"{name}.md")
