"""`piecewise tour`."""

from __future__ import annotations

import sys

import rich_click as click

from ..tour.chapters import CHAPTERS, Chapter
from ..tour.facts import Facts
from .output import data, json_option, print_json, show

NAMES = [chapter.name for chapter in CHAPTERS]


@click.command(name="tour")
@click.option(
    "--chapter",
    type=click.Choice([*NAMES, *(str(number) for number in range(1, len(NAMES) + 1))]),
    metavar="NAME",
    help=f"Only this chapter, by name or number: {', '.join(NAMES)}.",
)
@click.option("--plain", is_flag=True, help="No colours and no waiting between chapters.")
@json_option(click)
def command(chapter: str | None, plain: bool, as_json: bool) -> None:
    """Walk through the deck: from pixels to votes to learning, each number computed on the spot.

    On a terminal it waits for Enter after each chapter.
    """
    if as_json and chapter:
        raise click.UsageError("--json tells all chapters at once; leave out --chapter")
    facts = Facts()
    if as_json:
        print_json(facts.to_json())
        return
    console = data(plain)
    chosen = [_chapter(chapter)] if chapter else list(CHAPTERS)
    waits = len(chosen) > 1 and not plain and sys.stdin.isatty() and console.is_terminal
    for place, one in enumerate(chosen):
        number = CHAPTERS.index(one) + 1
        console.rule(f"{number}  {one.title}", characters="-" if plain else "─")
        console.print()
        for block in one.show(facts):
            show(console, block)
        if waits and place + 1 < len(chosen) and not _goes_on():
            return


def _chapter(name: str) -> Chapter:
    index = int(name) - 1 if name.isdecimal() else NAMES.index(name)
    return CHAPTERS[index]


def _goes_on() -> bool:
    """Whether the reader wants the next chapter."""
    try:
        return not input("Enter goes on, q ends: ").strip().lower().startswith("q")
    except EOFError:
        print(file=sys.stderr)  # noqa: T201
        return False
