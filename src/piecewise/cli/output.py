"""Where output goes: data to standard output, words and progress to standard error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType

WIDTH = 80


def words() -> Console:
    """The console for words: standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def data(plain: bool = False) -> Console:
    """The console for what was asked for: standard output, at most 80 columns wide."""
    if plain:
        return Console(color_system=None, highlight=False, markup=False, width=WIDTH, emoji=False)
    console = Console(highlight=False, markup=False, emoji=False)
    console.width = min(console.width, WIDTH)
    return console


def show(console: Console, block: RenderableType) -> None:
    """Print a block without the spaces that would fill its lines up."""
    with console.capture() as captured:
        console.print(block)
    lines = captured.get().split("\n")
    console.file.write("\n".join(line.rstrip(" ") for line in lines))


def printable(text: str) -> str:
    """A name as a terminal may see it: a question mark for whatever is no printable character."""
    return "".join(mark if mark.isprintable() else "?" for mark in text)


def print_json(value: Any) -> None:
    """A value as JSON on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


class Meter:
    """How far long work has come: a line that renews itself on a terminal, else nothing."""

    def __init__(self, title: str, console: Console) -> None:
        self.title, self.console = title, console
        self.started = time.monotonic()
        self.shown = 0.0

    def __call__(self, done: int, of: int, note: str = "") -> None:
        """Show that ``done`` of ``of`` parts are done."""
        now = time.monotonic()
        if not self.console.is_terminal or (now - self.shown < 0.1 and done < of):
            return
        self.shown = now
        left = (now - self.started) * (of - done) / max(1, done)
        filled = round(24 * done / max(1, of))
        bar = "#" * filled + "-" * (24 - filled)
        line = f"{self.title} [{bar}] {100 * done // max(1, of)} %, {_span(left)} left{note}"
        self._write("\r" + line[: self.console.width - 1].ljust(self.console.width - 1))

    def clear(self) -> None:
        """Take the line away."""
        if self.console.is_terminal and self.shown:
            self._write("\r" + " " * (self.console.width - 1) + "\r")

    def _write(self, text: str) -> None:
        self.console.file.write(text)
        self.console.file.flush()


@contextmanager
def meter(title: str, console: Console) -> Iterator[Meter]:
    """A meter that is taken away at the end, however the work ends."""
    made = Meter(title, console)
    try:
        yield made
    finally:
        made.clear()


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def json_option(click: Any) -> Callable[[Any], Any]:
    """The option that every command has."""
    option: Callable[[Any], Any] = click.option(
        "--json", "as_json", is_flag=True, help="Print plain values as JSON instead of words."
    )
    return option
