"""Faults for tests of the checker: changes of a lesson by which a number or a picture goes wrong.

Each function yields the changed lines of a lesson, one change at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from piecewise.lessons.deck_quantities import Deck
from piecewise.lessons.learner import Learner
from piecewise.lessons.lesson_file import LessonPage, parse_lesson
from piecewise.lessons.page_values import PageValues
from piecewise.lessons.quantities import Context
from piecewise.lessons.references import LessonError, read_reference

Change = tuple[int, str]
"""The number of a line, from 0, and what takes its place."""
_CLAIM = re.compile(r"(?P<number>\d[\d.]*)(?=\{=)")
_ARGUMENT = re.compile(r"(own|class|cell|map|deck\.match|why|product|weight)\([^()]*\b\d\)")
_VALUE = re.compile(r"\{\{(?P<path>[^{}]*)\}\}")


def wrong_digits(lines: Sequence[str]) -> Iterator[Change]:
    """A claim with another digit."""
    for at, line in enumerate(lines):
        for found in _CLAIM.finditer(line):
            digit = found.end() - 1
            yield at, f"{line[:digit]}{(int(line[digit]) + 1) % 10}{line[digit + 1 :]}"


def wrong_signs(lines: Sequence[str]) -> Iterator[Change]:
    """A claim with another sign."""
    for at, line in enumerate(lines):
        for found in _CLAIM.finditer(line):
            begin = found.start()
            if line[begin - 1 : begin] == "-":
                yield at, line[: begin - 1] + line[begin:]
            elif float(found["number"]):
                yield at, f"{line[:begin]}-{line[begin:]}"


def damaged_pictures(lines: Sequence[str]) -> Iterator[Change]:
    """A pixel or a value of a table that is something else."""
    is_table = False
    for at, line in enumerate(lines):
        if line.startswith("```"):
            is_table = not is_table
        elif is_table and len(cells := line.split()) != 8:  # those of the deck are faults already
            for column, cell in enumerate(cells):
                other = "1" if cell != "1" else "-1"
                yield at, " ".join([*cells[:column], other, *cells[column + 1 :]])


def short_pictures(lines: Sequence[str]) -> Iterator[Change]:
    """A row of a table that lost a cell."""
    for at, line in damaged_pictures(lines):
        yield at, line.rsplit(" ", 1)[0]


def unknown_references(lines: Sequence[str]) -> Iterator[Change]:
    """A reference with a name that is in no table."""
    for at, line in enumerate(lines):
        for found in re.finditer(r"(?:\{\{|\{=|\{slip:|^bind: \w+ =) *([a-z_]+)", line):
            end = found.end(1)
            yield at, f"{line[:end]}_s{line[end:]}"


def wrong_arguments(lines: Sequence[str]) -> Iterator[Change]:
    """A reference with a number far beyond what there is."""
    for at, line in enumerate(lines):
        for found in _ARGUMENT.finditer(line):
            yield at, f"{line[: found.end() - 2]}999{line[found.end() - 1 :]}"


def typed_numbers(lines: Sequence[str]) -> Iterator[Change]:
    """A number that somebody typed into the text."""
    is_prose, ended = False, 0
    for at, line in enumerate(lines):
        ended += line == "---"
        if line.startswith(("#", ":::", "```")) or ended < 2:
            is_prose = line.startswith(":::")
        elif is_prose and line[:1].isalpha():
            yield at, f"Of 7341, {line}"


def stale_claims(page: LessonPage, lines: Sequence[str], before: Learner,
                 now: Learner) -> Iterator[Change]:  # fmt: skip
    """The printed value of another learner, in place of a reference."""
    old, new = (PageValues(Context(one, Deck())) for one in (before, now))
    for binding in page.bindings:
        old.bind(binding)
        new.bind(binding)
    for at, line in enumerate(lines):
        for found in _VALUE.finditer(line):
            if "of=" in line:
                continue
            reference = read_reference(found["path"])
            try:
                stale, value = old.printed(reference), new.printed(reference)
            except LessonError:
                continue
            if stale != value:
                claim = f"{stale}{{={found['path']}}}"
                yield at, f"{line[: found.start()]}{claim}{line[found.end() :]}"


KINDS: dict[str, Callable[[Sequence[str]], Iterator[Change]]] = {
    one.__name__: one
    for one in (wrong_digits, wrong_signs, damaged_pictures, short_pictures, unknown_references,
                wrong_arguments, typed_numbers)
}  # fmt: skip


def changed(text: str, change: Change) -> LessonPage:
    """A lesson with one change."""
    lines = text.split("\n")
    lines[change[0]] = change[1]
    return parse_lesson("\n".join(lines), "a.md")
