"""`piecewise lessons`."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import Any

import rich_click as click
from click.exceptions import Exit

from ..core.constraints import SEED, Integer
from ..core.errors import DataError
from ..lessons.answer_key import KeyRow, answer_key
from ..lessons.catalog import AFTERWARDS, lesson_files
from ..lessons.checker import SEEDS, check_lessons
from ..lessons.learner import DRAWINGS, Learner, generated_learner, load_own_net, project_learner
from ..lessons.lesson_file import Fault, LessonPage, read_lesson
from ..lessons.seat_swap import SwapRow, swap_row, swapped_seats
from ..lessons.seats import SEAT_GROUPS, seat_names
from ..lessons.stopwatch import MOST_MINUTES, WORDS_A_MINUTE, page_time
from ..lessons.teacher_sheet import teacher_sheet
from ..page.assemble import is_ours
from .options import DATA, constrained_option, json_option, option, output_option
from .output import counted, messages, print_json, print_message, print_skipped, printable, results
from .output_files import check_output, write_page

GENERATED = 3
"""Learners whose drawings are generated, for `check`."""
GENERATED_SEAT = "generated"
"""The name of the seat in the key if none is given."""


ACTIONS = ("check", "key", "sheet", "pool", "seat", "swap", "minutes")
_WRITING = ("sheet", "pool", "seat")


@dataclass(frozen=True)
class LessonOptions:
    """The arguments and options of the command."""

    action: str
    files: tuple[str, ...]
    project: str | None
    net_file: str | None
    seeds: int
    seed: int
    output: str | None
    as_json: bool

    def check(self) -> None:
        """UsageError if an option has no effect on the action, or is missing."""
        if self.action != "check" and (self.project or self.net_file or self.as_json):
            raise click.UsageError("--project, --net and --json belong to lessons check")
        if self.action in _WRITING and self.output is None:
            raise click.UsageError(f"lessons {self.action} needs --output")
        if self.action not in _WRITING and self.output is not None:
            raise click.UsageError(f"--output belongs to lessons {', '.join(_WRITING)}")
        if self.action in ("sheet", "seat", "minutes") and self.files:
            raise click.UsageError(f"lessons {self.action} takes no files")
        if self.action in ("pool", "swap") and len(self.files) < 2:
            raise click.UsageError(f"lessons {self.action} needs two seats or more")

    @property
    def target(self) -> Path:
        """The file or folder that is written."""
        return Path(self.output or "")


@click.command(name="lessons")
@click.argument("action", metavar="ACTION", type=click.Choice(ACTIONS))
@click.argument("files", metavar="[FILES]...", nargs=-1)
@option(
    "--project",
    metavar="FOLDER",
    panel=DATA,
    unset="generated drawings",
    help="Compute the numbers with the drawings, sounds or texts of this data set, such as a "
    "folder of the app.",
)
@option(
    "--net",
    "net_file",
    metavar="NET",
    panel=DATA,
    unset="a net that is trained on generated drawings",
    help="The learner's net.",
)
@constrained_option(
    "--seeds",
    constraint=Integer(1, 1_000),
    default=SEEDS,
    panel=DATA,
    help="Number of questions of each check to test ({range}).",
)
@constrained_option(
    "--seed",
    constraint=SEED,
    default=0,
    panel=DATA,
    help="Seed of the questions of a school class, or of generated drawings ({range}).",
)
@output_option("The file of the sheet, or a new folder for the project.", metavar="HTML|FOLDER")
@json_option
def command(**values: Any) -> None:
    """Check lessons; make the answer key, the teacher's sheet or the pooled data of a school class.

    `lessons check [FILES]` checks lessons, by default those of the package. A lesson is wrong if a
    number in it is neither computed nor declared, if a claim is not true, or if a part of it is
    missing. Every fault is printed with its file and line; if there is one, the exit status is 1.

    `lessons key [SEAT]...` prints, as CSV, the questions and answers of every seat. A seat is a
    data set, such as a folder of the app, or the archive in which the app saves it.

    `lessons sheet -o sheet.html` writes a page to print, with the plan of all lessons.

    `lessons pool SEAT... -o FOLDER` makes one project of the samples of many seats. The seat is in
    the name of each file, so that `piecewise train` can score a net on people it never met.

    `lessons seat -o FOLDER` makes a project with ten generated drawings, for somebody who cannot
    draw.

    `lessons swap SEAT...` prints, as CSV, how the small net of every seat names the drawings of the
    next seat, and how many correctly after each of two repairs.

    `lessons minutes` prints the number of words and the time of every page. If they take more than
    45 minutes in all, without the pages that are for another lesson, the exit status is 1.
    """
    options = LessonOptions(**values)
    options.check()
    _ACTIONS[options.action](options)


def _check(options: LessonOptions) -> None:
    pages = [read_lesson(Path(file)) for file in options.files or map(str, lesson_files())]
    faults = check_lessons(pages, _learners(options), options.seeds)
    if options.as_json:
        print_json(
            {
                "lessons": len(pages),
                "minutes": _minutes(pages),
                "faults": [fault._asdict() for fault in faults],
            }
        )
    else:
        _print(faults, pages)
    if faults:
        raise Exit(1)


def _learners(options: LessonOptions) -> list[Learner]:
    net = load_own_net(Path(options.net_file)) if options.net_file else None
    if options.project is not None:
        return [project_learner(Path(options.project), net)]
    return [generated_learner(seed, net) for seed in range(1 if net else GENERATED)]


def _minutes(pages: list[LessonPage]) -> int:
    minutes = (page.head.get("minutes", "") for page in pages)
    return sum(int(one) for one in minutes if one.isdecimal())


def _print(faults: list[Fault], pages: list[LessonPage]) -> None:
    console = results()
    for fault in faults:
        console.print(printable(str(fault)), soft_wrap=True)
    found = counted(len(faults), "fault") if faults else "no faults"
    lessons, minutes = counted(len(pages), "lesson"), counted(_minutes(pages), "minute")
    print_message(messages(), f"{lessons}, {minutes}: {found}")


def _key(options: LessonOptions) -> None:
    pages = _own_pages()
    names = seat_names(options.files) or [GENERATED_SEAT]
    seats = [project_learner(Path(file)) for file in options.files] or [generated_learner()]
    keys = (answer_key(pages, name, seat, options.seed)
            for name, seat in zip(names, seats, strict=True))  # fmt: skip
    _print_table(KeyRow._fields, chain.from_iterable(keys))


def _swap(options: LessonOptions) -> None:
    names = seat_names(options.files)
    swaps = [
        swap_row(name, swapped_seats(Path(file), Path(other), partner))
        for name, file, other, partner in zip(
            names, options.files, _turned(options.files), _turned(names), strict=True
        )
    ]
    _print_table(SwapRow._fields, swaps)


def _turned(names: Sequence[str]) -> list[str]:
    """The next of each name; after the last one comes the first."""
    return [*names[1:], names[0]]


def _print_table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table as CSV, once all of it is computed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    sys.stdout.write(text.getvalue())


def _sheet(options: LessonOptions) -> None:
    check_output(options.output, ".html", is_ours)
    learners = [generated_learner(seed) for seed in (options.seed, 1, 2, 3)]
    page = teacher_sheet(_own_pages(), learners)
    write_page(str(options.target), page)


def _pool(options: LessonOptions) -> None:
    from ..app.pooling import pool_seats  # noqa: PLC0415 - the other actions need no project

    report = pool_seats(options.target, [Path(file) for file in options.files])
    for seat, counts in report.seats.items():
        samples = ", ".join(f"{count} {label}" for label, count in counts.items())
        results().print(printable(f"{seat}: {samples}"), soft_wrap=True)
    print_skipped(report.skipped, messages())
    print_message(messages(), f"wrote {options.target}; a score on people that it never met:")
    advice = f"piecewise train {quote(str(options.target))} --groups '{SEAT_GROUPS}' --folds groups"
    print_message(messages(), f"{advice} -o class.safetensors")


def _seat(options: LessonOptions) -> None:
    from ..app.pooling import fill_seat  # noqa: PLC0415

    fill_seat(options.target, DRAWINGS // 2, options.seed)
    print_message(messages(), f"wrote {options.target}: {DRAWINGS} generated drawings")
    print_message(messages(), f"piecewise app {quote(str(options.target))}")


def _own_pages() -> list[LessonPage]:
    pages = [read_lesson(file) for file in lesson_files()]
    for page in pages:
        if page.faults:
            raise DataError(str(page.faults[0]))
    return pages


def _minutes_of_pages(options: LessonOptions) -> None:
    learner = generated_learner(options.seed)
    pages = _own_pages()
    times = [page_time(page, learner) for page in pages]
    for page, one in zip(pages, times, strict=True):
        reading = one.words / WORDS_A_MINUTE
        results().print(f"{one.lesson:10}{one.words:4} words {reading:4.1f} min + steps "
                        f"{one.step_seconds / 60:.1f} min = {one.minutes:.1f} min, "
                        f"planned {page.head['minutes']}")  # fmt: skip
    total = sum(one.minutes for one in times if one.lesson not in AFTERWARDS)
    later = sum(one.minutes for one in times) - total
    print_message(messages(), f"{total:.1f} of {MOST_MINUTES} minutes, and {later:.1f} later")
    if total > MOST_MINUTES:
        raise Exit(1)


_ACTIONS = dict(
    zip(ACTIONS, (_check, _key, _sheet, _pool, _seat, _swap, _minutes_of_pages), strict=True)
)
