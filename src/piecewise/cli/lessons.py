"""`piecewise lessons`."""

from __future__ import annotations

from pathlib import Path

import rich_click as click
from click.exceptions import Exit

from ..core.constraints import Integer
from ..lessons.catalog import lesson_files
from ..lessons.checker import SEEDS, check_lessons
from ..lessons.learner import Learner, generated_learner, load_own_net, project_learner
from ..lessons.lesson_file import Fault, LessonPage, read_lesson
from .options import DATA, OUTPUT, constrained_option, json_option, option
from .output import counted, messages, print_json, print_message, printable, results

GENERATED = 3
"""Learners whose drawings are generated."""


@click.command(name="lessons")
@click.argument("action", metavar="ACTION", type=click.Choice(["check"]))
@click.argument("files", metavar="[FILES]...", nargs=-1)
@option(
    "--project",
    metavar="FOLDER",
    panel=DATA,
    unset="generated drawings",
    help="Compute the numbers with the pictures of this data set, such as a folder of the app.",
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
    panel=OUTPUT,
    help="Draw so many questions for each check ({range}).",
)
@json_option
def command(
    action: str,
    files: tuple[str, ...],
    project: str | None,
    net_file: str | None,
    seeds: int,
    as_json: bool,
) -> None:
    """Check lessons: `piecewise lessons check`.

    FILES are lessons, by default those of the package; docs/lessons.md describes them. A lesson is
    wrong if a number in it is neither computed nor declared, if a claim is not true, or if a part
    of it is missing. Every fault is printed with its file and line; if there is one, the exit
    status is 1.
    """
    pages = [read_lesson(Path(file)) for file in files or map(str, lesson_files())]
    faults = check_lessons(pages, _learners(project, net_file), seeds)
    if as_json:
        print_json({
            "lessons": len(pages),
            "minutes": _minutes(pages),
            "faults": [fault._asdict() for fault in faults],
        })  # fmt: skip
    else:
        _print(faults, pages)
    if faults:
        raise Exit(1)


def _learners(project: str | None, net_file: str | None) -> list[Learner]:
    net = load_own_net(Path(net_file)) if net_file else None
    if project is not None:
        return [project_learner(Path(project), net)]
    return [generated_learner(seed, net) for seed in range(1 if net else GENERATED)]


def _minutes(pages: list[LessonPage]) -> int:
    return sum(
        int(minutes) for page in pages if (minutes := page.head.get("minutes", "")).isdecimal()
    )


def _print(faults: list[Fault], pages: list[LessonPage]) -> None:
    console = results()
    for fault in faults:
        console.print(printable(str(fault)), soft_wrap=True)
    found = counted(len(faults), "fault") if faults else "no faults"
    print_message(
        messages(),
        f"{counted(len(pages), 'lesson')}, {counted(_minutes(pages), 'minute')}: {found}",
    )
