"""`piecewise tour`."""

from __future__ import annotations

import sys

import rich_click as click

from ..lessons.deck_facts import Facts
from ..tour.chapters import CHAPTERS, Chapter
from .options import OUTPUT, choice_option, json_option
from .output import activation_hint, messages, print_json, print_message, results, show

NAMES = [chapter.name for chapter in CHAPTERS]


@click.command(name="tour")
@choice_option(
    "--chapter",
    words=[*NAMES, *(str(number) for number in range(1, len(NAMES) + 1))],
    panel=OUTPUT,
    unset="all chapters",
    help=f"Print one chapter, by name or by number from 1 to {len(NAMES)}: {', '.join(NAMES)}.",
)
@click.option(
    "--plain", is_flag=True, panel=OUTPUT, help="Print without colours and without pauses."
)
@json_option
def command(chapter: str | None, plain: bool, as_json: bool) -> None:
    """Walk through the deck (the slides "A toy ConvNet: X's and O's"), from pixels to votes to
    learning.

    All numbers are computed anew. On a terminal, the tour waits for Enter after each chapter.
    """
    if as_json and chapter:
        raise click.UsageError("--json prints all chapters; leave out --chapter")
    facts = Facts()
    if as_json:
        print_json(facts.to_json())
        return
    console = results(plain)
    chosen = [_chapter(chapter)] if chapter else list(CHAPTERS)
    waits = len(chosen) > 1 and not plain and sys.stdin.isatty() and console.is_terminal
    for index, each in enumerate(chosen):
        number = CHAPTERS.index(each) + 1
        console.rule(f"{number}  {each.title}", characters="-" if plain else "─")
        console.print()
        for block in each.show(facts):
            show(console, block)
        if waits and index + 1 < len(chosen) and not _reader_continues():
            break
    if hint := activation_hint():
        print_message(messages(), hint)


def _chapter(name: str) -> Chapter:
    return CHAPTERS[int(name) - 1 if name.isdecimal() else NAMES.index(name)]


def _reader_continues() -> bool:
    """Whether the reader wants the next chapter."""
    try:
        return not input("Enter: next chapter, q: quit: ").strip().lower().startswith("q")
    except EOFError:
        print(file=sys.stderr)  # noqa: T201
        return False
